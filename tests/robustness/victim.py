"""`python -m tests.robustness.victim FOLDER [SABOTAGE]`: a daemon on drives that outlive it and a disk that fails.

    FOLDER/nvmed.toml           its configuration
    FOLDER/disk/state/             its state: what a power cut is about
    FOLDER/drives/              the drives, and `commands.jsonl`, what changed them (`history.Command`)
    FOLDER/control.json         what SIGUSR2 makes it do, see `Control`
    FOLDER/disk/cut/            what a power cut left of it

A power cut ends the process as SIGKILL does, and a child that it left writes down what was on disk.
"""

from __future__ import annotations

import asyncio
import errno
import os
import signal
import sys
import time
import traceback
from contextlib import closing
from pathlib import Path
from typing import Any, Final
from unittest import mock

import msgspec

from nvmed import config, daemon, logs
from nvmed.erasure import watch
from nvmed.nvme.opcodes import AdminOpcode
from nvmed.nvme.transport import Command, Completion
from nvmed.operations import journal_file
from nvmed.simulator import durable
from nvmed.simulator.faults import Fault
from nvmed.simulator.host import SimulatedHost
from nvmed.simulator.spec import DriveSpec, FirmwareSpec, NamespaceSpec, TelemetrySpec
from nvmed.simulator.state.drive import Change, ControllerState
from tests.robustness import history
from tests.robustness.sabotage import SABOTAGES
from tests.support.power_cut import PowerCut

DRIVES: Final = 3
CHANGING: Final = frozenset(durable.CHANGING) | {AdminOpcode.SECURITY_SEND}
HOST_SETTINGS: Final = frozenset({0x0B, 0x16})
"""Features by which a host says what it wants to hear of: none of the drive's own is changed."""

TAIL_BYTES: Final = 4096
SPECS: Final = tuple(
    DriveSpec(
        serial=f"ROBUST{number}",
        nvme_version=0x0002_0100,
        namespaces=(NamespaceSpec(1 << 20), NamespaceSpec(1 << 20)),
        capacity_bytes=1 << 24,
        firmware=FirmwareSpec(("1.0.0", "", "")),
        telemetry=TelemetrySpec.of_sizes(16 << 10, 64 << 10, 256 << 10, seed=number),
        sanitize_s=0.5,
        journal_limit=16,
    )
    for number in range(DRIVES)
)


class Control(msgspec.Struct, frozen=True):
    """How the world is from now on. `clock_offset_s` is added to the time of day; `cut_seed` ends it by a power cut."""

    clock_offset_s: float = 0.0
    syncs_fail: bool = False
    cut_seed: int | None = None


class Disk:
    """The disk and the clock of this process, as `Control` says."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.control = Control()
        self.cut = PowerCut(folder / "disk" / "state", holes=False)
        self._watching = self.cut.watching()

    def changed(self) -> None:
        """SIGUSR2: read what to do; on the loop, between two callbacks, so that nothing is answered meanwhile.

        In the middle of one, a lock might be held that a fork has to have.
        """
        self.control = msgspec.json.decode((self.folder / "control.json").read_bytes(), type=Control)
        if self.control.cut_seed is not None:
            self._lose_power(self.control.cut_seed)

    def _lose_power(self, seed: int) -> None:
        """Die at once; a child, in which nothing else runs, keeps what was on disk once this process is no more."""
        parent = os.getpid()
        if os.fork():
            os.kill(parent, signal.SIGKILL)
        try:
            while os.getppid() == parent:
                time.sleep(0.001)
            self.cut.cut(self.folder / "disk" / "cut", seed)
            (self.folder / "cut.done").touch()
        except BaseException:
            traceback.print_exc()  # or it would go on as another daemon
        finally:
            os._exit(0)

    def sync(self, real: Any) -> Any:
        def synced(descriptor: int) -> None:
            if self.control.syncs_fail:
                raise OSError(errno.EIO, os.strerror(errno.EIO))
            real(descriptor)

        return synced

    def install(self) -> None:
        """Be the disk and the clock of everything that this process does."""
        self._watching.__enter__()  # until the process ends
        now, now_ns = time.time, time.time_ns
        for module, name, replacement in (
            (os, "fsync", self.sync(os.fsync)),
            (os, "fdatasync", self.sync(os.fdatasync)),
            (time, "time", lambda: now() + self.control.clock_offset_s),
            (time, "time_ns", lambda: now_ns() + int(self.control.clock_offset_s * 1e9)),
        ):
            mock.patch.object(module, name, replacement).start()


class Recorder:
    """A fault that is none: it writes down what changes a drive, with what the journal and the audit say just then."""

    def __init__(self, drive: durable.DurableDrive, folder: Path) -> None:
        self._drive = drive
        self._state = folder / "disk" / "state"
        self._file = os.open(folder / "drives" / "commands.jsonl", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self._before = ""

    def before(self, controller: ControllerState, command: Command, data: Any) -> Completion | None:
        if self._changes(command):
            self._before = self._looks()
            self._write(AdminOpcode(command.opcode).name, is_changed=None)
        return None

    def after(self, controller: ControllerState, command: Command, data: Any) -> None:
        if self._changes(command):
            self._write(AdminOpcode(command.opcode).name, is_changed=self._looks() != self._before)

    def changed(self, change: Change) -> None:
        """Called when the drive was reset, went or came back."""
        if change is Change.RESET:
            self._write("RESET", is_changed=True)

    @staticmethod
    def _changes(command: Command) -> bool:
        """Whether a command is one that changes a drive: other threads may send others at the same time."""
        is_host_setting = command.opcode == AdminOpcode.SET_FEATURES and command.cdw10 & 0xFF in HOST_SETTINGS
        return command.opcode in CHANGING and not is_host_setting

    def _looks(self) -> str:
        """What a command may change, apart from telemetry, which reading may create."""
        subsystem = self._drive.subsystem
        with subsystem.lock:
            firmware = subsystem.firmware
            return repr((
                firmware.slots, firmware.active, firmware.pending, firmware.revision, subsystem.namespaces.save(),
                subsystem.sanitizer.command, subsystem.sanitizer.phase, subsystem.controller.features.save(),
            ))  # fmt: skip

    def _write(self, opcode: str, *, is_changed: bool | None) -> None:
        entry = history.Command(
            drive=self._drive.serial, opcode=opcode, is_changed=is_changed, open_steps=self._open_steps(),
            audited=self._audited(), runs=self._drive.subsystem.firmware.revision,
        )  # fmt: skip
        os.write(self._file, history.encoded(entry))

    def _open_steps(self) -> tuple[history.Step, ...]:
        """As a process finds them that only has the file."""
        with closing(journal_file.open_for_reading(self._state / journal_file.NAME)) as journal:
            rows = journal.execute(
                "SELECT id, kind, target, principal, iif(parent <> '', parent, id)"
                " FROM steps JOIN operations ON operation = id"
                " WHERE settled_ms IS NULL AND state IN ('PENDING', 'RUNNING')"
            ).fetchall()
        return tuple(history.Step(*row) for row in rows)

    def _audited(self) -> int:
        """The number of the audit's last record."""
        files = sorted((self._state / "audit").glob("audit-*.jsonl"))
        for file in reversed(files):
            with file.open("rb") as lines:
                lines.seek(max(0, file.stat().st_size - TAIL_BYTES))
                whole = lines.read().split(b"\n")[:-1]
            if whole:
                return int(msgspec.json.decode(whole[-1])["seq"])
        return 0


def make_host(folder: Path) -> SimulatedHost:
    """The drives as the last daemon left them."""
    drives = [durable.durable(spec, folder / "drives") for spec in SPECS]
    for drive in drives:
        recorder = Recorder(drive, folder)
        controller = drive.subsystem.controller
        controller.faults.add(Fault(recorder, times=None))
        controller.subscribe_changes(recorder.changed)
    return SimulatedHost(drive.subsystem for drive in drives)


def main() -> None:
    """Serve until it is killed."""
    folder, *sabotages = Path(sys.argv[1]), *sys.argv[2:]
    disk = Disk(folder)
    disk.install()
    for sabotage in sabotages:
        SABOTAGES[sabotage]()
    logs.configure("warning")
    watch.POLL_S = 0.05  # type: ignore[misc]  # it is sanitized sooner than real ones
    file = folder / "nvmed.toml"

    def ready(_: tuple[str, ...]) -> None:
        (folder / "serving").touch()

    async def serve() -> None:
        asyncio.get_running_loop().add_signal_handler(signal.SIGUSR2, disk.changed)
        await daemon.run(make_host(folder), config.load(file), ready, str(file), lambda: config.load(file))

    asyncio.run(serve())


if __name__ == "__main__":
    main()
