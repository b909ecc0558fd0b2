"""nvmed.v1.FirmwareService, the part about drives: slots, staging, activation, verification, history."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Any, Final

from google.longrunning import operations_pb2 as longrunning

from nvmed import limits
from nvmed.devices.controller import Device
from nvmed.devices.inventory import CONTROLLERS, Inventory
from nvmed.firmware.activation import KINDS, Activation, Activations, Mode
from nvmed.firmware.recovery import RESET_CONTROLLER
from nvmed.firmware.spool import Spool
from nvmed.firmware.staging import Firmware, Preconditions, Staging, require_one_per_subsystem, revision_of
from nvmed.nvme.firmware import FWUG_NOT_REPORTED, FirmwareUpdates, granularity_bytes
from nvmed.operations.journal import Record
from nvmed.operations.manager import Manager
from nvmed.preconditions.drives import fresh_identity, fresh_slots
from nvmed.preconditions.gates import check_overrides
from nvmed.reasons import invalid_field
from nvmed.rpc.convert import operations as convert
from nvmed.rpc.listing import decode_token, encode_token, parse_filter
from nvmed.rpc.longrunning import begin, replayed
from nvmed.rpc.services.firmware_images import IMAGES, ImageMethods
from nvmed.v1 import firmware_pb2 as pb
from nvmed.v1 import firmware_pb2_grpc, operations_pb2

ALL: Final = "controllers/-"


class FirmwareService(ImageMethods, firmware_pb2_grpc.FirmwareServiceServicer):
    """Firmware of drives, and the images for it."""

    def __init__(self, inventory: Inventory, operations: Manager, spool: Spool, firmware: Firmware) -> None:
        self._inventory = inventory
        self._operations = operations
        self._spool = spool
        self._firmware = firmware
        self._activations = Activations(firmware)

    async def StageFirmware(self, request: pb.StageFirmwareRequest, context: Any) -> longrunning.Operation:
        if (known := await replayed(self._operations, request)) is not None:
            return known
        devices = [(await self._inventory.find(name, "controllers")).device for name in request.controllers]
        require_one_per_subsystem(devices)
        sha256 = request.image.removeprefix(IMAGES)
        staging = Staging(
            devices=tuple(devices),
            sha256=sha256,
            slot=request.slot,
            revision=request.firmware_revision,
            preconditions=_preconditions(request),
            concurrency=request.max_concurrency,
        )
        revision = revision_of(staging, self._spool.image(sha256))
        return await begin(
            self._operations,
            request,
            devices[0].resource_name if len(devices) == 1 else request.image,
            partial(self._firmware.check_stage, staging),
            partial(self._firmware.stage, staging=staging),
            image=request.image,
            slot=request.slot,
            firmware_revision=revision,
        )

    async def ActivateFirmware(self, request: pb.ActivateFirmwareRequest, context: Any) -> longrunning.Operation:
        return await self._activate(request, rollback=False)

    async def RollbackFirmware(self, request: pb.RollbackFirmwareRequest, context: Any) -> longrunning.Operation:
        return await self._activate(request, rollback=True)

    async def VerifyFirmware(self, request: pb.VerifyFirmwareRequest, context: Any) -> longrunning.Operation:
        if (known := await replayed(self._operations, request)) is not None:
            return known
        device = await self._device(request.controller)
        verify = partial(self._activations.verify, device, request.firmware_revision, request.slot)
        return await begin(
            self._operations,
            request,
            device.resource_name,
            verify,
            lambda _: verify(),
            slot=request.slot,
            firmware_revision=request.firmware_revision,
        )

    async def GetFirmwareSlots(self, request: pb.GetFirmwareSlotsRequest, context: Any) -> pb.FirmwareSlots:
        device = await self._device(request.controller)
        async with device.open() as session:
            identity = await fresh_identity(session)
            slots = await fresh_slots(session)
            limit = (await device.transfer_limit(session)).bytes
        updates = FirmwareUpdates.of(identity)
        return pb.FirmwareSlots(
            controller=device.resource_name,
            slots=[
                pb.FirmwareSlots.Slot(
                    slot=number,
                    revision=slots.revision(number),
                    writable=number in updates.writable_slots,
                    active=number == slots.active_slot,
                    next=number == slots.next_slot,
                )
                for number in range(1, updates.slots + 1)
            ],
            running_revision=identity.fr,
            kernel_revision=device.node.firmware_revision,
            activates_without_reset=updates.activates_without_reset,
            activation_time_ms=updates.activation_time_ms or 0,
            granularity_bytes=granularity_bytes(identity.fwug),
            granularity_reported=identity.fwug != FWUG_NOT_REPORTED,
            max_transfer_bytes=limit,
        )

    async def ListFirmwareHistory(
        self, request: pb.ListFirmwareHistoryRequest, context: Any
    ) -> pb.ListFirmwareHistoryResponse:
        target = await self._history_of(request.parent)
        tests = parse_filter(request.filter, pb.FirmwareRecord)
        after = decode_token(request.page_token, request.filter)
        size = min(request.page_size or limits.PAGE_SIZE_DEFAULT, limits.PAGE_SIZE_MAX)
        records = await self._operations.list(target=target)
        found = (_history(record) for record in reversed(records) if _is_history(record))
        chosen = [shown for shown in found if all(test(shown) for test in tests)]
        names = [shown.operation for shown in chosen]
        if after and after not in names:
            raise invalid_field("page_token", "is of a record that was forgotten meanwhile; start again without it")
        start = names.index(after) + 1 if after else 0
        shown = chosen[start : start + size]
        more = start + size < len(chosen)
        token = encode_token(shown[-1].operation, request.filter) if more else ""
        return pb.ListFirmwareHistoryResponse(records=shown, next_page_token=token)

    async def _activate(self, request: Any, *, rollback: bool) -> longrunning.Operation:
        if rollback and not (request.slot or request.preconditions.firmware_revision):
            raise invalid_field(
                "slot",
                "give it, or preconditions.firmware_revision, the revision that is to be left: a rollback that names "
                "neither would undo one that somebody else has made",
            )
        if (known := await replayed(self._operations, request)) is not None:
            return known
        device = await self._device(request.controller)
        activation = Activation(
            device=device,
            slot=request.slot,
            mode=_mode(request),
            slot_revision="" if rollback else request.slot_revision,
            preconditions=_preconditions(request),
            acknowledged=request.acknowledge_disruption,
        )
        return await begin(
            self._operations,
            request,
            device.resource_name,
            partial(self._activations.check, activation, rollback=rollback),
            partial(self._activations.activate, activation=activation, rollback=rollback),
            slot=request.slot,
            activation_mode=pb.ActivationMode.Name(request.activation_mode),
        )

    async def _device(self, name: str) -> Device:
        return (await self._inventory.find(name, "controller")).device

    async def _history_of(self, parent: str) -> str:
        """The target whose history is wanted, "" for all; a controller that is gone has one, if it has any."""
        if parent == ALL:
            return ""
        if parent.startswith(CONTROLLERS) and await self._operations.list(target=parent):
            return parent
        return (await self._inventory.find(parent, "parent")).device.resource_name


def overrides(values: Iterable[operations_pb2.Gate]) -> frozenset[str]:
    """`override_gates` of a request by the gates' names; raises INVALID_FIELD for one that cannot be overridden."""
    return check_overrides(operations_pb2.Gate.Name(value).removeprefix("GATE_") for value in values)


def _preconditions(request: Any) -> Preconditions:
    return Preconditions(
        model=request.preconditions.model_number,
        revision=request.preconditions.firmware_revision,
        overrides=overrides(request.override_gates),
    )


def _mode(request: Any) -> Mode:
    return Mode(pb.ActivationMode.Name(request.activation_mode).removeprefix("ACTIVATION_MODE_"))


def _is_history(record: Record) -> bool:
    """Whether an operation was about the firmware of one controller; a reset is if another one runs since."""
    if not record.target.startswith(CONTROLLERS):
        return False
    if record.kind == RESET_CONTROLLER:
        result = record.result or {}
        return bool(result) and result.get("previous_revision") != result.get("running_revision")
    return record.kind in KINDS


def _history(record: Record) -> pb.FirmwareRecord:
    result = dict(record.result or {})
    result.update(*result.get("drives", ()))  # a staging has its drive's result within
    failed, asked = record.failure or {}, record.parameters
    return pb.FirmwareRecord(
        operation=convert.OPERATIONS + record.id,
        controller=record.target,
        method=record.kind,
        principal=record.principal,
        state=convert.state(record),
        create_time=convert.timestamp(record.created_ms),
        update_time=convert.timestamp(record.updated_ms),
        image=asked.get("image", ""),
        slot=result.get("slot") or result.get("active_slot") or asked.get("slot", 0),
        activation_mode=asked.get("activation_mode"),
        outcome=result.get("outcome"),
        required_reset=result.get("required_reset"),
        previous_revision=result.get("previous_revision", ""),
        running_revision=result.get("running_revision", ""),
        slot_revision=result.get("slot_revision", ""),
        failure_reason=failed.get("reason", ""),
        failure_message=failed.get("message", ""),
    )
