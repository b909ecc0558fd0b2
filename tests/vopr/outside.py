"""What happened in a simulation, as a round of random traffic tells it: what its drives, clients and files saw.

So the validators of tests/robustness/validators.py judge simulations too. What only the inside of a daemon shows has
validators of its own, beside this file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

import msgspec

from tests.robustness import history as rounds
from tests.vopr.history import (
    Audited,
    Began,
    Bug,
    Committed,
    Died,
    Dropped,
    Ended,
    Entry,
    Intended,
    Kept,
    Listed,
    Named,
    Opened,
    Sent,
    Settled,
    Told,
    Took,
    Watched,
)

DAY_MS: Final = 24 * 3600 * 1000
"""For so long a request_id finds its operation, and an upload what was committed of it."""

OPCODES: Final = {
    "download": "FIRMWARE_IMAGE_DOWNLOAD", "commit": "FIRMWARE_COMMIT", "reset": "RESET", "sanitize": "SANITIZE",
    "format": "FORMAT_NVM",
}  # fmt: skip
"""What rounds call the commands that they know. What else changes a drive may be repeated, and undone."""


class _Telling:
    """A simulation that is told, entry by entry."""

    def __init__(self, history: Sequence[Entry]) -> None:
        listings = [entry for entry in history if isinstance(entry, Listed)]
        self.last_life = max((entry.life for entry in history), default=0)
        self.listed = [one for one in listings if one.life == self.last_life]
        self.looked_ms = min((one.since_ms for one in self.listed), default=0)
        self.end_ms = history[-1].at_ms if history else 0
        self.begun: dict[str, Began] = {}
        self.ended: dict[str, Ended] = {}
        self.requested_ms: dict[tuple[str, str], int] = {}
        self.open: dict[str, rounds.Step] = {}
        self.attempts: list[rounds.Attempt] = []
        self.drives: dict[str, Took] = {}
        self.committed: dict[str, Committed] = {}
        self.runs: dict[str, str] = {}

    # -- operations

    def began(self, entry: Began) -> Iterator[rounds.Entry]:
        self.begun[entry.operation] = entry
        who = entry.principal, entry.request_id
        if entry.at_ms - self.requested_ms.setdefault(who, entry.at_ms) >= DAY_MS:
            self.requested_ms[who] = entry.at_ms
        yield self._operation(entry, "RUNNING", entry.request_id)

    def told(self, entry: Told) -> Iterator[rounds.Entry]:
        if entry.operation not in self.begun:
            return
        since_ms = self.requested_ms.get((entry.principal, entry.request_id), entry.at_ms)
        known = entry.request_id if entry.at_ms - since_ms < DAY_MS else ""
        yield self._operation(self.begun[entry.operation], entry.state, known)

    def ended_as(self, entry: Ended) -> Iterator[rounds.Entry]:
        self.ended[entry.operation] = entry
        yield self._operation(self.begun[entry.operation], entry.state)

    def _operation(self, began: Began, state: str, request_id: str = "", **more: Any) -> rounds.Entry:
        return rounds.Operation(
            name=f"operations/{began.operation}", principal=began.principal, request_id=request_id, state=state,
            method=began.kind, target=began.target, began_s=0.0, **more,
        )  # fmt: skip

    def intended(self, entry: Intended) -> Iterator[rounds.Entry]:
        began = self.begun[entry.operation]
        self.open[entry.operation] = rounds.Step(
            entry.operation, began.kind, began.target, began.principal, began.parent or entry.operation
        )
        yield from ()

    def settled(self, entry: Settled) -> Iterator[rounds.Entry]:
        self.open.pop(entry.operation, None)
        yield from ()

    def audited(self, entry: Audited) -> Iterator[rounds.Entry]:
        if entry.kind == "operation_began" and (began := self.begun.get(entry.operation)):
            self.attempts.append(rounds.Attempt(len(self.attempts) + 1, began.principal, began.kind))
        yield from ()

    # -- drives

    def sent(self, entry: Sent) -> Iterator[rounds.Entry]:
        yield self._command(entry.drive, OPCODES.get(entry.what, entry.what.upper()))

    def took(self, entry: Took) -> Iterator[rounds.Entry]:
        before = self.drives.get(entry.drive)
        if "slots" in entry.detail:
            self.drives[entry.drive] = entry
        if entry.what in OPCODES:
            yield self._command(entry.drive, OPCODES[entry.what], is_changed=changed(before, entry))

    def _command(self, drive: str, opcode: str, **more: Any) -> rounds.Entry:
        steps = tuple(self.open.values())
        return rounds.Command(drive=drive, opcode=opcode, open_steps=steps, audited=len(self.attempts), **more)

    def named(self, entry: Named) -> Iterator[rounds.Entry]:
        yield rounds.Named(name=entry.name, drive=entry.drive)

    # -- what is kept

    def committed_of(self, entry: Committed) -> Iterator[rounds.Entry]:
        if entry.at_ms - self.committed.get(entry.upload, entry).at_ms >= DAY_MS:
            yield from self._forget(entry.upload)
        self.committed[entry.upload] = entry
        yield rounds.Committed(upload=entry.upload, size_bytes=entry.size_bytes)

    def dropped(self, entry: Dropped) -> Iterator[rounds.Entry]:
        yield from self._forget(entry.name)
        yield rounds.Kept(name=entry.name, is_kept=False)

    def kept(self, entry: Kept) -> Iterator[rounds.Entry]:
        yield from self._forget(entry.name)
        if entry.at_ms < self.looked_ms and entry.until_ms > self.end_ms:
            yield rounds.Kept(name=entry.name)

    def listing(self, entry: Listed) -> Iterator[rounds.Entry]:
        for name, (said, received, _) in entry.there.items():
            yield from self._forget(name)
            yield rounds.Trailer(name=name, said=said, received=received)

    def _forget(self, name: str) -> Iterator[rounds.Entry]:
        """Whatever `name` is of, an upload or an image, nothing of its uploads need be there."""
        ending = f"/{name.rpartition('/')[2]}"
        for upload in [upload for upload in self.committed if upload.endswith(ending)]:
            yield rounds.Committed(upload=upload, size_bytes=self.committed.pop(upload).size_bytes, is_end=True)

    # -- the rest

    def watched(self, entry: Watched) -> Iterator[rounds.Entry]:
        if entry.begins:
            if self.runs.get(entry.watcher, entry.run) != entry.run:
                yield rounds.Missed(watcher=entry.watcher, count=0)
            self.runs[entry.watcher] = entry.run
            return
        if entry.missing:
            yield rounds.Missed(watcher=entry.watcher, count=entry.missing)
        yield from (rounds.Event(watcher=entry.watcher, run=entry.run, sequence=number) for number in entry.numbers)

    def opened(self, entry: Opened) -> Iterator[rounds.Entry]:
        yield rounds.Started()

    def died(self, entry: Died) -> Iterator[rounds.Entry]:
        self.open.clear()
        yield rounds.Died(how="exit 0" if entry.stopped else "power-cut" if entry.is_cut else "kill")

    def bug(self, entry: Bug) -> Iterator[rounds.Entry]:
        yield rounds.Bug(line=f"life {entry.life}: {entry.text}")

    def end(self) -> Iterator[rounds.Entry]:
        """What is found when all is over."""
        yield rounds.Audited(attempts=tuple(self.attempts))
        for operation, began in self.begun.items():
            ended = self.ended.get(operation)
            # What runs is left to `true_verdicts`: here a power cut is one of the drives too, which activates firmware.
            yield self._operation(began, ended.state if ended else "RUNNING", is_last=True)
        yield from (rounds.Kept(name=name, is_last=True) for one in self.listed for name in one.there)


def changed(before: Took | None, after: Took) -> bool:
    """Whether a drive is another one than it was; of what shows nothing it is."""
    if not after.detail:
        return True
    keys = ("slots", "active", "pending", "revision")
    return before is None or any(before.detail[key] != after.detail[key] for key in keys)


TOLD: Final[dict[type[Entry], Callable[[_Telling, Any], Iterator[rounds.Entry]]]] = {
    Began: _Telling.began, Told: _Telling.told, Ended: _Telling.ended_as, Intended: _Telling.intended,
    Settled: _Telling.settled, Audited: _Telling.audited, Sent: _Telling.sent, Took: _Telling.took,
    Named: _Telling.named, Committed: _Telling.committed_of, Dropped: _Telling.dropped, Kept: _Telling.kept,
    Listed: _Telling.listing, Watched: _Telling.watched, Opened: _Telling.opened, Died: _Telling.died,
    Bug: _Telling.bug,
}  # fmt: skip
"""How each kind of entry is told; what a drive raised and the daemon published nobody outside sees as such."""


def seen_from_outside(history: Sequence[Entry]) -> rounds.History:
    """The history of a round in which the same happened."""
    telling = _Telling(history)
    found: rounds.History = []
    for entry in history:
        if (tell := TOLD.get(type(entry))) is not None:
            found += (_at(one, entry.at_ms) for one in tell(telling, entry))
    if history and isinstance(history[-1], Died) and history[-1].stopped:
        found += (_at(one, telling.end_ms) for one in telling.end())
    return found


def _at(entry: Any, at_ms: int) -> Any:
    return msgspec.structs.replace(entry, at_s=at_ms / 1000)
