"""Which log pages a controller lists: one that is not there is not asked for."""

from __future__ import annotations

from nvmed.devices.controller import Session
from nvmed.devices.log_pieces import read_log
from nvmed.errors import NvmedError
from nvmed.nvme.effects import SupportedLogPages
from nvmed.nvme.logpage import get_log_page
from nvmed.nvme.opcodes import LogPage
from nvmed.reasons import Reason, error


async def require_page(session: Session, lid: int, uuid_index: int = 0) -> None:
    """Raise NVME_UNSUPPORTED where the controller lists its log pages (LPA bit 5) and `lid` is not one of them.

    A list that cannot be read, or says nothing, is none: then the page is asked for. It is read once for each UUID
    index, which decides what vendor specific pages are (Base 2.3, section 5.2.12.1.1).
    """
    pages = session.device.pages
    if uuid_index not in pages:
        pages[uuid_index] = await _listed(session, uuid_index)
    listed = pages[uuid_index]
    if listed is not None and lid not in listed:
        raise error(
            Reason.NVME_UNSUPPORTED,
            f"{session.device.node.node} does not have log page {lid:02X}h: its Supported Log Pages log lacks it; "
            "ReadLogPage asks for it all the same",
            log_page=lid,
        )


async def _listed(session: Session, uuid_index: int) -> frozenset[int] | None:
    if not (await session.device.capabilities(session)).has("supported_log_pages"):
        return None
    lid = LogPage.SUPPORTED_LOG_PAGES
    try:
        data = await read_log(
            session,
            lambda offset, size: get_log_page(lid, size, offset, uuid_index=uuid_index),
            0,
            SupportedLogPages.SIZE,
        )
    except NvmedError as exc:
        if exc.nvme is None and exc.reason != Reason.NVME_UNSUPPORTED.name:
            raise
        return None
    return frozenset(SupportedLogPages.parse(data).identifiers) or None
