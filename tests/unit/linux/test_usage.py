"""What uses a namespace: the explanation on trees, the verdict on a real loop device."""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from nvmed.errors import InvalidArgument
from nvmed.linux.usage import Mount, parse_mountinfo, parse_swaps, usage
from nvmed.nvme.host import Usage, Use, UseKind

MOUNTINFO = rb"""22 1 259:2 / / rw,relatime shared:1 - ext4 /dev/nvme0n1p2 rw
23 22 0:21 / /proc rw,nosuid - proc proc rw
30 22 259:1 / /boot/efi rw,relatime shared:5 master:2 - vfat /dev/nvme0n1p1 rw
31 22 254:1 / /srv/my\040data rw - xfs /dev/mapper/data rw
garbage
32 22 0:40 / /pool rw - btrfs /dev/nvme1n1 rw
"""


def test_mountinfo() -> None:
    assert parse_mountinfo(MOUNTINFO) == (
        Mount("259:2", "/", "ext4", "/dev/nvme0n1p2"),
        Mount("0:21", "/proc", "proc", "proc"),
        Mount("259:1", "/boot/efi", "vfat", "/dev/nvme0n1p1"),
        Mount("254:1", "/srv/my data", "xfs", "/dev/mapper/data"),
        Mount("0:40", "/pool", "btrfs", "/dev/nvme1n1"),
    )


def escape(text: str) -> str:
    for character in "\\ \t\n":
        text = text.replace(character, f"\\{ord(character):03o}")
    return text


WORD = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=20)


@example([Mount("0:1", "-", "-", "-")])
@given(st.lists(st.builds(Mount, st.from_regex(r"[0-9]+:[0-9]+", fullmatch=True), WORD, WORD, WORD), max_size=4))
def test_mountinfo_reads_what_was_built(mounts: list[Mount]) -> None:
    lines = (
        f"1 2 {mount.device} / {escape(mount.mount_point)} rw - {escape(mount.file_system)} {escape(mount.source)} rw\n"
        for mount in mounts
    )
    assert parse_mountinfo("".join(lines).encode()) == tuple(mounts)


def test_swaps() -> None:
    table = rb"""Filename Type Size Used Priority
/dev/nvme0n1p3 partition 999420 0 -2
/swap\040file file 1024 0 -3
/dev/my\040swap partition 1024 0 -3
"""
    assert parse_swaps(table) == ("/dev/nvme0n1p3", "/dev/my swap")


@given(st.binary(max_size=300))
def test_arbitrary_tables(text: bytes) -> None:
    parse_mountinfo(text)
    parse_swaps(text)


class Tree:
    """Roots of a host with nvme0n1 (two partitions, dm on the second, md on that), nvme1n1 and nvme2n1."""

    def __init__(self, root: Path) -> None:
        self.sysfs, self.dev, self.proc = root / "sys", root / "dev", root / "proc"
        blocks = self.sysfs / "class/block"
        for name, numbers in {"nvme0n1": "259:0", "nvme1n1": "259:10", "nvme2n1": "259:20"}.items():
            self._block(blocks / name, numbers)
        for name, numbers in {"nvme0n1p1": "259:1", "nvme0n1p2": "259:2"}.items():
            self._block(self.sysfs / "class/block/nvme0n1" / name, numbers)
            (blocks / "nvme0n1" / name / "partition").write_text("1\n")
            (blocks / name).symlink_to(f"nvme0n1/{name}")
        for name, numbers in {"dm-0": "254:0", "md127": "9:127"}.items():
            self._block(blocks / name, numbers)
        (blocks / "nvme0n1p2/holders/dm-0").symlink_to("../../../../dm-0")
        (blocks / "dm-0/holders/md127").symlink_to("../../md127")
        (self.dev / "mapper").mkdir(parents=True)
        for name in ("nvme0n1", "nvme1n1", "nvme2n1"):
            (self.dev / name).write_bytes(b"")
        (self.proc / "self").mkdir(parents=True)

    @staticmethod
    def _block(directory: Path, numbers: str) -> None:
        (directory / "holders").mkdir(parents=True)
        (directory / "dev").write_text(numbers + "\n")

    def mount(self, *lines: str, process: str = "self") -> None:
        (self.proc / process).mkdir(exist_ok=True)
        (self.proc / process / "mountinfo").write_text("".join(f"1 2 {line}\n" for line in lines))

    def usage(self, node: str) -> Usage:
        return usage(node, sysfs_root=self.sysfs, dev_root=self.dev, proc_root=self.proc)


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    return Tree(tmp_path)


def test_nothing_uses_it(tree: Tree) -> None:
    found = tree.usage("nvme1n1")
    assert found == Usage("nvme1n1", False, (), False)
    assert not found.is_in_use


def test_holders_are_followed_to_the_top(tree: Tree) -> None:
    tree.mount("9:127 / / rw - ext4 /dev/md127 rw", "254:9 / /other rw - ext4 /dev/mapper/other rw")
    found = tree.usage("nvme0n1")
    assert set(found.uses) == {
        Use(UseKind.HOLDER, "nvme0n1p2", "dm-0"),
        Use(UseKind.HOLDER, "dm-0", "md127"),
        Use(UseKind.MOUNT, "md127", "/"),
    }
    assert found.is_boot
    assert found.is_in_use


@pytest.mark.parametrize(("mount_point", "is_boot"), [
    ("/", True), ("/boot", True), ("/boot/efi", True), ("/efi", True), ("/usr", True), ("/boot2", False),
])  # fmt: skip
def test_boot_is_what_backs_certain_mounts(tree: Tree, mount_point: str, is_boot: bool) -> None:
    tree.mount(f"259:1 / {mount_point} rw - vfat /dev/nvme0n1p1 rw")
    assert tree.usage("nvme0n1").is_boot is is_boot
    assert not tree.usage("nvme1n1").is_boot


def test_the_hosts_mounts_count_too(tree: Tree) -> None:
    tree.mount("259:1 / /boot rw - ext4 /dev/nvme0n1p1 rw", process="1")
    assert tree.usage("nvme0n1").is_boot


def test_swap(tree: Tree) -> None:
    (tree.proc / "swaps").write_text("Filename Type\n/dev/nvme0n1p1 partition 1 0 -2\n/dev/sda1 partition 1 0 -2\n")
    assert Use(UseKind.SWAP, "nvme0n1p1") in tree.usage("nvme0n1").uses
    assert not tree.usage("nvme1n1").is_in_use


def test_every_member_of_a_btrfs_is_mounted(tree: Tree) -> None:
    devices = tree.sysfs / "fs/btrfs/6ba7b810-9dad-11d1-80b4-00c04fd430c8/devices"
    devices.mkdir(parents=True)
    for name in ("nvme1n1", "nvme2n1"):
        (devices / name).symlink_to(f"../../../../class/block/{name}")
    tree.mount("0:40 / / rw - btrfs /dev/nvme1n1 rw")
    (tree.dev / "nvme1n1").unlink()
    found = tree.usage("nvme2n1")
    assert found.uses == (Use(UseKind.MOUNT, "nvme2n1", "/"),)
    assert found.is_boot
    assert not tree.usage("nvme0n1").is_boot


def test_network_file_systems_and_odd_sources_are_of_no_device(tree: Tree) -> None:
    tree.mount(
        "0:50 / /net rw - nfs server:/export rw", "0:51 / /x rw - fuse /dev/fuse rw", "0:52 / /y rw - overlay / rw"
    )
    assert tree.usage("nvme1n1").uses == ()


@pytest.mark.parametrize("node", ["nvme0", "ng0n1", "nvme0n1p1", "sda", "../nvme0n1", ""])
def test_only_namespaces_are_examined(tree: Tree, node: str) -> None:
    with pytest.raises(InvalidArgument, match="namespace's block device"):
        tree.usage(node)


def test_a_device_that_cannot_be_opened_is_an_error(tree: Tree) -> None:
    (tree.dev / "nvme1n1").unlink()
    with pytest.raises(FileNotFoundError):
        tree.usage("nvme1n1")
    (tree.dev / "nvme2n1").unlink()
    (tree.dev / "nvme2n1").symlink_to(os.devnull)
    with pytest.raises(OSError, match="symbolic"):
        tree.usage("nvme2n1")


@pytest.fixture
def loop(tree: Tree, tmp_path: Path) -> Iterator[int]:
    """nvme1n1 is a real block device, of which the device number is given."""
    image = tmp_path / "image"
    image.write_bytes(bytes(1 << 20))
    try:
        name = subprocess.run(
            ["losetup", "--find", "--show", image], check=True, capture_output=True, text=True
        ).stdout.strip()
    except (OSError, subprocess.CalledProcessError) as exc:
        pytest.skip(f"no loop devices here: {exc}")
    try:
        number = Path(name).stat().st_rdev
        (tree.dev / "nvme1n1").unlink()
        os.mknod(tree.dev / "nvme1n1", stat.S_IFBLK | 0o600, number)
        numbers = f"{os.major(number)}:{os.minor(number)}"
        (tree.sysfs / "class/block/nvme1n1/dev").write_text(numbers + "\n")
        (tree.sysfs / "dev/block").mkdir(parents=True)
        (tree.sysfs / "dev/block" / numbers).symlink_to("../../class/block/nvme1n1")
        with contextlib.suppress(PermissionError):
            (tree.dev / "nvme1n1").open("rb").close()
            yield number
            return
        pytest.skip("device nodes cannot be opened here")
    finally:
        subprocess.run(["losetup", "--detach", name], check=True)


def test_the_kernel_says_what_is_claimed(tree: Tree, loop: int) -> None:
    assert not tree.usage("nvme1n1").is_claimed
    claim = os.open(tree.dev / "nvme1n1", os.O_RDONLY | os.O_EXCL | os.O_CLOEXEC)
    try:
        assert tree.usage("nvme1n1") == Usage("nvme1n1", True, (), False)
        assert tree.usage("nvme1n1").is_in_use
        tree.mount("0:60 / / rw - zfs rpool/ROOT rw")
        assert tree.usage("nvme1n1").is_boot  # a pool's members are not known: it could be one
    finally:
        os.close(claim)
    assert tree.usage("nvme1n1") == Usage("nvme1n1", False, (), False)


def test_links_to_a_device_are_resolved_by_number(tree: Tree, loop: int) -> None:
    os.mknod(tree.dev / "mapper/root", stat.S_IFBLK | 0o600, loop)
    tree.mount("0:61 / /usr rw - btrfs /dev/mapper/root rw")
    found = tree.usage("nvme1n1")
    assert found.uses == (Use(UseKind.MOUNT, "nvme1n1", "/usr"),)
    assert found.is_boot


@pytest.mark.parametrize("is_hidden", [True, False])
def test_what_is_hidden_or_not_there_has_no_claim(tree: Tree, is_hidden: bool) -> None:
    (tree.dev / "nvme2n1").unlink()
    with pytest.raises(FileNotFoundError):  # the kernel shows it, but it cannot be looked at
        tree.usage("nvme2n1")
    if is_hidden:
        (tree.sysfs / "class/block/nvme2n1/hidden").write_text("1\n")
    else:
        shutil.rmtree(tree.sysfs / "class/block/nvme2n1")
    assert tree.usage("nvme2n1") == Usage("nvme2n1", False, (), False)
