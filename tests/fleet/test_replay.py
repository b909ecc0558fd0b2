"""Histories of campaigns and batches of earlier versions, replayed: those under way must go on after an upgrade."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
from nvmed_fleet.temporal.batch_workflow import Batch
from nvmed_fleet.temporal.payloads import workflow_id
from nvmed_fleet.temporal.workflows import Campaign, HostLock
from temporalio.client import WorkflowHistory
from temporalio.worker import Replayer

FOLDER = Path(__file__).parent / "histories"
WORKFLOWS = [Campaign, HostLock, Batch]
RECORDED = sorted(FOLDER.glob("*.json.gz"))


def recorded(path: Path) -> WorkflowHistory:
    return WorkflowHistory.from_json(workflow_id("c"), gzip.decompress(path.read_bytes()).decode())


def test_histories_are_recorded() -> None:
    assert {path.name.split("-")[1].split(".")[0] for path in RECORDED} == {"well", "retried", "steered", "sweep"}


@pytest.mark.parametrize("path", RECORDED, ids=lambda path: path.name)
async def test_what_an_earlier_version_began_goes_on(path: Path) -> None:
    history = recorded(path)
    await Replayer(workflows=WORKFLOWS).replay_workflow(history)


async def test_a_workflow_that_does_something_else_is_noticed() -> None:
    """The replay itself works: with another order of things it fails."""
    text = recorded(RECORDED[0]).to_json().replace("nvmed.lock_hosts", "nvmed.other")
    with pytest.raises(Exception, match="Nondeterminism"):
        await Replayer(workflows=WORKFLOWS).replay_workflow(WorkflowHistory.from_json("c", text))
