"""A socket's bytes: exact reads without an intermediate copy of large data, gathered writes.

asyncio's own streams copy every write that the socket does not take at once and every read twice; a telemetry log
of 1 MiB per command makes that the largest cost of the target.
"""

from __future__ import annotations

import asyncio
import socket
from typing import TypeAlias

Bytes: TypeAlias = bytes | bytearray | memoryview

BUFFER_BYTES = 64 * 1024


class Stream:
    """One connected, non-blocking socket, read by one task and written by several, one `send` at a time."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._loop = asyncio.get_running_loop()
        self._buffer = memoryview(bytearray(BUFFER_BYTES))
        self._start = self._end = 0
        self._sending = asyncio.Lock()
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    async def read(self, count: int) -> bytes:
        """Exactly `count` bytes, at most `BUFFER_BYTES`; EOFError where the peer ends before."""
        if self._end - self._start < count:
            await self._fill(count)
        raw = bytes(self._buffer[self._start : self._start + count])
        self._start += count
        return raw

    async def read_into(self, view: memoryview) -> None:
        """Fill `view`, from the socket itself once the buffer is empty."""
        done = min(len(view), self._end - self._start)
        view[:done] = self._buffer[self._start : self._start + done]
        self._start += done
        while done < len(view):
            received = await self._loop.sock_recv_into(self._sock, view[done:])
            if not received:
                raise EOFError
            done += received

    async def _fill(self, count: int) -> None:
        pending = self._end - self._start
        self._buffer[:pending] = bytes(self._buffer[self._start : self._end])
        self._start, self._end = 0, pending
        while self._end < count:
            received = await self._loop.sock_recv_into(self._sock, self._buffer[self._end :])
            if not received:
                raise EOFError
            self._end += received

    async def send(self, *parts: Bytes) -> None:
        """Write all of `parts`, without anything of another `send` between them."""
        async with self._sending:
            try:
                sent = self._sock.sendmsg(parts)
            except (BlockingIOError, InterruptedError):
                sent = 0
            for part in parts:
                if sent < len(part):
                    await self._loop.sock_sendall(self._sock, memoryview(part)[sent:])
                    sent = 0
                else:
                    sent -= len(part)

    async def drain_input(self) -> None:
        """Throw away what the peer still sends, until it ends."""
        while await self._loop.sock_recv_into(self._sock, self._buffer):
            pass

    def local_address(self) -> tuple[str, int]:
        """The address and port by which the peer reached this end."""
        host, port = self._sock.getsockname()[:2]
        return host, port

    def close(self) -> None:
        """Close the socket; only once no task reads or writes it."""
        self._sock.close()
