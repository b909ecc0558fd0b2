"""Sanitizing in software: what begins, what is refused meanwhile, what is left, and what outlives the power."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from nvmed.nvme.health import SanitizePhase, SanitizeState, SanitizeStatus, read_sanitize_status
from nvmed.nvme.logpage import get_log_page
from nvmed.nvme.opcodes import AdminOpcode, IoOpcode, LogPage
from nvmed.nvme.sanitize import Action, Sanitize, estimate_seconds, is_restricted_failure, is_verifying
from nvmed.nvme.transport import Command
from nvmed.simulator.controller import Controller
from nvmed.simulator.durable import durable
from nvmed.simulator.refusal import Sc
from nvmed.simulator.spec import DriveSpec, FirmwareSpec
from nvmed.simulator.subsystem import ManualClock, Subsystem

V2_1 = 0x0002_0100
EVERYTHING = 0xF
WRITTEN = b"secret!!" * 64


def make(clock: ManualClock, **spec: Any) -> Controller:
    settings = {"nvme_version": V2_1, "sanitize_capabilities": EVERYTHING, **spec}
    controller = Subsystem(DriveSpec(**settings), clock).controller
    assert not controller.io(Command(IoOpcode.WRITE, 1), bytearray(WRITTEN)).status
    return controller


def send(controller: Controller, action: Action, **asked: Any) -> int:
    """The status code type and code that the drive answers."""
    return controller.admin(Sanitize(action, **asked).command()).status & 0x7FF


def status(controller: Controller) -> SanitizeStatus:
    data = bytearray(SanitizeStatus.SIZE)
    assert not controller.admin(read_sanitize_status(), data).status
    return SanitizeStatus.parse(data, controller.subsystem.spec.nvme_version)


def block(controller: Controller) -> bytes:
    data = bytearray(512)
    assert not controller.io(Command(IoOpcode.READ, 1), data).status
    return bytes(data)


@pytest.mark.parametrize(
    ("asked", "left"),
    [
        ({"action": Action.BLOCK_ERASE}, bytes(512)),
        ({"action": Action.BLOCK_ERASE, "no_deallocate": True}, b"\xff" * 512),
        ({"action": Action.CRYPTO_ERASE}, bytes(512)),
        ({"action": Action.OVERWRITE, "pattern": 0xDEADBEEF}, bytes(512)),
        (
            {"action": Action.OVERWRITE, "pattern": 0xDEADBEEF, "passes": 3, "no_deallocate": True},
            0xDEADBEEF.to_bytes(4, "little") * 128,
        ),
    ],
)
def test_what_is_left(asked: dict[str, Any], left: bytes) -> None:
    clock = ManualClock()
    controller = make(clock)
    assert not send(controller, **asked)
    clock.advance(15)
    running = status(controller)
    assert (running.state, running.phase) == (SanitizeState.IN_PROGRESS, SanitizePhase.RESTRICTED_PROCESSING)
    assert running.fraction_complete == pytest.approx(0.25, abs=0.001)
    assert estimate_seconds(running, Sanitize(asked["action"])) == 60
    clock.advance(45)
    done = status(controller)
    assert (done.state, done.global_data_erased, done.sprog) == (SanitizeState.COMPLETED, True, 0xFFFF)
    assert done.overwrite_passes == (asked.get("passes", 1) if asked["action"] is Action.OVERWRITE else 0)
    assert block(controller) == left
    controller.io(Command(IoOpcode.WRITE, 1), bytearray(512))
    assert not status(controller).global_data_erased


def test_a_key_that_is_gone_leaves_noise() -> None:
    clock = ManualClock()
    controller = make(clock)
    send(controller, Action.CRYPTO_ERASE, no_deallocate=True)
    clock.advance(60)
    assert len(set(block(controller))) > 100
    controller.io(Command(IoOpcode.WRITE_ZEROES, 1, cdw12=299), None)
    assert block(controller) == bytes(512)


def test_what_needs_the_media_waits() -> None:
    controller = make(ManualClock())
    send(controller, Action.BLOCK_ERASE)
    assert controller.io(Command(IoOpcode.READ, 1), bytearray(512)).status == Sc.SANITIZE_IN_PROGRESS
    assert controller.admin(Command(AdminOpcode.FORMAT_NVM, 1)).status == Sc.SANITIZE_IN_PROGRESS
    assert send(controller, Action.CRYPTO_ERASE) == Sc.SANITIZE_IN_PROGRESS
    assert send(controller, Action.EXIT_FAILURE_MODE) == Sc.SANITIZE_IN_PROGRESS
    log = get_log_page(LogPage.TELEMETRY_HOST_INITIATED, 512)
    assert controller.admin(log, bytearray(512)).status == Sc.SANITIZE_IN_PROGRESS


@pytest.mark.parametrize(
    ("spec", "asked"),
    [
        ({"sanitize_capabilities": 1}, {"action": Action.BLOCK_ERASE}),
        ({"sanitize_capabilities": 7}, {"action": Action.BLOCK_ERASE, "media_verification": True}),
        ({"sanitize_capabilities": 7 | 1 << 29}, {"action": Action.BLOCK_ERASE, "no_deallocate": True}),
        ({"sanitize_capabilities": 7}, {"action": Action.EXIT_MEDIA_VERIFICATION}),
        ({}, {"action": Action.EXIT_MEDIA_VERIFICATION}),
    ],
)
def test_what_it_cannot_do_is_an_invalid_field(spec: dict[str, Any], asked: dict[str, Any]) -> None:
    assert send(make(ManualClock(), **spec), **asked) == Sc.INVALID_FIELD


def test_firmware_that_waits_for_a_reset_comes_first() -> None:
    controller = make(ManualClock(), firmware=FirmwareSpec(("1", "2"), any_image=True))
    controller.admin(Command(AdminOpcode.FIRMWARE_COMMIT, cdw10=2 << 3 | 2))
    assert controller.subsystem.firmware.pending
    assert send(controller, Action.BLOCK_ERASE) == Sc.NEEDS_CONTROLLER_RESET


def test_a_restricted_failure_is_left_by_another_attempt_alone() -> None:
    clock = ManualClock()
    controller = make(clock)
    controller.subsystem.sanitizer.fail_next = True
    send(controller, Action.CRYPTO_ERASE)
    clock.advance(60)
    failed = status(controller)
    assert (failed.state, failed.failed_in) == (SanitizeState.FAILED, SanitizePhase.RESTRICTED_PROCESSING)
    assert is_restricted_failure(failed)
    assert controller.io(Command(IoOpcode.READ, 1), bytearray(512)).status & 0x7FF == Sc.SANITIZE_FAILED
    assert send(controller, Action.EXIT_FAILURE_MODE) == Sc.SANITIZE_FAILED
    assert send(controller, Action.BLOCK_ERASE, unrestricted_exit=True) == Sc.SANITIZE_FAILED
    assert not send(controller, Action.BLOCK_ERASE)


def test_an_unrestricted_failure_can_be_left() -> None:
    clock = ManualClock()
    controller = make(clock, nvme_version=0x0001_0400)
    controller.subsystem.sanitizer.fail_next = True
    send(controller, Action.CRYPTO_ERASE, unrestricted_exit=True)
    clock.advance(60)
    assert (status(controller).phase, is_restricted_failure(status(controller))) == (0, False)
    assert not send(controller, Action.EXIT_FAILURE_MODE)
    assert block(controller) == WRITTEN


def test_media_are_shown_before_they_are_deallocated() -> None:
    clock = ManualClock()
    controller = make(clock)
    send(controller, Action.BLOCK_ERASE, media_verification=True)
    clock.advance(60)
    assert is_verifying(status(controller))
    assert block(controller) == b"\xff" * 512
    assert controller.io(Command(IoOpcode.WRITE, 1), bytearray(512)).status == Sc.SANITIZE_IN_PROGRESS
    assert not send(controller, Action.EXIT_MEDIA_VERIFICATION)
    assert status(controller).phase == SanitizePhase.POST_VERIFICATION_DEALLOCATION
    clock.advance(60)
    assert status(controller).state == SanitizeState.COMPLETED
    assert block(controller) == bytes(512)


def test_it_may_deallocate_although_it_was_told_not_to() -> None:
    clock = ManualClock()
    controller = make(clock, sanitize_capabilities=7 | 1 << 29, no_deallocate_warns=True)
    send(controller, Action.OVERWRITE, no_deallocate=True, pattern=1)
    clock.advance(60)
    assert status(controller).state == SanitizeState.COMPLETED_UNEXPECTED_DEALLOCATE
    assert block(controller) == bytes(512)


def test_it_stands_still() -> None:
    clock = ManualClock()
    controller = make(clock)
    sanitizer = controller.subsystem.sanitizer
    sanitizer.stall_at = 0.5
    send(controller, Action.BLOCK_ERASE)
    clock.advance(600)
    assert status(controller).fraction_complete == 0.5
    sanitizer.stall_at = None
    assert status(controller).state == SanitizeState.COMPLETED


def test_it_goes_on_after_the_power_was_lost() -> None:
    clock = ManualClock()
    controller = make(clock)
    send(controller, Action.BLOCK_ERASE)
    clock.advance(30)
    controller.subsystem.power_cycle()
    assert status(controller).fraction_complete == 0.5
    clock.advance(30)
    assert status(controller).state == SanitizeState.COMPLETED


def test_it_goes_on_in_another_process(tmp_path: Path) -> None:
    spec = DriveSpec(serial="LASTING", sanitize_s=3600)
    drive = durable(spec, tmp_path).subsystem
    send(drive.controller, Action.OVERWRITE, passes=2, pattern=7)
    again = durable(spec, tmp_path).subsystem
    assert status(again.controller).state == SanitizeState.IN_PROGRESS
    assert again.sanitizer.save() | {"fraction": 0} == drive.sanitizer.save() | {"fraction": 0}
    assert '"sanitize"' in (tmp_path / "LASTING.log").read_text()
