"""What a namespace is to be, held against what its drive says that namespaces can be, before and after."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from nvmed.nvme.identify import IdentifyController, IdentifyNamespace
from nvmed.nvme.layout import bit, bits, malformed
from nvmed.nvme.namespace import NamespaceSettings, ProtectionInformation
from nvmed.reasons import Reason, error, invalid_field

EXTENDED, SEPARATE = 0, 1
"""Bits of MC: where metadata may be. FLBAS bit 4 says where they are."""
FLBAS_EXTENDED: Final = 4
FIRST, LAST = 3, 4
"""Bits of DPC: whether protection information may be the first or the last bytes of the metadata."""
DPS_FIRST: Final = 3
PROTECTION_BYTES: Final = 8
THIN: Final = 0
"""Bit of NSFEAT."""
CMIC_ANA: Final = 3
CTRATT_SETS, CTRATT_ENDURANCE = 2, 4


@dataclass(frozen=True, slots=True)
class Layout:
    """A format, and what becomes of its metadata."""

    format_index: int
    extended_metadata: bool
    protection: int
    protection_first: bool

    @classmethod
    def of(cls, namespace: IdentifyNamespace) -> Layout:
        """What a namespace has."""
        return cls(
            namespace.format_index,
            bit(namespace.flbas, FLBAS_EXTENDED),
            bits(namespace.dps, 2, 0),
            bit(namespace.dps, DPS_FIRST),
        )


def check_layout(wanted: Layout, can: IdentifyNamespace) -> None:
    """Raise INVALID_FIELD for what the drive says that its namespaces cannot be (MC, DPC, the format's metadata)."""
    metadata_bytes = can.lbaf[wanted.format_index].ms
    if wanted.extended_metadata and not metadata_bytes:
        raise invalid_field("extended_metadata", f"format {wanted.format_index} has no metadata")
    if metadata_bytes and not bit(can.mc, EXTENDED if wanted.extended_metadata else SEPARATE):
        must = (
            "must not be set: this drive keeps metadata in buffers of their own"
            if wanted.extended_metadata
            else ("must be set: this drive keeps metadata with the data alone")
        )
        raise invalid_field("extended_metadata", f"{must} (MC)")
    if wanted.protection_first and not wanted.protection:
        raise invalid_field("protection_first", "needs a protection_type")
    if not wanted.protection:
        return
    if wanted.protection > ProtectionInformation.TYPE_3:  # what the namespace has, for nobody can ask for it
        raise malformed(f"The namespace has protection information of type {wanted.protection}, which there is not")
    if not bit(can.dpc, wanted.protection - 1):
        types = ", ".join(str(one) for one in (1, 2, 3) if bit(can.dpc, one - 1)) or "none"
        raise invalid_field("protection_type", f"is {wanted.protection}; the drive has {types} (DPC)")
    if metadata_bytes < PROTECTION_BYTES:
        raise invalid_field(
            "protection_type",
            f"needs {PROTECTION_BYTES} bytes of metadata, and format {wanted.format_index} has {metadata_bytes}",
        )
    if not bit(can.dpc, FIRST if wanted.protection_first else LAST):
        place = "last" if wanted.protection_first else "first"
        raise invalid_field("protection_first", f"the drive has protection information {place} alone (DPC)")


def check_creation(wanted: NamespaceSettings, can: IdentifyNamespace, controller: IdentifyController) -> None:
    """Raise INVALID_FIELD for what a new namespace of this drive cannot be."""
    if wanted.ncap < wanted.nsze and not bit(can.nsfeat, THIN):
        raise invalid_field(
            "capacity_blocks", f"is {wanted.ncap} of {wanted.nsze}; the drive has no thin provisioning (NSFEAT bit 0)"
        )
    for field, value, has, most, what in (
        ("ana_group_id", wanted.anagrpid, bit(controller.cmic, CMIC_ANA), controller.anagrpmax, "ANA groups (CMIC)"),
        ("nvm_set_id", wanted.nvmsetid, bit(controller.ctratt, CTRATT_SETS), controller.nsetidmax, "NVM sets (CTRATT)"),
        (
            "endurance_group_id",
            wanted.endgid,
            bit(controller.ctratt, CTRATT_ENDURANCE),
            controller.endgidmax,
            "endurance groups (CTRATT)",
        ),
    ):
        if value and not has:
            raise invalid_field(field, f"is {value}; the drive has no {what}")
        if value and most and value > most:
            raise invalid_field(field, f"is {value}; the drive has 1 to {most}")


def require_made(nsid: int, wanted: NamespaceSettings, made: IdentifyNamespace) -> None:
    """Raise NVME_DATA_INVALID if a new namespace is not what was asked for: it is there all the same."""
    differences = list(_differences(wanted, made))
    if differences:
        raise error(
            Reason.NVME_DATA_INVALID,
            f"namespace {nsid} was created, but {'; '.join(differences)}: use it as it is, or delete it",
            nsid=nsid,
        )


def _differences(wanted: NamespaceSettings, made: IdentifyNamespace) -> Iterator[str]:
    for field, asked, got in (
        ("size_blocks", wanted.nsze, made.nsze),
        ("lba_format and extended_metadata", wanted.flbas, made.flbas),
        ("protection_type", bits(wanted.dps, 2, 0), bits(made.dps, 2, 0)),
        ("shared", bit(wanted.nmic, 0), bit(made.nmic, 0)),
        ("ana_group_id", wanted.anagrpid, made.anagrpid if wanted.anagrpid else 0),
        ("nvm_set_id", wanted.nvmsetid, made.nvmsetid if wanted.nvmsetid else 0),
        ("endurance_group_id", wanted.endgid, made.endgid if wanted.endgid else 0),
    ):
        if asked != got:
            yield f"its {field} is {got}, not {asked}"
    if made.ncap < wanted.ncap:
        yield f"its capacity_blocks is {made.ncap}, not {wanted.ncap}"


def require_formatted(nsid: int, wanted: Layout, made: IdentifyNamespace) -> None:
    """Raise NVME_DATA_INVALID if a namespace is not what it was formatted to."""
    got = Layout.of(made)
    if got != wanted:
        raise error(
            Reason.NVME_DATA_INVALID,
            f"namespace {nsid} has {described(got)} after it was formatted to {described(wanted)}; look at the drive",
            nsid=nsid,
        )


def described(layout: Layout) -> str:
    """A layout for people."""
    metadata = ", metadata with the data" if layout.extended_metadata else ""
    place = " first" if layout.protection_first else " last"
    protection = f", protection type {layout.protection}{place}" if layout.protection else ""
    return f"format {layout.format_index}{metadata}{protection}"
