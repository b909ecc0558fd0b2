"""Operations that a crash interrupted, and drives that did not answer: what is said of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from nvmed.operations.journal import Journal
from nvmed.operations.manager import Interrupted, Running, Verdict
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
