"""google.longrunning.Operations over the wire: list, get, wait, cancel, and why nothing is deleted."""

from __future__ import annotations

import asyncio
import uuid
from typing import Any

import grpc
import pytest
from google.longrunning.operations_pb2 import Operation
from google.protobuf.duration_pb2 import Duration

from nvmed.nvme.opcodes import AdminOpcode
from nvmed.operations.records import now_ms
from nvmed.simulator.faults import Fault, Hang
from nvmed.v1 import firmware_pb2 as pb
from nvmed.v1.operations_pb2 import OperationMetadata
from tests.rpc.firmware_calls import CODE, activate, commits, refused, stage, stub
from tests.rpc.harness import Daemon, StartDaemon, small_drive
from tests.rpc.operation_calls import ask, failed, metadata, state, steps, succeeded, wait
from tests.support.journal_rows import write

UNKNOWN = "operations/" + "0" * 32


async def hanging(daemon: Daemon, opcode: AdminOpcode, skip: int = 0) -> tuple[Operation, Hang]:
    """An operation whose drive does not answer before the hang is released."""
    hang = Hang()
    daemon.drive().faults.add(Fault(hang, opcode=opcode, skip=skip))
    begun = await stage(daemon)
    await asyncio.to_thread(hang.reached.wait)
    return begun, hang


async def test_an_operation_at_work_and_when_it_has_ended(daemon: Daemon) -> None:
    request_id = str(uuid.uuid4())
    hang = Hang()
    daemon.drive().faults.add(Fault(hang, opcode=AdminOpcode.FIRMWARE_COMMIT))
    begun = await stage(daemon, request_id=request_id)
    await asyncio.to_thread(hang.reached.wait)
    shown = await ask(daemon, "GetOperation", name=begun.name)
    about = metadata(shown)
    assert (shown.done, state(shown), about.phase, about.cancellable) == (False, "RUNNING", "commit", False)
    assert (about.principal, about.request_id) == ("unix:admin", request_id)
    assert [bool(step.HasField("settle_time")) for step in about.steps] == [True, False]
    (listed,) = (await ask(daemon, "ListOperations", filter="target = controllers/nvmed1-1")).operations
    assert (listed.name, listed.done, metadata(listed).phase) == (begun.name, False, "commit")
    hang.release()
    done = await wait(daemon, begun)
    assert (done.name, done.done, state(done)) == (begun.name, True, "SUCCEEDED")
    assert all(step.HasField("settle_time") for step in metadata(done).steps)
    assert await ask(daemon, "GetOperation", name=begun.name) == done


async def test_waiting_ends_with_the_operation_or_before(daemon: Daemon) -> None:
    begun, hang = await hanging(daemon, AdminOpcode.FIRMWARE_IMAGE_DOWNLOAD, 1)
    for timeout in (Duration(), Duration(nanos=1_000_000)):
        waited = await ask(daemon, "WaitOperation", name=begun.name, timeout=timeout)
        assert (waited.name, waited.done) == (begun.name, False)
    everyone = [asyncio.create_task(ask(daemon, "WaitOperation", name=begun.name)) for _ in range(4)]
    hang.release()
    assert all([(await one).done for one in everyone])
    assert (await ask(daemon, "WaitOperation", name=begun.name, timeout=Duration(seconds=3600))).done
    for timeout in (Duration(seconds=-1), Duration(nanos=-1), Duration(seconds=2**62), Duration(nanos=2**31 - 1)):
        call = ask(daemon, "WaitOperation", name=begun.name, timeout=timeout)
        await refused(CODE.INVALID_ARGUMENT, "INVALID_FIELD", call)


async def test_a_download_is_cancelled_between_two_commands(daemon: Daemon) -> None:
    begun, hang = await hanging(daemon, AdminOpcode.FIRMWARE_IMAGE_DOWNLOAD, 4)
    await ask(daemon, "CancelOperation", name=begun.name)
    about = metadata(await ask(daemon, "GetOperation", name=begun.name))
    assert (about.cancel_requested, about.cancellable) == (True, True)
    hang.release()
    done = await wait(daemon, begun)
    assert await failed(daemon, done) == ("CANCELLED", "OPERATION_CANCELLED")
    assert done.error.code == CODE.CANCELLED.value[0]
    assert (steps(done), commits(daemon)) == (["download"], [])
    await ask(daemon, "CancelOperation", name=begun.name)  # too late is no error
    assert await ask(daemon, "GetOperation", name=begun.name) == done
    await succeeded(daemon, await stage(daemon), pb.StageFirmwareResponse)  # the drive is free again


async def test_a_commit_is_not_cancelled(daemon: Daemon) -> None:
    begun, hang = await hanging(daemon, AdminOpcode.FIRMWARE_COMMIT)
    await ask(daemon, "CancelOperation", name=begun.name)
    about = metadata(await ask(daemon, "GetOperation", name=begun.name))
    assert (about.cancel_requested, about.cancellable) == (True, False)
    hang.release()
    await succeeded(daemon, begun, pb.StageFirmwareResponse)


async def test_operations_are_listed_newest_first_in_pages_and_filtered(start_daemon: StartDaemon) -> None:
    daemon = await start_daemon(small_drive("A"), small_drive("B"))
    whole = await stage(daemon, "nvme0", "nvme1")
    await wait(daemon, whole)
    for slot in (3, 4, 5, 6):
        await wait(daemon, await activate(daemon, slot, "ON_NEXT_RESET"))  # which are empty
    seen, token, sizes = [], "", []
    while True:
        found = await ask(daemon, "ListOperations", page_size=3, page_token=token)
        sizes.append(len(found.operations))
        seen += found.operations
        if not (token := found.next_page_token):
            break
    assert (len(seen), sizes) == (7, [3, 3, 1])
    times = [metadata(one).create_time.ToNanoseconds() for one in seen]
    assert times == sorted(times, reverse=True)
    for text, count in (
        ('method = "nvmed.v1.FirmwareService/ActivateFirmware"', 4),
        ("state = STATE_FAILED", 4),
        ("target = controllers/b-1", 1),
        ("state = STATE_SUCCEEDED AND target = controllers/a-1", 1),
        ("target = nothing", 0),
    ):
        assert len((await ask(daemon, "ListOperations", filter=text)).operations) == count, text
    filtered = await ask(daemon, "ListOperations", filter="target = controllers/a-1", page_size=1)
    await refused(
        CODE.INVALID_ARGUMENT, "INVALID_FIELD", ask(daemon, "ListOperations", page_token=filtered.next_page_token)
    )


async def test_operations_outlive_the_daemon(start_daemon: StartDaemon) -> None:
    daemon = await start_daemon()
    done = await wait(daemon, await stage(daemon))
    refused_ = await wait(daemon, await activate(daemon, 3))
    later = await start_daemon(state_dir=daemon.state_dir, host=daemon.host)
    for one in (done, refused_):
        assert await ask(later, "GetOperation", name=one.name) == one
    assert [one.name for one in (await ask(later, "ListOperations")).operations if metadata(one).method.endswith("e")]


async def test_nothing_is_deleted(daemon: Daemon) -> None:
    done = await wait(daemon, await stage(daemon))
    await refused(CODE.UNIMPLEMENTED, "METHOD_UNKNOWN", ask(daemon, "DeleteOperation", name=done.name))
    assert await ask(daemon, "GetOperation", name=done.name) == done


@pytest.mark.parametrize("method", ["GetOperation", "WaitOperation", "CancelOperation"])
@pytest.mark.parametrize(
    ("code", "reason", "name"),
    [
        (CODE.INVALID_ARGUMENT, "INVALID_FIELD", ""),
        (CODE.INVALID_ARGUMENT, "INVALID_FIELD", "7"),
        (CODE.INVALID_ARGUMENT, "INVALID_FIELD", "controllers/nvmed1-1"),
        (CODE.NOT_FOUND, "OPERATION_NOT_FOUND", UNKNOWN),
    ],
)
async def test_operations_that_are_none(
    daemon: Daemon, method: str, code: grpc.StatusCode, reason: str, name: str
) -> None:
    await refused(code, reason, ask(daemon, method, name=name))


@pytest.mark.parametrize(
    "fields",
    [
        {"name": "controllers/nvmed1-1"},
        {"page_token": "nonsense"},
        {"page_size": -1},
        {"filter": "nonsense"},
        {"filter": 'no_such_field = "x"'},
        {"filter": "target = " + "x" * 5000},
    ],
    ids=lambda fields: str(fields)[:40],
)
async def test_bad_lists(daemon: Daemon, fields: dict[str, Any]) -> None:
    await refused(CODE.INVALID_ARGUMENT, "INVALID_FIELD", ask(daemon, "ListOperations", **fields))


async def test_rows_that_cannot_be_read_hide_no_others(start_daemon: StartDaemon) -> None:
    """Whatever is damaged of them: each is shown as what needs attention, in lists, by name and in history."""
    daemon = await start_daemon()
    whole = await wait(daemon, await stage(daemon))
    await daemon.stop()
    history: dict[str, Any] = {
        "kind": "nvmed.v1.FirmwareService/StageFirmware",
        "target": "controllers/nvmed1-1",
        "is_history": 1,
        **dict.fromkeys(("created_ms", "updated_ms"), now_ms()),
    }
    damage: list[dict[str, Any]] = [
        {"parameters": "{"}, {"result": "["}, {"state": "BOGUS"}, {"updated_ms": 2**62}, {"resources": "7"},
        {"result": '{"drives": 7}'}, {"result": '{"slot": "x"}'}, {"parameters": '{"image": 7}'},
        {"failure": "{}", "state": "FAILED"},
    ]  # fmt: skip
    write(daemon.state_dir / "journal.sqlite", ({**history, **row} for row in damage))
    again = await start_daemon(state_dir=daemon.state_dir, host=daemon.host)
    shown = (await ask(again, "ListOperations")).operations
    assert {one.name for one in shown} == {whole.name, *(f"operations/{number}" for number in range(len(damage)))}
    for one in shown:
        assert (await ask(again, "GetOperation", name=one.name)).name == one.name
    request = pb.ListFirmwareHistoryRequest(parent="controllers/nvmed1-1")
    records = {record.operation: record for record in (await stub(again).ListFirmwareHistory(request)).records}
    assert records.keys() == {one.name for one in shown}
    damaged = [record for record in records.values() if record.failure_reason == "JOURNAL_DAMAGED"]
    assert {record.state for record in damaged} == {OperationMetadata.STATE_NEEDS_ATTENTION}
    assert len(damaged) >= 6
    assert records[whole.name].slot_revision
