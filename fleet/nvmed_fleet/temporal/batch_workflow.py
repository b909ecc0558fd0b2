"""A batch as a workflow: each item an activity, so many at once, then what finishes it. Deterministic."""

from __future__ import annotations

from asyncio import TaskGroup
from typing import Any

from temporalio import workflow
from temporalio.exceptions import ActivityError

with workflow.unsafe.imports_passed_through():
    from nvmed_fleet.plan import Flight
    from nvmed_fleet.temporal import batch_payloads
    from nvmed_fleet.temporal.batch_payloads import (
        FAILED_SHOWN,
        BatchItem,
        BatchItems,
        BatchOutline,
        BatchPlan,
        BatchProgress,
        BatchSlice,
        BatchStatus,
        BatchTask,
        State,
    )
    from nvmed_fleet.temporal.payloads import TaskResult
    from nvmed_fleet.temporal.workflows import AGAIN, HEARTBEAT, LONG, NO_BUDGET, SHARD_HOSTS, SHORT


@workflow.defn(name=batch_payloads.BATCH)
class Batch:
    """A batch. The update `cancel` ends it, the query `status` tells where it is."""

    @workflow.init
    def __init__(self, progress: BatchProgress) -> None:
        self._progress = progress
        self._outline = BatchOutline(0, 1)
        self._in_flight: list[str] = []
        self._state: State = "running"
        self._summary = ""

    @workflow.run
    async def run(self, progress: BatchProgress) -> BatchStatus:
        plan = BatchPlan(progress.kind, progress.plan)
        self._outline = await self._do("nvmed.batch_outline", plan, BatchOutline)
        while progress.at < self._outline.items and not self._over():
            wanted = BatchSlice(progress.kind, progress.plan, progress.at, SHARD_HOSTS)
            found: BatchItems = await self._do("nvmed.batch_items", wanted, BatchItems)
            await self._fly(found.items)
            if self._over():
                break
            progress.at += len(found.items)
            if progress.at < self._outline.items:
                workflow.continue_as_new(progress)
        self._summary = await self._do("nvmed.batch_finish", plan, str)
        self._state = "cancelled" if progress.is_cancelled else "stopped" if self._spent() else "done"
        return self.status()

    async def _fly(self, items: list[BatchItem]) -> None:
        progress, budget = self._progress, self._outline.failure_budget or NO_BUDGET
        flight = Flight([(item.name, item.domain) for item in items], self._outline.in_flight, budget)

        async def one(name: str) -> None:
            is_good = await self._item(name)
            progress.good += is_good
            if not is_good:
                progress.failures += 1
                progress.failed = [*progress.failed, name][:FAILED_SHOWN]
            flight.landed(name, failed=False)
            self._in_flight.remove(name)

        async with TaskGroup() as group:
            while True:
                flight.failed = progress.failures
                while not progress.is_cancelled and (name := flight.next()) is not None:
                    self._in_flight.append(name)
                    group.create_task(one(name))
                if not flight.in_flight:
                    return
                before = len(flight.in_flight), progress.is_cancelled
                await workflow.wait_condition(
                    lambda before=before: (len(flight.in_flight), progress.is_cancelled) != before  # type: ignore[misc]
                )

    async def _item(self, name: str) -> bool:
        """Whether an item ended well; what the engine cannot get done did not."""
        task = BatchTask(self._progress.kind, self._progress.plan, name)
        try:
            result: TaskResult = await workflow.execute_activity(
                "nvmed.batch_do",
                task,
                result_type=TaskResult,
                start_to_close_timeout=LONG,
                heartbeat_timeout=HEARTBEAT,
                retry_policy=AGAIN,
            )
        except ActivityError:
            return False
        return result.is_good

    def _spent(self) -> bool:
        return bool(self._outline.failure_budget) and self._progress.failures >= self._outline.failure_budget

    def _over(self) -> bool:
        return self._progress.is_cancelled or self._spent()

    async def _do(self, activity: str, argument: Any, result: Any) -> Any:
        return await workflow.execute_activity(
            activity,
            argument,
            result_type=result,
            start_to_close_timeout=SHORT,
            heartbeat_timeout=HEARTBEAT,
            retry_policy=AGAIN,
        )

    @workflow.query
    def status(self) -> BatchStatus:
        """Where the batch is."""
        progress = self._progress
        return BatchStatus(
            progress.kind,
            progress.name,
            self._state,
            self._outline.items,
            progress.good,
            progress.failures,
            progress.failed,
            self._in_flight,
            self._summary,
        )

    @workflow.update
    def cancel(self) -> None:
        """Begin no other item, and end once those in flight are done."""
        self._progress.is_cancelled = True
