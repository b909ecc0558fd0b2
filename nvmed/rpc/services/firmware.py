"""nvmed.v1.FirmwareService, the part about drives: slots, staging, activation, verification, history."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Any, Final

from google.longrunning import operations_pb2 as longrunning

from nvmed.devices.controller import Device
from nvmed.devices.inventory import CONTROLLERS, Inventory
from nvmed.firmware.activation import APPLY, KINDS, WITHIN, Activation, Activations, Mode
from nvmed.firmware.fetch import Fetcher
from nvmed.firmware.recovery import RESET_CONTROLLER
from nvmed.firmware.spool import Spool
from nvmed.firmware.staging import Firmware, Preconditions, Staging, require_one_per_subsystem, revision_of
from nvmed.nvme.firmware import FWUG_NOT_REPORTED, NO_SLOTS_SHOWN, FirmwareUpdates, granularity_bytes
from nvmed.operations.journal_reader import Query
from nvmed.operations.manager import Manager
from nvmed.operations.records import Record
from nvmed.preconditions.drives import fresh_identity, slots_if_shown
from nvmed.preconditions.gates import check_overrides
from nvmed.reasons import invalid_field
from nvmed.rpc.convert.firmware import firmware_record
from nvmed.rpc.convert.fitted import fitted
from nvmed.rpc.journal_pages import Columns, page
from nvmed.rpc.longrunning import answered, begin, replayed
from nvmed.rpc.services.firmware_images import IMAGES, ImageMethods
from nvmed.v1 import firmware_pb2 as pb
from nvmed.v1 import firmware_pb2_grpc, operations_pb2

ALL: Final = "controllers/-"

HISTORY_KINDS: Final = (*KINDS, RESET_CONTROLLER, APPLY)

COLUMNS: Final = Columns(
    texts={"method": "kind", "controller": "target", "principal": "principal"},
    times={"create_time": "created_ms", "update_time": "updated_ms"},
)
"""Where the journal has what a filter may ask of a firmware record."""


class FirmwareService(ImageMethods, firmware_pb2_grpc.FirmwareServiceServicer):
    """Firmware of drives, and the images for it."""

    def __init__(
        self, inventory: Inventory, operations: Manager, spool: Spool, firmware: Firmware, fetcher: Fetcher
    ) -> None:
        self._inventory = inventory
        self._operations = operations
        self._spool = spool
        self._firmware = firmware
        self._fetcher = fetcher
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
        device = await self._device(request.controller)
        return await answered(
            request,
            device.resource_name,
            partial(self._activations.verify, device, request.firmware_revision, request.slot),
        )

    async def GetFirmwareSlots(self, request: pb.GetFirmwareSlotsRequest, context: Any) -> pb.FirmwareSlots:
        device = await self._device(request.controller)
        async with device.open() as session:
            identity = await fresh_identity(session)
            shown = await slots_if_shown(session)
            limit = (await device.transfer_limit(session)).bytes
        updates = FirmwareUpdates.of(identity)
        slots = shown or NO_SLOTS_SHOWN
        return fitted(
            pb.FirmwareSlots,
            controller=device.resource_name,
            slots=[
                fitted(
                    pb.FirmwareSlots.Slot,
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
            slots_not_shown=shown is None,
        )

    async def ListFirmwareHistory(
        self, request: pb.ListFirmwareHistoryRequest, context: Any
    ) -> pb.ListFirmwareHistoryResponse:
        records, token = await page(
            self._operations,
            request,
            Query(0, target=await self._history_of(request.parent), history_of=HISTORY_KINDS),
            pb.FirmwareRecord,
            COLUMNS,
            show=lambda record: firmware_record(record) if _is_history(record) else None,
        )
        return pb.ListFirmwareHistoryResponse(records=records, next_page_token=token)

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
        if parent.startswith(CONTROLLERS) and await self._operations.page(Query(1, target=parent)):
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
    """Whether an operation was about the firmware of one controller; a reset is if another one runs since.

    Desired state is if it changed firmware, or may have: of one that did not end well the steps tell.
    """
    if not record.target.startswith(CONTROLLERS):
        return False
    if record.kind == APPLY and not record.damage:
        return WITHIN in record.result if record.result else "firmware_revision" in record.parameters
    if record.kind == RESET_CONTROLLER and not record.damage:
        result = record.result or {}
        return bool(result) and result.get("previous_revision") != result.get("running_revision")
    return True
