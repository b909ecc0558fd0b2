"""One odd value of one drive costs that value: every other drive, and the rest of that one, is answered."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import pytest

from nvmed.linux.sysfs import LinuxHost
from nvmed.nvme.opcodes import AdminOpcode
from nvmed.simulator.faults import Fault, Patch
from nvmed.v1 import inventory_pb2, namespace_pb2
from nvmed.v1.event_pb2 import WatchEventsRequest
from nvmed.v1.event_pb2_grpc import EventServiceStub
from nvmed.v1.namespace_pb2_grpc import NamespaceServiceStub
from tests.rpc.harness import Daemon, StartDaemon

NAMESPACE = {"nsid": "1", "size": "2048", "queue/logical_block_size": "512", "queue/max_hw_sectors_kb": "128"}
LINUX_4_4 = dict.fromkeys(("cntlid", "subsysnqn", "transport", "address", "state", "cntrltype", "numa_node"))
"""What that kernel does not show."""

HUGE = "99999999999999999999"
ODD: dict[str, dict[str, Any]] = {
    "an old kernel": LINUX_4_4,
    "no controller id": {"cntlid": None},
    "a controller id that makes no sense": {"cntlid": HUGE},
    "a negative controller id": {"cntlid": "-7"},
    "a NUMA node that makes no sense": {"numa_node": HUGE},
    **{
        f"{value} in {name}": {"namespace": {name: value}}
        for name in NAMESPACE for value in ("0", "-1", str(1 << 32), str(1 << 57), HUGE, "what")
    },
}  # fmt: skip


def show(root: Path, node: str, number: int, odd: dict[str, Any]) -> None:
    """A controller of one namespace in a tree of sysfs; None is an attribute that is not there."""
    attributes = {
        "dev": f"241:{number}", "serial": f"S{number}", "model": "M", "firmware_rev": "1.0", "cntlid": str(number),
        "subsysnqn": f"nqn.{number}", "transport": "pcie", "address": f"0000:0{number}:00.0", "state": "live",
        "cntrltype": "io", "numa_node": "0", **odd,
    }  # fmt: skip
    changes = attributes.pop("namespace", {})
    files = attributes | {f"{node}n1/{name}": value for name, value in (NAMESPACE | changes).items()}
    for name, value in files.items():
        if value is not None:
            path = root / "class/nvme" / node / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"{value}\n")


@pytest.mark.parametrize("odd", ODD)
async def test_a_list_of_the_whole_host(start_daemon: StartDaemon, tmp_path: Path, odd: str) -> None:
    show(tmp_path, "nvme0", 0, ODD[odd])
    show(tmp_path, "nvme1", 1, {})
    daemon = await start_daemon(host=LinuxHost(tmp_path, tmp_path))  # type: ignore[arg-type]
    controllers = await daemon.inventory.ListControllers(inventory_pb2.ListControllersRequest())
    assert [one.serial_number for one in controllers.controllers] == ["S0", "S1"]
    assert controllers.controllers[1].controller_id == 1
    namespaces = await daemon.inventory.ListNamespaces(inventory_pb2.ListNamespacesRequest())
    assert namespaces.namespaces[-1].size_bytes == 2048 * 512
    await daemon.inventory.ListSubsystems(inventory_pb2.ListSubsystemsRequest())
    watched = EventServiceStub(daemon.channel).WatchEvents(WatchEventsRequest(include_snapshot=True))
    async for answer in watched:
        if answer.event.controller == controllers.controllers[1].name:
            break
    watched.cancel()


async def test_what_is_not_shown_is_named(start_daemon: StartDaemon, tmp_path: Path) -> None:
    show(tmp_path, "nvme0", 0, {"cntlid": None})
    daemon = await start_daemon(host=LinuxHost(tmp_path, tmp_path))  # type: ignore[arg-type]
    (one,) = (await daemon.inventory.ListControllers(inventory_pb2.ListControllersRequest())).controllers
    assert [missing.field for missing in one.omissions] == ["controller_id"]


async def test_a_namespace_larger_than_bytes_can_say(daemon: Daemon) -> None:
    huge = struct.pack("<Q", 1 << 60)
    for offset, content in ((0, huge * 3), (26, b"\1")):
        daemon.drive().faults.add(
            Fault(
                Patch(offset, content), opcode=AdminOpcode.IDENTIFY, where=lambda one: one.cdw10 & 0xFF == 0, times=None
            )
        )
    answer = await NamespaceServiceStub(daemon.channel).GetNamespaceIdentity(
        namespace_pb2.GetNamespaceIdentityRequest(controller="nvme0", nsid=1)
    )
    assert (answer.size_blocks, answer.size_bytes) == (1 << 60, 2**64 - 1)
