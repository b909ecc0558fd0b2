"""Logs about a drive's health: SMART, errors, self-tests, sanitize, and the OCP extension of SMART.

Each structure's dataclass is its layout under the specification's names; properties with units in their names are what
people and monitoring read (Base 2.0, section 5.16.1; OCP Datacenter NVMe SSD Specification 2.0, section 4.8.5).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum, unique

from nvmed.nvme.layout import (
    U8,
    U16,
    U32,
    U64,
    U128,
    V1_4,
    V2_1,
    Buffer,
    Structure,
    array,
    at,
    bit,
    bits,
    raw,
    record,
    text,
    uint,
)
from nvmed.nvme.logpage import get_log_page
from nvmed.nvme.opcodes import NSID_ALL, AdminOpcode, LogPage, SelfTestCode
from nvmed.nvme.transport import Command
from nvmed.reasons import invalid_field

DATA_UNIT_BYTES = 512_000
"""A data unit is 1000 times 512 bytes, whatever the logical block size."""

SENSORS = 8
ABSOLUTE_ZERO_CELSIUS = -273


def celsius(kelvin: int) -> int | None:
    """Degrees Celsius of the whole kelvins that NVMe reports; None where 0 says that there is no such sensor."""
    return kelvin + ABSOLUTE_ZERO_CELSIUS if kelvin else None


def kelvin(degrees_celsius: int) -> int:
    """The inverse, for building."""
    return degrees_celsius - ABSOLUTE_ZERO_CELSIUS


# -- SMART


@unique
class CriticalWarning(IntEnum):
    """Bits of `SmartLog.critical_warning` (Base 2.0, figure 207)."""

    SPARE_BELOW_THRESHOLD = 0
    TEMPERATURE = 1
    RELIABILITY_DEGRADED = 2
    READ_ONLY = 3
    VOLATILE_MEMORY_BACKUP_FAILED = 4
    PERSISTENT_MEMORY_READ_ONLY = 5


@dataclass(frozen=True, slots=True)
class SmartLog(Structure):
    """SMART / Health Information, LID 02h (Base 2.0, figure 207). Counters have 128 bits and do not wrap."""

    SIZE = 512

    critical_warning: int = at(0, U8)
    composite_temperature: int = at(1, U16)
    available_spare: int = at(3, U8)
    available_spare_threshold: int = at(4, U8)
    percentage_used: int = at(5, U8)
    endurance_group_warnings: int = at(6, U8)
    data_units_read: int = at(32, U128)
    data_units_written: int = at(48, U128)
    host_read_commands: int = at(64, U128)
    host_write_commands: int = at(80, U128)
    controller_busy_time: int = at(96, U128)
    power_cycles: int = at(112, U128)
    power_on_hours: int = at(128, U128)
    unsafe_shutdowns: int = at(144, U128)
    media_errors: int = at(160, U128)
    error_log_entries: int = at(176, U128)
    warning_temperature_time: int = at(192, U32)
    critical_temperature_time: int = at(196, U32)
    temperature_sensors: tuple[int, ...] = at(200, array(U16, SENSORS))
    thermal_transitions_1: int = at(216, U32)
    thermal_transitions_2: int = at(220, U32)
    thermal_time_1: int = at(224, U32)
    thermal_time_2: int = at(228, U32)

    @property
    def warnings(self) -> tuple[CriticalWarning, ...]:
        """The critical warnings that are set."""
        return tuple(warning for warning in CriticalWarning if bit(self.critical_warning, warning))

    @property
    def temperature_celsius(self) -> int | None:
        """The composite temperature; None where the controller reports none."""
        return celsius(self.composite_temperature)

    @property
    def sensors_celsius(self) -> tuple[int | None, ...]:
        """Temperature sensors 1 to 8; None for those that are not there."""
        return tuple(celsius(value) for value in self.temperature_sensors)

    @property
    def bytes_read(self) -> int:
        """Data the host read; drives round up to whole data units."""
        return self.data_units_read * DATA_UNIT_BYTES

    @property
    def bytes_written(self) -> int:
        """Data the host wrote."""
        return self.data_units_written * DATA_UNIT_BYTES

    @property
    def busy_minutes(self) -> int:
        """How long I/O commands were outstanding."""
        return self.controller_busy_time


def read_smart(nsid: int = NSID_ALL, *, retain_async_event: bool = True) -> Command:
    """Read `SmartLog`, of the controller or, where LPA bit 0 is set, of a namespace."""
    return get_log_page(LogPage.SMART_HEALTH_INFORMATION, SmartLog.SIZE, nsid=nsid, rae=retain_async_event)


# -- errors


@dataclass(frozen=True, slots=True)
class ErrorLogEntry(Structure):
    """Error Information Log Entry, LID 01h (Base 2.0, figure 206). An `error_count` of 0 is an empty entry."""

    SIZE = 64

    error_count: int = at(0, U64)
    sqid: int = at(8, U16)
    cid: int = at(10, U16)
    status_field: int = at(12, U16)
    parameter_error_location: int = at(14, U16)
    lba: int = at(16, U64)
    nsid: int = at(24, U32)
    vendor_log_page: int = at(28, U8)
    trtype: int = at(29, U8)
    csi: int = at(30, U8)
    opcode: int = at(31, U8)
    command_specific: int = at(32, U64)
    transport_specific: int = at(40, U16)
    version: int = at(63, U8)

    @property
    def status(self) -> int:
        """The status as `Completion.status` has it: without the phase tag, bit 0 of `status_field`."""
        return self.status_field >> 1

    @property
    def error_location(self) -> tuple[int, int] | None:
        """(byte, bit) of the command that the error is in; None where it is in no particular one."""
        if self.parameter_error_location == 0xFFFF:
            return None
        return bits(self.parameter_error_location, 7, 0), bits(self.parameter_error_location, 10, 8)


def read_errors(entries: int, *, retain_async_event: bool = True) -> Command:
    """Read the newest `entries` entries; a controller has ELPE + 1 of them."""
    if not 1 <= entries <= 256:
        raise invalid_field("entries", f"{entries}; a controller keeps 1 to 256 error log entries.")
    return get_log_page(LogPage.ERROR_INFORMATION, entries * ErrorLogEntry.SIZE, rae=retain_async_event)


def parse_errors(data: Buffer) -> tuple[ErrorLogEntry, ...]:
    """The entries that are not empty, newest first as the controller keeps them."""
    size = ErrorLogEntry.SIZE
    entries = (ErrorLogEntry.parse(data[at : at + size]) for at in range(0, len(data) - size + 1, size))
    return tuple(entry for entry in entries if entry.error_count)


def build_errors(entries: Iterable[ErrorLogEntry]) -> bytes:
    """The log of `entries`, which are to be newest first."""
    return b"".join(entry.build() for entry in entries)


# -- self-test


@unique
class SelfTestResultCode(IntEnum):
    """How a self-test ended (Base 2.0, figure 218)."""

    PASSED = 0x0
    ABORTED_BY_COMMAND = 0x1
    ABORTED_BY_RESET = 0x2
    ABORTED_BY_NAMESPACE_REMOVAL = 0x3
    ABORTED_BY_FORMAT = 0x4
    FATAL_ERROR = 0x5
    FAILED_UNKNOWN_SEGMENT = 0x6
    FAILED_SEGMENT = 0x7
    ABORTED_UNKNOWN = 0x8
    ABORTED_BY_SANITIZE = 0x9
    NOT_USED = 0xF


@dataclass(frozen=True, slots=True)
class SelfTestResult(Structure):
    """One result (Base 2.0, figure 218). Which of `nsid`, `failing_lba`, `sct`, `sc` mean something, `valid` says."""

    SIZE = 28

    dsts: int = at(0, U8, SelfTestResultCode.NOT_USED)
    segment: int = at(1, U8)
    valid: int = at(2, U8)
    power_on_hours: int = at(4, U64)
    nsid: int = at(12, U32)
    failing_lba: int = at(16, U64)
    sct: int = at(24, U8)
    sc: int = at(25, U8)
    vendor_specific: bytes = at(26, raw(2))

    @property
    def result(self) -> int:
        """`SelfTestResultCode`, or a reserved value."""
        return bits(self.dsts, 3, 0)

    @property
    def code(self) -> int:
        """`SelfTestCode` of the test, or a reserved value."""
        return bits(self.dsts, 7, 4)

    @property
    def is_used(self) -> bool:
        """Whether this entry holds a result at all."""
        return self.result != SelfTestResultCode.NOT_USED

    @property
    def has_nsid(self) -> bool:
        return bit(self.valid, 0)

    @property
    def has_failing_lba(self) -> bool:
        return bit(self.valid, 1)

    @property
    def has_status(self) -> bool:
        """Whether `sct` and `sc` are both valid."""
        return bits(self.valid, 3, 2) == 3


SELF_TEST_RESULTS = 20


@dataclass(frozen=True, slots=True)
class SelfTestLog(Structure):
    """Device Self-test log, LID 06h (Base 2.0, figure 217). Results are newest first."""

    SIZE = 564

    current_operation: int = at(0, U8)
    current_completion: int = at(1, U8)
    results: tuple[SelfTestResult, ...] = at(4, array(record(SelfTestResult), SELF_TEST_RESULTS))

    @property
    def running(self) -> int:
        """`SelfTestCode` of the test in progress, 0 for none."""
        return bits(self.current_operation, 3, 0)

    @property
    def percent_complete(self) -> int:
        """How far the test in progress is."""
        return bits(self.current_completion, 6, 0)

    @property
    def finished(self) -> tuple[SelfTestResult, ...]:
        """The results there are."""
        return tuple(result for result in self.results if result.is_used)


def self_test_results(*results: SelfTestResult) -> tuple[SelfTestResult, ...]:
    """`SelfTestLog.results` of these, newest first: always 20, as when they are read."""
    return (*results, *(SelfTestResult() for _ in range(SELF_TEST_RESULTS - len(results))))


def read_self_tests() -> Command:
    """Read `SelfTestLog`."""
    return get_log_page(LogPage.DEVICE_SELF_TEST, SelfTestLog.SIZE, nsid=NSID_ALL)


def device_self_test(code: SelfTestCode, nsid: int = NSID_ALL) -> Command:
    """Start or abort a self-test, of the controller (0), one namespace, or all of them."""
    return Command(AdminOpcode.DEVICE_SELF_TEST, nsid, cdw10=int(SelfTestCode(code)))


# -- sanitize


@unique
class SanitizeState(IntEnum):
    """SSTAT bits 2:0 (Base 2.0, figure 265)."""

    NEVER_SANITIZED = 0
    COMPLETED = 1
    IN_PROGRESS = 2
    FAILED = 3
    COMPLETED_UNEXPECTED_DEALLOCATE = 4


@unique
class SanitizePhase(IntEnum):
    """SSI bits 3:0, where a sanitize operation stands (Base 2.1, figure 291); drives before 2.1 report 0."""

    IDLE = 0
    RESTRICTED_PROCESSING = 1
    RESTRICTED_FAILURE = 2
    UNRESTRICTED_PROCESSING = 3
    UNRESTRICTED_FAILURE = 4
    MEDIA_VERIFICATION = 5
    POST_VERIFICATION_DEALLOCATION = 6


NOT_REPORTED = 0xFFFF_FFFF


@dataclass(frozen=True, slots=True)
class SanitizeStatus(Structure):
    """Sanitize Status log, LID 81h (Base 2.0, figure 265). Estimates are seconds, FFFFFFFFh where there is none."""

    SIZE = 512

    sprog: int = at(0, U16, 0xFFFF)
    sstat: int = at(2, U16)
    scdw10: int = at(4, U32)
    overwrite_seconds: int = at(8, U32, NOT_REPORTED)
    block_erase_seconds: int = at(12, U32, NOT_REPORTED)
    crypto_erase_seconds: int = at(16, U32, NOT_REPORTED)
    overwrite_no_deallocate_seconds: int = at(20, U32, NOT_REPORTED, since=V1_4)
    block_erase_no_deallocate_seconds: int = at(24, U32, NOT_REPORTED, since=V1_4)
    crypto_erase_no_deallocate_seconds: int = at(28, U32, NOT_REPORTED, since=V1_4)
    post_verification_deallocation_seconds: int = at(32, U32, NOT_REPORTED, since=V2_1)
    ssi: int = at(36, U8)

    @property
    def phase(self) -> int:
        """`SanitizePhase`, or a reserved value."""
        return bits(self.ssi, 3, 0)

    @property
    def failed_in(self) -> int:
        """The `SanitizePhase` that an operation failed in, 0 where none did or the drive does not say."""
        return bits(self.ssi, 7, 4)

    @property
    def state(self) -> int:
        """`SanitizeState`, or a reserved value."""
        return bits(self.sstat, 2, 0)

    @property
    def overwrite_passes(self) -> int:
        """Completed passes of an overwrite."""
        return bits(self.sstat, 7, 3)

    @property
    def global_data_erased(self) -> bool:
        """Whether nothing was written since the drive was made or last sanitized."""
        return bit(self.sstat, 8)

    @property
    def media_verification_canceled(self) -> bool:
        """Whether the showing of media was canceled (MVCNCLD, Base 2.1)."""
        return bit(self.sstat, 9)

    @property
    def fraction_complete(self) -> float:
        """How far a sanitize operation is, 0 to 1; 1 where none is in progress."""
        return 1.0 if self.sprog == 0xFFFF else self.sprog / 65536


def read_sanitize_status(*, retain_async_event: bool = True) -> Command:
    """Read `SanitizeStatus`."""
    return get_log_page(LogPage.SANITIZE_STATUS, SanitizeStatus.SIZE, rae=retain_async_event)


# -- OCP

OCP_SMART_GUID = bytes.fromhex("c5af1028eabff2a49c4f6f7cc914d5af")
"""AFD514C97C6F4F9CA4F2BFEA2810AFC5h: other vendors' C0h pages are something else entirely."""

OCP_2_5, OCP_2_6, OCP_2_7 = 4, 5, 6
"""Log page versions of C0h that these versions of the specification write; 2.0 writes 3."""


@dataclass(frozen=True, slots=True)
class OcpSmartLog(Structure):
    """SMART / Health Information Extended, LID C0h (OCP Datacenter NVMe SSD Specification 2.7, section 4.8.5).

    Fields with `since` came with that version of the page.
    """

    SIZE = 512

    physical_media_bytes_written: int = at(0, U128)
    physical_media_bytes_read: int = at(16, U128)
    bad_user_nand_blocks: int = at(32, uint(6))
    bad_user_nand_blocks_normalized: int = at(38, U16)
    bad_system_nand_blocks: int = at(40, uint(6))
    bad_system_nand_blocks_normalized: int = at(46, U16)
    xor_recoveries: int = at(48, U64)
    uncorrectable_read_errors: int = at(56, U64)
    soft_ecc_errors: int = at(64, U64)
    end_to_end_detected_errors: int = at(72, U32)
    end_to_end_corrected_errors: int = at(76, U32)
    system_data_percentage_used: int = at(80, U8)
    refreshes: int = at(81, uint(7))
    maximum_user_data_erases: int = at(88, U32)
    minimum_user_data_erases: int = at(92, U32)
    thermal_throttling_events: int = at(96, U8)
    thermal_throttling_status: int = at(97, U8)
    specification_errata: int = at(98, U8)
    specification_point: int = at(99, U16)
    specification_minor: int = at(101, U16)
    specification_major: int = at(103, U8)
    pcie_correctable_errors: int = at(104, U64)
    incomplete_shutdowns: int = at(112, U32)
    free_blocks_percent: int = at(120, U8)
    capacitor_health_percent: int = at(128, U16)
    nvme_errata_version: int = at(130, U8)
    command_set_errata_version: int = at(131, U8, since=OCP_2_5)
    pcie_transport_errata_version: int = at(132, U8, since=OCP_2_6)
    management_interface_errata_version: int = at(133, U8, since=OCP_2_6)
    unaligned_io: int = at(136, U64)
    security_version: int = at(144, U64)
    total_nuse: int = at(152, U64)
    plp_starts: int = at(160, U128)
    endurance_estimate_bytes: int = at(176, U128)
    pcie_link_retrainings: int = at(192, U64)
    power_state_changes: int = at(200, U64)
    lowest_permitted_firmware_revision: int = at(208, U64, since=OCP_2_5)
    total_media_dies: int = at(216, U16, since=OCP_2_6)
    die_failure_tolerance: int = at(218, U16, since=OCP_2_6)
    media_dies_offline: int = at(220, U16, since=OCP_2_6)
    maximum_temperature_celsius: int = at(222, U8, since=OCP_2_6)
    form_factor: int = at(223, U8, since=OCP_2_7)
    average_user_data_erases: int = at(224, U64, since=OCP_2_6)
    command_timeouts: int = at(232, U32, since=OCP_2_6)
    system_program_failures: int = at(236, U32, since=OCP_2_6)
    system_program_failures_normalized: int = at(240, U8, since=OCP_2_6)
    system_uncorrectable_reads: int = at(244, U32, since=OCP_2_6)
    system_uncorrectable_reads_normalized: int = at(248, U8, since=OCP_2_6)
    system_erase_failures: int = at(252, U32, since=OCP_2_6)
    system_erase_failures_normalized: int = at(256, U8, since=OCP_2_6)
    maximum_peak_power: int = at(260, U16, since=OCP_2_6)
    maximum_average_power: int = at(262, U16, since=OCP_2_6)
    lifetime_energy: int = at(264, uint(6), since=OCP_2_6)
    firmware_revision: str = at(270, text(8), since=OCP_2_6)
    firmware_build_uuid: bytes = at(278, raw(16), since=OCP_2_6)
    firmware_build_label: str = at(294, text(64), since=OCP_2_6)
    bad_blocks_of_dies_in_use: int = at(358, uint(6), since=OCP_2_7)
    bad_blocks_of_dies_in_use_normalized: int = at(364, U16, since=OCP_2_7)
    version: int = at(494, U16)
    guid: bytes = at(496, raw(16), OCP_SMART_GUID)

    @property
    def is_ocp(self) -> bool:
        """Whether this really is the OCP page: the vendors used C0h for other things before."""
        return self.guid == OCP_SMART_GUID


def read_ocp_smart(*, retain_async_event: bool = True) -> Command:
    """Read `OcpSmartLog`; look at `is_ocp` before believing it."""
    return get_log_page(LogPage.OCP_SMART_EXTENDED, OcpSmartLog.SIZE, nsid=NSID_ALL, rae=retain_async_event)
