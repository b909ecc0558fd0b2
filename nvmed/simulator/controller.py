"""One NVMe controller in software: executes commands on the state of its drive.

`Controller.admin` and `Controller.io` are those of `nvmed.nvme.transport.Transport`: they block for the drive's
latency, suffer its faults and are journalled. `Controller.execute` is the bare state machine: it never blocks, never
raises, and leaves no trace; the simulated host's kernel and an NVMe/TCP target use it for what a kernel does by itself.
"""

from __future__ import annotations

import errno

from nvmed.nvme.latency_monitor import THRESHOLD_MS, MonitoredCommand
from nvmed.nvme.opcodes import IoOpcode
from nvmed.nvme.status import Queue
from nvmed.nvme.transport import Command, Completion
from nvmed.simulator.commands.request import Request
from nvmed.simulator.commands.table import COMMANDS, supported_commands
from nvmed.simulator.faults import Faults, Journal, Record, os_error, take_time
from nvmed.simulator.refusal import Refused, Sc
from nvmed.simulator.state.drive import ControllerState, SubsystemState

MONITORED: dict[int, MonitoredCommand] = {
    IoOpcode.READ: MonitoredCommand.READ,
    IoOpcode.WRITE: MonitoredCommand.WRITE,
    IoOpcode.DATASET_MANAGEMENT: MonitoredCommand.DEALLOCATE,
}
"""What the latency monitor counts, by opcode."""


class Controller(ControllerState):
    """A controller of `subsystem`, which makes it; every attribute may be used from any thread."""

    subsystem: SubsystemState[Controller]

    def __init__(self, subsystem: SubsystemState[Controller], controller_id: int) -> None:
        super().__init__(subsystem, controller_id, supported_commands(subsystem.spec))
        self.latency_ms = subsystem.spec.latency_ms
        self.faults = Faults()
        self.journal = Journal(subsystem.spec.journal_limit)

    def admin(
        self,
        command: Command,
        data: bytearray | memoryview | None = None,
        metadata: bytearray | None = None,
    ) -> Completion:
        """Submit to the admin queue, as `Transport.admin`."""
        return self._submit(Queue.ADMIN, command, data, metadata)

    def io(
        self,
        command: Command,
        data: bytearray | memoryview | None = None,
        metadata: bytearray | None = None,
    ) -> Completion:
        """Submit to an I/O queue, as `Transport.io`."""
        return self._submit(Queue.IO, command, data, metadata)

    def execute(
        self,
        queue: Queue,
        command: Command,
        data: bytearray | memoryview | None = None,
        metadata: bytearray | None = None,
    ) -> Completion:
        """The state machine alone: at once, without latency, faults or journal. Never raises, never blocks."""
        request = Request(command, memoryview(b"" if data is None else data), memoryview(metadata or b""))
        with self.lock:
            self.health.thermal.work(len(request.data))
            try:
                return Completion(0, self._handle(queue, request))
            except Refused as refusal:
                self.health.command_failed(queue, command, refusal.status)
                return Completion(refusal.status, refusal.result)

    @property
    def blocks(self) -> bool:
        """Whether `admin` or `io` may take time now: for a caller that must not wait, and would use a thread then."""
        return bool(self.latency_ms or len(self.faults))

    def _submit(
        self, queue: Queue, command: Command, data: bytearray | memoryview | None, metadata: bytearray | None
    ) -> Completion:
        answer: Completion | None = None
        began = self.subsystem.clock()
        try:
            actions = self.faults.strike(queue, command)
            if self.latency_ms:
                take_time(self.latency_ms, command)
            completion = None
            for action in actions:
                completion = action.before(self, command, data) or completion
            if not self.present:
                raise os_error(errno.ENODEV)
            if completion is None:
                completion = self.execute(queue, command, data, metadata)
            for action in actions:
                action.after(self, command, data)
            answer = completion
            self._observe(queue, command, began)
        finally:
            self.journal.append(Record(queue, command, 0 if data is None else len(data), answer))
        return answer

    def _observe(self, queue: Queue, command: Command, began: float) -> None:
        """Tell the latency monitor how long a command took."""
        kind = MONITORED.get(command.opcode) if queue is Queue.IO else None
        took_ms = (self.subsystem.clock() - began) * 1000
        if kind is not None and took_ms >= THRESHOLD_MS:
            with self.lock:
                self.latency_monitor.observe(kind, took_ms)

    def _handle(self, queue: Queue, request: Request) -> int:
        opcode = request.command.opcode
        if opcode not in self.supported[queue]:
            raise Refused(Sc.INVALID_OPCODE)
        limit = self.subsystem.spec.maximum_transfer_bytes
        if limit is not None and len(request.data) > limit:
            raise Refused(Sc.INVALID_FIELD)
        entry = COMMANDS[queue][opcode]
        if entry.media:
            self.subsystem.sanitizer.check(reads=queue is Queue.IO and opcode == IoOpcode.READ)
            self.subsystem.require_unlocked(queue)
        return entry.handler(self, request)
