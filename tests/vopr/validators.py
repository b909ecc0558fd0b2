"""What must be true of any history, whatever was asked and whatever went wrong: docs/guarantees.md has the promises.

What drives, clients and files see is judged by the validators of tests/robustness, which are those of rounds of random
traffic too; here is what only the inside of a daemon shows. Each validator reads a history from its beginning and says
what is wrong, sentence by sentence. It knows nothing of what made it, so that a history can be judged again later.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from tests.robustness import validators as rounds
from tests.vopr.history import (
    Audited,
    Began,
    Died,
    Dropped,
    Ended,
    Entry,
    Intended,
    Kept,
    Listed,
    Named,
    Opened,
    Published,
    Raised,
    Sent,
    Settled,
    Told,
    Took,
    Watched,
)
from tests.vopr.outside import DAY_MS, changed, seen_from_outside

STAGE: Final = "nvmed.v1.FirmwareService/StageFirmware"
ROTATE: Final = "nvmed.v1.KeyService/RotateTlsKey"
ACTIVATE: Final = "nvmed.v1.FirmwareService/ActivateFirmware"
SANITIZE: Final = "nvmed.v1.DriveService/SanitizeDrive"
RESUMED: Final = (SANITIZE,)
"""Kinds that go on in the next life of the daemon, as the drive does."""

OPEN: Final = ("PENDING", "RUNNING")

CERTAIN: Final = ("SAFE_TO_RETRY", "CANCELLED")
"""States that say that nothing came of an operation."""

History = Sequence[Entry]


def one_effect(history: History) -> Iterator[str]:
    """A request_id of a principal begins one operation in a day, and whoever repeats it is told of that one."""
    begun: dict[tuple[str, str], Began] = {}
    for entry in history:
        if isinstance(entry, Began) and entry.request_id:
            before = begun.get((entry.principal, entry.request_id))
            if before is not None and entry.at_ms - before.at_ms < DAY_MS:
                yield f"{_when(entry)}: request {entry.request_id} began {entry.operation} after {before.operation}"
            begun[entry.principal, entry.request_id] = entry
        elif isinstance(entry, Told):
            known = begun.get((entry.principal, entry.request_id))
            if known is None or entry.at_ms - known.at_ms >= DAY_MS:
                continue
            if not entry.operation:
                yield f"{_when(entry)}: {known.operation} is not known any more"
            elif entry.operation != known.operation:
                yield f"{_when(entry)}: request {entry.request_id} is {known.operation}, {entry.operation} was told"


def settled_when_served(history: History) -> Iterator[str]:
    """What a crash cut off has ended when a daemon serves, unless the drive goes on with it."""
    open_since: dict[str, Began] = {}
    for entry in history:
        if isinstance(entry, Began):
            open_since[entry.operation] = entry
        elif isinstance(entry, Ended):
            open_since.pop(entry.operation, None)
        elif isinstance(entry, Opened):
            for began in open_since.values():
                if began.kind not in RESUMED:
                    yield f"{_when(entry)}: {began.operation} ({began.kind}) of life {began.life} is open"


def told_as_journalled(history: History) -> Iterator[str]:
    """The journal has one end of an operation, and nobody is told of it before, or of another."""
    ended: dict[str, Ended] = {}
    for entry in history:
        if isinstance(entry, Ended):
            if entry.operation in ended:
                yield f"{_when(entry)}: {entry.operation} ended twice, {ended[entry.operation].state}, {entry.state}"
            ended[entry.operation] = entry
        elif isinstance(entry, Told) and entry.operation:
            now = ended.get(entry.operation)
            if entry.state not in OPEN and (now is None or now.state != entry.state):
                yield f"{_when(entry)}: {entry.operation} was told as {entry.state}, it is {now and now.state}"


# -- drives


@dataclass(slots=True)
class _Work:
    """An operation as far as it has come: `step` is the one that it is in.

    `did` is what its steps did to the drive, `was` the states in which that was meanwhile.
    """

    began: Began
    audited: bool = False
    step: str = ""
    did: list[Took] = field(default_factory=list)
    was: list[dict[str, Any]] = field(default_factory=list)


class _Works:
    """Which operations are in a step, and on which drive."""

    def __init__(self) -> None:
        self.works: dict[str, _Work] = {}
        self.names: dict[str, set[str]] = defaultdict(set)

    def see(self, entry: Entry) -> None:
        """Take the next entry."""
        if isinstance(entry, Began):
            self.works[entry.operation] = _Work(entry)
        elif isinstance(entry, Audited) and entry.operation in self.works:
            self.works[entry.operation].audited = True
        elif isinstance(entry, Intended):
            self.works[entry.operation].step = entry.name
        elif isinstance(entry, Settled):
            self.works[entry.operation].step = ""
        elif isinstance(entry, Died):
            for work in self.works.values():
                work.step = ""
        elif isinstance(entry, Named):
            self.names[entry.drive].add(entry.name)

    def on(self, drive: str) -> list[_Work]:
        """Those in a step on a drive."""
        return [one for one in self.works.values() if one.step and one.began.target in self.names[drive]]


STEPS: Final = {
    "download": ("download",),
    "commit": ("commit",),
    "reset": ("reset", "put_back"),
    "connect": ("connect", "put_back"),
    "disconnect": ("disconnect", "connect", "put_back"),
    "create": ("create",),
    "clear": ("clear_event",),
    "sanitize": ("sanitize", "exit_media_verification"),
    "format": ("sanitize",),
}
"""In which steps a command is sent that changes a drive."""


def row_before_act(history: History) -> Iterator[str]:
    """What changes a drive is sent in a step that the journal has, of an operation that the audit has."""
    works = _Works()
    for entry in history:
        works.see(entry)
        if isinstance(entry, Sent):
            found = [one for one in works.on(entry.drive) if one.step in STEPS[entry.what]]
            if not found:
                yield f"{_when(entry)}: {entry.what} was sent to {entry.drive}, and no step says so"
            elif not any(one.audited for one in found):
                yield f"{_when(entry)}: {entry.what} was sent to {entry.drive} for what the audit does not have"
            elif len(found) > 1 and entry.what in ("download", "commit", "reset"):
                yield f"{_when(entry)}: {len(found)} operations change the firmware of {entry.drive}"
        if isinstance(entry, Ended):
            works.works.pop(entry.operation, None)


EFFECTS: Final = {"commit": ("commit",), "sanitize": ("sanitize", "format")}
"""What a step does to a drive that a verdict must tell."""


def true_verdicts(history: History) -> Iterator[str]:
    """How an operation on firmware, or an erasure, ended is what the drive did, whether a daemon lived to hear it."""
    works, now = _Works(), dict[str, Took]()
    for entry in history:
        works.see(entry)
        if isinstance(entry, Began):
            drive = next((drive for drive, names in works.names.items() if entry.target in names), "")
            works.works[entry.operation].was += [now[drive].detail] if drive in now else []
        elif isinstance(entry, Took):
            for work in works.on(entry.drive):
                if entry.what in EFFECTS.get(work.step, ()) and changed(now.get(entry.drive), entry):
                    work.did.append(entry)
            if "slots" in entry.detail:
                now[entry.drive] = entry
                for work in works.works.values():
                    if work.began.target in works.names[entry.drive]:
                        work.was.append(entry.detail)
        elif isinstance(entry, Ended) and entry.operation in works.works:
            problem = _untrue(works.works.pop(entry.operation), entry)
            if problem:
                yield f"{_when(entry)}: {entry.operation} ended {entry.state}: {problem}"


def _untrue(work: _Work, ended: Ended) -> str:
    """What is wrong with a verdict, "" for nothing."""
    kind, effects = work.began.kind, [took.detail or took.what for took in work.did]
    if kind not in (STAGE, ACTIVATE, SANITIZE) or not work.began.target.startswith("controllers/"):
        return ""
    if ended.state in CERTAIN and effects:
        return f"the drive took {effects}"
    if kind == SANITIZE:
        return "the drive was told nothing" if ended.state == "SUCCEEDED" and not effects else ""
    if ended.state == "FAILED" and effects and ended.reason != "FIRMWARE_NOT_VERIFIED":
        return f"{ended.reason}, and the drive took {effects}"
    if len(effects) > 1:
        return f"the drive took {len(effects)} commits"
    if ended.state != "SUCCEEDED":
        return ""
    (result,) = ended.result.get("drives", [ended.result])
    outcome = str(result.get("outcome", "")).removeprefix("FIRMWARE_OUTCOME_")
    slot, revision = result["slot"], result["slot_revision"]
    if outcome == "STAGED" and not any(state["slots"][slot - 1] == revision for state in work.was):
        return f"slot {slot} never held {revision}: {work.was[-1:]}"
    is_run = kind == ACTIVATE and outcome in ("ACTIVATED", "ALREADY_CURRENT")
    if is_run and not any(state["revision"] == revision for state in work.was):
        return f"the drive never ran {revision}: {work.was[-1:]}"
    return ""


def rotations_are_true(history: History) -> Iterator[str]:
    """After a rotation the connection uses the key that its verdict says, and no other."""
    key, used = 0, dict[str, list[int]]()
    for entry in history:
        if isinstance(entry, Took) and "key" in entry.detail:
            key = entry.detail["key"]
            for seen in used.values():
                seen.append(key)
        elif isinstance(entry, Began) and entry.kind == ROTATE:
            used[entry.operation] = [key]
        elif isinstance(entry, Died) and entry.is_cut:  # another boot has other keys
            used.clear()
        elif isinstance(entry, Ended) and entry.operation in used:
            seen = used.pop(entry.operation)
            serial = entry.result.get("key", {}).get("serial", 0)
            if entry.state == "SUCCEEDED" and serial not in seen:
                yield f"{_when(entry)}: the connection never used key {serial}, but {seen}"
            is_back = entry.state in CERTAIN or entry.reason == "KEY_ROTATION_UNDONE"
            if is_back and not used and seen[-1] != seen[0]:
                yield f"{_when(entry)}: {entry.state}, and the connection uses key {seen[-1]}, not {seen[0]}"


def names_are_kept(history: History) -> Iterator[str]:
    """A drive that can be told from all others keeps its name."""
    names: dict[str, str] = {}
    serials = defaultdict[str, set[str]](set)
    for entry in history:
        if isinstance(entry, Named):
            serials[entry.drive.partition("#")[0]].add(entry.drive)
            before = names.setdefault(entry.drive, entry.name)
            if before != entry.name and len(serials[entry.drive.partition("#")[0]]) == 1:
                yield f"{_when(entry)}: {entry.drive} was {before}, and is {entry.name} now"
                return


# -- what is kept


def kept_is_listed(history: History) -> Iterator[str]:
    """What was told as kept is there, until somebody deletes it or its time is over; and every byte of what is there is
    what was put there.
    """
    kept: dict[str, Kept] = {}
    dropped: set[str] = set()
    for entry in history:
        if isinstance(entry, Kept):
            if not (entry.name.startswith("captures/") and entry.name in dropped):  # there is no second one
                kept[entry.name] = entry
        elif isinstance(entry, Dropped):
            dropped.add(entry.name)
            kept.pop(entry.name, None)
        elif isinstance(entry, Listed):
            for name, (should, has, _) in entry.there.items():
                if should != has:
                    yield f"{_when(entry)}: {name} should be {should}, and is {has}"
            for name, one in kept.items():
                is_due = one.at_ms < entry.since_ms and entry.at_ms < one.until_ms
                if name.startswith(entry.kind) and name not in entry.there and is_due:
                    yield f"{_when(entry)}: {name} was told as kept at {one.at_ms} ms, and is not there"


def captures_are_logs(history: History) -> Iterator[str]:
    """A capture is one log that a drive had, from its beginning to its end."""
    raised: set[str] = set()
    for entry in history:
        if isinstance(entry, Raised):
            raised.add(entry.sha256)
        elif isinstance(entry, Listed) and entry.kind == "captures/":
            for name, (_, _, data) in entry.there.items():
                if data not in raised:
                    yield f"{_when(entry)}: {name} is no log that any drive ever had"


# -- events


def no_untold_gap(history: History) -> Iterator[str]:
    """Events are numbered without gaps; who watches reads all of them, or is told how many are missing."""
    last: dict[str, int] = {}
    read: dict[str, tuple[str, int]] = {}
    for entry in history:
        if isinstance(entry, Published):
            if entry.number != last.setdefault(entry.run, 0) + 1:
                yield f"{_when(entry)}: event {entry.number} follows {last[entry.run]}"
            last[entry.run] = entry.number
        elif isinstance(entry, Watched):
            run, at = read.get(entry.watcher, ("", 0))
            if entry.begins and run != entry.run:
                at = entry.numbers[0]
            elif entry.begins:
                if entry.numbers != (at,):
                    yield f"{_when(entry)}: {entry.watcher} goes on after {entry.numbers[0]}, it had read {at}"
            elif entry.numbers and entry.numbers != tuple(range(at + 1, at + 1 + len(entry.numbers))):
                yield f"{_when(entry)}: {entry.watcher} read {entry.numbers} after {at}"
            at = entry.numbers[-1] if entry.numbers else at + entry.missing
            if at > last.get(entry.run, 0):
                yield f"{_when(entry)}: {entry.watcher} read event {at}, which was not told"
            read[entry.watcher] = (entry.run, at)


def ends_are_told(history: History) -> Iterator[str]:
    """How an operation ended is an event, before the daemon stops."""
    untold: dict[str, Ended] = {}
    for entry in history:
        if isinstance(entry, Ended):
            untold[entry.operation] = entry
        elif (
            isinstance(entry, Published) and entry.operation in untold and entry.state == untold[entry.operation].state
        ):
            del untold[entry.operation]
        elif isinstance(entry, Died):
            if entry.stopped:
                yield from (f"{_when(one)}: no event tells that {one.operation} ended" for one in untold.values())
            untold.clear()


def served_in_the_end(history: History) -> Iterator[str]:
    """When nothing goes wrong any more, what is asked of each drive is done."""
    last = max((entry.life for entry in history), default=0)
    began = {entry.operation: entry for entry in history if isinstance(entry, Began) and entry.life == last}
    done = {entry.operation for entry in history if isinstance(entry, Ended) and entry.state == "SUCCEEDED"}
    for operation, entry in began.items():
        if operation not in done and entry.kind not in RESUMED:
            yield f"{_when(entry)}: {operation} on {entry.target} did not succeed"
    if history and not began:
        yield "nobody was served in the end"


VALIDATORS: Final[tuple[Callable[[History], Iterator[str]], ...]] = (
    one_effect, settled_when_served, told_as_journalled, row_before_act, true_verdicts, rotations_are_true,
    names_are_kept, kept_is_listed, captures_are_logs, no_untold_gap, ends_are_told, served_in_the_end,
)  # fmt: skip


def objections(history: History) -> list[str]:
    """Everything that is wrong with a history, by the promise that it breaks: from outside, and from inside."""
    outside = rounds.judge(seen_from_outside(history))
    found = [f"{name}: {text}" for name, texts in outside.items() for text in texts]
    return [*found, *(f"{one.__name__}: {text}" for one in VALIDATORS for text in one(history))]


def _when(entry: Entry) -> str:
    return f"life {entry.life}, {entry.at_ms / 1000:.3f} s"
