"""Firmware Image Download and Firmware Commit (Base 2.0, sections 5.12 and 5.11), and the slots they fill.

The simulator's image format is a header of 64 bytes and a payload; all of it random but the header, whose CRC the
drive checks, so that a gap, a swapped portion or a foreign file is an Invalid Firmware Image:

    0  8  magic "NVMEDSIM"
    8  8  revision, ASCII, blank filled
   16 40  model that the image is for, ASCII, blank filled; all blanks is any model
   56  4  size of the whole image in bytes
   60  4  CRC-32 of the payload
"""

from __future__ import annotations

import bisect
import random
import struct
import zlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from nvmed.nvme.firmware import (
    FWUG_NO_RESTRICTION,
    FWUG_NOT_REPORTED,
    Commit,
    CommitAction,
    decode_commit,
    decode_download,
)
from nvmed.nvme.persistent_event import EventType
from nvmed.simulator.events import FIRMWARE_ACTIVATION_STARTING
from nvmed.simulator.persistent_events import firmware_commit
from nvmed.simulator.refusal import Refused, Sc
from nvmed.simulator.request import Request
from nvmed.simulator.spec import PAGE_BYTES, Activation, FirmwareSpec

if TYPE_CHECKING:
    from nvmed.simulator.controller import Controller

MAGIC = b"NVMEDSIM"
HEADER = struct.Struct("<8s8s40sII")
MULTIPLE_UPDATE_DETECTED = 1
"""Dword 0 of Firmware Commit: portions came through more than one controller."""


def build_image(revision: str, size: int = 64 * 1024, model: str = "") -> bytes:
    """An image that a simulated drive of `model` (default: any) accepts; the same arguments make the same bytes."""
    if size < HEADER.size:
        raise ValueError(f"size: {size} is smaller than the header of {HEADER.size} bytes")
    payload = random.Random(f"{revision}/{size}/{model}").randbytes(size - HEADER.size)  # noqa: S311
    names = revision.encode("ascii").ljust(8), model.encode("ascii").ljust(40)
    return HEADER.pack(MAGIC, *names, size, zlib.crc32(payload)) + payload


def image_revision(image: bytes, model: str) -> str:
    """The revision of an image for a drive of `model`; refuses what is no such image. Padding behind it is ignored."""
    if len(image) < HEADER.size:
        raise Refused(Sc.INVALID_FIRMWARE_IMAGE)
    magic, revision, for_model, size, crc = HEADER.unpack_from(image)
    intact = magic == MAGIC and size <= len(image) and zlib.crc32(memoryview(image)[HEADER.size : size]) == crc
    if not intact or for_model.strip() not in (b"", model.encode("ascii", "replace")):
        raise Refused(Sc.INVALID_FIRMWARE_IMAGE)
    return str(revision, "ascii", "replace").strip(" \0")


@dataclass(slots=True)
class Download:
    """The portions received since the last commit, by offset, and the controllers that they came through."""

    portions: dict[int, bytes] = field(default_factory=dict)
    offsets: list[int] = field(default_factory=list)
    controllers: set[int] = field(default_factory=set)

    def add(self, controller_id: int, offset: int, data: bytes) -> None:
        """Keep a portion; refuses one that shares bytes with another."""
        after = bisect.bisect_left(self.offsets, offset)
        if after < len(self.offsets) and self.offsets[after] < offset + len(data):
            raise Refused(Sc.OVERLAPPING_RANGE)
        if after and (before := self.offsets[after - 1]) + len(self.portions[before]) > offset:
            raise Refused(Sc.OVERLAPPING_RANGE)
        self.offsets.insert(after, offset)
        self.portions[offset] = data
        self.controllers.add(controller_id)

    def image(self) -> bytes:
        """The whole; refuses one with a gap, or none."""
        parts, at = [], 0
        for offset in self.offsets:
            if offset != at:
                raise Refused(Sc.INVALID_FIRMWARE_IMAGE)
            parts.append(self.portions[offset])
            at += len(parts[-1])
        if not at:
            raise Refused(Sc.INVALID_FIRMWARE_IMAGE)
        return b"".join(parts)


class FirmwareStore:
    """The firmware of a subsystem, shared by its controllers. Called with the subsystem's lock held.

    `slots` has the revision in each slot ("" for none), `active` the slot that runs, `pending` the one that a reset
    activates (0: none), `revision` what runs: it may differ from `slots[active - 1]` once that was replaced.
    """

    def __init__(self, spec: FirmwareSpec, model: str) -> None:
        self.spec = spec
        self._model = model
        self._wanted: Activation | None = None
        self.slots = list(spec.slots)
        self.active = spec.active_slot
        self.pending = 0
        self.revision = self.slots[self.active - 1]
        self.download = Download()

    # resets, from the weakest to the strongest

    def controller_reset(self) -> None:
        """A controller level reset discards what was downloaded and activates what waits for it."""
        self._reset(Activation.CONTROLLER_RESET)

    def subsystem_reset(self) -> None:
        self._reset(Activation.CONTROLLER_RESET, Activation.SUBSYSTEM_RESET)

    def conventional_reset(self) -> None:
        self._reset(*Activation)

    def _reset(self, *kinds: Activation) -> None:
        self.download = Download()
        if self.pending and self._wanted in kinds:
            self.activate(self.pending)

    def activate(self, slot: int) -> None:
        """Run what is in `slot`."""
        self.active, self.pending, self._wanted = slot, 0, None
        self.revision = self.slots[slot - 1]

    def wait_for_reset(self, slot: int, kind: Activation) -> None:
        """Run what is in `slot` after the next reset of `kind`."""
        self.pending, self._wanted = slot, kind

    # what the commands do

    def receive(self, controller_id: int, offset: int, data: bytes) -> None:
        """Take a portion of an image."""
        unit = self.spec.granularity_pages * PAGE_BYTES
        restricted = self.spec.granularity_enforced and self.spec.granularity_pages not in (
            FWUG_NOT_REPORTED,
            FWUG_NO_RESTRICTION,
        )
        if restricted and (offset % unit or len(data) % unit):
            raise Refused(Sc.INVALID_FIELD)
        if offset + len(data) > self.spec.maximum_image_bytes:
            raise Refused(Sc.INVALID_FIELD)
        if offset == 0 and self.spec.restart_at_zero:
            self.download = Download()
        self.download.add(controller_id, offset, data)

    def store(self, slot: int) -> int:
        """Put the downloaded image into `slot` (0: one that the drive chooses), and return which that is.

        Whatever comes of it, the download is over.
        """
        download, self.download = self.download, Download()
        image = download.image()
        revision = self.slot_revision(image)
        slot = slot or self._choose_slot()
        if self.is_read_only(slot):
            raise Refused(Sc.INVALID_FIRMWARE_SLOT)
        self.slots[slot - 1] = revision
        return slot

    def slot_revision(self, image: bytes) -> str:
        """The revision of an image that this drive accepts."""
        if self.spec.any_image and image[: len(MAGIC)] != MAGIC:
            return f"{zlib.crc32(image):08X}"
        return image_revision(image, self._model)

    def is_read_only(self, slot: int) -> bool:
        return slot == 1 and self.spec.slot_1_read_only

    def _choose_slot(self) -> int:
        """An empty slot, or the first writable one that does not run, or the running one."""
        writable = [slot for slot in range(1, len(self.slots) + 1) if not self.is_read_only(slot)]
        ranked = sorted(writable, key=lambda slot: (bool(self.slots[slot - 1]), slot == self.active, slot))
        if not ranked:
            raise Refused(Sc.INVALID_FIRMWARE_SLOT)
        return ranked[0]


def download(controller: Controller, request: Request) -> int:
    """Firmware Image Download: CDW10 is the zero-based number of dwords, CDW11 the offset in dwords."""
    offset, length = decode_download(request.command)
    limit = controller.subsystem.spec.maximum_transfer_bytes
    if limit is not None and length > limit:
        raise Refused(Sc.INVALID_FIELD)
    controller.subsystem.firmware.receive(controller.controller_id, offset, request.take(length))
    return 0


def commit(controller: Controller, request: Request) -> int:
    """Firmware Commit; refuses where only a reset activates what was committed."""
    wanted, firmware = decode_commit(request.command), controller.subsystem.firmware
    before, status = firmware.revision, 0
    try:
        return _commit(controller, wanted)
    except Refused as refusal:
        status = refusal.status
        raise
    finally:
        event = firmware_commit(before, firmware.revision, wanted.action, wanted.slot, status)
        controller.record(EventType.FIRMWARE_COMMIT, event)


def _commit(controller: Controller, wanted: Commit) -> int:
    firmware, slot, action = controller.subsystem.firmware, wanted.slot, wanted.action
    if action > CommitAction.ACTIVATE_IMMEDIATELY:
        raise Refused(Sc.INVALID_FIELD)
    if slot > len(firmware.slots) or (action == CommitAction.ACTIVATE_AT_RESET and not slot):
        raise Refused(Sc.INVALID_FIRMWARE_SLOT)
    result = MULTIPLE_UPDATE_DETECTED if len(firmware.download.controllers) > 1 else 0
    at_once = action == CommitAction.ACTIVATE_IMMEDIATELY
    if firmware.download.portions if at_once else action != CommitAction.ACTIVATE_AT_RESET:
        slot = firmware.store(slot)
    if action != CommitAction.REPLACE:
        _activate(controller, slot, at_once=at_once, result=result)
    return result


def _activate(controller: Controller, slot: int, *, at_once: bool, result: int) -> None:
    firmware = controller.subsystem.firmware
    if not slot or not firmware.slots[slot - 1]:
        raise Refused(Sc.INVALID_FIRMWARE_SLOT)
    if firmware.slots[slot - 1] in firmware.spec.prohibited_revisions:
        raise Refused(Sc.ACTIVATION_PROHIBITED)
    if not at_once:
        firmware.wait_for_reset(slot, firmware.spec.activation)
        status = _AT_RESET[firmware.spec.activation]
        if status is not None:
            raise Refused(status, result)
        return
    if firmware.spec.activation_time_ms > firmware.spec.maximum_time_ms:
        raise Refused(Sc.MAXIMUM_TIME_VIOLATION)
    if not firmware.spec.immediate:
        firmware.wait_for_reset(slot, firmware.spec.activation)
        raise Refused(_AT_ONCE[firmware.spec.activation], result)
    for one in controller.subsystem.controllers.values():
        one.events.post(FIRMWARE_ACTIVATION_STARTING)
    firmware.activate(slot)


_AT_RESET: dict[Activation, Sc | None] = {
    Activation.CONTROLLER_RESET: None,
    Activation.SUBSYSTEM_RESET: Sc.NEEDS_SUBSYSTEM_RESET,
    Activation.CONVENTIONAL_RESET: Sc.NEEDS_CONVENTIONAL_RESET,
}
"""What actions 1 and 2 answer: a controller level reset is what the host is going to do anyway."""

_AT_ONCE: dict[Activation, Sc] = {
    Activation.CONTROLLER_RESET: Sc.NEEDS_CONTROLLER_RESET,
    Activation.SUBSYSTEM_RESET: Sc.NEEDS_SUBSYSTEM_RESET,
    Activation.CONVENTIONAL_RESET: Sc.NEEDS_CONVENTIONAL_RESET,
}
"""What action 3 answers on a drive that cannot activate while it runs."""
