"""Sanitize: what a drive can do, the command, and what its log means (Base 2.1, sections 5.1.22 and 8.1.24)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, unique
from typing import Final

from nvmed.nvme.health import NOT_REPORTED, SanitizePhase, SanitizeState, SanitizeStatus
from nvmed.nvme.layout import V2_1, bit, bits
from nvmed.nvme.opcodes import AdminOpcode
from nvmed.nvme.transport import Command
from nvmed.reasons import invalid_field

PASSES_MAX: Final = 16
"""OWPASS has four bits, of which 0 means 16."""

NODMMAS_NOT_MODIFIED: Final = 1


@unique
class Action(IntEnum):
    """SANACT, bits 2:0 of CDW10."""

    EXIT_FAILURE_MODE = 1
    BLOCK_ERASE = 2
    OVERWRITE = 3
    CRYPTO_ERASE = 4
    EXIT_MEDIA_VERIFICATION = 5


ERASING: Final = (Action.BLOCK_ERASE, Action.OVERWRITE, Action.CRYPTO_ERASE)


@dataclass(frozen=True, slots=True)
class SanitizeCapabilities:
    """SANICAP of Identify Controller."""

    sanicap: int

    @property
    def actions(self) -> frozenset[Action]:
        """The ways of erasing that the drive has."""
        known = ((0, Action.CRYPTO_ERASE), (1, Action.BLOCK_ERASE), (2, Action.OVERWRITE))
        return frozenset(action for number, action in known if bit(self.sanicap, number))

    @property
    def media_verification(self) -> bool:
        """Whether it can show its media after erasing, before it deallocates them (VERS)."""
        return bit(self.sanicap, 3)

    @property
    def no_deallocate_inhibited(self) -> bool:
        """Whether it deallocates although the command says not to, or refuses such a command (NDI)."""
        return bit(self.sanicap, 29)


@dataclass(frozen=True, slots=True)
class Sanitize:
    """What a Sanitize command asks for; `passes` (1 to 16), `pattern` and `invert` are of an overwrite alone."""

    action: Action
    passes: int = 1
    pattern: int = 0
    invert: bool = False
    no_deallocate: bool = False
    unrestricted_exit: bool = False
    media_verification: bool = False

    def command(self) -> Command:
        """The command, which is answered once the drive has begun."""
        erases = self.action in ERASING
        overwrites = self.action is Action.OVERWRITE
        if overwrites and not 1 <= self.passes <= PASSES_MAX:
            raise invalid_field("overwrite.passes", f"is {self.passes}; there are 1 to {PASSES_MAX}")
        return Command(
            AdminOpcode.SANITIZE,
            cdw10=(
                self.action
                | (erases and self.unrestricted_exit) << 3
                | (self.passes % PASSES_MAX << 4 if overwrites else 0)
                | (overwrites and self.invert) << 8
                | (erases and self.no_deallocate) << 9
                | (erases and self.media_verification) << 10
            ),
            cdw11=self.pattern if overwrites else 0,
        )


def decode(cdw10: int, cdw11: int) -> Sanitize | None:
    """What a Sanitize command asks for; None for an action that does not exist."""
    action = bits(cdw10, 2, 0)
    if action not in set(Action):
        return None
    return Sanitize(
        action=Action(action),
        passes=bits(cdw10, 7, 4) or PASSES_MAX,
        pattern=cdw11,
        invert=bit(cdw10, 8),
        no_deallocate=bit(cdw10, 9),
        unrestricted_exit=bit(cdw10, 3),
        media_verification=bit(cdw10, 10),
    )


def estimate_seconds(status: SanitizeStatus, wanted: Sanitize) -> int | None:
    """How long the drive says that it will take; None where it does not.

    An estimate without deallocation that is not there is that with it (Base 2.1, figure 291).
    """
    plain, kept = {
        Action.OVERWRITE: (status.overwrite_seconds, status.overwrite_no_deallocate_seconds),
        Action.BLOCK_ERASE: (status.block_erase_seconds, status.block_erase_no_deallocate_seconds),
        Action.CRYPTO_ERASE: (status.crypto_erase_seconds, status.crypto_erase_no_deallocate_seconds),
    }[wanted.action]
    found = kept if wanted.no_deallocate and kept != NOT_REPORTED else plain
    return None if found == NOT_REPORTED else found


def is_running(status: SanitizeStatus) -> bool:
    """Whether an operation is under way: erasing, showing its media, or deallocating them afterwards."""
    return status.state == SanitizeState.IN_PROGRESS


def is_verifying(status: SanitizeStatus) -> bool:
    """Whether the drive has erased and shows its media, until it is told to go on."""
    return is_running(status) and status.phase == SanitizePhase.MEDIA_VERIFICATION


def is_failed(status: SanitizeStatus, version: int) -> bool:
    """Whether the drive is in failure mode. One before 2.1 says of its last operation that it failed, left or not."""
    if status.state != SanitizeState.FAILED:
        return False
    return version < V2_1 or status.phase in (SanitizePhase.RESTRICTED_FAILURE, SanitizePhase.UNRESTRICTED_FAILURE)


def is_restricted_failure(status: SanitizeStatus) -> bool:
    """Whether it failed so that nothing but another restricted attempt leaves that state.

    Drives before 2.1 do not say which; their last command does (AUSE).
    """
    if status.state != SanitizeState.FAILED:
        return False
    if status.phase in (SanitizePhase.RESTRICTED_FAILURE, SanitizePhase.UNRESTRICTED_FAILURE):
        return status.phase == SanitizePhase.RESTRICTED_FAILURE
    return not bit(status.scdw10, 3)


def deallocated(status: SanitizeStatus) -> bool:
    """Whether what was erased is deallocated: as asked for, or although it was not."""
    return not bit(status.scdw10, 9) or status.state == SanitizeState.COMPLETED_UNEXPECTED_DEALLOCATE
