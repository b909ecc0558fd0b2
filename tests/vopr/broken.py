"""nvmed broken on purpose, to see that a simulation finds it: `python -m tests.vopr --broken NAME`."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final

from nvmed.captures.files import CaptureFolder
from nvmed.devices.names import Names
from nvmed.disk.files import Disk
from nvmed.events.events import Watcher
from nvmed.firmware import recovery
from nvmed.firmware.spool_files import committed_field
from nvmed.firmware.spool_part import PartFile
from nvmed.keyring import rotation_recovery
from nvmed.nvme.host import ControllerNode
from nvmed.operations.journal import Journal
from nvmed.operations.manager import Interrupted, Manager, Verdict
from nvmed.operations.records import Record, State
from nvmed.operations.running import Running


def _files_are_not_synced() -> None:
    Disk.sync = lambda self, descriptor: None  # type: ignore[method-assign]


def _names_are_not_synced() -> None:
    Disk.sync_directory = lambda self, path: None  # type: ignore[method-assign]


def _committed_is_told_first() -> None:
    def commit(self: PartFile) -> None:
        if self.received_bytes != self.committed_bytes:
            self._folder.disk.write(self._sidecar, committed_field(self.received_bytes), 0)
            self.committed_bytes = self.received_bytes

    PartFile.commit = commit  # type: ignore[method-assign]


def _the_row_comes_after_the_act() -> None:
    step = Running.step

    @asynccontextmanager
    async def after(self: Running, name: str, **more: Any) -> AsyncIterator[dict[str, Any]]:
        outcome: dict[str, Any] = {}
        yield outcome
        async with step(self, name, **more):
            pass

    Running.step = after  # type: ignore[method-assign]


def _a_request_is_not_remembered() -> None:
    Journal.find_request = lambda self, principal, request_id: None  # type: ignore[method-assign]
    begin = Journal.begin

    def forgetful(self: Journal, record: Record) -> Record:
        self._db.execute("DROP INDEX IF EXISTS operations_by_request")
        return begin(self, record)

    Journal.begin = forgetful  # type: ignore[method-assign]


def _a_verdict_is_guessed() -> None:
    def staged(case: Interrupted, observed: Any) -> Verdict:
        return Verdict(State.SAFE_TO_RETRY, "nothing will have come of it")

    recovery.staged = staged


def _rotations_are_guessed() -> None:
    async def reconcile(keyring: Any, paths: Any, case: Interrupted) -> Verdict:
        return Verdict(State.SAFE_TO_RETRY, "the old keys will have been put back")

    rotation_recovery._reconcile = reconcile


def _what_was_cut_off_stays_open() -> None:
    async def recover(self: Manager) -> None:
        await asyncio.sleep(0)

    Manager.recover = recover  # type: ignore[method-assign]


def _a_name_passes_on() -> None:
    def by_place(self: Names, identity: tuple[str, ...], nodes: dict[int, ControllerNode]) -> dict[int, str]:
        known = self._of[identity]
        fresh = [self._new(identity, node) for node in [*nodes.values()][len(known) :]]
        return dict(zip(sorted(nodes), [*known, *fresh], strict=False))

    Names._of_one_identity = by_place  # type: ignore[assignment,method-assign]


def _an_event_is_dropped() -> None:
    hand = Watcher.hand

    def dropping(self: Watcher, read: Any) -> None:
        if read is None or read.events[-1].sequence % 50:
            hand(self, read)
        else:
            self.position = read.events[-1].sequence

    Watcher.hand = dropping  # type: ignore[method-assign]
    read = Watcher.read

    async def onwards(self: Watcher, timeout_s: float) -> Any:
        if (self.position + 1) % 50 == 0 and self.position < self._events.last:
            self.position += 1
        return await read(self, timeout_s)

    Watcher.read = onwards  # type: ignore[method-assign]


def _a_capture_is_what_came_first() -> None:
    publish = CaptureFolder.publish

    def half(self: CaptureFolder, capture: Any, descriptor: int) -> None:
        os.pwrite(descriptor, bytes(512), 512)
        publish(self, capture, descriptor)

    CaptureFolder.publish = half  # type: ignore[method-assign]


def _the_journal_forgets_what_it_began() -> None:
    together = Journal.together

    def lost(self: Journal, functions: Sequence[Callable[[], Any]]) -> Any:
        outcomes = together(self, functions)
        self._db.execute("DELETE FROM operations WHERE state = 'SUCCEEDED' AND rowid % 7 = 0")
        return outcomes

    Journal.together = lost  # type: ignore[method-assign]


BROKEN: Final[dict[str, Callable[[], None]]] = {
    "files are not synced": _files_are_not_synced,
    "names are not synced": _names_are_not_synced,
    "committed is told before it is": _committed_is_told_first,
    "the journal's row comes after the act": _the_row_comes_after_the_act,
    "a request_id is not remembered": _a_request_is_not_remembered,
    "a verdict is guessed": _a_verdict_is_guessed,
    "a rotation's verdict is guessed": _rotations_are_guessed,
    "what was cut off stays open": _what_was_cut_off_stays_open,
    "a name passes on": _a_name_passes_on,
    "an event is dropped": _an_event_is_dropped,
    "a capture is damaged on its way": _a_capture_is_what_came_first,
    "the journal forgets": _the_journal_forgets_what_it_began,
}
"""How it is broken, by name; `test_vopr.py` has the validator that objects."""
