"""`python -m bench.fleet [HOSTS...]`: what a campaign costs the engine and a worker, with hosts that do nothing.

For each number of hosts, a campaign with three activities a host (stage, activate, verify), and a workflow that does
nothing but as many empty activities, as many at a time, in as long histories: the engine's own price. Printed are hosts
a second, processor time a host of engine and worker, the worker's memory, and how a campaign's worker compares with the
other's. The engine's database is a file, in memory where there is some.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
import tempfile
import time
from asyncio import TaskGroup
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from nvmed_fleet import plan as plans
from nvmed_fleet.plan import Drive, Image, Options, PlannedHost
from nvmed_fleet.store import Store
from nvmed_fleet.temporal import campaigns, embedded
from nvmed_fleet.temporal.activities import Activities
from nvmed_fleet.temporal.payloads import TASK_QUEUE, Task, TaskResult, workflow_id
from nvmed_fleet.temporal.worker import RUNNER
from nvmed_fleet.temporal.workflows import SHARD_HOSTS, Campaign, HostLock
from temporalio import activity, workflow
from temporalio.client import Client
from temporalio.worker import Worker

from bench import child
from bench.processes import MIB, cpu_s, peak_bytes

IN_FLIGHT = 50
PHASES = 3


class NoHosts(Activities):
    """Hosts that are done at once; all else is real."""

    @activity.defn(name="nvmed.host_phase")
    async def host_phase(self, task: Task) -> TaskResult:
        return TaskResult("done", True)


@activity.defn(name="bench.nothing")
async def nothing() -> None:
    """An empty activity."""


@workflow.defn(name="bench.Empty")
class Empty:
    """As many empty activities as a campaign over so many hosts has."""

    @workflow.run
    async def run(self, hosts: int) -> None:
        left = min(hosts, SHARD_HOSTS)

        async def lane() -> None:
            nonlocal left
            while left:
                left -= 1
                for _ in range(PHASES):
                    await workflow.execute_activity("bench.nothing", start_to_close_timeout=timedelta(minutes=1))

        async with TaskGroup() as group:
            for _ in range(IN_FLIGHT):
                group.create_task(lane())
        if hosts > SHARD_HOSTS:
            workflow.continue_as_new(hosts - SHARD_HOSTS)


@dataclass(frozen=True)
class Cost:
    """What one run took."""

    hosts: int
    seconds: float
    engine_s: float
    worker_s: float
    worker_mib: float


async def work(address: str, folder: Path) -> None:
    """A worker, until it is killed."""
    client = await Client.connect(address)
    made = Worker(
        client,
        task_queue=TASK_QUEUE,
        workflows=[Campaign, HostLock, Empty],
        activities=[*NoHosts(Store(folder), client, "bench").all(), nothing],
        workflow_runner=RUNNER,
        max_concurrent_activities=200,
    )
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    await made.run()


@contextmanager
def worker(address: str, folder: Path) -> Iterator[int]:
    """A worker's process."""
    command = [*child.COMMAND, "bench.fleet", "worker", address, str(folder)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        try:
            yield process.pid
        finally:
            process.kill()


def a_plan(store: Store, name: str, count: int) -> None:
    hosts = [
        PlannedHost(f"{name}-{number}", f"/{number}", str(number), (Drive("controllers/a", "A", "M", "1"),))
        for number in range(count)
    ]
    options = Options("2", waves=("rest",), in_flight=IN_FLIGHT, stage_in_flight=IN_FLIGHT, failure_budget=IN_FLIGHT)
    store.begin(name, "bench", store.put_plan(plans.make(name, Image("0" * 64, 1), options, hosts)))


async def measure(
    server: embedded.Server, folder: Path, hosts: int, run: Callable[[Client, Store, str], Awaitable[None]], name: str
) -> Cost:
    """What `run` costs, on a worker of its own."""
    store = Store(folder)
    client = await Client.connect(server.address)
    assert server.process is not None
    a_plan(store, name, hosts)
    with worker(server.address, folder) as pid:
        before = cpu_s(server.process.pid), cpu_s(pid), time.perf_counter()
        await run(client, store, name)
        after = cpu_s(server.process.pid), cpu_s(pid), time.perf_counter()
        engine_s, worker_s, seconds = (end - begin for end, begin in zip(after, before, strict=True))
        return Cost(hosts, seconds, engine_s, worker_s, peak_bytes(pid) / MIB)


async def a_campaign(client: Client, store: Store, name: str) -> None:
    await campaigns.begin(client, store, name)
    await client.get_workflow_handle(workflow_id(name)).result()


async def empty(client: Client, store: Store, name: str) -> None:
    hosts = len(store.plan(store.plan_of(name)).hosts)
    await client.execute_workflow("bench.Empty", hosts, id=name, task_queue=TASK_QUEUE)


def row(what: str, cost: Cost) -> str:
    return (
        f"{what:9} {cost.hosts:6} {cost.hosts / cost.seconds:8.1f} {1000 * cost.engine_s / cost.hosts:10.1f} "
        f"{1000 * cost.worker_s / cost.hosts:10.1f} {cost.worker_mib:10.0f}"
    )


async def main(sizes: list[int]) -> None:
    """Print the table."""
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # noqa: S108  # a folder of its own in it
    folder = Path(tempfile.mkdtemp(prefix="bench-fleet-", dir=memory))
    began = time.perf_counter()
    server = embedded.Server(embedded.binary(), folder / "engine.db", folder / "engine.log", embedded.free_port())
    try:
        async with server.running():
            await a_first_activity(server, folder)
            print(f"engine, worker, first activity of the first campaign done: {time.perf_counter() - began:.1f} s")
            print(f"{'what':9} {'hosts':>6} {'hosts/s':>8} {'engine ms':>10} {'worker ms':>10} {'worker MiB':>10}")
            for hosts in sizes:
                costs = [
                    await measure(server, folder, hosts, run, f"{run.__name__}-{hosts}") for run in (a_campaign, empty)
                ]
                for what, cost in zip(("campaign", "empty"), costs, strict=True):
                    print(row(what, cost), flush=True)
                print(f"worker, campaign to empty: {costs[0].worker_s / costs[1].worker_s:.2f}")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


async def a_first_activity(server: embedded.Server, folder: Path) -> None:
    await measure(server, folder, 1, a_campaign, "first")


if __name__ == "__main__":
    if sys.argv[1:2] == ["worker"]:
        asyncio.run(work(sys.argv[2], Path(sys.argv[3])))
    else:
        asyncio.run(main([int(text) for text in sys.argv[1:]] or [100, 1000]))
