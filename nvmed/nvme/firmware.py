"""Firmware: download, commit, slots (Base 2.0, sections 5.11, 5.12, 5.16.1.4 and 3.11)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum, unique

from nvmed.nvme.identify import IdentifyController
from nvmed.nvme.layout import U8, Structure, array, at, bit, bits, text
from nvmed.nvme.logpage import get_log_page
from nvmed.nvme.opcodes import AdminOpcode, LogPage
from nvmed.nvme.transport import Command
from nvmed.reasons import invalid_field

SLOTS = 7
IMAGE_END_MAX = 1 << 34
"""OFST and NUMD count dwords in 32 bits, so no image reaches beyond."""

GRANULARITY_BYTES = 4096
"""FWUG's unit, and what nvme-cli transfers when a drive reports nothing."""

FWUG_NOT_REPORTED = 0x00
FWUG_NO_RESTRICTION = 0xFF


@unique
class CommitAction(IntEnum):
    """CA of Firmware Commit (Base 2.0, figure 185)."""

    REPLACE = 0
    REPLACE_AND_ACTIVATE_AT_RESET = 1
    ACTIVATE_AT_RESET = 2
    ACTIVATE_IMMEDIATELY = 3
    REPLACE_BOOT_PARTITION = 6
    ACTIVATE_BOOT_PARTITION = 7


@dataclass(frozen=True, slots=True)
class FirmwareUpdates:
    """FRMW of Identify Controller, and what stands beside it (Base 2.0, figure 275).

    `slots` is 1 to 7. `activates_without_reset` allows commit action 3, whose longest pause is `activation_time_ms`,
    None where it is not reported. `detects_overlap` is "support multiple update detection", see `overlap_detected`.
    """

    slots: int
    slot_1_read_only: bool
    activates_without_reset: bool
    detects_overlap: bool
    activation_time_ms: int | None = None

    @classmethod
    def of(cls, controller: IdentifyController) -> FirmwareUpdates:
        """What a controller reports."""
        return cls(
            slots=bits(controller.frmw, 3, 1),
            slot_1_read_only=bit(controller.frmw, 0),
            activates_without_reset=bit(controller.frmw, 4),
            detects_overlap=bit(controller.frmw, 5),
            activation_time_ms=controller.mtfa * 100 or None,
        )

    @property
    def writable_slots(self) -> tuple[int, ...]:
        """The slots that an image may be committed to."""
        return tuple(range(2 if self.slot_1_read_only else 1, self.slots + 1))


@dataclass(frozen=True, slots=True)
class FirmwareSlots(Structure):
    """Firmware Slot Information log, LID 03h (Base 2.0, figure 212). A revision is "" where a slot is empty."""

    SIZE = 512

    afi: int = at(0, U8)
    revisions: tuple[str, ...] = at(8, array(text(8), SLOTS))

    @property
    def active_slot(self) -> int:
        """The slot of the running image, 1 to 7; 0 where the controller says nonsense."""
        return bits(self.afi, 2, 0)

    @property
    def next_slot(self) -> int:
        """The slot that the next controller level reset activates; 0 if that changes nothing or is not reported."""
        return bits(self.afi, 6, 4)

    def running_slot(self, revision: str) -> int:
        """The slot of the running image, whose revision Identify has: the only one that holds it, else `active_slot`.

        Some controllers go on reporting the slot that ran before until they are power cycled.
        """
        holding = [number for number, held in enumerate(self.revisions, 1) if held == revision]
        return holding[0] if revision and len(holding) == 1 else self.active_slot

    def revision(self, slot: int) -> str:
        """The image in slot 1 to 7, "" for none."""
        return self.revisions[slot - 1]


NO_SLOTS_SHOWN = FirmwareSlots(0, ("",) * SLOTS)
"""What is known of the slots of a controller that refuses the log."""


def read_slots() -> Command:
    """Read `FirmwareSlots`."""
    return get_log_page(LogPage.FIRMWARE_SLOT_INFORMATION, FirmwareSlots.SIZE)


# -- granularity and pieces


def granularity_bytes(fwug: int) -> int:
    """What every piece's length and offset must be a multiple of: FWUG in 4 KiB units.

    4 bytes where there is no restriction (FFh), 4 KiB where nothing is reported (0): those drives tend to want it
    (nvme-cli#1808, nvme-cli#2298).
    """
    if fwug == FWUG_NO_RESTRICTION:
        return 4
    return (fwug or 1) * GRANULARITY_BYTES


def transfer_bytes(fwug: int, max_transfer_bytes: int | None = None) -> int:
    """How large the pieces of a download should be: the granularity, or 4 KiB if that is smaller.

    `invalid_field` if a piece of the granularity exceeds `max_transfer_bytes` (MDTS or the queue's limit): then no
    download can be right.
    """
    piece = max(granularity_bytes(fwug), GRANULARITY_BYTES)
    if max_transfer_bytes is not None and piece > max_transfer_bytes:
        raise invalid_field(
            "transfer_bytes",
            f"the drive wants pieces of {piece} bytes (FWUG {fwug}), but one command carries at most "
            f"{max_transfer_bytes}.",
        )
    return piece


def padding_bytes(image_bytes: int, fwug: int) -> int:
    """How many bytes an image lacks to end on the drive's granularity; 0 where the drive reports none.

    A drive may refuse a last piece that is shorter than its granularity (Base 2.0, section 5.12.1).
    """
    if fwug in (FWUG_NOT_REPORTED, FWUG_NO_RESTRICTION):
        return 0
    return -image_bytes % granularity_bytes(fwug)


def plan_download(
    image_bytes: int,
    piece_bytes: int,
    offset_bytes: int = 0,
    *,
    granularity: int = 4,
    max_transfer_bytes: int | None = None,
) -> Iterator[tuple[int, int]]:
    """The pieces (offset on the drive, length) of a download, in order; only the last may be shorter.

    `offset_bytes` is where on the drive the bytes at hand begin. Everything is checked before the first piece:
    `invalid_field` for an image that is empty or no multiple of 4, for pieces or offset that are no multiple of
    `granularity` (see `granularity_bytes`), for pieces beyond `max_transfer_bytes`, for an end beyond 16 GiB.
    libnvme checks none of these, and reads beyond its buffer when pieces do not divide the image (libnvme#1120).
    """
    if image_bytes <= 0 or image_bytes % 4:
        raise invalid_field("image", f"{image_bytes} bytes; firmware is a multiple of 4 bytes and not empty.")
    if piece_bytes <= 0 or piece_bytes % 4 or piece_bytes % granularity:
        raise invalid_field("transfer_bytes", f"{piece_bytes}; it must be a multiple of {granularity} bytes.")
    if max_transfer_bytes is not None and piece_bytes > max_transfer_bytes:
        raise invalid_field("transfer_bytes", f"{piece_bytes}; one command carries {max_transfer_bytes} bytes.")
    if offset_bytes < 0 or offset_bytes % 4 or offset_bytes % granularity:
        raise invalid_field("offset_bytes", f"{offset_bytes}; it must be a multiple of {granularity} bytes.")
    end = offset_bytes + image_bytes
    if end > IMAGE_END_MAX:
        raise invalid_field("offset_bytes", f"the image would end at {end}; commands reach to {IMAGE_END_MAX}.")
    return ((offset, min(piece_bytes, end - offset)) for offset in range(offset_bytes, end, piece_bytes))


# -- commands


def download(offset_bytes: int, length_bytes: int) -> Command:
    """Firmware Image Download of one piece."""
    if length_bytes <= 0 or length_bytes % 4:
        raise invalid_field("length_bytes", f"{length_bytes}; a piece is a multiple of 4 bytes and not empty.")
    if offset_bytes < 0 or offset_bytes % 4 or offset_bytes + length_bytes > IMAGE_END_MAX:
        raise invalid_field("offset_bytes", f"{offset_bytes}; use a multiple of 4 that ends by {IMAGE_END_MAX}.")
    return Command(AdminOpcode.FIRMWARE_IMAGE_DOWNLOAD, cdw10=length_bytes // 4 - 1, cdw11=offset_bytes // 4)


def decode_download(command: Command) -> tuple[int, int]:
    """(offset, length) in bytes of a Firmware Image Download."""
    return command.cdw11 * 4, (command.cdw10 + 1) * 4


@dataclass(frozen=True, slots=True)
class Commit:
    """What a Firmware Commit asks for. Slot 0 leaves the choice to the controller; `action` may be a reserved value."""

    action: int
    slot: int = 0
    boot_partition: int = 0


def commit(action: CommitAction, slot: int = 0, boot_partition: int = 0) -> Command:
    """Firmware Commit. Ask `status.required_reset` before `status.check` about its completion."""
    if not 0 <= slot <= SLOTS:
        raise invalid_field("slot", f"{slot}; use 1 to {SLOTS}, or 0 to let the controller choose.")
    if boot_partition not in (0, 1):
        raise invalid_field("boot_partition", f"{boot_partition}; there are 0 and 1.")
    return Command(AdminOpcode.FIRMWARE_COMMIT, cdw10=slot | CommitAction(action) << 3 | boot_partition << 31)


def decode_commit(command: Command) -> Commit:
    """What a Firmware Commit asks for."""
    return Commit(bits(command.cdw10, 5, 3), bits(command.cdw10, 2, 0), bits(command.cdw10, 31, 31))


def overlap_detected(result: int) -> bool:
    """Whether Firmware Commit's dword 0 reports that another update got into this one: from another queue (bit 0) or a
    management endpoint (bit 1). Only meaningful with `FirmwareUpdates.detects_overlap` (Base 2.0, figure 187)."""
    return bits(result, 1, 0) != 0
