"""Journals on disks that are full, of other versions and that are none."""

from __future__ import annotations

import sqlite3
import uuid
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from nvmed.errors import NvmedError
from nvmed.operations import failure, journal_file
from nvmed.operations.journal import Journal
from nvmed.operations.journal_reader import Query, _page
from nvmed.operations.manager import Interrupted, Running, Verdict
from nvmed.operations.records import Record, State
from nvmed.reasons import Reason, error
from tests.support.operations import remembered
from tests.unit.operations.operation_manager import WANTED, crashed, manager, one_step


class FullDisk:
    """A connection to the journal whose writes fail while the disk is full."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        self.is_full = False

    def execute(self, statement: str, values: Any = ()) -> sqlite3.Cursor:
        self._refuse(statement)
        return self._db.execute(statement, values)

    def _refuse(self, statement: str) -> None:
        if self.is_full and statement.split()[0] in ("INSERT", "UPDATE", "DELETE", "BEGIN"):
            raise sqlite3.OperationalError("database or disk is full")

    def __getattr__(self, name: str) -> Any:
        return getattr(self._db, name)


def full_disk(path: Path) -> tuple[Journal, FullDisk]:
    journal = Journal(path / "journal.sqlite")
    disk = FullDisk(journal._db)
    journal._db = disk  # type: ignore[assignment]
    return journal, disk


async def test_a_full_disk_refuses_to_begin(tmp_path: Path) -> None:
    journal, disk = full_disk(tmp_path)
    async with manager(tmp_path, journal=journal) as operations:
        disk.is_full = True
        with pytest.raises(NvmedError) as caught:
            await operations.start(WANTED, one_step)
        assert caught.value.reason == Reason.STATE_NOT_WRITABLE.name
        disk.is_full = False
        assert await operations.perform(WANTED, one_step) == {"controller": WANTED.target}


async def test_a_step_is_not_taken_that_cannot_be_journalled(tmp_path: Path) -> None:
    journal, disk = full_disk(tmp_path)
    taken = []

    async def run(running: Running) -> dict[str, Any]:
        disk.is_full = True
        async with running.step("commit"):
            taken.append("commit")
        return {}

    async with manager(tmp_path, journal=journal) as operations:
        record = await operations.wait((await operations.start(WANTED, run)).id)
        assert (record.state, taken) == (State.FAILED, [])
        assert record.failure is not None
        assert record.failure["reason"] == Reason.STATE_NOT_WRITABLE.name
        disk.is_full = False
        await operations.perform(replace(WANTED, request_id="r2"), one_step)
        await operations.wait(record.id)
    written = Journal(tmp_path / "journal.sqlite")
    assert written.operation(record.id).state is State.FAILED  # written once there was room
    written.close()


async def test_an_outcome_that_cannot_be_journalled_is_asked_of_the_drive(tmp_path: Path) -> None:
    journal, disk = full_disk(tmp_path)

    async def reconcile(case: Interrupted) -> Verdict:
        assert case.steps[-1].outcome is None
        return Verdict(State.SUCCEEDED, result={"slot": 2})

    async def run(running: Running) -> dict[str, Any]:
        async with running.step("commit"):
            disk.is_full = True
        raise AssertionError("went on without its journal")

    async with manager(tmp_path, {WANTED.kind: reconcile}, journal) as operations:
        record = await operations.wait((await operations.start(WANTED, run)).id)
        assert (record.state, record.result) == (State.SUCCEEDED, {"slot": 2})
        query = Query(9, where=("state = ?", ("SUCCEEDED",)))
        assert [found.state for _, found in await operations.page(query)] == [State.SUCCEEDED]
        assert (await remembered(operations))[0].state is State.SUCCEEDED
        assert (await operations.replay(WANTED)) == record
    async with manager(tmp_path, {WANTED.kind: reconcile}) as operations:  # and after a restart, of the drive again
        assert (await operations.get(record.id)).state is State.SUCCEEDED


async def test_an_end_that_cannot_be_journalled_is_remembered_and_reconciled_later(tmp_path: Path) -> None:
    journal, disk = full_disk(tmp_path)

    async def run(running: Running) -> dict[str, Any]:
        result = await one_step(running)
        disk.is_full = True
        return result

    async with manager(tmp_path, journal=journal) as operations:
        assert await operations.perform(WANTED, run) == {"controller": WANTED.target}
        assert await operations.perform(WANTED, run) == {"controller": WANTED.target}


async def test_a_daemon_starts_on_a_full_disk(tmp_path: Path) -> None:
    await crashed(tmp_path)
    journal, disk = full_disk(tmp_path)
    disk.is_full = True
    async with manager(tmp_path, journal=journal) as operations:
        assert (await operations.get("crashed")).state is State.NEEDS_ATTENTION


def test_sqlite_itself_says_when_there_is_no_room(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal.sqlite")
    pages = journal._db.execute("PRAGMA page_count").fetchone()[0]
    journal._db.execute(f"PRAGMA max_page_count = {pages + 2}")

    def fill() -> None:
        for number in range(1000):
            journal.begin(Record(str(number), "k", "t" * 100, "p", "", b""))

    with pytest.raises(NvmedError, match="full") as caught:
        fill()
    assert caught.value.reason == Reason.STATE_NOT_WRITABLE.name
    assert journal.operation("0").kind == "k"
    journal.close()


# -- files


def test_a_journal_of_another_version_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA user_version = 99")
    db.close()
    with pytest.raises(NvmedError, match="another version"):
        Journal(path)


def test_a_journal_of_the_first_version_is_brought_up_to_date(tmp_path: Path) -> None:
    """What it holds stays: request_ids in their canonical form, history known as such."""
    path = tmp_path / "journal.sqlite"
    upper, lower = (str(uuid.UUID(int=2**128 - number)) for number in (1, 2))
    with closing(sqlite3.connect(path)) as db, db:
        db.executescript(journal_file._TABLES)
        for number, (kind, request_id) in enumerate((("k", upper.upper()), ("staged", lower), ("staged", ""))):
            row = (
                str(number),
                kind,
                "controllers/a",
                "p",
                request_id,
                b"d",
                "{}",
                "SUCCEEDED",
                "",
                number,
                number,
                "{}",
            )
            db.execute("INSERT INTO operations VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, NULL, '')", row)
        db.execute("PRAGMA user_version = 1")
    for _ in range(2):
        journal = Journal(path, {"staged"})
        found = journal.find_request("p", upper)
        assert found is not None
        assert (found.id, found.subjects, found.damage) == ("0", ("controllers/a",), "")
        journal.close()
    with closing(journal_file.open_for_reading(path)) as db:
        history = _page(Query(9, history_of=("staged",)), db)
    assert [record.id for _, record in history] == ["2", "1"]
    assert [*journal_file.problems(path)] == []
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_file_that_is_no_journal_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    path.write_bytes(b"something else" * 100)
    with pytest.raises(NvmedError) as caught:
        Journal(path)
    assert caught.value.reason == Reason.JOURNAL_DAMAGED.name
    assert "nvmed journal check" in caught.value.message
    assert path.read_bytes() == b"something else" * 100


def test_every_detail_of_an_error_survives_the_journal() -> None:
    from nvmed.errors import FieldViolation, GateViolation, NvmeStatus, OsFailure

    exc = error(
        Reason.NVME_BUSY,
        "busy",
        nvme=NvmeStatus(0x4002, "NVME_SC_INVALID_FIELD", 0x11, 0, 7),
        os=OsFailure(16, "EBUSY", "ioctl", "nvme0"),
        fields=[FieldViolation("slot", "is 9")],
        gates=[GateViolation("IN_USE", "controllers/a-1", "mounted")],
        retry_delay_ms=5,
        limit=3,
    )
    again = failure.load(failure.dump(exc))
    assert type(again) is type(exc)
    for name in ("reason", "message", "nvme", "os", "fields", "gates", "retry_delay_ms", "metadata", "remedy"):
        assert getattr(again, name) == getattr(exc, name)
