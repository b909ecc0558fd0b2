"""One controller: its stable name, its lane, and sessions with it."""

from __future__ import annotations

import hashlib
import re
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final, TypeVar

from nvmed.devices.lane import Lane
from nvmed.nvme import identify
from nvmed.nvme.capabilities import Capabilities
from nvmed.nvme.host import ControllerNode, Host
from nvmed.nvme.opcodes import IDENTIFY_BYTES
from nvmed.nvme.status import Queue, check
from nvmed.nvme.transport import Command, Completion, Transport
from nvmed.os_errors import os_error

T = TypeVar("T")

TRANSFER_MIN_BYTES: Final = 4096
"""Every controller takes a page: halving a refused transfer stops here."""

TRANSFER_MAX_BYTES: Final = (1 << 32) - TRANSFER_MIN_BYTES
"""What the 32 bits of a command's length hold, in whole pages, whatever MDTS says."""

_SYSCALLS: Final = {Queue.ADMIN: "ioctl(NVME_IOCTL_ADMIN64_CMD)", Queue.IO: "ioctl(NVME_IOCTL_IO64_CMD)"}


def slug(text: str) -> str:
    """`text` as a resource name's segment (AIP-122): lower-case letters, digits and single hyphens."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")


def short_hash(*parts: str) -> str:
    """Eight hexadecimal digits that stand for `parts`."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:8]


def controller_id(node: ControllerNode) -> str:
    """`{serial}-{controller id}`: what the kernel cannot renumber; a hash stands for a serial that is empty."""
    serial = slug(node.serial) or short_hash(node.subsystem_nqn, node.model)
    return f"{serial}-{node.controller_id}"


def subsystem_id(node: ControllerNode) -> str:
    """`{serial}-{hash of the NQN}`: a NQN may be 223 bytes of nearly anything, its serial is what people know."""
    return "-".join(filter(None, (slug(node.serial), short_hash(node.subsystem_nqn))))


class TransferLimit:
    """The largest transfer of one command to a controller, learnt as it goes (nvme-cli#3507, #2526).

    MDTS and the queue's limit say where to begin; some bridges and hosts refuse less than that, which shows as Invalid
    Field or EINVAL and is remembered. Shared by the threads of a lane.
    """

    def __init__(self, bytes_: int) -> None:
        self._lock = threading.Lock()
        self._bytes = bytes_

    @property
    def bytes(self) -> int:
        return self._bytes

    @staticmethod
    def smaller(refused_bytes: int) -> int | None:
        """The size to try after `refused_bytes` was refused: half, in whole pages; None if that was the least."""
        if refused_bytes <= TRANSFER_MIN_BYTES:
            return None
        return max(TRANSFER_MIN_BYTES, refused_bytes // 2 // TRANSFER_MIN_BYTES * TRANSFER_MIN_BYTES)

    def learn(self, accepted_bytes: int) -> None:
        """Remember that this much was accepted where more was refused."""
        with self._lock:
            self._bytes = min(self._bytes, accepted_bytes)


@dataclass(frozen=True, slots=True)
class Session:
    """An open node of a controller. `submit` blocks and is for a lane's thread; the rest is for the loop."""

    device: Device
    transport: Transport
    path: str

    def submit(
        self,
        command: Command,
        data: bytearray | memoryview | None = None,
        metadata: bytearray | None = None,
        *,
        queue: Queue = Queue.ADMIN,
    ) -> Completion:
        """Submit and wait, in this thread. Raises what `os_error` and `status.check` make of a failure."""
        submit = self.transport.admin if queue is Queue.ADMIN else self.transport.io
        try:
            completion = submit(command, data, metadata)
        except OSError as exc:
            raise os_error(exc, _SYSCALLS[queue], self.path, controller=self.device.name) from exc
        return check(command, completion, queue)

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
        """Submit a command that changes the drive: never beside another such command to the same controller."""
        return await self.device.lane.mutate(
            lambda: self.submit(command, data, metadata, queue=queue), timeout_ms=command.timeout_ms
        )

    async def run(self, function: Callable[[], T], *, timeout_ms: int = 0) -> T:
        """Call a blocking function, made of `submit`s, in the lane."""
        return await self.device.lane.run(function, timeout_ms=timeout_ms)


class Device:
    """A controller as long as it is there: the kernel's view of it in `node`, replaced by each scan."""

    def __init__(self, name: str, node: ControllerNode, host: Host, lane: Lane) -> None:
        self.name = name
        self.lane = lane
        self._node = node
        self._host = host
        self._identity: identify.IdentifyController | None = None
        self._limit: TransferLimit | None = None

    @property
    def node(self) -> ControllerNode:
        return self._node

    @node.setter
    def node(self, node: ControllerNode) -> None:
        # Identify data live as long as what the kernel read when it initialised the controller.
        if (node.firmware_revision, node.node) != (self._node.firmware_revision, self._node.node):
            self.forget_identity()
        self._node = node

    @property
    def resource_name(self) -> str:
        return f"controllers/{self.name}"

    def forget_identity(self) -> None:
        """Ask the controller again next time: after a reset, new firmware or a changed feature."""
        self._identity = None
        self._limit = None

    @asynccontextmanager
    async def open(self, node: str = "") -> AsyncIterator[Session]:
        """A session with the controller, or with `node`, a namespace of it; it was checked to be this controller.

        Raises DEVICE_IDENTITY_CHANGED, and what `os_error` makes of an `open` that fails.
        """
        path = node or self.node.node
        current = self.node

        def open_node() -> Transport:
            try:
                return self._host.open(current, node)
            except OSError as exc:
                raise os_error(exc, "open", path, controller=self.name) from exc

        transport = await self.lane.run(open_node)
        try:
            yield Session(self, transport, path)
        finally:
            transport.close()

    async def identify(self, session: Session) -> identify.IdentifyController:
        """Identify Controller, asked once (optional commands fill error logs: nvme-cli#1224)."""
        if self._identity is None:
            data = bytearray(IDENTIFY_BYTES)
            await session.admin(identify.identify_controller(), data)
            self._identity = identify.IdentifyController.parse(bytes(data))
        return self._identity

    async def capabilities(self, session: Session) -> Capabilities:
        """What the controller can do."""
        return Capabilities(await self.identify(session))

    async def transfer_limit(self, session: Session) -> TransferLimit:
        """The controller's transfer limit, which starts at the smaller of MDTS and the queue's limit."""
        if self._limit is None:
            mdts_bytes = identify.max_transfer_bytes((await self.identify(session)).mdts)
            known: Sequence[int] = [n for n in (mdts_bytes, self.node.max_transfer_bytes) if n]
            self._limit = TransferLimit(min(*known, TRANSFER_MAX_BYTES) if known else 1 << 20)
        return self._limit
