"""Namespaces through real ioctls: what QEMU's controllers and the simulator change, the kernel shows."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Awaitable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from nvmedctl import Client
from nvmedctl.operations import unpack, wait

from nvmed.errors import NvmedError
from nvmed.simulator.spec import MIB, DriveSpec
from nvmed.simulator.subsystem import Subsystem
from nvmed.v1 import namespace_pb2 as pb
from nvmed.v1.namespace_pb2_grpc import NamespaceServiceStub
from tests.vm import qemu, simulated
from tests.vm.daemon import Daemon
from tests.vm.guest import Guest

if TYPE_CHECKING:
    from nvmed.v1.namespace_pb2_grpc import NamespaceServiceAsyncStub

CHANGED, UNCHANGED = pb.ControllerReport.OUTCOME_CHANGED, pb.ControllerReport.OUTCOME_UNCHANGED


@pytest.fixture
async def client(daemon: Daemon) -> AsyncIterator[Client]:
    async with daemon.client() as connected:
        yield connected


@pytest.fixture
async def service(client: Client) -> NamespaceServiceAsyncStub:
    stub: NamespaceServiceAsyncStub = NamespaceServiceStub(client.channel)
    return stub


def controller_id(guest: Guest, node: str) -> int:
    return int(guest.sh(f"cat /sys/class/nvme/{node}/cntlid"))


def attached(guest: Guest, node: str) -> list[int]:
    """What `nvme list-ns` says is attached to a controller."""
    return nsids(guest.json(f"nvme list-ns /dev/{node} -o json"))


def nsids(listed: Any) -> list[int]:
    return [one["nsid"] for one in listed["nsid_list"]]


def shown(guest: Guest, size_bytes: int) -> list[str]:
    """The block devices of NVMe that have this size, by `nvme list`."""
    devices = guest.json("nvme list -o json")["Devices"]
    return [device["DevicePath"] for device in devices if device["PhysicalSize"] == size_bytes]


def device_path(node: str) -> str:
    return f"/dev/{node.removeprefix('/dev/')}"


async def refused(call: Awaitable[Any]) -> NvmedError:
    with pytest.raises(NvmedError) as failure:
        await call
    return failure.value


@contextlib.contextmanager
def connected(guest: Guest) -> Iterator[tuple[Subsystem, str]]:
    """A simulated drive that has no namespace yet, and its node."""
    subsystem = Subsystem(DriveSpec(serial="NVMED-NAMESPACES", namespaces=()))
    with simulated.serving(guest, subsystem) as target, target.connected(guest, subsystem) as node:
        yield subsystem, node


async def test_lists_and_identity_are_those_of_nvme_cli(guest: Guest, service: NamespaceServiceAsyncStub) -> None:
    for drive in qemu.CONTROLLERS:
        node = guest.node(drive)
        listed = await service.ListAllocatedNamespaces(pb.ListAllocatedNamespacesRequest(controller=node))
        by_nvme_cli = guest.json(f"nvme list-ns /dev/{node} --all -o json")
        assert [one.nsid for one in listed.namespaces] == nsids(by_nvme_cli)
        assert [one.nsid for one in listed.namespaces if one.attached] == attached(guest, node)
        for one in listed.namespaces:
            request = pb.GetNamespaceIdentityRequest(controller=node, nsid=one.nsid, include_raw=True)
            identity = await service.GetNamespaceIdentity(request)
            raw = guest.run("nvme", "id-ns", f"/dev/{node}", "-n", str(one.nsid), "--force", "-b").stdout
            assert (len(raw), identity.raw) == (4096, raw)
            (expected,) = {each.size_bytes for each in qemu.NAMESPACES if each.nsid == one.nsid and same(each, drive)}
            assert identity.size_bytes == expected
            if one.attached:
                asked = pb.GetLogicalBlockSizeRequest(controller=node, nsid=one.nsid)
                blocks = int(guest.sh(f"blockdev --getss {device_path(one.device_node)}"))
                assert (await service.GetLogicalBlockSize(asked)).logical_block_bytes == blocks


def same(namespace: qemu.Namespace, controller: qemu.Controller) -> bool:
    """Whether a namespace is in the controller's subsystem."""
    return namespace.controller.serial == controller.serial


async def test_a_shared_namespace_is_attached_and_detached(guest: Guest, service: NamespaceServiceAsyncStub) -> None:
    """The kernel hears of it by the drive's event, or by the rescan that nvmed asks for.

    QEMU looks at the controller that is asked, not at the one to attach to: ask the one that comes last in the list.
    """
    left, right = sorted((guest.node(drive) for drive in (qemu.LEFT, qemu.RIGHT)), key=partial(controller_id, guest))
    ids = [controller_id(guest, node) for node in (left, right)]
    nsid, size = qemu.DETACHED.nsid, qemu.DETACHED.size_bytes
    assert shown(guest, size) == []
    request = pb.AttachControllersRequest(controller=right, nsid=nsid, controller_ids=reversed(ids))
    done = await service.AttachControllers(request)
    try:
        assert [(one.controller_id, one.outcome, one.host_view) for one in done.reports] == [
            (one, CHANGED, pb.HOST_VIEW_SHOWN) for one in ids
        ]
        (device,) = shown(guest, size)
        assert {device_path(one.device_node) for one in done.reports} == {device}
        assert nsid in attached(guest, left)
        assert nsid in attached(guest, right)
        again = await service.AttachControllers(request)
        assert {one.outcome for one in again.reports} == {UNCHANGED}
        one_path = pb.DetachControllersRequest(controller=right, nsid=nsid, controller_ids=ids[:1])
        assert [one.outcome for one in (await service.DetachControllers(one_path)).reports] == [CHANGED]
        assert shown(guest, size) == [device]
    finally:
        gone = await service.DetachControllers(
            pb.DetachControllersRequest(controller=left, nsid=nsid, controller_ids=ids)
        )
    assert [(one.outcome, one.host_view, one.device_node) for one in gone.reports] == [
        (UNCHANGED, pb.HOST_VIEW_SHOWN, ""),
        (CHANGED, pb.HOST_VIEW_SHOWN, ""),
    ]
    assert nsid not in attached(guest, left) + attached(guest, right)
    assert shown(guest, size) == []


async def test_a_private_namespace_leaves_and_comes_back(guest: Guest, service: NamespaceServiceAsyncStub) -> None:
    left, right = (guest.node(drive) for drive in (qemu.LEFT, qemu.RIGHT))
    nsid, size = qemu.PRIVATE.nsid, qemu.PRIVATE.size_bytes
    own = [controller_id(guest, right)]
    other = pb.AttachControllersRequest(controller=left, nsid=nsid, controller_ids=[controller_id(guest, left)])
    assert (await refused(service.AttachControllers(other))).reason == "NVME_PROHIBITED"
    gone = await service.DetachControllers(pb.DetachControllersRequest(controller=right, nsid=nsid, controller_ids=own))
    try:
        assert [(one.outcome, one.host_view) for one in gone.reports] == [(CHANGED, pb.HOST_VIEW_SHOWN)]
        assert shown(guest, size) == []
    finally:
        back = await service.AttachControllers(
            pb.AttachControllersRequest(controller=right, nsid=nsid, controller_ids=own)
        )
    assert [(one.outcome, one.host_view) for one in back.reports] == [(CHANGED, pb.HOST_VIEW_SHOWN)]
    assert len(shown(guest, size)) == 1


async def test_the_last_path_to_a_mounted_namespace_stays(guest: Guest, service: NamespaceServiceAsyncStub) -> None:
    left, right = (guest.node(drive) for drive in (qemu.LEFT, qemu.RIGHT))
    listed = await service.ListAllocatedNamespaces(pb.ListAllocatedNamespacesRequest(controller=left))
    (device,) = (device_path(one.device_node) for one in listed.namespaces if one.nsid == qemu.SHARED.nsid)
    ids = [controller_id(guest, each) for each in (left, right)]
    request = pb.DetachControllersRequest(controller=left, nsid=qemu.SHARED.nsid, controller_ids=ids)
    guest.sh(f"mkfs.ext4 -q -F {device}; mkdir -p /run/shared; mount {device} /run/shared")
    try:
        failure = await refused(service.DetachControllers(request))
    finally:
        guest.sh("umount /run/shared")
    assert failure.reason == "GATE_FAILED"
    assert [(gate.kind, "/run/shared" in gate.description) for gate in failure.gates] == [("IN_USE", True)]
    assert qemu.SHARED.nsid in attached(guest, left)


async def test_a_rescan_is_answered_when_the_kernel_is_done(guest: Guest, service: NamespaceServiceAsyncStub) -> None:
    node = guest.node(qemu.RIGHT)
    done = await service.RescanController(pb.RescanControllerRequest(controller=node))
    assert done.host_view == pb.HOST_VIEW_SHOWN
    assert [one.nsid for one in done.namespaces if one.attached] == attached(guest, node)


async def test_created_attached_formatted_and_deleted(
    guest: Guest, client: Client, service: NamespaceServiceAsyncStub
) -> None:
    """On the simulator, since QEMU refuses to create."""
    with connected(guest) as (subsystem, node):
        create = pb.CreateNamespaceRequest(controller=node, size_bytes=8 * MIB, logical_block_bytes=512)
        begun = await service.CreateNamespace(create)
        made = unpack(await wait(client.operations, begun), pb.CreateNamespaceResponse)
        ids = [controller_id(guest, node)]
        attach = pb.AttachControllersRequest(controller=node, nsid=made.nsid, controller_ids=ids)
        (report,) = (await service.AttachControllers(attach)).reports
        device = device_path(report.device_node)
        assert (report.host_view, shown(guest, 8 * MIB)) == (pb.HOST_VIEW_SHOWN, [device])
        guest.sh(f"head -c 4096 /dev/urandom | dd of={device} bs=4096 oflag=direct status=none")
        format_ = pb.FormatNamespaceRequest(
            controller=node, nsid=made.nsid, logical_block_bytes=4096, acknowledge_data_loss=True
        )
        begun = await service.FormatNamespace(format_)
        formatted = unpack(await wait(client.operations, begun), pb.FormatNamespaceResponse)
        assert (formatted.logical_block_bytes, formatted.host_view) == (4096, pb.HOST_VIEW_SHOWN)
        assert int(guest.sh(f"blockdev --getss {device}")) == 4096
        assert guest.run("dd", f"if={device}", "bs=4096", "count=1", "iflag=direct").stdout == bytes(4096)
        delete = pb.DeleteNamespaceRequest(controller=node, nsid=made.nsid, acknowledge_data_loss=True)
        begun = await service.DeleteNamespace(delete)
        gone = unpack(await wait(client.operations, begun), pb.DeleteNamespaceResponse)
        assert [one.host_view for one in gone.reports] == [pb.HOST_VIEW_SHOWN]
        assert (shown(guest, 8 * MIB), list(subsystem.namespaces)) == ([], [])


async def test_what_qemu_cannot_is_said(guest: Guest, client: Client, service: NamespaceServiceAsyncStub) -> None:
    """It claims namespace management, so that only its answers can tell."""
    node = guest.node(qemu.LEFT)
    create = pb.CreateNamespaceRequest(controller=node, size_blocks=8, validate_only=True)
    assert (await refused(service.CreateNamespace(create))).reason == "NVME_UNSUPPORTED"
    create.validate_only = False
    done = await wait(client.operations, await service.CreateNamespace(create))
    with pytest.raises(NvmedError) as failure:
        unpack(done, pb.CreateNamespaceResponse)
    assert failure.value.reason == "NVME_UNSUPPORTED"
    unknown = pb.AttachControllersRequest(controller=node, nsid=77, controller_ids=[controller_id(guest, node)])
    assert (await refused(service.AttachControllers(unknown))).reason == "NAMESPACE_NOT_FOUND"
