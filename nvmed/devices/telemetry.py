"""Telemetry logs, read so that what arrives is one log: whole, of one generation, and not lost by reading it.

Every read retains the asynchronous event, for a server cannot know that its client has the data; `acknowledge` is a
call of its own. The header is read before, is part of what is read, and is read again after: unless all three agree the
log changed on the way and the stream fails (libnvme hands out the mixture, with success).
"""

from __future__ import annotations

import base64
import binascii
import struct
import zlib
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AsyncExitStack, aclosing
from dataclasses import dataclass, replace
from typing import Final

from nvmed.devices.controller import Device, Session
from nvmed.devices.extended_telemetry import ExtendedTelemetry
from nvmed.devices.log_reader import LogRange, OrderedDigest, read_chunks
from nvmed.errors import NvmedError
from nvmed.nvme import telemetry
from nvmed.nvme.telemetry import TelemetryDataArea, TelemetryHeader, TelemetryLog
from nvmed.reasons import Reason, error, invalid_field

Journalled = Callable[[str, Callable[[], Awaitable[None]]], Awaitable[None]]
"""Does a change to the drive as a step of that name, with its journal entry before and after; given by the caller."""

_TOKEN: Final = struct.Struct("<BBBBQ8s32s")  # version, log, area, generation, total bytes, controller, fingerprint
_TOKEN_VERSION: Final = 1


@dataclass(frozen=True, slots=True)
class TelemetryState:
    """What a controller's telemetry logs are: `areas` it can have (0, 3 or 4), and the header of each log."""

    max_area: int
    transfer_bytes: int
    host: TelemetryHeader | None
    controller: TelemetryHeader | None


@dataclass(frozen=True, slots=True)
class TelemetryRequest:
    """What to stream; `resume_token` is "" for a new stream. `encode` and `headroom` are those of `LogRange`.

    `journalled` is how the log is created and the event cleared, where that is asked for.
    """

    log: TelemetryLog
    area: TelemetryDataArea
    create: bool
    retain_async_event: bool
    chunk_bytes: int
    window: int
    transfer_bytes: int
    resume_token: str
    offset: int
    headroom: int
    encode: Callable[[memoryview, int, int], bytes]
    journalled: Journalled


@dataclass(frozen=True, slots=True)
class TelemetryStart:
    """What the stream will be; `area` is the one that was found where the controller was to determine it."""

    header: TelemetryHeader
    area: TelemetryDataArea
    total_bytes: int
    offset: int
    resume_token: str


@dataclass(frozen=True, slots=True)
class TelemetryEnd:
    """What the stream was: the hash covers it from its offset on."""

    sha256: bytes
    header: TelemetryHeader
    async_event_retained: bool


async def read_state(device: Device) -> TelemetryState:
    """What telemetry the controller has, without capturing anything."""
    async with device.open() as session:
        areas = telemetry.supported_areas((await device.identify(session)).lpa)
        limit = await device.transfer_limit(session)
        if not areas:
            return TelemetryState(0, limit.bytes, None, None)
        host = await _read_header(session, TelemetryLog.HOST_INITIATED)
        controller = await _read_header(session, TelemetryLog.CONTROLLER_INITIATED)
        return TelemetryState(int(areas[-1]), limit.bytes, host, controller)


async def stream(
    device: Device, request: TelemetryRequest, extended: ExtendedTelemetry
) -> AsyncGenerator[TelemetryStart | bytes | TelemetryEnd, None]:
    """One `TelemetryStart`, encoded chunks in order, one `TelemetryEnd`.

    Raises INVALID_FIELD, TELEMETRY_UNSUPPORTED before the log is touched; TELEMETRY_AREA_EMPTY,
    TELEMETRY_NOT_AVAILABLE, RESUME_TOKEN_INVALID, OFFSET_OUT_OF_RANGE before the first chunk;
    TELEMETRY_GENERATION_CHANGED at any time, and whatever the drive answers.
    """
    _refuse_contradictions(request)
    async with AsyncExitStack() as stack:
        session = await stack.enter_async_context(device.open())
        lpa = (await device.identify(session)).lpa
        telemetry.require_area(lpa, request.area)
        if _needs_area_4(request.area, lpa):
            required = request.area is TelemetryDataArea.AREA_4
            await stack.enter_async_context(extended.enabled(session, required=required))
        header = await _begin(session, request)
        start = _start(device, request, header)
        yield start
        digest = OrderedDigest()
        limit = await device.transfer_limit(session)
        what = LogRange(
            command=lambda offset, size: telemetry.read_data(request.log, size, offset),
            start=start.offset,
            end=start.total_bytes,
            chunk_bytes=request.chunk_bytes,
            window=request.window,
            transfer_bytes=request.transfer_bytes or request.chunk_bytes,
            headroom=request.headroom,
            encode=_checking_first_block(request, header),
        )
        chunks = await stack.enter_async_context(aclosing(read_chunks(session, what, limit, digest)))
        async for chunk in chunks:
            yield chunk
        await _require_same_generation(session, request.log, header)
        if not request.retain_async_event:
            await request.journalled("clear_event", lambda: _clear_event(session, request.log))
        yield TelemetryEnd(digest.digest(), header, request.retain_async_event)


async def acknowledge(device: Device, generation: int, journalled: Journalled | None) -> None:
    """Let the controller report its next event, if its log still is of `generation`; only ask whether with None.

    Raises TELEMETRY_UNSUPPORTED, TELEMETRY_NOT_AVAILABLE, TELEMETRY_GENERATION_CHANGED; the event then stays pending.
    """
    async with device.open() as session:
        telemetry.require_area((await device.identify(session)).lpa, TelemetryDataArea.AREA_1)
        header = await _read_header(session, TelemetryLog.CONTROLLER_INITIATED)
        _require_available(header)
        if header.generation != generation:
            raise _generation_changed(generation, header.generation)
        if journalled is not None:
            await journalled("clear_event", lambda: _clear_event(session, TelemetryLog.CONTROLLER_INITIATED))


def _refuse_contradictions(request: TelemetryRequest) -> None:
    if request.create and request.log is not TelemetryLog.HOST_INITIATED:
        raise invalid_field("create", "only a host-initiated log can be created; leave it out for the controller's")
    if request.create and request.resume_token:
        raise invalid_field("create", "would replace the log that resume_token continues; leave one of them out")
    if request.offset and not request.resume_token:
        raise invalid_field("offset", "goes with a resume_token; a stream without one starts at 0")


def _needs_area_4(area: TelemetryDataArea, lpa: int) -> bool:
    """Whether area 4 has to be shown: asked for, or to be found if it is there."""
    if area is TelemetryDataArea.CONTROLLER_DETERMINED:
        return TelemetryDataArea.AREA_4 in telemetry.supported_areas(lpa)
    return area is TelemetryDataArea.AREA_4


async def _begin(session: Session, request: TelemetryRequest) -> TelemetryHeader:
    if request.create:
        created = bytearray()

        async def create() -> None:
            created.extend(bytes(telemetry.HEADER_BYTES))
            await session.mutate(telemetry.create_host_log(request.area), created)

        await request.journalled("create", create)
        if created:
            return telemetry.parse_header(bytes(created), request.log)
        # A request that was repeated: the log was created then, and is the one to read.
    header = await _read_header(session, request.log)
    if request.log is TelemetryLog.CONTROLLER_INITIATED:
        _require_available(header)
    return header


async def _read_header(session: Session, log: TelemetryLog) -> TelemetryHeader:
    data = bytearray(telemetry.HEADER_BYTES)
    await session.admin(telemetry.read_header(log), data)
    return telemetry.parse_header(bytes(data), log)


async def _clear_event(session: Session, log: TelemetryLog) -> None:
    await session.mutate(telemetry.read_header(log, retain_async_event=False), bytearray(telemetry.HEADER_BYTES))


def _require_available(header: TelemetryHeader) -> None:
    if not header.is_available:
        raise error(Reason.TELEMETRY_NOT_AVAILABLE, "the controller has captured no controller-initiated data")


async def _require_same_generation(session: Session, log: TelemetryLog, before: TelemetryHeader) -> None:
    _require_same(before, await _read_header(session, log))


def _require_same(before: TelemetryHeader, now: TelemetryHeader) -> None:
    """Raise TELEMETRY_GENERATION_CHANGED unless both headers are of the same data."""
    if now.fingerprint() == before.fingerprint():
        return
    as_before = replace(now, controller_data_available=before.controller_data_available)
    is_cleared = not now.is_available and as_before.fingerprint() == before.fingerprint()
    raise _generation_changed(before.generation, now.generation, is_cleared=is_cleared)


def _generation_changed(before: int, after: int, *, is_cleared: bool = False) -> NvmedError:
    if is_cleared:
        what = (
            f"another program cleared the controller's event while the log of generation {before} was read: the drive "
            "may replace the log at any time, and does not offer it any more"
        )
    elif before == after:
        what = f"the log's header is another one now, though its generation still is {before}"
    else:
        what = f"the log is of generation {after} now, not {before}"
    return error(
        Reason.TELEMETRY_GENERATION_CHANGED,
        f"{what}; discard what was received and start again",
        expected_generation=before,
        generation=after,
    )


def _start(device: Device, request: TelemetryRequest, header: TelemetryHeader) -> TelemetryStart:
    area = request.area
    if area is TelemetryDataArea.CONTROLLER_DETERMINED:
        last = header.last_blocks
        area = TelemetryDataArea(last.index(max(last)) + 1)
    total = telemetry.area_end_bytes(header, area)
    token = _make_token(device, request, header, total)
    if request.resume_token:
        _check_token(request.resume_token, token)
    if request.offset > total or (request.offset % telemetry.BLOCK_BYTES and request.offset != total):
        raise error(
            Reason.OFFSET_OUT_OF_RANGE,
            f"offset {request.offset} must be a multiple of {telemetry.BLOCK_BYTES} up to the log's {total} bytes",
            offset=request.offset,
            total_bytes=total,
        )
    return TelemetryStart(header, area, total, request.offset, token)


def _checking_first_block(
    request: TelemetryRequest, header: TelemetryHeader
) -> Callable[[memoryview, int, int], bytes]:
    """`request.encode`, but the header inside the log must be the one that the stream began with."""

    def encode(buffer: memoryview, size: int, offset: int) -> bytes:
        if offset == 0:
            block = bytes(buffer[request.headroom : request.headroom + telemetry.HEADER_BYTES])
            _require_same(header, telemetry.parse_header(block, request.log))
        return request.encode(buffer, size, offset)

    return encode


def _make_token(device: Device, request: TelemetryRequest, header: TelemetryHeader, total: int) -> str:
    body = _TOKEN.pack(
        _TOKEN_VERSION,
        int(request.log),
        int(request.area),
        header.generation,
        total,
        binascii.crc32(device.name.encode()).to_bytes(8, "little"),
        header.fingerprint(),
    )
    return base64.urlsafe_b64encode(body + zlib.crc32(body).to_bytes(4, "little")).decode()


def _check_token(given: str, current: str) -> None:
    """Raise RESUME_TOKEN_INVALID unless `given` is of this log, TELEMETRY_GENERATION_CHANGED unless of this data."""
    try:
        body = base64.b64decode(given.encode(), altchars=b"-_", validate=True)
    except (ValueError, binascii.Error):
        body = b""
    if len(body) != _TOKEN.size + 4 or zlib.crc32(body[:-4]) != int.from_bytes(body[-4:], "little"):
        raise error(Reason.RESUME_TOKEN_INVALID, "resume_token is damaged; start again without it")
    then, now = _TOKEN.unpack(body[:-4]), _TOKEN.unpack(base64.urlsafe_b64decode(current)[:-4])
    version, log, area, generation, _, controller, _ = then
    if (version, log, area, controller) != (now[0], now[1], now[2], now[5]):
        raise error(
            Reason.RESUME_TOKEN_INVALID,
            "resume_token is of another controller, log or data area; start again without it",
        )
    if then != now:
        raise _generation_changed(generation, now[3])
