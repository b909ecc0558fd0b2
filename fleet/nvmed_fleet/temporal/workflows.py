"""A campaign as a workflow: what is done when, never how. Deterministic: histories under way are replayed with it.

Hosts go through a run in slices of at most SHARD_HOSTS, with their activities in the campaign's own history; the next
run then takes over, long before a history is too long. No host has a workflow of its own: that costs six times as much.
"""

from __future__ import annotations

from asyncio import TaskGroup
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import timedelta
from typing import Any

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError, ApplicationError

with workflow.unsafe.imports_passed_through():
    from nvmed_fleet.plan import Flight
    from nvmed_fleet.records import counted
    from nvmed_fleet.temporal import payloads
    from nvmed_fleet.temporal.payloads import (
        ENDS,
        Gate,
        Happened,
        Hosts,
        Locks,
        Outline,
        Place,
        Places,
        Progress,
        Slice,
        State,
        Status,
        Task,
        TaskResult,
    )

SHARD_HOSTS = 250

HEARTBEAT = timedelta(seconds=10)
"""A worker that says nothing for so long is dead, and another one takes over."""

SHORT = timedelta(minutes=10)
LONG = timedelta(hours=12)
NO_BUDGET = 1 << 30
"""For what disturbs no host."""

AGAIN = RetryPolicy(initial_interval=timedelta(seconds=1), maximum_interval=timedelta(minutes=1), maximum_attempts=30)
"""For what is no answer of a host, as those are results: a worker's death, a store that cannot be written."""


@workflow.defn(name=payloads.HOST_LOCK)
class HostLock:
    """A lock is this workflow waiting to begin: it begins when nobody has wanted it for longer than any campaign."""

    @workflow.run
    async def run(self, campaign: str) -> None:
        return


@workflow.defn(name=payloads.CAMPAIGN)
class Campaign:
    """A campaign of firmware. Updates steer it, the query `status` tells where it is."""

    @workflow.init
    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._known: Outline | None = None
        self._in_flight: list[str] = []
        self._decision = ""
        self._hosts_of_this_run = 0

    @workflow.run
    async def run(self, progress: Progress) -> Status:
        self._known = await self._do("nvmed.read_plan", progress.plan, Outline)
        locks = Locks(progress.campaign, progress.plan)
        if not progress.is_locked:
            refusal = await self._do("nvmed.lock_hosts", locks, str)
            if refusal:
                await self._become("refused", refusal)
                raise ApplicationError(refusal, type="HOST_LOCKED", non_retryable=True)
            progress.is_locked = True
            await self._tell("begun", f"round {progress.round}")
        if progress.retry:
            progress.failed, progress.retry = progress.retry, []
            await self._retry()
        elif progress.state not in ENDS:
            await self._stage()
            await self._waves()
        await self._do("nvmed.unlock_hosts", locks, None)
        await self._become("cancelled" if progress.is_cancelled else "done", _failures(progress))
        return self.status()

    # what is done

    async def _stage(self) -> None:
        """Every host gets the image first: that disturbs nobody, so what fails is counted afterwards."""
        progress = self._progress
        total = sum(self._outline.waves)
        while progress.staged < total and not self._cancelled():
            await self._become("staging", counted(total, "host"))
            places = await self._places(0, progress.staged)
            flight = Flight([(p.host, p.host) for p in places], self._outline.stage_in_flight, NO_BUDGET)
            await self._fly(flight, self._stage_host)
            if self._cancelled():
                return
            progress.staged += len(places)
            if self._spent() >= self._outline.failure_budget:
                await self._halt(f"{counted(len(progress.unstaged), 'host')} could not be staged")
            self._next_run()

    async def _waves(self) -> None:
        progress = self._progress
        while progress.wave < len(self._outline.waves) and not self._cancelled():
            if progress.at == 0:
                await self._approval()
            while progress.at < self._outline.waves[progress.wave] and not self._cancelled():
                size = counted(self._outline.waves[progress.wave], "host")
                await self._become("updating", f"wave {progress.wave + 1} of {len(self._outline.waves)}, {size}")
                places = await self._places(progress.wave + 1, progress.at)
                await self._update([p for p in places if p.host not in progress.unstaged])
                progress.at += 0 if self._cancelled() else len(places)
                self._next_run()
            await self._soak()
            await self._gates()
            if not self._cancelled():
                progress.wave += 1
                progress.at = 0
                self._next_run()

    async def _approval(self) -> None:
        number = self._progress.wave + 1
        if number in self._outline.approve_before and number not in self._progress.approved:
            await self._become("approval", f"wave {number} waits for approval")
            await workflow.wait_condition(lambda: number in self._progress.approved or self._cancelled())

    async def _update(self, places: list[Place]) -> None:
        """Update hosts, within the budget, never two of one failure domain at the same time."""
        flight = Flight([(p.host, p.domain) for p in places], self._outline.in_flight, self._outline.failure_budget)
        await self._fly(flight, self._update_host)

    async def _soak(self) -> None:
        """Wait, then look at every drive of the wave again."""
        progress = self._progress
        if not self._outline.soak_s or self._cancelled():
            return
        await self._become("soaking", f"{self._outline.soak_s:g} s")
        with suppress(TimeoutError):
            await workflow.wait_condition(self._cancelled, timeout=timedelta(seconds=self._outline.soak_s))
        size, at = self._outline.waves[progress.wave], 0
        while at < size and not self._cancelled():
            places = await self._places(progress.wave + 1, at)
            at += len(places)
            good = [p for p in places if p.host not in progress.failed]
            flight = Flight([(p.host, p.host) for p in good], self._outline.stage_in_flight, NO_BUDGET)
            await self._fly(flight, self._look_again)
        if self._spent() >= self._outline.failure_budget and not self._cancelled():
            await self._halt(_failures(progress))

    async def _gates(self) -> None:
        """What must hold before the next wave."""
        progress = self._progress
        if progress.wave + 1 >= len(self._outline.waves):
            return
        number = 0
        while number < self._outline.gates and not self._cancelled():
            await self._become("gate", f"gate {number + 1}")
            refusal = await self._do("nvmed.ask_gate", Gate(progress.plan, number), str)
            if refusal:
                await self._halt(f"gate {number + 1} does not hold: {refusal}")
            else:
                number += 1

    async def _halt(self, why: str) -> None:
        """Wait for a person: go on, try again what failed, or cancel."""
        progress, before = self._progress, self._progress.state
        self._decision = ""
        await self._become("halted", why)
        await workflow.wait_condition(lambda: bool(self._decision) or self._cancelled())
        if self._decision == "retry":
            await self._retry()
        elif self._decision:
            progress.forgiven = len(progress.failed)
        if not self._cancelled():
            await self._become(before, "resumed")

    async def _retry(self) -> None:
        """Try again what failed, from the beginning of each host, under new ids."""
        progress = self._progress
        hosts, progress.failed, progress.unstaged = progress.failed, [], []
        progress.forgiven = 0
        progress.round += 1
        await self._become("updating", f"{counted(len(hosts), 'host')} again, round {progress.round}")
        places = await self._do("nvmed.find_places", Hosts(progress.plan, hosts), Places)
        flight = Flight(
            [(p.host, p.domain) for p in places.places], self._outline.in_flight, self._outline.failure_budget
        )
        await self._fly(flight, self._retry_host)

    # hosts

    async def _fly(self, flight: Flight, work: Callable[[str], Awaitable[None]]) -> None:
        """Work on every host of a flight; returns with none in flight, when all are done or the campaign is cancelled.

        A flight whose budget is spent halts the campaign, and goes on as a person decides.
        """
        progress = self._progress

        async def one(host: str) -> None:
            await work(host)
            flight.landed(host, failed=False)
            self._in_flight.remove(host)

        async with TaskGroup() as group:
            while True:
                flight.failed = self._spent()
                while not progress.is_paused and not self._cancelled() and (host := flight.next()) is not None:
                    self._in_flight.append(host)
                    self._hosts_of_this_run += 1
                    group.create_task(one(host))
                if flight.in_flight:
                    await self._landing(flight)
                elif self._cancelled() or not flight.pending:
                    return
                elif progress.is_paused:
                    await workflow.wait_condition(lambda: not progress.is_paused or self._cancelled())
                else:
                    await self._halt(_failures(progress))

    async def _landing(self, flight: Flight) -> None:
        """Until a host of the flight is done, or somebody said what changes who may begin."""
        before = len(flight.in_flight), self._progress.is_paused, self._cancelled()
        await workflow.wait_condition(
            lambda: (len(flight.in_flight), self._progress.is_paused, self._cancelled()) != before
        )

    async def _stage_host(self, host: str) -> None:
        if not (await self._phase(host, "stage")).is_good:
            self._progress.unstaged.append(host)
            self._progress.failed.append(host)

    async def _update_host(self, host: str) -> None:
        outline = self._outline
        result = await self._phase(host, "drain") if outline.has_drain else None
        if result is None or result.is_good:
            result = await self._phase(host, "activate")
            if result.is_good and result.verdict != "pending":
                result = await self._phase(host, "verify")
        is_good = may_serve = result.is_good
        if not is_good and outline.rollback_failed and result.verdict != "unreachable":
            may_serve = (await self._phase(host, "rollback")).is_good
        if may_serve and outline.has_undrain:
            is_good = (await self._phase(host, "undrain")).is_good and is_good
        if is_good:
            self._progress.good += 1
        else:
            self._progress.failed.append(host)

    async def _retry_host(self, host: str) -> None:
        await self._stage_host(host)
        if host not in self._progress.unstaged:
            await self._update_host(host)

    async def _look_again(self, host: str) -> None:
        if not (await self._phase(host, "soak")).is_good:
            self._progress.good -= 1
            self._progress.failed.append(host)

    async def _phase(self, host: str, phase: str) -> TaskResult:
        """One phase of one host; what the engine itself cannot get done counts as failed."""
        task = Task(self._progress.plan, host, phase, self._progress.round)
        try:
            result: TaskResult = await workflow.execute_activity(
                "nvmed.host_phase",
                task,
                result_type=TaskResult,
                start_to_close_timeout=LONG,
                heartbeat_timeout=HEARTBEAT,
                retry_policy=AGAIN,
            )
        except ActivityError as failure:
            return TaskResult("failed", False, "ENGINE", str(failure.cause or failure)[:500])
        return result

    # helpers

    @property
    def _outline(self) -> Outline:
        assert self._known is not None  # noqa: S101  # the first thing that `run` asks for
        return self._known

    def _cancelled(self) -> bool:
        return self._progress.is_cancelled

    def _spent(self) -> int:
        return len(self._progress.failed) - self._progress.forgiven

    async def _places(self, wave: int, at: int) -> list[Place]:
        wanted = Slice(self._progress.plan, wave, at, SHARD_HOSTS)
        found: Places = await self._do("nvmed.read_places", wanted, Places)
        return found.places

    async def _do(self, activity: str, argument: Any, result: Any) -> Any:
        return await workflow.execute_activity(
            activity,
            argument,
            result_type=result,
            start_to_close_timeout=SHORT,
            heartbeat_timeout=HEARTBEAT,
            retry_policy=AGAIN,
        )

    def _next_run(self) -> None:
        """Let a run with a short history take over; nothing is in flight here."""
        enough = self._hosts_of_this_run >= SHARD_HOSTS or workflow.info().is_continue_as_new_suggested()
        if enough and not self._progress.is_cancelled:
            workflow.continue_as_new(self._progress)

    async def _become(self, state: State, why: str) -> None:
        """Be in a state once it is recorded: who sees it in `status` finds it in the report too."""
        if (self._progress.state, self._progress.why) != (state, why):
            await self._tell(state, why)
            self._progress.state, self._progress.why = state, why

    async def _tell(self, kind: str, text: str) -> None:
        progress = self._progress
        progress.events += 1
        wave = min(progress.wave + 1, len(self._outline.waves))
        happened = Happened(progress.campaign, progress.events, kind, workflow.now().isoformat(), wave, text)
        await self._do("nvmed.record_event", happened, None)

    # what people ask

    @workflow.query
    def status(self) -> Status:
        """Where the campaign is."""
        progress, outline = self._progress, self._known
        return Status(
            campaign=progress.campaign,
            plan=progress.plan,
            state=progress.state,
            is_paused=progress.is_paused,
            wave=min(progress.wave + 1, len(outline.waves) if outline else 1),
            waves=len(outline.waves) if outline else 0,
            hosts=sum(outline.waves) if outline else 0,
            staged=progress.staged,
            good=progress.good,
            failed=sorted(progress.failed),
            in_flight=sorted(self._in_flight),
            round=progress.round,
            failure_budget=outline.failure_budget if outline else 0,
            why=progress.why,
        )

    @workflow.update
    def approve(self, wave: int) -> None:
        """Let a wave that waits for it begin."""
        self._progress.approved.append(wave)

    @approve.validator
    def _may_approve(self, wave: int) -> None:
        if self._progress.state != "approval" or wave != self._progress.wave + 1:
            raise _not_now(f"wave {wave} does not wait for approval: the campaign is {self._where()}")

    @workflow.update
    def pause(self) -> None:
        """Begin no other host; those in flight go on to their end."""
        self._progress.is_paused = True

    @pause.validator
    def _may_pause(self) -> None:
        if self._progress.is_paused or self._progress.state in ENDS:
            raise _not_now(f"the campaign is {self._where()}")

    @workflow.update
    def resume(self) -> None:
        """Go on: after a pause, or halted, with the whole budget anew."""
        self._progress.is_paused = False
        self._decision = "resume"

    @resume.validator
    def _may_resume(self) -> None:
        if not self._progress.is_paused and self._progress.state != "halted":
            raise _not_now(f"the campaign is neither paused nor halted: it is {self._where()}")

    @workflow.update
    def retry_failed(self) -> None:
        """Try again what failed, then go on; only of a campaign that is halted."""
        self._decision = "retry"

    @retry_failed.validator
    def _may_retry(self) -> None:
        if self._progress.state != "halted" or not self._progress.failed:
            raise _not_now(f"the campaign is {self._where()}; it must be halted, with hosts that failed")

    @workflow.update
    def cancel(self) -> None:
        """Begin no other host, and end once those in flight are done."""
        self._progress.is_cancelled = True

    def _where(self) -> str:
        paused = ", paused" if self._progress.is_paused else ""
        return f"{self._progress.state} in wave {self._progress.wave + 1}{paused}"


def _not_now(text: str) -> ApplicationError:
    return ApplicationError(text, type="CAMPAIGN_STATE", non_retryable=True)


def _failures(progress: Progress) -> str:
    return f"{counted(len(progress.failed), 'host')} failed"
