"""A worker: what runs campaigns, and asks hosts. Any number of them, anywhere: others take over from one that dies."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

from temporalio.client import Client
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from nvmed_fleet.store import Store
from nvmed_fleet.temporal.activities import Activities
from nvmed_fleet.temporal.batch_activities import BatchActivities
from nvmed_fleet.temporal.batch_workflow import Batch
from nvmed_fleet.temporal.payloads import TASK_QUEUE
from nvmed_fleet.temporal.workflows import Campaign, HostLock

ACTIVITIES_AT_ONCE = 200
"""Each is a connection to a host and waits most of the time."""

GRACE = timedelta(seconds=5)
"""For activities to end when the worker does; what they began goes on at the hosts, and is found again."""


RUNNER = UnsandboxedWorkflowRunner()
"""Without the sandbox, which finds workflows that are not deterministic and takes two fifths of a worker's processor
time: tests run in it, and replay recorded histories."""


def make(client: Client, store: Store, identity: str) -> Worker:
    """A worker that does not run yet."""
    return Worker(
        client,
        task_queue=TASK_QUEUE,
        workflows=[Campaign, HostLock, Batch],
        activities=[*Activities(store, client, identity).all(), *BatchActivities(store).all()],
        workflow_runner=RUNNER,
        identity=identity,
        max_concurrent_activities=ACTIVITIES_AT_ONCE,
        max_cached_workflows=100,
        graceful_shutdown_timeout=GRACE,
    )


@asynccontextmanager
async def running(client: Client, store: Store, identity: str) -> AsyncIterator[Worker]:
    """A worker that runs inside."""
    async with make(client, store, identity) as made:
        yield made
