"""Faults on demand, and a record of what a controller was asked to do.

    drive.faults.add(Fault(Refuse(0x4002), opcode=AdminOpcode.GET_LOG_PAGE, log_id=7, times=2))
    hang = Hang()
    drive.faults.add(Fault(hang, opcode=AdminOpcode.IDENTIFY))     # ... and later hang.release()

A fault names the commands it is about, how many of those to let pass first (`skip`) and how often it strikes (`times`,
None for always); `struck` counts. Actions that wait do so in the thread that submits, without any lock.
"""

from __future__ import annotations

import errno
import os
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from nvmed.nvme import logpage
from nvmed.nvme.opcodes import AdminOpcode
from nvmed.nvme.status import Queue
from nvmed.nvme.transport import Command, Completion
from nvmed.simulator.state.drive import ControllerState

DEFAULT_TIMEOUT_MS = 60_000
"""Linux's admin timeout: what a command whose `timeout_ms` is 0 gets."""


Data = bytearray | memoryview | None
"""The host's buffer."""


def os_error(number: int) -> OSError:
    """As the kernel would have failed the ioctl."""
    return OSError(number, os.strerror(number))


def take_time(milliseconds: float, command: Command) -> None:
    """Let the drive take its time over `command`; beyond its timeout the kernel gives it up, unexecuted: EINTR."""
    timeout_ms = command.timeout_ms or DEFAULT_TIMEOUT_MS
    time.sleep(min(milliseconds, timeout_ms) / 1000)
    if milliseconds > timeout_ms:
        raise os_error(errno.EINTR)


class Action(Protocol):
    """What a fault does to a command that it matches."""

    def before(self, controller: ControllerState, command: Command, data: Data) -> Completion | None:
        """Called before the command is executed; a completion is the answer instead of executing it."""
        ...

    def after(self, controller: ControllerState, command: Command, data: Data) -> None:
        """Called after it was executed or answered, before the host gets the answer."""
        ...


class _Action:
    def before(self, controller: ControllerState, command: Command, data: Data) -> Completion | None:
        return None

    def after(self, controller: ControllerState, command: Command, data: Data) -> None:
        return


@dataclass(slots=True)
class Refuse(_Action):
    """Answer `status` (raw, 15 bits) without executing the command."""

    status: int
    result: int = 0

    def before(self, controller: ControllerState, command: Command, data: Data) -> Completion:
        return Completion(self.status, self.result)


@dataclass(slots=True)
class Answer(_Action):
    """Answer `content`, whatever the drive would say: zeros follow it, and Get Log Page gets the part it asks for."""

    content: bytes
    result: int = 0

    def before(self, controller: ControllerState, command: Command, data: Data) -> Completion:
        offset = logpage.decode(command).offset_bytes if command.opcode == AdminOpcode.GET_LOG_PAGE else 0
        size = 0 if data is None else len(data)
        if data is not None:
            data[:] = self.content[offset : offset + size].ljust(size, b"\0")
        return Completion(0, self.result)


@dataclass(slots=True)
class Patch(_Action):
    """Execute the command, and put `content` over what it read, at byte `offset` of the structure or log page."""

    offset: int
    content: bytes

    def after(self, controller: ControllerState, command: Command, data: Data) -> None:
        read_from = logpage.decode(command).offset_bytes if command.opcode == AdminOpcode.GET_LOG_PAGE else 0
        if data is None:
            return
        start = max(self.offset, read_from)
        end = min(self.offset + len(self.content), read_from + len(data))
        if start < end:
            data[start - read_from : end - read_from] = self.content[start - self.offset : end - self.offset]


@dataclass(slots=True)
class ZerosWhenRetained(_Action):
    """Answer Get Log Page with zeros while Retain Asynchronous Event is set (nvme-cli#1729); `clear`: while not."""

    clear: bool = False

    def after(self, controller: ControllerState, command: Command, data: Data) -> None:
        if data is not None and logpage.decode(command).rae is not self.clear:
            data[:] = bytes(len(data))


@dataclass(slots=True)
class LimitTransfers(_Action):
    """Refuse with `status`, or fail with errno `number`, transfers of more than `most` bytes, or less than `least`."""

    most: int = 1 << 32
    least: int = 0
    status: int = 0x4002
    number: int = 0

    def before(self, controller: ControllerState, command: Command, data: Data) -> Completion | None:
        size = 0 if data is None else len(data)
        if self.least <= size <= self.most:
            return None
        if self.number:
            raise os_error(self.number)
        return Completion(self.status)


@dataclass(slots=True)
class Fail(_Action):
    """Fail as the kernel does, with `number` of errno; `executed` says whether the command took effect before."""

    number: int
    executed: bool = False

    def before(self, controller: ControllerState, command: Command, data: Data) -> None:
        if not self.executed:
            raise os_error(self.number)

    def after(self, controller: ControllerState, command: Command, data: Data) -> None:
        raise os_error(self.number)


@dataclass(slots=True)
class Delay(_Action):
    """Take `milliseconds` longer."""

    milliseconds: float

    def before(self, controller: ControllerState, command: Command, data: Data) -> None:
        take_time(self.milliseconds, command)


@dataclass(slots=True)
class Hang(_Action):
    """Do not answer before `release`; `executed` hangs after the command took effect.

    `reached` is set as soon as a command hangs: wait for it instead of sleeping.
    """

    executed: bool = False
    reached: threading.Event = field(default_factory=threading.Event)
    _released: threading.Event = field(default_factory=threading.Event)

    def release(self) -> None:
        """Let go of every command that hangs here, and of those to come."""
        self._released.set()

    def before(self, controller: ControllerState, command: Command, data: Data) -> None:
        if not self.executed:
            self._wait()

    def after(self, controller: ControllerState, command: Command, data: Data) -> None:
        if self.executed:
            self._wait()

    def _wait(self) -> None:
        self.reached.set()
        self._released.wait()


@dataclass(slots=True)
class Drop(_Action):
    """Lose the command (`executed`: only its answer), so that the kernel cancels it after its timeout: EINTR.

    `expire` ends the timeouts of all at once, so that a test need not wait for them.
    """

    executed: bool = False
    reached: threading.Event = field(default_factory=threading.Event)
    _expired: threading.Event = field(default_factory=threading.Event)

    def expire(self) -> None:
        """The timeouts are over."""
        self._expired.set()

    def before(self, controller: ControllerState, command: Command, data: Data) -> None:
        if not self.executed:
            self._lose(command)

    def after(self, controller: ControllerState, command: Command, data: Data) -> None:
        self._lose(command)

    def _lose(self, command: Command) -> None:
        self.reached.set()
        self._expired.wait((command.timeout_ms or DEFAULT_TIMEOUT_MS) / 1000)
        raise os_error(errno.EINTR)


@dataclass(slots=True)
class NewGeneration(_Action):
    """The controller captures telemetry just before the command: its controller-initiated log is another one.

    `host` replaces the host-initiated log instead, as another host's create does.
    """

    host: bool = False

    def before(self, controller: ControllerState, command: Command, data: Data) -> None:
        if self.host:
            controller.create_host_telemetry()
        else:
            controller.capture_controller_telemetry()


@dataclass(slots=True)
class Disappear(_Action):
    """The controller is gone from its host (ENODEV) until `ControllerState.reappear`; `executed`: after the command."""

    executed: bool = False

    def before(self, controller: ControllerState, command: Command, data: Data) -> None:
        if not self.executed:
            self._go(controller)

    def after(self, controller: ControllerState, command: Command, data: Data) -> None:
        self._go(controller)

    def _go(self, controller: ControllerState) -> None:
        controller.disappear()
        raise os_error(errno.ENODEV)


@dataclass(slots=True)
class Call(_Action):
    """Call `function` just before the command: whatever else can happen to a drive."""

    function: Callable[[ControllerState, Command], None]

    def before(self, controller: ControllerState, command: Command, data: Data) -> None:
        self.function(controller, command)


@dataclass(slots=True, eq=False)
class Fault:
    """`action`, for the commands that all of the other fields agree with; None is any."""

    action: Action
    queue: Queue | None = None
    opcode: int | None = None
    log_id: int | None = None
    feature_id: int | None = None
    nsid: int | None = None
    where: Callable[[Command], bool] | None = None
    skip: int = 0
    times: int | None = 1
    struck: int = 0

    def matches(self, queue: Queue, command: Command) -> bool:
        low_byte = command.cdw10 & 0xFF
        feature = command.opcode in (AdminOpcode.SET_FEATURES, AdminOpcode.GET_FEATURES)
        return (
            (self.queue is None or self.queue is queue)
            and (self.opcode is None or self.opcode == command.opcode)
            and (self.log_id is None or (command.opcode == AdminOpcode.GET_LOG_PAGE and self.log_id == low_byte))
            and (self.feature_id is None or (feature and self.feature_id == low_byte))
            and (self.nsid is None or self.nsid == command.nsid)
            and (self.where is None or self.where(command))
        )


class Faults:
    """The faults of one controller. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._faults: list[Fault] = []

    def add(self, fault: Fault) -> Fault:
        """Make `fault` strike from now on; returns it."""
        with self._lock:
            self._faults.append(fault)
        return fault

    def remove(self, fault: Fault) -> None:
        """End `fault`; nothing happens if it is over already."""
        with self._lock:
            if fault in self._faults:
                self._faults.remove(fault)

    def clear(self) -> None:
        """End every fault."""
        with self._lock:
            self._faults.clear()

    def __len__(self) -> int:
        """How many faults are not over."""
        return len(self._faults)

    def strike(self, queue: Queue, command: Command) -> tuple[Action, ...]:
        """The actions for this command, each counted as having struck once."""
        if not self._faults:
            return ()
        with self._lock:
            return tuple(fault.action for fault in list(self._faults) if self._strikes(fault, queue, command))

    def _strikes(self, fault: Fault, queue: Queue, command: Command) -> bool:
        if not fault.matches(queue, command):
            return False
        if fault.skip:
            fault.skip -= 1
            return False
        fault.struck += 1
        if fault.times is not None:
            fault.times -= 1
            if fault.times <= 0:
                self._faults.remove(fault)
        return True


@dataclass(frozen=True, slots=True)
class Record:
    """A command that was submitted, and its answer: None if it hangs or ended as an `OSError`."""

    queue: Queue
    command: Command
    data_bytes: int
    completion: Completion | None = None


class Journal:
    """The last commands that a controller was given, oldest first. Appending is atomic."""

    def __init__(self, limit: int) -> None:
        self._records: deque[Record] = deque(maxlen=limit)

    def append(self, record: Record) -> None:
        self._records.append(record)

    def clear(self) -> None:
        self._records.clear()

    @property
    def records(self) -> tuple[Record, ...]:
        """A copy: every answered or failed command, in the order of the answers."""
        return tuple(self._records)

    def commands(self, queue: Queue = Queue.ADMIN, opcode: int | None = None) -> list[Command]:
        """Those of one queue, perhaps of one opcode."""
        return [
            record.command
            for record in self.records
            if record.queue is queue and opcode in (None, record.command.opcode)
        ]
