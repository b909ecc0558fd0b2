"""One controller: its stable name, its lane, and sessions with it."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final, TypeVar

from nvmed import tracing
from nvmed.devices.lane import Lane
from nvmed.devices.omission import Omission
from nvmed.devices.quirks import Quirk
from nvmed.devices.shared_smart import SharedSmart
from nvmed.devices.transfers import TRANSFER_MAX_BYTES, TransferLimit
from nvmed.nvme import identify
from nvmed.nvme.capabilities import Capabilities
from nvmed.nvme.host import ControllerNode, Host, instance_of
from nvmed.nvme.opcodes import IDENTIFY_BYTES
from nvmed.nvme.status import Queue, check
from nvmed.nvme.transport import Command, Completion, Transport
from nvmed.os_errors import os_error
from nvmed.reasons import Reason, error

T = TypeVar("T")

_SYSCALLS: Final = {Queue.ADMIN: "ioctl(NVME_IOCTL_ADMIN64_CMD)", Queue.IO: "ioctl(NVME_IOCTL_IO64_CMD)"}


@dataclass(frozen=True, slots=True)
class Session:
    """An open node of a controller. `submit` blocks and is for a lane's thread; the rest is for the loop."""

    device: Device
    transport: Transport
    path: str
    opened: ControllerNode
    """The controller as it was when the node was opened."""

    def submit(
        self,
        command: Command,
        data: bytearray | memoryview | None = None,
        metadata: bytearray | None = None,
        *,
        queue: Queue = Queue.ADMIN,
    ) -> Completion:
        """Submit and wait, in this thread. Raises what `os_error` and `status.check` make of a failure."""
        span = tracing.current.get()
        if span is tracing.NONE:
            return self._submit(command, data, metadata, queue)
        with tracing.within(span.child(*self._told(command, data, queue))):
            return self._submit(command, data, metadata, queue)

    def _submit(
        self, command: Command, data: bytearray | memoryview | None, metadata: bytearray | None, queue: Queue
    ) -> Completion:
        submit = self.transport.admin if queue is Queue.ADMIN else self.transport.io
        try:
            completion = submit(command, data, metadata)
        except OSError as exc:
            raise os_error(exc, _SYSCALLS[queue], self.path, controller=self.device.name) from exc
        return check(command, completion, queue)

    def _told(
        self, command: Command, data: bytearray | memoryview | None, queue: Queue
    ) -> tuple[str, Mapping[str, tracing.Value]]:
        """What a trace says of a command: which one and how much, nothing of what it carries."""
        about: dict[str, tracing.Value] = {
            "nvme.controller": self.device.resource_name,
            "nvme.opcode": command.opcode,
            "nvme.nsid": command.nsid,
            "nvme.transfer_bytes": len(data) if data is not None else 0,
        }
        return f"nvme {queue.name.lower()} {command.opcode:#04x}", about

    async def admin(self, command: Command, data: bytearray | memoryview | None = None) -> Completion:
        """Submit an admin command that changes nothing."""
        return await self.run(lambda: self.submit(command, data), timeout_ms=command.timeout_ms)

    async def mutate(
        self,
        command: Command,
        data: bytearray | memoryview | None = None,
        metadata: bytearray | None = None,
        *,
        queue: Queue = Queue.ADMIN,
    ) -> Completion:
        """Submit a command that changes the drive: never beside another such command to the same controller.

        Raises DEVICE_IDENTITY_CHANGED if the node no longer is the controller that was opened.
        """

        def submit() -> Completion:
            self.require_same()
            return self.submit(command, data, metadata, queue=queue)

        return await self.device.lane.mutate(submit, timeout_ms=command.timeout_ms)

    def require_same(self) -> None:
        """Raise DEVICE_IDENTITY_CHANGED if the node is another controller's by now. Blocks."""
        self.device.host.check(self.opened)

    async def run(self, function: Callable[[], T], *, timeout_ms: int = 0) -> T:
        """Call a blocking function, made of `submit`s, in the lane."""
        return await self.device.lane.run(function, timeout_ms=timeout_ms)


class _Opened:
    """A transport between the thread that opens it and whoever asked for it, who may have left by then."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._transport: Transport | None = None
        self._is_left = False

    def put(self, transport: Transport) -> Transport:
        """In the thread: it is open. Closed at once if nobody wants it any more."""
        with self._lock:
            self._transport = transport
            is_left = self._is_left
        if is_left:
            transport.close()
        return transport

    def leave(self) -> None:
        """Close it, now or as soon as it is open."""
        with self._lock:
            self._is_left = True
            transport = self._transport
        if transport is not None:
            transport.close()


class Device:
    """A controller as long as it is there: the kernel's view of it in `node`, replaced by each scan."""

    def __init__(self, name: str, node: ControllerNode, host: Host, lane: Lane, subsystem: str = "") -> None:
        self.name = name
        self.lane = lane
        self.host = host
        self.subsystem = subsystem
        """The resource name of its NVM subsystem."""
        self._node = node
        self._generation = 0
        self._identity: identify.IdentifyController | None = None
        self._doubtful: tuple[Session, identify.IdentifyController] | None = None
        self._limit: TransferLimit | None = None
        self.quirks: set[Quirk] = set()
        self.pages: dict[int, frozenset[int] | None] = {}
        """The log pages that it lists, by UUID index, once they were asked for; None where it does not say."""
        self.ocp_index: int | None = None
        """The UUID index of OCP's pages, once it was asked for."""
        self.smart = SharedSmart()
        self.refused: dict[str, Omission] = {}
        """What it refused of a support bundle, by the part's path: asked once (nvme-cli#1224)."""

    @property
    def node(self) -> ControllerNode:
        return self._node

    @node.setter
    def node(self, node: ControllerNode) -> None:
        # Identify data live as long as what the kernel read when it initialised the controller.
        if _initialisation(node) != _initialisation(self._node):
            self.forget_identity()
        self._node = node

    @property
    def resource_name(self) -> str:
        return f"controllers/{self.name}"

    def forget_identity(self) -> None:
        """Ask the controller again next time: after a reset, new firmware or a changed feature."""
        self._generation += 1
        self._identity = None
        self._doubtful = None
        self._limit = None
        self.quirks.clear()
        self.pages.clear()
        self.ocp_index = None
        self.refused.clear()

    @asynccontextmanager
    async def open(self, node: str = "") -> AsyncIterator[Session]:
        """A session with the controller, or with `node`, a namespace of it; it was checked to be this controller.

        Raises DEVICE_IDENTITY_CHANGED, and what `os_error` makes of an `open` that fails.
        """
        path = node or self.node.node
        current = self.node

        opened = _Opened()

        def open_node() -> Transport:
            try:
                return opened.put(self.host.open(current, node))
            except OSError as exc:
                raise os_error(exc, "open", path, controller=self.name) from exc

        try:
            yield Session(self, await self.lane.run(open_node), path, current)
        finally:
            opened.leave()

    async def identify(self, session: Session) -> identify.IdentifyController:
        """Identify Controller, asked once (optional commands fill error logs: nvme-cli#1224).

        It is kept only if it is of whom the kernel says this is, and else for this session alone. A drive that says
        nothing of itself is asked once more; raises NVME_DATA_INVALID if it says nothing again.
        """
        if self._identity is not None:
            return self._identity
        if self._doubtful is not None and self._doubtful[0] is session:
            return self._doubtful[1]
        asked_at = self._generation
        found = await _ask(session)
        if found == _NOTHING:
            found = await _ask(session)
        if found == _NOTHING:
            raise error(
                Reason.NVME_DATA_INVALID,
                f"{self.node.node} answers Identify Controller with zeros; reset it, or try again",
                controller=self.resource_name,
            )
        if not _is_of(found, self.node):
            self._doubtful = session, found
        elif asked_at == self._generation:  # else it was asked before the controller was initialised anew
            self._identity = found
        return found

    async def capabilities(self, session: Session) -> Capabilities:
        """What the controller can do."""
        return Capabilities(await self.identify(session))

    async def transfer_limit(self, session: Session) -> TransferLimit:
        """The controller's transfer limit, which starts at the smaller of MDTS and the queue's limit."""
        if self._limit is not None:
            return self._limit
        mdts_bytes = identify.max_transfer_bytes((await self.identify(session)).mdts)
        known: Sequence[int] = [n for n in (mdts_bytes, self.node.max_transfer_bytes) if n]
        limit = TransferLimit(min(*known, TRANSFER_MAX_BYTES) if known else 1 << 20)
        if self._identity is not None:  # what is doubted is not remembered in another form
            self._limit = limit
        return limit


_NOTHING: Final = identify.IdentifyController()


async def _ask(session: Session) -> identify.IdentifyController:
    data = bytearray(IDENTIFY_BYTES)
    await session.admin(identify.identify_controller(), data)
    return identify.IdentifyController.parse(bytes(data))


def _initialisation(node: ControllerNode) -> tuple[object, ...]:
    """What is another after the kernel has initialised a controller, or while it does."""
    return instance_of(node), node.node, node.firmware_revision, node.state, node.controller_id


def _is_of(identity: identify.IdentifyController, node: ControllerNode) -> bool:
    """Whether Identify data are of the controller that the kernel shows; what either leaves empty is not compared."""
    said = (identity.sn, identity.mn, identity.fr)
    shown = (node.serial, node.model, node.firmware_revision)
    return all(one == other or not one or not other for one, other in zip(shown, said, strict=True))
