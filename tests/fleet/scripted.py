"""A campaign's workflow and its real activities, but for the hosts: what each phase of each comes to is scripted."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nvmed_fleet import plan as plans
from nvmed_fleet.plan import Drive, Image, Options, PlannedHost
from nvmed_fleet.records import HostRecord, Verdict, now
from nvmed_fleet.store import Store
from nvmed_fleet.temporal import campaigns, embedded
from nvmed_fleet.temporal.activities import Activities
from nvmed_fleet.temporal.batch_activities import BatchActivities
from nvmed_fleet.temporal.batch_workflow import Batch
from nvmed_fleet.temporal.payloads import TASK_QUEUE, Status, Task, TaskResult, workflow_id
from nvmed_fleet.temporal.workflows import Campaign, HostLock
from temporalio import activity
from temporalio.client import Client
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker

GOOD: Verdict = "done"


@dataclass
class Script:
    """What hosts do: `verdicts` by (host, phase, round), `done` if not there; `holds` keep a host in a phase."""

    verdicts: dict[tuple[str, str, int], Verdict] = field(default_factory=dict)
    holds: dict[tuple[str, str], asyncio.Event] = field(default_factory=dict)
    told: list[tuple[str, str, int]] = field(default_factory=list)
    busy: set[str] = field(default_factory=set)
    busiest: int = 0
    watch: Callable[[Script], None] = lambda script: None
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    def fail(
        self, host: str, phase: str = "activate", rounds: Sequence[int] = (0,), verdict: Verdict = "failed"
    ) -> None:
        for number in rounds:
            self.verdicts[host, phase, number] = verdict

    def hold(self, host: str, phase: str = "activate") -> asyncio.Event:
        self.holds[host, phase] = asyncio.Event()
        return self.holds[host, phase]

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait for what hosts do."""
        async with asyncio.timeout(60), self.changed:
            await self.changed.wait_for(condition)

    def phases(self, host: str) -> list[str]:
        return [phase for name, phase, _ in self.told if name == host]

    def hosts(self, phase: str) -> list[str]:
        return [name for name, done, _ in self.told if done == phase]

    async def act(self, task: Task) -> Verdict:
        async with self.changed:
            self.told.append((task.host, task.phase, task.round))
            self.changed.notify_all()
        if task.phase == "activate":
            self.busy.add(task.host)
            self.busiest = max(self.busiest, len(self.busy))
            self.watch(self)
        if (task.host, task.phase) in self.holds:
            await self.holds[task.host, task.phase].wait()
        if task.phase == "activate":
            self.busy.discard(task.host)
        return self.verdicts.get((task.host, task.phase, task.round), GOOD)


class ScriptedActivities(Activities):
    """Real ones, but for the hosts."""

    script: Script

    @activity.defn(name="nvmed.host_phase")
    async def host_phase(self, task: Task) -> TaskResult:
        verdict = await self.script.act(task)
        campaign = self.store.plan(task.plan).campaign
        record = HostRecord(task.host, task.phase, task.round, verdict, begun=now(), ended=now(), worker=self.identity)
        self.store.record(campaign, record)
        return TaskResult(verdict, record.is_good, "" if record.is_good else "NVME_PROHIBITED", "scripted")


@dataclass
class Stage:
    """An engine with a worker, on which campaigns are played."""

    client: Client
    store: Store
    script: Script

    def plan(self, count: int, *, campaign: str = "c", racks: int = 1000, **options: Any) -> plans.Plan:
        """A campaign over hosts h1, h2, ..., kept in the store."""
        wanted = Options("2.0.0", **options)
        hosts = [
            PlannedHost(f"h{number}", f"/h{number}", f"rack{number % racks}", (Drive("controllers/a", "A", "M", "1"),))
            for number in range(1, count + 1)
        ]
        made = plans.make(campaign, Image("0" * 64, 1, "image"), wanted, hosts)
        self.store.begin(campaign, "request", self.store.put_plan(made))
        return made

    async def begin(self, campaign: str = "c") -> None:
        await campaigns.begin(self.client, self.store, campaign)

    async def end(self, campaign: str = "c") -> Status:
        """How the campaign ends."""
        handle = self.client.get_workflow_handle(workflow_id(campaign), result_type=Status)
        async with asyncio.timeout(90):
            found: Status = await handle.result()
        return found

    async def until(self, state: str, campaign: str = "c") -> Status:
        """Wait until the campaign is in a state."""
        return await self.status(lambda status: status.state == state, campaign)

    async def status(self, condition: Callable[[Status], bool], campaign: str = "c") -> Status:
        """Wait for a status."""
        async with asyncio.timeout(60):
            while True:
                found = await campaigns.status(self.client, campaign)
                if condition(found):
                    return found
                await asyncio.sleep(0.05)

    async def ask(self, verb: str, *arguments: object, campaign: str = "c") -> None:
        await campaigns.ask(self.client, campaign, verb, *arguments)

    def events(self, campaign: str = "c") -> list[str]:
        return [event.kind for event in self.store.events(campaign)]


@asynccontextmanager
async def playing(folder: Path) -> AsyncIterator[Stage]:
    """An engine in which time passes when nothing else does."""
    environment = await WorkflowEnvironment.start_time_skipping_v2(
        dev_server_existing_path=embedded.binary(),
        dev_server_log_level="error",
        dev_server_extra_args=["--dynamic-config-value", "frontend.WorkflowTimeSkippingEnabled=true"],
    )
    async with environment:
        store, script = Store(folder / "store"), Script()
        # Locks are workflows that never begin: they must not be skipped to.
        plain = await Client.connect(environment.client.service_client.config.target_host)
        activities = ScriptedActivities(store, plain, "worker")
        object.__setattr__(activities, "script", script)
        async with Worker(
            environment.client,
            task_queue=TASK_QUEUE,
            workflows=[Campaign, HostLock, Batch],
            activities=[*activities.all(), *BatchActivities(activities.store).all()],
        ):
            yield Stage(environment.client, store, script)
