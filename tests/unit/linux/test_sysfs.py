"""Scanning and opening, on trees recorded from Linux 6.12.

`sysfs_trees.json` holds, of a guest with QEMU drives (two controllers of one subsystem, one alone) and in the tree
`multipath` also with nvmet over TCP (two paths with ANA, a discovery controller), every attribute that could matter and
every link, verbatim.
"""

from __future__ import annotations

import errno
import json
import mmap
import os
import shutil
import stat
import tempfile
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nvmed.errors import Aborted, InvalidArgument, NotFound
from nvmed.linux.sysfs import LinuxHost, scan
from nvmed.nvme.host import ControllerNode, Host, NamespaceNode
from nvmed.nvme.transport import Command

TREES = json.loads((Path(__file__).parent / "sysfs_trees.json").read_text())
HOST_NQN = "nqn.2014-08.org.nvmexpress:uuid:11111111-2222-3333-4444-555555555555"


def grow(root: Path, tree: str) -> Path:
    """Make the recorded tree below `root`."""
    for path, text in TREES[tree]["files"].items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)
    for path, target in TREES[tree]["links"].items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).symlink_to(target)
    return root


@pytest.fixture
def multipath(tmp_path: Path) -> Path:
    return grow(tmp_path / "sys", "multipath")


@pytest.fixture
def plain(tmp_path: Path) -> Path:
    return grow(tmp_path / "sys", "plain")


QEMU_0 = ControllerNode(
    node="nvme0",
    serial="SNSUB0",
    model="QEMU NVMe Ctrl",
    firmware_revision="10.0.2",
    controller_id=0,
    subsystem_nqn="nqn.2019-08.org.qemu:subsys0",
    subsystem_node="nvme-subsys0",
    transport="pcie",
    address="0000:01:00.0",
    state="live",
    controller_type="io",
    max_transfer_bytes=min(512 * 1024, 127 * mmap.PAGESIZE),
    namespaces=(NamespaceNode("nvme0n1", "ng0n1", 1, 64 << 20, 512),),
)
FABRICS_4 = ControllerNode(
    node="nvme4",
    serial="FABRIC01",
    model="Example Target",
    firmware_revision="6.12.107",
    controller_id=2,
    subsystem_nqn="nqn.2025-01.org.example:flash",
    subsystem_node="nvme-subsys3",
    transport="tcp",
    address="traddr=127.0.0.1,trsvcid=4422,src_addr=127.0.0.1",
    state="live",
    controller_type="io",
    host_nqn=HOST_NQN,
    max_transfer_bytes=65534 * mmap.PAGESIZE,
    namespaces=(
        NamespaceNode(
            "nvme3n1",
            "ng3n1",
            7,
            524288000 * 512,
            512,
            uuid="6ba7b810-9dad-11d1-80b4-00c04fd430c8",
            nguid="00112233445566778899aabbccddeeff",
            ana_state="non-optimized",
        ),
    ),
)


def test_multipath_shows_heads_through_every_path(multipath: Path) -> None:
    found = scan(multipath)
    assert [controller.node for controller in found] == ["nvme0", "nvme1", "nvme2", "nvme3", "nvme4", "nvme5"]
    assert found[0] == QEMU_0
    # nvme0n2 belongs to subsystem 0, is reached through nvme1 alone, and is namespace 3
    assert [(ns.node, ns.generic_node, ns.nsid) for ns in found[1].namespaces] == [
        ("nvme0n1", "ng0n1", 1),
        ("nvme0n2", "ng0n2", 3),
    ]
    assert [ns.ana_state for ns in found[3].namespaces] == ["optimized"]
    assert found[4] == FABRICS_4
    discovery = found[5]
    assert (discovery.controller_type, discovery.namespaces, discovery.max_transfer_bytes) == ("discovery", (), None)


def test_without_multipath_namespaces_are_the_controllers_own(plain: Path) -> None:
    found = scan(plain)
    assert found[0] == replace(QEMU_0, subsystem_node="nvme-subsys1")
    assert [(ns.node, ns.generic_node, ns.nsid) for ns in found[1].namespaces] == [
        ("nvme1n1", "ng1n1", 1),
        ("nvme1n2", "ng1n2", 3),
    ]


def test_controllers_are_ordered_by_number(multipath: Path) -> None:
    (multipath / "class/nvme/nvme10").symlink_to((multipath / "class/nvme/nvme0").readlink())
    (multipath / "class/nvme/nvme-fabrics").mkdir()
    assert [controller.node for controller in scan(multipath)][-2:] == ["nvme5", "nvme10"]


def test_a_kernel_without_the_driver_has_no_controllers(tmp_path: Path) -> None:
    assert scan(tmp_path) == ()
    host: Host = LinuxHost(tmp_path)
    assert host.scan() == ()


def test_older_kernels_lack_attributes(plain: Path) -> None:
    directory = (plain / "class/nvme/nvme0").resolve()
    for name in ("cntrltype", "cntlid", "address", "state", "transport", "numa_node"):
        (directory / name).unlink()
    (directory / "../../numa_node").write_text("1\n")  # before 5.16 only the PCI device shows it
    shutil.rmtree(plain / "class/nvme-generic")  # before 5.13
    first = scan(plain)[0]
    assert (first.controller_id, first.controller_type, first.state, first.numa_node) == (-1, "", "", 1)
    assert [ns.generic_node for ns in first.namespaces] == [""]


@pytest.mark.parametrize(
    ("sectors_kb", "segments", "expected"),
    [
        ("128", "128", 128 << 10),
        ("2048", "33", 32 * mmap.PAGESIZE),
        ("2048", "", 2048 << 10),
        ("", "33", None),
        ("garbage", "", None),
    ],
)
def test_the_limit_holds_for_memory_in_scattered_pages(
    plain: Path, sectors_kb: str, segments: str, expected: int | None
) -> None:
    queue = plain / "class/block/nvme0n1/queue"
    (queue / "max_hw_sectors_kb").write_text(sectors_kb)
    (queue / "max_segments").write_text(segments)
    assert scan(plain)[0].max_transfer_bytes == expected


@pytest.mark.parametrize("is_hidden", [True, False])
def test_a_block_device_that_cannot_be_opened_is_no_node(plain: Path, is_hidden: bool) -> None:
    """What the kernel cannot use but by the character device: another command set, or metadata it cannot strip."""
    if is_hidden:
        (plain / "class/block/nvme0n1/hidden").write_text("1\n")
    else:
        (plain / "class/block/nvme0n1").unlink()
    (namespace,) = scan(plain)[0].namespaces
    assert (namespace.node, namespace.generic_node, namespace.nsid) == ("", "ng0n1", 1)


def test_identifiers(plain: Path) -> None:
    directory = (plain / "class/block/nvme0n1").resolve()
    (directory / "eui").write_text("00 25 38 5a 01 40 a1 b2\n")
    (directory / "nguid").write_text("00112233-4455-6677-8899-AABBCCDDEEFF\n")
    (directory / "uuid").write_text("00112233-4455-6677-8899-aabbccddeeff\n")
    (namespace,) = scan(plain)[0].namespaces
    assert namespace.eui64 == "0025385a0140a1b2"
    assert namespace.nguid == "00112233445566778899aabbccddeeff"
    assert namespace.uuid == ""  # the kernel repeated the NGUID


@pytest.mark.parametrize("text", ["(efault)\n", "(null)\n"])
def test_what_the_kernel_does_not_know_yet_is_empty(plain: Path, text: str) -> None:
    """It shows a controller before it has identified it, and prints a pointer to nothing."""
    for attribute in ("serial", "model", "firmware_rev"):
        (plain / "class/nvme/nvme0" / attribute).write_text(text)
    found = scan(plain)[0]
    assert (found.node, found.serial, found.model, found.firmware_revision) == ("nvme0", "", "", "")


def test_a_controller_that_goes_is_left_out(multipath: Path) -> None:
    shutil.rmtree((multipath / "class/nvme/nvme0").resolve())
    ((multipath / "class/nvme/nvme1").resolve() / "dev").unlink()
    assert [controller.node for controller in scan(multipath)] == ["nvme2", "nvme3", "nvme4", "nvme5"]


@settings(max_examples=25, deadline=None)
@given(st.data())
def test_whatever_vanishes_or_is_garbage_a_scan_goes_on(data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory() as directory:
        root = grow(Path(directory), "plain")
        files = st.lists(st.sampled_from(sorted(TREES["plain"]["files"])), max_size=20, unique=True)
        for path in data.draw(files):
            if data.draw(st.booleans()):
                (root / path).unlink()
            else:
                (root / path).write_bytes(data.draw(st.binary(max_size=40)))
        for controller in scan(root):
            assert controller.node in {"nvme0", "nvme1", "nvme2"}


@pytest.mark.parametrize(
    "node",
    ["nvme0n1p1", "nvme0/../null", "../nvme0", "/dev/nvme0", "nvme", "nvme0 ", "nvme0\n", "null", "nvme0c0n1", "nvme٣"],
)
def test_only_whole_names_are_opened(multipath: Path, tmp_path: Path, node: str) -> None:
    with pytest.raises(InvalidArgument, match="is no node") as caught:
        LinuxHost(multipath, tmp_path).open(scan(multipath)[0], node)
    assert caught.value.fields[0].field == "node"


def test_a_missing_node_is_the_kernels_error(multipath: Path, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        LinuxHost(multipath, tmp_path).open(scan(multipath)[0])


def test_links_are_not_followed(multipath: Path, tmp_path: Path) -> None:
    (tmp_path / "nvme0").symlink_to(os.devnull)
    with pytest.raises(OSError, match="symbolic") as caught:
        LinuxHost(multipath, tmp_path).open(scan(multipath)[0])
    assert caught.value.errno == errno.ELOOP


def test_a_file_is_no_device(multipath: Path, tmp_path: Path) -> None:
    (tmp_path / "nvme0").write_bytes(b"")
    before = len(list(Path("/proc/self/fd").iterdir()))
    with pytest.raises(Aborted, match="is not the device that the kernel calls nvme0") as caught:
        LinuxHost(multipath, tmp_path).open(scan(multipath)[0])
    assert caught.value.reason == "DEVICE_IDENTITY_CHANGED"
    assert caught.value.metadata == {"node": "nvme0", "serial": "SNSUB0", "controller_id": "0"}
    assert len(list(Path("/proc/self/fd").iterdir())) == before


@pytest.fixture
def nodes(multipath: Path, tmp_path: Path) -> Path:
    """A device directory whose nvme0 and ng0n1 are /dev/null and say so in sysfs."""
    directory = tmp_path / "dev"
    directory.mkdir()
    null = Path(os.devnull).stat().st_rdev
    for name, kind in (("nvme0", "nvme"), ("ng0n1", "nvme-generic"), ("ng0n2", "nvme-generic")):
        try:
            os.mknod(directory / name, stat.S_IFCHR | 0o600, null)
            (directory / name).read_bytes()
        except PermissionError:
            pytest.skip("device nodes cannot be made or opened here")
        (multipath / "class" / kind / name / "dev").write_text(f"{os.major(null)}:{os.minor(null)}\n")
    return directory


def test_open_gives_a_transport_of_that_node(multipath: Path, nodes: Path) -> None:
    host = LinuxHost(multipath, nodes)
    for node in ("", "ng0n1"):
        transport = host.open(host.scan()[0], node)
        with pytest.raises(OSError, match="ioctl") as caught:
            transport.admin(Command(0x06), bytearray(4096))
        assert caught.value.filename == str(nodes / (node or "nvme0"))
        assert caught.value.errno == errno.ENOTTY
        transport.close()


@pytest.mark.parametrize(
    ("attribute", "value"),
    [("serial", "OTHER"), ("cntlid", "9"), ("dev", "1:5"), ("model", "OTHER"), ("subsysnqn", "nqn.other")],
)
def test_another_drive_under_the_same_name(multipath: Path, nodes: Path, attribute: str, value: str) -> None:
    host = LinuxHost(multipath, nodes)
    meant = host.scan()[0]
    ((multipath / "class/nvme/nvme0") / attribute).write_text(value + "\n")
    with pytest.raises(Aborted, match="list the controllers again") as caught:
        host.open(meant)
    assert caught.value.reason == "DEVICE_IDENTITY_CHANGED"


def test_a_twin_under_the_same_name(multipath: Path, nodes: Path) -> None:
    host = LinuxHost(multipath, nodes)
    meant = host.scan()[0]
    was = (multipath / "class/nvme/nvme0").resolve()
    twin = shutil.copytree(was, was.with_name("twin"), symlinks=True)
    was.rename(was.with_name("gone"))
    twin.rename(was)
    for look in (host.open, host.check):
        with pytest.raises(Aborted, match="nvme0 went, and what came in its place says that it is serial SNSUB0"):
            look(meant)
    assert host.scan()[0] == meant
    host.check(host.scan()[0])


@pytest.mark.parametrize(
    ("attribute", "value", "is_same"),
    [
        ("cntlid", "2049", True),
        ("address", "traddr=127.0.0.1,trsvcid=4421,src_addr=127.0.0.9", True),
        ("address", "traddr=127.0.0.1,trsvcid=4422,src_addr=127.0.0.1", False),
        ("address", "traddr=127.0.0.1,trsvcid=4421,host_iface=eth0", False),
        ("subsysnqn", "nqn.other", False),
        ("hostnqn", "nqn.other", False),
        ("hostid", "other", False),
        ("transport", "rdma", False),
    ],
)
def test_a_connection_is_what_was_asked_for(multipath: Path, attribute: str, value: str, is_same: bool) -> None:
    host = LinuxHost(multipath)
    meant = host.scan()[3]
    ((multipath / "class/nvme/nvme3") / attribute).write_text(value + "\n")
    with nullcontext() if is_same else pytest.raises(Aborted, match="nvme3 was serial FABRIC01, the connection of"):
        host.check(meant)


def test_a_controller_that_went_while_it_was_opened(multipath: Path, nodes: Path) -> None:
    host = LinuxHost(multipath, nodes)
    meant = host.scan()[0]
    shutil.rmtree((multipath / "class/nvme/nvme0").resolve())
    with pytest.raises(Aborted, match="is gone"):
        host.open(meant, "ng0n1")


def test_a_namespace_of_another_controller(multipath: Path, nodes: Path) -> None:
    host = LinuxHost(multipath, nodes)
    with pytest.raises(NotFound, match="ng0n2 is no namespace that nvme0 gives a path to"):
        host.open(host.scan()[0], "ng0n2")
