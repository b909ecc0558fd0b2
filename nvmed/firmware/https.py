"""One GET over HTTPS: the least that fetching an image takes.

No redirect is followed, no proxy is used, no cookie is kept, nothing is decompressed. The address is the caller's, who
has looked at it; the certificate must be for the name.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

import h11

from nvmed.firmware.fetch_urls import Location

HEADERS_BYTES_MAX: Final = 32 << 10
READ_BYTES: Final = 256 << 10


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server answers: the header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: AsyncGenerator[bytes, None]

    @property
    def is_whole(self) -> bool:
        """Whether the answer says where it ends, so that a body that was read to its end was not cut."""
        return "content-length" in self.headers or "transfer-encoding" in self.headers


class Broken(Exception):
    """An exchange that failed in a way that may pass."""


class Untrusted(Exception):
    """The server's certificate is not good for the host."""


@asynccontextmanager
async def get(
    location: Location, addresses: Sequence[str], context: ssl.SSLContext, *, offset: int, stall_timeout_s: float
) -> AsyncIterator[Answer]:
    """Ask the server at one of `addresses` for `location` from byte `offset` on.

    Raises `Broken`, also out of the answer's body and if nothing comes for `stall_timeout_s`, and `Untrusted`.
    """
    reader, writer = await _connected(location, addresses, context, stall_timeout_s)
    try:
        connection = h11.Connection(h11.CLIENT, max_incomplete_event_size=HEADERS_BYTES_MAX)
        sent = (connection.send(_request(location, offset)), connection.send(h11.EndOfMessage()))
        writer.write(b"".join(data for data in sent if data))
        async with aclosing(_events(connection, reader, stall_timeout_s)) as events:
            response = await _response(events)
            headers = {name.decode("ascii"): value.decode("latin-1") for name, value in response.headers}
            async with aclosing(_body(events)) as body:
                yield Answer(response.status_code, headers, body)
    finally:
        writer.transport.abort()  # not closed: that would wait for the server's part


async def _connected(
    location: Location, addresses: Sequence[str], context: ssl.SSLContext, stall_timeout_s: float
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A connection to the first address that takes one; a certificate that is wrong ends the search."""
    why = "there is no address"
    for address in addresses:
        try:
            async with asyncio.timeout(stall_timeout_s):
                return await asyncio.open_connection(
                    address, location.port, ssl=context, server_hostname=location.host, limit=READ_BYTES
                )
        except ssl.SSLCertVerificationError as exc:
            raise Untrusted(exc.verify_message) from None
        except TimeoutError:
            why = f"no connection to {address} in {stall_timeout_s:g} s"
        except OSError as exc:
            why = f"no connection to {address}: {exc.strerror or exc}"
    raise Broken(why)


def _request(location: Location, offset: int) -> h11.Request:
    headers = [
        ("host", location.authority),
        ("user-agent", "nvmed"),
        ("accept-encoding", "identity"),
        ("connection", "close"),
    ]
    if offset:
        headers.append(("range", f"bytes={offset}-"))
    return h11.Request(method="GET", target=location.target, headers=headers)


async def _events(
    connection: h11.Connection, reader: asyncio.StreamReader, stall_timeout_s: float
) -> AsyncGenerator[Any, None]:
    """What arrives, up to the end of the answer."""
    while True:
        try:
            event = connection.next_event()
            if event is h11.NEED_DATA:
                async with asyncio.timeout(stall_timeout_s):
                    connection.receive_data(await reader.read(READ_BYTES))
                continue
        except TimeoutError:
            raise Broken(f"nothing came for {stall_timeout_s:g} s") from None
        except OSError as exc:
            raise Broken(f"the connection broke: {exc.strerror or exc}") from None
        except h11.ProtocolError as exc:
            raise Broken(f"the answer is cut or no HTTP: {exc}") from None
        if isinstance(event, h11.ConnectionClosed):
            raise Broken("the connection ended without an answer")
        yield event
        if isinstance(event, h11.EndOfMessage):
            return


async def _response(events: AsyncGenerator[Any, None]) -> h11.Response:
    async for event in events:
        if isinstance(event, h11.Response):
            return event
    raise Broken("the connection ended without an answer")


async def _body(events: AsyncGenerator[Any, None]) -> AsyncGenerator[bytes, None]:
    async for event in events:
        if isinstance(event, h11.Data):
            yield bytes(event.data)
