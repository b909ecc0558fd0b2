"""Activation, rollback and verification over the wire: what has to be reset is an outcome, what runs is looked up."""

from __future__ import annotations

import uuid
from typing import Any

import grpc
import pytest

from nvmed.nvme.opcodes import AdminOpcode
from nvmed.nvme.status import DO_NOT_RETRY
from nvmed.simulator.faults import Fail, Fault, Patch, Refuse
from nvmed.simulator.spec import Activation, FirmwareSpec
from nvmed.v1 import firmware_pb2 as pb
from nvmed.v1.operations_pb2 import GATE_DISRUPTION_ACKNOWLEDGED
from tests.rpc.firmware_calls import CODE, activate, commits, put, refused, rollback, stage, stub
from tests.rpc.harness import Daemon, StartDaemon, small_drive
from tests.rpc.operation_calls import ask, failed, metadata, state, steps, succeeded, unpacked, wait

DRIVE = "controllers/nvmed1-1"
Response = pb.ActivateFirmwareResponse
HELD = ("1.0.0", "2.0.0", "")


async def start(start_daemon: StartDaemon, **firmware: Any) -> Daemon:
    """A drive that has 2.0.0 in slot 2 and runs 1.0.0."""
    return await start_daemon(small_drive(firmware=FirmwareSpec(**{"slots": HELD, **firmware})))


async def verify(daemon: Daemon, revision: str, slot: int = 0, **fields: Any) -> Any:
    request = pb.VerifyFirmwareRequest(controller="nvme0", firmware_revision=revision, slot=slot, **fields)
    return await stub(daemon).VerifyFirmware(request)


async def slots(daemon: Daemon) -> pb.FirmwareSlots:
    found: pb.FirmwareSlots = await stub(daemon).GetFirmwareSlots(pb.GetFirmwareSlotsRequest(controller="nvme0"))
    return found


# -- activating


@pytest.mark.parametrize(
    ("mode", "kind", "outcome", "reset", "ran"),
    [
        ("ON_NEXT_RESET", "controller", "PENDING_RESET", "CONTROLLER", ["commit"]),
        ("ON_NEXT_RESET", "subsystem", "PENDING_RESET", "SUBSYSTEM", ["commit"]),
        ("ON_NEXT_RESET", "conventional", "PENDING_RESET", "CONVENTIONAL", ["commit"]),
        ("CONTROLLER_RESET", "controller", "ACTIVATED", "UNSPECIFIED", ["commit", "reset"]),
        ("CONTROLLER_RESET", "subsystem", "PENDING_RESET", "SUBSYSTEM", ["commit"]),
        ("CONTROLLER_RESET", "conventional", "PENDING_RESET", "CONVENTIONAL", ["commit"]),
        ("SUBSYSTEM_RESET", "controller", "ACTIVATED", "UNSPECIFIED", ["commit", "reset"]),
        ("SUBSYSTEM_RESET", "subsystem", "ACTIVATED", "UNSPECIFIED", ["commit", "reset"]),
        ("SUBSYSTEM_RESET", "conventional", "PENDING_RESET", "CONVENTIONAL", ["commit"]),
    ],
)
async def test_what_has_to_be_reset_is_an_outcome(
    start_daemon: StartDaemon, mode: str, kind: str, outcome: str, reset: str, ran: list[str]
) -> None:
    daemon = await start(start_daemon, activation=Activation(kind))
    done = await wait(daemon, await activate(daemon, 2, mode))
    answer = unpacked(done, Response)
    assert pb.FirmwareOutcome.Name(answer.outcome) == f"FIRMWARE_OUTCOME_{outcome}"
    assert pb.RequiredReset.Name(answer.required_reset) == f"REQUIRED_RESET_{reset}"
    assert (commits(daemon), steps(done)) == ([(2, 2)], ran)
    assert (answer.controller, answer.slot, answer.slot_revision, answer.previous_revision) == (
        DRIVE, 2, "2.0.0", "1.0.0",
    )  # fmt: skip
    runs = "2.0.0" if outcome == "ACTIVATED" else "1.0.0"
    assert answer.running_revision == daemon.drive().subsystem.firmware.revision == runs
    shown = await slots(daemon)
    assert [slot.active for slot in shown.slots] == [runs == "1.0.0", runs == "2.0.0", False]
    assert [slot.next for slot in shown.slots] == [False, outcome == "PENDING_RESET", False]
    assert daemon.host.scan()[0].firmware_revision == runs


@pytest.mark.parametrize(
    ("kind", "immediate", "outcome", "reset"),
    [
        ("controller", True, "ACTIVATED", "UNSPECIFIED"),
        ("controller", False, "PENDING_RESET", "CONTROLLER"),
        ("subsystem", False, "PENDING_RESET", "SUBSYSTEM"),
        ("conventional", False, "PENDING_RESET", "CONVENTIONAL"),
    ],
)
async def test_live_activation(start_daemon: StartDaemon, kind: str, immediate: bool, outcome: str, reset: str) -> None:
    daemon = await start(start_daemon, activation=Activation(kind), immediate=immediate)
    frmw = Fault(Patch(260, bytes([0b10110])), opcode=AdminOpcode.IDENTIFY, times=None)  # 3 slots, and bit 4
    daemon.drive().faults.add(frmw)
    done = await wait(daemon, await activate(daemon, 2, "IMMEDIATE"))
    answer = unpacked(done, Response)
    assert pb.FirmwareOutcome.Name(answer.outcome) == f"FIRMWARE_OUTCOME_{outcome}"
    assert pb.RequiredReset.Name(answer.required_reset) == f"REQUIRED_RESET_{reset}"
    assert (commits(daemon), steps(done)) == ([(3, 2)], ["commit"])
    assert answer.running_revision == daemon.drive().subsystem.firmware.revision


async def test_from_upload_to_verification_and_back(daemon: Daemon) -> None:
    image = await put(daemon)
    await succeeded(daemon, await stage(daemon, image=image), pb.StageFirmwareResponse)
    pending = await succeeded(daemon, await activate(daemon, 2, "ON_NEXT_RESET"), Response)
    assert pending.required_reset == pb.REQUIRED_RESET_CONTROLLER
    assert await failed(daemon, await verify(daemon, "2.0.0")) == ("FAILED", "FIRMWARE_NOT_VERIFIED")
    daemon.drive().reset()
    verified = await succeeded(daemon, await verify(daemon, "2.0.0", 2), pb.VerifyFirmwareResponse)
    assert (verified.running_revision, verified.active_slot, verified.kernel_revision) == ("2.0.0", 2, "2.0.0")
    back = await succeeded(daemon, await rollback(daemon, leaves="2.0.0"), Response)
    assert (back.outcome, back.slot, back.running_revision) == (pb.FIRMWARE_OUTCOME_ACTIVATED, 1, "1.0.0")
    again = await succeeded(daemon, await rollback(daemon, leaves="1.0.0"), Response)
    assert (again.slot, again.running_revision) == (2, "2.0.0")
    history = await stub(daemon).ListFirmwareHistory(pb.ListFirmwareHistoryRequest(parent="nvme0"))
    rows = [
        (one.method.rpartition("/")[2], one.previous_revision, one.running_revision, one.slot, one.failure_reason)
        for one in history.records
    ]
    assert rows == [
        ("RollbackFirmware", "1.0.0", "2.0.0", 2, ""),
        ("RollbackFirmware", "2.0.0", "1.0.0", 1, ""),
        ("ActivateFirmware", "1.0.0", "1.0.0", 2, ""),
        ("StageFirmware", "", "1.0.0", 2, ""),
    ]
    assert (history.records[-1].image, history.records[-1].slot_revision) == (image, "2.0.0")
    assert history.records[-2].activation_mode == pb.ACTIVATION_MODE_ON_NEXT_RESET


async def test_what_runs_already_is_current(start_daemon: StartDaemon) -> None:
    daemon = await start(start_daemon)
    answer = await succeeded(daemon, await activate(daemon, 1, "ON_NEXT_RESET"), Response)
    assert (answer.outcome, answer.running_revision) == (pb.FIRMWARE_OUTCOME_ALREADY_CURRENT, "1.0.0")
    assert commits(daemon) == []


async def test_an_activation_that_waits_is_undone_by_a_rollback(start_daemon: StartDaemon) -> None:
    daemon = await start(start_daemon)
    await succeeded(daemon, await activate(daemon, 2, "ON_NEXT_RESET"), Response)
    undo = await rollback(daemon, "ON_NEXT_RESET", slot=1, acknowledge_disruption=False)
    answer = await succeeded(daemon, undo, Response)
    assert (answer.slot, answer.outcome, answer.running_revision) == (1, pb.FIRMWARE_OUTCOME_ACTIVATED, "1.0.0")
    assert commits(daemon) == [(2, 2), (2, 1)]
    daemon.drive().reset()
    assert (await slots(daemon)).running_revision == "1.0.0"


async def test_an_activation_is_done_once(start_daemon: StartDaemon) -> None:
    daemon = await start(start_daemon)
    again = str(uuid.uuid4())
    done = await wait(daemon, await activate(daemon, request_id=again))
    assert await activate(daemon, request_id=again) == done
    await refused(CODE.INVALID_ARGUMENT, "REQUEST_ID_REUSED", activate(daemon, 1, request_id=again))
    await refused(CODE.INVALID_ARGUMENT, "REQUEST_ID_REUSED", rollback(daemon, slot=2, request_id=again))
    assert commits(daemon) == [(2, 2)]
    later = await start_daemon(state_dir=daemon.state_dir, host=daemon.host)
    assert await activate(later, request_id=again) == done
    assert commits(later) == [(2, 2)]


# -- what goes wrong at the drive


@pytest.mark.parametrize("executed", [False, True])
async def test_a_commit_without_an_answer_is_asked_of_the_drive(start_daemon: StartDaemon, executed: bool) -> None:
    daemon = await start(start_daemon)
    daemon.drive().faults.add(Fault(Fail(4, executed=executed), opcode=AdminOpcode.FIRMWARE_COMMIT))
    begun = await activate(daemon, 2, "ON_NEXT_RESET")
    if executed:
        answer = await succeeded(daemon, begun, Response)
        assert answer.outcome == pb.FIRMWARE_OUTCOME_PENDING_RESET
    else:
        assert (await failed(daemon, begun))[0] == "FAILED"
    assert daemon.drive().subsystem.firmware.pending == (2 if executed else 0)


async def test_a_commit_without_an_answer_before_its_reset_needs_attention(start_daemon: StartDaemon) -> None:
    daemon = await start(start_daemon)
    daemon.drive().faults.add(Fault(Fail(4, executed=True), opcode=AdminOpcode.FIRMWARE_COMMIT))
    done = await wait(daemon, await activate(daemon))
    assert await failed(daemon, done) == ("NEEDS_ATTENTION", "OPERATION_UNCERTAIN")
    assert "slot 2 is committed" in done.error.message
    assert metadata(done).steps[0].failure_reason


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (0x106, "FIRMWARE_SLOT_INVALID"),
        (0x107, "FIRMWARE_IMAGE_REJECTED"),
        (0x113, "NVME_PROHIBITED"),
        (0x112, "NVME_REFUSED"),
    ],
)
async def test_what_the_drive_refuses(start_daemon: StartDaemon, status: int, reason: str) -> None:
    daemon = await start(start_daemon)
    daemon.drive().faults.add(Fault(Refuse(status | DO_NOT_RETRY), opcode=AdminOpcode.FIRMWARE_COMMIT))
    done = await wait(daemon, await activate(daemon))
    assert await failed(daemon, done) == ("FAILED", reason)
    assert steps(done) == ["commit"]
    assert daemon.drive().subsystem.firmware.revision == "1.0.0"


async def test_a_drive_that_runs_something_else_afterwards(start_daemon: StartDaemon) -> None:
    daemon = await start(start_daemon)
    daemon.drive().subsystem.firmware.slots[0] = "3.0.0"  # and yet 1.0.0 runs
    ignore = Fault(Refuse(0), opcode=AdminOpcode.FIRMWARE_COMMIT)
    daemon.drive().faults.add(ignore)
    assert await failed(daemon, await activate(daemon)) == ("FAILED", "FIRMWARE_NOT_VERIFIED")


async def test_a_drive_that_does_not_reset_its_subsystem(start_daemon: StartDaemon) -> None:
    daemon = await start_daemon(small_drive(firmware=FirmwareSpec(HELD), subsystem_reset=False))
    done = await wait(daemon, await activate(daemon, 2, "SUBSYSTEM_RESET"))
    assert (state(done), metadata(done).steps[1].failure_reason) == ("NEEDS_ATTENTION", "NVME_UNSUPPORTED")
    assert (await slots(daemon)).slots[1].next


# -- slots


async def test_slots(start_daemon: StartDaemon) -> None:
    firmware = FirmwareSpec(("0.9.0", "1.0.0", "", ""), active_slot=2, slot_1_read_only=True, granularity_pages=4)
    daemon = await start_daemon(small_drive(firmware=firmware))
    shown = await slots(daemon)
    rows = [(slot.slot, slot.revision, slot.writable, slot.active, slot.next) for slot in shown.slots]
    assert rows == [
        (1, "0.9.0", False, False, False),
        (2, "1.0.0", True, True, False),
        (3, "", True, False, False),
        (4, "", True, False, False),
    ]
    assert (shown.controller, shown.running_revision, shown.kernel_revision) == (DRIVE, "1.0.0", "1.0.0")
    assert (shown.granularity_bytes, shown.granularity_reported, shown.max_transfer_bytes) == (16384, True, 131072)


async def test_the_kernel_remembers_what_ran_before(start_daemon: StartDaemon) -> None:
    daemon = await start(start_daemon)
    daemon.drive().subsystem.firmware.activate(2)
    shown = await slots(daemon)
    assert (shown.running_revision, shown.kernel_revision) == ("2.0.0", "1.0.0")
    verified = await succeeded(daemon, await verify(daemon, "2.0.0"), pb.VerifyFirmwareResponse)
    assert verified.kernel_revision == "1.0.0"


async def test_a_drive_without_firmware_commands(start_daemon: StartDaemon) -> None:
    daemon = await start_daemon(small_drive(optional_admin_commands=0x2))
    for begun in (await stage(daemon), await activate(daemon), await rollback(daemon, slot=1)):
        done = await wait(daemon, begun)
        assert await failed(daemon, done) == ("FAILED", "GATE_FAILED")
        assert "SUPPORTED" in done.error.message


# -- verifying


async def test_verification_names_what_is_otherwise(daemon: Daemon) -> None:
    for revision, slot in (("2.0.0", 0), ("1.0.0", 2)):
        done = await wait(daemon, await verify(daemon, revision, slot))
        assert await failed(daemon, done) == ("FAILED", "FIRMWARE_NOT_VERIFIED")
        assert "runs '1.0.0' from slot 1" in done.error.message
    checked = await verify(daemon, "1.0.0", 1, validate_only=True)
    assert (checked.name, checked.done) == ("", True)
    await refused(CODE.FAILED_PRECONDITION, "FIRMWARE_NOT_VERIFIED", verify(daemon, "2.0.0", validate_only=True))


async def test_a_verification_is_a_question_that_leaves_nothing_behind(daemon: Daemon) -> None:
    """No operation, no history, no record of the audit, and a request_id stands for nothing."""

    def audited() -> int:
        return sum(len(path.read_bytes().splitlines()) for path in (daemon.state_dir / "audit").glob("*.jsonl"))

    await wait(daemon, await activate(daemon, 3, "ON_NEXT_RESET"))
    before, request_id = audited(), str(uuid.uuid4())
    for revision in ("1.0.0", "2.0.0", "1.0.0"):
        done = await verify(daemon, revision, request_id=request_id)
        assert (done.name, done.done) == ("", True)
        about = metadata(done)
        assert (about.method, about.target) == ("nvmed.v1.FirmwareService/VerifyFirmware", DRIVE)
        assert (about.principal, state(done)) == ("unix:admin", "FAILED" if revision == "2.0.0" else "SUCCEEDED")
    assert len((await ask(daemon, "ListOperations")).operations) == 1
    history = await stub(daemon).ListFirmwareHistory(pb.ListFirmwareHistoryRequest(parent="nvme0"))
    assert len(history.records) == 1
    assert audited() == before


# -- rolling back


async def test_a_rollback_names_its_slot_or_finds_it(start_daemon: StartDaemon) -> None:
    daemon = await start(start_daemon, slots=("1.0.0", "2.0.0", "3.0.0"))
    assert await failed(daemon, await rollback(daemon, leaves="1.0.0")) == ("FAILED", "GATE_FAILED")  # which one?
    answer = await succeeded(daemon, await rollback(daemon, slot=3), Response)
    assert answer.running_revision == "3.0.0"
    assert (await succeeded(daemon, await rollback(daemon, leaves="3.0.0"), Response)).running_revision == "1.0.0"


@pytest.mark.parametrize("names", [{"slot": 1}, {"leaves": "2.0.0"}], ids=["slot", "revision"])
async def test_two_who_roll_back_do_not_undo_each_other(start_daemon: StartDaemon, names: dict[str, Any]) -> None:
    daemon = await start(start_daemon)
    await succeeded(daemon, await activate(daemon), Response)
    await succeeded(daemon, await rollback(daemon, **names), Response)
    again = await wait(daemon, await rollback(daemon, **names))
    assert (await slots(daemon)).running_revision == "1.0.0"
    if "slot" in names:
        assert unpacked(again, Response).outcome == pb.FIRMWARE_OUTCOME_ALREADY_CURRENT
    else:
        assert await failed(daemon, again) == ("FAILED", "GATE_FAILED")
        assert "EXPECTED_REVISION: '1.0.0' runs" in again.error.message


async def test_a_rollback_says_where_to_or_where_from(daemon: Daemon) -> None:
    for validate_only in (False, True):
        failure = await refused(CODE.INVALID_ARGUMENT, "INVALID_FIELD", rollback(daemon, validate_only=validate_only))
        assert "slot: give it, or preconditions.firmware_revision" in (failure.details() or "")


async def test_a_rollback_of_a_drive_with_one_image(daemon: Daemon) -> None:
    done = await wait(daemon, await rollback(daemon, leaves="1.0.0"))
    assert await failed(daemon, done) == ("FAILED", "GATE_FAILED")
    assert "no slot holds the image that ran before" in done.error.message


# -- bad input


@pytest.mark.parametrize("method", ["ActivateFirmware", "RollbackFirmware"])
@pytest.mark.parametrize(
    ("code", "reason", "fields"),
    [
        (CODE.INVALID_ARGUMENT, "INVALID_FIELD", {"slot": 0}),
        (CODE.INVALID_ARGUMENT, "INVALID_FIELD", {"slot": 8}),
        (CODE.INVALID_ARGUMENT, "INVALID_FIELD", {"slot": 9}),
        (CODE.INVALID_ARGUMENT, "INVALID_FIELD", {"activation_mode": 0}),
        (CODE.INVALID_ARGUMENT, "INVALID_FIELD", {"activation_mode": 9}),
        (CODE.INVALID_ARGUMENT, "INVALID_FIELD", {"controller": ""}),
        (CODE.INVALID_ARGUMENT, "INVALID_FIELD", {"override_gates": [GATE_DISRUPTION_ACKNOWLEDGED]}),
        (CODE.INVALID_ARGUMENT, "INVALID_FIELD", {"request_id": "not-a-uuid"}),
        (CODE.NOT_FOUND, "CONTROLLER_NOT_FOUND", {"controller": "nvme9"}),
    ],
    ids=str,
)
async def test_bad_requests(
    daemon: Daemon, method: str, code: grpc.StatusCode, reason: str, fields: dict[str, Any]
) -> None:
    good = {"controller": "nvme0", "slot": 1, "activation_mode": pb.ACTIVATION_MODE_ON_NEXT_RESET}
    request = getattr(pb, f"{method}Request")(**{**good, **fields})
    await refused(code, reason, getattr(stub(daemon), method)(request))
    assert not (await ask(daemon, "ListOperations")).operations


@pytest.mark.parametrize("fields", [{"firmware_revision": ""}, {"firmware_revision": "1" * 9}, {"slot": 8}], ids=str)
async def test_bad_verifications(daemon: Daemon, fields: dict[str, Any]) -> None:
    request = pb.VerifyFirmwareRequest(**{"controller": "nvme0", "firmware_revision": "1.0.0", **fields})
    await refused(CODE.INVALID_ARGUMENT, "INVALID_FIELD", stub(daemon).VerifyFirmware(request))


# -- history


async def test_history_in_pages_and_filtered(start_daemon: StartDaemon) -> None:
    daemon = await start_daemon(small_drive("A"), small_drive("B"))
    await succeeded(daemon, await stage(daemon, "nvme0", "nvme1"), pb.StageFirmwareResponse)
    for _ in range(3):
        await wait(daemon, await activate(daemon, 3, "ON_NEXT_RESET"))  # which is empty

    async def history(**fields: Any) -> pb.ListFirmwareHistoryResponse:
        found: pb.ListFirmwareHistoryResponse = await stub(daemon).ListFirmwareHistory(
            pb.ListFirmwareHistoryRequest(**fields)
        )
        return found

    seen, token = [], ""
    while True:
        found = await history(parent="controllers/-", page_size=2, page_token=token)
        seen += [(one.controller, one.method.rpartition("/")[2]) for one in found.records]
        if not (token := found.next_page_token):
            break
    assert seen[:3] == [("controllers/a-1", "ActivateFirmware")] * 3
    assert sorted(seen[3:]) == [("controllers/a-1", "StageFirmware"), ("controllers/b-1", "StageFirmware")]
    only = await history(parent="controllers/-", filter='method = "nvmed.v1.FirmwareService/StageFirmware"')
    assert len(only.records) == 2
    daemon.host.unplug("nvme1")
    gone = await history(parent="controllers/b-1")
    assert [one.slot_revision for one in gone.records] == ["2.0.0"]
    for fields, reason in (
        ({"parent": "controllers/never"}, "CONTROLLER_NOT_FOUND"),
        ({"parent": "nvme0", "page_token": "x"}, "INVALID_FIELD"),
        ({"parent": "nvme0", "filter": "nonsense"}, "INVALID_FIELD"),
        ({"parent": "nvme0", "page_size": -1}, "INVALID_FIELD"),
    ):
        code = CODE.NOT_FOUND if reason.endswith("NOT_FOUND") else CODE.INVALID_ARGUMENT
        await refused(code, reason, history(**fields))
