"""Operations and their journal: replay, cancelling, stopping, parts, restarts, and disks that are full."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from nvmed.errors import NvmedError, Reason, error, invalid_field
from nvmed.operations import failure
from nvmed.operations.journal import Journal, Record, State
from nvmed.operations.manager import REMEMBERED_MS, Interrupted, Manager, Mutation, Reconcile, Running, Verdict

WANTED = Mutation("nvmed.v1.Test/Do", "controllers/a-1", "tester", "r1", b"digest", {"slot": 2})


@asynccontextmanager
async def manager(
    path: Path, reconcilers: Mapping[str, Reconcile] | None = None, journal: Journal | None = None
) -> AsyncIterator[Manager]:
    made = Manager(journal or Journal(path / "journal.sqlite"), reconcilers or {})
    await made.recover()
    try:
        yield made
    finally:
        await made.close()


async def one_step(running: Running) -> dict[str, Any]:
    async with running.step("only", slot=2) as outcome:
        outcome["seen"] = True
    return {"controller": running.record.target}


def raiser(exc: Exception) -> Callable[[Running], Any]:
    async def run(running: Running) -> dict[str, Any]:
        async with running.step("fails"):
            raise exc

    return run


# -- what is written


async def test_a_step_is_journalled_before_and_after(tmp_path: Path) -> None:
    async with manager(tmp_path) as operations:

        async def run(running: Running) -> dict[str, Any]:
            async with running.step("download", slot=2, size_bytes=4096) as outcome:
                (before,) = await operations.steps(running.record.id)
                assert (before.name, before.detail, before.outcome) == (
                    "download",
                    {"slot": 2, "size_bytes": 4096},
                    None,
                )
                assert (await operations.get(running.record.id)).phase == "download"
                outcome["commands"] = 1
            return {}

        record = await operations.wait((await operations.start(WANTED, run)).id)
        assert record.state is State.SUCCEEDED
        (step,) = await operations.steps(record.id)
        assert step.outcome == {"commands": 1, "ok": True}
        assert step.settled_ms is not None
        assert step.settled_ms >= step.intended_ms


async def test_a_failure_keeps_everything_that_a_client_is_told(tmp_path: Path) -> None:
    exc = invalid_field("slot", "is 9; give 1 to 7")
    async with manager(tmp_path) as operations:
        record = await operations.wait((await operations.start(WANTED, raiser(exc))).id)
        assert record.state is State.FAILED
        (step,) = await operations.steps(record.id)
        assert step.outcome is not None
        assert step.outcome["failure"]["reason"] == "INVALID_FIELD"
    async with manager(tmp_path) as operations:
        with pytest.raises(type(exc)) as caught:
            await operations.perform(WANTED, one_step)
        assert (caught.value.fields, caught.value.message) == (exc.fields, exc.message)


async def test_a_bug_ends_an_operation_and_is_called_one(tmp_path: Path) -> None:
    async with manager(tmp_path) as operations:
        record = await operations.wait((await operations.start(WANTED, raiser(ZeroDivisionError()))).id)
        assert record.failure is not None
        assert (record.state, record.failure["reason"]) == (State.FAILED, "BUG")
        (step,) = await operations.steps(record.id)
        assert step.outcome is not None
        assert step.outcome["failure"]["reason"] == "BUG"


# -- request_id


@pytest.mark.parametrize("restart", [False, True])
async def test_a_request_made_twice_is_done_once(tmp_path: Path, restart: bool) -> None:
    done = []

    async def run(running: Running) -> dict[str, Any]:
        done.append(running.record.id)
        return await one_step(running)

    async with manager(tmp_path) as operations:
        first = await operations.wait((await operations.start(WANTED, run)).id)
        if not restart:
            assert await operations.wait((await operations.start(WANTED, run)).id) == first
    if restart:
        async with manager(tmp_path) as operations:
            assert await operations.wait((await operations.start(WANTED, run)).id) == first
            assert await operations.replay(WANTED) == first
            assert await operations.perform(WANTED, run) == {"controller": WANTED.target}
    assert len(done) == 1


async def test_a_request_made_twice_at_once_is_done_once(tmp_path: Path) -> None:
    async with manager(tmp_path) as operations:
        records = await asyncio.gather(*(operations.start(WANTED, one_step) for _ in range(8)))
        assert len({record.id for record in records}) == 1


@pytest.mark.parametrize("changed", [{"digest": b"other"}, {"kind": "nvmed.v1.Test/Other"}])
async def test_a_changed_request_with_an_old_id_is_refused(tmp_path: Path, changed: dict[str, Any]) -> None:
    async with manager(tmp_path) as operations:
        await operations.perform(WANTED, one_step)
        for ask in (operations.replay, lambda other: operations.start(other, one_step)):
            with pytest.raises(NvmedError) as caught:
                await ask(replace(WANTED, **changed))
            assert caught.value.reason == Reason.REQUEST_ID_REUSED.name


async def test_request_ids_belong_to_principals_and_empty_ones_to_nobody(tmp_path: Path) -> None:
    async with manager(tmp_path) as operations:
        others = [replace(WANTED, principal="other"), replace(WANTED, request_id=""), replace(WANTED, request_id="")]
        ids = {(await operations.start(wanted, one_step)).id for wanted in (WANTED, *others)}
        assert len(ids) == 4


async def test_what_is_old_is_forgotten_but_history(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    journal = Journal(path)
    for number, kind in enumerate(("a", "b", "b")):
        journal.begin(Record(str(number), kind, "t", "p", str(number), b""))
    journal.finish("0", State.SUCCEEDED)
    journal.finish("1", State.FAILED)
    with sqlite3.connect(path) as db:
        db.execute("UPDATE operations SET created_ms = created_ms - ?", (REMEMBERED_MS + 1,))
    db.close()
    journal.close()
    operations = Manager(Journal(path), {}, history={"b"})
    await operations.recover()
    assert [record.id for record in await operations.list()] == ["1", "2"]
    await operations.close()


# -- cancelling and stopping


async def test_cancelling_stops_at_the_next_safe_place(tmp_path: Path) -> None:
    reached, go = asyncio.Event(), asyncio.Event()

    async def run(running: Running) -> dict[str, Any]:
        async with running.step("first", cancellable=True):
            assert running.progress.cancellable
            reached.set()
            await go.wait()
        async with running.step("second"):
            raise AssertionError("a cancelled operation went on")

    async with manager(tmp_path) as operations:
        record = await operations.start(WANTED, run)
        await reached.wait()
        await operations.cancel(record.id)
        inside = operations.running(record.id)
        assert inside is not None
        assert inside.cancel_requested
        go.set()
        ended = await operations.wait(record.id)
        assert ended.state is State.CANCELLED
        assert [step.name for step in await operations.steps(record.id)] == ["first"]
        await operations.cancel(record.id)  # too late is no error
        with pytest.raises(NvmedError, match="no operation"):
            await operations.cancel("unknown")


async def test_nothing_stops_an_operation_after_the_point_of_no_return(tmp_path: Path) -> None:
    reached, go = asyncio.Event(), asyncio.Event()

    async def run(running: Running) -> dict[str, Any]:
        running.no_return()
        async with running.step("commit", cancellable=True):
            assert not running.progress.cancellable
            reached.set()
            await go.wait()
        return await one_step(running)

    operations = Manager(Journal(tmp_path / "journal.sqlite"), {})
    record = await operations.start(WANTED, run)
    await reached.wait()
    await operations.cancel(record.id)
    closing = asyncio.create_task(operations.close())
    go.set()
    await closing
    journal = Journal(tmp_path / "journal.sqlite")
    assert journal.operation(record.id).state is State.SUCCEEDED
    journal.close()


async def test_a_daemon_that_stops_says_what_is_safe_to_retry(tmp_path: Path) -> None:
    reached = asyncio.Event()

    async def run(running: Running) -> dict[str, Any]:
        async with running.step("download", cancellable=True):
            reached.set()
            while True:
                running.checkpoint()
                await asyncio.sleep(0)

    operations = Manager(Journal(tmp_path / "journal.sqlite"), {})
    record = await operations.start(WANTED, run)
    await reached.wait()
    await operations.close()
    with pytest.raises(NvmedError) as caught:
        await operations.start(WANTED, run)
    assert caught.value.reason == Reason.SHUTTING_DOWN.name
    async with manager(tmp_path) as operations:
        ended = await operations.get(record.id)
        assert ended.state is State.SAFE_TO_RETRY
        assert ended.failure is not None
        assert ended.failure["reason"] == Reason.OPERATION_INTERRUPTED.name


async def test_an_operation_outlives_the_call_that_asked(tmp_path: Path) -> None:
    reached, go = asyncio.Event(), asyncio.Event()

    async def run(running: Running) -> dict[str, Any]:
        reached.set()
        await go.wait()
        return await one_step(running)

    async with manager(tmp_path) as operations:
        asking = asyncio.create_task(operations.perform(WANTED, run))
        await reached.wait()
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        go.set()
        (record,) = await operations.list()
        assert (await operations.wait(record.id)).state is State.SUCCEEDED


async def test_waiting_ends_in_time(tmp_path: Path) -> None:
    go = asyncio.Event()

    async def run(running: Running) -> dict[str, Any]:
        await go.wait()
        return {}

    async with manager(tmp_path) as operations:
        record = await operations.start(WANTED, run)
        assert (await operations.wait(record.id, timeout_s=0.01)).state.is_open
        go.set()
        assert (await operations.wait(record.id)).state is State.SUCCEEDED


# -- parts


async def test_parts_are_operations_and_cancelled_with_the_whole(tmp_path: Path) -> None:
    reached = asyncio.Semaphore(0)

    async def part(running: Running) -> dict[str, Any]:
        async with running.step("download", cancellable=True):
            reached.release()
            while True:
                running.checkpoint()
                await asyncio.sleep(0)

    async with manager(tmp_path) as operations:

        async def run(running: Running) -> dict[str, Any]:
            async with running.step("all", cancellable=True):
                begun = [await running.part(f"controllers/{name}-1", {}, part) for name in "abc"]
                ended = [await operations.wait(record.id) for record in begun]
            assert {record.state for record in ended} == {State.CANCELLED}
            raise error(Reason.OPERATION_CANCELLED)

        record = await operations.start(WANTED, run)
        for _ in range(3):
            await reached.acquire()
        await operations.cancel(record.id)
        assert (await operations.wait(record.id)).state is State.CANCELLED
        parts = await operations.parts(record.id)
        assert [part.target for part in parts] == ["controllers/a-1", "controllers/b-1", "controllers/c-1"]
        assert {part.parent for part in parts} == {record.id}
        assert {part.request_id for part in parts} == {""}


# -- pages


async def test_pages_go_back_in_time(tmp_path: Path) -> None:
    async with manager(tmp_path) as operations:
        for number in range(7):
            await operations.perform(replace(WANTED, request_id=str(number)), one_step)
        everything = [record.id for record in await operations.list()]
        seen: list[str] = []
        position = None
        while batch := await operations.page(3, position):
            seen += [record.id for record in batch]
            position = (batch[-1].created_ms, batch[-1].id)
        assert sorted(seen) == sorted(everything)
        assert len(seen) == 7


async def test_listeners_hear_of_every_phase(tmp_path: Path) -> None:
    heard: list[tuple[State, str]] = []
    async with manager(tmp_path) as operations:
        stop = operations.subscribe(lambda record: heard.append((record.state, record.phase)))
        await operations.perform(WANTED, one_step)
        stop()
        await operations.perform(replace(WANTED, request_id="r2"), one_step)
    assert heard[0][0] is State.PENDING
    assert heard[-1] == (State.SUCCEEDED, "only")


# -- crashes


async def crashed(path: Path, kind: str = WANTED.kind) -> str:
    """A journal as a crash in the middle of a step leaves it."""
    journal = Journal(path / "journal.sqlite")
    journal.begin(Record("crashed", kind, WANTED.target, "tester", "r1", b"digest"))
    journal.intend("crashed", "commit", {"slot": 2})
    journal.close()
    return "crashed"


async def test_a_crash_is_reconciled_by_the_kind(tmp_path: Path) -> None:
    asked: list[Interrupted] = []

    async def reconcile(case: Interrupted) -> Verdict:
        asked.append(case)
        return Verdict(State.SUCCEEDED, result={"slot": case.steps[-1].detail["slot"]})

    await crashed(tmp_path)
    async with manager(tmp_path, {WANTED.kind: reconcile}) as operations:
        record = await operations.get("crashed")
        assert (record.state, record.result) == (State.SUCCEEDED, {"slot": 2})
        assert await operations.perform(WANTED, one_step) == {"slot": 2}
    assert len(asked) == 1


async def test_a_crash_before_the_first_step_is_safe_to_retry(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal.sqlite")
    journal.begin(Record("crashed", "k", "t", "p", "", b""))
    journal.close()
    async with manager(tmp_path) as operations:
        assert (await operations.get("crashed")).state is State.SAFE_TO_RETRY


@pytest.mark.parametrize("exc", [error(Reason.DEVICE_GONE, "it is gone"), ZeroDivisionError()], ids=["gone", "bug"])
async def test_a_drive_that_cannot_be_asked_needs_attention(tmp_path: Path, exc: Exception) -> None:
    async def reconcile(case: Interrupted) -> Verdict:
        raise exc

    await crashed(tmp_path)
    async with manager(tmp_path, {WANTED.kind: reconcile}) as operations:
        record = await operations.get("crashed")
        assert record.state is State.NEEDS_ATTENTION
        assert record.failure is not None
        assert record.failure["reason"] == Reason.OPERATION_UNCERTAIN.name
        assert "interrupted in step commit" in record.failure["message"]


async def test_a_kind_that_nobody_reconciles_needs_attention(tmp_path: Path) -> None:
    await crashed(tmp_path)
    async with manager(tmp_path) as operations:
        assert (await operations.get("crashed")).state is State.NEEDS_ATTENTION


@pytest.mark.parametrize(
    ("verdict", "state", "reason"),
    [
        (Verdict(State.SUCCEEDED, result={"found": True}), State.SUCCEEDED, None),
        (Verdict(State.SAFE_TO_RETRY, "as before"), State.FAILED, Reason.COMMAND_TIMEOUT),
        (Verdict(State.NEEDS_ATTENTION, "strange"), State.NEEDS_ATTENTION, Reason.OPERATION_UNCERTAIN),
    ],
)
async def test_a_drive_that_did_not_answer_is_asked_what_came_of_it(
    tmp_path: Path, verdict: Verdict, state: State, reason: Reason | None
) -> None:
    async def reconcile(case: Interrupted) -> Verdict:
        return verdict

    async def run(running: Running) -> dict[str, Any]:
        async with running.step("commit"):
            running.uncertain()
            raise error(Reason.COMMAND_TIMEOUT, "no answer")

    async with manager(tmp_path, {WANTED.kind: reconcile}) as operations:
        record = await operations.wait((await operations.start(WANTED, run)).id)
        assert record.state is state
        assert (record.failure or {}).get("reason") == (reason.name if reason else None)


# -- full disks


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
        assert (await operations.page(9))[0].state is State.SUCCEEDED
        assert (await operations.list())[0].state is State.SUCCEEDED
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


def test_a_file_that_is_no_journal_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    path.write_bytes(b"something else" * 100)
    with pytest.raises(NvmedError) as caught:
        Journal(path)
    assert caught.value.reason == Reason.STATE_NOT_WRITABLE.name


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
    for name in ("reason", "message", "nvme", "os", "fields", "gates", "retry_delay_ms", "metadata"):
        assert getattr(again, name) == getattr(exc, name)
