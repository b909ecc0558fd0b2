"""The drives of a simulation, and the host that shows them: every command is a step at which anything may happen."""

from __future__ import annotations

import errno
import hashlib
import random
from dataclasses import replace
from typing import Any, Final, Protocol

from nvmed.nvme import logpage
from nvmed.nvme.firmware import decode_commit
from nvmed.nvme.host import ControllerNode
from nvmed.nvme.opcodes import AdminOpcode, LogPage
from nvmed.nvme.status import required_reset
from nvmed.nvme.surroundings import Surroundings
from nvmed.nvme.telemetry import HEADER_BYTES, TelemetryLog
from nvmed.nvme.transport import Command, Completion, Transport
from nvmed.simulator.controller import Controller
from nvmed.simulator.faults import os_error
from nvmed.simulator.host import SimulatedHost
from nvmed.simulator.spec import DriveSpec, FirmwareSpec, TelemetrySpec
from nvmed.simulator.subsystem import Subsystem
from tests.vopr.clock import CLOCK
from tests.vopr.history import Entry, Raised, Sent, Took
from tests.vopr.kernel import SteppedKernel

KIB: Final = 1024
BLOCK_BYTES: Final = 512

CHANGES: Final = {
    AdminOpcode.FIRMWARE_IMAGE_DOWNLOAD: "download",
    AdminOpcode.FIRMWARE_COMMIT: "commit",
    AdminOpcode.FORMAT_NVM: "format",
    AdminOpcode.SANITIZE: "sanitize",
    AdminOpcode.NAMESPACE_MANAGEMENT: "namespace",
    AdminOpcode.NAMESPACE_ATTACHMENT: "attachment",
}
"""Commands that change a drive."""

INTERNAL_ERROR: Final = 0x0006
REFUSALS: Final = (INTERNAL_ERROR, 0x4006, 0x0024)
"""Statuses that a drive may answer to anything: an internal error, which may be repeated or not; not ready."""


class Scene(Protocol):
    """What the drives, and what is put in nvmed's place, need of the simulation."""

    faults: random.Random
    trouble: float
    host: SteppedHost

    def note(self, entry: Entry) -> None: ...

    def reached(self, where: str, *, is_act: bool = False) -> None: ...


def make_drive(number: int, serial: str = "") -> Subsystem:
    """A drive of a simulation: its logs and images are small, so that many can be copied."""
    spec = DriveSpec(
        serial=serial or f"VOPR{number:04d}",
        model="vopr drive",
        firmware=FirmwareSpec(("1.0.0", "", "")),
        telemetry=TelemetrySpec.of_sizes(2 * KIB, 8 * KIB, 6 * KIB, seed=number),
        journal_limit=4,
    )
    return Subsystem(spec, CLOCK.steady)


def identity(controller: Controller) -> str:
    """What a drive is known by in a history, even one that says the same of itself as another."""
    return f"{controller.serial}#{controller.subsystem.spec.telemetry.seed}"


def what_it_changes(command: Command) -> str:
    """What an admin command changes of a drive; "" for nothing."""
    if command.opcode == AdminOpcode.GET_LOG_PAGE:
        wanted = logpage.decode(command)
        if wanted.lid == LogPage.TELEMETRY_HOST_INITIATED and wanted.lsp & 1:
            return "create"
        return "clear" if wanted.lid == LogPage.TELEMETRY_CONTROLLER_INITIATED and not wanted.rae else ""
    return CHANGES.get(AdminOpcode(command.opcode), "") if command.opcode in CHANGES else ""


class SteppedHost(SimulatedHost):
    """A host whose device nodes are `SteppedTransport`s, and each of whose drives has a bay of its own."""

    scene: Scene
    kernel: SteppedKernel

    def scan(self) -> tuple[ControllerNode, ...]:
        """As `Host.scan`."""
        return (*super().scan(), *self.kernel.scan())

    def check(self, controller: ControllerNode) -> None:
        """As `Host.check`."""
        if self.kernel.is_of(controller):
            self.kernel.check(controller)
        else:
            super().check(controller)

    def surroundings(self, controller: ControllerNode) -> Surroundings:
        """As `Host.surroundings`."""
        return Surroundings() if self.kernel.is_of(controller) else super().surroundings(controller)

    def who(self, node: ControllerNode) -> str:
        """The identity of the drive that a node is, or was until just now; "" if it has gone."""
        with self._lock:
            return next(
                (identity(one.controller) for one in self._plugged.values() if one.instance == node.instance), ""
            )

    def _describe(self, plugged: Any) -> ControllerNode:
        bay = plugged.controller.subsystem.spec.telemetry.seed
        return replace(super()._describe(plugged), address=f"0000:{bay:02x}:00.0")

    def open(self, controller: ControllerNode, node: str = "") -> Transport:
        """As `Host.open`."""
        self.scene.reached("open")
        if self.kernel.is_of(controller):
            return self.kernel.open(controller, node)
        inner = super().open(controller, node)
        return SteppedTransport(inner, self.scene, self.controller(controller.node))


class SteppedTransport:
    """Implements `Transport`: the simulation may end before and after each command, and the command may fail."""

    def __init__(self, inner: Transport, scene: Scene, controller: Controller) -> None:
        self._inner = inner
        self._scene = scene
        self._drive = identity(controller)
        self._controller = controller

    def admin(
        self, command: Command, data: bytearray | memoryview | None = None, metadata: bytearray | None = None
    ) -> Completion:
        """As `Transport.admin`."""
        what, scene = what_it_changes(command), self._scene
        if what:
            scene.note(Sent(drive=self._drive, what=what))
        scene.reached(f"before {what or 'a command'}", is_act=bool(what))
        refusal = self._trouble(command)
        if refusal is not None:
            return refusal
        completion = self._inner.admin(command, data, metadata)
        if what:
            self._took(what, command, completion)
        scene.reached(f"after {what or 'a command'}", is_act=bool(what))
        if scene.faults.random() < scene.trouble / 20:
            raise os_error(errno.EINTR)  # it was done, and nobody hears of it
        return completion

    def io(
        self, command: Command, data: bytearray | memoryview | None = None, metadata: bytearray | None = None
    ) -> Completion:
        """As `Transport.io`."""
        self._scene.reached("an I/O command")
        return self._inner.io(command, data, metadata)

    def reset_controller(self) -> None:
        """As `Transport.reset_controller`."""
        self._reset(self._inner.reset_controller)

    def reset_subsystem(self) -> None:
        """As `Transport.reset_subsystem`."""
        self._reset(self._inner.reset_subsystem)

    def rescan(self) -> None:
        """As `Transport.rescan`."""
        self._inner.rescan()

    def close(self) -> None:
        """As `Transport.close`."""
        self._inner.close()

    def _reset(self, reset: Any) -> None:
        self._scene.note(Sent(drive=self._drive, what="reset"))
        self._scene.reached("before reset", is_act=True)
        reset()
        self._scene.note(Took(drive=self._drive, what="reset", detail=firmware_of(self._controller)))
        self._scene.reached("after reset", is_act=True)

    def _trouble(self, command: Command) -> Completion | None:
        """What goes wrong before the command, if anything does: it takes long, is lost or refused, the drive goes."""
        scene, chance = self._scene, self._scene.faults
        if chance.random() >= scene.trouble:
            return None
        kind = chance.choice(("slow", "slow", "stall", "lost", "refused", "gone", "torn"))
        if kind == "slow":
            CLOCK.sleep(chance.random() * 5)
        elif kind == "stall":
            CLOCK.sleep(chance.random() * 300)
        elif kind == "lost":
            CLOCK.sleep((command.timeout_ms or 60_000) / 1000)
            raise os_error(errno.EINTR)
        elif kind == "refused":
            return Completion(chance.choice(REFUSALS))
        elif kind == "gone":
            self._controller.disappear()
        else:
            raise_telemetry(scene, self._controller)
        return None

    def _took(self, what: str, command: Command, completion: Completion) -> None:
        done = completion.status == 0 or required_reset(completion.status) is not None
        if not done:
            return
        detail: dict[str, Any] = {}
        if what == "commit":
            wanted = decode_commit(command)
            detail = {"action": int(wanted.action), "slot": wanted.slot, **firmware_of(self._controller)}
        if what == "create":
            note_telemetry(self._scene, self._controller, TelemetryLog.HOST_INITIATED)
        self._scene.note(Took(drive=self._drive, what=what, detail=detail))


def firmware_of(controller: Controller) -> dict[str, Any]:
    """What a drive has in its slots, which of them runs, and which will."""
    firmware = controller.subsystem.firmware
    return {
        "slots": list(firmware.slots), "active": firmware.active, "pending": firmware.pending,
        "revision": firmware.revision,
    }  # fmt: skip


def come_back(scene: Scene, controller: Controller) -> None:
    """Plug a drive in again that is away."""
    if not controller.present:
        controller.reappear()
        scene.note(Took(drive=identity(controller), what="power", detail=firmware_of(controller)))


def raise_telemetry(scene: Scene, controller: Controller) -> None:
    """Let a controller find something worth telling."""
    controller.capture_controller_telemetry()
    note_telemetry(scene, controller, TelemetryLog.CONTROLLER_INITIATED)


def note_telemetry(scene: Scene, controller: Controller, log: TelemetryLog) -> None:
    """Remember what a log holds now up to data area 3, apart from its header."""
    blocks = controller.telemetry.header(log, extended=False).last_blocks
    data = bytearray((blocks[2] + 1) * BLOCK_BYTES)
    controller.telemetry.read(log, 0, memoryview(data), extended=False)
    found = hashlib.sha256(data[HEADER_BYTES:]).hexdigest()
    scene.note(Raised(drive=identity(controller), sha256=found))
