"""Namespaces: create, delete, attach, detach, format (Base 2.0, sections 5.14, 5.22 and 5.23)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum, unique

from nvmed.nvme.identify import LBA_FORMATS, IdentifyNamespace, build_controller_list
from nvmed.nvme.layout import U8, U16, U32, U64, Structure, array, at, bit, bits
from nvmed.nvme.opcodes import CONTROLLER_ID_MAX, IDENTIFY_BYTES, NSID_ALL, NSID_MAX, AdminOpcode
from nvmed.nvme.transport import Command
from nvmed.reasons import invalid_field


@unique
class AttachmentSelect(IntEnum):
    """SEL of Namespace Attachment."""

    ATTACH = 0
    DETACH = 1


@unique
class ManagementSelect(IntEnum):
    """SEL of Namespace Management."""

    CREATE = 0
    DELETE = 1


@unique
class SecureErase(IntEnum):
    """SES of Format NVM (Base 2.0, figure 189)."""

    NONE = 0
    USER_DATA = 1
    CRYPTOGRAPHIC = 2


@unique
class ProtectionInformation(IntEnum):
    """PI of Format NVM, and DPS bits 2:0 of a namespace."""

    DISABLED = 0
    TYPE_1 = 1
    TYPE_2 = 2
    TYPE_3 = 3


def require_nsid(nsid: int, *, broadcast: bool = False) -> int:
    """`nsid` if it names one namespace, or every one where `broadcast` is allowed; else `invalid_field`."""
    if 1 <= nsid <= NSID_MAX or (broadcast and nsid == NSID_ALL):
        return nsid
    every = f", or {NSID_ALL} for all" if broadcast else ""
    raise invalid_field("nsid", f"{nsid} names no namespace; use 1 to {NSID_MAX}{every}.")


# -- attachment


def attach(nsid: int, controller_ids: Iterable[int]) -> tuple[Command, bytes]:
    """Attach a namespace to controllers of its subsystem: the command and its 4096 bytes.

    The list is sorted and freed of repetitions, as the specification wants it and libnvme does not; `invalid_field` if
    it is empty, longer than 2047, or names a reserved identifier.
    """
    return _attachment(AttachmentSelect.ATTACH, nsid, controller_ids)


def detach(nsid: int, controller_ids: Iterable[int]) -> tuple[Command, bytes]:
    """Detach a namespace from controllers; as `attach`."""
    return _attachment(AttachmentSelect.DETACH, nsid, controller_ids)


def _attachment(select: AttachmentSelect, nsid: int, controller_ids: Iterable[int]) -> tuple[Command, bytes]:
    ids = sorted(set(controller_ids))
    if not ids:
        raise invalid_field("controller_ids", "no controller is named; name at least one.")
    if ids[0] < 0 or ids[-1] > CONTROLLER_ID_MAX:
        raise invalid_field("controller_ids", f"{ids[0]} to {ids[-1]}; identifiers are 0 to {CONTROLLER_ID_MAX}.")
    data = build_controller_list(ids)
    return Command(AdminOpcode.NAMESPACE_ATTACHMENT, require_nsid(nsid), cdw10=int(select)), data


# -- management


@dataclass(frozen=True, slots=True)
class NamespaceSettings(Structure):
    """Namespace Management, host software specified fields: what a new namespace is to be (Base 2.0, figure 291).

    Sizes are in logical blocks of the format that `flbas` selects (see `flbas_of`).
    """

    SIZE = IDENTIFY_BYTES

    nsze: int = at(0, U64)
    ncap: int = at(8, U64)
    flbas: int = at(26, U8)
    dps: int = at(29, U8)
    nmic: int = at(30, U8)
    anagrpid: int = at(92, U32)
    nvmsetid: int = at(100, U16)
    endgid: int = at(102, U16)
    lbstm: int = at(384, U64)
    nphndls: int = at(392, U16)
    placement_handles: tuple[int, ...] = at(512, array(U16, 128))


def flbas_of(format_index: int, *, extended_metadata: bool = False) -> int:
    """FLBAS of an LBA format 0 to 63: bits 3:0 and 6:5; bit 4 puts metadata into the data blocks."""
    _require_format(format_index)
    return format_index & 0xF | extended_metadata << 4 | format_index >> 4 << 5


def _require_format(index: int) -> None:
    if not 0 <= index < LBA_FORMATS:
        raise invalid_field("lba_format", f"{index}; there are formats 0 to {LBA_FORMATS - 1}.")


def create(settings: NamespaceSettings, csi: int = 0) -> tuple[Command, bytes]:
    """Create a namespace: the command and its data. Dword 0 of the completion is the new namespace's identifier."""
    if settings.nsze == 0:
        raise invalid_field("size_blocks", "0; a namespace has at least one logical block.")
    if settings.ncap > settings.nsze:
        raise invalid_field("capacity_blocks", f"{settings.ncap}; at most its size, {settings.nsze}.")
    if not 0 <= csi <= 0xFF:
        raise invalid_field("csi", f"{csi} does not fit the field, which holds 0 to 255.")
    command = Command(AdminOpcode.NAMESPACE_MANAGEMENT, cdw10=int(ManagementSelect.CREATE), cdw11=csi << 24)
    return command, settings.build()


def delete(nsid: int) -> Command:
    """Delete a namespace, or with NSID_ALL every one."""
    return Command(
        AdminOpcode.NAMESPACE_MANAGEMENT, require_nsid(nsid, broadcast=True), cdw10=int(ManagementSelect.DELETE)
    )


# -- format


@dataclass(frozen=True, slots=True)
class Format:
    """What a Format NVM asks for (Base 2.0, figure 189)."""

    lba_format: int
    secure_erase: int = SecureErase.NONE
    protection: int = ProtectionInformation.DISABLED
    protection_first: bool = False
    extended_metadata: bool = False


def format_nvm(nsid: int, settings: Format) -> Command:
    """Format a namespace, or with NSID_ALL every one. Formatting takes long: give the command a timeout."""
    _require_format(settings.lba_format)
    return Command(
        AdminOpcode.FORMAT_NVM,
        require_nsid(nsid, broadcast=True),
        cdw10=(
            settings.lba_format & 0xF
            | settings.extended_metadata << 4
            | ProtectionInformation(settings.protection) << 5
            | settings.protection_first << 8
            | SecureErase(settings.secure_erase) << 9
            | settings.lba_format >> 4 << 12
        ),
    )


def decode_format(command: Command) -> Format:
    """What a Format NVM asks for; reserved values stay as they are."""
    return Format(
        lba_format=bits(command.cdw10, 3, 0) | bits(command.cdw10, 13, 12) << 4,
        secure_erase=bits(command.cdw10, 11, 9),
        protection=bits(command.cdw10, 7, 5),
        protection_first=bool(bits(command.cdw10, 8, 8)),
        extended_metadata=bool(bits(command.cdw10, 4, 4)),
    )


_REPORTS_PROGRESS = 7
"""Bit of FPI: bits 6:0 are the percentage that is left."""


def remaining_percent(namespace: IdentifyNamespace) -> int | None:
    """How much of a format is left (FPI); None where the controller does not tell."""
    return bits(namespace.fpi, 6, 0) if bit(namespace.fpi, _REPORTS_PROGRESS) else None
