"""`python -m tests.fleet.record_histories`: records the histories that test_replay.py replays.

A change of the workflow that cannot replay one would break campaigns under way. Then it is made behind
`workflow.patched`, or the workflow gets another name; histories are added, never replaced.
"""

from __future__ import annotations

import asyncio
import gzip
import sys
import tempfile
from pathlib import Path

import msgspec
from nvmed_fleet import sweep
from nvmed_fleet.temporal import batches
from nvmed_fleet.temporal.batch_payloads import batch_id
from nvmed_fleet.temporal.payloads import workflow_id
from nvmedctl.hosts import Host
from temporalio.client import WorkflowHistory

from tests.fleet.scripted import Stage, playing
from tests.support import served_hosts

FOLDER = Path(__file__).parent / "histories"


async def _ends_well(stage: Stage) -> None:
    stage.plan(4, waves=("1", "rest"), soak_s=86400.0, drain=("true",), undrain=("true",))


async def _fails_and_is_retried(stage: Stage) -> None:
    stage.plan(5, waves=("2", "rest"), failure_budget=2, rollback_failed=True)
    stage.script.fail("h1")
    stage.script.fail("h2", "verify")


async def _is_steered(stage: Stage) -> None:
    stage.plan(4, waves=("1", "rest"), approve_before=(2,), in_flight=1)


async def record(name: str) -> WorkflowHistory:
    """Play a campaign to its end; its history."""
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        async with playing(Path(folder)) as stage:
            await SCENES[name](stage)
            held = stage.script.hold("h2") if name == "steered" else None
            await stage.begin()
            if name == "retried":
                await stage.until("halted")
                await stage.ask("retry_failed")
            if held:
                await stage.until("approval")
                await stage.ask("approve", 2)
                await stage.script.until(lambda: "activate" in stage.script.phases("h2"))
                await stage.ask("pause")
                held.set()
                await stage.status(lambda status: not status.in_flight)
                await stage.ask("resume")
                await stage.ask("cancel")
            await stage.end()
            return await stage.client.get_workflow_handle(workflow_id("c")).fetch_history()


async def record_sweep() -> WorkflowHistory:
    """A sweep of three hosts, one of which is not there."""
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        place = Path(folder)
        async with served_hosts.hosts(place, "h1", "h2") as served, playing(place / "engine") as stage:
            hosts = [*(one.host for one in served.values()), Host("h3", f"unix:{place}/none.sock", "h3")]
            options = sweep.Options(in_flight=1, unreachable_after_s=1)
            plan = sweep.make("s", str(place / "to"), ["smart"], hosts, options)
            await batches.begin(stage.client, "sweep", "s", stage.store.put(msgspec.json.encode(plan)))
            await batches.ended(stage.client, "sweep", "s")
            return await stage.client.get_workflow_handle(batch_id("sweep", "s")).fetch_history()


SCENES = {"well": _ends_well, "retried": _fails_and_is_retried, "steered": _is_steered}


def main() -> None:
    """Record those that are not there, under the version that is given."""
    version = sys.argv[1]
    FOLDER.mkdir(exist_ok=True)
    for name in (*SCENES, "sweep"):
        path = FOLDER / f"{version}-{name}.json.gz"
        if not path.exists():
            history = asyncio.run(record(name) if name in SCENES else record_sweep())
            path.write_bytes(gzip.compress(history.to_json().encode(), mtime=0))


if __name__ == "__main__":
    main()
