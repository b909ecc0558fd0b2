"""Any log page as a stream of bytes."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import AsyncExitStack, aclosing
from dataclasses import dataclass, replace

from nvmed.devices.controller import Device
from nvmed.devices.log_pieces import reads_in_parts
from nvmed.devices.log_reader import LogRange, OrderedDigest, read_chunks
from nvmed.devices.logs import clear_event
from nvmed.devices.logs_persistent import PersistentEventReader
from nvmed.devices.omission import Omission
from nvmed.devices.telemetry import Journalled
from nvmed.nvme.layout import bits
from nvmed.nvme.logpage import LogPageRequest, get_log_page
from nvmed.nvme.opcodes import VENDOR_LOG_PAGE_FIRST, LogPage
from nvmed.nvme.persistent_event import EventAction
from nvmed.nvme.transport import Command
from nvmed.reasons import invalid_field


@dataclass(frozen=True, slots=True)
class RawRequest:
    """What to stream: all of `page`, in commands that retain the event. `encode` and `headroom` are `LogRange`'s.

    `clear` is how the event is cleared at the end, None to keep it.
    """

    page: LogPageRequest
    chunk_bytes: int
    window: int
    transfer_bytes: int
    headroom: int
    encode: Callable[[memoryview, int, int], bytes]
    clear: Journalled | None
    has_digest: bool = True


@dataclass(frozen=True, slots=True)
class RawStart:
    """The drive is open and the request can be true: chunks follow."""


@dataclass(frozen=True, slots=True)
class RawEnd:
    """Everything was read, and this is its SHA-256; b"" if none was asked for."""

    sha256: bytes
    omissions: tuple[Omission, ...] = ()


def has_side_effects(page: LogPageRequest) -> bool:
    """Whether reading it does more than read, beyond clearing an event: what vendors do with LSP nobody knows."""
    if page.lid == LogPage.PHYSICAL_INTERFACE_RECEIVER_EYE_OPENING_MEASUREMENT:
        return bits(page.lsp, 6, 4) != 0  # starts or ends a measurement
    return page.lid >= VENDOR_LOG_PAGE_FIRST and page.lsp != 0


def refuse_impossible(page: LogPageRequest) -> None:
    """Raise INVALID_FIELD for a page that has a method of its own because reading it like this would do harm."""
    if page.lid == LogPage.TELEMETRY_HOST_INITIATED and page.lsp & 1:
        raise invalid_field("log_specific_parameter", "would capture telemetry; StreamTelemetry with create does that")
    if page.lid == LogPage.PERSISTENT_EVENT and page.lsp not in (
        EventAction.READ,
        EventAction.ESTABLISH_CONTEXT_AND_READ,
    ):
        raise invalid_field("log_specific_parameter", f"is {page.lsp}; of page 0Dh it is 0, or 1 for a context")
    if page.offset_bytes + page.length_bytes > 1 << 64:
        raise invalid_field("offset_bytes", "and length_bytes go beyond 2^64")


async def stream(
    device: Device, request: RawRequest, persistent: PersistentEventReader
) -> AsyncGenerator[RawStart | bytes | RawEnd, None]:
    """One `RawStart`, encoded chunks in order, one `RawEnd`.

    Raises INVALID_FIELD, NVME_UNSUPPORTED, LOG_CONTEXT_TAKEN, and whatever the drive answers.
    """
    page = request.page
    refuse_impossible(page)
    omissions: list[Omission] = []
    async with AsyncExitStack() as stack:
        session = await stack.enter_async_context(device.open())
        context = await stack.enter_async_context(AsyncExitStack())
        limit = await device.transfer_limit(session)
        end = page.offset_bytes + page.length_bytes
        in_parts = await reads_in_parts(session, page.offset_bytes, end, request.transfer_bytes)
        if page.lid == LogPage.PERSISTENT_EVENT and page.lsp == EventAction.ESTABLISH_CONTEXT_AND_READ:
            await context.enter_async_context(persistent.context(session, omissions))
            page = replace(page, lsp=int(EventAction.READ))
        yield RawStart()
        digest = OrderedDigest() if request.has_digest else None
        what = LogRange(
            command=lambda offset, size: _command(page, size, offset),
            start=page.offset_bytes,
            end=end,
            chunk_bytes=request.chunk_bytes,
            window=request.window,
            transfer_bytes=request.transfer_bytes or request.chunk_bytes,
            headroom=request.headroom,
            encode=request.encode,
            in_parts=in_parts,
        )
        chunks = await stack.enter_async_context(aclosing(read_chunks(session, what, limit, digest)))
        async for chunk in chunks:
            yield chunk
        await context.aclose()
        if request.clear is not None:
            await clear_event(session, lambda size, rae: _command(page, size, 0, rae=rae), 4, request.clear)
        yield RawEnd(digest.digest() if digest else b"", tuple(omissions))


def _command(page: LogPageRequest, size: int, offset: int, *, rae: bool = True) -> Command:
    return get_log_page(
        page.lid,
        size,
        offset,
        lsp=page.lsp,
        lsi=page.lsi,
        rae=rae,
        uuid_index=page.uuid_index,
        csi=page.csi,
        nsid=page.nsid,
    )
