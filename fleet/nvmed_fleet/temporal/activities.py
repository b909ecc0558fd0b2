"""What workflows have done: each activity a thin cover around what knows nothing of an engine."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, TypeVar

from temporalio import activity
from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.common import WorkflowIDConflictPolicy
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode

from nvmed.errors import NvmedError
from nvmed_fleet import gates, hooks, steps
from nvmed_fleet.asking import described
from nvmed_fleet.errors import FleetReason
from nvmed_fleet.plan import Plan
from nvmed_fleet.records import Event, HostRecord, now
from nvmed_fleet.steps import Job
from nvmed_fleet.store import Store
from nvmed_fleet.temporal.payloads import (
    HOST_LOCK,
    TASK_QUEUE,
    Gate,
    Happened,
    Hosts,
    Locks,
    Outline,
    Place,
    Places,
    Slice,
    Task,
    TaskResult,
    lock_id,
    workflow_id,
)

BEAT_S = 2.0
LOCKS_AT_ONCE = 20
LOCK_LASTS = timedelta(days=365)

T = TypeVar("T")


@dataclass(frozen=True)
class Activities:
    """On one worker: where the store is, and the engine, for locks. `identity` names the worker in records."""

    store: Store
    client: Client
    identity: str

    def all(self) -> Sequence[Callable[..., Any]]:
        return [
            self.read_plan,
            self.read_places,
            self.find_places,
            self.lock_hosts,
            self.unlock_hosts,
            self.host_phase,
            self.ask_gate,
            self.record_event,
        ]

    @activity.defn(name="nvmed.read_plan")
    async def read_plan(self, digest: str) -> Outline:
        plan = await self._plan(digest)
        options = plan.options
        return Outline(
            waves=[len(wave) for wave in plan.waves],
            failure_budget=options.failure_budget,
            in_flight=options.in_flight,
            stage_in_flight=options.stage_in_flight,
            soak_s=options.soak_s,
            approve_before=list(options.approve_before),
            gates=len(options.gates),
            has_drain=bool(options.drain),
            has_undrain=bool(options.undrain),
            rollback_failed=options.rollback_failed,
        )

    @activity.defn(name="nvmed.read_places")
    async def read_places(self, wanted: Slice) -> Places:
        plan = await self._plan(wanted.plan)
        names = plan.waves[wanted.wave - 1] if wanted.wave else [name for wave in plan.waves for name in wave]
        return _places(plan, names[wanted.at : wanted.at + wanted.count])

    @activity.defn(name="nvmed.find_places")
    async def find_places(self, wanted: Hosts) -> Places:
        plan = await self._plan(wanted.plan)
        return _places(plan, [name for name in wanted.hosts if name in plan.hosts])

    @activity.defn(name="nvmed.host_phase")
    async def host_phase(self, task: Task) -> TaskResult:
        plan = await self._plan(task.plan)
        job = steps.job_of(plan, task.host, self.store.blob(plan.image.sha256), task.round, self.identity)
        record = await beating(PHASES[task.phase](job))
        await asyncio.to_thread(self.store.record, plan.campaign, replace(record, phase=task.phase))
        return TaskResult(record.verdict, record.is_good, record.reason, record.message[:300])

    @activity.defn(name="nvmed.ask_gate")
    async def ask_gate(self, gate: Gate) -> str:
        """ "" if it holds. A monitoring that does not answer is a gate that does not hold: a person decides."""
        options = (await self._plan(gate.plan)).options
        try:
            return await beating(gates.ask(options.prometheus, options.gates[gate.number]))
        except NvmedError as failure:
            return failure.message

    @activity.defn(name="nvmed.record_event")
    async def record_event(self, event: Happened) -> None:
        kept = Event(event.number, event.kind, event.time, event.wave, event.text)
        await asyncio.to_thread(self.store.happened, event.campaign, kept)

    @activity.defn(name="nvmed.lock_hosts")
    async def lock_hosts(self, locks: Locks) -> str:
        """ "" with all hosts of the plan locked; else who has one, with none locked."""
        plan = await self._plan(locks.plan)
        names = list(plan.hosts)
        refusals = [said for said in await beating(_each(names, self._lock, locks.campaign)) if said]
        if refusals:
            await beating(_each(names, self._unlock, locks.campaign))
            more = f", and {len(refusals) - 1} more" if len(refusals) > 1 else ""
            return f"{refusals[0]}{more}"
        return ""

    @activity.defn(name="nvmed.unlock_hosts")
    async def unlock_hosts(self, locks: Locks) -> None:
        plan = await self._plan(locks.plan)
        await beating(_each(list(plan.hosts), self._unlock, locks.campaign))

    async def _plan(self, digest: str) -> Plan:
        known = self.store.known_plan(digest)
        return known if known is not None else await asyncio.to_thread(self.store.plan, digest)

    # A lock is a workflow that has not begun: its id is taken, no worker ever sees it.

    async def _lock(self, host: str, campaign: str) -> str:
        """Take a host's lock, also from a campaign that has ended without giving it back."""
        for _ in range(3):
            try:
                await self.client.start_workflow(
                    HOST_LOCK,
                    campaign,
                    id=lock_id(host),
                    task_queue=TASK_QUEUE,
                    start_delay=LOCK_LASTS,
                    id_conflict_policy=WorkflowIDConflictPolicy.FAIL,
                    memo={"campaign": campaign},
                )
                return ""
            except WorkflowAlreadyStartedError:
                owner = await self._owner(host)
                if owner == campaign:
                    return ""
                if owner and await self._is_running(owner):
                    return f"{host} is locked by the campaign {owner}"
                if owner:
                    await self._unlock(host, owner)
        return f"{host} is locked and given back all the time"

    async def _unlock(self, host: str, campaign: str) -> None:
        """Give a host's lock back, if it is this campaign's."""
        if await self._owner(host) == campaign:
            await _ignoring_gone(self.client.get_workflow_handle(lock_id(host)).terminate("given back"))

    async def _owner(self, host: str) -> str:
        """The campaign that has a host's lock, "" for none."""
        described_ = await _ignoring_gone(self.client.get_workflow_handle(lock_id(host)).describe())
        if described_ is None or described_.status is not WorkflowExecutionStatus.RUNNING:
            return ""
        return str((await described_.memo()).get("campaign", ""))

    async def _is_running(self, campaign: str) -> bool:
        found = await _ignoring_gone(self.client.get_workflow_handle(workflow_id(campaign)).describe())
        return found is not None and found.status is WorkflowExecutionStatus.RUNNING


async def _each(names: Sequence[str], work: Callable[[str, str], Awaitable[T]], campaign: str) -> list[T]:
    limit = asyncio.Semaphore(LOCKS_AT_ONCE)

    async def one(name: str) -> T:
        async with limit:
            return await work(name, campaign)

    return await asyncio.gather(*(one(name) for name in names))


async def _ignoring_gone(call: Awaitable[T]) -> T | None:
    try:
        return await call
    except RPCError as failure:
        if failure.status is not RPCStatusCode.NOT_FOUND:
            raise
        return None


async def beating(work: Awaitable[T]) -> T:
    """Do it, and let the engine know meanwhile that this worker lives."""

    async def beat() -> None:
        while True:
            activity.heartbeat()
            await asyncio.sleep(BEAT_S)

    beats = asyncio.create_task(beat())
    try:
        return await work
    finally:
        beats.cancel()


def _places(plan: Plan, names: Sequence[str]) -> Places:
    return Places([Place(host, domain) for host, domain in plan.domains(names)])


def _hook(phase: str) -> Callable[[Job], Awaitable[HostRecord]]:
    async def run(job: Job) -> HostRecord:
        options = job.options
        record = HostRecord(job.host.name, phase, job.round, "done", begun=now(), worker=job.worker)
        about = {
            "NVMED_HOST": job.host.name,
            "NVMED_ADDRESS": job.host.address,
            "NVMED_CAMPAIGN": job.campaign,
            "NVMED_PHASE": phase,
        }
        try:
            command = options.drain if phase == "drain" else options.undrain
            said = await hooks.run(command, about, options.hook_timeout_s)
        except NvmedError as failure:
            return replace(record, verdict="failed", ended=now(), **described(failure))
        except OSError as failure:
            return replace(
                record, verdict="failed", ended=now(), reason=FleetReason.HOOK_FAILED.name, message=str(failure)
            )
        return replace(record, ended=now(), message=said)

    return run


PHASES: dict[str, Callable[[Job], Awaitable[HostRecord]]] = {
    "stage": steps.stage,
    "drain": _hook("drain"),
    "activate": steps.activate,
    "verify": steps.verify,
    "soak": steps.verify,
    "rollback": steps.rollback,
    "undrain": _hook("undrain"),
}
"""What each phase of a host is; `soak` looks again at what was verified before."""
