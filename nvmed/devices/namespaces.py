"""Namespaces as a drive knows them: which are allocated and attached, to whom, and what they are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from nvmed.devices.controller import Device, Session
from nvmed.devices.omission import Omission, unless_refused
from nvmed.errors import NvmedError
from nvmed.nvme import identify
from nvmed.nvme.identify import IdentifyNamespace, LbaFormat
from nvmed.nvme.opcodes import CONTROLLER_ID_MAX, IDENTIFY_BYTES, NSID_ALL, NSID_MAX, IdentifyCns
from nvmed.nvme.transport import Command
from nvmed.reasons import Reason, error, invalid_field

MANAGEMENT: Final = "namespace_management"
"""The capability that comes with the lists of allocated namespaces and of controllers (Base 2.0, figure 274)."""

BLOCK_BITS_MIN, BLOCK_BITS_MAX = 9, 31
"""LBADS that make sense: 512 bytes to 2 GiB."""


@dataclass(frozen=True, slots=True)
class Allocated:
    """A namespace of the subsystem, and whom it is attached to as far as the drive tells."""

    nsid: int
    is_attached: bool
    controller_ids: tuple[int, ...]
    node: str


@dataclass(frozen=True, slots=True)
class Identity:
    """What Identify says of a namespace, attached to the controller that was asked or not."""

    nsid: int
    data: IdentifyNamespace
    raw: bytes
    is_attached: bool
    controller_ids: tuple[int, ...]
    omissions: tuple[Omission, ...] = ()


@dataclass(frozen=True, slots=True)
class AllocatedPage:
    """Namespaces in order, whether more follow, and what the drive refused to tell of them."""

    namespaces: tuple[Allocated, ...]
    has_more: bool
    omissions: tuple[Omission, ...]


def node_of(device: Device, nsid: int) -> str:
    """The block device that leads to a namespace by this controller, "" if the kernel shows none."""
    return next((one.node for one in device.node.namespaces if one.nsid == nsid), "")


def is_shown(device: Device, nsid: int) -> bool:
    """Whether the kernel shows a namespace by this controller, with whatever nodes."""
    return any(one.nsid == nsid for one in device.node.namespaces)


async def list_nsids(session: Session, *, allocated: bool, after: int = 0) -> tuple[int, ...]:
    """Identifiers above `after` of the subsystem's allocated namespaces, or of those attached to the controller."""
    found: list[int] = []
    while after < NSID_MAX:
        data = await _identify(session, identify.identify_namespace_list(after, allocated=allocated))
        part = identify.parse_namespace_list(data)
        new = _ascending(part, after)
        found += new
        if len(part) < identify.NAMESPACE_LIST_MAX or not new:
            break
        after = new[-1]
    return tuple(found)


def _ascending(numbers: tuple[int, ...], after: int) -> list[int]:
    """Those above `after` and above all before them: a list that does not ascend would be asked for forever."""
    chosen: list[int] = []
    for number in numbers:
        if number > (chosen[-1] if chosen else after):
            chosen.append(number)
    return chosen


async def list_controllers(session: Session, nsid: int = 0) -> tuple[int, ...]:
    """Identifiers of the subsystem's controllers, or of those that a namespace is attached to."""
    found: list[int] = []
    last = -1
    while last < CONTROLLER_ID_MAX:
        data = await _identify(session, identify.identify_controller_list(last + 1, nsid=nsid))
        part = identify.parse_controller_list(data)
        new = _ascending(part, last)
        found += new
        if len(part) < identify.CONTROLLER_LIST_MAX or not new:
            break
        last = new[-1]
    return tuple(found)


async def list_allocated(device: Device, *, attached_only: bool, after: int, at_most: int) -> AllocatedPage:
    """The next `at_most` namespaces above `after`.

    A controller without namespace management has no namespaces but those attached to it.
    """
    omissions: list[Omission] = []
    async with device.open() as session:
        is_managed = (await device.capabilities(session)).has(MANAGEMENT)
        attached = await list_nsids(session, allocated=False, after=after)
        nsids = attached
        if is_managed and not attached_only:
            allocated = list_nsids(session, allocated=True, after=after)
            nsids = await unless_refused("namespaces", allocated, attached, omissions)
        shown = nsids[:at_most]
        there = frozenset(attached)
        found = []
        for nsid in shown:
            ids: tuple[int, ...] = ()
            if is_managed and not _refuses_controllers(omissions):
                ids = await unless_refused("namespaces.controller_ids", list_controllers(session, nsid), ids, omissions)
            found.append(Allocated(nsid, nsid in there, ids, node_of(device, nsid)))
    return AllocatedPage(tuple(found), len(nsids) > len(shown), tuple(omissions))


def _refuses_controllers(omissions: list[Omission]) -> bool:
    """Whether the drive refused that question: asking it of each namespace would fill its error log."""
    return any(one.field == "namespaces.controller_ids" for one in omissions)


async def require_allocated(session: Session, nsid: int) -> None:
    """Raise NAMESPACE_NOT_FOUND unless the subsystem has the namespace."""
    if (await list_nsids(session, allocated=True, after=nsid - 1))[:1] != (nsid,):
        raise _no_such(session, nsid)


async def read_active(session: Session, nsid: int) -> tuple[IdentifyNamespace, bytes]:
    """Identify of a namespace that is attached to the controller; NAMESPACE_NOT_FOUND of any other."""
    raw = await _identify(session, identify.identify_namespace(nsid))
    data = IdentifyNamespace.parse(raw)
    if data == IdentifyNamespace():  # how controllers answer for an inactive namespace
        raise _no_such(session, nsid, "attached to it")
    return data, raw


async def read_allocated(session: Session, nsid: int) -> IdentifyNamespace:
    """Identify of a namespace of the subsystem, attached or not; all zero where there is none."""
    return IdentifyNamespace.parse(
        await _identify(session, identify.identify_namespace(nsid, IdentifyCns.ALLOCATED_NAMESPACE))
    )


async def read_identity(device: Device, nsid: int) -> Identity:
    """What a namespace is; NAMESPACE_NOT_FOUND where the subsystem has none of that number."""
    async with device.open() as session:
        is_managed = (await device.capabilities(session)).has(MANAGEMENT)
        raw = await _identify(session, identify.identify_namespace(nsid))
        is_attached = any(raw)
        if not is_attached and is_managed:
            raw = await _identify(session, identify.identify_namespace(nsid, IdentifyCns.ALLOCATED_NAMESPACE))
        if not any(raw):
            raise _no_such(session, nsid)
        omissions: list[Omission] = []
        ids: tuple[int, ...] = ()
        if is_managed:
            ids = await unless_refused("controller_ids", list_controllers(session, nsid), ids, omissions)
        return Identity(nsid, IdentifyNamespace.parse(raw), raw, is_attached, ids, tuple(omissions))


async def read_block_size(device: Device, nsid: int) -> tuple[IdentifyNamespace, int]:
    """A namespace and the size of its logical blocks; raises NAMESPACE_NOT_FOUND, NVME_DATA_INVALID."""
    async with device.open() as session:
        data, _ = await read_active(session, nsid)
        return data, identify.logical_block_bytes(data)


async def read_common(session: Session) -> IdentifyNamespace:
    """What all namespaces have in common: above all the formats that they can have.

    Controllers that manage namespaces must tell; NVME_UNSUPPORTED of one that does not (QEMU's), with its status.
    """
    try:
        return IdentifyNamespace.parse(await _identify(session, identify.identify_namespace(NSID_ALL)))
    except NvmedError as exc:
        if exc.nvme is None:
            raise
        raise error(
            Reason.NVME_UNSUPPORTED,
            "the controller does not tell what a namespace to be created can be: it refused Identify Namespace of "
            f"namespace {NSID_ALL:#x}",
            nvme=exc.nvme,
        ) from exc


def block_bytes(lba_format: LbaFormat) -> int:
    """The size of a format's logical blocks, 0 where the drive reports one that no block has."""
    return 1 << lba_format.lbads if BLOCK_BITS_MIN <= lba_format.lbads <= BLOCK_BITS_MAX else 0


def format_count(namespace: IdentifyNamespace) -> int:
    """How many formats there are: those of NLBAF and, above them, those of NULBAF."""
    return min(namespace.format_count + namespace.nulbaf, identify.LBA_FORMATS)


def choose_format(namespace: IdentifyNamespace, *, index: int | None = None, size_bytes: int | None = None) -> int:
    """The index of the format that a request names by index or by block size: without metadata, then the fastest.

    Raises INVALID_FIELD for one that the drive does not have, or that makes no sense.
    """
    formats = namespace.lbaf[: format_count(namespace)]
    if size_bytes is not None:
        fitting = [
            (one.rp, number)
            for number, one in enumerate(formats)
            if block_bytes(one) == size_bytes and size_bytes and not one.ms
        ]
        if not fitting:
            sizes = ", ".join(str(size) for size in sorted({block_bytes(one) for one in formats if not one.ms} - {0}))
            raise invalid_field(
                "logical_block_bytes", f"is {size_bytes}; without metadata the drive has blocks of {sizes} bytes"
            )
        return min(fitting)[1]
    index = index or 0
    if index >= len(formats):
        raise invalid_field("lba_format", f"is {index}; the drive has formats 0 to {len(formats) - 1}")
    if not block_bytes(formats[index]):
        raise invalid_field("lba_format", f"{index} has LBADS {formats[index].lbads}, which no block has")
    return index


async def _identify(session: Session, command: Command) -> bytes:
    data = bytearray(IDENTIFY_BYTES)
    await session.admin(command, data)
    return bytes(data)


def _no_such(session: Session, nsid: int, what: str = "in its subsystem") -> NvmedError:
    return error(
        Reason.NAMESPACE_NOT_FOUND,
        f"{session.device.resource_name} has no namespace {nsid} {what}; ListAllocatedNamespaces shows those there are",
        nsid=nsid,
        controller=session.device.resource_name,
    )
