"""Firmware on a simulated drive: portions, slots, commit actions, and which reset activates what."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from nvmed.nvme import firmware, identify
from nvmed.nvme.features import AsyncEventConfiguration, set_features
from nvmed.nvme.firmware import CommitAction, FirmwareSlots, FirmwareUpdates
from nvmed.nvme.identify import IdentifyController
from nvmed.nvme.opcodes import FeatureId
from nvmed.nvme.status import DO_NOT_RETRY, required_reset
from nvmed.simulator.controller import Controller
from nvmed.simulator.firmware_image import build_image
from nvmed.simulator.refusal import Sc
from nvmed.simulator.spec import Activation, DriveSpec, FirmwareSpec
from nvmed.simulator.subsystem import Subsystem

CHUNK = 16 * 1024


def make(controllers: int = 1, **changes: object) -> Controller:
    spec = FirmwareSpec(**{"slots": ("1.0", "", ""), **changes})  # type: ignore[arg-type]
    return Subsystem(DriveSpec(firmware=spec, model="MODEL", controllers=controllers)).controller


def send(controller: Controller, image: bytes, offset: int = 0) -> int:
    """The status of the first portion that is refused, 0 if none is."""
    for at in range(0, len(image), CHUNK):
        part = image[at : at + CHUNK]
        status = controller.admin(firmware.download(offset + at, len(part)), bytearray(part)).status
        if status:
            return status & ~DO_NOT_RETRY
    return 0


def commit(controller: Controller, action: CommitAction, slot: int = 0) -> int:
    return controller.admin(firmware.commit(action, slot)).status & ~DO_NOT_RETRY


def slots(controller: Controller) -> FirmwareSlots:
    data = bytearray(512)
    assert not controller.admin(firmware.read_slots(), data).status
    return FirmwareSlots.parse(data)


def revision(controller: Controller) -> str:
    data = bytearray(4096)
    assert not controller.admin(identify.identify_controller(), data).status
    return IdentifyController.parse(data).fr


def test_capabilities() -> None:
    controller = make(slot_1_read_only=True, granularity_pages=4, maximum_time_ms=3000)
    data = bytearray(4096)
    controller.admin(identify.identify_controller(), data)
    identity = IdentifyController.parse(data)
    assert FirmwareUpdates.of(identity) == FirmwareUpdates(3, True, True, True, 3000)
    assert identity.fwug == 4


def test_replace_then_activate_by_a_reset() -> None:
    controller = make()
    assert send(controller, build_image("2.0")) == 0
    assert commit(controller, CommitAction.REPLACE, 2) == 0
    assert (slots(controller).revisions[:3], slots(controller).active_slot) == (("1.0", "2.0", ""), 1)
    assert slots(controller).next_slot == 0
    assert commit(controller, CommitAction.ACTIVATE_AT_RESET, 2) == 0
    assert (slots(controller).next_slot, revision(controller)) == (2, "1.0")
    controller.reset()
    assert (slots(controller).active_slot, slots(controller).next_slot, revision(controller)) == (2, 0, "2.0")


def test_replace_and_activate_in_a_slot_of_the_drives_choice() -> None:
    controller = make()
    send(controller, build_image("2.0"))
    assert commit(controller, CommitAction.REPLACE_AND_ACTIVATE_AT_RESET) == 0
    assert slots(controller).next_slot == 2
    controller.reset()
    assert revision(controller) == "2.0"
    for name in ("3.0", "4.0"):
        send(controller, build_image(name))
        commit(controller, CommitAction.REPLACE)
    assert slots(controller).revisions[:3] == ("4.0", "2.0", "3.0")


def test_activate_at_once() -> None:
    controller, told = make(), list[int]()
    controller.subscribe_async_events(told.append)
    enabled = AsyncEventConfiguration.FIRMWARE_ACTIVATION_NOTICES
    controller.admin(set_features(FeatureId.ASYNCHRONOUS_EVENT_CONFIGURATION, enabled))
    send(controller, build_image("2.0"))
    assert commit(controller, CommitAction.ACTIVATE_IMMEDIATELY, 3) == 0
    assert (revision(controller), slots(controller).active_slot) == ("2.0", 3)
    assert told == [0x030102]
    assert commit(controller, CommitAction.ACTIVATE_IMMEDIATELY, 1) == 0
    assert revision(controller) == "1.0"
    assert commit(controller, CommitAction.ACTIVATE_IMMEDIATELY, 2) == Sc.INVALID_FIRMWARE_SLOT


@pytest.mark.parametrize(
    ("activation", "at_reset", "at_once"),
    [
        (Activation.CONTROLLER_RESET, 0, Sc.NEEDS_CONTROLLER_RESET),
        (Activation.SUBSYSTEM_RESET, Sc.NEEDS_SUBSYSTEM_RESET, Sc.NEEDS_SUBSYSTEM_RESET),
        (Activation.CONVENTIONAL_RESET, Sc.NEEDS_CONVENTIONAL_RESET, Sc.NEEDS_CONVENTIONAL_RESET),
    ],
)
def test_which_reset_activates(activation: Activation, at_reset: int, at_once: int) -> None:
    resets: dict[Activation, Callable[[Controller], None]] = {
        Activation.CONTROLLER_RESET: lambda one: one.reset(),
        Activation.SUBSYSTEM_RESET: lambda one: one.subsystem.reset(),
        Activation.CONVENTIONAL_RESET: lambda one: one.subsystem.power_cycle(),
    }
    for action, status in (
        (CommitAction.REPLACE_AND_ACTIVATE_AT_RESET, at_reset),
        (CommitAction.ACTIVATE_IMMEDIATELY, at_once),
    ):
        controller = make(activation=activation, immediate=False)
        send(controller, build_image("2.0"))
        assert commit(controller, action, 2) == status
        wanted = required_reset(status)
        assert wanted is None or wanted.value == activation.value
        for kind, reset in resets.items():
            assert revision(controller) == "1.0"
            reset(controller)
            if kind is activation:
                break
        assert revision(controller) == "2.0"


def test_a_stronger_reset_does_too() -> None:
    controller = make()
    send(controller, build_image("2.0"))
    commit(controller, CommitAction.REPLACE_AND_ACTIVATE_AT_RESET, 2)
    controller.subsystem.power_cycle()
    assert revision(controller) == "2.0"


def test_surprise_removal_is_a_loss_of_power() -> None:
    controller = make(activation=Activation.CONVENTIONAL_RESET)
    send(controller, build_image("2.0"))
    commit(controller, CommitAction.REPLACE_AND_ACTIVATE_AT_RESET, 2)
    controller.disappear()
    controller.reappear()
    assert revision(controller) == "2.0"


def test_refusals_of_activation() -> None:
    controller = make(prohibited_revisions=frozenset({"6.6.6"}), activation_time_ms=20_000)
    send(controller, build_image("6.6.6"))
    assert commit(controller, CommitAction.REPLACE_AND_ACTIVATE_AT_RESET, 2) == Sc.ACTIVATION_PROHIBITED
    send(controller, build_image("2.0"))
    assert commit(controller, CommitAction.ACTIVATE_IMMEDIATELY, 3) == Sc.MAXIMUM_TIME_VIOLATION
    controller.reset()
    assert revision(controller) == "1.0"


@pytest.mark.parametrize("action", [CommitAction.REPLACE_BOOT_PARTITION, CommitAction.ACTIVATE_BOOT_PARTITION])
def test_there_are_no_boot_partitions(action: CommitAction) -> None:
    assert commit(make(), action, 1) == Sc.INVALID_FIELD


@pytest.mark.parametrize(
    ("action", "slot"),
    [(CommitAction.REPLACE, 4), (CommitAction.REPLACE, 1), (CommitAction.ACTIVATE_AT_RESET, 0),
     (CommitAction.ACTIVATE_AT_RESET, 3), (CommitAction.ACTIVATE_AT_RESET, 7)],
)  # fmt: skip
def test_slots_that_cannot_be_used(action: CommitAction, slot: int) -> None:
    controller = make(slot_1_read_only=True)
    send(controller, build_image("2.0"))
    assert commit(controller, action, slot) == Sc.INVALID_FIRMWARE_SLOT


def test_a_drive_whose_only_slot_is_read_only() -> None:
    controller = make(slots=("1.0",), slot_1_read_only=True)
    send(controller, build_image("2.0"))
    assert commit(controller, CommitAction.REPLACE) == Sc.INVALID_FIRMWARE_SLOT


IMAGE = build_image("2.0", 64 * 1024, "MODEL")
BAD_IMAGES = {
    "foreign": bytes(64 * 1024),
    "short": IMAGE[: 48 * 1024],
    "shorter than a header": IMAGE[:32],
    "damaged": IMAGE[:-1] + bytes([IMAGE[-1] ^ 1]),
    "for another model": build_image("2.0", 64 * 1024, "OTHER"),
}


@pytest.mark.parametrize("name", BAD_IMAGES)
def test_images_that_the_drive_rejects(name: str) -> None:
    controller = make(granularity_pages=0)
    assert send(controller, BAD_IMAGES[name]) == 0
    assert commit(controller, CommitAction.REPLACE, 2) == Sc.INVALID_FIRMWARE_IMAGE
    assert slots(controller).revisions[:3] == ("1.0", "", "")
    assert commit(controller, CommitAction.REPLACE, 2) == Sc.INVALID_FIRMWARE_IMAGE


def test_an_image_with_padding_or_for_any_model() -> None:
    controller = make()
    send(controller, build_image("2.0", 5000) + bytes(8192 - 5000))
    assert commit(controller, CommitAction.REPLACE, 2) == 0


def test_a_drive_that_takes_any_bytes() -> None:
    controller = make(any_image=True)
    send(controller, b"anything" * 512)
    assert commit(controller, CommitAction.REPLACE_AND_ACTIVATE_AT_RESET, 2) == 0
    controller.reset()
    assert len(revision(controller)) == 8


def test_portions_may_come_in_any_order_but_all_of_them() -> None:
    controller = make()
    for at in (CHUNK, 3 * CHUNK, 0, 2 * CHUNK):
        send(controller, IMAGE[at : at + CHUNK], at)
    assert commit(controller, CommitAction.REPLACE, 2) == Sc.INVALID_FIRMWARE_IMAGE
    for at in (0, CHUNK, 3 * CHUNK, 2 * CHUNK):
        send(controller, IMAGE[at : at + CHUNK], at)
    assert commit(controller, CommitAction.REPLACE, 2) == 0


def test_portions_must_not_overlap() -> None:
    controller = make(granularity_pages=1)
    assert send(controller, bytes(8192), 8192) == 0
    for offset, size in ((8192, 4096), (12288, 4096), (4096, 8192), (8192, 8192)):
        assert send(controller, bytes(size), offset) == Sc.OVERLAPPING_RANGE
    assert send(controller, bytes(4096), 4096) == 0
    assert send(controller, bytes(4096), 16384) == 0


def test_offset_0_begins_anew() -> None:
    controller = make()
    send(controller, bytes(CHUNK * 2))
    assert send(controller, IMAGE) == 0
    assert commit(controller, CommitAction.REPLACE, 2) == 0
    strict = make(restart_at_zero=False)
    send(strict, IMAGE[:CHUNK])
    assert send(strict, IMAGE) == Sc.OVERLAPPING_RANGE
    strict.reset()
    assert send(strict, IMAGE) == 0


@pytest.mark.parametrize(
    ("pages", "enforced", "offset", "size", "status"),
    [
        (2, True, 0, 8192, 0), (2, True, 4096, 8192, Sc.INVALID_FIELD), (2, True, 0, 4096, Sc.INVALID_FIELD),
        (2, False, 4096, 4, 0), (0, True, 4, 4, 0), (255, True, 4, 4, 0),
    ],
)  # fmt: skip
def test_granularity(pages: int, enforced: bool, offset: int, size: int, status: int) -> None:
    assert send(make(granularity_pages=pages, granularity_enforced=enforced), bytes(size), offset) == status


def test_a_portion_is_limited_by_mdts_and_the_drives_memory() -> None:
    controller = make(maximum_image_bytes=64 * 1024)
    big = firmware.download(0, 256 * 1024)
    assert controller.admin(big, bytearray(4096)).status & ~DO_NOT_RETRY == Sc.INVALID_FIELD
    assert send(controller, bytes(4096), 64 * 1024) == Sc.INVALID_FIELD
    assert controller.admin(firmware.download(0, 8192), bytearray(4096)).status & 0x7FF == Sc.DATA_LENGTH_INVALID


def test_a_reset_discards_what_was_downloaded() -> None:
    controller = make()
    send(controller, IMAGE)
    controller.reset()
    assert commit(controller, CommitAction.REPLACE, 2) == Sc.INVALID_FIRMWARE_IMAGE


def test_two_controllers_share_slots_and_notice_each_other() -> None:
    first = make(controllers=2)
    second = first.subsystem.controllers[2]
    send(first, IMAGE[:CHUNK])
    for at in range(CHUNK, len(IMAGE), CHUNK):
        send(second, IMAGE[at : at + CHUNK], at)
    completion = first.admin(firmware.commit(CommitAction.REPLACE_AND_ACTIVATE_AT_RESET, 2))
    assert completion.status == 0
    assert firmware.overlap_detected(completion.result)
    second.reset()
    assert (revision(first), revision(second)) == ("2.0", "2.0")


def test_images_are_reproducible() -> None:
    assert build_image("2.0") == build_image("2.0")
    assert build_image("2.0") != build_image("2.1")
    with pytest.raises(ValueError, match="64"):
        build_image("2.0", 63)


class Slots(RuleBasedStateMachine):
    """Any sequence of downloads, commits and resets, against what the specification says becomes of the slots."""

    def __init__(self) -> None:
        super().__init__()
        self.controller = make(slots=("1", "", "3"), slot_1_read_only=True)
        self.slots = ["1", "", "3"]
        self.active, self.pending = 1, 0
        self.running = "1"
        self.downloaded: str | None = None

    @rule(number=st.integers(10, 99))
    def download(self, number: int) -> None:
        assert send(self.controller, build_image(str(number), 4096)) == 0
        self.downloaded = str(number)

    @rule(slot=st.integers(1, 7))
    def replace(self, slot: int) -> None:
        status = commit(self.controller, CommitAction.REPLACE, slot)
        assert status == self.expect_store(slot)

    @rule(slot=st.integers(1, 7))
    def replace_and_activate(self, slot: int) -> None:
        expected = self.expect_store(slot)
        assert commit(self.controller, CommitAction.REPLACE_AND_ACTIVATE_AT_RESET, slot) == expected
        if not expected:
            self.pending = slot

    @rule(slot=st.integers(1, 7))
    def activate(self, slot: int) -> None:
        exists = slot <= 3 and bool(self.slots[slot - 1])
        expected = 0 if exists else Sc.INVALID_FIRMWARE_SLOT
        assert commit(self.controller, CommitAction.ACTIVATE_AT_RESET, slot) == expected
        if exists:
            self.pending = slot

    @rule()
    def reset(self) -> None:
        self.controller.reset()
        self.downloaded = None
        if self.pending:
            self.active, self.pending = self.pending, 0
            self.running = self.slots[self.active - 1]

    def expect_store(self, slot: int) -> int:
        if slot > 3:
            return Sc.INVALID_FIRMWARE_SLOT
        downloaded, self.downloaded = self.downloaded, None
        if downloaded is None:
            return Sc.INVALID_FIRMWARE_IMAGE
        if slot == 1:
            return Sc.INVALID_FIRMWARE_SLOT
        self.slots[slot - 1] = downloaded
        return 0

    @invariant()
    def agrees(self) -> None:
        log = slots(self.controller)
        assert list(log.revisions[:3]) == self.slots
        assert (log.active_slot, log.next_slot) == (self.active, self.pending)
        assert revision(self.controller) == self.running


TestSlots = Slots.TestCase
