"""What became of changes to namespaces that a crash interrupted, by what the drive says now.

Attachment, creation and deletion show in the drive's lists, so what was intended and what is there decide it. A format
leaves no such trace: unless the drive had answered, somebody has to look.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Any, Final

from nvmed.devices import namespaces
from nvmed.devices.controller import Device, Session
from nvmed.devices.inventory import Inventory
from nvmed.errors import NvmedError
from nvmed.namespaces.changes import SubsystemControllers, report
from nvmed.namespaces.recorder import Recorder
from nvmed.nvme.namespace import AttachmentSelect, remaining_percent
from nvmed.operations import failure
from nvmed.operations.manager import Interrupted, Reconcile, Resumption, Verdict
from nvmed.operations.records import State, Step
from nvmed.preconditions.host_view import HostView
from nvmed.reasons import Reason, error

SERVICE: Final = "nvmed.v1.NamespaceService"
ATTACH, DETACH, CREATE, DELETE, FORMAT, RESCAN = (
    f"{SERVICE}/{method}"
    for method in (
        "AttachControllers", "DetachControllers", "CreateNamespace", "DeleteNamespace", "FormatNamespace",
        "RescanController",
    )
)  # fmt: skip

HISTORY: Final = frozenset({CREATE, DELETE, FORMAT})
"""Kinds that are a drive's history, which is not forgotten."""

Judge = Callable[[Interrupted, Device, Session], Awaitable[Verdict]]


def reconcilers(inventory: Inventory, recorder: Recorder) -> Mapping[str, Reconcile]:
    """How each kind is reconciled; a format that erases has its record then, too."""
    family = SubsystemControllers(inventory)

    async def attached(case: Interrupted, device: Device, session: Session) -> Verdict:
        return await _attachment(case, device, session, family, AttachmentSelect.ATTACH)

    async def detached(case: Interrupted, device: Device, session: Session) -> Verdict:
        return await _attachment(case, device, session, family, AttachmentSelect.DETACH)

    async def rescanned(case: Interrupted) -> Verdict:
        return Verdict(State.SAFE_TO_RETRY, "nothing was changed, only looked for")

    def asking(judge: Judge) -> Reconcile:
        async def reconcile(case: Interrupted) -> Verdict:
            first = case.steps[0]
            if first.name == "rescan":
                return Verdict(State.SAFE_TO_RETRY, "there was nothing to change, and nothing was")
            if refusal := _refusal(first):
                return Verdict(State.FAILED, failure=refusal)
            device = (await inventory.find(case.record.target)).device
            async with device.open() as session:
                return await judge(case, device, session)

        return reconcile

    return {
        ATTACH: asking(attached),
        DETACH: asking(detached),
        CREATE: asking(_creation),
        DELETE: asking(_deletion),
        FORMAT: recording(asking(_format), recorder),
        RESCAN: rescanned,
    }


def recording(reconcile: Reconcile, recorder: Recorder) -> Reconcile:
    """The same, with the record of what it finds."""

    async def recorded(case: Interrupted) -> Verdict | Resumption:
        verdict = await reconcile(case)
        kept = case.steps[0].detail.get("erasure")
        if not kept or not isinstance(verdict, Verdict):
            return verdict
        if verdict.state is not State.SUCCEEDED:
            why = failure.load(verdict.failure) if verdict.failure else None
            await recorder.after(case.record, kept, why or error(Reason.ERASURE_UNCONFIRMED, verdict.message))
            return verdict
        try:
            name = await recorder.after(case.record, kept)
        except NvmedError as exc:
            if exc.reason != Reason.ERASURE_CONTRADICTED.name:
                raise
            return Verdict(State.FAILED, failure=failure.dump(exc))
        return replace(verdict, result={**(verdict.result or {}), "erasure_record": name})

    return recorded


async def _attachment(
    case: Interrupted, device: Device, session: Session, family: SubsystemControllers, select: AttachmentSelect
) -> Verdict:
    nsid, wanted = case.steps[0].detail["nsid"], set(case.steps[0].detail["controller_ids"])
    there = set(await namespaces.list_controllers(session, nsid))
    attaches = select is AttachmentSelect.ATTACH
    done = wanted & there if attaches else wanted - there
    if done == wanted:
        here = await family.by_id(device)
        reports = [report(number, here.get(number), nsid, _view(here.get(number), nsid, attaches)) for number in wanted]
        reports.sort(key=lambda one: int(one["controller_id"]))
        return Verdict(State.SUCCEEDED, result={"controller": device.resource_name, "nsid": nsid, "reports": reports})
    if not done:
        return Verdict(State.SAFE_TO_RETRY, f"namespace {nsid} is attached as before")
    return Verdict(State.NEEDS_ATTENTION, f"namespace {nsid} is attached to controllers {sorted(there)}")


def _view(device: Device | None, nsid: int, attaches: bool) -> HostView:
    if device is None:
        return HostView.ELSEWHERE
    return HostView.SHOWN if namespaces.is_shown(device, nsid) is attaches else HostView.NOT_SHOWN


async def _creation(case: Interrupted, device: Device, session: Session) -> Verdict:
    step = case.steps[0]
    if step.outcome and _succeeded(step):
        nsid = step.outcome["nsid"]
        data = await namespaces.read_allocated(session, nsid)
        result = {
            "controller": device.resource_name,
            "nsid": nsid,
            "size_blocks": str(data.nsze),
            "lba_format": data.format_index,
            "logical_block_bytes": namespaces.block_bytes(data.format),
        }
        return Verdict(State.SUCCEEDED, result=result)
    new = sorted(set(await namespaces.list_nsids(session, allocated=True)) - set(step.detail["allocated"]))
    if not new:
        return Verdict(State.SAFE_TO_RETRY, "the drive has no namespace that it did not have before")
    return Verdict(
        State.NEEDS_ATTENTION,
        f"the drive has a namespace {new[0]} that it did not have before; use it, or delete it and try again",
    )


async def _deletion(case: Interrupted, device: Device, session: Session) -> Verdict:
    nsid = case.steps[0].detail["nsid"]
    if nsid in await namespaces.list_nsids(session, allocated=True):
        return Verdict(State.SAFE_TO_RETRY, f"namespace {nsid} is there as before")
    reports = [
        report(number, None, nsid, HostView.UNSPECIFIED) for number in sorted(case.steps[0].detail["controller_ids"])
    ]
    return Verdict(State.SUCCEEDED, result={"controller": device.resource_name, "nsid": nsid, "reports": reports})


async def _format(case: Interrupted, device: Device, session: Session) -> Verdict:
    detail = case.steps[0].detail
    block = 0
    for nsid in detail["nsids"]:
        data, _ = await namespaces.read_active(session, nsid)
        block = namespaces.block_bytes(data.format)
        if left := remaining_percent(data):
            return Verdict(State.NEEDS_ATTENTION, f"namespace {nsid} is being formatted: {left} % are left")
        if data.format_index != detail["lba_format"]:
            return Verdict(
                State.NEEDS_ATTENTION,
                f"namespace {nsid} has format {data.format_index}, not {detail['lba_format']}; its data may be lost",
            )
    if not _succeeded(case.steps[0]):
        return Verdict(
            State.NEEDS_ATTENTION,
            f"whether {detail['nsids']} were formatted cannot be told: they have format {detail['lba_format']} now",
        )
    result = {
        "controller": device.resource_name,
        "nsids": detail["nsids"],
        "lba_format": detail["lba_format"],
        "logical_block_bytes": block,
    }
    return Verdict(State.SUCCEEDED, result=result)


def _succeeded(step: Step) -> bool:
    return bool(step.outcome and step.outcome.get("ok"))


def _refusal(step: Step) -> Mapping[str, Any] | None:
    """The failure of a step that the drive itself refused, so that nothing came of it."""
    failure = (step.outcome or {}).get("failure")
    return failure if failure and failure["nvme"] is not None else None
