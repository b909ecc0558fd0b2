"""Log pages of the OCP Datacenter NVMe SSD Specification beside C0h: error recovery, firmware activations, device
capabilities, unsupported requirements, TCG configuration, and what tells each from another vendor's page.

Versions 2.0 to 2.7 (section 4.8). A page says its own version; what that version has not is zero.
`hardware_components` and `latency_monitor` have the other two.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum, unique
from typing import Final

from nvmed.nvme.feature_table_ocp import CLEAR_FIRMWARE_HISTORY
from nvmed.nvme.features import set_features
from nvmed.nvme.health import OCP_SMART_GUID, OcpSmartLog, SmartLog
from nvmed.nvme.layout import U8, U16, U32, U64, Structure, array, at, bit, bits, raw, record, text
from nvmed.nvme.ocp_telemetry import STRINGS_GUID
from nvmed.nvme.opcodes import LogPage
from nvmed.nvme.transport import Command

GUID_BYTES: Final = 16


def _guid(as_written: int) -> bytes:
    """A GUID as the specification writes it, as the page has it: the last byte first."""
    return as_written.to_bytes(GUID_BYTES, "little")


GUIDS: Final[Mapping[int, bytes]] = {
    LogPage.OCP_SMART_EXTENDED: OCP_SMART_GUID,
    LogPage.OCP_ERROR_RECOVERY: _guid(0x5A1983BA3DFD4DABAE3430FE2131D944),
    LogPage.OCP_FIRMWARE_ACTIVATION_HISTORY: _guid(0xD11CF3AC8AB24DE2A3F6DAB4769A796D),
    LogPage.OCP_LATENCY_MONITOR: _guid(0x85D45E58D4E643709C6C84D08CC07A92),
    LogPage.OCP_DEVICE_CAPABILITIES: _guid(0xB7053C914B58495D98C9E1D10D054297),
    LogPage.OCP_UNSUPPORTED_REQUIREMENTS: _guid(0xC7BB98B7D0324863BB2C23990E9C722F),
    LogPage.OCP_HARDWARE_COMPONENT: _guid(0xBCB6821F30CD4ED0B76B31B99F0F57DC),
    LogPage.OCP_TCG_CONFIGURATION: _guid(0x54E02A9DFA5447C083E6E07EBD244006),
    LogPage.OCP_TELEMETRY_STRING: STRINGS_GUID,
}
"""What OCP's pages are known by: the vendors used the same numbers for other things before, and others still do."""


# -- what follows from C0h


@dataclass(frozen=True, slots=True)
class Derived:
    """What the counters of C0h and of the SMART log say together; None where one of them is not there."""

    write_amplification: float | None
    """Bytes written to the medium for each byte that the host wrote, over the drive's life."""
    read_amplification: float | None
    endurance_used_percent: float | None
    """Written to the medium, of the endurance estimate: that is for a write amplification of 1."""
    user_spare_percent: int | None
    system_spare_percent: int | None
    capacitor_health_percent: int | None


NO_VALUE_16: Final = 0xFFFF
NO_VALUE_48: Final = (1 << 48) - 1


def derive(log: OcpSmartLog, smart: SmartLog | None) -> Derived:
    """What the two logs say together; `smart` None where it could not be read."""
    written, read = (smart.bytes_written, smart.bytes_read) if smart else (0, 0)
    no_system = (log.bad_system_nand_blocks, log.bad_system_nand_blocks_normalized) == (NO_VALUE_48, NO_VALUE_16)
    return Derived(
        write_amplification=_ratio(log.physical_media_bytes_written, written),
        read_amplification=_ratio(log.physical_media_bytes_read, read),
        endurance_used_percent=_ratio(log.physical_media_bytes_written * 100, log.endurance_estimate_bytes),
        user_spare_percent=log.bad_user_nand_blocks_normalized,
        system_spare_percent=None if no_system else log.bad_system_nand_blocks_normalized,
        capacitor_health_percent=_unless(log.capacitor_health_percent, NO_VALUE_16),
    )


def _ratio(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def _unless(value: int, none: int) -> int | None:
    return None if value == none else value


# -- C1h


@unique
class ResetAction(IntEnum):
    """Bits of `ErrorRecoveryLog.panic_reset_action` and `recovery_action_2`; the lower, the better."""

    CONTROLLER_RESET = 0
    NVM_SUBSYSTEM_RESET = 1
    FUNCTION_LEVEL_RESET = 2
    PERST = 3
    POWER_CYCLE = 4
    HOT_RESET = 5


@unique
class RecoveryAction(IntEnum):
    """Bits of `ErrorRecoveryLog.recovery_action_1`."""

    NONE_REQUIRED = 0
    FORMAT = 1
    VENDOR_COMMAND = 2
    VENDOR_ANALYSIS = 3
    REPLACE = 4
    SANITIZE = 5
    UNREADABLE_BLOCKS = 6


PANICS_KEPT: Final = 4


@dataclass(frozen=True, slots=True)
class ErrorRecoveryLog(Structure):
    """Error Recovery, C1h (section 4.8.6): what to do with a drive that panicked. `panic_id` 0 is none."""

    SIZE = 512

    panic_reset_wait_ms: int = at(0, U16)
    panic_reset_action: int = at(2, U8)
    recovery_action_1: int = at(3, U8)
    panic_id: int = at(4, U64)
    capabilities: int = at(12, U32)
    vendor_opcode: int = at(16, U8)
    vendor_cdw12: int = at(20, U32)
    vendor_cdw13: int = at(24, U32)
    vendor_timeout_s: int = at(28, U8)
    recovery_action_2: int = at(29, U8)
    recovery_action_2_timeout_s: int = at(30, U8)
    panic_count: int = at(31, U8)
    previous_panic_ids: tuple[int, ...] = at(32, array(U64, PANICS_KEPT))
    version: int = at(494, U16)
    guid: bytes = at(496, raw(GUID_BYTES), GUIDS[LogPage.OCP_ERROR_RECOVERY])

    @property
    def reports_by_event(self) -> bool:
        return bit(self.capabilities, 0)

    @property
    def reports_by_fatal_status(self) -> bool:
        return bit(self.capabilities, 1)


# -- C2h

HISTORY_ENTRIES: Final = 20


@dataclass(frozen=True, slots=True)
class FirmwareActivation(Structure):
    """An entry of C2h. `timestamp` is as the Timestamp feature has it; a `result` of 0 is success, else a status."""

    SIZE = 64

    version: int = at(0, U8, 1)
    length: int = at(1, U8, 64)
    activation_count: int = at(4, U16)
    timestamp: int = at(6, U64)
    power_cycles: int = at(22, U64)
    previous_revision: str = at(30, text(8))
    new_revision: str = at(38, text(8))
    slot: int = at(46, U8)
    commit_action: int = at(47, U8)
    result: int = at(48, U16)


@dataclass(frozen=True, slots=True)
class FirmwareActivationHistory(Structure):
    """Firmware Activation History, C2h (section 4.8.7): a ring of 20; version 2.5 made it obsolete."""

    SIZE = 4096

    lid: int = at(0, U8, LogPage.OCP_FIRMWARE_ACTIVATION_HISTORY)
    valid_entries: int = at(4, U32)
    entries: tuple[FirmwareActivation, ...] = at(8, array(record(FirmwareActivation), HISTORY_ENTRIES))
    version: int = at(4078, U16)
    guid: bytes = at(4080, raw(GUID_BYTES), GUIDS[LogPage.OCP_FIRMWARE_ACTIVATION_HISTORY])

    @property
    def activations(self) -> tuple[FirmwareActivation, ...]:
        """Those there are, newest first: the 21st overwrites the first, and the count of activations goes on."""
        found = self.entries[: min(self.valid_entries, HISTORY_ENTRIES)]
        return tuple(sorted(found, key=lambda entry: entry.activation_count, reverse=True))


CLEAR_HISTORY: Final = 1 << 31
"""CDW11 of the feature that clears it."""


def clear_firmware_history(uuid_index: int) -> Command:
    """Empty the history; the count of activations goes on."""
    return set_features(CLEAR_FIRMWARE_HISTORY, CLEAR_HISTORY, uuid_index=uuid_index)


# -- C4h

POWER_STATES: Final = 128


@dataclass(frozen=True, slots=True)
class DeviceCapabilities(Structure):
    """Device Capabilities, C4h (section 4.8.10). Bit 15 of each support field: it was tested and complies."""

    SIZE = 4096

    pcie_ports: int = at(0, U16)
    out_of_band: int = at(2, U16)
    write_zeroes: int = at(4, U16)
    sanitize: int = at(6, U16)
    dataset_management: int = at(8, U16)
    write_uncorrectable: int = at(10, U16)
    fused: int = at(12, U16)
    minimum_power_state: int = at(14, U16)
    power_states: tuple[int, ...] = at(16, array(U8, POWER_STATES))
    version: int = at(4078, U16)
    guid: bytes = at(4080, raw(GUID_BYTES), GUIDS[LogPage.OCP_DEVICE_CAPABILITIES])

    @property
    def valid_power_states(self) -> tuple[tuple[int, int], ...]:
        """(DSSD power state, which is its watts; NVMe power state that the drive then runs at)."""
        return tuple((watts, bits(byte, 4, 0)) for watts, byte in enumerate(self.power_states) if bit(byte, 7))


# -- C5h

REQUIREMENTS_MAX: Final = 253


@dataclass(frozen=True, slots=True)
class UnsupportedRequirements(Structure):
    """Unsupported Requirements, C5h (section 4.8.11): identifiers of what the drive does not do."""

    SIZE = 4096

    count: int = at(0, U16)
    entries: tuple[str, ...] = at(16, array(text(16), REQUIREMENTS_MAX))
    version: int = at(4078, U16)
    guid: bytes = at(4080, raw(GUID_BYTES), GUIDS[LogPage.OCP_UNSUPPORTED_REQUIREMENTS])

    @property
    def requirement_ids(self) -> tuple[str, ...]:
        """Those that are named, whatever is counted beyond."""
        return tuple(entry for entry in self.entries[: self.count] if entry)


# -- C7h


@dataclass(frozen=True, slots=True)
class TcgConfigurationLog(Structure):
    """TCG Configuration, C7h (version 2.5 and later): how the drive's locking is set up, in numbers."""

    SIZE = 512

    state: int = at(0, U8)
    locking_sp_activations: int = at(4, U8)
    tper_reverts: int = at(5, U8)
    locking_sp_reverts: int = at(6, U8)
    locking_objects: int = at(7, U8)
    single_user_mode_objects: int = at(8, U8)
    range_provisioned_objects: int = at(9, U8)
    namespace_provisioned_objects: int = at(10, U8)
    read_locked_objects: int = at(11, U8)
    write_locked_objects: int = at(12, U8)
    read_unlocked_objects: int = at(13, U8)
    write_unlocked_objects: int = at(14, U8)
    sid_authentication_tries: int = at(16, U32)
    sid_authentication_limit: int = at(20, U32)
    programmatic_resets: int = at(24, U32)
    programmatic_reset_locks: int = at(28, U32)
    tcg_errors: int = at(32, U32)
    namespace_provisioned_objects_extended: int = at(36, U16)
    version: int = at(494, U16)
    guid: bytes = at(496, raw(GUID_BYTES), GUIDS[LogPage.OCP_TCG_CONFIGURATION])


# -- the TCG activity event of the persistent event log


@dataclass(frozen=True, slots=True)
class TcgActivity(Structure):
    """Data of the vendor specific persistent event with code 1: a TCG command that was carried out."""

    SIZE = 38

    command_count: int = at(2, U32)
    invoking_id: int = at(6, U64)
    method_id: int = at(14, U64)
    com_id: int = at(22, U16)
    protocol_id: int = at(24, U16)
    status: int = at(26, U8)
    process_time_ms: int = at(27, U16)
    context: bytes = at(29, raw(9))


TCG_ACTIVITY_CODE: Final = 1
