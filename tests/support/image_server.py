"""An HTTPS server for images that can do what a bad one does: cut, stall, redirect, refuse, lie."""

from __future__ import annotations

import asyncio
import re
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from nvmed.security.dev_ca import SERVER, Pair, alternative, issue, make_authority

PIECE_BYTES = 16 << 10

Answer = Callable[["Exchange"], Awaitable[None]]


@dataclass
class Exchange:
    """One request, and the way back."""

    target: str
    headers: dict[str, str]
    writer: asyncio.StreamWriter

    @property
    def offset(self) -> int:
        """Where the range begins that is asked for; 0 for all."""
        found = re.fullmatch(r"bytes=(\d+)-", self.headers.get("range", ""))
        return int(found[1]) if found else 0

    async def send(self, status: int, body: bytes = b"", **headers: str) -> None:
        """Answer; `headers` with underscores for hyphens, Content-Length unless it is named."""
        headers.setdefault("content_length", str(len(body)))
        lines = [
            f"HTTP/1.1 {status} X",
            *(f"{name.replace('_', '-')}: {text}" for name, text in headers.items() if text),
        ]
        self.writer.write("\r\n".join([*lines, "", ""]).encode())
        for start in range(0, len(body), PIECE_BYTES):
            self.writer.write(body[start : start + PIECE_BYTES])
            await self.writer.drain()
        await self.writer.drain()


def serves(data: bytes) -> Answer:
    """As a good server does."""

    async def answer(exchange: Exchange) -> None:
        if start := exchange.offset:
            content_range = f"bytes {start}-{len(data) - 1}/{len(data)}"
            await exchange.send(206, data[start:], content_range=content_range)
        else:
            await exchange.send(200, data)

    return answer


def cuts(data: bytes, after_bytes: int) -> Answer:
    """Ends each connection after so many bytes, though it announced the rest."""

    async def answer(exchange: Exchange) -> None:
        rest = data[exchange.offset :]
        status, last = (206 if exchange.offset else 200), len(data) - 1
        content_range = f"bytes {exchange.offset}-{last}/{len(data)}" if exchange.offset else ""
        await exchange.send(status, rest[:after_bytes], content_length=str(len(rest)), content_range=content_range)

    return answer


def ignores_ranges(data: bytes, after_bytes: list[int]) -> Answer:
    """Begins at the beginning whatever is asked for, and is cut after so many bytes, once for each."""

    async def answer(exchange: Exchange) -> None:
        end = after_bytes.pop(0) if after_bytes else len(data)
        await exchange.send(200, data[:end], content_length=str(len(data)))

    return answer


def says(status: int, body: bytes = b"", **headers: str) -> Answer:
    """Always that."""

    async def answer(exchange: Exchange) -> None:
        await exchange.send(status, body, **headers)

    return answer


def redirects(target: str, status: int = 302) -> Answer:
    """To somewhere else."""
    return says(status, location=target)


def stalls(data: bytes, after_bytes: int, reached: asyncio.Event) -> Answer:
    """Sends so many bytes and then nothing, until the client has gone."""

    async def answer(exchange: Exchange) -> None:
        await exchange.send(200, data[:after_bytes], content_length=str(len(data)))
        reached.set()
        await exchange.writer.wait_closed()

    return answer


@dataclass
class ImageServer:
    """A running server; `answers` by path, and what it was asked for."""

    folder: Path
    authority: Pair = field(default_factory=make_authority)
    answers: dict[str, Answer] = field(default_factory=dict)
    asked: list[tuple[str, int]] = field(default_factory=list)
    """(target, offset) of each request."""
    port: int = 0

    @property
    def root(self) -> str:
        """The URL of everything on it."""
        return f"https://localhost:{self.port}/"

    @property
    def ca(self) -> str:
        """The file that clients trust."""
        return str(self.folder / "ca.pem")

    @asynccontextmanager
    async def serving(self, *names: str) -> AsyncIterator[ImageServer]:
        """Serve inside, with a certificate for `names`, localhost if there are none."""
        self.folder.mkdir()
        self.authority.write(self.folder, "ca")
        names = names or ("localhost", "127.0.0.1")
        pair = issue(self.authority, "server", [alternative(name) for name in names], [SERVER])
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(*pair.write(self.folder, "server"))
        open_connections: set[asyncio.Task[None]] = set()

        def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.ensure_future(self._connected(reader, writer))
            open_connections.add(task)
            task.add_done_callback(open_connections.discard)

        server = await asyncio.start_server(connected, "127.0.0.1", 0, ssl=context)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            for task in [*open_connections]:
                task.cancel()
            await asyncio.gather(*open_connections, return_exceptions=True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, EOFError):
            try:
                first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode().strip().split("\r\n")
                headers = dict(line.lower().split(": ", 1) for line in lines)
                exchange = Exchange(first.split(" ")[1], headers, writer)
                self.asked.append((exchange.target, exchange.offset))
                await self.answers.get(exchange.target.partition("?")[0], says(404))(exchange)
            finally:
                writer.close()
