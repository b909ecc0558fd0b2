"""What a batch has done: each activity a thin cover around a kind of work, which knows nothing of an engine."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

from temporalio import activity

from nvmed_fleet import batches
from nvmed_fleet.batches import Work
from nvmed_fleet.store import Store
from nvmed_fleet.temporal.activities import beating
from nvmed_fleet.temporal.batch_payloads import (
    BatchItem,
    BatchItems,
    BatchOutline,
    BatchPlan,
    BatchSlice,
    BatchTask,
)
from nvmed_fleet.temporal.payloads import TaskResult


class _OfPlan(Protocol):
    """A payload that names a plan."""

    kind: Any
    plan: str


@dataclass(frozen=True)
class BatchActivities:
    """On one worker."""

    store: Store

    def all(self) -> Sequence[Callable[..., Any]]:
        return [self.outline, self.items, self.do, self.finish]

    @activity.defn(name="nvmed.batch_outline")
    async def outline(self, wanted: BatchPlan) -> BatchOutline:
        work = await self._work(wanted)
        return BatchOutline(len(work.items), work.in_flight, work.failure_budget)

    @activity.defn(name="nvmed.batch_items")
    async def items(self, wanted: BatchSlice) -> BatchItems:
        work = await self._work(wanted)
        found = work.items[wanted.at : wanted.at + wanted.count]
        return BatchItems([BatchItem(name, domain) for name, domain in found])

    @activity.defn(name="nvmed.batch_do")
    async def do(self, task: BatchTask) -> TaskResult:
        work = await self._work(task)
        did = await beating(work.do(task.item))
        return TaskResult(did.verdict, did.is_good, did.reason, did.message[:300])

    @activity.defn(name="nvmed.batch_finish")
    async def finish(self, wanted: BatchPlan) -> str:
        work = await self._work(wanted)
        return await beating(work.finish())

    @cached_property
    def _works(self) -> dict[tuple[str, str], Work]:
        return {}

    async def _work(self, wanted: _OfPlan) -> Work:
        """The work of a plan: decoding one of 10,000 hosts takes longer than what is done for one of them."""
        key = (wanted.kind, wanted.plan)
        if key not in self._works:
            content = await asyncio.to_thread(self.store.get, wanted.plan)
            while len(self._works) >= batches.WORKS_MAX:
                del self._works[next(iter(self._works))]
            self._works[key] = batches.opened(wanted.kind, content, self.store)
        return self._works[key]
