"""Operations and their journal: replay, cancelling, stopping, parts and pages."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from nvmed.errors import NvmedError
from nvmed.operations.journal import Journal
from nvmed.operations.journal_reader import Position, Query
from nvmed.operations.manager import Manager, Running
from nvmed.operations.records import State
from nvmed.reasons import Reason, error, invalid_field
from tests.support.operations import remembered
from tests.unit.operations.operation_manager import WANTED, manager, one_step, raiser

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
        (record,) = await remembered(operations)
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
        everything = [record.id for record in await remembered(operations)]
        seen: list[str] = []
        position: Position | None = None
        while batch := await operations.page(Query(3, position)):
            seen += [record.id for _, record in batch]
            position = batch[-1][0]
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


async def test_what_should_stop_already_does_not_begin_to_wait(tmp_path: Path) -> None:
    """It was asked to stop while it did something else than wait."""

    async def run(running: Running) -> dict[str, Any]:
        await operations.cancel(running.record.id)
        await running.until_stopped(asyncio.sleep(3600))
        return {}

    async with manager(tmp_path) as operations:
        record = await operations.wait((await operations.start(WANTED, run)).id)
        assert record.state is State.CANCELLED
