"""Logs of fixed layout: health, errors, effects, self-tests, sanitize status, supported pages.

Reading retains asynchronous events. Where the event is to be cleared the log is read first, so that nothing is cleared
that could not be read, and then once more with the event: that is what is returned, whole where one command brings it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, unique
from functools import partial
from typing import Generic, TypeVar

from nvmed.devices.controller import Device, Session
from nvmed.devices.log_pieces import at_least, one_command_bytes, read_log
from nvmed.devices.omission import Omission
from nvmed.devices.quirks import Quirk
from nvmed.devices.telemetry import Journalled
from nvmed.errors import NvmedError
from nvmed.nvme import health
from nvmed.nvme.effects import EffectsLog, SupportedLogPages
from nvmed.nvme.health import ErrorLogEntry, SanitizeStatus, SelfTestLog, SmartLog
from nvmed.nvme.identify import IdentifyController
from nvmed.nvme.layout import V1_2
from nvmed.nvme.logpage import get_log_page
from nvmed.nvme.namespace import require_nsid
from nvmed.nvme.opcodes import NSID_ALL, LogPage, SelfTestCode
from nvmed.nvme.transport import Command
from nvmed.reasons import Reason, error

T = TypeVar("T")

Page = Callable[..., Command]
"""The command that reads (length, offset) of a log page: a partial of `get_log_page`, with `rae` for those pages that
have an event (the others are to be read without, Base 2.0, figure 197)."""


@dataclass(frozen=True, slots=True)
class Read(Generic[T]):
    """A log, its bytes, and whether the controller's event is still pending."""

    log: T
    raw: bytes
    event_retained: bool


@dataclass(frozen=True, slots=True)
class Errors:
    """The entries that are not empty, newest first, and how many the controller keeps."""

    entries: tuple[ErrorLogEntry, ...]
    capacity: int
    omissions: tuple[Omission, ...] = ()


async def read_bytes(session: Session, page: Page, start: int, end: int) -> bytes:
    """`start` to `end` of a log, in as many commands as the controller's transfer limit makes necessary.

    Raises NVME_UNSUPPORTED where more than one would be, and the controller reads no log in parts.
    """
    return await read_log(session, lambda offset, size: page(size, offset), start, end)


def controller_nsid(identity: IdentifyController) -> int:
    """The namespace to name for a log of the whole controller: before NVMe 1.2 it was all of them, since then none."""
    return NSID_ALL if identity.ver < V1_2 else 0


async def clear_event(session: Session, page: Page, size: int, clear: Journalled) -> bytes:
    """Let the controller report the next event; the first `size` bytes of the log as they were then.

    Nothing comes back where the request was made before, and so is not done again.
    """
    head = bytearray()
    length = await at_least(session, size)

    async def read_with_rae_clear() -> None:
        head.extend(bytes(length))
        await session.mutate(page(length, rae=False), head)

    await clear("clear_event", read_with_rae_clear)
    return bytes(head[:size])


@unique
class Zeros(Enum):
    """Whether a controller can mean it where all of a log is zeros."""

    IMPOSSIBLE = "never"
    DOUBTFUL = "if it answers nothing else, however it is asked"
    FINE = "always"


@dataclass(frozen=True, slots=True)
class _Fixed:
    """A log of a known size. `head_bytes` from its beginning tell whether it changed."""

    page: Page
    size: int
    head_bytes: int
    zeros: Zeros = Zeros.IMPOSSIBLE


async def _read_fixed(session: Session, log: _Fixed, clear: Journalled | None) -> tuple[bytes, bool]:
    """The log, and whether its event is still pending.

    Some controllers answer with zeros where the event is to be retained (nvme-cli#1729, nvme-cli#1731). Zeros that
    cannot be meant are asked for again the other way, which clears the event: at once where that is known of the
    controller. NVME_DATA_INVALID if they are all that it answers. What cleared the event is what is returned.
    """
    quirks, limit = session.device.quirks, await session.device.transfer_limit(session)
    retains = Quirk.ZEROS_WHEN_RETAINED not in quirks
    data = await read_bytes(session, log.page if retains else partial(log.page, rae=False), 0, log.size)
    if clear is not None:
        head = await clear_event(session, log.page, log.size if log.size <= limit.bytes else log.head_bytes, clear)
        if any(head) and not any(data):
            quirks.add(Quirk.ZEROS_WHEN_RETAINED)
        if len(head) == log.size and (any(head) or not any(data)):
            data = head
        elif any(head) and not data.startswith(head):
            data = await read_bytes(session, partial(log.page, rae=not any(data)), 0, log.size)
        retains = False
    if not any(data) and log.zeros is not Zeros.FINE:
        if Quirk.ZEROS_WHEN_RETAINED not in quirks:
            data, retains = await read_bytes(session, partial(log.page, rae=False), 0, log.size), False
        if any(data):
            quirks.add(Quirk.ZEROS_WHEN_RETAINED)
        elif log.zeros is Zeros.IMPOSSIBLE:
            raise _zeros(session, log.page)
    return data, retains


async def _read_meant(session: Session, page: Page, size: int) -> bytes:
    """A log that has no event and is never all zeros; it is asked for the other way before NVME_DATA_INVALID."""
    for rae in (False, True):
        data = await read_bytes(session, partial(page, rae=rae), 0, size)
        if any(data):
            return data
    raise _zeros(session, page)


def _zeros(session: Session, page: Page) -> NvmedError:
    lid = page(4).cdw10 & 0xFF
    return error(
        Reason.NVME_DATA_INVALID,
        f"{session.device.node.node} answers log page {lid:02X}h with zeros, whether its event is retained or not; "
        "ReadLogPage gives its bytes",
        log_page=lid,
    )


async def read_smart(device: Device, nsid: int | None, clear: Journalled | None) -> Read[SmartLog]:
    """SMART of the controller, or of a namespace where the controller has one for each; NVME_UNSUPPORTED if not."""
    async with device.open() as session:
        if nsid is not None:
            (await device.capabilities(session)).require("smart_per_namespace")
            require_nsid(nsid)
        page = partial(
            get_log_page, LogPage.SMART_HEALTH_INFORMATION, rae=True, nsid=NSID_ALL if nsid is None else nsid
        )
        data, retained = await _read_fixed(session, _Fixed(page, SmartLog.SIZE, SmartLog.SIZE), clear)
        return Read(SmartLog.parse(data), data, retained)


async def read_errors(device: Device, entries_max: int, clear: Journalled | None) -> Read[Errors]:
    """The newest `entries_max` entries of the error log, all of them for 0.

    Of a controller that reads no log in parts (LPA bit 2), as many as one command brings, and a word that there may
    be more.
    """
    async with device.open() as session:
        identity = await device.identify(session)
        capacity = identity.elpe + 1
        wanted = entries = min(entries_max or capacity, capacity)
        if (reach := await one_command_bytes(session)) is not None:
            entries = min(wanted, reach // ErrorLogEntry.SIZE)
        page = partial(get_log_page, LogPage.ERROR_INFORMATION, rae=True, nsid=controller_nsid(identity))
        try:
            data, retained = await _read_fixed(session, _error_log(page, entries), clear)
        except NvmedError as exc:
            if exc.nvme is None or entries == 1:
                raise
            entries -= 1  # some controllers write into ELPE how many there are, not one less
            data, retained = await _read_fixed(session, _error_log(page, entries), clear)
        found = health.parse_errors(data)
        return Read(Errors(found, capacity, _missing(wanted, entries, len(found))), data, retained)


def _error_log(page: Page, entries: int) -> _Fixed:
    return _Fixed(page, entries * ErrorLogEntry.SIZE, ErrorLogEntry.SIZE, Zeros.FINE)


def _missing(wanted: int, entries: int, found: int) -> tuple[Omission, ...]:
    """What of the error log was not read, if there can be any."""
    if entries == wanted or found < entries:
        return ()
    why = f"there may be more than these {found} of {wanted}, which the controller does not give"
    return (Omission("error_log_entries", Reason.NVME_UNSUPPORTED.name, why),)


async def read_effects(device: Device, csi: int) -> Read[EffectsLog]:
    """Which commands there are, and what they affect."""
    async with device.open() as session:
        (await device.capabilities(session)).require("commands_supported_and_effects")
        page = partial(get_log_page, LogPage.COMMANDS_SUPPORTED_AND_EFFECTS, csi=csi)
        data = await _read_meant(session, page, EffectsLog.SIZE)
        return Read(EffectsLog.parse(data), data, True)


async def read_self_tests(device: Device) -> Read[SelfTestLog]:
    """The self-test that runs, and the results of earlier ones."""
    async with device.open() as session:
        (await device.capabilities(session)).require("device_self_test")
        return await _read_self_tests(session)


async def _read_self_tests(session: Session) -> Read[SelfTestLog]:
    page = partial(get_log_page, LogPage.DEVICE_SELF_TEST, nsid=NSID_ALL)
    data = await read_bytes(session, page, 0, SelfTestLog.SIZE)
    return Read(SelfTestLog.parse(data), data, True)


async def read_sanitize_status(device: Device, clear: Journalled | None) -> Read[SanitizeStatus]:
    """How the last sanitize operation is or ended."""
    async with device.open() as session:
        (await device.capabilities(session)).require("sanitize")
        page = partial(get_log_page, LogPage.SANITIZE_STATUS, rae=True)
        # Never sanitized is SPROG FFFFh (Base 2.0, figure 265), but drives exist that say so with zeros.
        log = _Fixed(page, SanitizeStatus.SIZE, SanitizeStatus.SIZE, Zeros.DOUBTFUL)
        data, retained = await _read_fixed(session, log, clear)
        version = (await device.identify(session)).ver
        return Read(SanitizeStatus.parse(data, version), data, retained)


async def read_supported_pages(device: Device) -> Read[SupportedLogPages]:
    """Which log pages there are."""
    async with device.open() as session:
        (await device.capabilities(session)).require("supported_log_pages")
        page = partial(get_log_page, LogPage.SUPPORTED_LOG_PAGES)
        data = await _read_meant(session, page, SupportedLogPages.SIZE)
        return Read(SupportedLogPages.parse(data), data, True)


# -- self-tests


async def start_self_test(device: Device, code: SelfTestCode, nsid: int, change: Journalled | None) -> int:
    """Start a self-test of the controller (`nsid` 0), one namespace or all, or abort the one that runs; only ask with
    None. Returns the minutes that an extended one takes, 0 where the controller does not say.

    Raises NVME_UNSUPPORTED, NVME_BUSY while another one runs, NAMESPACE_NOT_FOUND.
    """
    async with device.open() as session:
        (await device.capabilities(session)).require("device_self_test")
        if nsid not in (0, NSID_ALL):
            require_nsid(nsid)
        running = (await _read_self_tests(session)).log
        if running.running and code is not SelfTestCode.ABORT:
            raise error(
                Reason.NVME_BUSY,
                f"a self-test is running, {running.percent_complete} % done; wait for it or abort it",
                retry_delay_ms=60_000,
                percent_complete=running.percent_complete,
            )
        if change is not None:
            await change("self_test", partial(_self_test, session, code, nsid))
        return (await device.identify(session)).edstt if code is SelfTestCode.EXTENDED else 0


async def _self_test(session: Session, code: SelfTestCode, nsid: int) -> None:
    await session.mutate(health.device_self_test(code, nsid))
