"""Asymmetric namespace access (log 0Ch) and LBA status (log 0Eh): logs whose length the controller decides.

Base 2.0, sections 5.16.1.13 and 8.1; NVM 1.0, section 4.1.4.2.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum, unique

from nvmed.errors import NvmedError
from nvmed.nvme.layout import U8, U16, U32, U64, Buffer, Structure, at, bits, collected, malformed
from nvmed.nvme.logpage import get_log_page
from nvmed.nvme.opcodes import LogPage
from nvmed.nvme.transport import Command

RETURN_GROUPS_ONLY = 1
"""LSP bit 0 of the ANA log: no namespace identifiers."""


@unique
class AnaState(IntEnum):
    """How a group's namespaces can be reached through this controller (Base 2.0, figure 221)."""

    OPTIMIZED = 0x1
    NON_OPTIMIZED = 0x2
    INACCESSIBLE = 0x3
    PERSISTENT_LOSS = 0x4
    CHANGE = 0xF


@dataclass(frozen=True, slots=True)
class AnaLogHeader(Structure):
    """The log's header (Base 2.0, figure 220)."""

    SIZE = 16

    chgcnt: int = at(0, U64)
    ngrps: int = at(8, U16)


@dataclass(frozen=True, slots=True)
class AnaGroupHeader(Structure):
    """ANA Group Descriptor without its identifiers (Base 2.0, figure 221)."""

    SIZE = 32

    grpid: int = at(0, U32)
    nnsids: int = at(4, U32)
    chgcnt: int = at(8, U64)
    state: int = at(16, U8)


@dataclass(frozen=True, slots=True)
class AnaGroup:
    """A group: `state` is an `AnaState` or a reserved value; `nsids` is empty where only groups were asked for."""

    group_id: int
    change_count: int
    state: int
    nsids: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class AnaLog:
    """The log. `change_count` tells whether it changed between two commands that read it.

    `cut` says why there are fewer groups than the log counts; None where all are there.
    """

    change_count: int
    groups: tuple[AnaGroup, ...]
    cut: NvmedError | None = None

    def group_of(self, nsid: int) -> AnaGroup | None:
        """The group that a namespace belongs to."""
        return next((group for group in self.groups if nsid in group.nsids), None)


def ana_log_bytes(nanagrpid: int, mnan: int, *, groups_only: bool = False) -> int:
    """The largest size of the log, from Identify Controller: libnvme's `nvme_get_ana_log_len_from_id_ctrl`."""
    return AnaLogHeader.SIZE + nanagrpid * AnaGroupHeader.SIZE + (0 if groups_only else mnan * 4)


def read_ana_log(
    length_bytes: int, offset_bytes: int = 0, *, groups_only: bool = False, retain_async_event: bool = True
) -> Command:
    """Read a part of the log."""
    lsp = RETURN_GROUPS_ONLY if groups_only else 0
    return get_log_page(
        LogPage.ASYMMETRIC_NAMESPACE_ACCESS, length_bytes, offset_bytes, lsp=lsp, rae=retain_async_event
    )


def ana_log_extent(data: Buffer) -> int:
    """How long the log is at least, as far as its beginning in `data` tells; it is all there once that is not more."""
    end = AnaLogHeader.SIZE
    for _ in range(AnaLogHeader.parse(data).ngrps):
        start = end + AnaGroupHeader.SIZE
        if start > len(data):
            return start
        end = start + AnaGroupHeader.parse(data[end:start]).nnsids * 4
    return end


def parse_ana_log(data: Buffer) -> AnaLog:
    """Read the whole log, as far as its groups are there; NVME_DATA_INVALID where of those it counts none is."""
    header = AnaLogHeader.parse(data)
    groups, cut = collected(_parse_groups(data, header.ngrps))
    if cut is not None and not groups:
        raise cut
    return AnaLog(header.chgcnt, groups, cut)


def _parse_groups(data: Buffer, count: int) -> Iterator[AnaGroup]:
    at_byte = AnaLogHeader.SIZE
    for number in range(count):
        start = at_byte + AnaGroupHeader.SIZE
        if start > len(data):
            raise malformed(f"The ANA log ends at byte {len(data)}, before group {number} of {count}")
        header = AnaGroupHeader.parse(data[at_byte:start])
        end = start + header.nnsids * 4
        if header.grpid == 0:  # no identifier of a group: what follows a log that counts too many
            raise malformed(f"The ANA log counts {count} groups, and group {number} has no identifier")
        if end > len(data):
            raise malformed(f"ANA group {header.grpid} has {header.nnsids} namespaces, beyond the end of the log")
        nsids = tuple(int.from_bytes(data[at : at + 4], "little") for at in range(start, end, 4))
        yield AnaGroup(header.grpid, header.chgcnt, bits(header.state, 3, 0), nsids)
        at_byte = end


def build_ana_log(log: AnaLog, *, groups_only: bool = False) -> bytes:
    """The log's bytes."""
    parts = [AnaLogHeader(log.change_count, len(log.groups)).build()]
    for group in log.groups:
        nsids = () if groups_only else group.nsids
        parts.append(AnaGroupHeader(group.group_id, len(nsids), group.change_count, group.state).build())
        parts.extend(nsid.to_bytes(4, "little") for nsid in nsids)
    return b"".join(parts)


# -- LBA status

NO_LIST = 0xFFFF_FFFF
"""NLRD of an element that names no ranges: the whole namespace is to be looked at."""


@unique
class LbaStatusAction(IntEnum):
    """Action type to give Get LBA Status (NVM 1.0, figure 45)."""

    SCAN_UNTRACKED = 0x10
    RETURN_TRACKED = 0x11


@dataclass(frozen=True, slots=True)
class LbaStatusHeader(Structure):
    """The log's header; `lslplen` is the length of the whole log."""

    SIZE = 16

    lslplen: int = at(0, U32)
    nlslne: int = at(4, U32)
    estulb: int = at(8, U32)
    lsgc: int = at(14, U16)


@dataclass(frozen=True, slots=True)
class LbaStatusElementHeader(Structure):
    """LBA Status Log Namespace Element without its ranges."""

    SIZE = 16

    neid: int = at(0, U32)
    nlrd: int = at(4, U32)
    ratype: int = at(8, U8)


@dataclass(frozen=True, slots=True)
class LbaRange(Structure):
    """LBA Range Descriptor: starting LBA and number of logical blocks."""

    SIZE = 16

    rslba: int = at(0, U64)
    rnlb: int = at(8, U32)


@dataclass(frozen=True, slots=True)
class LbaStatusElement:
    """What to look at in one namespace: `ranges`, or the whole of it where that is None."""

    nsid: int
    recommended_action: int
    ranges: tuple[LbaRange, ...] | None


@dataclass(frozen=True, slots=True)
class LbaStatusLog:
    """The log: potentially unrecoverable blocks by namespace, their estimated number, and its generation.

    `cut` says why there are fewer elements than the log counts; None where all are there.
    """

    generation: int
    estimated_unrecoverable_blocks: int
    elements: tuple[LbaStatusElement, ...]
    cut: NvmedError | None = None


def lba_status_log_bytes(header: LbaStatusHeader) -> int:
    """How much to read: LSLPLEN, or the header where it is 0.

    NVME_DATA_INVALID where it is shorter than the header or no multiple of 4, which libnvme takes as it is and so reads
    into a buffer that is too small.
    """
    if header.lslplen == 0:
        return LbaStatusHeader.SIZE
    if header.lslplen < LbaStatusHeader.SIZE or header.lslplen % 4:
        raise malformed(f"LSLPLEN is {header.lslplen}; it must be 0 or a multiple of 4 from {LbaStatusHeader.SIZE} on")
    return header.lslplen


def read_lba_status_log(
    length_bytes: int = LbaStatusHeader.SIZE, offset_bytes: int = 0, *, retain_async_event: bool = True
) -> Command:
    """Read the header, or a part of the log."""
    return get_log_page(LogPage.LBA_STATUS_INFORMATION, length_bytes, offset_bytes, rae=retain_async_event)


def parse_lba_status_log(data: Buffer) -> LbaStatusLog:
    """Read the whole log, as far as its elements are there; NVME_DATA_INVALID where it contradicts itself."""
    header = LbaStatusHeader.parse(data)
    end = lba_status_log_bytes(header)
    if end > len(data):
        raise malformed(f"LSLPLEN is {end}, but {len(data)} bytes were read")
    if not header.lslplen:
        return LbaStatusLog(header.lsgc, header.estulb, ())
    elements, cut = collected(_parse_elements(data, header.nlslne, end))
    if cut is not None and not elements:
        raise cut
    return LbaStatusLog(header.lsgc, header.estulb, elements, cut)


def _parse_elements(data: Buffer, count: int, end: int) -> Iterator[LbaStatusElement]:
    at_byte = LbaStatusHeader.SIZE
    for number in range(count):
        start = at_byte + LbaStatusElementHeader.SIZE
        if start > end:
            raise malformed(f"The LBA status log ends at byte {end}, before element {number} of {count}")
        header = LbaStatusElementHeader.parse(data[at_byte:start])
        has_list = header.nlrd != NO_LIST
        at_byte = start + header.nlrd * LbaRange.SIZE if has_list else start
        if at_byte > end:
            raise malformed(f"Namespace {header.neid} has {header.nlrd} ranges, beyond the end of the LBA status log")
        starts = range(start, at_byte, LbaRange.SIZE)
        ranges = tuple(LbaRange.parse(data[at : at + LbaRange.SIZE]) for at in starts) if has_list else None
        yield LbaStatusElement(header.neid, header.ratype, ranges)


def build_lba_status_log(log: LbaStatusLog) -> bytes:
    """The log's bytes; LSLPLEN is 0 where there are no elements."""
    body = b"".join(_build_element(element) for element in log.elements)
    length = LbaStatusHeader.SIZE + len(body) if body else 0
    header = LbaStatusHeader(length, len(log.elements), log.estimated_unrecoverable_blocks, log.generation)
    return header.build() + body


def _build_element(element: LbaStatusElement) -> bytes:
    ranges: Sequence[LbaRange] = element.ranges or ()
    count = NO_LIST if element.ranges is None else len(ranges)
    header = LbaStatusElementHeader(element.nsid, count, element.recommended_action)
    return header.build() + _join(ranges)


def _join(items: Iterable[Structure]) -> bytes:
    return b"".join(item.build() for item in items)
