"""A simulated drive that outlives its process, apart from what is stored in it, and writes down what it was told.

    FOLDER/SERIAL.json          its slots, what runs, how a sanitize is, namespaces, features, telemetry: written before
                                the host gets the answer
    FOLDER/SERIAL.log           a JSON object a line for each download, commit, sanitize and reset; only appended to

So what a host did to its drives can be counted afterwards, whatever died in between.
"""

from __future__ import annotations

import json
import os
import signal
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from nvmed.nvme.firmware import CommitAction, decode_commit, decode_download
from nvmed.nvme.logpage import decode
from nvmed.nvme.opcodes import AdminOpcode, LogPage
from nvmed.nvme.transport import Command, Completion
from nvmed.reasons import invalid_field
from nvmed.simulator.faults import Data, Delay, Fault, Refuse
from nvmed.simulator.refusal import Sc
from nvmed.simulator.spec import Activation, DriveSpec
from nvmed.simulator.state.drive import Change, ControllerState
from nvmed.simulator.subsystem import Subsystem

FIRMWARE = (AdminOpcode.FIRMWARE_IMAGE_DOWNLOAD, AdminOpcode.FIRMWARE_COMMIT)
CHANGING = (
    *FIRMWARE, AdminOpcode.SANITIZE, AdminOpcode.FORMAT_NVM, AdminOpcode.SET_FEATURES,
    AdminOpcode.NAMESPACE_MANAGEMENT, AdminOpcode.NAMESPACE_ATTACHMENT,
)  # fmt: skip
CHANGING_LOGS = (LogPage.SANITIZE_STATUS, LogPage.TELEMETRY_HOST_INITIATED, LogPage.TELEMETRY_CONTROLLER_INITIATED)
"""What a host saw of a sanitize stays true; a reading may create a telemetry log, or acknowledge it."""

DO_NOT_RETRY = 0x4000
SLOW_MS = 100.0


@dataclass(slots=True)
class DurableDrive:
    """A drive and its two files. `kill` is a point at which this process ends by SIGKILL, once in the drive's life."""

    subsystem: Subsystem
    folder: Path
    kill: str = ""
    _saving: threading.Lock = field(default_factory=threading.Lock)
    _saved: str = ""

    @property
    def serial(self) -> str:
        return self.subsystem.spec.serial

    def before(self, controller: ControllerState, command: Command, data: Data) -> Completion | None:
        """As of an `Action`: called before each command."""
        if command.opcode == AdminOpcode.FIRMWARE_COMMIT:
            self._die("before-commit")
        return None

    def after(self, controller: ControllerState, command: Command, data: Data) -> None:
        """As of an `Action`: called before the host gets the answer."""
        if command.opcode in CHANGING or (
            command.opcode == AdminOpcode.GET_LOG_PAGE and decode(command).lid in CHANGING_LOGS
        ):
            self.save()
        if command.opcode == AdminOpcode.SANITIZE:
            self._log("sanitize", cdw10=command.cdw10, state=self.subsystem.sanitizer.state.name)
        if command.opcode not in FIRMWARE:
            return
        if command.opcode == AdminOpcode.FIRMWARE_COMMIT:
            wanted = decode_commit(command)
            held = self.subsystem.firmware.slots[wanted.slot - 1] if wanted.slot else ""
            self._log("commit", action=CommitAction(wanted.action).name.lower(), slot=wanted.slot, holds=held)
            self._die("after-commit")
        else:
            offset, length = decode_download(command)
            self._log("download", offset=offset, length=length)

    def reset(self) -> None:
        """Called once a reset is over."""
        self.save()
        self._log("reset")
        self._die("after-reset")

    def save(self) -> None:
        """Write the state, if it is another than the file's."""
        with self._saving:
            with self.subsystem.lock:
                text = json.dumps(self._state())
            if text == self._saved:
                return
            path = self.folder / f"{self.serial}.json"
            temporary = path.with_suffix(".new")
            temporary.write_text(text)
            temporary.replace(path)
            self._saved = text

    def _state(self) -> dict[str, Any]:
        firmware = self.subsystem.firmware
        return {
            "slots": firmware.slots,
            "active": firmware.active,
            "pending": firmware.pending,
            "waits_for": firmware.waits_for.value if firmware.waits_for else None,
            "revision": firmware.revision,
            "sanitize": self.subsystem.sanitizer.save(),
            "namespaces": self.subsystem.namespaces.save(),
            "controllers": {
                number: {"features": one.features.save(), "telemetry": one.telemetry.save()}
                for number, one in self.subsystem.controllers.items()
            },
        }

    def load(self) -> None:
        """Be as the file says; a new drive if there is none."""
        path = self.folder / f"{self.serial}.json"
        if not path.exists():
            return
        state = json.loads(path.read_text())
        firmware = self.subsystem.firmware
        firmware.slots, firmware.active, firmware.revision = state["slots"], state["active"], state["revision"]
        if state["pending"]:
            firmware.wait_for_reset(state["pending"], Activation(state["waits_for"]))
        if "sanitize" in state:
            self.subsystem.sanitizer.load(state["sanitize"])
        if "namespaces" in state:
            self.subsystem.namespaces.load(state["namespaces"])
        for number, kept in state.get("controllers", {}).items():
            controller = self.subsystem.controllers[int(number)]
            controller.features.load(kept["features"])
            controller.telemetry.load(kept["telemetry"])

    def _log(self, what: str, **more: object) -> None:
        entry = {
            "time": datetime.now(UTC).isoformat(),
            "drive": self.serial,
            "what": what,
            **more,
            "runs": self.subsystem.firmware.revision,
        }
        with (self.folder / f"{self.serial}.log").open("a") as log:
            log.write(json.dumps(entry) + "\n")

    def _die(self, where: str) -> None:
        if self.kill != where:
            return
        mark = self.folder / f"{self.serial}.killed"
        if not mark.exists():
            mark.touch()
            os.kill(os.getpid(), signal.SIGKILL)


def durable(spec: DriveSpec, folder: Path) -> DurableDrive:
    """A drive as `spec` describes it, as it was left in `folder`."""
    drive = DurableDrive(Subsystem(spec), folder)
    drive.load()
    for controller in drive.subsystem.controllers.values():
        controller.faults.add(Fault(drive, times=None))
    drive.subsystem.controller.subscribe_changes(lambda change: drive.reset() if change is Change.RESET else None)
    return drive


def _refuse(drive: DurableDrive, status: Sc, actions: tuple[CommitAction, ...]) -> None:
    def meant(command: Command) -> bool:
        return decode_commit(command).action in actions

    fault = Fault(Refuse(status | DO_NOT_RETRY), opcode=AdminOpcode.FIRMWARE_COMMIT, where=meant, times=None)
    drive.subsystem.controller.faults.add(fault)


def _kill(where: str) -> Callable[[DurableDrive], None]:
    def arm(drive: DurableDrive) -> None:
        drive.kill = where

    return arm


STORING = (CommitAction.REPLACE, CommitAction.REPLACE_AND_ACTIVATE_AT_RESET)
ACTIVATING = (CommitAction.ACTIVATE_AT_RESET, CommitAction.ACTIVATE_IMMEDIATELY)

FAULTS: dict[str, Callable[[DurableDrive], Any]] = {
    "refuse-image": lambda drive: _refuse(drive, Sc.INVALID_FIRMWARE_IMAGE, STORING),
    "refuse-activation": lambda drive: _refuse(drive, Sc.ACTIVATION_PROHIBITED, ACTIVATING),
    "slow": lambda drive: drive.subsystem.controller.faults.add(Fault(Delay(SLOW_MS), times=None)),
    "kill-before-commit": _kill("before-commit"),
    "kill-after-commit": _kill("after-commit"),
    "kill-after-reset": _kill("after-reset"),
}
"""What a drive can be made to do wrong, by name. The `kill` ones end the whole process, each once."""


def arm(drive: DurableDrive, fault: str) -> None:
    """Make `drive` do a thing wrong; INVALID_FIELD if there is no such fault."""
    if fault not in FAULTS:
        raise invalid_field("fault", f"there is no {fault!r}; there are {', '.join(FAULTS)}.")
    FAULTS[fault](drive)
