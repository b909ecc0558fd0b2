"""One TCP connection of a host: the PDUs of one queue (NVMe TCP Transport Specification 1.0, chapter 3).

One task reads PDUs; every command is a task of its own, so that a slow one delays no other. A protocol error is
answered with a termination request and ends the connection, as the specification asks (section 3.5).
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Protocol

import structlog

from nvmed.nvme.opcodes import AdminOpcode, FabricsCommandType
from nvmed.nvme.transport import Command, Completion
from nvmed.simulator.nvme_tcp import pdu
from nvmed.simulator.nvme_tcp.association import Association
from nvmed.simulator.nvme_tcp.digest import crc32c
from nvmed.simulator.nvme_tcp.fabrics import Connect, ConnectRefused, Status, parse_connect, refusal
from nvmed.simulator.nvme_tcp.limits import ADMIN_IN_CAPSULE_BYTES, Limits
from nvmed.simulator.nvme_tcp.pdu import FatalError, MalformedPdu, PduType
from nvmed.simulator.nvme_tcp.stream import Bytes, Stream

log = structlog.get_logger(__name__)


class Broker(Protocol):
    """Finds what a Connect asks for."""

    def connect(self, queue: Connection, connect: Connect) -> Association:
        """The association this queue belongs to from now on; `ConnectRefused` where there is none."""
        ...


@dataclass(slots=True, eq=False)
class Transfer:
    """A command whose data is on its way in H2CData PDUs: `data` is room for all of it, `done` how much is there."""

    association: Association
    capsule: pdu.CapsuleCommand
    data: memoryview
    done: int = 0
    damaged: bool = False


class Connection:
    """Serves one socket until it ends; `run` is the whole life of it."""

    def __init__(self, stream: Stream, broker: Broker, limits: Limits) -> None:
        self.stream = stream
        self._broker = broker
        self._limits = limits
        self._association: Association | None = None
        self._queue_id = 0
        self._queue_entries = 1
        self._sq_head: int | None = 0
        """None where the host switched flow control off."""
        self._header_digest = self._data_digest = False
        self._alignment = 4
        self._tasks: set[asyncio.Task[None]] = set()
        self._commands: set[int] = set()
        self._transfers: dict[int, Transfer] = {}
        self._reader: asyncio.Task[None] | None = None
        self._raw_header = b""

    # -- life

    async def run(self) -> None:
        """Serve until the host leaves, breaks the protocol, or `drop`; never raises for what a host does."""
        self._reader = asyncio.current_task()
        try:
            async with asyncio.timeout(self._limits.handshake_timeout_s):
                await self._initialize()
                while self._association is None:
                    await self._read_pdu()
            while True:
                await self._read_pdu()
        except MalformedPdu as reason:
            log.warning("nvme_tcp.protocol_error", queue_id=self._queue_id, reason=str(reason))
            await self._terminate(reason)
        except (EOFError, OSError, TimeoutError):
            pass
        finally:
            self._reader = None
            await self._end()

    def drop(self) -> None:
        """End the connection from outside; `run` returns soon."""
        if self._reader is not None:
            self._reader.cancel()

    async def _end(self) -> None:
        try:
            if self._association is not None:
                self._association.remove(self._queue_id, self)
            for task in self._tasks:
                task.cancel()
            if self._tasks:
                await asyncio.wait(self._tasks)
        finally:
            self.stream.close()

    async def _terminate(self, reason: MalformedPdu) -> None:
        """Say why, and let the host hang up first: closing with input unread would throw the reason away."""
        termination = pdu.Termination(reason.status, reason.information, self._raw_header)
        try:
            async with asyncio.timeout(self._limits.termination_timeout_s):
                await self.stream.send(pdu.build_termination(PduType.C2H_TERMINATION, termination))
                await self.stream.drain_input()
        except (OSError, TimeoutError):
            pass

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # -- reading

    async def _initialize(self) -> None:
        header = await self._read_header()
        if header.type != PduType.IC_REQUEST:
            raise MalformedPdu(FatalError.PDU_SEQUENCE_ERROR)
        request = pdu.parse_initialize_request(self._raw_header)
        response = pdu.InitializeResponse(
            header_digest=request.header_digest,
            data_digest=request.data_digest,
            max_h2c_data_bytes=self._limits.max_h2c_data_bytes,
        )
        await self.stream.send(pdu.build_initialize_response(response))
        self._header_digest, self._data_digest = request.header_digest, request.data_digest
        self._alignment = (request.data_alignment + 1) * 4

    async def _read_header(self) -> pdu.CommonHeader:
        """Read and check a header of any type; its bytes stay in `_raw_header`."""
        self._raw_header = await self.stream.read(pdu.COMMON_HEADER_BYTES)
        header = pdu.parse_common_header(self._raw_header)
        self._raw_header += await self.stream.read(header.header_bytes - pdu.COMMON_HEADER_BYTES)
        if header.type in pdu.UNDIGESTED:
            return header
        if bool(header.flags & pdu.FLAG_HEADER_DIGEST) != self._header_digest:
            raise MalformedPdu(FatalError.INVALID_HEADER_FIELD, 1)
        if self._header_digest:
            digest = int.from_bytes(await self.stream.read(pdu.DIGEST_BYTES), "little")
            if digest != crc32c(self._raw_header):
                raise MalformedPdu(FatalError.HEADER_DIGEST_ERROR, digest)
        return header

    def _data_bytes(self, header: pdu.CommonHeader) -> int:
        """How much data the PDU carries, by its own account."""
        around = header.header_bytes + (pdu.DIGEST_BYTES if self._header_digest else 0)
        if not header.data_offset:
            if header.length != around:
                raise MalformedPdu(FatalError.INVALID_HEADER_FIELD, 4)
            return 0
        if header.data_offset < around:
            raise MalformedPdu(FatalError.INVALID_HEADER_FIELD, 3)
        if bool(header.flags & pdu.FLAG_DATA_DIGEST) != self._data_digest:
            raise MalformedPdu(FatalError.INVALID_HEADER_FIELD, 1)
        length = header.length - header.data_offset - (pdu.DIGEST_BYTES if self._data_digest else 0)
        if length < 0:
            raise MalformedPdu(FatalError.INVALID_HEADER_FIELD, 4)
        return length

    async def _read_data(self, header: pdu.CommonHeader, view: memoryview) -> bool:
        """Read padding, data (all of `view`) and its digest; says whether that is right."""
        if not header.data_offset:
            return True
        around = header.header_bytes + (pdu.DIGEST_BYTES if self._header_digest else 0)
        await self.stream.read(header.data_offset - around)
        await self.stream.read_into(view)
        if not self._data_digest:
            return True
        return int.from_bytes(await self.stream.read(pdu.DIGEST_BYTES), "little") == crc32c(view)

    async def _read_pdu(self) -> None:
        header = await self._read_header()
        if header.type == PduType.CAPSULE_COMMAND:
            await self._on_command(header)
        elif header.type == PduType.H2C_DATA:
            await self._on_data(header)
        elif header.type == PduType.H2C_TERMINATION:
            log.warning("nvme_tcp.terminated_by_host", **_termination_log(self._raw_header))
            raise EOFError
        else:
            raise MalformedPdu(FatalError.PDU_SEQUENCE_ERROR)

    async def _on_command(self, header: pdu.CommonHeader) -> None:
        capsule = pdu.parse_capsule_command(self._raw_header)
        length = self._data_bytes(header)
        if length > max(ADMIN_IN_CAPSULE_BYTES, self._limits.in_capsule_bytes):
            raise MalformedPdu(FatalError.DATA_TRANSFER_LIMIT_EXCEEDED)
        in_capsule = memoryview(bytearray(length))
        intact = await self._read_data(header, in_capsule)
        if capsule.command_id in self._commands:
            await self._answer(capsule.command_id, refusal(Status.COMMAND_ID_CONFLICT))
            return
        if len(self._commands) >= self._queue_entries:
            raise MalformedPdu(FatalError.PDU_SEQUENCE_ERROR)
        self._commands.add(capsule.command_id)
        status = self._check(capsule, length) if intact else Status.TRANSIENT_TRANSPORT_ERROR
        if status is not None:
            await self._answer(capsule.command_id, refusal(status, retry=not intact))
        elif self._association is None:
            await self._answer(capsule.command_id, self._connect(capsule, in_capsule))
        else:
            self._association.heard()
            await self._begin(self._association, capsule, in_capsule)

    def _check(self, capsule: pdu.CapsuleCommand, in_capsule_bytes: int) -> Status | None:
        """What is wrong with where a command's data is said to be (Base 2.0, section 4.1.2.1; TCP, section 3.3.2)."""
        data = capsule.data
        if capsule.sgl_selector != 1:
            return Status.INVALID_FIELD
        if data.kind == pdu.SGL_IN_CAPSULE:
            if data.offset > in_capsule_bytes:
                return Status.SGL_OFFSET_INVALID
            if data.offset + data.length > in_capsule_bytes or not pdu.is_from_host(capsule.command):
                return Status.DATA_LENGTH_INVALID
        elif data.kind != pdu.SGL_TRANSPORT:
            return Status.SGL_TYPE_INVALID
        elif data.length > self._limits.max_transfer_bytes:
            return Status.DATA_LENGTH_INVALID
        return None

    def _connect(self, capsule: pdu.CapsuleCommand, in_capsule: memoryview) -> Completion:
        """The only command there is on a new connection."""
        command, where = capsule.command, capsule.data
        if command.opcode != AdminOpcode.FABRICS or command.nsid & 0xFF != FabricsCommandType.CONNECT:
            return refusal(Status.COMMAND_SEQUENCE_ERROR)
        try:
            data = in_capsule[where.offset : where.offset + where.length]
            connect = parse_connect(command, data, self._limits.queue_entries)
            self._association = self._broker.connect(self, connect)
        except ConnectRefused as reason:
            return reason.completion
        self._queue_id = connect.queue_id
        self._queue_entries = connect.queue_entries
        self._sq_head = 0 if connect.flow_control else None
        return Completion(0, self._association.controller.controller_id)

    async def _begin(self, association: Association, capsule: pdu.CapsuleCommand, in_capsule: memoryview) -> None:
        """Execute a command that has its data, or ask for the data."""
        where = capsule.data
        if where.kind == pdu.SGL_IN_CAPSULE:
            self._spawn(self._execute(association, capsule, in_capsule[where.offset : where.offset + where.length]))
        elif not where.length:
            self._spawn(self._execute(association, capsule, None))
        elif not pdu.is_from_host(capsule.command):
            self._spawn(self._execute(association, capsule, memoryview(bytearray(where.length))))
        else:
            self._transfers[capsule.command_id] = Transfer(association, capsule, memoryview(bytearray(where.length)))
            wanted = pdu.DataTransfer(capsule.command_id, capsule.command_id, 0, where.length)
            await self.stream.send(*self._header(PduType.R2T, wanted))

    async def _on_data(self, header: pdu.CommonHeader) -> None:
        """H2CData: in order, of a transfer that was asked for, and no larger than MAXH2CDATA."""
        part = pdu.parse_data_transfer(self._raw_header)
        transfer = self._transfers.get(part.transfer_tag)
        if transfer is None or transfer.capsule.command_id != part.command_id:
            raise MalformedPdu(FatalError.INVALID_HEADER_FIELD, 8 if transfer else 10)
        if part.offset != transfer.done or part.offset + part.length > len(transfer.data):
            raise MalformedPdu(FatalError.DATA_TRANSFER_OUT_OF_RANGE, 12)
        if part.length > self._limits.max_h2c_data_bytes:
            raise MalformedPdu(FatalError.DATA_TRANSFER_LIMIT_EXCEEDED)
        if not part.length or self._data_bytes(header) != part.length:
            raise MalformedPdu(FatalError.INVALID_HEADER_FIELD, 16)
        end = part.offset + part.length
        if bool(header.flags & pdu.FLAG_LAST) != (end == len(transfer.data)):
            raise MalformedPdu(FatalError.INVALID_HEADER_FIELD, 1)
        transfer.damaged |= not await self._read_data(header, transfer.data[part.offset : end])
        transfer.done = end
        if end < len(transfer.data):
            await asyncio.sleep(0)  # a host that never lets the socket run empty must not keep others waiting
            return
        del self._transfers[part.transfer_tag]
        if transfer.damaged:
            await self._answer(part.command_id, refusal(Status.TRANSIENT_TRANSPORT_ERROR, retry=True))
        else:
            self._spawn(self._execute(transfer.association, transfer.capsule, transfer.data))

    # -- answering

    async def _execute(self, association: Association, capsule: pdu.CapsuleCommand, data: memoryview | None) -> None:
        """Have the association execute a command, and answer it unless that is put off."""
        command = capsule.command
        try:
            if self._queue_id == 0:
                completion = await association.admin(capsule.command_id, command, data)
            else:
                completion = await association.io(self._queue_id, command, data)
        except Exception:  # a bug in the controller must not look like a network failure
            log.exception("nvme_tcp.command_failed", opcode=command.opcode, queue_id=self._queue_id)
            completion = refusal(Status.INTERNAL_ERROR)
        if completion is None:
            return
        await self._respond(capsule.command_id, completion, data if pdu.is_to_host(command) else None)
        if _disconnects(command) and not completion.status:
            self.drop()

    def complete(self, command_id: int, completion: Completion) -> None:
        """Answer a command whose answer was put off."""
        self._spawn(self._respond(command_id, completion))

    def forget(self, command_id: int) -> None:
        """Never answer a command whose answer was put off: its identifier is free again."""
        self._commands.discard(command_id)

    async def _respond(self, command_id: int, completion: Completion, data: memoryview | None = None) -> None:
        try:
            await self._answer(command_id, completion, data)
        except OSError:
            self.drop()

    async def _answer(self, command_id: int, completion: Completion, data: memoryview | None = None) -> None:
        """Send the data of a successful read, and the completion, in one go."""
        parts: list[Bytes] = []
        implied = False
        if data is not None and not completion.status:
            implied = self._sq_head is None and not completion.result
            parts = self._data_parts(command_id, data, implied)
        self._commands.discard(command_id)
        if not implied:
            response = pdu.CapsuleResponse(completion, command_id, self._advance())
            parts += self._header(PduType.CAPSULE_RESPONSE, response)
        await self.stream.send(*parts)

    def _advance(self) -> int:
        """The submission queue head after one more command was taken off it."""
        if self._sq_head is None:
            return 0xFFFF
        self._sq_head = (self._sq_head + 1) % self._queue_entries
        return self._sq_head

    def _data_parts(self, command_id: int, data: memoryview, implied: bool) -> list[Bytes]:
        """C2HData PDUs; `implied` lets the last stand for a successful completion (SUCCESS)."""
        parts: list[Bytes] = []
        step = self._limits.max_c2h_data_bytes
        for offset in range(0, len(data), step):
            piece = data[offset : offset + step]
            last = offset + step >= len(data)
            flags = pdu.FLAG_LAST | (pdu.FLAG_SUCCESS if implied else 0) if last else 0
            part = pdu.DataTransfer(command_id, 0, offset, len(piece))
            parts += self._header(PduType.C2H_DATA, part, flags=flags, data_bytes=len(piece))
            parts.append(piece)
            if self._data_digest:
                parts.append(crc32c(piece).to_bytes(4, "little"))
        return parts

    def _header(
        self, type_: PduType, body: pdu.DataTransfer | pdu.CapsuleResponse, *, flags: int = 0, data_bytes: int = 0
    ) -> list[Bytes]:
        """A header with its digest, and the padding in front of the data if there is any."""
        end = pdu.HEADER_BYTES[type_]
        if self._header_digest:
            flags |= pdu.FLAG_HEADER_DIGEST
            end += pdu.DIGEST_BYTES
        offset, length = 0, end
        if data_bytes:
            offset = -(-end // self._alignment) * self._alignment
            length = offset + data_bytes
            if self._data_digest:
                flags |= pdu.FLAG_DATA_DIGEST
                length += pdu.DIGEST_BYTES
        if isinstance(body, pdu.CapsuleResponse):
            raw = pdu.build_capsule_response(body, flags=flags, length=length)
        else:
            raw = pdu.build_data_transfer(type_, body, flags=flags, data_offset=offset, length=length)
        digest = [crc32c(raw).to_bytes(4, "little")] if self._header_digest else []
        padding = [bytes(offset - end)] if offset > end else []
        return [raw, *digest, *padding]


def _termination_log(raw: bytes) -> dict[str, int]:
    termination = pdu.parse_termination(raw)
    return {"status": termination.status, "information": termination.information}


def _disconnects(command: Command) -> bool:
    return command.opcode == AdminOpcode.FABRICS and command.nsid & 0xFF == FabricsCommandType.DISCONNECT
