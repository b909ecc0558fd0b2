"""Logs whose length the controller decides and that may change while they are read: ANA and LBA status.

Both count their changes. A log is taken only if its count was the same in its first and after its last command; if it
was not, it is read again, a few times.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Final, TypeVar

from nvmed.devices.controller import Device, Session
from nvmed.devices.log_pieces import one_command_bytes, require_room
from nvmed.devices.logs import Page, Read, clear_event, read_bytes
from nvmed.devices.telemetry import Journalled
from nvmed.nvme import ana
from nvmed.nvme.ana import AnaLog, AnaLogHeader, LbaStatusHeader, LbaStatusLog
from nvmed.nvme.identify import IdentifyController
from nvmed.nvme.logpage import get_log_page
from nvmed.nvme.opcodes import LogPage
from nvmed.reasons import Reason, error

T = TypeVar("T")

READS_MAX: Final = 5
"""How often a log is read that changes each time."""


async def read_identity(device: Device) -> IdentifyController:
    """Identify Controller: what the size of the ANA log follows from."""
    async with device.open() as session:
        return await device.identify(session)


async def read_ana(device: Device, *, groups_only: bool, clear: Journalled | None) -> Read[AnaLog]:
    """The ANA log, with namespaces unless `groups_only`. Raises NVME_UNSUPPORTED, NVME_DATA_INVALID, LOG_CHANGED."""
    async with device.open() as session:
        (await device.capabilities(session)).require("ana_reporting")
        identity = await device.identify(session)
        # Controllers older than MNAN report 0 there, and have NN namespaces at most.
        expected = ana.ana_log_bytes(identity.nanagrpid, identity.mnan or identity.nn, groups_only=groups_only)
        lsp = ana.RETURN_GROUPS_ONLY if groups_only else 0
        page = partial(get_log_page, LogPage.ASYMMETRIC_NAMESPACE_ACCESS, rae=True, lsp=lsp)
        whole = partial(_read_ana_once, session, page, expected)
        raw = await _read_settled(session, page, AnaLogHeader.SIZE, whole, clear)
        return Read(ana.parse_ana_log(raw), raw, clear is None)


async def _read_ana_once(session: Session, page: Page, expected: int) -> bytes:
    """As much of the log as there is: the largest that Identify allows is much longer, on some controllers absurdly."""
    limit, reach = await session.device.transfer_limit(session), await one_command_bytes(session)
    end = min(limit.bytes if reach is None else reach, expected)
    data = await read_bytes(session, page, 0, end)
    while (needed := ana.ana_log_extent(data)) > len(data):
        require_room(needed, LogPage.ASYMMETRIC_NAMESPACE_ACCESS)
        end = needed if reach is not None else max(needed, min(len(data) + limit.bytes, expected))
        start = len(data) if reach is None else 0
        data = data[:start] + await read_bytes(session, page, start, end)
    return data[: ana.ana_log_extent(data)]


async def read_lba_status(device: Device, clear: Journalled | None) -> Read[LbaStatusLog]:
    """The LBA status log. Raises NVME_DATA_INVALID for a length that makes no sense, LIMIT_EXCEEDED, LOG_CHANGED."""
    async with device.open() as session:
        page = partial(get_log_page, LogPage.LBA_STATUS_INFORMATION, rae=True)
        whole = partial(_read_lba_status_once, session, page)
        raw = await _read_settled(session, page, LbaStatusHeader.SIZE, whole, clear)
        return Read(ana.parse_lba_status_log(raw), raw, clear is None)


async def _read_lba_status_once(session: Session, page: Page) -> bytes:
    head = await read_bytes(session, page, 0, LbaStatusHeader.SIZE)
    header = LbaStatusHeader.parse(head)
    size = ana.lba_status_log_bytes(header)
    if not header.lslplen:
        return head
    require_room(size, LogPage.LBA_STATUS_INFORMATION)
    data = await read_bytes(session, page, 0, size)
    # A log that grew meanwhile is not what its beginning says: let it be read again.
    return data if data.startswith(head) else b""


async def _read_settled(
    session: Session, page: Page, head_bytes: int, read: Callable[[], Awaitable[bytes]], clear: Journalled | None
) -> bytes:
    """What `read` gives once the first `head_bytes` of the log are the same after it; LOG_CHANGED if they never are.

    The read that clears the event is such a comparison as well; a log of one command needs no other.
    """
    limit = await session.device.transfer_limit(session)
    for _ in range(READS_MAX):
        data = await read()
        if not data:
            continue
        if clear is not None:
            head = await clear_event(session, page, head_bytes, clear)
            clear = None
        elif len(data) > limit.bytes:
            head = await read_bytes(session, page, 0, head_bytes)
        else:
            return data
        if data.startswith(head):
            return data
    raise error(
        Reason.LOG_CHANGED,
        f"the log changed each of the {READS_MAX} times that it was read; try again",
        reads=READS_MAX,
        retry_delay_ms=1_000,
    )
