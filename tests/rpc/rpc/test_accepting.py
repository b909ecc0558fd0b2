"""Calls that gRPC's own Python would not survive, on a real socket, byte by byte."""

from __future__ import annotations

import asyncio

import pytest

from nvmed.v1 import admin_pb2
from tests.rpc.harness import Daemon

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
HEADERS, DATA, SETTINGS = 1, 0, 4


def frame(kind: int, flags: int, stream: int, content: bytes) -> bytes:
    """An HTTP/2 frame (RFC 9113, section 4.1)."""
    return len(content).to_bytes(3) + bytes((kind, flags)) + stream.to_bytes(4) + content


def literal(name: bytes, value: bytes) -> bytes:
    """A header that is neither compressed nor remembered (RFC 7541, section 6.2.2)."""
    return b"\0" + bytes((len(name),)) + name + bytes((len(value),)) + value


def call(path: bytes, *more: tuple[bytes, bytes]) -> bytes:
    """A whole connection's worth of one unary call with an empty message."""
    fields = (
        (b":method", b"POST"),
        (b":scheme", b"http"),
        (b":path", path),
        (b":authority", b"x"),
        (b"content-type", b"application/grpc"),
        (b"te", b"trailers"),
        *more,
    )
    headers = b"".join(literal(*one) for one in fields)
    return PREFACE + frame(SETTINGS, 0, 0, b"") + frame(HEADERS, 4, 1, headers) + frame(DATA, 1, 1, bytes(5))


async def answered(daemon: Daemon, sent: bytes) -> bytes:
    """What the daemon answers, until it tells how the call ended."""
    reader, writer = await asyncio.open_unix_connection(daemon.address.removeprefix("unix:"))
    try:
        writer.write(sent)
        received = b""
        while b"grpc-status" not in received and (some := await reader.read(4096)):
            received += some
        return received
    finally:
        writer.close()
        await writer.wait_closed()


@pytest.mark.parametrize("path", [b"/\xff\xfe/x", b"/nvmed.v1.AdminService/\xc3", b"\xff" * 100, b"/\0/x"])
async def test_a_path_that_is_no_text_ends_its_own_call_alone(daemon: Daemon, path: bytes) -> None:
    for _ in range(3):
        assert b"grpc-status\x0212" in await answered(daemon, call(path))
    assert (await daemon.admin.GetServerInfo(admin_pb2.GetServerInfoRequest())).simulated


@pytest.mark.parametrize(
    "header",
    [
        (b"x-a", b"\xff\xfe"),
        (b"x-a-bin", b"!!"),
        (b"grpc-encoding", b"unheard-of"),
        (b"grpc-timeout", b"soon"),
        (b"X-Upper", b"a"),
        (b"content-length", b"-1"),
    ],
)
async def test_nor_does_metadata_that_is_wrong(daemon: Daemon, header: tuple[bytes, bytes]) -> None:
    await answered(daemon, call(b"/nvmed.v1.AdminService/GetServerInfo", header))
    assert (await daemon.admin.GetServerInfo(admin_pb2.GetServerInfoRequest())).simulated
