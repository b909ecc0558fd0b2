"""A bad connection: a TCP proxy that breaks off in the middle of long answers."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

PIECE_BYTES = 16 << 10


@dataclass(slots=True)
class CuttingProxy:
    """A way to `host:port`. The first connection that has carried `cuts[0]` bytes of answers breaks, then the first
    that has carried `cuts[1]`, until none is left; one that carries less is let be.
    """

    host: str
    port: int
    cuts: list[int]
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    @contextlib.asynccontextmanager
    async def listening(self) -> AsyncIterator[str]:
        """Serve on a loopback port; yields the address."""
        server = await asyncio.start_server(self._connected, "127.0.0.1")
        async with server:
            yield f"localhost:{server.sockets[0].getsockname()[1]}"
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._serve(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Carry both ways until one side is gone or a cut is due; then both go, without a goodbye."""
        writers = [writer]
        try:
            far_reader, far_writer = await asyncio.open_connection(self.host, self.port)
            writers.append(far_writer)
            async with asyncio.TaskGroup() as group:
                group.create_task(self._carry(reader, far_writer, cuts=[]))
                group.create_task(self._carry(far_reader, writer, self.cuts))
        except* ConnectionError:
            pass
        finally:
            for one in writers:
                one.transport.abort()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, cuts: list[int]) -> None:
        carried = 0
        while data := await reader.read(PIECE_BYTES):
            carried += len(data)
            if cuts and carried >= cuts[0]:
                cuts.pop(0)
                break
            writer.write(data)
            await writer.drain()
        raise ConnectionResetError
