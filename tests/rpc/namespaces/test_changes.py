"""Namespaces over the wire: what a drive has, and changing it until the host shows it."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Awaitable
from typing import Any

import grpc
import pytest
from google.protobuf.message import Message

from nvmed.nvme.identify import IdentifyNamespace
from nvmed.nvme.opcodes import AdminOpcode
from nvmed.rpc.listing import decode_token, encode_token
from nvmed.simulator.faults import Answer, Fail, Fault, Hang, Patch, Refuse
from nvmed.simulator.spec import MIB, DriveSpec, LbaFormat, NamespaceSpec
from nvmed.simulator.subsystem import Subsystem
from nvmed.v1 import namespace_pb2 as pb
from tests.rpc.harness import Daemon, StartDaemon, reason_of
from tests.rpc.namespace_calls import PAIR, ended, gates_of, nsids_of, refused, sent, stub, wait


@pytest.fixture
async def pair(start_daemon: StartDaemon) -> Daemon:
    return await start_daemon(PAIR)


# -- reading


async def test_what_is_allocated_and_what_is_attached(pair: Daemon) -> None:
    found = await stub(pair).ListAllocatedNamespaces(pb.ListAllocatedNamespacesRequest(controller="nvme0"))
    rows = [(one.nsid, one.attached, list(one.controller_ids), bool(one.device_node)) for one in found.namespaces]
    assert rows == [(1, True, [1, 2], True), (2, False, [], False), (3, False, [2], False)]
    attached = await stub(pair).ListAllocatedNamespaces(
        pb.ListAllocatedNamespacesRequest(controller="nvme1", attached_only=True)
    )
    assert [one.nsid for one in attached.namespaces] == [1, 3]
    assert attached.controller == "controllers/pair-2"


async def test_pages_of_namespaces(start_daemon: StartDaemon) -> None:
    many = tuple(NamespaceSpec(size_bytes=MIB) for _ in range(7))
    daemon = await start_daemon(DriveSpec(serial="MANY", namespaces=many))
    seen: list[int] = []
    token = ""
    while True:
        request = pb.ListAllocatedNamespacesRequest(controller="nvme0", page_size=3, page_token=token)
        found = await stub(daemon).ListAllocatedNamespaces(request)
        seen += [one.nsid for one in found.namespaces]
        if not (token := found.next_page_token):
            break
    assert seen == [1, 2, 3, 4, 5, 6, 7]
    request = pb.ListAllocatedNamespacesRequest(controller="nvme0", filter="nsid > 5")
    found = await stub(daemon).ListAllocatedNamespaces(request)
    assert ([one.nsid for one in found.namespaces], found.next_page_token) == ([6, 7], "")


async def test_more_namespaces_than_a_list_holds(start_daemon: StartDaemon) -> None:
    many = tuple(NamespaceSpec(size_bytes=MIB, controllers=()) for _ in range(1030))
    daemon = await start_daemon(DriveSpec(serial="MANY", namespaces=many, maximum_namespaces=2000))
    request = pb.ListAllocatedNamespacesRequest(controller="nvme0", page_size=2, page_token=encode_token("1023", ""))
    found = await stub(daemon).ListAllocatedNamespaces(request)
    assert ([one.nsid for one in found.namespaces], decode_token(found.next_page_token, "")) == ([1024, 1025], "1025")


async def test_a_controller_without_management_has_what_is_attached(start_daemon: StartDaemon) -> None:
    daemon = await start_daemon(DriveSpec(serial="PLAIN", optional_admin_commands=0x2))
    found = await stub(daemon).ListAllocatedNamespaces(pb.ListAllocatedNamespacesRequest(controller="nvme0"))
    assert [(one.nsid, one.attached) for one in found.namespaces] == [(1, True)]
    assert (await stub(daemon).GetNamespaceIdentity(pb.GetNamespaceIdentityRequest(controller="nvme0n1"))).nsid == 1
    for request in (
        stub(daemon).AttachControllers(pb.AttachControllersRequest(controller="nvme0", nsid=1, controller_ids=[1])),
        stub(daemon).CreateNamespace(pb.CreateNamespaceRequest(controller="nvme0", size_blocks=8, validate_only=True)),
    ):
        assert await refused(request) == "NVME_UNSUPPORTED"


async def test_identity_of_a_namespace_attached_or_not(pair: Daemon) -> None:
    ask = stub(pair).GetNamespaceIdentity
    one = await ask(pb.GetNamespaceIdentityRequest(controller="nvme0", nsid=1, include_raw=True))
    assert (one.attached, one.size_bytes, one.size_blocks, one.shared) == (True, 64 * MIB, 64 * MIB // 512, True)
    assert [(f.logical_block_bytes, f.metadata_bytes, f.in_use) for f in one.lba_formats] == [
        (512, 0, True), (4096, 0, False), (512, 8, False), (4096, 8, False),
    ]  # fmt: skip
    assert IdentifyNamespace.parse(one.raw).nguid.hex() == one.nguid != ""
    two = await ask(pb.GetNamespaceIdentityRequest(controller="nvme0", nsid=2))
    assert (two.attached, two.size_bytes, list(two.controller_ids), two.raw) == (False, 32 * MIB, [], b"")
    node = pair.host.scan()[1].namespaces[1].node
    three = await ask(pb.GetNamespaceIdentityRequest(controller=node))
    assert (three.nsid, three.controller, three.shared) == (3, "controllers/pair-2", False)


async def test_block_sizes(start_daemon: StartDaemon) -> None:
    formats = tuple(LbaFormat(512 << number % 4, 0, 0) for number in range(64))
    specs = (NamespaceSpec(size_bytes=MIB, format_index=35), NamespaceSpec(size_bytes=MIB, format_index=1))
    daemon = await start_daemon(DriveSpec(serial="SIZES", namespaces=specs, lba_formats=formats))
    size = await stub(daemon).GetLogicalBlockSize(pb.GetLogicalBlockSizeRequest(controller="nvme0", nsid=1))
    assert (size.logical_block_bytes, size.lba_format) == (4096, 35)  # FLBAS bits 6:5 count
    size = await stub(daemon).GetLogicalBlockSize(pb.GetLogicalBlockSizeRequest(controller="nvme0n2"))
    assert (size.nsid, size.logical_block_bytes) == (2, 1024)


@pytest.mark.parametrize(("lbads", "size"), [(0, None), (8, None), (9, 512), (31, 1 << 31), (32, None), (33, None)])
async def test_block_sizes_that_no_block_has(daemon: Daemon, lbads: int, size: int | None) -> None:
    patch = Fault(Patch(130, bytes([lbads])), opcode=AdminOpcode.IDENTIFY, nsid=1, times=None)
    daemon.drive().faults.add(patch)
    call = stub(daemon).GetLogicalBlockSize(pb.GetLogicalBlockSizeRequest(controller="nvme0", nsid=1))
    if size is None:
        assert await refused(call) == "NVME_DATA_INVALID"
    else:
        assert (await call).logical_block_bytes == size
    shown = await stub(daemon).GetNamespaceIdentity(pb.GetNamespaceIdentityRequest(controller="nvme0", nsid=1))
    assert shown.lba_formats[0].logical_block_bytes == (size or 0)


@pytest.mark.parametrize(
    ("nsid", "reason"),
    [(0, "INVALID_FIELD"), (0xFFFF_FFFF, "INVALID_FIELD"), (7, "NAMESPACE_NOT_FOUND"), (99, "NAMESPACE_NOT_FOUND")],
)
async def test_namespaces_that_are_none(pair: Daemon, nsid: int, reason: str) -> None:
    everything: list[Awaitable[Any]] = [
        stub(pair).GetNamespaceIdentity(pb.GetNamespaceIdentityRequest(controller="nvme0", nsid=nsid)),
        stub(pair).GetLogicalBlockSize(pb.GetLogicalBlockSizeRequest(controller="nvme0", nsid=nsid)),
        stub(pair).AttachControllers(pb.AttachControllersRequest(controller="nvme0", nsid=nsid, controller_ids=[1])),
        stub(pair).DetachControllers(pb.DetachControllersRequest(controller="nvme0", nsid=nsid, controller_ids=[1])),
        stub(pair).DeleteNamespace(
            pb.DeleteNamespaceRequest(controller="nvme0", nsid=nsid, acknowledge_data_loss=True, validate_only=True)
        ),
        stub(pair).FormatNamespace(
            pb.FormatNamespaceRequest(controller="nvme0", nsid=nsid, acknowledge_data_loss=True, validate_only=True)
        ),
    ]
    assert [await refused(call) for call in everything] == [reason] * len(everything)


async def test_a_namespace_attached_elsewhere_has_no_block_size_here(pair: Daemon) -> None:
    call = stub(pair).GetLogicalBlockSize(pb.GetLogicalBlockSizeRequest(controller="nvme0", nsid=3))
    assert await refused(call) == "NAMESPACE_NOT_FOUND"


# -- attachment


async def test_attach_and_detach_until_the_host_shows_it(pair: Daemon) -> None:
    request = pb.AttachControllersRequest(controller="nvme0", nsid=2, controller_ids=[2, 1, 2])
    done = await stub(pair).AttachControllers(request)
    assert [(one.controller_id, one.controller, one.outcome, one.host_view) for one in done.reports] == [
        (1, "controllers/pair-1", pb.ControllerReport.OUTCOME_CHANGED, pb.HOST_VIEW_SHOWN),
        (2, "controllers/pair-2", pb.ControllerReport.OUTCOME_CHANGED, pb.HOST_VIEW_SHOWN),
    ]
    assert len({one.device_node for one in done.reports}) == 1
    assert 2 in nsids_of(pair, 1)
    assert 2 in nsids_of(pair, 2)
    (command,) = pair.drive().journal.commands(opcode=AdminOpcode.NAMESPACE_ATTACHMENT)
    assert (command.nsid, command.cdw10) == (2, 0)
    gone = await stub(pair).DetachControllers(
        pb.DetachControllersRequest(controller="nvme1", nsid=2, controller_ids=[1])
    )
    assert [(one.controller_id, one.host_view, one.device_node) for one in gone.reports] == [
        (1, pb.HOST_VIEW_SHOWN, "")
    ]
    assert 2 not in nsids_of(pair, 1)
    assert 2 in nsids_of(pair, 2)


async def test_what_is_so_already_is_no_error(pair: Daemon) -> None:
    done = await stub(pair).AttachControllers(
        pb.AttachControllersRequest(controller="nvme0", nsid=3, controller_ids=[2])
    )
    assert [one.outcome for one in done.reports] == [pb.ControllerReport.OUTCOME_UNCHANGED]
    gone = await stub(pair).DetachControllers(
        pb.DetachControllersRequest(controller="nvme0", nsid=2, controller_ids=[1, 2])
    )
    assert {one.outcome for one in gone.reports} == {pb.ControllerReport.OUTCOME_UNCHANGED}
    assert sent(pair.drive(), AdminOpcode.NAMESPACE_ATTACHMENT) == 0


async def test_controllers_that_are_elsewhere_are_told_apart(pair: Daemon) -> None:
    pair.host.unplug("nvme1")
    done = await stub(pair).AttachControllers(
        pb.AttachControllersRequest(controller="nvme0", nsid=2, controller_ids=[1, 2])
    )
    assert [(one.controller_id, one.controller, one.host_view) for one in done.reports] == [
        (1, "controllers/pair-1", pb.HOST_VIEW_SHOWN),
        (2, "", pb.HOST_VIEW_ELSEWHERE),
    ]


async def test_a_kernel_that_does_not_show_it_in_time_is_reported(
    pair: Daemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    as_before = pair.host.scan()
    monkeypatch.setattr(pair.host, "scan", lambda: as_before)
    done = await stub(pair).AttachControllers(
        pb.AttachControllersRequest(controller="nvme0", nsid=2, controller_ids=[1], wait_timeout_ms=1)
    )
    assert [one.host_view for one in done.reports] == [pb.HOST_VIEW_NOT_SHOWN]


@pytest.mark.parametrize(
    ("ids", "reason"),
    [
        ([], "INVALID_FIELD"),
        (list(range(2048)), "INVALID_FIELD"),
        ([0xFFF0], "INVALID_FIELD"),
        ([0xFFFF], "INVALID_FIELD"),
        ([1, 9], "CONTROLLER_NOT_FOUND"),
        ([1, 2], ""),
        ([2, 1], ""),
        ([2, 2, 1, 1], ""),
    ],
    ids=lambda value: str(value)[:20],
)
async def test_controller_lists(pair: Daemon, ids: list[int], reason: str) -> None:
    call = stub(pair).AttachControllers(
        pb.AttachControllersRequest(controller="nvme0", nsid=2, controller_ids=ids, validate_only=True)
    )
    if reason:
        assert await refused(call) == reason
    else:
        assert [one.controller_id for one in (await call).reports] == [1, 2]
    assert sent(pair.drive(), AdminOpcode.NAMESPACE_ATTACHMENT) == 0


async def test_a_private_namespace_has_one_controller(pair: Daemon) -> None:
    call = stub(pair).AttachControllers(pb.AttachControllersRequest(controller="nvme0", nsid=3, controller_ids=[1, 2]))
    assert await refused(call) == "NVME_PROHIBITED"


async def test_the_last_path_to_a_namespace_in_use_stays(pair: Daemon) -> None:
    node = pair.host.scan()[0].namespaces[0].node
    pair.host.occupy(node, "/data")
    last = pb.DetachControllersRequest(controller="nvme0", nsid=1, controller_ids=[1, 2])
    with pytest.raises(grpc.aio.AioRpcError) as failure:
        await stub(pair).DetachControllers(last)
    assert (reason_of(failure.value), gates_of(failure.value)) == ("GATE_FAILED", ["IN_USE"])
    assert "/data" in str(failure.value.details())
    one = await stub(pair).DetachControllers(
        pb.DetachControllersRequest(controller="nvme0", nsid=1, controller_ids=[2])
    )
    assert one.reports[0].host_view == pb.HOST_VIEW_SHOWN
    assert await refused(stub(pair).DetachControllers(last)) == "GATE_FAILED"
    pair.host.vacate(node)
    await stub(pair).DetachControllers(last)
    assert nsids_of(pair, 1) == []


async def test_a_request_repeated_is_answered_as_then(pair: Daemon) -> None:
    request = pb.AttachControllersRequest(controller="nvme0", nsid=2, controller_ids=[1], request_id=str(uuid.uuid4()))
    first = await stub(pair).AttachControllers(request)
    assert await stub(pair).AttachControllers(request) == first
    assert sent(pair.drive(), AdminOpcode.NAMESPACE_ATTACHMENT) == 1
    request.controller_ids.append(2)
    assert await refused(stub(pair).AttachControllers(request)) == "REQUEST_ID_REUSED"


async def test_what_the_kernel_says_of_an_attachment_is_told(pair: Daemon) -> None:
    pair.drive().faults.add(Fault(Fail(1), opcode=AdminOpcode.NAMESPACE_ATTACHMENT))
    request = pb.AttachControllersRequest(controller="nvme0", nsid=2, controller_ids=[1])
    assert await refused(stub(pair).AttachControllers(request)) == "DAEMON_PRIVILEGE"
    pair.drive().faults.add(Fault(Refuse(0x4119), opcode=AdminOpcode.NAMESPACE_ATTACHMENT))
    assert await refused(stub(pair).AttachControllers(request)) == "NVME_PROHIBITED"


# -- creating and deleting


async def test_create_attach_use_detach_delete(pair: Daemon) -> None:
    request = pb.CreateNamespaceRequest(controller="nvme0", size_bytes=8 * MIB, logical_block_bytes=4096, shared=True)
    checked = await stub(pair).CreateNamespace(pb.CreateNamespaceRequest(**_fields(request), validate_only=True))
    assert (checked.done, checked.name) == (True, "")
    assert sent(pair.drive(), AdminOpcode.NAMESPACE_MANAGEMENT) == 0
    made = await ended(pair, await stub(pair).CreateNamespace(request), pb.CreateNamespaceResponse)
    assert (made.nsid, made.size_blocks, made.lba_format, made.logical_block_bytes) == (4, 2048, 1, 4096)
    await stub(pair).AttachControllers(pb.AttachControllersRequest(controller="nvme0", nsid=4, controller_ids=[1, 2]))
    shown = [one for one in pair.host.scan()[0].namespaces if one.nsid == 4]
    assert [(one.size_bytes, one.logical_block_bytes) for one in shown] == [(8 * MIB, 4096)]
    delete = pb.DeleteNamespaceRequest(controller="nvme0", nsid=4)
    assert await refused(stub(pair).DeleteNamespace(delete)) == "INVALID_FIELD"
    delete.acknowledge_data_loss = True
    pair.host.occupy(shown[0].node, "/mnt")
    blocked = await wait(pair, await stub(pair).DeleteNamespace(delete))
    assert "/mnt" in blocked.error.message
    pair.host.vacate(shown[0].node)
    gone = await ended(pair, await stub(pair).DeleteNamespace(delete), pb.DeleteNamespaceResponse)
    assert [(one.controller_id, one.host_view) for one in gone.reports] == [
        (1, pb.HOST_VIEW_SHOWN),
        (2, pb.HOST_VIEW_SHOWN),
    ]
    assert 4 not in nsids_of(pair, 1)


def _fields(message: Message) -> dict[str, Any]:
    return {field.name: value for field, value in message.ListFields()}


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({}, "INVALID_FIELD"),
        ({"size_blocks": 0}, "INVALID_FIELD"),
        ({"size_bytes": 1000}, "INVALID_FIELD"),
        ({"size_blocks": 8, "capacity_blocks": 9}, "INVALID_FIELD"),
        ({"size_blocks": 8, "lba_format": 4}, "INVALID_FIELD"),
        ({"size_blocks": 8, "lba_format": 64}, "INVALID_FIELD"),
        ({"size_blocks": 8, "logical_block_bytes": 520}, "INVALID_FIELD"),
        ({"size_blocks": 8, "logical_block_bytes": 0}, "INVALID_FIELD"),
        ({"size_blocks": 8, "protection_type": 4}, "INVALID_FIELD"),
        ({"size_bytes": 1 << 50}, "NVME_CAPACITY"),
        ({"size_blocks": 2**64 - 1}, "NVME_CAPACITY"),
    ],
    ids=str,
)
async def test_namespaces_that_cannot_be_created(pair: Daemon, fields: dict[str, Any], reason: str) -> None:
    request = pb.CreateNamespaceRequest(controller="nvme0", validate_only=True, **fields)
    assert await refused(stub(pair).CreateNamespace(request)) == reason
    assert sent(pair.drive(), AdminOpcode.NAMESPACE_MANAGEMENT) == 0


async def test_a_controller_that_does_not_tell_what_can_be_created(pair: Daemon) -> None:
    """As QEMU's, which claims to manage namespaces."""
    unknown = Fault(Refuse(0x400B), opcode=AdminOpcode.IDENTIFY, nsid=0xFFFF_FFFF)
    pair.drive().faults.add(unknown)
    request = pb.CreateNamespaceRequest(controller="nvme0", size_blocks=8, validate_only=True)
    assert await refused(stub(pair).CreateNamespace(request)) == "NVME_UNSUPPORTED"


async def test_a_creation_repeated_is_the_same_operation(pair: Daemon) -> None:
    request = pb.CreateNamespaceRequest(controller="nvme0", size_blocks=8, request_id=str(uuid.uuid4()))
    first, second = [await stub(pair).CreateNamespace(request) for _ in range(2)]
    assert first.name == second.name
    await ended(pair, first, pb.CreateNamespaceResponse)
    assert sent(pair.drive(), AdminOpcode.NAMESPACE_MANAGEMENT) == 1


async def test_what_was_created_is_known_when_the_answer_is_lost(pair: Daemon) -> None:
    pair.drive().faults.add(Fault(Fail(4, executed=True), opcode=AdminOpcode.NAMESPACE_MANAGEMENT))
    operation = await stub(pair).CreateNamespace(pb.CreateNamespaceRequest(controller="nvme0", size_blocks=8))
    lost = await wait(pair, operation)
    assert "namespace 4" in lost.error.message
    pair.drive().faults.add(Fault(Fail(4), opcode=AdminOpcode.NAMESPACE_MANAGEMENT))
    operation = await stub(pair).CreateNamespace(pb.CreateNamespaceRequest(controller="nvme0", size_blocks=8))
    assert "EINTR" in (await wait(pair, operation)).error.message
    assert pair.drive().subsystem.namespaces.get(5) is None


# -- one at a time


async def test_a_subsystem_is_changed_by_one_at_a_time(pair: Daemon) -> None:
    hang = Hang()
    pair.drive().faults.add(Fault(hang, opcode=AdminOpcode.NAMESPACE_MANAGEMENT))
    running = await stub(pair).CreateNamespace(pb.CreateNamespaceRequest(controller="nvme0", size_blocks=8))
    await asyncio.to_thread(hang.reached.wait)
    request = pb.AttachControllersRequest(controller="nvme1", nsid=2, controller_ids=[2])
    with pytest.raises(grpc.aio.AioRpcError) as failure:
        await stub(pair).AttachControllers(request)
    assert gates_of(failure.value) == ["SUBSYSTEM_BUSY"]
    hang.release()
    await ended(pair, running, pb.CreateNamespaceResponse)
    await stub(pair).AttachControllers(request)


# -- rescan


async def test_rescan_until_the_kernel_agrees(pair: Daemon, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = await stub(pair).RescanController(pb.RescanControllerRequest(controller="nvme1"))
    assert (seen.host_view, [one.nsid for one in seen.namespaces]) == (pb.HOST_VIEW_SHOWN, [1, 3])
    assert all(one.device_node for one in seen.namespaces)
    checked = await stub(pair).RescanController(pb.RescanControllerRequest(controller="nvme0", validate_only=True))
    assert [one.nsid for one in checked.namespaces] == [1]
    as_before = pair.host.scan()
    monkeypatch.setattr(pair.host, "scan", lambda: as_before)
    controller = pair.drive("nvme0")
    with controller.lock:
        controller.subsystem.namespaces.allocated(2).controllers.add(1)
    late = await stub(pair).RescanController(pb.RescanControllerRequest(controller="nvme0", wait_timeout_ms=1))
    assert late.host_view == pb.HOST_VIEW_NOT_SHOWN


async def test_a_list_that_does_not_ascend_ends(daemon: Daemon) -> None:
    forever = b"".join((1).to_bytes(4, "little") for _ in range(1024))
    lists = Fault(
        Answer(forever),
        opcode=AdminOpcode.IDENTIFY,
        where=lambda command: command.cdw10 & 0xFF in (2, 0x10),
        times=None,
    )
    daemon.drive().faults.add(lists)
    found = await stub(daemon).ListAllocatedNamespaces(pb.ListAllocatedNamespacesRequest(controller="nvme0"))
    assert [one.nsid for one in found.namespaces] == [1]


@pytest.mark.usefixtures("silent_host")
async def test_another_drive_at_the_same_node_is_left_alone(start_daemon: StartDaemon) -> None:
    daemon = await start_daemon(DriveSpec(serial="OLD"))
    await stub(daemon).RescanController(pb.RescanControllerRequest(controller="controllers/old-1"))
    daemon.host.unplug("nvme0")
    new = daemon.host.add(Subsystem(DriveSpec(serial="NEW")))
    request = pb.CreateNamespaceRequest(controller="controllers/old-1", size_blocks=2048)
    done = await wait(daemon, await stub(daemon).CreateNamespace(request))
    assert done.HasField("error")
    assert sent(new.controller, AdminOpcode.NAMESPACE_MANAGEMENT) == 0
