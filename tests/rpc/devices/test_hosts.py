"""Hosts set up otherwise than most: without multipath, with discovery controllers, with hidden block devices."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from nvmed.linux.sysfs import LinuxHost
from nvmed.v1 import inventory_pb2
from nvmed.v1.resources_pb2 import Namespace
from tests.rpc.harness import Daemon, StartDaemon
from tests.unit.linux.test_sysfs import grow


async def start(start_daemon: StartDaemon, root: Path) -> Daemon:
    host: Any = LinuxHost(root, root)
    return await start_daemon(host=host)


async def namespaces(daemon: Daemon) -> list[Namespace]:
    return [*(await daemon.inventory.ListNamespaces(inventory_pb2.ListNamespacesRequest())).namespaces]


async def test_without_multipath_every_node_finds_its_namespace(start_daemon: StartDaemon, tmp_path: Path) -> None:
    daemon = await start(start_daemon, grow(tmp_path / "sys", "plain"))
    listed = await namespaces(daemon)
    assert len({one.name for one in listed}) == len(listed)
    paths = [(one, path) for one in listed for path in one.paths]
    assert {path.device_node for _, path in paths} == {"nvme0n1", "nvme1n1", "nvme1n2", "nvme2n1"}
    for namespace, path in paths:
        for node in (path.device_node, path.generic_device_node, namespace.name):
            found = await daemon.inventory.GetNamespace(inventory_pb2.GetNamespaceRequest(name=node))
            assert found == namespace


async def test_with_multipath_every_path_has_the_same_node(start_daemon: StartDaemon, tmp_path: Path) -> None:
    daemon = await start(start_daemon, grow(tmp_path / "sys", "multipath"))
    for namespace in await namespaces(daemon):
        assert {path.device_node for path in namespace.paths} == {namespace.device_node}


@pytest.mark.parametrize("is_hidden", [True, False])
async def test_a_block_device_that_cannot_be_opened_is_not_shown(
    start_daemon: StartDaemon, tmp_path: Path, is_hidden: bool
) -> None:
    root = grow(tmp_path / "sys", "plain")
    if is_hidden:
        (root / "class/block/nvme0n1/hidden").write_text("1\n")
    else:
        (root / "class/block/nvme0n1").unlink()
    daemon = await start(start_daemon, root)
    (namespace,) = [one for one in await namespaces(daemon) if any(path.device_node == "nvme1n1" for path in one.paths)]
    assert (namespace.device_node, namespace.generic_device_node) == ("nvme1n1", "ng1n1")  # the path that has one
    assert [(path.device_node, path.generic_device_node) for path in namespace.paths] == [
        ("", "ng0n1"), ("nvme1n1", "ng1n1"),
    ]  # fmt: skip
    assert not LinuxHost(root, root).usage("nvme0n1").is_claimed


async def test_discovery_controllers_are_of_the_kernels_subsystems(start_daemon: StartDaemon, tmp_path: Path) -> None:
    root = grow(tmp_path / "sys", "multipath")
    was = (root / "class/nvme/nvme5").resolve()
    shutil.copytree(was, was.with_name("nvme6"), symlinks=True)
    (was.with_name("nvme6") / "address").write_text("traddr=127.0.0.2,trsvcid=8009\n")
    (root / "class/nvme/nvme6").symlink_to(was.with_name("nvme6"))
    (root / "class/nvme-subsystem/nvme-subsys9").mkdir()
    (root / "class/nvme-subsystem/nvme-subsys9/nvme6").symlink_to(was.with_name("nvme6"))
    daemon = await start(start_daemon, root)
    listed = (await daemon.inventory.ListSubsystems(inventory_pb2.ListSubsystemsRequest())).subsystems
    discovery = [one for one in listed if one.nqn == "nqn.2014-08.org.nvmexpress.discovery"]
    assert len(discovery) == len({one.name for one in discovery}) == 2
    assert [len(one.controllers) for one in discovery] == [1, 1]
    assert [len(one.controllers) for one in listed if one.serial_number == "FABRIC01" and one not in discovery] == [2]
