"""The journal's operations as a drive's firmware history."""

from __future__ import annotations

from nvmed.firmware.activation import WITHIN
from nvmed.operations.records import Record, damaged
from nvmed.rpc.convert import operations as convert
from nvmed.rpc.convert.fitted import fitted, timestamp
from nvmed.v1 import firmware_pb2 as pb


def firmware_record(record: Record) -> pb.FirmwareRecord:
    """What an operation did to the firmware of a controller; one that cannot be read says that it cannot."""
    try:
        return _record(record)
    except (TypeError, ValueError, AttributeError):  # JSON that is whole, and not what nvmed writes
        return _record(damaged(record, "its result or parameters have other fields than nvmed writes"))


def _record(record: Record) -> pb.FirmwareRecord:
    result = dict(record.result or {})
    result.update(*result.get("drives", ()))  # a staging has its drive's result within,
    result.update(result.get(WITHIN, {}))  # and desired state its activation's
    failed = record.failure or {}
    asked = {} if record.damage else record.parameters
    return fitted(
        pb.FirmwareRecord,
        operation=convert.OPERATIONS + record.id,
        controller=record.target,
        method=record.kind,
        principal=record.principal,
        state=convert.state(record),
        create_time=timestamp(record.created_ms),
        update_time=timestamp(record.updated_ms),
        image=result.get("image") or asked.get("image", ""),
        slot=result.get("slot") or result.get("active_slot") or asked.get("slot", 0),
        activation_mode=result.get("activation_mode") or asked.get("activation_mode"),
        outcome=result.get("outcome"),
        required_reset=result.get("required_reset"),
        previous_revision=result.get("previous_revision", ""),
        running_revision=result.get("running_revision", ""),
        slot_revision=result.get("slot_revision", ""),
        failure_reason=failed.get("reason", ""),
        failure_message=failed.get("message", ""),
    )
