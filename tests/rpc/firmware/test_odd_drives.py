"""Drives whose firmware commands are not like the book: what runs decides, and what cannot be proved is called so."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from nvmedctl.errors import from_status

from nvmed.config import Firmware
from nvmed.nvme.firmware import decode_commit
from nvmed.nvme.opcodes import AdminOpcode, LogPage
from nvmed.nvme.transport import Command
from nvmed.simulator.faults import Fault, Patch, Refuse
from nvmed.simulator.spec import FirmwareSpec
from nvmed.v1 import firmware_pb2 as pb
from tests.rpc.firmware_calls import activate, commits, downloads, put, stage, stub
from tests.rpc.harness import Daemon, StartDaemon, small_drive
from tests.rpc.operation_calls import failed, gates, states, succeeded, unpacked, wait

INVALID_FIELD = 0x4002
INVALID_LOG_PAGE = 0x4109
SLOT_2 = 16
"""Offset of slot 2's revision in the slot log."""


def slot_log(action: Any, **when: Any) -> Fault:
    when = {"times": None, **when}
    return Fault(action, opcode=AdminOpcode.GET_LOG_PAGE, log_id=LogPage.FIRMWARE_SLOT_INFORMATION, **when)


def outcome(name: str) -> int:
    return pb.FirmwareOutcome.Value(f"FIRMWARE_OUTCOME_{name}")


async def staged(daemon: Daemon, **fields: Any) -> pb.StageFirmwareResponse.Drive:
    answer = await succeeded(daemon, await stage(daemon, image=await put(daemon), **fields), pb.StageFirmwareResponse)
    return answer.drives[0]


async def activated(daemon: Daemon, *where: Any, **fields: Any) -> pb.ActivateFirmwareResponse:
    return await succeeded(daemon, await activate(daemon, *where, **fields), pb.ActivateFirmwareResponse)


async def slots(daemon: Daemon) -> pb.FirmwareSlots:
    found: pb.FirmwareSlots = await stub(daemon).GetFirmwareSlots(pb.GetFirmwareSlotsRequest(controller="nvme0"))
    return found


@pytest.fixture
def start(start_daemon: StartDaemon, tmp_path: Path) -> Callable[..., Any]:
    async def begin(*faults: Fault, rules: str = "", firmware: FirmwareSpec | None = None, **spec: Any) -> Daemon:
        (tmp_path / "rules.toml").write_text(rules)
        configured = Firmware(rules=str(tmp_path / "rules.toml"))
        spec = {"firmware": firmware or FirmwareSpec(), **spec}
        daemon = await start_daemon(small_drive(**spec), firmware=configured)
        for fault in faults:
            daemon.drive().faults.add(fault)
        return daemon

    return begin


HIDES = slot_log(Patch(SLOT_2, b" " * 8))
STALE = slot_log(Patch(0, b"\x01"))
REFUSES = slot_log(Refuse(INVALID_LOG_PAGE))


@pytest.mark.parametrize(
    ("oddity", "after_staging", "shown"),
    [(HIDES, "UNVERIFIED", ""), (STALE, "STAGED", "2.0.0"), (REFUSES, "UNVERIFIED", "")],
    ids=["hides what does not run", "active slot is stale", "no slot log"],
)
async def test_what_runs_decides(
    start: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, oddity: Fault, after_staging: str, shown: str
) -> None:
    monkeypatch.setattr("nvmed.firmware.evidence.LATE_S", 0.0)
    daemon = await start(oddity)
    drive = await staged(daemon)
    assert (drive.outcome, drive.slot, drive.slot_revision) == (outcome(after_staging), 2, shown)
    assert drive.staged_revision == ("2.0.0" if after_staging == "UNVERIFIED" else "")
    done = await activated(daemon, slot_revision="2.0.0")
    assert (done.outcome, done.running_revision, done.slot_revision) == (outcome("ACTIVATED"), "2.0.0", "2.0.0")
    again = await activated(daemon)
    assert (again.outcome, again.running_revision) == (outcome("ALREADY_CURRENT"), "2.0.0")
    assert (await slots(daemon)).slots_not_shown is (oddity is REFUSES)
    assert commits(daemon) == [(0, 2), (2, 2)]
    verify = pb.VerifyFirmwareRequest(controller="nvme0", firmware_revision="2.0.0")
    answer = await succeeded(daemon, await stub(daemon).VerifyFirmware(verify), pb.VerifyFirmwareResponse)
    assert answer.running_revision == "2.0.0"


async def test_another_revision_than_was_staged_is_not_activated(
    start: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nvmed.firmware.evidence.LATE_S", 0.0)
    daemon = await start(HIDES)
    await staged(daemon)
    found = await gates(activate(daemon, slot_revision="3.0.0", validate_only=True))
    assert found == {"SLOT_CONTENT": "slot 2 got '2.0.0', not '3.0.0'"}
    assert (await gates(activate(daemon, 3, validate_only=True)))["SLOT_CONTENT"].startswith("slot 3 is empty")


async def test_a_slot_log_that_comes_late_is_waited_for(start: Callable[..., Any]) -> None:
    daemon = await start(slot_log(Patch(SLOT_2, b" " * 8), skip=1, times=3))
    drive = await staged(daemon)
    assert (drive.outcome, drive.slot_revision, drive.staged_revision) == (outcome("STAGED"), "2.0.0", "")


async def test_a_slot_that_runs_is_not_written_though_the_log_names_another(start: Callable[..., Any]) -> None:
    daemon = await start(STALE)
    await staged(daemon)
    await activated(daemon)
    later = await stage(daemon, image=await put(daemon), firmware_revision="3.0.0", validate_only=True)
    assert unpacked(later, pb.StageFirmwareResponse).drives[0].slot == 3


async def test_an_image_of_the_revision_that_runs_cannot_be_told_apart(start: Callable[..., Any]) -> None:
    daemon = await start(STALE, firmware=FirmwareSpec(slots=("1.0.0", "1.0.0", "")))
    done = await activated(daemon)
    assert (done.outcome, done.running_revision) == (outcome("UNVERIFIED"), "1.0.0")


# -- what the firmware rules say of a model


def others_than(*actions: int) -> Fault:
    def refused(command: Command) -> bool:
        return decode_commit(command).action not in actions

    return Fault(Refuse(INVALID_FIELD), opcode=AdminOpcode.FIRMWARE_COMMIT, where=refused, times=None)


async def test_commit_actions_of_a_model(start: Callable[..., Any]) -> None:
    daemon = await start(others_than(1, 3), rules="[[quirk]]\ncommit_actions = [1, 3]\n")
    drive = await staged(daemon)
    assert (drive.outcome, drive.required_reset) == (outcome("PENDING_RESET"), pb.REQUIRED_RESET_CONTROLLER)
    done = await activated(daemon)
    assert (done.outcome, done.running_revision) == (outcome("ACTIVATED"), "2.0.0")
    assert commits(daemon) == [(1, 2)]


async def test_an_action_that_is_refused_names_the_rule(start: Callable[..., Any]) -> None:
    daemon = await start(others_than(1, 3))
    done = await wait(daemon, await stage(daemon, image=await put(daemon)))
    assert await failed(daemon, done) == ("FAILED", "NVME_INVALID_FIELD")
    assert "commit_actions" in from_status(done.error).remedy
    live = await start(rules="[[quirk]]\ncommit_actions = [0, 2]\n", firmware=FirmwareSpec(("1.0.0", "2.0.0", "")))
    assert "no commit action 3" in (await gates(activate(live, 2, "IMMEDIATE", validate_only=True)))["SUPPORTED"]


async def test_the_reset_that_a_model_needs(start: Callable[..., Any]) -> None:
    rules = '[[quirk]]\nrequired_reset = "conventional"\n'
    daemon = await start(rules=rules, firmware=FirmwareSpec(("1.0.0", "2.0.0", "")))
    done = await activated(daemon)
    assert (done.outcome, done.required_reset) == (outcome("PENDING_RESET"), pb.REQUIRED_RESET_CONVENTIONAL)
    assert done.running_revision == "1.0.0"


async def test_the_slot_that_a_model_takes(start: Callable[..., Any]) -> None:
    daemon = await start(rules="[[quirk]]\nslot = 3\n")
    assert (await staged(daemon)).slot == 3
    found = await gates(stage(daemon, image=await put(daemon), slot=2, firmware_revision="4.0.0", validate_only=True))
    assert "in slot 3 alone" in found["SLOT_WRITABLE"]


async def test_a_granule_beyond_one_command_says_that_the_override_helps(start: Callable[..., Any]) -> None:
    daemon = await start(mdts=1, firmware=FirmwareSpec(granularity_pages=4, granularity_enforced=False))
    image = await put(daemon)
    found = await gates(stage(daemon, image=image, validate_only=True))
    assert "with GATE_GRANULARITY overridden they have 4096" in found["TRANSFER_SIZE"]
    begun = await stage(daemon, image=image, override_gates=["GATE_GRANULARITY"])
    answer = await succeeded(daemon, begun, pb.StageFirmwareResponse)
    assert states(answer.gates)["TRANSFER_SIZE"] == "HOLDS"
    assert downloads(daemon) == 16
