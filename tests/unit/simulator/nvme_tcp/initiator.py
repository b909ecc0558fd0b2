"""A small NVMe/TCP host for the tests of the target: real sockets, one class per queue.

async with Initiator(port) as initiator:
    await initiator.connect(nqn)
    completion, data = await initiator.admin.submit(Command(AdminOpcode.IDENTIFY, cdw10=1), read_bytes=4096)
"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, field
from typing import Self

from nvmed.nvme.opcodes import IDENTIFY_BYTES, AdminOpcode, FabricsCommandType, IdentifyCns
from nvmed.nvme.transport import Command, Completion
from nvmed.simulator.nvme_tcp import fabrics, pdu
from nvmed.simulator.nvme_tcp.digest import crc32c
from nvmed.simulator.nvme_tcp.pdu import DataDescriptor, PduType

HOST_NQN = "nqn.2014-08.org.nvmexpress:uuid:2cd2c43b-a90a-45c1-a8cd-86b33ab273b5"
HOST_ID = bytes(range(16))


def target_tasks() -> list[str]:
    """The tasks of the target that are left in this loop."""
    return [repr(task) for task in asyncio.all_tasks() if "nvmed/simulator/nvme_tcp" in repr(task.get_stack(limit=1))]


class Terminated(Exception):
    """The controller sent a termination request."""

    def __init__(self, termination: pdu.Termination) -> None:
        super().__init__(f"fatal error status {termination.status}")
        self.termination = termination


@dataclass
class _Pending:
    future: asyncio.Future[Completion]
    outgoing: bytes
    incoming: bytearray = field(default_factory=bytearray)
    pieces: int = 0


class HostQueue:
    """One connection. Everything the target sends is checked against what was negotiated."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._pending: dict[int, _Pending] = {}
        self._next_id = 0
        self._task: asyncio.Task[None] | None = None
        self.initialized = pdu.InitializeResponse()
        self.controller_id = 0
        self.sq_heads: list[int] = []
        self.r2ts: list[pdu.DataTransfer] = []
        self.responses = 0
        self.hold_data = False
        """Ignore R2T, so that commands stay without their data."""

    @classmethod
    async def open(cls, port: int, request: pdu.InitializeRequest | None = None, address: str = "127.0.0.1") -> Self:
        """Connect the socket and exchange ICReq and ICResp."""
        queue = cls(*await asyncio.open_connection(address, port))
        queue._writer.write(pdu.build_initialize_request(request or pdu.InitializeRequest()))
        raw = await queue._reader.readexactly(128)
        assert pdu.parse_common_header(raw[:8]).type == PduType.IC_RESPONSE
        queue.initialized = pdu.parse_initialize_response(raw)
        queue._task = asyncio.get_running_loop().create_task(queue._receive())
        return queue

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
        self._writer.close()
        with contextlib.suppress(OSError):
            await self._writer.wait_closed()

    async def closed(self) -> BaseException | None:
        """Wait until the target ended the connection; what ended it."""
        assert self._task is not None
        await asyncio.wait([self._task])
        return self._task.exception()

    def send_raw(self, raw: bytes) -> None:
        self._writer.write(raw)

    # -- commands

    async def submit(
        self, command: Command, data: bytes = b"", *, read_bytes: int = 0, in_capsule: bool | None = None
    ) -> tuple[Completion, bytes]:
        """Submit and wait. Data to send goes in the capsule up to 8 KiB unless `in_capsule` says otherwise."""
        command_id = self.begin(command, data, read_bytes=read_bytes, in_capsule=in_capsule)
        return await self.answer(command_id)

    def begin(
        self,
        command: Command,
        data: bytes = b"",
        *,
        read_bytes: int = 0,
        in_capsule: bool | None = None,
        command_id: int | None = None,
    ) -> int:
        """Submit only; gives the command identifier to `answer`."""
        if command_id is None:
            self._next_id = command_id = (self._next_id + 1) % 0x1_0000
        inline = bool(data) and (len(data) <= 8192 if in_capsule is None else in_capsule)
        kind = pdu.SGL_IN_CAPSULE if inline else pdu.SGL_TRANSPORT
        capsule = pdu.CapsuleCommand(command, command_id, DataDescriptor(kind, 0, len(data) or read_bytes))
        self.expect(command_id, data)
        self._send(PduType.CAPSULE_COMMAND, capsule, data if inline else b"")
        return command_id

    def expect(self, command_id: int, data: bytes = b"") -> None:
        """Be ready for the answer to a command that `send_raw` sends."""
        self._pending[command_id] = _Pending(asyncio.get_running_loop().create_future(), data)

    async def answer(self, command_id: int) -> tuple[Completion, bytes]:
        pending = self._pending[command_id]
        completion = await pending.future
        del self._pending[command_id]
        return completion, bytes(pending.incoming)

    def _send(self, type_: PduType, body: pdu.CapsuleCommand | pdu.DataTransfer, data: bytes, flags: int = 0) -> None:
        end = pdu.HEADER_BYTES[type_]
        if self.initialized.header_digest:
            flags |= pdu.FLAG_HEADER_DIGEST
            end += 4
        length = end + len(data)
        digest = b""
        if data and self.initialized.data_digest:
            flags |= pdu.FLAG_DATA_DIGEST
            length += 4
            digest = crc32c(data).to_bytes(4, "little")
        offset = end if data else 0
        if isinstance(body, pdu.CapsuleCommand):
            raw = pdu.build_capsule_command(body, flags=flags, data_offset=offset, length=length)
        else:
            raw = pdu.build_data_transfer(type_, body, flags=flags, data_offset=offset, length=length)
        if self.initialized.header_digest:
            raw += crc32c(raw).to_bytes(4, "little")
        self._writer.write(raw + data + digest)

    # -- what comes back

    async def _receive(self) -> None:
        try:
            while True:
                await self._receive_pdu()
        except (asyncio.IncompleteReadError, ConnectionError, Terminated) as failure:
            for pending in self._pending.values():
                if not pending.future.done():
                    pending.future.set_exception(failure)
                    pending.future.exception()  # it may be that nobody waits for it
            raise

    async def _receive_pdu(self) -> None:
        raw = await self._reader.readexactly(8)
        header = pdu.parse_common_header(raw)
        raw += await self._reader.readexactly(header.header_bytes - 8)
        end = header.header_bytes
        if header.type == PduType.C2H_TERMINATION:
            raise Terminated(pdu.parse_termination(raw + await self._reader.readexactly(header.length - end)))
        assert bool(header.flags & pdu.FLAG_HEADER_DIGEST) == self.initialized.header_digest
        if self.initialized.header_digest:
            assert int.from_bytes(await self._reader.readexactly(4), "little") == crc32c(raw)
            end += 4
        if header.type == PduType.CAPSULE_RESPONSE:
            assert header.length == end
            self._on_response(pdu.parse_capsule_response(raw))
        elif header.type == PduType.R2T:
            self._on_r2t(pdu.parse_data_transfer(raw))
        else:
            assert header.type == PduType.C2H_DATA
            await self._on_data(header, end, pdu.parse_data_transfer(raw))

    def _on_response(self, response: pdu.CapsuleResponse) -> None:
        self.responses += 1
        self.sq_heads.append(response.sq_head)
        self._pending[response.command_id].future.set_result(response.completion)

    def _on_r2t(self, wanted: pdu.DataTransfer) -> None:
        self.r2ts.append(wanted)
        if self.hold_data:
            return
        outgoing = self._pending[wanted.command_id].outgoing
        end, step = wanted.offset + wanted.length, self.initialized.max_h2c_data_bytes
        for offset in range(wanted.offset, end, step):
            piece = outgoing[offset : min(offset + step, end)]
            last = pdu.FLAG_LAST if offset + step >= end else 0
            part = pdu.DataTransfer(wanted.command_id, wanted.transfer_tag, offset, len(piece))
            self._send(PduType.H2C_DATA, part, piece, last)

    async def _on_data(self, header: pdu.CommonHeader, end: int, part: pdu.DataTransfer) -> None:
        pending = self._pending[part.command_id]
        await self._reader.readexactly(header.data_offset - end)
        data = await self._reader.readexactly(part.length)
        assert part.offset == len(pending.incoming)
        if self.initialized.data_digest:
            assert int.from_bytes(await self._reader.readexactly(4), "little") == crc32c(data)
        pending.incoming += data
        pending.pieces += 1
        if header.flags & pdu.FLAG_SUCCESS:
            assert header.flags & pdu.FLAG_LAST
            pending.future.set_result(Completion())


def connect_command(
    queue_id: int = 0, entries: int = 32, keep_alive_ms: int = 0, attributes: int = 0, record_format: int = 0
) -> Command:
    return Command(
        AdminOpcode.FABRICS, FabricsCommandType.CONNECT, cdw10=record_format | queue_id << 16,
        cdw11=entries - 1 | attributes << 16, cdw12=keep_alive_ms,
    )  # fmt: skip


def property_get(offset: int, size: int = 4) -> Command:
    return Command(AdminOpcode.FABRICS, FabricsCommandType.PROPERTY_GET, cdw10=size == 8, cdw11=offset)


def property_set(offset: int, value: int) -> Command:
    return Command(AdminOpcode.FABRICS, FabricsCommandType.PROPERTY_SET, cdw11=offset, cdw12=value)


class Initiator:
    """A host with an admin queue and as many I/O queues as asked for."""

    def __init__(
        self, port: int, *, host_nqn: str = HOST_NQN, host_id: bytes = HOST_ID, address: str = "127.0.0.1"
    ) -> None:
        self.port = port
        self.address = address
        self.host_nqn = host_nqn
        self.host_id = host_id
        self.nqn = ""
        self.controller_id = 0
        self.queues: list[HostQueue] = []

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        for queue in self.queues:
            await queue.close()

    @property
    def admin(self) -> HostQueue:
        return self.queues[0]

    async def open(self, request: pdu.InitializeRequest | None = None) -> HostQueue:
        """One more connection, without a Connect command."""
        queue = await HostQueue.open(self.port, request, self.address)
        self.queues.append(queue)
        return queue

    def connect_data(self, nqn: str, controller_id: int = fabrics.CONTROLLER_ID_DYNAMIC) -> bytes:
        return fabrics.build_connect_data(self.host_id, controller_id, nqn, self.host_nqn)

    async def connect_admin(
        self, nqn: str, command: Command | None = None, request: pdu.InitializeRequest | None = None
    ) -> Completion:
        """An admin queue, and the answer to its Connect."""
        queue = await self.open(request)
        completion, _ = await queue.submit(command or connect_command(), self.connect_data(nqn))
        self.nqn, self.controller_id = nqn, completion.result & 0xFFFF
        return completion

    async def connect_io(self, queue_id: int = 1, entries: int = 128, attributes: int = 0) -> Completion:
        """An I/O queue, and the answer to its Connect."""
        queue = await self.open()
        data = self.connect_data(self.nqn, self.controller_id)
        completion, _ = await queue.submit(connect_command(queue_id, entries, attributes=attributes), data)
        return completion

    async def enable(self) -> None:
        """As a driver does: CC, then CSTS until it is ready."""
        completion, _ = await self.admin.submit(property_set(fabrics.CC, 0x46_0001))
        assert completion.status == 0
        completion, _ = await self.admin.submit(property_get(fabrics.CSTS))
        assert completion.result & fabrics.CSTS_READY

    async def connect(self, nqn: str, *, keep_alive_ms: int = 0, attributes: int = 0, io_queues: int = 1) -> None:
        """Everything up to a controller that is ready, with its I/O queues."""
        completion = await self.connect_admin(nqn, connect_command(keep_alive_ms=keep_alive_ms, attributes=attributes))
        assert completion.status == 0, hex(completion.status)
        await self.enable()
        for queue_id in range(1, io_queues + 1):
            completion = await self.connect_io(queue_id, attributes=attributes)
            assert completion.status == 0, hex(completion.status)

    async def identify_controller(self) -> bytes:
        command = Command(AdminOpcode.IDENTIFY, cdw10=IdentifyCns.CONTROLLER)
        completion, data = await self.admin.submit(command, read_bytes=IDENTIFY_BYTES)
        assert completion.status == 0
        return data
