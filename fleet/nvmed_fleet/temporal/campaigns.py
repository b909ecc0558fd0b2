"""Starting campaigns and asking them things, as a client of the engine."""

from __future__ import annotations

from temporalio.client import Client, WorkflowExecutionStatus, WorkflowUpdateFailedError
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.exceptions import ApplicationError, WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode

from nvmed.errors import NvmedError
from nvmed_fleet.errors import FleetReason, error
from nvmed_fleet.records import HostRecord, is_good
from nvmed_fleet.store import Store
from nvmed_fleet.temporal.payloads import CAMPAIGN, TASK_QUEUE, Progress, Status, workflow_id

EngineClient = Client
"""For those who must not know the engine."""

VERBS = ("approve", "pause", "resume", "retry_failed", "cancel")


async def begin(client: Client, store: Store, campaign: str) -> None:
    """Start a campaign; nothing happens if it is under way or over. One that was refused, or ended by force, is begun
    again: what it did is found."""
    progress = Progress(campaign, store.plan_of(campaign), events=len(store.events(campaign)))
    await _start(client, progress, WorkflowIDReusePolicy.ALLOW_DUPLICATE_FAILED_ONLY)


async def retry_ended(client: Client, store: Store, campaign: str) -> list[str]:
    """Try again the hosts on which a campaign that is over failed; returns them."""
    by_host: dict[str, list[HostRecord]] = {}
    for record in store.records(campaign):
        by_host.setdefault(record.host, []).append(record)
    rounds = max((record.round for found in by_host.values() for record in found), default=0)
    failed = sorted(host for host, found in by_host.items() if not is_good(found))
    if not failed:
        raise error(FleetReason.CAMPAIGN_STATE, f"No host of {campaign} failed.")
    told = len(store.events(campaign))
    progress = Progress(campaign, store.plan_of(campaign), round=rounds, retry=failed, events=told)
    await _start(client, progress, WorkflowIDReusePolicy.ALLOW_DUPLICATE)
    return failed


async def status(client: Client, campaign: str) -> Status:
    """Where a campaign is; CAMPAIGN_NOT_FOUND if the engine does not know it, or not any more."""
    try:
        found: Status = await client.get_workflow_handle(workflow_id(campaign)).query("status", result_type=Status)
    except RPCError as failure:
        raise translated(failure, campaign) from failure
    return found


async def is_running(client: Client, campaign: str) -> bool:
    """Whether it is under way."""
    try:
        found = await client.get_workflow_handle(workflow_id(campaign)).describe()
    except RPCError as failure:
        if failure.status is RPCStatusCode.NOT_FOUND:
            return False
        raise translated(failure, campaign) from failure
    return found.status is WorkflowExecutionStatus.RUNNING


async def ask(client: Client, campaign: str, verb: str, *arguments: object) -> None:
    """One of VERBS; CAMPAIGN_STATE if it is not the time for it, CAMPAIGN_NOT_RUNNING if it is over."""
    handle = client.get_workflow_handle(workflow_id(campaign))
    try:
        await handle.execute_update(verb, args=list(arguments))
    except WorkflowUpdateFailedError as failure:
        cause = failure.cause
        text = cause.message if isinstance(cause, ApplicationError) else str(cause)
        raise error(FleetReason.CAMPAIGN_STATE, f"{campaign}: {text}", campaign=campaign) from failure
    except RPCError as failure:
        if failure.status is RPCStatusCode.NOT_FOUND:
            raise error(
                FleetReason.CAMPAIGN_NOT_RUNNING, f"{campaign} is not under way.", campaign=campaign
            ) from failure
        raise translated(failure, campaign) from failure


async def _start(client: Client, progress: Progress, reuse: WorkflowIDReusePolicy) -> None:
    try:
        await client.start_workflow(
            CAMPAIGN,
            progress,
            id=workflow_id(progress.campaign),
            task_queue=TASK_QUEUE,
            id_reuse_policy=reuse,
            id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
            memo={"plan": progress.plan},
        )
    except WorkflowAlreadyStartedError:
        return
    except RPCError as failure:
        raise translated(failure, progress.campaign) from failure


def translated(failure: RPCError, campaign: str) -> NvmedError:
    """What the engine answered about a campaign, as an error of ours."""
    if failure.status is RPCStatusCode.NOT_FOUND:
        return error(FleetReason.CAMPAIGN_NOT_FOUND, f"The engine knows no campaign {campaign}.", campaign=campaign)
    return error(FleetReason.ENGINE_UNAVAILABLE, f"The engine answers {failure.status.name}: {failure.message}")
