"""What goes into the engine's history for a batch: something done to many hosts in no order, each by itself.

A sweep is one, and a rotation of keys. As `nvmed_fleet.temporal.payloads`, these are a contract.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

BATCH = "nvmed.Batch"

Kind = Literal["sweep", "rotation"]
State = Literal["running", "done", "stopped", "cancelled"]
"""`stopped`: so many failed that no other was begun."""

FAILED_SHOWN = 1000
"""Names of items that failed, in the history; the records have all of them."""


def batch_id(kind: Kind, name: str) -> str:
    """The id of a batch's workflow."""
    return f"nvmed-{kind}/{name}"


@dataclass
class BatchProgress:
    """Argument of `nvmed.Batch`: `kind`, `name` and `plan` (digest) to begin one; the rest is where it is."""

    kind: Kind
    name: str
    plan: str
    at: int = 0
    good: int = 0
    failures: int = 0
    failed: list[str] = field(default_factory=list)
    is_cancelled: bool = False


@dataclass
class BatchPlan:
    """Argument of `nvmed.batch_outline` and `nvmed.batch_finish`."""

    kind: Kind
    plan: str


@dataclass
class BatchOutline:
    """Of a plan, what the workflow has to know. `failure_budget` counts items in flight as failed; 0 is for none."""

    items: int
    in_flight: int
    failure_budget: int = 0


@dataclass
class BatchSlice:
    """Argument of `nvmed.batch_items`: `count` items of a plan from `at` on."""

    kind: Kind
    plan: str
    at: int
    count: int


@dataclass
class BatchItem:
    """An item, and its failure domain: two of one are never in flight."""

    name: str
    domain: str


@dataclass
class BatchItems:
    """Answer of `nvmed.batch_items`."""

    items: list[BatchItem]


@dataclass
class BatchTask:
    """Argument of `nvmed.batch_do`: one item of a plan."""

    kind: Kind
    plan: str
    item: str


@dataclass
class BatchStatus:
    """Answer of the query `status`, and result of `nvmed.Batch`; `summary` is for people, once it ended."""

    kind: Kind
    name: str
    state: State
    items: int
    good: int
    failures: int
    failed: list[str]
    in_flight: list[str]
    summary: str = ""
