"""Staging over the wire: into one drive and into many, done once, and refused with the drive untouched."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable
from typing import Any

import grpc
import pytest

from nvmed.devices.firmware_download import BATCH_S
from nvmed.nvme.opcodes import AdminOpcode, LogPage
from nvmed.nvme.status import DO_NOT_RETRY
from nvmed.simulator.faults import Call, Delay, Fail, Fault, Hang, Patch, Refuse
from nvmed.simulator.firmware_image import build_image
from nvmed.simulator.spec import DriveSpec, FirmwareSpec
from nvmed.v1 import firmware_pb2 as pb
from nvmed.v1.operations_pb2 import GATE_SLOT_WRITABLE, OperationMetadata
from tests.rpc.firmware_calls import CODE, commits, content, downloads, put, refused, stage, stub, upload
from tests.rpc.harness import KIB, Daemon, StartDaemon, small_drive
from tests.rpc.operation_calls import ask, failed, metadata, state, states, steps, succeeded, unpacked, wait

DRIVE = "controllers/nvmed1-1"
FAULTY_COMMIT = 0x107 | DO_NOT_RETRY
"""Invalid Firmware Image."""


def slots(daemon: Daemon, node: str = "nvme0") -> list[str]:
    return daemon.drive(node).subsystem.firmware.slots


@pytest.fixture
async def three(start_daemon: StartDaemon) -> Daemon:
    return await start_daemon(*(small_drive(f"D{number}") for number in (1, 2, 3)))


# -- one drive


async def test_an_image_is_staged_and_nothing_activated(daemon: Daemon) -> None:
    image = await put(daemon)
    begun = await stage(daemon, image=image, slot=3)
    about = metadata(begun)
    assert (about.method, about.target) == ("nvmed.v1.FirmwareService/StageFirmware", DRIVE)
    done = await wait(daemon, begun)
    answer = unpacked(done, pb.StageFirmwareResponse)
    (drive,) = answer.drives
    assert drive == pb.StageFirmwareResponse.Drive(
        controller=DRIVE, outcome=pb.FIRMWARE_OUTCOME_STAGED, slot=3, slot_revision="2.0.0", running_revision="1.0.0"
    )
    assert set(states(answer.gates).values()) == {"HOLDS", "NOT_APPLICABLE"}
    assert (slots(daemon), daemon.drive().subsystem.firmware.pending) == (["1.0.0", "", "2.0.0"], 0)
    assert (downloads(daemon), commits(daemon)) == (16, [(0, 3)])
    assert (state(done), steps(done)) == ("SUCCEEDED", ["download", "commit"])
    download, commit = metadata(done).steps
    assert (download.detail["size_bytes"], download.outcome["commands"]) == (str(64 * KIB), "16")
    assert (commit.detail["slot_revision"], commit.detail["slot"]) == ("2.0.0", "3")
    assert download.settle_time.ToNanoseconds() <= commit.intend_time.ToNanoseconds()


@pytest.mark.parametrize(
    ("firmware", "slot"),
    [
        (FirmwareSpec(), 2),
        (FirmwareSpec(("1.0.0", "0.9.0", "")), 3),
        (FirmwareSpec(("1.0.0", "0.9.0")), 2),
        (FirmwareSpec(("0.9.0", "1.0.0"), active_slot=2), 1),
    ],
)
async def test_a_slot_is_chosen(start_daemon: StartDaemon, firmware: FirmwareSpec, slot: int) -> None:
    daemon = await start_daemon(small_drive(firmware=firmware))
    answer = await succeeded(daemon, await stage(daemon), pb.StageFirmwareResponse)
    assert (answer.drives[0].slot, commits(daemon)) == (slot, [(0, slot)])


async def test_a_slot_that_will_run_after_the_next_reset_is_left_alone(start_daemon: StartDaemon) -> None:
    daemon = await start_daemon(small_drive(firmware=FirmwareSpec(("1.0.0", "0.9.0", "0.8.0"))))
    daemon.drive().faults.add(
        Fault(Patch(0, bytes([2 << 4 | 1])), log_id=LogPage.FIRMWARE_SLOT_INFORMATION, times=None)
    )
    planned = unpacked(await stage(daemon, validate_only=True), pb.StageFirmwareResponse)
    assert planned.drives[0].slot == 3


async def test_a_slot_that_runs_is_left_alone_whatever_the_log_says(start_daemon: StartDaemon) -> None:
    daemon = await start_daemon(small_drive(firmware=FirmwareSpec(("1.0.0", "0.9.0", "0.8.0"), active_slot=1)))
    daemon.drive().faults.add(Fault(Patch(0, bytes([3])), log_id=LogPage.FIRMWARE_SLOT_INFORMATION, times=None))
    planned = unpacked(await stage(daemon, validate_only=True), pb.StageFirmwareResponse)
    assert planned.drives[0].slot == 2


@pytest.mark.parametrize(("held", "slot"), [(("2.0.0", ""), 0), (("1.0.0", "2.0.0"), 0), (("1.0.0", "2.0.0"), 2)])
async def test_nothing_is_done_twice(start_daemon: StartDaemon, held: tuple[str, str], slot: int) -> None:
    daemon = await start_daemon(small_drive(firmware=FirmwareSpec(held)))
    answer = await succeeded(daemon, await stage(daemon, slot=slot or None), pb.StageFirmwareResponse)
    assert answer.drives[0].outcome == pb.FIRMWARE_OUTCOME_ALREADY_CURRENT
    assert answer.drives[0].slot == held.index("2.0.0") + 1
    assert (downloads(daemon), commits(daemon)) == (0, [])


async def test_the_running_revision_may_be_written_to_another_slot(start_daemon: StartDaemon) -> None:
    daemon = await start_daemon(small_drive(firmware=FirmwareSpec(("2.0.0", ""))))
    answer = await succeeded(daemon, await stage(daemon, slot=2), pb.StageFirmwareResponse)
    assert (answer.drives[0].outcome, slots(daemon)) == (pb.FIRMWARE_OUTCOME_STAGED, ["2.0.0", "2.0.0"])


async def test_progress_is_told(daemon: Daemon) -> None:
    slow, hang = Delay(2 * BATCH_S * 1000), Hang()
    daemon.drive().faults.add(Fault(slow, opcode=AdminOpcode.FIRMWARE_IMAGE_DOWNLOAD))
    daemon.drive().faults.add(Fault(hang, opcode=AdminOpcode.FIRMWARE_IMAGE_DOWNLOAD, skip=1))
    begun = await stage(daemon)
    await asyncio.to_thread(hang.reached.wait)
    about = metadata(await ask(daemon, "GetOperation", name=begun.name))
    assert (about.phase, about.bytes_done, about.bytes_total) == ("download", 4 * KIB, 64 * KIB)
    assert about.cancellable
    assert about.bytes_per_second > 0
    hang.release()
    await succeeded(daemon, begun, pb.StageFirmwareResponse)


# -- done once


async def test_a_request_is_done_once_also_across_a_restart(start_daemon: StartDaemon) -> None:
    daemon = await start_daemon()
    request = pb.StageFirmwareRequest(
        controllers=["nvme0"], image=await put(daemon), slot=2, request_id=str(uuid.uuid4())
    )
    begun = await stub(daemon).StageFirmware(request)
    done = await wait(daemon, begun)
    assert await stub(daemon).StageFirmware(request) == done
    other = pb.StageFirmwareRequest()
    other.CopyFrom(request)
    other.slot = 3
    await refused(CODE.INVALID_ARGUMENT, "REQUEST_ID_REUSED", stub(daemon).StageFirmware(other))
    activate = pb.ActivateFirmwareRequest(
        controller="nvme0", slot=2, activation_mode=pb.ACTIVATION_MODE_ON_NEXT_RESET, request_id=request.request_id
    )
    await refused(CODE.INVALID_ARGUMENT, "REQUEST_ID_REUSED", stub(daemon).ActivateFirmware(activate))
    assert commits(daemon) == [(0, 2)]
    again = await start_daemon(state_dir=daemon.state_dir, host=daemon.host)
    assert await stub(again).StageFirmware(request) == done
    await refused(CODE.INVALID_ARGUMENT, "REQUEST_ID_REUSED", stub(again).StageFirmware(other))
    assert commits(daemon) == [(0, 2)]
    assert (await ask(again, "GetOperation", name=begun.name)) == done


async def test_a_refusal_is_answered_the_same(daemon: Daemon) -> None:
    """Also when what was refused would be possible by now."""
    request = pb.StageFirmwareRequest(controllers=["nvme0"], image=await put(daemon), request_id=str(uuid.uuid4()))
    daemon.host.occupy("nvme0n1")
    first = await wait(daemon, await stub(daemon).StageFirmware(request))
    assert (state(first), steps(first)) == ("FAILED", [])
    daemon.host.vacate("nvme0n1")
    assert await stub(daemon).StageFirmware(request) == first
    request.request_id = str(uuid.uuid4())
    await succeeded(daemon, await stub(daemon).StageFirmware(request), pb.StageFirmwareResponse)


# -- many drives


async def test_one_image_to_many_drives(three: Daemon) -> None:
    image = await put(three)
    begun = await stage(three, "nvme0", "controllers/d3-1", "nvme1", image=image)
    assert metadata(begun).target == image
    done = await wait(three, begun)
    answer = unpacked(done, pb.StageFirmwareResponse)
    assert [drive.controller for drive in answer.drives] == [f"controllers/d{n}-1" for n in (1, 3, 2)]
    assert {drive.outcome for drive in answer.drives} == {pb.FIRMWARE_OUTCOME_STAGED}
    assert [slots(three, f"nvme{number}")[1] for number in range(3)] == ["2.0.0"] * 3
    parts = metadata(done).parts
    assert [part.operation for part in parts] == [drive.operation for drive in answer.drives]
    assert {part.state for part in parts} == {OperationMetadata.STATE_SUCCEEDED}
    for part in parts:
        own = await ask(three, "GetOperation", name=part.operation)
        assert (steps(own), metadata(own).target) == (["download", "commit"], part.target)
    assert len(answer.gates) == 3 * len(states(answer.gates))


async def test_no_drive_is_touched_if_a_gate_of_one_does_not_hold(three: Daemon) -> None:
    three.host.occupy("nvme2n1")
    assert await failed(three, await stage(three, "nvme0", "nvme1", "nvme2")) == ("FAILED", "GATE_FAILED")
    assert [downloads(three, f"nvme{number}") for number in range(3)] == [0, 0, 0]


async def test_drives_that_fail_leave_the_others_done(three: Daemon) -> None:
    three.drive("nvme1").faults.add(Fault(Refuse(FAULTY_COMMIT), opcode=AdminOpcode.FIRMWARE_COMMIT))
    three.drive("nvme2").subsystem.firmware.slots[1] = "2.0.0"
    begun = await stage(three, "nvme0", "nvme1", "nvme2")
    done = await wait(three, begun)
    assert await failed(three, begun) == ("FAILED", "FIRMWARE_PARTLY_FAILED")
    parts = {part.target: part for part in metadata(done).parts}
    found = [parts[f"controllers/d{n}-1"] for n in (1, 2, 3)]
    succeeded_, failed_ = OperationMetadata.STATE_SUCCEEDED, OperationMetadata.STATE_FAILED
    assert [part.state for part in found] == [succeeded_, failed_, succeeded_]
    assert [part.failure_reason for part in found] == ["", "FIRMWARE_IMAGE_REJECTED", ""]
    assert "controllers/d2-1" in done.error.message
    assert [slots(three, f"nvme{number}")[1] for number in range(3)] == ["2.0.0", "", "2.0.0"]


async def test_no_more_drives_at_a_time_than_asked(start_daemon: StartDaemon) -> None:
    daemon = await start_daemon(*(small_drive(f"D{number}") for number in range(5)))
    at_work: set[int] = set()
    most = 0

    def begin(number: int) -> None:
        nonlocal most
        at_work.add(number)
        most = max(most, len(at_work))

    def noted(act: Callable[[int], None], number: int, *_: Any) -> None:
        act(number)

    for number in range(5):
        faults = daemon.drive(f"nvme{number}").faults
        for opcode, act in (
            (AdminOpcode.FIRMWARE_IMAGE_DOWNLOAD, begin),
            (AdminOpcode.FIRMWARE_COMMIT, at_work.discard),
        ):
            faults.add(Fault(Call(lambda *_, act=act, number=number: act(number)), opcode=opcode, times=None))
    nodes = [f"nvme{number}" for number in range(5)]
    await succeeded(daemon, await stage(daemon, *nodes, max_concurrency=2), pb.StageFirmwareResponse)
    assert most in (1, 2)
    assert at_work == set()


async def test_cancelling_stops_every_drive_before_its_commit(three: Daemon) -> None:
    hangs = [Hang(), Hang(), Hang()]
    for number, hang in enumerate(hangs):
        three.drive(f"nvme{number}").faults.add(Fault(hang, opcode=AdminOpcode.FIRMWARE_IMAGE_DOWNLOAD, skip=3))
    begun = await stage(three, "nvme0", "nvme1", "nvme2")
    for hang in hangs:
        await asyncio.to_thread(hang.reached.wait)
    await ask(three, "CancelOperation", name=begun.name)
    assert metadata(await ask(three, "GetOperation", name=begun.name)).cancel_requested
    for hang in hangs:
        hang.release()
    assert await failed(three, begun) == ("CANCELLED", "OPERATION_CANCELLED")
    assert [commits(three, f"nvme{number}") for number in range(3)] == [[], [], []]
    assert {part.state for part in metadata(await wait(three, begun)).parts} == {OperationMetadata.STATE_CANCELLED}


# -- what goes wrong at the drive


async def test_what_the_drive_refuses_is_told_with_its_status(daemon: Daemon) -> None:
    daemon.drive().faults.add(Fault(Refuse(FAULTY_COMMIT), opcode=AdminOpcode.FIRMWARE_COMMIT))
    done = await wait(daemon, await stage(daemon))
    assert (state(done), steps(done)) == ("FAILED", ["download", "commit"])
    commit = metadata(done).steps[1]
    assert (commit.failure_reason, slots(daemon)) == ("FIRMWARE_IMAGE_REJECTED", ["1.0.0", "", ""])


async def test_an_image_that_is_none_for_the_drive(daemon: Daemon) -> None:
    image = (await upload(daemon, content(64 * KIB))).name
    assert await failed(daemon, await stage(daemon, image=image)) == ("FAILED", "FIRMWARE_IMAGE_REJECTED")
    assert slots(daemon) == ["1.0.0", "", ""]


async def test_an_image_that_is_not_what_its_uploader_said(daemon: Daemon) -> None:
    image = await put(daemon, "3.0.0", firmware_revision="2.0.0")
    assert await failed(daemon, await stage(daemon, image=image)) == ("FAILED", "FIRMWARE_NOT_VERIFIED")
    assert slots(daemon) == ["1.0.0", "3.0.0", ""]


async def test_an_image_of_unknown_revision(daemon: Daemon) -> None:
    image = (await upload(daemon, build_image("3.0.0"))).name
    answer = await succeeded(daemon, await stage(daemon, image=image), pb.StageFirmwareResponse)
    assert answer.drives[0].slot_revision == "3.0.0"


@pytest.mark.parametrize("executed", [False, True])
async def test_a_commit_without_an_answer_is_asked_of_the_drive(daemon: Daemon, executed: bool) -> None:
    """EINTR is what a command gets that the kernel cancelled, whether the drive had done it or not."""
    daemon.drive().faults.add(Fault(Fail(4, executed=executed), opcode=AdminOpcode.FIRMWARE_COMMIT))
    begun = await stage(daemon)
    if executed:
        answer = await succeeded(daemon, begun, pb.StageFirmwareResponse)
        assert (answer.drives[0].outcome, slots(daemon)[1]) == (pb.FIRMWARE_OUTCOME_STAGED, "2.0.0")
    else:
        assert (await failed(daemon, begun))[0] == "FAILED"
        assert slots(daemon) == ["1.0.0", "", ""]


async def test_a_download_is_repeated_where_the_drive_allows_it(daemon: Daemon) -> None:
    daemon.drive().faults.add(Fault(Refuse(0x006), opcode=AdminOpcode.FIRMWARE_IMAGE_DOWNLOAD, skip=2))
    done = await wait(daemon, await stage(daemon))
    assert (state(done), metadata(done).steps[0].outcome["repeated"]) == ("SUCCEEDED", "1")


async def test_a_drive_that_goes_away_in_mid_download(daemon: Daemon) -> None:
    drive = daemon.drive()
    vanish = Call(lambda controller, _: controller.disappear())
    drive.faults.add(Fault(vanish, opcode=AdminOpcode.FIRMWARE_IMAGE_DOWNLOAD, skip=5))
    assert (await failed(daemon, await stage(daemon)))[1] == "DEVICE_GONE"
    assert not drive.journal.commands(opcode=AdminOpcode.FIRMWARE_COMMIT)


# -- bad input


@pytest.mark.parametrize(
    ("code", "reason", "fields"),
    [
        (CODE.INVALID_ARGUMENT, "INVALID_FIELD", {"slot": 0}),
        (CODE.INVALID_ARGUMENT, "INVALID_FIELD", {"slot": 8}),
        (CODE.INVALID_ARGUMENT, "INVALID_FIELD", {"slot": 9}),
        (CODE.INVALID_ARGUMENT, "INVALID_FIELD", {"controllers": []}),
        (CODE.INVALID_ARGUMENT, "INVALID_FIELD", {"controllers": ["nvme0", "nvme0"]}),
        (CODE.INVALID_ARGUMENT, "INVALID_FIELD", {"controllers": ["nvme0", "controllers/pair-2"]}),
        (CODE.INVALID_ARGUMENT, "INVALID_FIELD", {"controllers": ["nvme0"] * 65}),
        (CODE.INVALID_ARGUMENT, "INVALID_FIELD", {"controllers": ["../nvme0"]}),
        (CODE.INVALID_ARGUMENT, "INVALID_FIELD", {"image": ""}),
        (CODE.INVALID_ARGUMENT, "INVALID_FIELD", {"image": "images/../../etc/passwd"}),
        (CODE.INVALID_ARGUMENT, "INVALID_FIELD", {"image": "images/" + "A" * 64}),
        (CODE.INVALID_ARGUMENT, "INVALID_FIELD", {"firmware_revision": "123456789"}),
        (CODE.INVALID_ARGUMENT, "INVALID_FIELD", {"override_gates": [GATE_SLOT_WRITABLE]}),
        (CODE.INVALID_ARGUMENT, "INVALID_FIELD", {"override_gates": [99]}),
        (CODE.INVALID_ARGUMENT, "INVALID_FIELD", {"max_concurrency": 65}),
        (CODE.INVALID_ARGUMENT, "INVALID_FIELD", {"request_id": "7"}),
        (CODE.INVALID_ARGUMENT, "INVALID_FIELD", {"preconditions": pb.FirmwarePreconditions(model_number="m" * 41)}),
        (CODE.NOT_FOUND, "IMAGE_NOT_FOUND", {"image": "images/" + "0" * 64}),
        (CODE.NOT_FOUND, "CONTROLLER_NOT_FOUND", {"controllers": ["nvme0", "nvme9"]}),
    ],
    ids=str,
)
async def test_bad_requests(start_daemon: StartDaemon, code: grpc.StatusCode, reason: str, fields: Any) -> None:
    daemon = await start_daemon(DriveSpec(serial="PAIR", controllers=2))
    good = {"controllers": ["nvme0"], "image": await put(daemon)}
    await refused(code, reason, stub(daemon).StageFirmware(pb.StageFirmwareRequest(**{**good, **fields})))
    assert (
        await ask(daemon, "ListOperations", filter='method = "nvmed.v1.FirmwareService/StageFirmware"')
    ).operations == []
    assert downloads(daemon) == 0


async def test_a_deleted_image(daemon: Daemon) -> None:
    image = await put(daemon)
    hang = Hang()
    daemon.drive().faults.add(Fault(hang, opcode=AdminOpcode.FIRMWARE_IMAGE_DOWNLOAD))
    begun = await stage(daemon, image=image)
    await asyncio.to_thread(hang.reached.wait)
    delete = pb.DeleteImageRequest(name=image)
    await refused(CODE.FAILED_PRECONDITION, "IMAGE_IN_USE", stub(daemon).DeleteImage(delete))
    hang.release()
    await succeeded(daemon, begun, pb.StageFirmwareResponse)
    await stub(daemon).DeleteImage(delete)
    await refused(CODE.NOT_FOUND, "IMAGE_NOT_FOUND", stage(daemon, image=image))


async def test_a_client_that_goes_away_leaves_the_operation_at_work(daemon: Daemon) -> None:
    hang = Hang()
    daemon.drive().faults.add(Fault(hang, opcode=AdminOpcode.FIRMWARE_IMAGE_DOWNLOAD, skip=2))
    begun = await stage(daemon)
    await asyncio.to_thread(hang.reached.wait)
    waiting = asyncio.create_task(ask(daemon, "WaitOperation", name=begun.name))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    hang.release()
    await succeeded(daemon, begun, pb.StageFirmwareResponse)


async def test_another_writer_between_download_and_commit(daemon: Daemon) -> None:
    """The drive says so (multiple update detected), where it says that it can tell."""
    drive = daemon.drive()
    drive.faults.add(Fault(Patch(260, bytes([0b110110])), opcode=AdminOpcode.IDENTIFY, times=None))
    drive.subsystem.firmware.download.controllers.add(9)
    drive.faults.add(
        Fault(
            Call(lambda controller, _: controller.subsystem.firmware.download.controllers.add(9)),
            opcode=AdminOpcode.FIRMWARE_COMMIT,
        )
    )
    assert await failed(daemon, await stage(daemon)) == ("FAILED", "FIRMWARE_NOT_VERIFIED")
