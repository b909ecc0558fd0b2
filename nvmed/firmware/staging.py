"""Staging: an image from the spool into a slot of one or many drives, without activating anything.

Download, commit with action 0, and a look at the slot log: each step is journalled before it is taken. All gates of
all drives come first. A drive that was told to commit and did not answer is asked what became of it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Final

from nvmed import limits
from nvmed.devices.controller import Device, Session
from nvmed.devices.firmware_download import DownloadPlan, download
from nvmed.devices.lane import NOT_STARTED, Lane
from nvmed.errors import NvmedError
from nvmed.firmware.evidence import UNVERIFIED, look_again, shows
from nvmed.firmware.spool import Pinned, Spool
from nvmed.firmware.spool_files import Image
from nvmed.nvme import firmware
from nvmed.nvme.firmware import CommitAction, FirmwareSlots
from nvmed.nvme.status import RequiredReset, required_reset
from nvmed.operations.manager import Manager
from nvmed.operations.records import Record, State
from nvmed.operations.running import Result, Running
from nvmed.preconditions import gates
from nvmed.preconditions.drives import Drives
from nvmed.preconditions.firmware_rules import Quirk, Rules, RulesFiles
from nvmed.preconditions.gate_report import gate_results
from nvmed.preconditions.gates import DriveState, GateResult, Wanted
from nvmed.reasons import Reason, error, invalid_field

COMMIT_TIMEOUT_MS: Final = 120_000
"""Drives erase and write flash during a commit; the kernel's 60 s have been too few."""


OTHER_ACTIONS: Final = (
    "If the model takes other commit actions, name them in the firmware rules ([[quirk]], commit_actions); stage again."
)
"""What to do about a commit of which the drive refused a field: all else in it is checked beforehand."""


@dataclass(frozen=True, slots=True)
class Preconditions:
    """What must hold, and which gates need not; empty for any."""

    model: str = ""
    revision: str = ""
    overrides: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Staging:
    """An image, by its SHA-256 in hexadecimal, for a slot (0: any) of each device; `revision` is what it holds."""

    devices: tuple[Device, ...]
    sha256: str
    slot: int = 0
    revision: str = ""
    preconditions: Preconditions = field(default_factory=Preconditions)
    concurrency: int = 0


@dataclass(frozen=True, slots=True)
class Committed:
    """What a drive answered to Firmware Commit: which reset it needs, and whether another update got into this one.

    The latter only counts where the drive detects that (`FirmwareUpdates.detects_overlap`).
    """

    required_reset: RequiredReset | None
    overlapped: bool


@dataclass(frozen=True, slots=True)
class _Plan:
    """What is going to be done to one drive. `current_slot` has the image already; 0 if none has."""

    device: Device
    drive: DriveState
    slot: int
    piece_bytes: int
    action: CommitAction
    current_slot: int
    results: tuple[GateResult, ...]


class Firmware:
    """What all firmware operations need, and staging."""

    def __init__(self, drives: Drives, operations: Manager, spool: Spool, rules: RulesFiles) -> None:
        self.drives = drives
        self.operations = operations
        self.spool = spool
        self._rules = rules
        self._thread = Lane("firmware", threads=1, waiting_max=100_000)

    def close(self) -> None:
        """End the thread."""
        self._thread.close()

    def use(self, rules: RulesFiles) -> None:
        """Take the rules of other files from now on."""
        self._rules = rules

    async def check_rules(self) -> None:
        """Raise FIRMWARE_RULES_INVALID if no firmware is changed, as the rules cannot be read."""
        await self.rules()

    async def rules(self) -> Rules:
        """The firmware rules as of now; raises FIRMWARE_RULES_INVALID."""
        return await self._thread.run(self._rules.current)

    # -- staging

    async def check_stage(self, staging: Staging) -> Result:
        """Every gate, and nothing else; raises GATE_FAILED."""
        with self.spool.pin(staging.sha256, "a validate_only request") as pinned:
            plans = await self._plan(staging, pinned, await self.drives.examine(staging.devices))
        return _response([_drive_result(plan, plan.drive.slots, "") for plan in plans], plans)

    async def stage(self, running: Running, staging: Staging) -> Result:
        """Stage on every device; raises GATE_FAILED before any is touched, FIRMWARE_PARTLY_FAILED."""
        holder = f"operations/{running.record.id}"
        async with self._claimed(staging, holder) as (plans, pinned):
            if len(plans) == 1:
                return _response([await self._stage_one(running, plans[0], staging, pinned)], plans)
            return _response(await self._stage_many(running, plans, staging, pinned), plans)

    @asynccontextmanager
    async def _claimed(self, staging: Staging, holder: str) -> AsyncIterator[tuple[Sequence[_Plan], Pinned]]:
        with self.spool.pin(staging.sha256, holder) as pinned:
            async with self.drives.claim(staging.devices, holder) as states:
                yield await self._plan(staging, pinned, states), pinned

    async def _plan(self, staging: Staging, pinned: Pinned, states: Sequence[DriveState]) -> Sequence[_Plan]:
        wanted = await self._wanted(staging, pinned)
        plans = [
            _plan_one(device, drive, staging, wanted) for device, drive in zip(staging.devices, states, strict=True)
        ]
        gates.refuse(result for plan in plans for result in plan.results)
        return plans

    async def _wanted(self, staging: Staging, pinned: Pinned) -> Wanted:
        image, fault = pinned.image, ""
        try:
            await pinned.verify()
        except NvmedError as exc:
            if exc.reason != Reason.IMAGE_DAMAGED.name:
                raise
            fault = exc.message
        model = staging.preconditions.model
        if model and image.model_number and model != image.model_number:
            fault = fault or f"the image is for {image.model_number!r}, as its uploader said, not for {model!r}"
        return Wanted(
            rules=await self.rules(),
            overrides=staging.preconditions.overrides,
            model=model or image.model_number,
            revision=staging.preconditions.revision,
            image_sha256=image.sha256,
            image_bytes=image.size_bytes,
            image_fault=fault,
            target_revision=revision_of(staging, image),
            slot=staging.slot,
        )

    async def _stage_many(
        self, running: Running, plans: Sequence[_Plan], staging: Staging, pinned: Pinned
    ) -> Sequence[Result]:
        turns = asyncio.Semaphore(staging.concurrency or limits.STAGE_CONCURRENCY_DEFAULT)

        async def stage_part(part: Running, plan: _Plan) -> Result:
            async with turns:
                part.checkpoint()
                return _response([await self._stage_one(part, plan, staging, pinned)], [plan])

        async with running.step("stage_drives", cancellable=True, drives=len(plans)) as outcome:
            begun = await asyncio.gather(
                *(
                    running.part(plan.drive.controller, running.record.parameters, partial(stage_part, plan=plan))
                    for plan in plans
                )
            )
            ended = [await self.operations.wait(record.id) for record in begun]
            outcome["succeeded"] = sum(record.state is State.SUCCEEDED for record in ended)
            raise_unless_all(running.record, ended)
        return [part_result(record) for record in ended]

    async def _stage_one(self, running: Running, plan: _Plan, staging: Staging, pinned: Pinned) -> Result:
        if plan.current_slot:
            return _drive_result(plan, plan.drive.slots, "ALREADY_CURRENT", plan.current_slot)
        image = pinned.image
        revision = revision_of(staging, image)
        async with plan.device.open() as session:
            before = plan.drive.slots.revisions if plan.drive.slots else ()
            async with running.step(
                "download",
                cancellable=True,
                slot=plan.slot,
                slots=before,
                running_revision=plan.drive.revision,
                size_bytes=image.size_bytes,
                transfer_bytes=plan.piece_bytes,
            ) as outcome:
                outcome.update(await self._download(session, running, plan, pinned))
            running.no_return()
            async with running.step(
                "commit", action=int(plan.action), slot=plan.slot, slots=before, slot_revision=revision
            ) as outcome:
                committed = await commit(session, running, plan.action, plan.slot)
                outcome["overlapped"] = overlapped = committed.overlapped and plan.drive.updates.detects_overlap
            after = await look_again(session, running, before, plan.slot, revision)
        held, proved = after.revision(plan.slot) if after else "", shows(before, after, plan.slot, revision)
        if overlapped or proved is False:
            raise error(
                Reason.FIRMWARE_NOT_VERIFIED,
                f"{plan.drive.controller}: slot {plan.slot} holds {held or 'nothing'!r} after the commit"
                + (f", not {revision!r}" if revision else "")
                + ("; another update got into this one: stage it again" if overlapped else ""),
                controller=plan.drive.controller,
                slot=plan.slot,
                revision=held,
            )
        return {**_drive_result(plan, after, ""), **staged_fields(plan.action, revision, proved=bool(proved))}

    async def _download(self, session: Session, running: Running, plan: _Plan, pinned: Pinned) -> Mapping[str, Any]:
        image = pinned.image
        pieces = DownloadPlan(image.size_bytes, plan.piece_bytes)
        async with aclosing(pinned.blocks()) as blocks:  # or a drive's refusal leaves the file open
            sent = await download(session, blocks, pieces, checkpoint=running.checkpoint, advance=running.advance)
        if sent.sha256.hex() != image.sha256:
            raise error(
                Reason.IMAGE_DAMAGED,
                f"what was read from images/{image.sha256} has the SHA-256 {sent.sha256.hex()}; nothing was committed",
                image=f"images/{image.sha256}",
            )
        return {"commands": sent.commands, "repeated": sent.repeated}


def _plan_one(device: Device, drive: DriveState, staging: Staging, wanted: Wanted) -> _Plan:
    current = _current_slot(drive, wanted)
    names = gates.CURRENT if current else gates.STAGE
    return _Plan(
        device=device,
        drive=drive,
        slot=current or staging.slot or gates.choose_slot(drive, wanted) or 0,
        piece_bytes=gates.piece_bytes(drive, wanted),
        action=_action(wanted.rules.quirk_of(drive.model)),
        current_slot=current,
        results=gates.evaluate(names, drive, wanted),
    )


def _action(quirk: Quirk) -> CommitAction:
    """The commit action that stores an image: one that activates nothing, where the model takes it."""
    takes_it = quirk.takes(CommitAction.REPLACE)
    return CommitAction.REPLACE if takes_it else CommitAction.REPLACE_AND_ACTIVATE_AT_RESET


def staged_fields(action: int, revision: str, *, proved: bool) -> dict[str, str]:
    """What the result of a staging says of its outcome."""
    if action == CommitAction.REPLACE_AND_ACTIVATE_AT_RESET:
        fields = {**outcome_field("PENDING_RESET"), "required_reset": "REQUIRED_RESET_CONTROLLER"}
    else:
        fields = outcome_field("STAGED" if proved else UNVERIFIED)
    return fields if proved else {**fields, "staged_revision": revision}


def _current_slot(drive: DriveState, wanted: Wanted) -> int:
    """The slot that has what is to be staged already, 0 if none has or if that cannot be known."""
    if drive.slots is None or not wanted.target_revision or wanted.slot > drive.updates.slots:
        return 0
    if wanted.slot:
        return wanted.slot if drive.slots.revision(wanted.slot) == wanted.target_revision else 0
    held = [slot for slot in range(1, drive.updates.slots + 1) if drive.slots.revision(slot) == wanted.target_revision]
    return drive.running_slot if drive.running_slot in held else (held or [0])[0]


def revision_of(staging: Staging, image: Image) -> str:
    """The revision in the image, as the request or the uploader said; "" if nobody did."""
    return staging.revision or image.firmware_revision


def require_one_per_subsystem(devices: Sequence[Device]) -> None:
    """Raise INVALID_FIELD if two of the devices are one NVM subsystem: they share firmware slots."""
    seen: dict[str, Device] = {}
    for device in devices:
        other = seen.setdefault(device.subsystem, device)
        if other is not device or devices.count(device) > 1:
            raise invalid_field(
                "controllers",
                f"{other.resource_name} and {device.resource_name} share the firmware slots of "
                f"{device.subsystem}; name one of them, once",
            )


async def commit(session: Session, running: Running, action: CommitAction, slot: int) -> Committed:
    """Firmware Commit; what has to be reset afterwards is part of its answer.

    A drive that did not answer may have done it: then the operation is uncertain until the drive is asked.
    """
    command = replace(firmware.commit(action, slot), timeout_ms=COMMIT_TIMEOUT_MS)
    try:
        completion = await session.mutate(command)
    except NvmedError as exc:
        if exc.nvme is None:
            if exc.reason not in NOT_STARTED:
                running.uncertain()
            raise
        reset = required_reset(exc.nvme.raw)
        if reset is None:
            if exc.reason == Reason.NVME_INVALID_FIELD.name:
                exc.remedy = OTHER_ACTIONS
            raise
        return Committed(reset, firmware.overlap_detected(exc.nvme.result))
    return Committed(None, firmware.overlap_detected(completion.result))


# -- results


def _response(drives: Sequence[Result], plans: Sequence[_Plan]) -> Result:
    return {"drives": [*drives], "gates": gate_results(result for plan in plans for result in plan.results)}


def _drive_result(plan: _Plan, slots: FirmwareSlots | None, outcome: str, slot: int = 0) -> dict[str, Any]:
    slot = slot or plan.slot
    return {
        "controller": plan.drive.controller,
        **outcome_field(outcome),
        "slot": slot,
        "slot_revision": slots.revision(slot) if slots and slot else "",
        "running_revision": plan.drive.revision,
    }


def outcome_field(outcome: str) -> dict[str, str]:
    """FirmwareOutcome, not set where there is none."""
    return {"outcome": f"FIRMWARE_OUTCOME_{outcome}"} if outcome else {}


def part_result(record: Record) -> Result:
    """The drive of a part that succeeded, with the part's own operation."""
    (drive,) = (record.result or {})["drives"]
    return {**drive, "operation": f"operations/{record.id}"}


def raise_unless_all(whole: Record, parts: Sequence[Record]) -> None:
    """Raise what describes best that not all parts succeeded."""
    failed = [record for record in parts if record.state is not State.SUCCEEDED]
    if not failed:
        return
    states = {record.state for record in failed}
    summary = f"{len(failed)} of {len(parts)} drives: " + "; ".join(
        f"{record.target}: {(record.failure or {}).get('reason', record.state.value)}" for record in failed[:8]
    )
    if states == {State.CANCELLED}:
        raise error(Reason.OPERATION_CANCELLED, f"cancelled on {summary}", operation=whole.id)
    if states <= {State.CANCELLED, State.SAFE_TO_RETRY}:
        raise error(Reason.OPERATION_INTERRUPTED, f"interrupted on {summary}", operation=whole.id)
    raise error(
        Reason.FIRMWARE_PARTLY_FAILED,
        f"not staged on {summary}",
        operation=whole.id,
        failed=len(failed),
        drives=len(parts),
    )
