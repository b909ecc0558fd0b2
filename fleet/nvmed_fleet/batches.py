"""Kinds of work that are done to many hosts in no order, and what a batch has to know of each. Knows no engine."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import msgspec

from nvmed_fleet import places, rotation, sweep
from nvmed_fleet.places import Place
from nvmed_fleet.rotation import RotationPlan
from nvmed_fleet.store import Store
from nvmed_fleet.sweep import SweepPlan

WORKS_MAX = 8
"""Plans that a worker keeps decoded."""


@dataclass(frozen=True, slots=True)
class Did:
    """What came of an item."""

    verdict: str
    is_good: bool
    reason: str = ""
    message: str = ""


class Work(Protocol):
    """A plan that is carried out item by item; any of it may be done again, by another worker too."""

    @property
    def items(self) -> Sequence[tuple[str, str]]:
        """(name, failure domain) of each item."""

    @property
    def in_flight(self) -> int:
        """How many at once."""

    @property
    def failure_budget(self) -> int:
        """How many may fail before no other begins; 0 for any number."""

    async def do(self, item: str) -> Did:
        """One item; what a host answers is no error of this."""

    async def finish(self) -> str:
        """What is to be done at the end; says for people what came of it all."""


@dataclass(frozen=True)
class Sweep:
    """Logs of drives, into a place."""

    plan: SweepPlan
    failure_budget: int = 0

    @cached_property
    def items(self) -> Sequence[tuple[str, str]]:
        return [(name, name) for name in sorted(self.plan.hosts)]

    @property
    def in_flight(self) -> int:
        return self.plan.options.in_flight

    async def do(self, item: str) -> Did:
        found = await sweep.collect(self.plan, item, self._place)
        return Did(found.outcome, found.outcome == "stored", found.reason, found.message)

    async def finish(self) -> str:
        counts = await sweep.finish(self.plan, self._place)
        return ", ".join(f"{count} {outcome}" for outcome, count in sorted(counts.items()))

    @cached_property
    def _place(self) -> Place:
        return places.opened(self.plan.into)


@dataclass(frozen=True)
class Rotation:
    """Keys of connections, at both ends. A host is its own failure domain: its connections are moved one by one."""

    plan: RotationPlan

    @cached_property
    def items(self) -> Sequence[tuple[str, str]]:
        return [(name, pair.host) for name, pair in sorted(self.plan.pairs.items())]

    @property
    def in_flight(self) -> int:
        return self.plan.options.in_flight

    @property
    def failure_budget(self) -> int:
        return self.plan.options.failure_budget

    async def do(self, item: str) -> Did:
        found = await rotation.rotate(self.plan, item)
        return Did(found.verdict, found.verdict == "done", found.reason, found.message)

    async def finish(self) -> str:
        return ""


def _rotation(content: bytes, store: Store) -> Work:
    return Rotation(msgspec.json.decode(content, type=RotationPlan))


def _sweep(content: bytes, store: Store) -> Work:
    return Sweep(msgspec.json.decode(content, type=SweepPlan))


_KINDS: Mapping[str, Callable[[bytes, Store], Work]] = {"sweep": _sweep, "rotation": _rotation}


def opened(kind: str, plan: bytes, store: Store) -> Work:
    """The work of a plan, as the store has it."""
    return _KINDS[kind](plan, store)
