"""The association of a host with a controller: from Connect to the end of the admin queue (Base 2.0, 3.1.1).

The association answers what belongs to the fabric (properties, Keep Alive, parked Asynchronous Event Requests, how
many queues there are) and passes everything else to the controller.
"""

from __future__ import annotations

import asyncio
import errno
from collections import deque
from collections.abc import Callable
from typing import Protocol, TypeAlias

import structlog

from nvmed.nvme.opcodes import IDENTIFY_BYTES, AdminOpcode, FabricsCommandType, FeatureId, FeatureSelect, IdentifyCns
from nvmed.nvme.status import Queue as CommandQueue
from nvmed.nvme.transport import Command, Completion
from nvmed.simulator.nvme_tcp.fabrics import (
    IN_COMMAND_QUEUE_ID,
    Connect,
    ConnectRefused,
    Effect,
    FabricsIdentity,
    Properties,
    Status,
    complete_identity,
    invalid_parameter,
    refusal,
)
from nvmed.simulator.nvme_tcp.limits import Limits
from nvmed.simulator.nvme_tcp.threads import in_thread, soon
from nvmed.simulator.state.drive import Change

log = structlog.get_logger(__name__)

READ_FIRST_S = 0.05
"""How long a host that seems dead is given beyond its Keep Alive Timeout."""

EventCallback: TypeAlias = Callable[[int], None]


class Exported(Protocol):
    """What the target needs of a controller: `nvmed.simulator.controller.Controller` has it, methods as there."""

    @property
    def controller_id(self) -> int: ...

    @property
    def blocks(self) -> bool: ...

    def admin(
        self, command: Command, data: bytearray | memoryview | None = None, metadata: bytearray | None = None
    ) -> Completion: ...

    def io(
        self, command: Command, data: bytearray | memoryview | None = None, metadata: bytearray | None = None
    ) -> Completion: ...

    def execute(
        self,
        queue: CommandQueue,
        command: Command,
        data: bytearray | memoryview | None = None,
        metadata: bytearray | None = None,
    ) -> Completion: ...

    def reset(self) -> None: ...

    def subscribe_async_events(self, callback: EventCallback) -> Callable[[], None]: ...

    def subscribe_changes(self, callback: Callable[[Change], None]) -> Callable[[], None]: ...


class Queue(Protocol):
    """A connection, as its association needs it."""

    def complete(self, command_id: int, completion: Completion) -> None:
        """Answer a command whose answer was put off."""
        ...

    def forget(self, command_id: int) -> None:
        """Never answer a command whose answer was put off: its identifier is free again."""
        ...

    def drop(self) -> None:
        """End the connection."""
        ...


class Association:
    """Belongs to one event loop, which also runs `_on_event` and `_on_change` for the threads that cause them.

    `ended` is called once, when the controller is free again.
    """

    def __init__(
        self,
        controller: Exported,
        subsystem_nqn: str,
        host: tuple[str, bytes],
        limits: Limits,
        reset_subsystem: Callable[[], None],
        ended: Callable[[], object],
    ) -> None:
        self.controller = controller
        self.subsystem_nqn = subsystem_nqn
        self.host = host
        self.keep_alive_ms = 0
        self._log = log.bind(nqn=subsystem_nqn, controller_id=controller.controller_id, host_nqn=host[0])
        self._limits = limits
        self._reset_subsystem = reset_subsystem
        self._ended = ended
        self._properties = Properties(_version(controller), limits.queue_entries)
        self._queues: dict[int, Queue] = {}
        self._heard = 0.0
        self._alarm: asyncio.TimerHandle | None = None
        self._parked: deque[int] = deque()
        self._events: deque[int] = deque()
        self._subscriptions: list[Callable[[], None]] = []
        self._resetting = False
        self._closed = False

    # -- queues

    def open(self, queue: Queue, connect: Connect) -> None:
        """Begin, with the admin queue."""
        self._log.info("nvme_tcp.connected", keep_alive_ms=connect.keep_alive_ms)
        loop = asyncio.get_running_loop()
        self._queues[0] = queue
        self._set_keep_alive(connect.keep_alive_ms)
        self._subscriptions = [
            self.controller.subscribe_async_events(lambda event: soon(loop, lambda: self._on_event(event))),
            self.controller.subscribe_changes(lambda change: soon(loop, lambda: self._on_change(change))),
        ]

    def add(self, queue: Queue, connect: Connect) -> None:
        """Add an I/O queue; raises `ConnectRefused`."""
        if connect.queue_id > self._limits.io_queues:
            raise invalid_parameter(IN_COMMAND_QUEUE_ID, in_data=False)
        if not self._properties.ready or connect.queue_id in self._queues:
            raise ConnectRefused(refusal(Status.COMMAND_SEQUENCE_ERROR))
        self._queues[connect.queue_id] = queue

    def remove(self, queue_id: int, queue: Queue) -> None:
        """A connection ended; with the admin queue, the association does."""
        if self._queues.get(queue_id) is queue:
            del self._queues[queue_id]
            if queue_id == 0:
                self.close()

    def close(self) -> None:
        """End every connection and let go of the controller; a second call does nothing."""
        if self._closed:
            return
        self._closed = True
        for unsubscribe in self._subscriptions:
            unsubscribe()
        if self._alarm is not None:
            self._alarm.cancel()
        self._parked.clear()
        for queue in self._queues.values():
            queue.drop()
        self._queues.clear()
        self._log.info("nvme_tcp.disconnected")
        self._ended()

    # -- keep alive

    def heard(self) -> None:
        """The host gave a sign of life: any command is one."""
        self._heard = asyncio.get_running_loop().time()

    def _set_keep_alive(self, milliseconds: int) -> None:
        unit = 100 * self._limits.keep_alive_granularity
        self.keep_alive_ms = -(-milliseconds // unit) * unit
        self.heard()
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        if self.keep_alive_ms and not self._closed:
            self._alarm = asyncio.get_running_loop().call_at(self._heard + self.keep_alive_ms / 1000, self._check_life)

    def _check_life(self, last: bool = False) -> None:
        loop = asyncio.get_running_loop()
        due = self._heard + self.keep_alive_ms / 1000
        if loop.time() < due:
            self._alarm = loop.call_at(due, self._check_life)
        elif not last:
            # If this process was held up, signs of life may wait in the sockets: read them first.
            self._alarm = loop.call_later(READ_FIRST_S, self._check_life, True)
        else:
            self._log.warning("nvme_tcp.keep_alive_expired", keep_alive_ms=self.keep_alive_ms)
            self.close()

    # -- commands

    async def admin(self, command_id: int, command: Command, data: memoryview | None) -> Completion | None:
        """Execute an admin command; None where it is answered later, or never."""
        if command.opcode == AdminOpcode.FABRICS:
            return await self.fabrics(0, command)
        own = _OWN.get(command.opcode)
        if own is not None:
            answer = own(self, command_id, command)
            if not isinstance(answer, _PassOn):
                return answer
        if not self._properties.ready:
            return refusal(Status.COMMAND_SEQUENCE_ERROR)
        completion = await self._execute(self.controller.admin, command, data)
        if completion is not None and not completion.status and data is not None and _identifies(command):
            complete_identity(data, self._identity())
        return completion

    async def io(self, queue_id: int, command: Command, data: memoryview | None) -> Completion | None:
        """Execute an I/O command; None where it is never answered."""
        if command.opcode == AdminOpcode.FABRICS:
            return await self.fabrics(queue_id, command)
        if not self._properties.ready:
            return refusal(Status.COMMAND_SEQUENCE_ERROR)
        return await self._execute(self.controller.io, command, data)

    async def fabrics(self, queue_id: int, command: Command) -> Completion:
        """Properties and Disconnect; a second Connect on a queue comes out of sequence."""
        kind = command.nsid & 0xFF
        if kind == FabricsCommandType.CONNECT:
            return refusal(Status.COMMAND_SEQUENCE_ERROR)
        if queue_id == 0 and kind == FabricsCommandType.PROPERTY_GET:
            return self._properties.get(command)
        if queue_id == 0 and kind == FabricsCommandType.PROPERTY_SET:
            completion, effect = self._properties.set(command)
            await self._take_effect(effect)
            return completion
        if queue_id != 0 and kind == FabricsCommandType.DISCONNECT:
            return Completion()
        return refusal(Status.INVALID_QUEUE_TYPE if kind == FabricsCommandType.DISCONNECT else Status.INVALID_OPCODE)

    async def _execute(
        self,
        method: Callable[[Command, memoryview | None], Completion],
        command: Command,
        data: memoryview | None,
    ) -> Completion | None:
        try:
            if self.controller.blocks:
                return await in_thread(lambda: method(command, data))
            return method(command, data)
        except OSError as failure:
            return self._on_failure(failure)

    def _on_failure(self, failure: OSError) -> Completion | None:
        """A command that the controller never answers: the host will time out; a controller that is gone hangs up."""
        if failure.errno == errno.EINTR:
            return None
        if failure.errno in (errno.ENODEV, errno.ENXIO):
            self.close()
            return None
        return refusal(Status.INTERNAL_ERROR, retry=True)

    async def _take_effect(self, effect: Effect) -> None:
        """Reset what the host asks to have reset.

        It keeps its admin queue, also through a reset of the subsystem: Linux writes NSSR, and then disables the
        controller by the same queue before it connects anew.
        """
        resets = {Effect.RESET: self.controller.reset, Effect.SUBSYSTEM_RESET: self._reset_subsystem}
        if effect not in resets:
            return
        while self._parked:
            self._queues[0].forget(self._parked.popleft())
        self._events.clear()
        for queue_id in [queue_id for queue_id in self._queues if queue_id]:
            self._queues.pop(queue_id).drop()
        self._resetting = True
        try:
            await in_thread(resets[effect])
        finally:
            # The controller told of its reset before this, through the same loop.
            self._resetting = False

    def _on_change(self, change: Change) -> None:
        """Whatever else resets a controller, or takes it away, takes its connections with it."""
        if change is Change.GONE or (change is Change.RESET and not self._resetting):
            self.close()

    def _identity(self) -> FabricsIdentity:
        return FabricsIdentity(
            self.controller.controller_id,
            self.subsystem_nqn,
            self._limits.queue_entries,
            self._limits.keep_alive_granularity,
            self._limits.in_capsule_bytes,
        )

    # -- what the fabric answers itself

    def _keep_alive(self, _: int, __: Command) -> Completion:
        return Completion()

    def _park(self, command_id: int, _: Command) -> Completion | None:
        if self._events:
            return Completion(0, self._events.popleft())
        if len(self._parked) >= self._limits.async_event_requests:
            return refusal(Status.ASYNC_EVENT_LIMIT_EXCEEDED)
        self._parked.append(command_id)
        return None

    def _on_event(self, event: int) -> None:
        if self._closed:
            return
        if self._parked:
            self._queues[0].complete(self._parked.popleft(), Completion(0, event))
        elif event not in self._events:
            self._events.append(event)

    def _abort(self, _: int, command: Command) -> Completion:
        """Abort: only parked event requests can be (bit 0 of the result says what could not)."""
        queue_id, command_id = command.cdw10 & 0xFFFF, command.cdw10 >> 16
        if queue_id or command_id not in self._parked:
            return Completion(0, 1)
        self._parked.remove(command_id)
        self._queues[0].complete(command_id, Completion(Status.ABORT_REQUESTED))
        return Completion()

    def _set_features(self, _: int, command: Command) -> Completion | _PassOn:
        match command.cdw10 & 0xFF:
            case FeatureId.NUMBER_OF_QUEUES if self._limits.io_queues:
                if command.cdw11 & 0xFFFF == 0xFFFF or command.cdw11 >> 16 == 0xFFFF:
                    return refusal(Status.INVALID_FIELD)
                return Completion(0, self._granted_queues())
            case FeatureId.KEEP_ALIVE_TIMER:
                self._set_keep_alive(command.cdw11)
                return Completion()
        return PASS_ON

    def _get_features(self, _: int, command: Command) -> Completion | _PassOn:
        if command.cdw10 >> 8 & 0x7 != FeatureSelect.CURRENT:
            return PASS_ON
        match command.cdw10 & 0xFF:
            case FeatureId.NUMBER_OF_QUEUES if self._limits.io_queues:
                return Completion(0, self._granted_queues())
            case FeatureId.KEEP_ALIVE_TIMER:
                return Completion(0, self.keep_alive_ms)
        return PASS_ON

    def _granted_queues(self) -> int:
        return (self._limits.io_queues - 1) * 0x1_0001

    def _no_such_opcode(self, _: int, __: Command) -> Completion:
        return refusal(Status.INVALID_OPCODE)


class _PassOn:
    """Says that the controller itself answers a command."""


PASS_ON = _PassOn()

_Own: TypeAlias = Callable[[Association, int, Command], Completion | _PassOn | None]

_OWN: dict[int, _Own] = {
    AdminOpcode.KEEP_ALIVE: Association._keep_alive,
    AdminOpcode.ASYNCHRONOUS_EVENT_REQUEST: Association._park,
    AdminOpcode.ABORT: Association._abort,
    AdminOpcode.SET_FEATURES: Association._set_features,
    AdminOpcode.GET_FEATURES: Association._get_features,
    # Queues are connections here (Base 2.0, figure 138, note).
    AdminOpcode.CREATE_IO_SUBMISSION_QUEUE: Association._no_such_opcode,
    AdminOpcode.DELETE_IO_SUBMISSION_QUEUE: Association._no_such_opcode,
    AdminOpcode.CREATE_IO_COMPLETION_QUEUE: Association._no_such_opcode,
    AdminOpcode.DELETE_IO_COMPLETION_QUEUE: Association._no_such_opcode,
}


def _version(controller: Exported) -> int:
    """VER of Identify Controller: what the VS property says too."""
    data = bytearray(IDENTIFY_BYTES)
    controller.execute(CommandQueue.ADMIN, Command(AdminOpcode.IDENTIFY, cdw10=IdentifyCns.CONTROLLER), data)
    return int.from_bytes(data[80:84], "little")


def _identifies(command: Command) -> bool:
    return command.opcode == AdminOpcode.IDENTIFY and command.cdw10 & 0xFF == IdentifyCns.CONTROLLER
