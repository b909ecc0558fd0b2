"""What is there, over the wire: names that stay, nodes that move, pages and filters."""

from __future__ import annotations

from typing import Any

import grpc
import pytest

from nvmed.simulator.spec import DriveSpec, NamespaceSpec
from nvmed.simulator.subsystem import Subsystem
from nvmed.v1 import inventory_pb2 as pb
from nvmed.v1.resources_pb2 import Controller
from tests.rpc.harness import Daemon, StartDaemon, reason_of, small_drive


async def names(daemon: Daemon, **fields: Any) -> list[str]:
    found = await daemon.inventory.ListControllers(pb.ListControllersRequest(**fields))
    return [controller.name for controller in found.controllers]


async def test_a_controller_is_named_by_what_does_not_change(start_daemon: StartDaemon) -> None:
    daemon = await start_daemon(small_drive("S5GX_N0T 1"), small_drive("B", controllers=2))
    assert await names(daemon) == ["controllers/b-1", "controllers/b-2", "controllers/s5gx-n0t-1-1"]
    shown = await daemon.inventory.GetController(pb.GetControllerRequest(name="controllers/s5gx-n0t-1-1"))
    assert (shown.device_node, shown.serial_number, shown.controller_id) == ("nvme0", "S5GX_N0T 1", 1)
    assert (shown.state, shown.lane_state) == (Controller.STATE_LIVE, Controller.LANE_STATE_SERVING)
    assert shown.transport == "pcie"
    assert [name.rpartition("/")[2] for name in shown.namespaces] == ["1"]


async def test_equal_serials_are_told_apart(start_daemon: StartDaemon) -> None:
    daemon = await start_daemon(small_drive("SAME", nqn="nqn.a:one"), small_drive("SAME", nqn="nqn.b:two"))
    first, second = await names(daemon)
    assert first == "controllers/same-1"
    assert second.startswith("controllers/same-1-")
    for name, nqn in ((first, "nqn.a:one"), (second, "nqn.b:two")):
        by_name = await daemon.inventory.GetController(pb.GetControllerRequest(name=name))
        assert (by_name.name, by_name.subsystem_nqn) == (name, nqn)


async def test_a_node_that_is_given_to_another_drive_names_that_one(start_daemon: StartDaemon) -> None:
    daemon = await start_daemon(small_drive("OLD"))
    assert await names(daemon) == ["controllers/old-1"]
    daemon.host.unplug("nvme0")
    daemon.host.add(Subsystem(small_drive("NEW")))
    shown = await daemon.inventory.GetController(pb.GetControllerRequest(name="nvme0"))
    assert shown.name == "controllers/new-1"
    with pytest.raises(grpc.aio.AioRpcError) as gone:
        await daemon.inventory.GetController(pb.GetControllerRequest(name="controllers/old-1"))
    assert reason_of(gone.value) == "CONTROLLER_NOT_FOUND"


@pytest.mark.usefixtures("silent_host")
async def test_a_drive_swapped_behind_a_name_is_noticed_at_open(start_daemon: StartDaemon) -> None:
    daemon = await start_daemon(small_drive("OLD"))
    await names(daemon)
    daemon.host.unplug("nvme0")
    daemon.host.add(Subsystem(small_drive("NEW")))
    with pytest.raises(grpc.aio.AioRpcError) as swapped:  # the name is answered from the last scan
        await daemon.inventory.GetControllerCapabilities(pb.GetControllerCapabilitiesRequest(name="controllers/old-1"))
    assert swapped.value.code() is grpc.StatusCode.ABORTED
    assert reason_of(swapped.value) == "DEVICE_IDENTITY_CHANGED"


async def test_pages_hold_each_controller_once(start_daemon: StartDaemon) -> None:
    daemon = await start_daemon(*(small_drive(f"D{number:02}") for number in range(7)))
    seen: list[str] = []
    token = ""
    while True:
        found = await daemon.inventory.ListControllers(pb.ListControllersRequest(page_size=3, page_token=token))
        assert len(found.controllers) <= 3
        seen += [controller.name for controller in found.controllers]
        token = found.next_page_token
        if not token:
            break
    assert seen == sorted(seen)
    assert len(set(seen)) == 7


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("", 3),
        ('serial_number = "D1"', 1),
        ("serial_number = D1", 1),
        ("serial_number != D1", 2),
        ("serial_number:d", 3),
        ("state = LIVE AND transport = pcie", 3),
        ("state = STATE_LIVE serial_number = D2", 1),
        ("state = DEAD", 0),
        ("controller_id = 1", 3),
        ("namespaces : namespaces/1", 3),
        ("serial_number = D1 OR serial_number = D2 AND NOT state = DEAD", 2),
        ("serial_number = *1 AND queue_max_transfer_bytes >= 4096", 1),
    ],
)
async def test_filters(start_daemon: StartDaemon, text: str, count: int) -> None:
    daemon = await start_daemon(*(small_drive(f"D{number}") for number in range(3)))
    assert len(await names(daemon, filter=text)) == count


@pytest.mark.parametrize(
    "fields",
    [
        {"filter": "serial_number"},
        {"filter": "serial_number = "},
        {"filter": "= D1"},
        {"filter": "no_such_field = 1"},
        {"filter": 'serial_number = "open'},
        {"filter": "a" * 5000},
        {"page_token": "!"},
        {"page_token": "e30="},
        {"page_size": -1},
    ],
    ids=str,
)
async def test_bad_pages_and_filters(daemon: Daemon, fields: dict[str, Any]) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await names(daemon, **fields)
    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert reason_of(refused.value) == "INVALID_FIELD"
    assert next(iter(fields)) in str(refused.value.details())


async def test_a_token_goes_with_its_filter(start_daemon: StartDaemon) -> None:
    daemon = await start_daemon(*(small_drive(f"D{number}") for number in range(3)))
    first = await daemon.inventory.ListControllers(pb.ListControllersRequest(page_size=1))
    with pytest.raises(grpc.aio.AioRpcError, match="another filter"):
        await names(daemon, page_token=first.next_page_token, filter="transport = pcie")


async def test_pages_and_filters_of_subsystems_and_namespaces(start_daemon: StartDaemon) -> None:
    drives = [small_drive(f"D{number}", namespaces=(NamespaceSpec(), NamespaceSpec())) for number in range(3)]
    daemon = await start_daemon(*drives)
    wanted = pb.ListSubsystemsRequest(page_size=2, filter="serial_number = D*")
    first = await daemon.inventory.ListSubsystems(wanted)
    wanted.page_token = first.next_page_token
    last = await daemon.inventory.ListSubsystems(wanted)
    assert [one.serial_number for one in (*first.subsystems, *last.subsystems)] == ["D0", "D1", "D2"]
    assert last.next_page_token == ""
    seen: list[str] = []
    of_all = pb.ListNamespacesRequest(page_size=1, filter="nsid = 2 AND paths.controller : d", parent="subsystems/-")
    while True:
        page = await daemon.inventory.ListNamespaces(of_all)
        seen += [one.name for one in page.namespaces]
        of_all.page_token = page.next_page_token
        if not page.next_page_token:
            break
    assert seen == [f"{one.name}/namespaces/2" for one in (*first.subsystems, *last.subsystems)]


async def test_a_filter_is_refused_also_where_there_is_nothing(daemon: Daemon) -> None:
    daemon.drive().disappear()
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await daemon.inventory.ListControllers(pb.ListControllersRequest(filter="no_such_field = 1"))
    assert reason_of(refused.value) == "INVALID_FIELD"


async def test_subsystems_and_namespaces(start_daemon: StartDaemon) -> None:
    two_paths = DriveSpec(serial="MP", controllers=2, namespaces=(NamespaceSpec(), NamespaceSpec(controllers=(2,))))
    daemon = await start_daemon(two_paths, small_drive("SOLO"))
    subsystems = (await daemon.inventory.ListSubsystems(pb.ListSubsystemsRequest())).subsystems
    assert [len(subsystem.controllers) for subsystem in subsystems] == [2, 1]
    multipath = subsystems[0]
    assert multipath == await daemon.inventory.GetSubsystem(pb.GetSubsystemRequest(name=multipath.name))
    everything = (await daemon.inventory.ListNamespaces(pb.ListNamespacesRequest())).namespaces
    assert len(everything) == 3
    own = (await daemon.inventory.ListNamespaces(pb.ListNamespacesRequest(parent=multipath.name))).namespaces
    assert [(ns.nsid, [path.controller for path in ns.paths]) for ns in own] == [
        (1, ["controllers/mp-1", "controllers/mp-2"]),
        (2, ["controllers/mp-2"]),
    ]
    assert own[0].size_bytes == 1 << 30
    by_node = await daemon.inventory.GetNamespace(pb.GetNamespaceRequest(name=own[0].device_node))
    assert by_node == own[0]


@pytest.mark.parametrize(
    ("method", "request_", "reason"),
    [
        ("GetSubsystem", pb.GetSubsystemRequest(name="subsystems/none"), "SUBSYSTEM_NOT_FOUND"),
        ("ListNamespaces", pb.ListNamespacesRequest(parent="subsystems/none"), "SUBSYSTEM_NOT_FOUND"),
        ("GetNamespace", pb.GetNamespaceRequest(name="nvme0n7"), "NAMESPACE_NOT_FOUND"),
        ("GetController", pb.GetControllerRequest(name="controllers/none"), "CONTROLLER_NOT_FOUND"),
        ("GetController", pb.GetControllerRequest(name="../nvme0"), "INVALID_FIELD"),
        ("GetController", pb.GetControllerRequest(), "INVALID_FIELD"),
    ],
    ids=str,
)
async def test_what_is_not_there(daemon: Daemon, method: str, request_: Any, reason: str) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as missing:
        await getattr(daemon.inventory, method)(request_)
    assert reason_of(missing.value) == reason


async def test_capabilities_name_the_bit_that_says_so(daemon: Daemon) -> None:
    found = await daemon.inventory.GetControllerCapabilities(pb.GetControllerCapabilitiesRequest(name="nvme0"))
    rows = {row.capability: row for row in found.capabilities}
    assert rows["telemetry"].supported
    assert rows["telemetry"].description == ""
    assert rows["namespace_management"].source == "OACS bit 3"
    (lacking,) = (row for row in rows.values() if row.capability == "virtual_function")
    assert (lacking.supported, lacking.description) == (
        False,
        "Being a virtual function is not supported by this controller: CMIC bit 2 is not set in Identify Controller.",
    )
    assert [row for row in rows.values() if row.supported == bool(row.description)] == []
    assert found.max_transfer_bytes == 128 << 10
    assert found.firmware_slots == 3
    assert found.nvme_version.count(".") == 2
