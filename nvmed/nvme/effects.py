"""What a controller supports, as logs: supported log pages (00h), commands and their effects (05h)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from nvmed.nvme.layout import U32, Structure, array, at, bit, bits
from nvmed.nvme.logpage import get_log_page
from nvmed.nvme.opcodes import LogPage
from nvmed.nvme.transport import Command

ENTRIES = 256


def table(values: Mapping[int, int]) -> tuple[int, ...]:
    """256 entries of the logs below, from those that are not 0."""
    return tuple(values.get(number, 0) for number in range(ENTRIES))


@dataclass(frozen=True, slots=True)
class CommandEffects:
    """Commands Supported and Effects data structure (Base 2.0, figure 211); `raw` is the dword."""

    raw: int

    @property
    def is_supported(self) -> bool:
        return bit(self.raw, 0)

    @property
    def changes_data(self) -> bool:
        """LBCC: logical block content may change."""
        return bit(self.raw, 1)

    @property
    def changes_namespace(self) -> bool:
        """NCC: capabilities of a single namespace may change."""
        return bit(self.raw, 2)

    @property
    def changes_inventory(self) -> bool:
        """NIC: the number of namespaces, or capabilities of several, may change."""
        return bit(self.raw, 3)

    @property
    def changes_controller(self) -> bool:
        """CCC: controller capabilities may change."""
        return bit(self.raw, 4)

    @property
    def submission(self) -> int:
        """CSE: 0 anything may run beside it, 1 nothing to the same namespace, 2 nothing to any namespace."""
        return bits(self.raw, 18, 16)

    @property
    def selects_uuid(self) -> bool:
        return bit(self.raw, 19)

    @property
    def scope(self) -> int:
        """CSP, a bit each: namespace, controller, NVM set, endurance group, domain, NVM subsystem."""
        return bits(self.raw, 31, 20)


@dataclass(frozen=True, slots=True)
class EffectsLog(Structure):
    """Commands Supported and Effects log, LID 05h (Base 2.0, figure 210): a dword for each opcode of each queue."""

    SIZE = 4096

    admin: tuple[int, ...] = at(0, array(U32, ENTRIES))
    io: tuple[int, ...] = at(1024, array(U32, ENTRIES))

    def of_admin(self, opcode: int) -> CommandEffects:
        """The effects of an admin command."""
        return CommandEffects(self.admin[opcode])

    def of_io(self, opcode: int) -> CommandEffects:
        """The effects of an I/O command."""
        return CommandEffects(self.io[opcode])


def read_effects(csi: int = 0) -> Command:
    """Read `EffectsLog` of an I/O command set."""
    return get_log_page(LogPage.COMMANDS_SUPPORTED_AND_EFFECTS, EffectsLog.SIZE, csi=csi)


@dataclass(frozen=True, slots=True)
class SupportedLogPages(Structure):
    """Supported Log Pages, LID 00h (Base 2.0, figure 204): a dword for each log page identifier."""

    SIZE = 1024

    pages: tuple[int, ...] = at(0, array(U32, ENTRIES))

    def is_supported(self, lid: int) -> bool:
        """LSUPP of a log page."""
        return bit(self.pages[lid], 0)

    def has_index_offset(self, lid: int) -> bool:
        """IOS: whether its offset may be an index (`ot`)."""
        return bit(self.pages[lid], 1)

    @property
    def identifiers(self) -> tuple[int, ...]:
        """The log pages there are."""
        return tuple(lid for lid in range(ENTRIES) if self.is_supported(lid))


def read_supported_log_pages() -> Command:
    """Read `SupportedLogPages`; LPA bit 5 says whether there is one."""
    return get_log_page(LogPage.SUPPORTED_LOG_PAGES, SupportedLogPages.SIZE)
