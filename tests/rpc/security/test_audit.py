"""What is changed, denied or shown is written down first; what cannot be written down is not done."""

from __future__ import annotations

import errno
import json
import os
import uuid
from collections.abc import Callable, Sequence
from typing import Any

import grpc
import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from nvmed import audit_chain
from nvmed.config import Audit, Policy
from nvmed.nvme.opcodes import AdminOpcode
from nvmed.v1 import admin_pb2 as pb
from nvmed.v1 import inventory_pb2, key_pb2, log_pb2, passthru_pb2, telemetry_pb2
from nvmed.v1.key_pb2_grpc import KeyServiceStub
from nvmed.v1.log_pb2_grpc import LogServiceStub
from tests.rpc.harness import Daemon, StartDaemon, reason_of
from tests.rpc.passthru_calls import admin

Event = pb.AuditRecord


async def records(daemon: Daemon, **request: Any) -> Sequence[pb.AuditRecord]:
    """The audit, oldest first."""
    found: list[pb.AuditRecord] = []
    asked = pb.ListAuditRecordsRequest(**request)
    while True:
        page = await daemon.admin.ListAuditRecords(asked)
        found += page.audit_records
        if not page.next_page_token:
            return found[::-1]
        asked.page_token = page.next_page_token


def told(found: Sequence[pb.AuditRecord]) -> list[tuple[str, str, str]]:
    """Event, method and code of each record."""
    return [(Event.Event.Name(one.event)[6:], one.method.rpartition("/")[2], one.code) for one in found]


async def refused(call: Any) -> grpc.aio.AioRpcError:
    with pytest.raises(grpc.aio.AioRpcError) as failure:
        await call
    return failure.value


async def test_a_change_is_recorded_before_and_after(daemon: Daemon) -> None:
    logs = LogServiceStub(daemon.channel)
    await logs.StartSelfTest(log_pb2.StartSelfTestRequest(controller="nvme0", test=log_pb2.SELF_TEST_SHORT))
    found = await records(daemon)
    assert told(found) == [
        ("STARTED", "", ""),
        ("ATTEMPT", "StartSelfTest", ""),
        ("OPERATION_BEGAN", "StartSelfTest", ""),
        ("OPERATION_ENDED", "StartSelfTest", "SUCCEEDED"),
        ("OUTCOME", "StartSelfTest", "OK"),
    ]
    _, attempt, began, ended, outcome = found
    assert {one.request_id for one in found[1:]} == {attempt.request_id}
    assert {(one.principal, one.peer.partition(":")[0]) for one in found[1:]} == {("unix:admin", "unix")}
    assert {tuple(one.resources) for one in found[1:]} == {("controllers/nvmed1-1",)}
    assert began.operation == ended.operation != ""
    assert [one.sequence for one in found] == [1, 2, 3, 4, 5]
    assert outcome.name == "auditRecords/5"
    assert outcome.previous_hash == ended.hash


async def test_what_changes_nothing_is_not_recorded(daemon: Daemon) -> None:
    await daemon.inventory.ListControllers(inventory_pb2.ListControllersRequest())
    await daemon.inventory.ResetController(
        inventory_pb2.ResetControllerRequest(name="nvme0", validate_only=True, acknowledge_disruption=True)
    )
    await refused(daemon.inventory.ResetController(inventory_pb2.ResetControllerRequest()))  # no name
    assert told(await records(daemon)) == [("STARTED", "", "")]


async def test_a_change_that_fails_is_recorded_with_its_reason(daemon: Daemon) -> None:
    failure = await refused(daemon.inventory.ResetController(inventory_pb2.ResetControllerRequest(name="nvme7")))
    found = await records(daemon)
    assert told(found)[1:] == [("ATTEMPT", "ResetController", ""), ("OUTCOME", "ResetController", "NOT_FOUND")]
    assert (found[-1].reason, reason_of(failure)) == ("CONTROLLER_NOT_FOUND", "CONTROLLER_NOT_FOUND")
    assert list(found[-1].resources) == ["nvme7"]


async def test_an_operation_is_recorded_where_the_method_alone_does_not_tell(daemon: Daemon) -> None:
    """StreamTelemetry changes something only when it captures."""
    request = telemetry_pb2.StreamTelemetryRequest(
        controller="nvme0", source=telemetry_pb2.TELEMETRY_SOURCE_HOST, create=True, request_id=str(uuid.uuid4())
    )
    async for _ in daemon.telemetry.StreamTelemetry(request):
        pass
    found = told(await records(daemon))[1:]
    assert found == [
        ("OPERATION_BEGAN", "StreamTelemetry", ""),
        ("OPERATION_ENDED", "StreamTelemetry", "SUCCEEDED"),
    ]


async def test_a_command_that_is_passed_through_is_recorded_with_what_it_was(permissive: Daemon) -> None:
    """And one that a rule forbids is a denial. One that changes nothing is neither."""
    command = passthru_pb2.PassthruCommand(opcode=AdminOpcode.SET_FEATURES, cdw10=0x0B, cdw11=0x1F)
    await admin(permissive, command, acknowledge_destructive=True)
    await admin(permissive, passthru_pb2.PassthruCommand(opcode=AdminOpcode.GET_FEATURES, cdw10=0x0B))
    failure = await refused(admin(permissive, passthru_pb2.PassthruCommand(opcode=0x84), acknowledge_destructive=True))
    assert reason_of(failure) == "POLICY_DENIED"
    found = await records(permissive)
    assert told(found)[1:] == [
        ("OPERATION_BEGAN", "ExecuteAdmin", ""), ("OPERATION_ENDED", "ExecuteAdmin", "SUCCEEDED"),
        ("DENIAL", "ExecuteAdmin", "PERMISSION_DENIED"),
    ]  # fmt: skip
    parameters = json.loads(found[1].parameters)
    assert {parameters[name] for name in ("opcode", "cdw10", "cdw11")} == {0x09, 0x0B, 0x1F}
    assert "no-sanitize" in found[3].message


async def test_a_denial_is_recorded(start_daemon: StartDaemon) -> None:
    daemon = await start_daemon(policy=Policy(blocked=("unix:admin",)))
    failure = await refused(daemon.inventory.ResetController(inventory_pb2.ResetControllerRequest(name="nvme0")))
    assert reason_of(failure) == "POLICY_DENIED"
    again = await start_daemon(state_dir=daemon.state_dir)
    found = await records(again, filter="event = DENIAL")
    assert told(found) == [("DENIAL", "ResetController", "PERMISSION_DENIED")]
    assert (found[0].principal, found[0].reason) == ("unix:admin", "POLICY_DENIED")
    assert "inventory.reset" in found[0].message
    assert told(await records(again)) == [
        ("STARTED", "", ""), ("DENIAL", "ResetController", "PERMISSION_DENIED"), ("STOPPED", "", ""),
        ("STARTED", "", ""),
    ]  # fmt: skip


async def test_a_secret_that_is_shown_is_recorded_without_it(daemon: Daemon) -> None:
    made = await KeyServiceStub(daemon.channel).GenerateDhchapKey(key_pb2.GenerateDhchapKeyRequest(size_bytes=32))
    assert told(await records(daemon))[1:] == [
        ("ATTEMPT", "GenerateDhchapKey", ""), ("OUTCOME", "GenerateDhchapKey", "OK"),
    ]  # fmt: skip
    written = b"".join(path.read_bytes() for path in (daemon.state_dir / "audit").iterdir())
    assert made.secret_text.split(":")[2].encode() not in written


async def test_pages_and_filters(daemon: Daemon) -> None:
    for _ in range(4):
        await refused(daemon.inventory.ResetController(inventory_pb2.ResetControllerRequest(name="nvme7")))
    whole = await records(daemon)
    assert len(whole) == 9
    for size in (1, 2, 4, 9, 10):
        assert await records(daemon, page_size=size) == whole
    outcomes = await records(daemon, filter='event = OUTCOME AND reason : "not_found"', page_size=1)
    assert [one.sequence for one in outcomes] == [3, 5, 7, 9]
    assert await records(daemon, start_time=whole[6].time) == whole[6:]
    assert await records(daemon, start_time=Timestamp(seconds=2**33)) == []
    for request in (
        pb.ListAuditRecordsRequest(page_token="e30="),
        pb.ListAuditRecordsRequest(filter="nonsense"),
        pb.ListAuditRecordsRequest(page_size=-1),
    ):
        assert reason_of(await refused(daemon.admin.ListAuditRecords(request))) == "INVALID_FIELD"


async def test_files_are_continued_and_deleted_as_configured(start_daemon: StartDaemon) -> None:
    daemon = await start_daemon(audit=Audit(file_bytes_max=64 * 1024, files_max=2, journald=False))
    request = inventory_pb2.ResetControllerRequest(name="controllers/" + "x" * 450)
    while not (removed := await records(daemon, filter="event = REMOVED")):
        for _ in range(20):
            await refused(daemon.inventory.ResetController(request))
    found = await records(daemon)
    assert found[0].sequence > 1
    assert [one.sequence for one in found] == list(range(found[0].sequence, found[-1].sequence + 1))
    assert f"up to {found[0].sequence - 1} " in removed[-1].message
    assert audit_chain.verify(daemon.state_dir / "audit").problems == []


async def test_a_record_that_was_changed_is_not_listed(daemon: Daemon) -> None:
    await refused(daemon.inventory.ResetController(inventory_pb2.ResetControllerRequest(name="nvme7")))
    ((_, path),) = audit_chain.files(daemon.state_dir / "audit")
    path.write_bytes(path.read_bytes().replace(b"nvme7", b"nvme8", 1))
    failure = await refused(daemon.admin.ListAuditRecords(pb.ListAuditRecordsRequest()))
    assert (failure.code(), reason_of(failure)) == (grpc.StatusCode.DATA_LOSS, "AUDIT_DAMAGED")


Break = Callable[[pytest.MonkeyPatch], None]


def full_disk(patch: pytest.MonkeyPatch) -> None:
    """Half of a record fits, and then nothing does."""
    write = os.write

    def some(fd: int, data: Any) -> int:
        if bytes(data).startswith(b'{"seq"'):
            return write(fd, bytes(data)[:100])
        if bytes(data).endswith(b'"}\n'):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return write(fd, data)

    patch.setattr(os, "write", some)


def failing_sync(patch: pytest.MonkeyPatch) -> None:
    def fail(fd: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    patch.setattr(os, "fdatasync", fail)


@pytest.mark.parametrize("broken", [full_disk, failing_sync])
async def test_without_an_audit_nothing_is_changed_and_all_is_read(
    daemon: Daemon, monkeypatch: pytest.MonkeyPatch, broken: Break
) -> None:
    reset = inventory_pb2.ResetControllerRequest(name="nvme0")
    logs = LogServiceStub(daemon.channel)
    test = log_pb2.StartSelfTestRequest(controller="nvme0", test=log_pb2.SELF_TEST_SHORT)
    with monkeypatch.context() as patch:
        broken(patch)
        for call in (lambda: daemon.inventory.ResetController(reset), lambda: logs.StartSelfTest(test)):
            failure = await refused(call())
            assert (failure.code(), reason_of(failure)) == (grpc.StatusCode.UNAVAILABLE, "AUDIT_UNAVAILABLE")
        assert (await daemon.inventory.ListControllers(inventory_pb2.ListControllersRequest())).controllers
    assert daemon.drive().journal.commands(opcode=AdminOpcode.DEVICE_SELF_TEST) == []
    await logs.StartSelfTest(test)
    found = await records(daemon)
    assert told(found)[1:3] == [
        ("OUTCOME", "ResetController", "UNAVAILABLE"), ("OUTCOME", "StartSelfTest", "UNAVAILABLE"),
    ]  # fmt: skip
    assert told(found)[3] == ("ATTEMPT", "StartSelfTest", "")
    assert audit_chain.verify(daemon.state_dir / "audit").problems == []


async def test_a_damaged_audit_stops_changes_and_is_left_as_it_is(start_daemon: StartDaemon) -> None:
    first = await start_daemon()
    await refused(first.inventory.ResetController(inventory_pb2.ResetControllerRequest(name="nvme7")))
    await first.stop()
    ((_, path),) = audit_chain.files(first.state_dir / "audit")
    damaged = path.read_bytes().replace(b"nvme7", b"nvme8", 1)
    path.write_bytes(damaged)
    again = await start_daemon(state_dir=first.state_dir)
    failure = await refused(again.inventory.ResetController(inventory_pb2.ResetControllerRequest(name="nvme0")))
    assert reason_of(failure) == "AUDIT_UNAVAILABLE"
    assert "was changed" in str(failure.details())
    assert (await again.inventory.ListControllers(inventory_pb2.ListControllersRequest())).controllers
    assert path.read_bytes() == damaged
