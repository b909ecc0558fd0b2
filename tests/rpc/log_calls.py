"""What tests of logs use: the service, whole pages of a stream, and how a drive was asked."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Awaitable
from typing import TYPE_CHECKING, Any

import grpc
import pytest

from nvmed.nvme import logpage
from nvmed.nvme.logpage import LogPageRequest
from nvmed.nvme.opcodes import AdminOpcode
from nvmed.simulator.controller import Controller
from nvmed.v1 import log_pb2 as pb
from nvmed.v1.log_pb2_grpc import LogServiceStub
from tests.rpc.harness import Daemon, reason_of

if TYPE_CHECKING:
    from nvmed.v1.log_pb2_grpc import LogServiceAsyncStub


def stub(daemon: Daemon) -> LogServiceAsyncStub:
    return LogServiceStub(daemon.channel)


async def refused(call: Awaitable[Any]) -> str:
    """The reason that a call is refused with."""
    with pytest.raises(grpc.aio.AioRpcError) as failure:
        await call
    return reason_of(failure.value)


def reads(drive: Controller, lid: int) -> list[LogPageRequest]:
    """How a log page was read."""
    asked = [logpage.decode(command) for command in drive.journal.commands(opcode=AdminOpcode.GET_LOG_PAGE)]
    return [request for request in asked if request.lid == lid]


async def read_page(daemon: Daemon, **fields: Any) -> bytes:
    """A page by ReadLogPage, with every promise of the stream held."""
    parts = [part async for part in stub(daemon).ReadLogPage(pb.ReadLogPageRequest(controller="nvme0", **fields))]
    header, *chunks, trailer = parts
    data = bytearray()
    for part in chunks:
        assert part.chunk.offset == header.header.offset_bytes + len(data)
        assert part.chunk.crc32 == zlib.crc32(part.chunk.data)
        data += part.chunk.data
    assert len(data) == header.header.length_bytes == trailer.trailer.length_bytes
    assert trailer.trailer.sha256 == hashlib.sha256(data).digest()
    return bytes(data)


async def read_refused(daemon: Daemon, **fields: Any) -> str:
    return await refused(read_page(daemon, **fields))
