"""Killing a daemon inside a test: at a numbered point, after which nothing of it does anything any more."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from nvmed.nvme.transport import Command, Completion
from nvmed.operations.journal import Journal
from nvmed.operations.records import Record, State
from nvmed.simulator.state.drive import ControllerState


class Killed(BaseException):
    """What a thread gets in place of kill -9; nothing catches it, so nothing is tidied up."""


class Reaper:
    """Counts points, and kills at one of them; whoever comes after that is dead as well."""

    def __init__(self, at: int = 0) -> None:
        self.at = at
        self.count = 0
        self.where = ""
        self.is_dead = asyncio.Event()
        self._lock = threading.Lock()
        self._loop = asyncio.get_running_loop()
        self._dead = False

    def point(self, where: str) -> None:
        """Die here, if it is here or was before."""
        with self._lock:
            self.count += 1
            if self.count == self.at:
                self._dead, self.where = True, where
                self._loop.call_soon_threadsafe(self.is_dead.set)
            if self._dead:
                raise Killed(self.where)

    @contextmanager
    def around(self, what: str) -> Iterator[None]:
        """A point before and one after."""
        self.point(f"before {what}")
        yield
        self.point(f"after {what}")


class Mortal(Journal):
    """A journal that the reaper watches."""

    reaper: Reaper

    def begin(self, record: Record) -> Record:
        with self.reaper.around("begin"):
            return super().begin(record)

    def intend(self, operation: str, name: str, detail: Any) -> int:
        with self.reaper.around(f"intend {name}"):
            return super().intend(operation, name, detail)

    def settle(self, operation: str, number: int, outcome: Any) -> None:
        with self.reaper.around(f"settle {number}"):
            super().settle(operation, number, outcome)

    def finish(self, operation: str, state: State, **ended: Any) -> Record:
        with self.reaper.around(f"finish {state.value}"):
            return super().finish(operation, state, **ended)


@dataclass
class Watch:
    """A fault that is none: it lets the reaper see every command."""

    reaper: Reaper

    def before(self, controller: ControllerState, command: Command, data: Any) -> Completion | None:
        self.reaper.point(f"before command {command.opcode:02X}h")
        return None

    def after(self, controller: ControllerState, command: Command, data: Any) -> None:
        self.reaper.point(f"after command {command.opcode:02X}h")
