"""Operations and their steps as the journal has them, read so that one that is damaged hides no other.

What a row holds was written by nvmed, perhaps by another version, to a disk that may have lost bits since. A row that
cannot be read as a whole becomes a record in NEEDS_ATTENTION that says so, with everything in it that can be read.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum, unique
from typing import Any, Final

from nvmed.operations import failure as failures
from nvmed.reasons import Reason, error
from nvmed.security.patterns import COLLECTIONS, HOST

TIME_MS_MAX: Final = 253_402_300_799_999
"""The end of the year 9999: no moment later than that can be shown."""


@unique
class State(Enum):
    """Where an operation is. The first two are open; the rest are how it ended."""

    PENDING = "PENDING"
    RUNNING = "RUNNING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"
    SAFE_TO_RETRY = "SAFE_TO_RETRY"
    """Interrupted, and the drive was found as it was before: the same request may be made again."""
    NEEDS_ATTENTION = "NEEDS_ATTENTION"
    """Interrupted, and what became of the drive could not be found out or is neither before nor after."""

    @property
    def is_open(self) -> bool:
        return self in (State.PENDING, State.RUNNING)


@dataclass(frozen=True, slots=True)
class Record:
    """An operation as the journal has it. `parameters` and `result` are JSON objects, `failure` is `failure.dump`'s.

    `parent` is the operation that this one is a part of, "" for none. `resources` is everything that it is about, by
    the names that the policy speaks of. `damage` is what could not be read, "" for nothing: then it is in
    NEEDS_ATTENTION, with a failure that says so. `trace` is the context of the call that began it
    (`tracing.Span.context`), "" for none.
    """

    id: str
    kind: str
    target: str
    principal: str
    request_id: str
    digest: bytes
    parameters: Mapping[str, Any] = field(default_factory=dict)
    state: State = State.PENDING
    phase: str = ""
    created_ms: int = 0
    updated_ms: int = 0
    result: Mapping[str, Any] | None = None
    failure: Mapping[str, Any] | None = None
    parent: str = ""
    resources: Sequence[str] = ()
    damage: str = ""
    trace: str = ""

    @property
    def subjects(self) -> tuple[str, ...]:
        """Everything that it is about, as the policy names it: who may not see one of them may not see it."""
        names = (*self.resources, self.target)
        return tuple(dict.fromkeys(name if name.startswith(COLLECTIONS) else HOST for name in names))


@dataclass(frozen=True, slots=True)
class Step:
    """One step: what was intended, and what came of it; `outcome` is None where nothing was written any more."""

    operation: str
    number: int
    name: str
    detail: Mapping[str, Any]
    intended_ms: int
    outcome: Mapping[str, Any] | None
    settled_ms: int | None
    damage: str = ""


def record_of(row: Sequence[Any]) -> Record:
    """The operation of a row of `operations`; raises nothing, whatever the row holds."""
    found: list[str] = []
    state = _state(row[7], found)
    record = Record(
        id=row[0],
        kind=row[1],
        target=row[2],
        principal=row[3],
        request_id=row[4],
        digest=row[5],
        parameters=_object("parameters", row[6], found) or {},
        state=state,
        phase=row[8],
        created_ms=_moment("created_ms", row[9], found),
        updated_ms=_moment("updated_ms", row[10], found),
        result=_object("result", row[11], found),
        failure=_failure(row[12], found),
        parent=row[13],
        resources=_names(row[14], row[2], found),
        trace=row[16],
    )
    return damaged(record, "; ".join(found)) if found else record


def damaged(record: Record, what: str) -> Record:
    """`record` as one of which `what` could not be read."""
    failed = error(
        Reason.JOURNAL_DAMAGED,
        f"operation {record.id}: what the journal holds of it cannot be read ({what}); look at the drive",
        operation=record.id,
    )
    return replace(record, state=State.NEEDS_ATTENTION, result=None, failure=failures.dump(failed), damage=what)


def step_of(row: Sequence[Any]) -> Step:
    """The step of a row of `steps`; raises nothing, whatever the row holds."""
    found: list[str] = []
    outcome = _object("outcome", row[5], found)
    if outcome is not None and not isinstance(outcome.get("failure"), Mapping | None):
        found.append("its outcome's failure is no object")
        outcome = None
    return Step(
        operation=row[0],
        number=row[1],
        name=row[2],
        detail=_object("detail", row[3], found) or {},
        intended_ms=_moment("intended_ms", row[4], found),
        outcome=outcome,
        settled_ms=None if row[6] is None else _moment("settled_ms", row[6], found),
        damage="; ".join(found),
    )


def _state(value: Any, found: list[str]) -> State:
    try:
        return State(value)
    except ValueError:
        found.append(f"its state is {str(value)[:64]!r}")
        return State.NEEDS_ATTENTION


def _object(name: str, value: Any, found: list[str]) -> Mapping[str, Any] | None:
    """A JSON object, None for no value and for what is none."""
    if value is None:
        return None
    try:
        loaded = json.loads(value)
    except (ValueError, TypeError, RecursionError):
        loaded = None
    if isinstance(loaded, dict):
        return loaded
    found.append(f"its {name} is no JSON object")
    return None


def _names(value: Any, target: str, found: list[str]) -> Sequence[str]:
    """The resources of an operation; where they cannot be read, it is about the host and its target."""
    try:
        loaded = json.loads(value)
    except (ValueError, TypeError, RecursionError):
        loaded = None
    if not isinstance(loaded, list) or not all(isinstance(name, str) for name in loaded):
        found.append("its resources are no list of names")
        return (HOST, target)
    return tuple(loaded)


def _failure(value: Any, found: list[str]) -> Mapping[str, Any] | None:
    saved = _object("failure", value, found)
    if saved is not None and not failures.is_whole(saved):
        found.append("its failure is none of nvmed's")
        return None
    return saved


def _moment(name: str, value: Any, found: list[str]) -> int:
    if isinstance(value, int) and 0 <= value <= TIME_MS_MAX:
        return value
    found.append(f"its {name} is no time")
    return 0


def now_ms() -> int:
    """Milliseconds since the epoch."""
    return time.time_ns() // 1_000_000
