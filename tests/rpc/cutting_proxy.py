"""A bad connection: a proxy that breaks off in the middle of answers."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path

KIB = 1024


@dataclass
class CuttingProxy:
    """A way to a daemon on which each connection breaks after so many bytes of answers, until `cuts` is empty."""

    target: Path
    cuts: list[int]
    on_cut: Callable[[], object] = lambda: None
    connections: int = 0
    _open: dict[asyncio.Task[None], tuple[asyncio.StreamWriter, asyncio.StreamWriter]] = field(default_factory=dict)

    @contextlib.asynccontextmanager
    async def listening(self, unix: Path | None = None) -> AsyncIterator[str]:
        """Serve on a socket, or on a loopback port; yields the address."""
        if unix:
            server = await asyncio.start_unix_server(self._connected, unix)
            address = f"unix:{unix}"
        else:
            server = await asyncio.start_server(self._connected, "127.0.0.1")
            address = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
        async with server:
            yield address
        connections = dict(self._open)
        for writers in connections.values():
            _break(*writers)
        await asyncio.gather(*connections)

    async def _connected(self, near: asyncio.StreamReader, near_writer: asyncio.StreamWriter) -> None:
        left = self.cuts.pop(0) if self.cuts else None
        self.connections += 1
        try:
            far, far_writer = await asyncio.open_unix_connection(self.target)
        except OSError:  # nobody serves there now
            _break(near_writer)
            return
        task = asyncio.current_task()
        assert task
        self._open[task] = near_writer, far_writer
        upstream = asyncio.create_task(self._pump(near, far_writer, None))
        await self._pump(far, near_writer, left)
        _break(near_writer, far_writer)
        await upstream
        del self._open[task]

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, left: int | None) -> None:
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(16 * KIB if left is None else min(left, 16 * KIB)):
                writer.write(data)
                await writer.drain()
                if left is not None and not (left := left - len(data)):
                    self.on_cut()
                    return


def _break(*writers: asyncio.StreamWriter) -> None:
    for writer in writers:
        writer.transport.abort()
