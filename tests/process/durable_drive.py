"""`python -m tests.process.durable_drive`: a daemon on a simulated drive that outlives it, as real ones do.

The drive is `nvmed.simulator.durable`'s, in the folder `--drive`. The daemon kills itself with SIGKILL where `--kill`
says: just before or just after a write of the journal, a command or a reset, the first time after `--skip` others.
"""

from __future__ import annotations

import argparse
import asyncio
import os
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
from nvmed.nvme.transport import Command, Completion
from nvmed.operations.journal import Journal
from nvmed.simulator.durable import durable
from nvmed.simulator.faults import Fault
from nvmed.simulator.host import SimulatedHost
from nvmed.simulator.spec import DriveSpec
from nvmed.simulator.state.drive import ControllerState
from nvmed.simulator.transport import SimulatedTransport

SPEC = DriveSpec(serial="A", sanitize_s=0.2)


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
    """A fault that is none: it lets the killer see each command, and what it did to the drive is kept by then."""

    killer: Killer

    def before(self, controller: ControllerState, command: Command, data: Any) -> Completion | None:
        self.killer.point(f"before command {command.opcode:02X}h")
        return None

    def after(self, controller: ControllerState, command: Command, data: Any) -> None:
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


def expose_resets(killer: Killer) -> None:
    """Let the killer see every reset."""
    original = SimulatedTransport.reset_controller

    def reset_controller(self: SimulatedTransport) -> None:
        with killer.around("reset"):
            original(self)

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
    args.drive.mkdir(exist_ok=True)
    subsystem = durable(SPEC, args.drive).subsystem
    killer = Killer(args.kill, args.skip)
    subsystem.controller.faults.add(Fault(Watch(killer), times=None))
    expose_journal(killer)
    expose_resets(killer)
    listen = Listen(unix=(UnixListener(path=args.socket, roles=("admin",)),))
    config = Config(state_dir=args.state_dir, host=HostConfig(simulate=1), listen=listen)

    def say_ready(_: tuple[str, ...]) -> None:
        sys.stderr.write("nvmed: serving on\n")
        sys.stderr.flush()

    asyncio.run(daemon.run(SimulatedHost([subsystem]), config, say_ready))


if __name__ == "__main__":
    main()
