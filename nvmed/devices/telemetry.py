"""Telemetry logs, read so that what arrives is one log: whole, of one generation, and not lost by reading it.

Every read retains the asynchronous event, for a server cannot know that its client has the data; `acknowledge` is a
call of its own. The header is read before, is part of what is read, and is read again after: unless all three agree the
log changed on the way and the stream fails (libnvme hands out the mixture, with success).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import struct
import zlib
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Mapping
from contextlib import AsyncExitStack, aclosing
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

from nvmed.devices.controller import Device, Session
from nvmed.devices.extended_telemetry import ExtendedTelemetry
from nvmed.devices.log_pieces import at_least, read_log, reads_in_parts
from nvmed.devices.log_reader import LogRange, OrderedDigest, read_chunks
from nvmed.devices.omission import Omission, unless_refused
from nvmed.devices.quirks import Quirk
from nvmed.errors import NvmedError
from nvmed.nvme import telemetry
from nvmed.nvme.status import CODE_MASK
from nvmed.nvme.telemetry import TelemetryDataArea, TelemetryHeader, TelemetryLog
from nvmed.nvme.transport import Command
from nvmed.reasons import Reason, error, invalid_field

Journalled = Callable[[str, Callable[[], Awaitable[None]]], Awaitable[None]]
"""Does a change to the drive as a step of that name, with its journal entry before and after; given by the caller."""

INVALID_FIELD: Final = 0x002
_TOKEN: Final = struct.Struct("<BBBBQ8s32s")  # version, log, area, generation, total bytes, controller, fingerprint
_TOKEN_VERSION: Final = 1


@dataclass(frozen=True, slots=True)
class TelemetryState:
    """What a controller's telemetry logs are: `areas` it can have (0, 3 or 4), and the header of each log."""

    max_area: int
    transfer_bytes: int
    host: TelemetryHeader | None
    controller: TelemetryHeader | None
    omissions: tuple[Omission, ...] = ()


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
    must_notice_changes: bool = False
    has_digest: bool = True


@dataclass(frozen=True, slots=True)
class TelemetryStart:
    """What the stream will be; `area` is the one that was found where the controller was to determine it."""

    header: TelemetryHeader
    area: TelemetryDataArea
    total_bytes: int
    offset: int
    resume_token: str
    omissions: tuple[Omission, ...] = ()


@dataclass(frozen=True, slots=True)
class TelemetryEnd:
    """What the stream was: the hash covers it from its offset on, and is b"" if none was asked for."""

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
        omissions: list[Omission] = []
        host, controller = [
            await unless_refused(field, read_header(session, log, len(areas)), None, omissions)
            for field, log in (
                ("host_log", TelemetryLog.HOST_INITIATED),
                ("controller_log", TelemetryLog.CONTROLLER_INITIATED),
            )
        ]
        return TelemetryState(int(areas[-1]), limit.bytes, host, controller, tuple(omissions))


async def plan(device: Device, request: TelemetryRequest) -> TelemetryStart | None:
    """What `stream` would begin with, as far as that can be told without changing anything; None where it cannot: a log
    is to be created, or area 4 shown first.

    Raises what `stream` does before the first chunk.
    """
    _refuse_contradictions(request)
    async with device.open() as session:
        lpa = (await device.identify(session)).lpa
        telemetry.require_area(lpa, request.area)
        if request.create:
            return None
        areas = int(telemetry.supported_areas(lpa)[-1])
        header = await read_header(session, request.log, areas)
        if request.log is TelemetryLog.CONTROLLER_INITIATED:
            _require_available(header)
        if request.area is TelemetryDataArea.AREA_4:
            return None
        return _start(device, request, await _Log.of(session, request, header, areas), ())


async def read_raised(device: Device) -> TelemetryHeader | None:
    """The header of the log that the controller raised by itself, None while it has raised none."""
    async with device.open() as session:
        areas = telemetry.supported_areas((await device.identify(session)).lpa)
        if not areas:
            return None
        header = await read_header(session, TelemetryLog.CONTROLLER_INITIATED, len(areas))
        return header if header.is_available else None


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
        areas, omissions = await _areas(session, request, extended, stack)
        header = await _begin(session, request, areas)
        log = await _Log.of(session, request, header, areas)
        start = _start(device, request, log, omissions)
        yield start
        digest = OrderedDigest() if request.has_digest else None
        limit = await device.transfer_limit(session)
        what = LogRange(
            command=partial(_data, request.log),
            start=start.offset,
            end=start.total_bytes,
            chunk_bytes=request.chunk_bytes,
            window=request.window,
            transfer_bytes=request.transfer_bytes or request.chunk_bytes,
            headroom=request.headroom,
            encode=_checking_blocks(request, log),
            in_parts=log.in_parts,
        )
        chunks = await stack.enter_async_context(aclosing(read_chunks(session, what, limit, digest)))
        async for chunk in chunks:
            yield chunk
        await log.require_same(session)
        if not request.retain_async_event:
            await request.journalled("clear_event", lambda: _clear_event(session, request.log))
        yield TelemetryEnd(digest.digest() if digest else b"", header, request.retain_async_event)


async def _areas(
    session: Session, request: TelemetryRequest, extended: ExtendedTelemetry, stack: AsyncExitStack
) -> tuple[int, tuple[Omission, ...]]:
    """How many data areas are shown while `stack` lasts, and why not all that there are.

    Raises TELEMETRY_UNSUPPORTED, TELEMETRY_CHANGE_UNDETECTABLE, where that is known before the log is touched.
    """
    identity = await session.device.identify(session)
    telemetry.require_area(identity.lpa, request.area)
    if request.must_notice_changes and request.create and identity.ver < telemetry.GENERATION_VERSION:
        raise _undetectable()
    areas = int(telemetry.supported_areas(identity.lpa)[-1])
    if areas == TelemetryDataArea.AREA_4 and request.area in (
        TelemetryDataArea.AREA_4,
        TelemetryDataArea.CONTROLLER_DETERMINED,
    ):
        required = request.area is TelemetryDataArea.AREA_4
        omission = await stack.enter_async_context(extended.enabled(session, required=required))
        if omission is not None:
            return int(TelemetryDataArea.AREA_3), (omission,)
    return areas, ()


@dataclass(frozen=True, slots=True)
class _Log:
    """The log that is streamed, and what tells it from another: its header and, without a generation, some blocks."""

    log: TelemetryLog
    header: TelemetryHeader
    areas: int
    area: TelemetryDataArea
    total_bytes: int
    in_parts: bool
    blocks: Mapping[int, bytes]

    @classmethod
    async def of(cls, session: Session, request: TelemetryRequest, header: TelemetryHeader, areas: int) -> _Log:
        """Raises TELEMETRY_AREA_EMPTY, TELEMETRY_CHANGE_UNDETECTABLE, NVME_UNSUPPORTED."""
        area = request.area
        if area is TelemetryDataArea.CONTROLLER_DETERMINED:
            last = header.last_blocks
            area = TelemetryDataArea(last.index(max(last)) + 1)
        total = telemetry.area_end_bytes(header, area)
        in_parts = await reads_in_parts(session, request.offset, total, request.transfer_bytes)
        if header.has_generation:
            blocks: Mapping[int, bytes] = {}
        elif request.must_notice_changes:
            raise _undetectable()
        else:
            offsets = telemetry.telling_blocks(header, total) if in_parts else (0,)
            blocks = await _telling_blocks(session, request.log, offsets)
        return cls(request.log, header, areas, area, total, in_parts, blocks)

    def fingerprint(self) -> bytes:
        """32 bytes that differ when the log does, as far as that can be told."""
        return hashlib.sha256(b"".join((self.header.fingerprint(), *self.blocks.values()))).digest()

    def require_in(self, offset: int, block: memoryview) -> None:
        """Raise TELEMETRY_GENERATION_CHANGED if what was read at `offset` is another log's."""
        if offset == 0:
            _require_same(self.header, telemetry.parse_header(block, self.log, self.areas))
        if offset in self.blocks and telemetry.telling_bytes(block, offset, self.log) != self.blocks[offset]:
            raise _generation_changed(self.header.generation, self.header.generation)

    async def require_same(self, session: Session) -> None:
        """Raise TELEMETRY_GENERATION_CHANGED unless it is this log still."""
        _require_same(self.header, await read_header(session, self.log, self.areas))
        if self.blocks != await _telling_blocks(session, self.log, tuple(self.blocks)):
            raise _generation_changed(self.header.generation, self.header.generation)


async def acknowledge(device: Device, generation: int, journalled: Journalled | None) -> None:
    """Let the controller report its next event, if its log still is of `generation`; only ask whether with None.

    Raises TELEMETRY_UNSUPPORTED, TELEMETRY_NOT_AVAILABLE, TELEMETRY_GENERATION_CHANGED; the event then stays pending.
    """
    async with device.open() as session:
        lpa = (await device.identify(session)).lpa
        telemetry.require_area(lpa, TelemetryDataArea.AREA_1)
        areas = len(telemetry.supported_areas(lpa))
        header = await read_header(session, TelemetryLog.CONTROLLER_INITIATED, areas)
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


async def _begin(session: Session, request: TelemetryRequest, areas: int) -> TelemetryHeader:
    if request.create:
        created = bytearray()

        async def create() -> None:
            created.extend(bytes(telemetry.HEADER_BYTES))
            await _create(session, request.area, created)

        await request.journalled("create", create)
        if created:
            return telemetry.parse_header(bytes(created), request.log, areas)
        # A request that was repeated: the log was created then, and is the one to read.
    header = await read_header(session, request.log, areas)
    if request.log is TelemetryLog.CONTROLLER_INITIATED:
        if not header.is_available and not request.retain_async_event:  # the event is asked for all the same
            await request.journalled("clear_event", lambda: _clear_event(session, request.log))
        _require_available(header)
    return header


async def _create(session: Session, area: TelemetryDataArea, header: bytearray) -> None:
    """Create a log up to `area`, or of the controller's own choice where it knows no such limit (MCDA).

    A controller older than NVMe 2.0 has no field for it. A newer one that refuses it has done nothing yet.
    """
    device, chosen = session.device, TelemetryDataArea.CONTROLLER_DETERMINED
    knows = (await device.identify(session)).ver >= telemetry.GENERATION_VERSION
    if area is not chosen and knows and Quirk.REFUSES_CREATED_AREA not in device.quirks:
        try:
            await session.mutate(telemetry.create_host_log(area), header)
        except NvmedError as exc:
            if exc.nvme is None or exc.nvme.raw & CODE_MASK != INVALID_FIELD:
                raise
        else:
            return
        await session.mutate(telemetry.create_host_log(chosen), header)
        device.quirks.add(Quirk.REFUSES_CREATED_AREA)
    else:
        await session.mutate(telemetry.create_host_log(chosen), header)


async def read_header(session: Session, log: TelemetryLog, areas: int) -> TelemetryHeader:
    """The header of a log of which the controller shows `areas`; the event is retained."""
    data = await read_log(session, partial(_data, log), 0, telemetry.HEADER_BYTES)
    return telemetry.parse_header(data, log, areas)


async def _telling_blocks(session: Session, log: TelemetryLog, offsets: Iterable[int]) -> dict[int, bytes]:
    """The blocks at `offsets`, without what may change in them."""
    found = {}
    for offset in offsets:
        data = await read_log(session, partial(_data, log), offset, offset + telemetry.BLOCK_BYTES)
        found[offset] = telemetry.telling_bytes(data, offset, log)
    return found


def _data(log: TelemetryLog, offset: int, size: int) -> Command:
    return telemetry.read_data(log, size, offset)


async def _clear_event(session: Session, log: TelemetryLog) -> None:
    size = await at_least(session, telemetry.HEADER_BYTES)
    await session.mutate(telemetry.read_data(log, size, 0, retain_async_event=False), bytearray(size))


def _require_available(header: TelemetryHeader) -> None:
    if not header.is_available:
        raise error(Reason.TELEMETRY_NOT_AVAILABLE, "the controller has captured no controller-initiated data")


def _undetectable() -> NvmedError:
    return error(
        Reason.TELEMETRY_CHANGE_UNDETECTABLE,
        "the log has no generation number, so that it could be replaced unnoticed while it is read; without "
        "require_change_detection it is compared as far as it goes",
    )


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
        what = f"the log is another one now, though its generation still is {before}"
    else:
        what = f"the log is of generation {after} now, not {before}"
    return error(
        Reason.TELEMETRY_GENERATION_CHANGED,
        f"{what}; discard what was received and start again",
        expected_generation=before,
        generation=after,
    )


def _start(device: Device, request: TelemetryRequest, log: _Log, omissions: tuple[Omission, ...]) -> TelemetryStart:
    total = log.total_bytes
    token = _make_token(device, request, log)
    if request.resume_token:
        _check_token(request.resume_token, token)
    if request.offset > total or (request.offset % telemetry.BLOCK_BYTES and request.offset != total):
        raise error(
            Reason.OFFSET_OUT_OF_RANGE,
            f"offset {request.offset} must be a multiple of {telemetry.BLOCK_BYTES} up to the log's {total} bytes",
            offset=request.offset,
            total_bytes=total,
        )
    return TelemetryStart(log.header, log.area, total, request.offset, token, omissions)


def _checking_blocks(request: TelemetryRequest, log: _Log) -> Callable[[memoryview, int, int], bytes]:
    """`request.encode`, but what tells the log from another must be what the stream began with."""
    offsets = sorted({0, *log.blocks})

    def encode(buffer: memoryview, size: int, offset: int) -> bytes:
        for place in offsets:
            if offset <= place < offset + size:
                start = request.headroom + place - offset
                log.require_in(place, buffer[start : start + telemetry.BLOCK_BYTES])
        return request.encode(buffer, size, offset)

    return encode


def _make_token(device: Device, request: TelemetryRequest, log: _Log) -> str:
    body = _TOKEN.pack(
        _TOKEN_VERSION,
        int(request.log),
        int(request.area),
        log.header.generation,
        log.total_bytes,
        binascii.crc32(device.name.encode()).to_bytes(8, "little"),
        log.fingerprint(),
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
