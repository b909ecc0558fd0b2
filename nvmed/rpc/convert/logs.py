"""Logs as the messages of the contract."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from nvmed.devices.controller import Device
from nvmed.devices.logs import Errors, Read
from nvmed.devices.omission import Omission
from nvmed.errors import NvmedError
from nvmed.nvme.ana import AnaLog, LbaStatusElement, LbaStatusLog
from nvmed.nvme.effects import CommandEffects, EffectsLog, SupportedLogPages
from nvmed.nvme.health import (
    NOT_REPORTED,
    ErrorLogEntry,
    SanitizePhase,
    SanitizeStatus,
    SelfTestLog,
    SelfTestResult,
    SmartLog,
)
from nvmed.nvme.layout import bit, bits
from nvmed.nvme.opcodes import AdminOpcode, IoOpcode, LogPage
from nvmed.nvme.status import Queue, lookup
from nvmed.rpc.convert.fitted import fitted, omissions
from nvmed.v1 import common_pb2
from nvmed.v1 import log_pb2 as pb


def smart(device: Device, nsid: int | None, read: Read[SmartLog], *, include_raw: bool) -> pb.SmartLog:
    """Health and wear."""
    message = smart_log(read.log)
    message.MergeFrom(
        fitted(
            pb.SmartLog,
            controller=device.resource_name,
            nsid=nsid or 0,
            async_event_retained=read.event_retained,
            raw=read.raw if include_raw else b"",
        )
    )
    return message


def smart_log(log: SmartLog) -> pb.SmartLog:
    """Health and wear, of no particular controller."""
    return fitted(
        pb.SmartLog,
        critical_warnings=[warning + 1 for warning in log.warnings],
        temperature_celsius=log.temperature_celsius,
        available_spare_percent=log.available_spare,
        available_spare_threshold_percent=log.available_spare_threshold,
        percentage_used=log.percentage_used,
        endurance_group_warning_bits=log.endurance_group_warnings,
        data_units_read=log.data_units_read,
        data_units_written=log.data_units_written,
        bytes_read=log.bytes_read,
        bytes_written=log.bytes_written,
        host_read_commands=log.host_read_commands,
        host_write_commands=log.host_write_commands,
        controller_busy_minutes=log.busy_minutes,
        power_cycles=log.power_cycles,
        power_on_hours=log.power_on_hours,
        unsafe_shutdowns=log.unsafe_shutdowns,
        media_errors=log.media_errors,
        error_log_entries=log.error_log_entries,
        warning_temperature_minutes=log.warning_temperature_time,
        critical_temperature_minutes=log.critical_temperature_time,
        temperature_sensors=[
            fitted(pb.SmartLog.TemperatureSensor, number=number, temperature_celsius=celsius)
            for number, celsius in enumerate(log.sensors_celsius, 1)
            if celsius is not None
        ],
        thermal_management_1_transitions=log.thermal_transitions_1,
        thermal_management_2_transitions=log.thermal_transitions_2,
        thermal_management_1_seconds=log.thermal_time_1,
        thermal_management_2_seconds=log.thermal_time_2,
    )


def errors(device: Device, read: Read[Errors], *, include_raw: bool) -> pb.ListErrorLogEntriesResponse:
    """The error log."""
    return fitted(
        pb.ListErrorLogEntriesResponse,
        controller=device.resource_name,
        error_log_entries=[_error_entry(entry) for entry in read.log.entries],
        capacity=read.log.capacity,
        async_event_retained=read.event_retained,
        raw=read.raw if include_raw else b"",
        omissions=omissions(read.log.omissions),
    )


def _error_entry(entry: ErrorLogEntry) -> pb.ErrorLogEntry:
    queue = Queue.IO if entry.sqid else Queue.ADMIN
    place = entry.error_location
    return fitted(
        pb.ErrorLogEntry,
        error_count=entry.error_count,
        submission_queue_id=entry.sqid,
        command_id=entry.cid,
        raw_status=entry.status,
        status_mnemonic=lookup(entry.status, entry.opcode if entry.version else None, queue).mnemonic,
        location=fitted(pb.ErrorLogEntry.Location, byte=place[0], bit=place[1]) if place else None,
        lba=entry.lba,
        nsid=entry.nsid,
        vendor_log_page=entry.vendor_log_page,
        opcode=entry.opcode,
        command_set=entry.csi,
        transport_type=entry.trtype,
        command_specific=entry.command_specific,
        transport_specific=entry.transport_specific,
        entry_version=entry.version,
    )


def effects(device: Device, read: Read[EffectsLog], *, include_raw: bool) -> pb.EffectsLog:
    """Supported commands and what they affect."""
    return fitted(
        pb.EffectsLog,
        controller=device.resource_name,
        admin_commands=_effects(read.log.admin, AdminOpcode),
        io_commands=_effects(read.log.io, IoOpcode),
        raw=read.raw if include_raw else b"",
    )


def _effects(dwords: tuple[int, ...], opcodes: type[AdminOpcode | IoOpcode]) -> list[pb.CommandEffects]:
    names: Mapping[int, str] = {int(one): one.name for one in opcodes}
    found = ((opcode, CommandEffects(dword)) for opcode, dword in enumerate(dwords))
    return [
        fitted(
            pb.CommandEffects,
            opcode=opcode,
            command=names.get(opcode, ""),
            changes_data=one.changes_data,
            changes_namespace=one.changes_namespace,
            changes_inventory=one.changes_inventory,
            changes_controller=one.changes_controller,
            submission=one.submission,
            selects_uuid=one.selects_uuid,
            scopes=[number + 1 for number in range(6) if bit(one.scope, number)],
        )
        for opcode, one in found
        if one.is_supported
    ]


def self_tests(device: Device, read: Read[SelfTestLog], *, include_raw: bool) -> pb.SelfTestLog:
    """The self-test that runs, and those that ended."""
    return fitted(
        pb.SelfTestLog,
        controller=device.resource_name,
        running=read.log.running,
        percent_complete=read.log.percent_complete if read.log.running else 0,
        results=[_self_test(result) for result in read.log.finished],
        raw=read.raw if include_raw else b"",
    )


def _self_test(result: SelfTestResult) -> pb.SelfTestResult:
    return fitted(
        pb.SelfTestResult,
        test=result.code,
        outcome=result.result + 1,
        segment=result.segment,
        power_on_hours=result.power_on_hours,
        nsid=result.nsid if result.has_nsid else None,
        failing_lba=result.failing_lba if result.has_failing_lba else None,
        raw_status=bits(result.sct, 2, 0) << 8 | result.sc if result.has_status else None,
        vendor_specific=result.vendor_specific,
    )


_SANITIZE_ESTIMATES: Final = (
    "overwrite_seconds",
    "block_erase_seconds",
    "crypto_erase_seconds",
    "overwrite_no_deallocate_seconds",
    "block_erase_no_deallocate_seconds",
    "crypto_erase_no_deallocate_seconds",
    "post_verification_deallocation_seconds",
)


def sanitize(device: Device, read: Read[SanitizeStatus], *, include_raw: bool) -> pb.SanitizeStatus:
    """How the last sanitize operation is or ended."""
    log = read.log
    return fitted(
        pb.SanitizeStatus,
        controller=device.resource_name,
        state=log.state + 1,
        fraction_complete=log.fraction_complete,
        overwrite_passes=log.overwrite_passes,
        global_data_erased=log.global_data_erased,
        command_dword_10=log.scdw10,
        async_event_retained=read.event_retained,
        raw=read.raw if include_raw else b"",
        phase=_phase(log.phase),
        failed_in=_phase(log.failed_in),
        media_verification_canceled=log.media_verification_canceled,
        **{name: value for name in _SANITIZE_ESTIMATES if (value := getattr(log, name)) != NOT_REPORTED},
    )


def _phase(number: int) -> int:
    """A `SanitizePhase`, whose numbers are those of the contract; 0 for a reserved one."""
    return number if number in set(SanitizePhase) else 0


def supported_pages(device: Device, read: Read[SupportedLogPages], *, include_raw: bool) -> pb.SupportedLogPages:
    """Which log pages there are."""
    names: Mapping[int, str] = {int(one): one.name for one in LogPage}
    return fitted(
        pb.SupportedLogPages,
        controller=device.resource_name,
        pages=[
            fitted(
                pb.SupportedLogPages.Page,
                log_page=lid,
                title=names.get(lid, ""),
                index_offset_supported=read.log.has_index_offset(lid),
                page_specific=bits(read.log.pages[lid], 31, 16),
            )
            for lid in read.log.identifiers
        ],
        raw=read.raw if include_raw else b"",
    )


def ana(device: Device, read: Read[AnaLog], *, include_raw: bool) -> pb.AnaLog:
    """How namespaces are reached."""
    return fitted(
        pb.AnaLog,
        controller=device.resource_name,
        change_count=read.log.change_count,
        groups=[
            fitted(
                pb.AnaLog.Group,
                group_id=group.group_id,
                change_count=group.change_count,
                state=group.state,
                nsids=group.nsids,
            )
            for group in read.log.groups
        ],
        async_event_retained=read.event_retained,
        raw=read.raw if include_raw else b"",
        omissions=_cut("groups", read.log.cut),
    )


def lba_status(device: Device, read: Read[LbaStatusLog], *, include_raw: bool) -> pb.LbaStatusLog:
    """Blocks that may be unrecoverable."""
    return fitted(
        pb.LbaStatusLog,
        controller=device.resource_name,
        size_bytes=int.from_bytes(read.raw[:4], "little"),
        generation=read.log.generation,
        estimated_unrecoverable_blocks=read.log.estimated_unrecoverable_blocks,
        elements=[_lba_element(element) for element in read.log.elements],
        async_event_retained=read.event_retained,
        raw=read.raw if include_raw else b"",
        omissions=_cut("elements", read.log.cut),
    )


def _cut(field: str, why: NvmedError | None) -> list[common_pb2.Omission]:
    return [] if why is None else omissions([Omission.of(field, why)])


def _lba_element(element: LbaStatusElement) -> pb.LbaStatusLog.Element:
    return fitted(
        pb.LbaStatusLog.Element,
        nsid=element.nsid,
        recommended_action=element.recommended_action,
        whole_namespace=element.ranges is None,
        ranges=[
            fitted(pb.LbaStatusLog.Range, start_lba=one.rslba, block_count=one.rnlb) for one in element.ranges or ()
        ],
    )
