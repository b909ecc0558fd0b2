"""Operations that a crash interrupted, and drives that did not answer: what is said of them."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from nvmed.operations.journal import Journal
from nvmed.operations.manager import Interrupted, Resumption, Running, Verdict
from nvmed.operations.records import Record, State
from nvmed.reasons import Reason, error
from tests.unit.operations.operation_manager import WANTED, crashed, manager, one_step


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


async def test_what_goes_on_in_the_drive_is_watched_by_one_daemon_after_another(tmp_path: Path) -> None:
    """A daemon that stops leaves it open; the next one goes on, under the same name, and says how it ended."""
    watching, ended = asyncio.Event(), asyncio.Event()

    async def watch(running: Running) -> dict[str, Any]:
        running.leave_to_drive()
        watching.set()
        await running.until_stopped(ended.wait())
        async with running.step("result") as outcome:
            outcome["seen"] = True
        return {"slot": 2}

    async def begun(running: Running) -> dict[str, Any]:
        async with running.step("start"):
            pass
        return await watch(running)

    async def reconcile(case: Interrupted) -> Resumption:
        assert [step.name for step in case.steps] == ["start"]
        return Resumption(watch)

    async with manager(tmp_path) as operations:
        operation = (await operations.start(WANTED, begun)).id
        await watching.wait()
    for _ in range(2):
        watching.clear()
        async with manager(tmp_path, {WANTED.kind: reconcile}) as operations:
            assert (await operations.get(operation)).state is State.RUNNING
            await watching.wait()
    async with manager(tmp_path, {WANTED.kind: reconcile}) as operations:
        ended.set()
        record = await operations.wait(operation)
        assert (record.state, record.result) == (State.SUCCEEDED, {"slot": 2})
        assert [step.name for step in await operations.steps(operation)] == ["start", "result"]


async def test_a_command_without_an_answer_that_is_under_way_after_all_is_watched(tmp_path: Path) -> None:
    async def begun(running: Running) -> dict[str, Any]:
        async with running.step("start"):
            running.uncertain()
            raise error(Reason.COMMAND_TIMEOUT, "it has not returned")

    async def reconcile(case: Interrupted) -> Resumption:
        return Resumption(one_step)

    async with manager(tmp_path, {WANTED.kind: reconcile}) as operations:
        assert await operations.perform(WANTED, begun) == {"controller": WANTED.target}
