"""What a history must be: each validator holds one promise of docs/guarantees.md, and yields what breaks it.

None knows who drew the traffic, or what was drawn: they judge what was done, seen and found.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from itertools import groupby
from typing import Final

from tests.robustness.history import (
    Answered,
    Audited,
    Bug,
    Command,
    Committed,
    Died,
    Event,
    Fault,
    History,
    Kept,
    Leaked,
    Memory,
    Missed,
    Named,
    Operation,
    Started,
    Step,
    Trailer,
    Window,
    of,
)  # fmt: skip

ENDED: Final = frozenset({"SUCCEEDED", "FAILED", "CANCELLED", "SAFE_TO_RETRY", "NEEDS_ATTENTION"})
OWN_FAULTS: Final = frozenset({"INTERNAL", "UNKNOWN"})
LANE_S_MAX: Final = 15.0
"""What a call about another drive may take while one hangs; much more than it does, and less than a hang's limit."""

GROWTH_BYTES_MAX: Final = 128 << 20
"""Over what the first daemon held when it served."""

REPEATED: Final = frozenset({"FIRMWARE_IMAGE_DOWNLOAD", "NAMESPACE_ATTACHMENT", "RESET"})
"""What one operation may do to a drive more than once."""

Validator = Callable[[History], Iterator[str]]


def attributed(history: History) -> Iterator[tuple[Command, Step]]:
    """What drives were told, each with the steps under way that were about that drive."""
    drives: dict[str, str] = {}
    for named in of(history, Named):
        drives.setdefault(named.name, named.drive)
    for command in of(history, Command):
        for step in command.open_steps:
            if drives.get(step.target) == command.drive:
                yield command, step


def alone(history: History) -> Iterator[tuple[Command, Step]]:
    """The same of those whose step nobody can mistake for another's."""
    for _, steps in groupby(attributed(history), key=lambda pair: id(pair[0])):
        first, *others = steps
        if not others:
            yield first


def never_spliced(history: History) -> Iterator[str]:
    """G1, G3: bytes of a log at a place are the same, whoever reads them, whenever, in one stream or resumed."""
    seen: dict[tuple[str, str, int, int, int], int] = {}
    for one in of(history, Window):
        key = (one.drive, one.source, one.generation, one.offset, one.size_bytes)
        if seen.setdefault(key, one.crc32) != one.crc32:
            yield f"two readings of {one.source} telemetry {one.generation} of {one.drive} differ at {one.offset}"


def whole_means_whole(history: History) -> Iterator[str]:
    """G2, G5, G12: what was said to be whole is what its hash says."""
    for one in of(history, Trailer):
        if one.said != one.received:
            yield f"{one.name} is said to be {one.said[:16]}, and is {one.received[:16]}"


def events_in_order(history: History) -> Iterator[str]:
    """G6: each watcher's numbers of a run follow one another, and what is missing was told before."""
    for watcher in {one.watcher for one in of(history, Event)}:
        run, last, missed = "", 0, None
        for one in history:
            if isinstance(one, Missed) and one.watcher == watcher:
                missed = one.count
            elif isinstance(one, Event) and one.watcher == watcher:
                told = missed if missed is not None else 0
                if one.run == run and one.sequence != last + 1 + told and not (missed == 0 and one.sequence > last):
                    yield f"{watcher}: after {last} of {run} and {told} told as missing comes {one.sequence}"
                if run and one.run != run and missed is None:
                    yield f"{watcher}: run {one.run} began, and nothing was told to be missing"
                run, last, missed = one.run, one.sequence, None


def at_most_once(history: History) -> Iterator[str]:
    """G8: a request_id of a principal is one operation, and one commit, creation or erasure of a drive."""
    names: dict[tuple[str, str], set[str]] = defaultdict(set)
    for one in of(history, Operation):
        if one.request_id and not one.is_last:
            names[one.principal, one.request_id].add(one.name)
    for (principal, request_id), found in names.items():
        if len(found) > 1:
            yield f"request {request_id} of {principal} is {len(found)} operations: {sorted(found)}"
    done = Counter(
        (step.operation, command.drive, command.opcode)
        for command, step in alone(history) if command.is_changed and command.opcode not in REPEATED
    )  # fmt: skip
    for (operation, drive, opcode), count in done.items():
        if count > 1:
            yield f"operation {operation} did {opcode} to {drive} {count} times"


def journalled_before(history: History) -> Iterator[str]:
    """G9: whatever changes a drive has its step in the journal, on disk, before."""
    known = {id(command) for command, _ in attributed(history)}
    for one in of(history, Command):
        if id(one) not in known and one.opcode != "RESET":
            yield f"{one.opcode} reached {one.drive} at {one.at_s:.3f}, and the journal had no step of it"


def verdicts_are_true(history: History) -> Iterator[str]:
    """G10: what is safe to retry changed nothing, and firmware that is said to run was run by the drive."""
    last: dict[str, Command] = {}
    changed: dict[str, str] = {}
    for command, step in attributed(history):
        last[f"operations/{step.operation}"] = command
    for command, step in alone(history):
        if command.is_changed and command.opcode not in ("RESET", "FIRMWARE_IMAGE_DOWNLOAD"):
            changed[f"operations/{step.operation}"] = command.opcode
    for one in of(history, Operation):
        if one.is_last and one.state == "SAFE_TO_RETRY" and one.name in changed:
            yield f"{one.name} ({one.method}) is safe to retry, and did {changed[one.name]}"
        if one.is_last and one.running_revision and one.name in last and last[one.name].runs != one.running_revision:
            runs = last[one.name].runs
            yield f"{one.name} ({one.method}) says that {one.running_revision} runs; the drive ran {runs}"


def ends_once(history: History) -> Iterator[str]:
    """G10: an operation that has ended stays as it ended, is there at the end, and none is left open."""
    ended: dict[str, tuple[str, float]] = {}
    for one in of(history, Operation):
        state, told_s = ended.get(one.name, ("", 0.0))
        if state not in ("", one.state) and (one.state in ENDED or one.began_s > told_s):
            yield f"{one.name} was {state}, and is {one.state} now"
        if one.state in ENDED:
            ended[one.name] = (one.state, one.at_s)
        elif one.is_last:
            yield f"{one.name} ({one.method}) is {one.state} when nothing runs any more"
    last = {one.name for one in of(history, Operation) if one.is_last}
    yield from (f"{name} was told of, and the journal has it no more" for name in ended if last and name not in last)


def committed_stays(history: History) -> Iterator[str]:
    """G12: what was said to be committed of an upload is not asked for again."""
    told: dict[str, int] = {}
    for one in of(history, Committed):
        if one.size_bytes < told.get(one.upload, 0):
            yield f"{one.upload}: {told[one.upload]} bytes were committed, and now {one.size_bytes}"
        told[one.upload] = 0 if one.is_end else one.size_bytes


def kept_is_there(history: History) -> Iterator[str]:
    """G5, G12, G13: what was said to be kept is there at the end, unless it was deleted."""
    promised = [one for one in of(history, Kept) if not one.is_last]
    left = {one.name for one in promised if one.is_kept} - {one.name for one in promised if not one.is_kept}
    found = {one.name for one in of(history, Kept) if one.is_last}
    yield from (f"{name} was to be kept, and is not there" for name in sorted(left - found))


def names_stay(history: History) -> Iterator[str]:
    """G14: a name is one drive's for ever."""
    owners: dict[str, str] = {}
    for one in of(history, Named):
        if owners.setdefault(one.name, one.drive) != one.drive:
            yield f"{one.name} was {owners[one.name]}'s, and now it is {one.drive}'s"


def lanes_are_apart(history: History) -> Iterator[str]:
    """G15: while a drive hangs, and the host is well, calls about others are answered."""
    hung, ill = intervals(history, "hang"), [*intervals(history, "freeze"), *outages(history)]
    for one in of(history, Answered):
        began = one.at_s - one.took_s
        if not one.drive or one.took_s < LANE_S_MAX or any(a < one.at_s and began < b for a, b, _ in ill):
            continue
        if not any(a < one.at_s and began < b and drive == one.drive for a, b, drive in hung):
            yield f"{one.method} of {one.drive} took {one.took_s:.1f} s, and nothing kept it"


def intervals(history: History, kind: str) -> list[tuple[float, float, str]]:
    """When faults of a kind were on, and of which drive."""
    found, begun = [], {}
    for one in of(history, Fault):
        if one.kind == kind and one.is_on:
            begun[one.drive] = one.at_s
        elif one.kind == kind and one.drive in begun:
            found.append((begun.pop(one.drive), one.at_s, one.drive))
    return found


def outages(history: History) -> list[tuple[float, float, str]]:
    """When no daemon served."""
    found, since = [], 0.0
    for one in history:
        if isinstance(one, Died):
            since = one.at_s
        elif isinstance(one, Started):
            found.append((since, one.at_s, ""))
    return found


def audited_before(history: History) -> Iterator[str]:
    """G17, G18: whoever changes a drive is in the audit before, and the audit's chain is whole."""
    for audit in of(history, Audited):
        yield from (f"audit: {problem}" for problem in audit.problems)
        attempts: dict[tuple[str, str], list[int]] = defaultdict(list)
        for attempt in audit.attempts:
            attempts[attempt.principal, attempt.method].append(attempt.number)
        begun: dict[tuple[str, str], set[str]] = defaultdict(set)
        for one, step in alone(history):
            who = (step.principal, step.method)
            begun[who].add(step.request)
            if len(begun[who]) > sum(number <= one.audited for number in attempts[who]):
                yield f"{one.opcode} reached {one.drive} for {step.principal}, and the audit had no {step.method}"


def memory_is_bounded(history: History) -> Iterator[str]:
    """G19: a daemon's memory stays within its budget."""
    looks = [*of(history, Memory)]
    for one in looks:
        grown = one.resident_bytes - looks[0].resident_bytes
        if grown > GROWTH_BYTES_MAX:
            yield f"the daemon grew by {grown >> 20} MiB, of {GROWTH_BYTES_MAX >> 20} allowed"


def secrets_stay_secret(history: History) -> Iterator[str]:
    """G20: no secret is found on disk, in the log, or in what was answered."""
    yield from (f"a secret is in {one.place}" for one in of(history, Leaked))


def roles_are_kept(history: History) -> Iterator[str]:
    """G21: who may only look changed nothing."""
    viewers = {name for one in of(history, Started) for name in one.viewers}
    for one in of(history, Operation):
        if one.principal in viewers:
            yield f"{one.principal} may only look, and began {one.name} ({one.method})"


def no_bugs(history: History) -> Iterator[str]:
    """Nothing is answered or logged as a fault of nvmed's own, and a daemon that is told to stop does."""
    for one in of(history, Answered):
        if one.code in OWN_FAULTS:
            yield f"{one.method} was answered {one.code}: {one.message}"
    yield from (f"logged: {one.line[:300]}" for one in of(history, Bug))
    for died in of(history, Died):
        if died.how not in ("kill", "power-cut", "exit 0"):
            yield f"the daemon ended by itself: {died.how}"


VALIDATORS: Final[tuple[Validator, ...]] = (
    never_spliced, whole_means_whole, events_in_order, at_most_once, journalled_before, verdicts_are_true, ends_once,
    committed_stays, kept_is_there, names_stay, lanes_are_apart, audited_before, memory_is_bounded, secrets_stay_secret,
    roles_are_kept, no_bugs,
)  # fmt: skip


def judge(history: History) -> dict[str, list[str]]:
    """What breaks a promise, by validator; empty where all hold."""
    found = {one.__name__: list(one(history)) for one in VALIDATORS}
    return {name: broken for name, broken in found.items() if broken}


def counts(history: History) -> dict[str, int]:
    """How many entries of each kind there are."""
    kinds = sorted(type(one).__name__.lower() for one in history)
    return {kind: len([*group]) for kind, group in groupby(kinds)}
