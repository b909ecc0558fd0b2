"""`python -m tests.process.durable_drive`: a daemon on a simulated drive that outlives it, as real ones do.

What the drive's firmware is, and how far its sanitize, stands in files, written before the host gets the answer to a
command or reset; its data do not. The daemon kills itself with SIGKILL where `--kill` says: just before or just after a
write of the journal, a command or a reset, the first time after `--skip` others.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import pickle
import signal
import sys
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import Any

from nvmed import daemon, logs
from nvmed.config import Config, HostConfig, Listen, UnixListener
from nvmed.erasure import watch
from nvmed.nvme.opcodes import AdminOpcode
from nvmed.nvme.transport import Command, Completion
from nvmed.operations.journal import Journal
from nvmed.simulator.faults import Fault
from nvmed.simulator.host import SimulatedHost
from nvmed.simulator.spec import DriveSpec
from nvmed.simulator.state.drive import ControllerState
from nvmed.simulator.state.firmware import FirmwareStore
from nvmed.simulator.subsystem import Subsystem
from nvmed.simulator.transport import SimulatedTransport

SPEC = DriveSpec(serial="A", sanitize_s=0.2)
FIRMWARE = AdminOpcode.FIRMWARE_IMAGE_DOWNLOAD, AdminOpcode.FIRMWARE_COMMIT


def sanitizer_of(path: Path) -> Path:
    """The file of the sanitize operation, beside that of the firmware."""
    return path.with_suffix(".sanitizer")


def load(path: Path) -> FirmwareStore:
    """The drive's firmware as the file has it: a new drive's if there is none."""
    if not path.exists():
        return FirmwareStore(SPEC.firmware, SPEC.model)
    found = pickle.loads(path.read_bytes())  # noqa: S301  # the tests' own
    assert isinstance(found, FirmwareStore)
    return found


def save(path: Path, store: FirmwareStore) -> None:
    """Put it there, whole or not at all."""
    temporary = path.with_suffix(".new")
    temporary.write_bytes(pickle.dumps(store))
    temporary.replace(path)


@dataclass
class Killer:
    """Kills this process at a point."""

    where: str
    skip: int

    def point(self, where: str) -> None:
        if where != self.where:
            return
        if self.skip:
            self.skip -= 1
            return
        os.kill(os.getpid(), signal.SIGKILL)
        signal.pause()  # it is on its way

    @contextmanager
    def around(self, what: str) -> Any:
        self.point(f"before {what}")
        yield
        self.point(f"after {what}")


@dataclass
class Watch:
    """A fault that is none: it saves what a command did to the drive, and lets the killer see it."""

    killer: Killer
    path: Path

    def before(self, controller: ControllerState, command: Command, data: Any) -> Completion | None:
        self.killer.point(f"before command {command.opcode:02X}h")
        return None

    def after(self, controller: ControllerState, command: Command, data: Any) -> None:
        if command.opcode in FIRMWARE:
            save(self.path, controller.subsystem.firmware)
        if command.opcode == AdminOpcode.SANITIZE:
            sanitizer_of(self.path).write_text(json.dumps(controller.subsystem.sanitizer.save()))
        self.killer.point(f"after command {command.opcode:02X}h")


def expose_journal(killer: Killer) -> None:
    """Let the killer see every write of the journal."""
    for name in ("begin", "intend", "settle", "finish"):
        original: Callable[..., Any] = getattr(Journal, name)

        @wraps(original)
        def watched(journal: Journal, *args: Any, _original: Any = original, _name: str = name, **more: Any) -> Any:
            what = f"{_name} {args[1]}" if _name in ("intend", "settle") else _name
            with killer.around(what):
                return _original(journal, *args, **more)

        setattr(Journal, name, watched)


def expose_resets(killer: Killer, path: Path, store: FirmwareStore) -> None:
    """Let the killer see every reset, and save what it did to the drive."""
    original = SimulatedTransport.reset_controller

    def reset_controller(self: SimulatedTransport) -> None:
        with killer.around("reset"):
            original(self)
            save(path, store)

    SimulatedTransport.reset_controller = reset_controller  # type: ignore[method-assign]


def main() -> None:
    """Serve until it is killed."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--socket")
    parser.add_argument("--state-dir")
    parser.add_argument("--drive", type=Path)
    parser.add_argument("--kill", default="")
    parser.add_argument("--skip", type=int, default=0)
    args = parser.parse_args()
    logs.configure("warning")
    watch.POLL_S = 0.05  # type: ignore[misc]  # it is sanitized sooner than real ones
    subsystem = Subsystem(SPEC)
    subsystem.firmware = load(args.drive)
    if sanitizer_of(args.drive).exists():
        subsystem.sanitizer.load(json.loads(sanitizer_of(args.drive).read_text()))
    host = SimulatedHost([subsystem])
    killer = Killer(args.kill, args.skip)
    subsystem.controller.faults.add(Fault(Watch(killer, args.drive), times=None))
    expose_journal(killer)
    expose_resets(killer, args.drive, subsystem.firmware)
    listen = Listen(unix=(UnixListener(path=args.socket, roles=("admin",)),))
    config = Config(state_dir=args.state_dir, host=HostConfig(simulate=1), listen=listen)

    def say_ready(_: tuple[str, ...]) -> None:
        sys.stderr.write("nvmed: serving on\n")
        sys.stderr.flush()

    asyncio.run(daemon.run(host, config, say_ready))


if __name__ == "__main__":
    main()
