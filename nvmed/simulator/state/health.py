"""What a drive knows of its own health: the SMART log and the error log, and which events they cause."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from nvmed.nvme.health import DATA_UNIT_BYTES, CriticalWarning, ErrorLogEntry, OcpSmartLog, SmartLog
from nvmed.nvme.opcodes import AsyncEventType, LogPage
from nvmed.nvme.status import Queue
from nvmed.nvme.transport import Command
from nvmed.simulator.spec import DriveSpec
from nvmed.simulator.state.events import SMART_RELIABILITY, SMART_SPARE, SMART_TEMPERATURE, Event
from nvmed.simulator.state.thermal import Thermal

FIRST_POWER_ON_HOURS = 1000
SPARE_PERCENT, SPARE_THRESHOLD_PERCENT = 100, 10
NO_LOCATION = 0xFFFF

_INFORMATION = {
    CriticalWarning.SPARE_BELOW_THRESHOLD: SMART_SPARE,
    CriticalWarning.TEMPERATURE: SMART_TEMPERATURE,
}
"""What an event says of a critical warning; all others are about reliability."""


class Health:
    """Counters, warnings and errors of one controller. Called with the subsystem's lock held."""

    def __init__(self, spec: DriveSpec, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._powered = clock()
        self._errors: deque[ErrorLogEntry] = deque(maxlen=spec.error_log_entries)
        self._error_count = 0
        self._limit = spec.error_log_entries
        self.thermal = Thermal(spec.composite_temperature_kelvin, clock, spec.serial, lives=spec.lives)
        self.critical_warning = 0
        self.held_warning = 0
        self._endurance_bytes = spec.endurance_writes * spec.capacity_bytes
        self.available_spare = SPARE_PERCENT
        self.percentage_used = 0
        """Before what this drive's host wrote."""
        self.power_cycles = 1
        self.unsafe_shutdowns = 0
        self.media_errors = 0
        self.bytes_read = self.bytes_written = 0
        self.read_commands = self.write_commands = 0

    @property
    def power_on_hours(self) -> int:
        return FIRST_POWER_ON_HOURS + int((self._clock() - self._powered) / 3600)

    def power_cycle(self) -> None:
        """Power was lost without a shutdown, and is back."""
        self.power_cycles += 1
        self.unsafe_shutdowns += 1

    def host_read(self, size: int) -> None:
        """A Read of `size` bytes succeeded."""
        self.bytes_read += size
        self.read_commands += 1

    def host_write(self, size: int) -> None:
        """A Write of `size` bytes succeeded."""
        self.bytes_written += size
        self.write_commands += 1

    def command_failed(self, queue: Queue, command: Command, status: int) -> None:
        """A command was refused: every one of them becomes an entry of the error log."""
        self._error_count += 1
        self.media_errors += status >> 8 & 7 == 2
        self._errors.appendleft(
            ErrorLogEntry(
                error_count=self._error_count, sqid=int(queue is Queue.IO), status_field=status << 1 & 0xFFFF,
                parameter_error_location=NO_LOCATION, nsid=command.nsid, opcode=command.opcode, version=1,
                lba=command.cdw10 | command.cdw11 << 32 if queue is Queue.IO else 0,
            )
        )  # fmt: skip

    @property
    def shown_warning(self) -> int:
        """The critical warning bits, of the drive's own finding and those that it is held to."""
        return self.critical_warning | self.held_warning

    @property
    def shown_percentage_used(self) -> int:
        """With what was written, of what the drive endures; 255 is also more."""
        return min(self.percentage_used + 100 * self.bytes_written // self._endurance_bytes, 255)

    def warn(self, warning: int) -> list[Event]:
        """Set the critical warning bits; the result are the events of those that were not shown before."""
        new = warning & ~self.shown_warning
        self.critical_warning = warning
        return _events(new)

    def hold_warning(self, warning: int) -> list[Event]:
        """As `warn`, of bits that stay whatever the drive finds."""
        new = warning & ~self.shown_warning
        self.held_warning = warning
        return _events(new)

    def compare_temperature(self, under_kelvin: int, over_kelvin: int) -> list[Event]:
        """Set or clear the temperature warning; thresholds are inclusive."""
        warning = 1 << CriticalWarning.TEMPERATURE
        if under_kelvin < self.thermal.kelvin < over_kelvin:
            return self.warn(self.critical_warning & ~warning)
        return self.warn(self.critical_warning | warning)

    def smart_log(self) -> SmartLog:
        """The SMART / Health Information log."""
        return SmartLog(
            critical_warning=self.shown_warning, composite_temperature=self.thermal.kelvin,
            available_spare=self.available_spare, available_spare_threshold=SPARE_THRESHOLD_PERCENT,
            percentage_used=self.shown_percentage_used, data_units_read=-(-self.bytes_read // DATA_UNIT_BYTES),
            data_units_written=-(-self.bytes_written // DATA_UNIT_BYTES), host_read_commands=self.read_commands,
            host_write_commands=self.write_commands, power_cycles=self.power_cycles,
            unsafe_shutdowns=self.unsafe_shutdowns, power_on_hours=self.power_on_hours,
            media_errors=self.media_errors, error_log_entries=self._error_count,
            temperature_sensors=(self.thermal.kelvin, 0, 0, 0, 0, 0, 0, 0),
        )  # fmt: skip

    def ocp_log(self) -> OcpSmartLog:
        """The OCP extension: a drive that writes to its medium what the host does, and nothing else."""
        return OcpSmartLog(
            physical_media_bytes_written=self.bytes_written, physical_media_bytes_read=self.bytes_read,
            bad_user_nand_blocks_normalized=100, bad_system_nand_blocks_normalized=100,
            uncorrectable_read_errors=self.media_errors, free_blocks_percent=100, capacitor_health_percent=100,
            nvme_errata_version=ord("a"),
        )  # fmt: skip

    def error_log(self) -> bytes:
        """All entries, newest first; those that were never used are zero."""
        return b"".join(entry.build() for entry in self._errors).ljust(self._limit * ErrorLogEntry.SIZE, b"\0")


def _events(warning: int) -> list[Event]:
    """What tells of the bits of a critical warning."""
    return [
        Event(
            AsyncEventType.SMART_HEALTH,
            _INFORMATION.get(bit, SMART_RELIABILITY),
            LogPage.SMART_HEALTH_INFORMATION,
            1 << bit,
        )
        for bit in CriticalWarning
        if warning >> bit & 1
    ]
