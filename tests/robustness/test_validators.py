"""Each validator, shown a history that is as it should be and the same with one thing wrong: it alone objects."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import msgspec
import pytest

from tests.robustness import history
from tests.robustness.history import (
    Answered,
    Attempt,
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
)  # fmt: skip
from tests.robustness.rounds import Report
from tests.robustness.validators import GROWTH_BYTES_MAX, LANE_S_MAX, VALIDATORS, counts, judge

REPORTS = Path(__file__).parent / "reports"
ALICE, EVE, METHOD, DRIVE, NAME = (
    "unix:alice",
    "unix:eve",
    "nvmed.v1.FirmwareService/ActivateFirmware",
    "A",
    "controllers/a",
)
STEP = Step("1", METHOD, NAME, ALICE, "1")
COMMIT = Command(drive=DRIVE, opcode="FIRMWARE_COMMIT", open_steps=(STEP,), audited=1)
RESET = Command(drive=DRIVE, opcode="RESET", open_steps=(STEP,), audited=1, runs="2.0.0")
WINDOW = Window(drive=DRIVE, source="host", generation=3, offset=512, size_bytes=65024, crc32=7)
FIRST = Operation(name="operations/1", principal=ALICE, request_id="r", state="PENDING", method=METHOD, target=NAME)
LAST = msgspec.structs.replace(FIRST, state="SUCCEEDED", is_last=True, running_revision="2.0.0")


def replaced(entry: history.Any, **changes: object) -> history.Any:
    return msgspec.structs.replace(entry, **changes)


HEALTHY: History = [
    Started(viewers=(EVE,)), Memory(resident_bytes=90 << 20, threads=30), Named(name=NAME, drive=DRIVE),
    WINDOW, WINDOW, Trailer(name="a log", said="ab", received="ab"), Committed(upload="u", size_bytes=5),
    Committed(upload="u", size_bytes=9, is_end=True), Committed(upload="u", size_bytes=0), Kept(name="captures/1"),
    FIRST, COMMIT, replaced(COMMIT, is_changed=True), RESET, replaced(FIRST, state="SUCCEEDED"),
    Event(watcher="w", run="r1", sequence=4), Event(watcher="w", run="r1", sequence=5),
    Missed(watcher="w", count=2), Event(watcher="w", run="r1", sequence=8), Died(how="kill"), Started(viewers=(EVE,)),
    Missed(watcher="w", count=0), Event(watcher="w", run="r2", sequence=1), Named(name=NAME, drive=DRIVE),
    Fault(kind="hang", is_on=True, drive=DRIVE), Answered(method="M", principal=ALICE, took_s=0.2, drive="B"),
    Fault(kind="hang", is_on=False, drive=DRIVE), Answered(method="M", principal=EVE, took_s=0, code="NOT_FOUND"),
    Kept(name="captures/1", is_last=True), Died(how="exit 0"), LAST, Audited(attempts=(Attempt(1, ALICE, METHOD),)),
]  # fmt: skip


@dataclass(frozen=True)
class Wrong:
    """What replaces the entry at `at`, or follows it; and who has to object."""

    who: str
    at: int
    entries: tuple[history.Any, ...]


def found(entry: history.Any) -> int:
    return next(index for index, one in enumerate(HEALTHY) if one is entry)


def nth(kind: type[history.Entry], number: int = 0) -> int:
    return [index for index, one in enumerate(HEALTHY) if isinstance(one, kind)][number]


WRONG = (
    Wrong("never_spliced", 4, (replaced(WINDOW, crc32=8),)),
    Wrong("whole_means_whole", nth(Trailer), (Trailer(name="a log", said="ab", received="cd"),)),
    Wrong("events_in_order", nth(Event, 1), ()),
    Wrong("events_in_order", nth(Event, 1), (Event(watcher="w", run="r1", sequence=4),)),
    Wrong("events_in_order", nth(Missed), ()),
    Wrong("events_in_order", nth(Missed, 1), ()),
    Wrong("at_most_once", found(FIRST), (FIRST, replaced(FIRST, name="operations/2"))),
    Wrong("at_most_once", nth(Command, 1), (HEALTHY[nth(Command, 1)], HEALTHY[nth(Command, 1)])),
    Wrong("journalled_before", nth(Command), (replaced(COMMIT, open_steps=()),)),
    Wrong("journalled_before", nth(Command), (replaced(COMMIT, drive="B"),)),
    Wrong("verdicts_are_true", nth(Command, 2), (replaced(HEALTHY[nth(Command, 2)], runs="1.0.0"),)),
    Wrong("ends_once", found(LAST), (replaced(LAST, state="FAILED"),)),
    Wrong("ends_once", found(LAST), (replaced(LAST, is_last=False, state="RUNNING"), LAST)),
    Wrong("ends_once", found(LAST), (replaced(LAST, name="operations/9"),)),
    Wrong("committed_stays", nth(Committed, 1), (Committed(upload="u", size_bytes=4),)),
    Wrong("kept_is_there", nth(Kept, 1), ()),
    Wrong("names_stay", nth(Named, 1), (HEALTHY[nth(Named)], Named(name=NAME, drive="B"))),
    Wrong("lanes_are_apart", nth(Answered), (Answered(method="M", principal=ALICE, took_s=LANE_S_MAX, drive="B"),)),
    Wrong("audited_before", nth(Audited), (Audited(attempts=(Attempt(2, ALICE, METHOD),)),)),
    Wrong("audited_before", nth(Audited), (Audited(problems=("is damaged",), attempts=(Attempt(1, ALICE, METHOD),)),)),
    Wrong("memory_is_bounded", 2, (HEALTHY[2], Memory(resident_bytes=(91 << 20) + GROWTH_BYTES_MAX, threads=30))),
    Wrong("secrets_stay_secret", 2, (HEALTHY[2], Leaked(secret="x", place="log"))),
    Wrong("roles_are_kept", found(LAST), (LAST, replaced(LAST, name="operations/2", principal=EVE, request_id="x"))),
    Wrong("no_bugs", nth(Answered), (Answered(method="M", principal=ALICE, took_s=0.2, code="INTERNAL"),)),
    Wrong("no_bugs", nth(Died), (Died(how="exit -11"),)),
    Wrong("no_bugs", 2, (HEALTHY[2], Bug(line="bug"))),
)  # fmt: skip


def timed(entries: History) -> History:
    """A second between each and the next."""
    return [replaced(entry, at_s=1000.0 + 100 * index) for index, entry in enumerate(entries)]


def test_nobody_objects_to_what_is_as_it_should_be() -> None:
    assert judge(timed(HEALTHY)) == {}


@pytest.mark.parametrize("wrong", WRONG, ids=lambda wrong: wrong.who)
def test_one_thing_that_is_wrong_is_seen_by_its_validator(wrong: Wrong) -> None:
    entries = [*HEALTHY[: wrong.at], *wrong.entries, *HEALTHY[wrong.at + 1 :]]
    assert judge(timed(entries)).keys() == {wrong.who}


def test_what_is_safe_to_retry_changed_nothing() -> None:
    retry = [
        replaced(one, state="SAFE_TO_RETRY") if isinstance(one, Operation) and one.state == "SUCCEEDED" else one
        for one in HEALTHY
    ]
    assert judge(timed(retry)).keys() == {"verdicts_are_true"}


def test_each_validator_has_something_to_object_to() -> None:
    assert {wrong.who for wrong in WRONG} == {one.__name__ for one in VALIDATORS}


def test_a_history_is_read_as_it_was_written(tmp_path: Path) -> None:
    entries = timed(HEALTHY)
    history.write(entries, tmp_path / "round-1.jsonl.gz")
    assert history.read(tmp_path / "round-1.jsonl.gz") == entries
    assert history.parse([*map(history.encoded, entries), b'{"what":"bu']) == entries, "a last line may be cut off"


def test_the_long_run_that_is_kept_broke_no_promise_and_is_judged_again() -> None:
    rows = [msgspec.json.decode(row, type=Report) for row in (REPORTS / "rounds.jsonl").read_bytes().splitlines()]
    assert [row.seed for row in rows] == list(range(1, 101))
    assert [row.seed for row in rows if row.broken] == []
    for file in REPORTS.glob("round-*.jsonl.gz"):
        kept = history.read(file)
        assert judge(kept) == {}
        assert counts(kept) == next(row.entries for row in rows if f"round-{row.seed}.jsonl.gz" == file.name)
