"""Identify: what controllers and namespaces say about themselves (Base 2.0, section 5.17; NVM 1.0, section 4.1.5).

Fields carry the specification's names. Each structure's dataclass is its layout, for reading and for building.
"""

from __future__ import annotations

import uuid as uuids
from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum, unique

from nvmed.nvme.layout import (
    U8,
    U16,
    U24,
    U32,
    U64,
    U128,
    Buffer,
    Structure,
    array,
    at,
    bit,
    bits,
    malformed,
    raw,
    record,
    text,
    zero_terminated,
)
from nvmed.nvme.opcodes import (
    IDENTIFY_BYTES,
    NSID_ALL,
    NSID_MAX,
    AdminOpcode,
    CommandSetIdentifier,
    IdentifyCns,
)
from nvmed.nvme.transport import Command
from nvmed.reasons import Reason, error, invalid_field

MINIMUM_PAGE_BYTES = 4096
"""A memory page when CAP.MPSMIN is 0, as on every controller that Linux drives. MDTS counts in these."""

CONTROLLER_LIST_MAX = 2047
NAMESPACE_LIST_MAX = 1024
LBA_FORMATS = 64


@dataclass(frozen=True, slots=True)
class PowerState(Structure):
    """A power state descriptor (Base 2.0, figure 276)."""

    SIZE = 32

    mp: int = at(0, U16)
    flags: int = at(3, U8)
    enlat: int = at(4, U32)
    exlat: int = at(8, U32)

    @property
    def is_non_operational(self) -> bool:
        """NOPS: whether I/O is not processed in this state."""
        return bit(self.flags, 1)


POWER_STATES = 32


@dataclass(frozen=True, slots=True)
class IdentifyController(Structure):
    """Identify Controller data structure, CNS 01h (Base 2.0, figure 275)."""

    SIZE = IDENTIFY_BYTES

    vid: int = at(0, U16)
    ssvid: int = at(2, U16)
    sn: str = at(4, text(20))
    mn: str = at(24, text(40))
    fr: str = at(64, text(8))
    rab: int = at(72, U8)
    ieee: int = at(73, U24)
    cmic: int = at(76, U8)
    mdts: int = at(77, U8)
    cntlid: int = at(78, U16)
    ver: int = at(80, U32)
    rtd3r: int = at(84, U32)
    rtd3e: int = at(88, U32)
    oaes: int = at(92, U32)
    ctratt: int = at(96, U32)
    rrls: int = at(100, U16)
    bpcap: int = at(102, U8)
    nssl: int = at(104, U32)
    plsi: int = at(110, U8)
    cntrltype: int = at(111, U8)
    fguid: bytes = at(112, raw(16))
    crdt1: int = at(128, U16)
    crdt2: int = at(130, U16)
    crdt3: int = at(132, U16)
    crcap: int = at(134, U8)
    ciu: int = at(135, U8)
    cirn: int = at(136, U64)
    nvmsr: int = at(253, U8)
    vwci: int = at(254, U8)
    mec: int = at(255, U8)
    oacs: int = at(256, U16)
    acl: int = at(258, U8)
    aerl: int = at(259, U8)
    frmw: int = at(260, U8)
    lpa: int = at(261, U8)
    elpe: int = at(262, U8)
    npss: int = at(263, U8)
    avscc: int = at(264, U8)
    apsta: int = at(265, U8)
    wctemp: int = at(266, U16)
    cctemp: int = at(268, U16)
    mtfa: int = at(270, U16)
    hmpre: int = at(272, U32)
    hmmin: int = at(276, U32)
    tnvmcap: int = at(280, U128)
    unvmcap: int = at(296, U128)
    rpmbs: int = at(312, U32)
    edstt: int = at(316, U16)
    dsto: int = at(318, U8)
    fwug: int = at(319, U8)
    kas: int = at(320, U16)
    hctma: int = at(322, U16)
    mntmt: int = at(324, U16)
    mxtmt: int = at(326, U16)
    sanicap: int = at(328, U32)
    hmminds: int = at(332, U32)
    hmmaxd: int = at(336, U16)
    nsetidmax: int = at(338, U16)
    endgidmax: int = at(340, U16)
    anatt: int = at(342, U8)
    anacap: int = at(343, U8)
    anagrpmax: int = at(344, U32)
    nanagrpid: int = at(348, U32)
    pels: int = at(352, U32)
    domainid: int = at(356, U16)
    kpioc: int = at(358, U8)
    mptfawr: int = at(360, U16)
    megcap: int = at(368, U128)
    tmpthha: int = at(384, U8)
    cqt: int = at(386, U16)
    sqes: int = at(512, U8)
    cqes: int = at(513, U8)
    maxcmd: int = at(514, U16)
    nn: int = at(516, U32)
    oncs: int = at(520, U16)
    fuses: int = at(522, U16)
    fna: int = at(524, U8)
    vwc: int = at(525, U8)
    awun: int = at(526, U16)
    awupf: int = at(528, U16)
    icsvscc: int = at(530, U8)
    nwpc: int = at(531, U8)
    acwu: int = at(532, U16)
    cdfs: int = at(534, U16)
    sgls: int = at(536, U32)
    mnan: int = at(540, U32)
    maxdna: int = at(544, U128)
    maxcna: int = at(560, U32)
    oaqd: int = at(564, U32)
    rhiri: int = at(568, U8)
    hirt: int = at(569, U8)
    cmmrtd: int = at(570, U16)
    nmmrtd: int = at(572, U16)
    minmrtg: int = at(574, U8)
    maxmrtg: int = at(575, U8)
    subnqn: str = at(768, zero_terminated(256))
    ioccsz: int = at(1792, U32)
    iorcsz: int = at(1796, U32)
    icdoff: int = at(1800, U16)
    fcatt: int = at(1802, U8)
    msdbd: int = at(1803, U8)
    ofcs: int = at(1804, U16)
    dctype: int = at(1806, U8)
    psd: tuple[PowerState, ...] = at(2048, array(record(PowerState), POWER_STATES))

    @property
    def max_transfer_bytes(self) -> int | None:
        """The largest transfer of one command, from MDTS; None is no limit."""
        return max_transfer_bytes(self.mdts)

    @property
    def command_retry_delays_ms(self) -> tuple[int, int, int]:
        """What a CRD of 1, 2 and 3 in a status means."""
        return (self.crdt1 * 100, self.crdt2 * 100, self.crdt3 * 100)

    @property
    def version(self) -> str:
        """VER as people write it, `2.0.0`; "" where the controller is older than 1.2 and reports none."""
        return f"{bits(self.ver, 31, 16)}.{bits(self.ver, 15, 8)}.{bits(self.ver, 7, 0)}" if self.ver else ""


@dataclass(frozen=True, slots=True)
class LbaFormat(Structure):
    """LBAF (NVM 1.0, figure 98): metadata size, logical block size as a power of two, relative performance."""

    SIZE = 4

    ms: int = at(0, U16)
    lbads: int = at(2, U8)
    rp: int = at(3, U8)


def lba_formats(*formats: LbaFormat) -> tuple[LbaFormat, ...]:
    """`IdentifyNamespace.lbaf` of these formats: always 64, as when it is read."""
    return (*formats, *(LbaFormat() for _ in range(LBA_FORMATS - len(formats))))


@dataclass(frozen=True, slots=True)
class IdentifyNamespace(Structure):
    """Identify Namespace data structure of the NVM command set, CNS 00h and 11h (NVM 1.0, figure 97)."""

    SIZE = IDENTIFY_BYTES

    nsze: int = at(0, U64)
    ncap: int = at(8, U64)
    nuse: int = at(16, U64)
    nsfeat: int = at(24, U8)
    nlbaf: int = at(25, U8)
    flbas: int = at(26, U8)
    mc: int = at(27, U8)
    dpc: int = at(28, U8)
    dps: int = at(29, U8)
    nmic: int = at(30, U8)
    rescap: int = at(31, U8)
    fpi: int = at(32, U8)
    dlfeat: int = at(33, U8)
    nawun: int = at(34, U16)
    nawupf: int = at(36, U16)
    nacwu: int = at(38, U16)
    nabsn: int = at(40, U16)
    nabo: int = at(42, U16)
    nabspf: int = at(44, U16)
    noiob: int = at(46, U16)
    nvmcap: int = at(48, U128)
    npwg: int = at(64, U16)
    npwa: int = at(66, U16)
    npdg: int = at(68, U16)
    npda: int = at(70, U16)
    nows: int = at(72, U16)
    mssrl: int = at(74, U16)
    mcl: int = at(76, U32)
    msrc: int = at(80, U8)
    kpios: int = at(81, U8)
    nulbaf: int = at(82, U8)
    kpiodaag: int = at(84, U32)
    anagrpid: int = at(92, U32)
    nsattr: int = at(99, U8)
    nvmsetid: int = at(100, U16)
    endgid: int = at(102, U16)
    nguid: bytes = at(104, raw(16))
    eui64: bytes = at(120, raw(8))
    lbaf: tuple[LbaFormat, ...] = at(128, array(record(LbaFormat), LBA_FORMATS))

    @property
    def format_index(self) -> int:
        """The LBA format in use: FLBAS bits 3:0 and, above them, 6:5; bit 4 is something else."""
        return bits(self.flbas, 3, 0) | bits(self.flbas, 6, 5) << 4

    @property
    def format(self) -> LbaFormat:
        """The LBA format in use."""
        return self.lbaf[self.format_index]

    @property
    def format_count(self) -> int:
        """How many LBA formats there are; NLBAF is zero-based."""
        return self.nlbaf + 1


@dataclass(frozen=True, slots=True)
class IdentifyNamespaceIndependent(Structure):
    """I/O Command Set Independent Identify Namespace, CNS 08h (Base 2.0, figure 280)."""

    SIZE = IDENTIFY_BYTES

    nsfeat: int = at(0, U8)
    nmic: int = at(1, U8)
    rescap: int = at(2, U8)
    fpi: int = at(3, U8)
    anagrpid: int = at(4, U32)
    nsattr: int = at(8, U8)
    nvmsetid: int = at(10, U16)
    endgid: int = at(12, U16)
    nstat: int = at(14, U8)


@dataclass(frozen=True, slots=True)
class IdentifyControllerNvm(Structure):
    """Identify Controller of the NVM command set, CNS 06h with CSI 0 (NVM 1.0, figure 102)."""

    SIZE = IDENTIFY_BYTES

    vsl: int = at(0, U8)
    wzsl: int = at(1, U8)
    wusl: int = at(2, U8)
    dmrl: int = at(3, U8)
    dmrsl: int = at(4, U32)
    dmsl: int = at(8, U64)


# -- commands


def identify(
    cns: int, *, nsid: int = 0, cntid: int = 0, cns_specific: int = 0, csi: int = 0, uuid_index: int = 0
) -> Command:
    """An Identify command; its data always are 4096 bytes."""
    for name, value, limit in (
        ("cns", cns, 0xFF),
        ("nsid", nsid, NSID_ALL),
        ("cntid", cntid, 0xFFFF),
        ("cns_specific", cns_specific, 0xFFFF),
        ("csi", csi, 0xFF),
        ("uuid_index", uuid_index, 0x7F),
    ):
        if not 0 <= value <= limit:
            raise invalid_field(name, f"{value} does not fit the field, which holds 0 to {limit}.")
    return Command(
        AdminOpcode.IDENTIFY, nsid, cdw10=cns | cntid << 16, cdw11=cns_specific | csi << 24, cdw14=uuid_index
    )


def identify_controller() -> Command:
    """Read `IdentifyController`."""
    return identify(IdentifyCns.CONTROLLER)


def identify_controller_nvm() -> Command:
    """Read `IdentifyControllerNvm`."""
    return identify(IdentifyCns.IO_COMMAND_SET_CONTROLLER, csi=CommandSetIdentifier.NVM)


def identify_namespace(nsid: int, cns: int = IdentifyCns.NAMESPACE) -> Command:
    """Read `IdentifyNamespace`: active ones with CNS 00h, allocated ones with 11h; NSID_ALL is what they share."""
    if not 0 < nsid <= NSID_ALL:
        raise invalid_field("nsid", f"{nsid} is no namespace identifier; use 1 to {NSID_ALL}.")
    return identify(cns, nsid=nsid)


def identify_namespace_list(after: int = 0, *, allocated: bool = False) -> Command:
    """Read up to 1024 identifiers above `after`, of active or of all allocated namespaces."""
    if not 0 <= after < NSID_MAX:
        raise invalid_field("after", f"{after} is out of range; use 0 to {NSID_MAX - 1}.")
    cns = IdentifyCns.ALLOCATED_NAMESPACE_LIST if allocated else IdentifyCns.ACTIVE_NAMESPACE_LIST
    return identify(cns, nsid=after)


def identify_controller_list(first: int = 0, *, nsid: int = 0) -> Command:
    """Read the identifiers from `first` on of the subsystem's controllers, or of those that `nsid` is attached to."""
    cns = IdentifyCns.NAMESPACE_ATTACHED_CONTROLLER_LIST if nsid else IdentifyCns.CONTROLLER_LIST
    return identify(cns, nsid=nsid, cntid=first)


def identify_namespace_descriptors(nsid: int) -> Command:
    """Read the list that `parse_namespace_descriptors` takes."""
    return identify_namespace(nsid, IdentifyCns.NAMESPACE_IDENTIFICATION_DESCRIPTOR_LIST)


# -- what follows from fields


def max_transfer_bytes(mdts: int, page_bytes: int = MINIMUM_PAGE_BYTES) -> int | None:
    """The largest transfer of one command in bytes; None, not 0, is no limit.

    libnvme computes this in 32 bits, so that MDTS 19 becomes 18446744071562067968 and MDTS 20 becomes 0.
    """
    return page_bytes << mdts if mdts else None


def logical_block_bytes(namespace: IdentifyNamespace) -> int:
    """The namespace's logical block size, 512 bytes to 2 GiB.

    Raises NAMESPACE_NOT_FOUND where the structure is all zero, which is how controllers answer for an inactive
    namespace, and NVME_DATA_INVALID for a size that no block has (libnvme returns 1 or a negative size for both).
    """
    if namespace == IdentifyNamespace():
        raise error(Reason.NAMESPACE_NOT_FOUND, "The namespace is not active on this controller.")
    lbads = namespace.format.lbads
    if not 9 <= lbads <= 31:
        raise malformed(f"LBA format {namespace.format_index} has LBADS {lbads}; 9 to 31 make sense")
    return 1 << lbads


def size_bytes(namespace: IdentifyNamespace) -> int:
    """NSZE in bytes; errors as `logical_block_bytes`."""
    return namespace.nsze * logical_block_bytes(namespace)


# -- lists


def parse_namespace_list(data: Buffer) -> tuple[int, ...]:
    """The identifiers of a namespace list, up to the first 0 (Base 2.0, section 4.4.2)."""
    count = min(len(data) // 4, NAMESPACE_LIST_MAX)
    ids = (int.from_bytes(data[at : at + 4], "little") for at in range(0, count * 4, 4))
    return tuple(_until_zero(ids))


def _until_zero(ids: Iterable[int]) -> Iterable[int]:
    for nsid in ids:
        if nsid == 0:
            return
        yield nsid


def build_namespace_list(nsids: Iterable[int]) -> bytes:
    """The first 1024 of `nsids`, ascending and without repetition, in 4096 bytes."""
    ids = sorted(set(nsids))[:NAMESPACE_LIST_MAX]
    return b"".join(nsid.to_bytes(4, "little") for nsid in ids).ljust(IDENTIFY_BYTES, b"\0")


def parse_controller_list(data: Buffer) -> tuple[int, ...]:
    """The identifiers of a controller list (Base 2.0, section 4.4.1); NVME_DATA_INVALID if it lacks some it counts."""
    count = int.from_bytes(data[:2], "little")
    if len(data) < 2 or count > CONTROLLER_LIST_MAX or 2 + 2 * count > len(data):
        raise malformed(f"The controller list counts {count} entries in {len(data)} bytes")
    return tuple(int.from_bytes(data[at : at + 2], "little") for at in range(2, 2 + 2 * count, 2))


def build_controller_list(cntlids: Iterable[int]) -> bytes:
    """`cntlids`, ascending and without repetition as the specification wants them, in 4096 bytes.

    `invalid_field` if there are more than 2047: libnvme writes beyond its buffer then.
    """
    ids = sorted(set(cntlids))
    if len(ids) > CONTROLLER_LIST_MAX:
        raise invalid_field("controller_ids", f"{len(ids)} controllers; a list holds {CONTROLLER_LIST_MAX}.")
    return b"".join(number.to_bytes(2, "little") for number in (len(ids), *ids)).ljust(IDENTIFY_BYTES, b"\0")


@unique
class NamespaceIdentifierType(IntEnum):
    """NIDT (Base 2.0, figure 277)."""

    EUI64 = 1
    NGUID = 2
    UUID = 3
    CSI = 4


@dataclass(frozen=True, slots=True)
class NamespaceIdentifiers:
    """What a Namespace Identification Descriptor list names a namespace by; None where it has no such name."""

    eui64: bytes | None = None
    nguid: bytes | None = None
    uuid: uuids.UUID | None = None
    csi: int | None = None


_NID_BYTES: dict[int, int] = {
    NamespaceIdentifierType.EUI64: 8,
    NamespaceIdentifierType.NGUID: 16,
    NamespaceIdentifierType.UUID: 16,
    NamespaceIdentifierType.CSI: 1,
}


def parse_namespace_descriptors(data: Buffer) -> NamespaceIdentifiers:
    """Read a Namespace Identification Descriptor list (CNS 03h), up to its end or the first descriptor of length 0.

    Descriptors of an unknown type or of a wrong length are skipped, as Linux does; of two of a type the first counts.
    """
    found: dict[int, bytes] = {}
    at_byte = 0
    while at_byte + 4 <= len(data) and data[at_byte + 1]:
        kind, length = data[at_byte], data[at_byte + 1]
        value = bytes(data[at_byte + 4 : at_byte + 4 + length])
        if len(value) == length == _NID_BYTES.get(kind):
            found.setdefault(kind, value)
        at_byte += 4 + length
    uuid, csi = found.get(NamespaceIdentifierType.UUID), found.get(NamespaceIdentifierType.CSI)
    return NamespaceIdentifiers(
        eui64=found.get(NamespaceIdentifierType.EUI64),
        nguid=found.get(NamespaceIdentifierType.NGUID),
        uuid=uuids.UUID(bytes=uuid) if uuid else None,
        csi=csi[0] if csi else None,
    )


def build_namespace_descriptors(names: NamespaceIdentifiers) -> bytes:
    """The list of `names` in 4096 bytes."""
    values = (
        (NamespaceIdentifierType.EUI64, names.eui64),
        (NamespaceIdentifierType.NGUID, names.nguid),
        (NamespaceIdentifierType.UUID, names.uuid.bytes if names.uuid else None),
        (NamespaceIdentifierType.CSI, bytes([names.csi]) if names.csi is not None else None),
    )
    out = b"".join(bytes((kind, len(value), 0, 0)) + value for kind, value in values if value is not None)
    return out.ljust(IDENTIFY_BYTES, b"\0")
