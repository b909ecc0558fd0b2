"""The firmware of a subsystem: its slots, what runs, and the image that is being downloaded."""

from __future__ import annotations

import bisect
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from nvmed.nvme.firmware import FWUG_NO_RESTRICTION, FWUG_NOT_REPORTED, CommitAction
from nvmed.simulator.firmware_image import MAGIC, image_revision
from nvmed.simulator.refusal import Refused, Sc
from nvmed.simulator.spec import PAGE_BYTES, Activation, FirmwareSpec


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


def _nobody(previous: str, slot: int, action: CommitAction) -> None:
    """Whom an activation is told while nobody asked."""


class FirmwareStore:
    """The firmware of a subsystem, shared by its controllers. Called with the subsystem's lock held.

    `slots` has the revision in each slot ("" for none), `active` the slot that runs, `pending` the one that a reset
    activates (0: none), `waits_for` which reset, `revision` what runs: it may differ from `slots[active - 1]` once that
    was replaced.
    """

    def __init__(self, spec: FirmwareSpec, model: str) -> None:
        self.spec = spec
        self._model = model
        self.waits_for: Activation | None = None
        self.slots = list(spec.slots)
        self.active = spec.active_slot
        self.pending = 0
        self.revision = self.slots[self.active - 1]
        self.download = Download()
        self.on_activation: Callable[[str, int, CommitAction], None] = _nobody
        """Called with what ran before, the slot that runs now, and how it was activated."""

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
        if self.pending and self.waits_for in kinds:
            self.activate(self.pending, CommitAction.ACTIVATE_AT_RESET)

    def activate(self, slot: int, action: CommitAction = CommitAction.ACTIVATE_IMMEDIATELY) -> None:
        """Run what is in `slot`."""
        previous = self.revision
        self.active, self.pending, self.waits_for = slot, 0, None
        self.revision = self.slots[slot - 1]
        self.on_activation(previous, slot, action)

    def wait_for_reset(self, slot: int, kind: Activation) -> None:
        """Run what is in `slot` after the next reset of `kind`."""
        self.pending, self.waits_for = slot, kind

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

    def __getstate__(self) -> dict[str, Any]:
        """What outlives a power cut: not who is told."""
        return self.__dict__ | {"on_activation": _nobody}

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
