"""`GET /metrics` over HTTP/1.1, on a listener of its own: a loopback address or a unix socket.

Just what a scraper sends is understood; a connection serves one request, and one that takes long or much is closed.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from nvmed import config
from nvmed.reasons import Reason, error
from nvmed.rpc.listeners import unix_socket
from nvmed.rpc.metrics import CONTENT_TYPE

REQUEST_BYTES_MAX: Final = 8192
REQUEST_S_MAX: Final = 10.0
CONNECTIONS_MAX: Final = 16

_HEAD: Final = "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {size}\r\nConnection: close\r\n{more}\r\n"


@asynccontextmanager
async def metrics_listener(configured: config.Metrics, exposition: Callable[[], bytes]) -> AsyncIterator[str]:
    """Serve `exposition` inside; yields the address."""
    answering: set[asyncio.StreamWriter] = set()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        answering.add(writer)
        try:
            if len(answering) <= CONNECTIONS_MAX:
                async with asyncio.timeout(REQUEST_S_MAX):
                    writer.writelines(_answer(await _request(reader), exposition))
                    await writer.drain()
        except (OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass  # its own fault: it may ask again
        finally:
            answering.discard(writer)
            writer.close()

    listening, address = _listening(configured)
    server = await asyncio.start_server(connected, sock=listening, limit=REQUEST_BYTES_MAX)
    try:
        yield address
    finally:
        server.close()
        for writer in tuple(answering):
            writer.close()
        _remove(address)


def _listening(configured: config.Metrics) -> tuple[socket.socket, str]:
    """The socket that the configuration names, and its address with the port it got; raises ADDRESS_IN_USE."""
    if configured.address.startswith("unix:"):
        path = configured.address.removeprefix("unix:")
        mode = "0660" if configured.group else "0600"
        return unix_socket(config.UnixListener(path=path, mode=mode, group=configured.group)), configured.address
    parts = config.host_and_port(configured.address)
    assert parts is not None, "checked with the configuration"  # noqa: S101
    family = socket.AF_INET6 if ":" in parts[0] else socket.AF_INET
    try:
        listening = socket.create_server(parts, family=family)
    except OSError as exc:
        raise error(
            Reason.ADDRESS_IN_USE,
            f"{configured.address} cannot be listened on: {exc.strerror}",
            address=configured.address,
        ) from None
    return listening, f"{configured.address.rpartition(':')[0]}:{listening.getsockname()[1]}"


def _remove(address: str) -> None:
    if address.startswith("unix:"):
        Path(address.removeprefix("unix:")).unlink(missing_ok=True)


async def _request(reader: asyncio.StreamReader) -> str:
    """The request line; what follows it is read and means nothing."""
    head = await reader.readuntil(b"\r\n\r\n")
    return head.split(b"\r\n", 1)[0].decode("latin-1")


def _answer(request: str, exposition: Callable[[], bytes]) -> tuple[bytes, bytes]:
    """Head and body of the answer."""
    status, body, kind, more = "200 OK", b"", CONTENT_TYPE, ""
    method, _, rest = request.partition(" ")
    path = rest.partition(" ")[0].partition("?")[0]
    if path != "/metrics":
        status, body, kind = "404 Not Found", b"there is only /metrics\n", "text/plain; charset=utf-8"
    elif method not in ("GET", "HEAD"):
        status, more = "405 Method Not Allowed", "Allow: GET, HEAD\r\n"
    else:
        body = exposition()
    head = _HEAD.format(status=status, kind=kind, size=len(body), more=more)
    return head.encode(), b"" if method == "HEAD" else body
