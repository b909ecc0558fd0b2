"""nvmed broken on purpose, in one place each: what shows that the validators see what they are there for.

Each breaks the class or module that it names inside the process of the daemon that calls it, and nothing else.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable, Mapping
from dataclasses import replace
from itertools import count
from typing import Any, Final

import structlog

from nvmed.devices import telemetry
from nvmed.devices.names import Named, Names
from nvmed.events.events import Read, Watcher
from nvmed.operations.journal import Journal
from nvmed.operations.manager import Manager, Verdict
from nvmed.operations.records import Record, State
from nvmed.rpc.call import Call
from nvmed.rpc.services.key import KeyService
from nvmed.security.audit import Audit, Kind
from nvmed.security.audit import Event as AuditEvent


def syncs_nothing() -> None:
    """What was promised to be on disk is in memory."""

    def unsynced(fd: Any) -> None: ...

    os.fsync = os.fdatasync = unsynced


def journals_after_the_act() -> None:
    """The row of a step is written when the step is over."""
    intend, settle, late = Journal.intend, Journal.settle, {}
    numbers = count(1)

    def later(self: Journal, operation: str, name: str, detail: Mapping[str, Any]) -> int:
        number = next(numbers)
        late[operation, number] = (name, detail)
        return number

    def now(self: Journal, operation: str, number: int, outcome: Mapping[str, Any]) -> None:
        settle(self, operation, intend(self, operation, *late.pop((operation, number))), outcome)

    Journal.intend, Journal.settle = later, now  # type: ignore[method-assign]


def passes_names_on() -> None:
    """Now and then the next drive has the name."""
    assign, calls = Names.assign, count()

    def rotated(self: Names, nodes: Any) -> tuple[Named, ...]:
        named = assign(self, nodes)
        if next(calls) % 3 < 2:
            return named
        return tuple(replace(one, name=other.name) for one, other in zip(named, named[1:] + named[:1], strict=True))

    Names.assign = rotated  # type: ignore[method-assign]


def drops_events() -> None:
    """One in five of those who wait is told nothing, and goes on behind it."""
    hand, calls = Watcher.hand, count(1)

    def lost(self: Watcher, read: Read | None) -> None:
        hand(self, None if next(calls) % 5 == 0 else read)

    Watcher.hand = lost  # type: ignore[method-assign]


def forgets_requests() -> None:
    """A request that is made again is another."""
    begin = Journal.begin

    def begun(self: Journal, record: Record) -> Record:
        return begin(self, replace(record, request_id=str(uuid.uuid4())) if record.request_id else record)

    Journal.begin = begun  # type: ignore[method-assign]


def guesses_verdicts() -> None:
    """What was cut off may be made again, whatever the drive says."""

    async def guessed(self: Manager, record: Record) -> Verdict:
        return Verdict(State.SAFE_TO_RETRY)

    Manager._reconcile = guessed  # type: ignore[method-assign]


def splices() -> None:
    """Another generation of a log is the same."""
    telemetry._require_same = lambda before, now: None


def allows_everything() -> None:
    """Whoever is known may do anything."""
    Call.require = lambda self, permission: None  # type: ignore[method-assign]


def audits_nothing() -> None:
    """An attempt is not written down."""
    write = Audit.write

    async def written(self: Audit, event: AuditEvent) -> None:
        if event.kind is not Kind.ATTEMPT:
            await write(self, event)

    Audit.write = written  # type: ignore[method-assign]


def logs_secrets() -> None:
    """A key is in the log."""
    insert = KeyService.InsertTlsKey

    async def logged(self: KeyService, request: Any, context: Any) -> Any:
        structlog.get_logger("nvmed").warning("inserting", psk=request.psk.text)
        return await insert(self, request, context)

    KeyService.InsertTlsKey = logged  # type: ignore[method-assign]


SABOTAGES: Final[Mapping[str, Callable[[], None]]] = {
    one.__name__: one
    for one in (
        syncs_nothing, journals_after_the_act, passes_names_on, drops_events, forgets_requests, guesses_verdicts,
        splices, allows_everything, audits_nothing, logs_secrets,
    )
}  # fmt: skip
"""By name, for `victim`."""
