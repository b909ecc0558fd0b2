"""FetchImage: the host fetches an image itself, from where its configuration allows, into the spool.

What arrives is an upload like any other: kept on disk up to where a connection broke, gone on from by the next attempt
or the next request, an image only if it has the size and the hash that were asked for.
"""

from __future__ import annotations

import asyncio
import re
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final
from urllib.parse import urljoin

import structlog
from isal import isal_zlib

from nvmed import config, limits
from nvmed.devices.lane import Lane
from nvmed.errors import NvmedError
from nvmed.firmware import fetch_urls, https
from nvmed.firmware.fetch_urls import Location, UrlError
from nvmed.firmware.images import fetch_result
from nvmed.firmware.spool import Spool, Writer
from nvmed.firmware.spool_files import Image
from nvmed.operations.running import Result, Running
from nvmed.reasons import Reason, error, invalid_field

REDIRECTS_MAX: Final = 5
ATTEMPTS_MAX: Final = 5
"""Attempts in a row that bring no byte."""
RETRY_S: Final = 0.5
"""Pause after the first of them, doubled after each further one."""

_RESOLVE_MS: Final = 60_000
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_PASSING: Final = frozenset({408, 425, 429, 500, 502, 503, 504})
_RANGE: Final = re.compile(r"bytes (?P<first>[0-9]{1,20})-[0-9]{1,20}/(?P<size>[0-9]{1,20}|\*)", re.ASCII)

log: Final = structlog.get_logger("nvmed.fetch")


@dataclass(frozen=True, slots=True)
class Wanted:
    """An image, where it is, and for whom it is fetched."""

    location: Location
    image: Image
    principal: str


class Fetcher:
    """Fetches images into `spool` from where `configured` allows. Belongs to one event loop.

    Raises CONFIG_INVALID, which names `source`, if the configuration cannot be used.
    """

    def __init__(self, spool: Spool, configured: config.Fetch, source: str = "configuration") -> None:
        self._spool = spool
        self._configured = configured
        self._folders = check(configured, source)
        self._turns = asyncio.Semaphore(limits.FETCHES_MAX)
        self._lane = Lane("resolver", threads=limits.FETCHES_MAX)

    def close(self) -> None:
        """Let go of the threads."""
        self._lane.close()

    def locate(self, url: str) -> Location:
        """The location of a URL that is allowed; raises INVALID_FIELD, FETCH_NOT_ALLOWED."""
        try:
            location = fetch_urls.parse(url)
        except UrlError as exc:
            raise invalid_field("url", str(exc)) from None
        self._require_allowed(location, "url")
        return location

    async def check(self, wanted: Wanted) -> Result:
        """What can be said without connecting; raises UPLOAD_BUSY, SPOOL_FULL, LIMIT_EXCEEDED."""
        if self._spool.find_image(wanted.image.sha256) is None:
            self._spool.expect(wanted.image, wanted.principal)
        return fetch_result(wanted.image, 0)

    async def fetch(self, running: Running, wanted: Wanted) -> Result:
        """Fetch the image unless it is there; raises what `check` does, FETCH_*, IMAGE_REJECTED."""
        if (present := self._spool.find_image(wanted.image.sha256)) is not None:
            return fetch_result(present, 0)
        async with running.step("fetch", cancellable=True, url=wanted.location.shown) as outcome:
            image, fetched = await running.until_stopped(self._fetch(running, wanted))
            outcome["fetched_bytes"] = fetched
        return fetch_result(image, fetched)

    async def _fetch(self, running: Running, wanted: Wanted) -> tuple[Image, int]:
        limit_s, size = self._configured.timeout_s, wanted.image.size_bytes
        received = 0
        try:
            async with (
                asyncio.timeout(limit_s),
                self._turns,
                self._spool.receive(wanted.image, wanted.principal) as writer,
            ):
                began = received = writer.committed_bytes
                context = await self._lane.run(partial(tls_context, self._configured.ca), timeout_ms=_RESOLVE_MS)
                transfer = _Transfer(self, running, wanted, writer, context)
                try:
                    await transfer.until_complete()
                finally:
                    received = writer.received_bytes
                return await writer.finish(), size - began
        except TimeoutError:
            raise _failed(wanted, f"it took longer than timeout_s, {limit_s} s", received) from None

    async def addresses(self, location: Location) -> list[str]:
        """The addresses of a host that may be connected to; raises `https.Broken`, FETCH_NOT_ALLOWED."""
        look_up = partial(socket.getaddrinfo, location.host, location.port, type=socket.SOCK_STREAM)
        try:
            found = await self._lane.run(look_up, timeout_ms=_RESOLVE_MS)
        except OSError as exc:
            raise https.Broken(f"{location.host} has no address: {exc.strerror}") from None
        except NvmedError:
            raise https.Broken(f"nobody said what the address of {location.host} is") from None
        addresses = [str(entry[4][0]) for entry in found]
        reachable = [address for address in addresses if fetch_urls.is_reachable(location.host, address)]
        if not reachable:
            raise error(
                Reason.FETCH_NOT_ALLOWED,
                f"{location.shown}: its host leads to {addresses[0]}, which is this host or a link; to allow it name "
                "the address in firmware.fetch.allow",
            )
        return reachable

    def redirected(self, location: Location, target: str) -> Location:
        """Where a server says that something is; raises FETCH_NOT_ALLOWED, FETCH_REFUSED."""
        try:
            found = fetch_urls.parse(urljoin(f"https://{location.authority}{location.target}", target))
        except (UrlError, ValueError) as exc:
            raise error(
                Reason.FETCH_NOT_ALLOWED, f"{location.shown} redirects to a URL that is not allowed: it {exc}"
            ) from None
        self._require_allowed(found, f"{location.shown} redirects")
        return found

    def _require_allowed(self, location: Location, what: str) -> None:
        if not self._folders:
            raise error(
                Reason.FETCH_NOT_ALLOWED, "nothing is fetched: firmware.fetch.allow of the configuration is empty"
            )
        if not fetch_urls.is_allowed(location, self._folders):
            raise error(
                Reason.FETCH_NOT_ALLOWED,
                f"{what}: {location.shown} is under none of the {len(self._folders)} URLs of firmware.fetch.allow",
                url=location.shown,
            )

    @property
    def stall_timeout_s(self) -> float:
        """How long a server may send nothing."""
        return self._configured.stall_timeout_s


@dataclass(slots=True)
class _Transfer:
    """One image on its way, over all of its attempts."""

    fetcher: Fetcher
    running: Running
    wanted: Wanted
    writer: Writer
    context: ssl.SSLContext

    async def until_complete(self) -> None:
        """Attempt until every byte is there; raises FETCH_FAILED, FETCH_REFUSED, FETCH_NOT_ALLOWED, IMAGE_REJECTED."""
        failures = 0
        while self.writer.received_bytes < self.wanted.image.size_bytes:
            before = self.writer.received_bytes
            try:
                await self._attempt()
            except https.Broken as exc:
                failures = 1 if self.writer.received_bytes > before else failures + 1
                log.warning("fetch_broke", url=self.wanted.location.shown, message=str(exc), failures=failures)
                if failures >= ATTEMPTS_MAX:
                    raise _failed(self.wanted, str(exc), self.writer.received_bytes) from None
                await asyncio.sleep(RETRY_S * 2 ** (failures - 1))

    async def _attempt(self) -> None:
        """One request, and where it is redirected to; raises `https.Broken` for what may pass."""
        location = self.wanted.location
        for _ in range(REDIRECTS_MAX + 1):
            async with self._answer(location) as answer:
                target = answer.headers.get("location", "")
                if answer.status not in _REDIRECTS or not target:
                    await self._receive(answer, location)
                    return
            location = self.fetcher.redirected(location, target)
        raise error(Reason.FETCH_REFUSED, f"{self.wanted.location.shown} redirects more than {REDIRECTS_MAX} times")

    @asynccontextmanager
    async def _answer(self, location: Location) -> AsyncIterator[https.Answer]:
        addresses = await self.fetcher.addresses(location)
        try:
            async with https.get(
                location,
                addresses,
                self.context,
                offset=self.writer.received_bytes,
                stall_timeout_s=self.fetcher.stall_timeout_s,
            ) as answer:
                yield answer
        except https.Untrusted as exc:
            raise error(
                Reason.FETCH_REFUSED, f"{location.shown}: the server's certificate is not trusted: {exc}"
            ) from None

    async def _receive(self, answer: https.Answer, location: Location) -> None:
        """Write what an answer brings; raises `Broken`, FETCH_REFUSED, IMAGE_REJECTED."""
        skipped = self._begins_at(answer, location)
        pending = bytearray()
        try:
            async for data in answer.body:
                skip = min(skipped, len(data))
                skipped -= skip
                pending += data[skip:]
                if self.writer.received_bytes + len(pending) > self.wanted.image.size_bytes:
                    raise self._other_size(location, "more")
                if len(pending) >= limits.CHUNK_BYTES_DEFAULT:
                    await self._write(pending)
        except https.Broken:
            await self._write(pending)
            raise
        await self._write(pending)
        if self.writer.received_bytes < self.wanted.image.size_bytes:
            if answer.is_whole:
                raise self._other_size(location, "fewer")
            raise https.Broken("the connection ended too early")

    def _begins_at(self, answer: https.Answer, location: Location) -> int:
        """How many bytes of an answer are there already; raises `Broken`, FETCH_REFUSED, IMAGE_REJECTED."""
        received, size = self.writer.received_bytes, self.wanted.image.size_bytes
        if answer.status in _PASSING:
            raise https.Broken(f"the server answers {answer.status}")
        if answer.status == 200:
            length = answer.headers.get("content-length", "")
            if length and length != str(size):
                raise self._other_size(location, length)
            return received
        found = _RANGE.fullmatch(answer.headers.get("content-range", "")) if answer.status == 206 else None
        if found and int(found["first"]) == received:
            if found["size"] not in ("*", str(size)):
                raise self._other_size(location, found["size"])
            return 0
        raise error(Reason.FETCH_REFUSED, f"{location.shown}: the server answers {answer.status}{_wanted(received)}")

    async def _write(self, pending: bytearray) -> None:
        """Write what has arrived, and forget it."""
        for start in range(0, len(pending), limits.CHUNK_BYTES_MAX):
            data = bytes(pending[start : start + limits.CHUNK_BYTES_MAX])
            await self.writer.write(self.writer.received_bytes, isal_zlib.crc32(data), data)
        pending.clear()
        self.running.advance(self.writer.received_bytes, self.wanted.image.size_bytes)

    def _other_size(self, location: Location, found: str) -> NvmedError:
        size = self.wanted.image.size_bytes
        return error(
            Reason.IMAGE_REJECTED,
            f"size_bytes: the server has {found} bytes under {location.shown}, not {size}",
            expected=size,
            found=found,
        )


def check(configured: config.Fetch, source: str) -> tuple[Location, ...]:
    """The folders that are allowed; raises CONFIG_INVALID if the configuration cannot be used."""
    folders = [_folder(text, source, f"firmware.fetch.allow[{index}]") for index, text in enumerate(configured.allow)]
    if folders:
        tls_context(configured.ca, source)
    return tuple(folders)


def tls_context(authorities: str, source: str = "configuration") -> ssl.SSLContext:
    """What servers are verified with, TLS 1.2 at least; raises CONFIG_INVALID for a file that has no certificates.

    Where a file is named the system's authorities are never loaded, which an empty text would do.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if not authorities:
        context.load_default_certs()
        return context
    try:
        context.load_verify_locations(cadata=config.read_trusted(Path(authorities)))
    except (OSError, ValueError, NvmedError) as exc:
        why = f"{authorities} has no certificates of authorities: {exc}"
        raise config.invalid(source, "firmware.fetch.ca", why) from None
    return context


def _folder(text: str, source: str, field: str) -> Location:
    try:
        return fetch_urls.parse(text)
    except UrlError as exc:
        raise config.invalid(source, field, str(exc)) from None


def _wanted(received: int) -> str:
    return f" to a request for what follows byte {received}" if received else ""


def _failed(wanted: Wanted, why: str, received: int) -> NvmedError:
    return error(
        Reason.FETCH_FAILED,
        f"{wanted.location.shown}: {why}; {received} of {wanted.image.size_bytes} bytes are kept, ask again to go on",
        url=wanted.location.shown,
        received_bytes=received,
    )
