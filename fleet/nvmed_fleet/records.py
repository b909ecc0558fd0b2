"""What was done to a host: kept in the store, host by host, so that reports need no engine."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

Verdict = Literal["done", "current", "pending", "failed", "unreachable", "uncertain", "untouched"]
"""`current`: it was so already; `pending`: done at the next reset or reboot; `untouched`: one before it failed."""

GOOD: frozenset[Verdict] = frozenset({"done", "current", "pending"})

PHASES = ("stage", "drain", "activate", "verify", "rollback", "undrain", "soak")
"""In the order in which a host goes through them."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One operation that a daemon was asked for. `settled`: what it came to was found out by asking the drive."""

    step: str
    request_id: str
    operation: str = ""
    begun: str = ""
    ended: str = ""
    reason: str = ""
    message: str = ""
    settled: bool = False


@dataclass(frozen=True, slots=True)
class DriveRecord:
    """What came of one drive in one phase. `before` and `after` are revisions that ran."""

    controller: str
    serial: str
    model: str
    verdict: Verdict
    before: str = ""
    after: str = ""
    slot: int = 0
    reason: str = ""
    message: str = ""
    asked: tuple[Asked, ...] = ()


@dataclass(frozen=True, slots=True)
class HostRecord:
    """What came of one host in one phase of one round. Rounds count how often what failed was tried again."""

    host: str
    phase: str
    round: int
    verdict: Verdict
    begun: str = ""
    ended: str = ""
    worker: str = ""
    reason: str = ""
    message: str = ""
    drives: tuple[DriveRecord, ...] = ()

    @property
    def is_good(self) -> bool:
        return self.verdict in GOOD


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to the campaign as a whole. `number` counts from 1."""

    number: int
    kind: str
    time: str
    wave: int = 0
    text: str = ""


def worst(verdicts: list[Verdict]) -> Verdict:
    """What they come to together."""
    order: tuple[Verdict, ...] = ("uncertain", "unreachable", "failed", "untouched", "pending", "done", "current")
    return next((verdict for verdict in order if verdict in verdicts), "current")


def is_good(found: list[HostRecord]) -> bool:
    """Whether a host ended well: in its last round nothing failed."""
    last = max(record.round for record in found)
    return all(record.is_good for record in found if record.round == last)


def counted(number: int, noun: str) -> str:
    """`1 host`, `2 hosts`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def now() -> str:
    """In RFC 3339."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
