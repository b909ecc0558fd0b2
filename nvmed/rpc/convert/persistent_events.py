"""The persistent event log as messages: each event, and what its data say."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from nvmed.devices.controller import Device
from nvmed.devices.logs_persistent import Events
from nvmed.nvme import event_data
from nvmed.nvme.event_data import VendorDataType, decode, dwords_of, resets_of
from nvmed.nvme.health import SanitizeStatus, SmartLog
from nvmed.nvme.layout import bit, bits, shown_text
from nvmed.nvme.ocp import TcgActivity
from nvmed.nvme.opcodes import AdminOpcode
from nvmed.nvme.persistent_event import PersistentEvent
from nvmed.nvme.status import lookup
from nvmed.nvme.telemetry import TelemetryHeader, TelemetryLog
from nvmed.rpc.convert.fitted import fitted, omissions, timestamp_fields
from nvmed.rpc.convert.logs import smart_log
from nvmed.v1 import log_pb2 as pb


def events(device: Device, found: Events) -> pb.PersistentEventLog:
    """What happened to a drive."""
    header = found.header
    return fitted(
        pb.PersistentEventLog,
        controller=device.resource_name,
        total_events=header.tnev,
        total_bytes=header.tll,
        revision=header.lrev,
        timestamp_ms=bits(header.timestamp, 47, 0),
        power_on_hours=header.power_on_hours,
        power_cycles=header.power_cycle_count,
        vendor_id=header.vid,
        subsystem_vendor_id=header.ssvid,
        serial_number=header.sn,
        model_number=header.mn,
        subsystem_nqn=header.subnqn,
        generation=header.gnum,
        supported_types=[number for number in range(256) if header.supports(number)],
        events=[event(one) for one in found.events],
        complete=found.is_complete,
        omissions=omissions(found.omissions),
    )


def event(found: PersistentEvent) -> pb.PersistentEvent:
    """One event; of data that are too short for their type, the bytes alone."""
    header = found.header
    message = fitted(
        pb.PersistentEvent,
        type=header.event_type,
        raw_type=header.event_type,
        revision=header.revision,
        controller_id=header.cntlid,
        port_id=header.pelpid,
        vendor_specific=found.vendor_specific,
        data=found.data,
        **timestamp_fields(header.timestamp),
    )
    data: Any = decode(header.event_type, found.data)
    if data is not None:
        field, convert = _DETAILS[type(data)]
        detail = convert(data, found.data)
        message.MergeFrom(fitted(pb.PersistentEvent, **{field: detail}))
    return message


def _firmware_commit(data: event_data.FirmwareCommitData, _: bytes) -> pb.PersistentEvent.FirmwareCommit:
    status = bits(data.sct, 2, 0) << 8 | data.sc
    return fitted(
        pb.PersistentEvent.FirmwareCommit,
        previous_revision=data.old_revision,
        revision=data.new_revision,
        commit_action=data.action,
        slot=data.slot,
        raw_status=status,
        status_mnemonic=lookup(status, AdminOpcode.FIRMWARE_COMMIT).mnemonic,
        vendor_result=data.vendor_result,
    )


def _timestamp_change(data: event_data.TimestampChangeData, _: bytes) -> pb.PersistentEvent.TimestampChange:
    return fitted(
        pb.PersistentEvent.TimestampChange,
        previous_timestamp_ms=bits(data.previous, 47, 0),
        since_reset_ms=data.milliseconds_since_reset,
    )


def _power_on_or_reset(data: event_data.PowerOnData, raw: bytes) -> pb.PersistentEvent.PowerOnOrReset:
    controllers = [
        fitted(
            pb.PersistentEvent.PowerOnOrReset.ControllerReset,
            controller_id=one.cntlid,
            firmware_activation=one.firmware_activation,
            operation_in_progress=one.operation_in_progress,
            power_cycles=one.power_cycles,
            power_on_ms=one.power_on_milliseconds,
            timestamp_ms=bits(one.timestamp, 47, 0),
        )
        for one in resets_of(raw)
    ]
    return fitted(pb.PersistentEvent.PowerOnOrReset, firmware_revision=data.revision, controllers=controllers)


def _namespace_change(data: event_data.ChangeNamespaceData, _: bytes) -> pb.PersistentEvent.NamespaceChange:
    return fitted(
        pb.PersistentEvent.NamespaceChange,
        deleted=data.is_deletion,
        nsid=data.nsid,
        size_blocks=data.nsze,
        capacity_blocks=data.ncap,
        formatted_lba_size=data.flbas,
        protection_settings=data.dps,
        shared=bit(data.nmic, 0),
        ana_group_id=data.anagrpid,
        nvm_set_id=data.nvmsetid,
    )


def _format_start(data: event_data.FormatStartData, _: bytes) -> pb.PersistentEvent.FormatStart:
    return fitted(
        pb.PersistentEvent.FormatStart, nsid=data.nsid, format_attributes=data.fna, command_dword_10=data.cdw10
    )


def _format_completion(data: event_data.FormatCompletionData, _: bytes) -> pb.PersistentEvent.FormatCompletion:
    return fitted(
        pb.PersistentEvent.FormatCompletion,
        nsid=data.nsid,
        smallest_remaining_percent=data.smallest_fpi,
        format_status_bits=data.format_status,
        completion_information=data.completion_information,
        status_field=data.status_field,
    )


def _sanitize_start(data: event_data.SanitizeStartData, _: bytes) -> pb.PersistentEvent.SanitizeStart:
    return fitted(
        pb.PersistentEvent.SanitizeStart,
        sanitize_capabilities=data.sanicap,
        command_dword_10=data.cdw10,
        command_dword_11=data.cdw11,
    )


def _sanitize_completion(data: event_data.SanitizeCompletionData, _: bytes) -> pb.PersistentEvent.SanitizeCompletion:
    status = SanitizeStatus(sprog=data.sprog, sstat=data.sstat)
    return fitted(
        pb.PersistentEvent.SanitizeCompletion,
        fraction_complete=status.fraction_complete,
        state=status.state + 1,
        completion_information=data.completion_information,
    )


def _feature_change(_: event_data.SetFeatureData, raw: bytes) -> pb.PersistentEvent.FeatureChange:
    dwords = dwords_of(raw)
    return fitted(pb.PersistentEvent.FeatureChange, command_dwords=dwords, feature_id=dwords[0] & 0xFF if dwords else 0)


def _telemetry_capture(data: TelemetryHeader, _: bytes) -> pb.PersistentEvent.TelemetryCapture:
    return fitted(
        pb.PersistentEvent.TelemetryCapture,
        controller_initiated=data.log is TelemetryLog.CONTROLLER_INITIATED,
        generation_number=data.generation,
        reason_identifier=data.reason_identifier,
    )


def _thermal_excursion(data: event_data.ThermalExcursionData, _: bytes) -> pb.PersistentEvent.ThermalExcursion:
    return fitted(
        pb.PersistentEvent.ThermalExcursion, over_temperature_celsius=data.over_temperature, threshold=data.threshold
    )


def _personality_change(data: event_data.PersonalityChangeData, _: bytes) -> pb.PersistentEvent.PersonalityChange:
    return fitted(
        pb.PersistentEvent.PersonalityChange,
        personality_id=data.personality_id,
        failed=data.has_failed,
        freeze_requested=data.is_freeze_requested,
    )


def _vendor_event(_: event_data.VendorEventData, raw: bytes) -> pb.PersistentEvent.VendorEvent:
    activity = event_data.tcg_activity_of(raw)
    return fitted(
        pb.PersistentEvent.VendorEvent,
        descriptors=[_descriptor(head, data) for head, data in event_data.vendor_descriptors(raw)],
        tcg_activity=None if activity is None else _tcg_activity(activity),
    )


def _descriptor(head: event_data.VendorEventData, data: bytes) -> pb.PersistentEvent.VendorEvent.Descriptor:
    is_text = head.data_type in (VendorDataType.EVENT_NAME, VendorDataType.TEXT)
    is_number = head.data_type == VendorDataType.SIGNED_INTEGER
    return fitted(
        pb.PersistentEvent.VendorEvent.Descriptor,
        code=head.code,
        data_type=head.data_type,
        uuid_index=head.uuid_index,
        data=data,
        text=shown_text(data) if is_text else "",
        number=int.from_bytes(data[:8], "little", signed=True) if is_number else None,
    )


TCG_FIELDS: Final = (
    "command_count", "invoking_id", "method_id", "com_id", "protocol_id", "status", "process_time_ms", "context",
)  # fmt: skip


def _tcg_activity(activity: TcgActivity) -> pb.PersistentEvent.VendorEvent.TcgActivity:
    fields = {name: getattr(activity, name) for name in TCG_FIELDS}
    return fitted(pb.PersistentEvent.VendorEvent.TcgActivity, **fields)


_DETAILS: Final[dict[Any, tuple[str, Callable[[Any, bytes], Any]]]] = {
    SmartLog: ("smart", lambda data, _: smart_log(data)),
    event_data.FirmwareCommitData: ("firmware_commit", _firmware_commit),
    event_data.TimestampChangeData: ("timestamp_change", _timestamp_change),
    event_data.PowerOnData: ("power_on_or_reset", _power_on_or_reset),
    event_data.HardwareErrorData: ("hardware_error_code", lambda data, _: data.code),
    event_data.ChangeNamespaceData: ("namespace_change", _namespace_change),
    event_data.FormatStartData: ("format_start", _format_start),
    event_data.FormatCompletionData: ("format_completion", _format_completion),
    event_data.SanitizeStartData: ("sanitize_start", _sanitize_start),
    event_data.SanitizeCompletionData: ("sanitize_completion", _sanitize_completion),
    event_data.SetFeatureData: ("feature_change", _feature_change),
    TelemetryHeader: ("telemetry_capture", _telemetry_capture),
    event_data.ThermalExcursionData: ("thermal_excursion", _thermal_excursion),
    event_data.PersonalityChangeData: ("personality_change", _personality_change),
    event_data.VendorEventData: ("vendor_event", _vendor_event),
}
"""The field of `details` that a structure goes to, and how."""
