"""Starting batches and following them, as a client of the engine."""

from __future__ import annotations

from temporalio.client import Client, WorkflowFailureError
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.service import RPCError, RPCStatusCode

from nvmed_fleet.errors import FleetReason, error
from nvmed_fleet.temporal.batch_payloads import BATCH, BatchProgress, BatchStatus, Kind, batch_id
from nvmed_fleet.temporal.campaigns import translated
from nvmed_fleet.temporal.payloads import TASK_QUEUE


async def begin(client: Client, kind: Kind, name: str, plan: str) -> None:
    """Start a batch, or find it under way; CAMPAIGN_EXISTS if it is with another plan.

    One that ended is begun again: what was done is found to be.
    """
    try:
        handle = await client.start_workflow(
            BATCH,
            BatchProgress(kind, name, plan),
            id=batch_id(kind, name),
            task_queue=TASK_QUEUE,
            id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
            id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
            memo={"plan": plan},
        )
        found = (await (await handle.describe()).memo()).get("plan")
    except RPCError as failure:
        raise translated(failure, name) from failure
    if found != plan:
        raise error(FleetReason.CAMPAIGN_EXISTS, f"The {kind} {name} is under way with other options.", campaign=name)


async def status(client: Client, kind: Kind, name: str) -> BatchStatus:
    """Where a batch is; CAMPAIGN_NOT_FOUND if the engine does not know it, or not any more."""
    try:
        found: BatchStatus = await client.get_workflow_handle(batch_id(kind, name)).query(
            "status", result_type=BatchStatus
        )
    except RPCError as failure:
        raise translated(failure, name) from failure
    return found


async def cancel(client: Client, kind: Kind, name: str) -> None:
    """Begin no other item of a batch; CAMPAIGN_NOT_RUNNING if it is over."""
    try:
        await client.get_workflow_handle(batch_id(kind, name)).execute_update("cancel")
    except RPCError as failure:
        if failure.status is RPCStatusCode.NOT_FOUND:
            raise error(FleetReason.CAMPAIGN_NOT_RUNNING, f"{name} is not under way.", campaign=name) from failure
        raise translated(failure, name) from failure


async def ended(client: Client, kind: Kind, name: str) -> BatchStatus:
    """How a batch ends; BATCH_FAILED if the engine gave it up."""
    handle = client.get_workflow_handle(batch_id(kind, name), result_type=BatchStatus)
    try:
        found: BatchStatus = await handle.result()
    except WorkflowFailureError as failure:
        why = failure.cause.__cause__ or failure.cause
        raise error(FleetReason.BATCH_FAILED, f"{kind} {name}: {why}", batch=name) from failure
    except RPCError as failure:
        raise translated(failure, name) from failure
    return found
