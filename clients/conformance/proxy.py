"""A bad line: a TCP proxy that breaks in the middle of long answers or long requests, and whenever it is told to."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

PIECE_BYTES = 16 << 10


@dataclass(slots=True)
class Way:
    """One direction of a line. The first connection that has carried `cuts[0]` bytes breaks, then the first that has
    carried `cuts[1]`, until none is left; one that carries less is let be.
    """

    cuts: list[int] = field(default_factory=list)
    carried_bytes: int = 0


@dataclass(slots=True)
class BadLine:
    """A way to `host:port`, which is cut by what it carries and by `break_off`."""

    host: str
    port: int
    requests: Way = field(default_factory=Way)
    answers: Way = field(default_factory=Way)
    is_broken: bool = False
    """Whether nobody gets through: who connects is cut off at once."""
    address: str = ""
    _carried_at: float = 0.0
    _writers: set[asyncio.StreamWriter] = field(default_factory=set)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    @contextlib.asynccontextmanager
    async def listening(self) -> AsyncIterator[BadLine]:
        """Serve on a loopback port inside: `address`."""
        server = await asyncio.start_server(self._connected, "127.0.0.1")
        async with server:
            self.address = f"localhost:{server.sockets[0].getsockname()[1]}"
            yield self
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    @property
    def quiet_s(self) -> float:
        """How long nothing has been carried, with somebody connected; 0 without."""
        return time.monotonic() - self._carried_at if self._writers else 0.0

    def break_off(self) -> None:
        """Cut every connection, without a goodbye."""
        for writer in tuple(self._writers):
            writer.transport.abort()

    def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._serve(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Carry both ways until one side is gone or a cut is due; then both go."""
        if self.is_broken:
            writer.transport.abort()
            return
        writers = {writer}
        try:
            far_reader, far_writer = await asyncio.open_connection(self.host, self.port)
            writers.add(far_writer)
            self._writers |= writers
            self._carried_at = time.monotonic()
            async with asyncio.TaskGroup() as group:
                group.create_task(self._carry(reader, far_writer, self.requests))
                group.create_task(self._carry(far_reader, writer, self.answers))
        except* ConnectionError:
            pass
        finally:
            self._writers -= writers
            for one in writers:
                one.transport.abort()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, way: Way) -> None:
        carried = 0
        while data := await reader.read(PIECE_BYTES):
            carried += len(data)
            if way.cuts and carried >= way.cuts[0]:
                way.cuts.pop(0)
                break
            writer.write(data)
            await writer.drain()
            way.carried_bytes += len(data)
            self._carried_at = time.monotonic()
        raise ConnectionResetError
