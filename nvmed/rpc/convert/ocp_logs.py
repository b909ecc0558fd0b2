"""The log pages of the OCP Datacenter NVMe SSD Specification as messages."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Mapping
from typing import Any, Final

from nvmed.devices.controller import Device
from nvmed.devices.logs import Read
from nvmed.devices.logs_ocp import Components, OcpHealth, Strings
from nvmed.nvme import latency_monitor, ocp
from nvmed.nvme.hardware_components import Component
from nvmed.nvme.health import OCP_2_5, OCP_2_6, OCP_2_7
from nvmed.nvme.latency_monitor import NO_TIMESTAMP, LatencyBuckets, LatencyMonitorLog, MonitoredCommand
from nvmed.nvme.layout import bit, bits
from nvmed.nvme.ocp import (
    DeviceCapabilities,
    ErrorRecoveryLog,
    FirmwareActivation,
    FirmwareActivationHistory,
    RecoveryAction,
    ResetAction,
    TcgConfigurationLog,
    UnsupportedRequirements,
)
from nvmed.nvme.ocp_telemetry import DWORD_BYTES
from nvmed.nvme.opcodes import AdminOpcode
from nvmed.nvme.status import lookup
from nvmed.rpc.convert.fitted import fitted, omissions, timestamp_fields
from nvmed.v1 import log_pb2, ocp_pb2

_SMART_SAME: Final = (
    "physical_media_bytes_written", "physical_media_bytes_read", "bad_user_nand_blocks",
    "bad_user_nand_blocks_normalized", "bad_system_nand_blocks", "bad_system_nand_blocks_normalized", "xor_recoveries",
    "uncorrectable_read_errors", "soft_ecc_errors", "end_to_end_detected_errors", "end_to_end_corrected_errors",
    "system_data_percentage_used", "refreshes", "maximum_user_data_erases", "minimum_user_data_erases",
    "thermal_throttling_events", "thermal_throttling_status", "pcie_correctable_errors", "incomplete_shutdowns",
    "free_blocks_percent", "capacitor_health_percent", "unaligned_io", "security_version", "pcie_link_retrainings",
    "power_state_changes", "endurance_estimate_bytes",
)  # fmt: skip
"""Fields that are called the same in the log and in the message."""

_SMART_2_6: Final = (
    "total_media_dies", "die_failure_tolerance", "media_dies_offline", "maximum_temperature_celsius",
    "average_user_data_erases", "command_timeouts", "system_program_failures", "system_program_failures_normalized",
    "system_uncorrectable_reads", "system_uncorrectable_reads_normalized", "system_erase_failures",
    "system_erase_failures_normalized", "maximum_peak_power", "maximum_average_power", "lifetime_energy",
    "firmware_build_label",
)  # fmt: skip
_SMART_2_7: Final = ("form_factor", "bad_blocks_of_dies_in_use", "bad_blocks_of_dies_in_use_normalized")

_SMART_LATER: Final[Mapping[str, tuple[int, str]]] = {
    "lowest_permitted_firmware_revision": (OCP_2_5, ""),
    **dict.fromkeys(_SMART_2_6, (OCP_2_6, "")),
    "firmware_revision": (OCP_2_6, "dssd_firmware_revision"),
    **dict.fromkeys(_SMART_2_7, (OCP_2_7, "")),
}
"""Fields that came with a version of the page, and what they are called in the message if that is something else."""

_ERRATA: Final = {
    "command_set_errata_version": OCP_2_5,
    "pcie_transport_errata_version": OCP_2_6,
    "management_interface_errata_version": OCP_2_6,
}


def smart(device: Device, read: Read[OcpHealth], *, include_raw: bool) -> log_pb2.OcpSmartLog:
    """OCP's extension of SMART. What its version has not, and what is zero there, is not set."""
    log = read.log.log
    later = {
        called or name: value
        for name, (since, called) in _SMART_LATER.items()
        if (value := getattr(log, name)) or log.version >= since
    }
    errata = {
        name: _letter(value) for name, since in _ERRATA.items() if (value := getattr(log, name)) or log.version >= since
    }
    if any(log.firmware_build_uuid) or log.version >= OCP_2_6:
        later["firmware_build_uuid"] = str(uuid.UUID(bytes=log.firmware_build_uuid))
    return fitted(
        log_pb2.OcpSmartLog,
        controller=device.resource_name,
        specification_version=f"{log.specification_major}.{log.specification_minor}",
        nvme_errata_version=_letter(log.nvme_errata_version),
        total_utilization_blocks=log.total_nuse,
        power_loss_protection_starts=log.plp_starts,
        log_page_version=log.version,
        raw=read.raw if include_raw else b"",
        derived=_derived(read.log),
        omissions=omissions(read.log.omissions),
        **later,
        **errata,
        **{name: getattr(log, name) for name in _SMART_SAME},
    )


def _letter(value: int) -> str:
    return chr(value) if value else ""


def _derived(found: OcpHealth) -> ocp_pb2.OcpDerivedHealth:
    derived = ocp.derive(found.log, found.smart)
    return fitted(
        ocp_pb2.OcpDerivedHealth,
        write_amplification=derived.write_amplification,
        read_amplification=derived.read_amplification,
        endurance_used_percent=derived.endurance_used_percent,
        user_spare_percent=derived.user_spare_percent,
        system_spare_percent=derived.system_spare_percent,
        capacitor_health_percent=derived.capacitor_health_percent,
        host_bytes_written=found.smart.bytes_written if found.smart else None,
        host_bytes_read=found.smart.bytes_read if found.smart else None,
    )


def error_recovery(device: Device, read: Read[ErrorRecoveryLog], *, include_raw: bool) -> ocp_pb2.OcpErrorRecoveryLog:
    """What to do with a drive that panicked."""
    log = read.log
    return fitted(
        ocp_pb2.OcpErrorRecoveryLog,
        controller=device.resource_name,
        panic_id=log.panic_id,
        panic_reset_wait_ms=log.panic_reset_wait_ms,
        reset_actions=_set(log.panic_reset_action, ResetAction),
        recovery_actions=_set(log.recovery_action_1, RecoveryAction),
        vendor_opcode=log.vendor_opcode,
        vendor_command_dword_12=log.vendor_cdw12,
        vendor_command_dword_13=log.vendor_cdw13,
        vendor_timeout_seconds=log.vendor_timeout_s,
        later_reset_actions=_set(log.recovery_action_2, ResetAction),
        later_reset_timeout_seconds=log.recovery_action_2_timeout_s,
        panic_count=log.panic_count,
        previous_panic_ids=[one for one in log.previous_panic_ids if one],
        reports_by_event=log.reports_by_event,
        reports_by_fatal_status=log.reports_by_fatal_status,
        log_page_version=log.version,
        raw=read.raw if include_raw else b"",
    )


def _set(value: int, names: type[ResetAction | RecoveryAction]) -> list[int]:
    """The bits that are set, as the contract's enumerations number them: from 1 on."""
    return [one + 1 for one in names if bit(value, one)]


def firmware_history(
    device: Device, read: Read[FirmwareActivationHistory], *, include_raw: bool
) -> ocp_pb2.OcpFirmwareActivationHistory:
    """Firmware that was activated."""
    return fitted(
        ocp_pb2.OcpFirmwareActivationHistory,
        controller=device.resource_name,
        activations=[_activation(one) for one in read.log.activations],
        log_page_version=read.log.version,
        raw=read.raw if include_raw else b"",
    )


def _activation(one: FirmwareActivation) -> ocp_pb2.OcpFirmwareActivationHistory.Activation:
    status = bits(one.result, 10, 0)
    return fitted(
        ocp_pb2.OcpFirmwareActivationHistory.Activation,
        activation_count=one.activation_count,
        power_cycles=one.power_cycles,
        previous_revision=one.previous_revision,
        new_revision=one.new_revision,
        slot=one.slot,
        commit_action=one.commit_action,
        raw_status=status,
        status_mnemonic=lookup(status, AdminOpcode.FIRMWARE_COMMIT).mnemonic,
        **timestamp_fields(one.timestamp),
    )


def latency(device: Device, read: Read[LatencyMonitorLog], *, include_raw: bool) -> ocp_pb2.LatencyMonitorLog:
    """Commands that took long."""
    log = read.log
    return fitted(
        ocp_pb2.LatencyMonitorLog,
        controller=device.resource_name,
        enabled=log.is_enabled,
        measures_latency=log.measures,
        supports_largest=log.supports_largest,
        timer_minutes=log.timer * latency_monitor.TIMER_MINUTES,
        timer_threshold_minutes=log.timer_threshold * latency_monitor.TIMER_MINUTES,
        latency_mode_bits=log.latency_modes,
        minimum_window_ms=log.minimum_window * latency_monitor.WINDOW_MS,
        active_buckets=_buckets(log, log.active),
        static_buckets=_buckets(log, log.static),
        debug_trigger_bits=log.debug_triggers,
        debug_measurement=_measurement((log.debug_latency_ms, log.debug_timestamp) if log.debug_source else None),
        debug_source_bits=log.debug_source,
        debug_pointer=log.debug_pointer,
        log_page_version=log.version,
        raw=read.raw if include_raw else b"",
    )


def _buckets(log: LatencyMonitorLog, buckets: LatencyBuckets) -> list[ocp_pb2.LatencyMonitorLog.Bucket]:
    return [
        fitted(
            ocp_pb2.LatencyMonitorLog.Bucket,
            number=number,
            from_ms=from_ms,
            **{command.name.lower(): _counter(buckets, number, command) for command in MonitoredCommand},
        )
        for number, from_ms in enumerate(log.thresholds_ms)
    ]


def _counter(buckets: LatencyBuckets, number: int, command: MonitoredCommand) -> ocp_pb2.LatencyMonitorLog.Counter:
    count = buckets.count(number, command)
    measured = buckets.measured(number, command) if count else None
    return fitted(ocp_pb2.LatencyMonitorLog.Counter, count=count, measurement=_measurement(measured))


def _measurement(measured: tuple[int, int] | None) -> ocp_pb2.LatencyMonitorLog.Measurement | None:
    if measured is None or measured[1] == NO_TIMESTAMP:
        return None
    return fitted(ocp_pb2.LatencyMonitorLog.Measurement, latency_ms=measured[0], **timestamp_fields(measured[1]))


_SUPPORTS: Final[Mapping[str, tuple[Any, tuple[str, ...]]]] = {
    "out_of_band": (
        ocp_pb2.OcpDeviceCapabilities.OutOfBand,
        ("mctp_over_smbus", "mctp_over_pcie", "basic_management_command"),
    ),
    "write_zeroes": (
        ocp_pb2.OcpDeviceCapabilities.WriteZeroes,
        ("supported", "deallocate", "force_unit_access", "meets_nvme_io_5", "meets_nvme_io_6"),
    ),
    "sanitize": (
        ocp_pb2.OcpDeviceCapabilities.Sanitize,
        ("supported", "crypto_erase", "block_erase", "overwrite", "deallocate"),
    ),
    "dataset_management": (ocp_pb2.OcpDeviceCapabilities.DatasetManagement, ("supported", "deallocate")),
    "write_uncorrectable": (
        ocp_pb2.OcpDeviceCapabilities.WriteUncorrectable,
        ("supported", "single_block", "maximum_blocks", "meets_nvme_io_14"),
    ),
}
"""By field of the log and of the message: the message of it, and what its bits are called, from bit 0 on."""

COMPLIANT: Final = 15
"""The bit of all of them that says so."""


def capabilities(device: Device, read: Read[DeviceCapabilities], *, include_raw: bool) -> ocp_pb2.OcpDeviceCapabilities:
    """What a drive can do of OCP's specification."""
    log = read.log
    supports = {
        name: fitted(
            kind,
            compliant=bit(getattr(log, name), COMPLIANT),
            **{one: bit(getattr(log, name), number) for number, one in enumerate(names)},
        )
        for name, (kind, names) in _SUPPORTS.items()
    }
    return fitted(
        ocp_pb2.OcpDeviceCapabilities,
        controller=device.resource_name,
        pcie_ports=log.pcie_ports,
        fused_compare_and_write=bit(log.fused, 0),
        fused_compliant=bit(log.fused, COMPLIANT),
        minimum_power_state_watts=log.minimum_power_state,
        power_states=[
            fitted(ocp_pb2.OcpDeviceCapabilities.PowerState, watts=watts, nvme_power_state=state)
            for watts, state in log.valid_power_states
        ],
        log_page_version=log.version,
        raw=read.raw if include_raw else b"",
        **supports,
    )


def requirements(
    device: Device, read: Read[UnsupportedRequirements], *, include_raw: bool
) -> ocp_pb2.OcpUnsupportedRequirements:
    """What a drive does not meet."""
    return fitted(
        ocp_pb2.OcpUnsupportedRequirements,
        controller=device.resource_name,
        count=read.log.count,
        requirement_ids=read.log.requirement_ids,
        log_page_version=read.log.version,
        raw=read.raw if include_raw else b"",
    )


def components(device: Device, read: Read[Components], *, include_raw: bool) -> ocp_pb2.OcpHardwareComponents:
    """What a drive is made of."""
    found = read.log
    return fitted(
        ocp_pb2.OcpHardwareComponents,
        controller=device.resource_name,
        components=[_component(one) for one in found.components],
        log_page_version=found.header.version,
        size_bytes=found.header.size_bytes,
        raw=read.raw if include_raw else b"",
        omissions=omissions(found.omissions),
    )


def _component(one: Component) -> ocp_pb2.OcpHardwareComponents.Component:
    return fitted(
        ocp_pb2.OcpHardwareComponents.Component,
        kind=one.head.kind,
        raw_kind=one.head.kind,
        manufacturer=one.head.manufacturer.rstrip(b"\0"),
        revision=one.head.revision.rstrip(b"\0"),
        manufacturer_code=one.head.manufacturer_code.rstrip(b"\0"),
        lot_code=one.lot_code.rstrip(b"\0"),
        additional_information=one.more.rstrip(b"\0"),
    )


_TCG_SAME: Final = (
    "locking_sp_activations", "tper_reverts", "locking_sp_reverts", "locking_objects", "single_user_mode_objects",
    "range_provisioned_objects", "namespace_provisioned_objects", "read_locked_objects", "write_locked_objects",
    "read_unlocked_objects", "write_unlocked_objects", "sid_authentication_tries", "sid_authentication_limit",
    "programmatic_resets", "programmatic_reset_locks", "tcg_errors",
)  # fmt: skip

TCG_EXTENDED: Final = 2
"""The version of C7h that counts locking objects of namespaces in two bytes."""


def tcg(device: Device, read: Read[TcgConfigurationLog], *, include_raw: bool) -> ocp_pb2.OcpTcgConfigurationLog:
    """A drive's locking in numbers."""
    log = read.log
    extended = log.namespace_provisioned_objects_extended
    return fitted(
        ocp_pb2.OcpTcgConfigurationLog,
        controller=device.resource_name,
        state_bits=log.state,
        namespace_provisioned_objects_extended=extended if extended or log.version >= TCG_EXTENDED else None,
        log_page_version=log.version,
        raw=read.raw if include_raw else b"",
        **{name: getattr(log, name) for name in _TCG_SAME},
    )


def strings(device: Device, read: Read[Strings]) -> ocp_pb2.OcpTelemetryStrings:
    """Names for telemetry, as bytes."""
    return fitted(
        ocp_pb2.OcpTelemetryStrings,
        controller=device.resource_name,
        firmware_revision=read.log.firmware_revision,
        log_page_version=read.log.head.version,
        size_bytes=read.log.head.size * DWORD_BYTES,
        data=read.raw,
        sha256=hashlib.sha256(read.raw).digest(),
    )
