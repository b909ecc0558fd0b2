"""The guest's file system: a small Debian 12 with systemd, nvme-cli 2.3 and nvmed's dependencies, as a disk image.

Three artifacts, so that a changed dependency costs no new Debian: the Debian, the wheels, the image made of both. The
image is never written to: QEMU gives each run its own overlay.
"""

from __future__ import annotations

import hashlib
import lzma
import os
import re
import shutil
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.vm.lab.apt import KEYRING, mirror
from tests.vm.lab.cache import artifact, digest, run
from tests.vm.lab.kernel import Kernel
from tests.vm.lab.tools import Tools

HERE = Path(__file__).parent
PACKAGES = (
    "systemd", "systemd-sysv", "udev", "dbus", "kmod", "iproute2", "procps",
    "python3", "python3-venv",
    "nvme-cli", "keyutils",
    "libglib2.0-0", "libnl-genl-3-200", "libgnutls30",  # what tlshd links
)  # fmt: skip
OMITTED = ("man", "doc", "locale", "info", "lintian", "bug")
MASKED = (
    "apt-daily.timer", "apt-daily-upgrade.timer", "dpkg-db-backup.timer", "e2scrub_all.timer", "e2scrub_reap.service",
    "fstrim.timer", "systemd-timesyncd.service", "nvmf-autoconnect.service", "getty@tty1.service",
    "systemd-update-utmp.service", "systemd-update-utmp-runlevel.service", "systemd-pstore.service",
)  # fmt: skip
WHEEL_OPTIONS = (
    "--only-binary=:all:", "--python-version=3.11", "--implementation=cp", "--abi=cp311", "--abi=abi3", "--abi=none",
    "--platform=manylinux2014_x86_64", "--platform=manylinux_2_17_x86_64", "--platform=manylinux_2_28_x86_64",
    "--platform=manylinux_2_34_x86_64", "--platform=any",
)  # fmt: skip

HOST_NQN = "nqn.2014-08.org.nvmexpress:uuid:6e766d65-642d-4d61-8b6e-6775657374a1"
HOST_ID = "6e766d65-642d-4d61-8b6e-6775657374a1"


@dataclass(frozen=True, slots=True)
class Image:
    """`folder` holds the image `rootfs.img`, the tree `rootfs` it was made from, and `initrd`."""

    folder: Path

    @property
    def disk(self) -> Path:
        return self.folder / "rootfs.img"

    @property
    def tree(self) -> Path:
        return self.folder / "rootfs"

    @property
    def initrd(self) -> Path:
        return self.folder / "initrd"


def build_debian(mmdebstrap: Path) -> Path:
    """A bookworm tree, as mmdebstrap makes it."""

    def build(folder: Path) -> None:
        run(
            [
                mmdebstrap / "mmdebstrap", "--quiet", "--mode=root", "--variant=minbase", "--architectures=amd64",
                "--include=" + ",".join(PACKAGES),
                "--aptopt=Acquire::Check-Valid-Until \"false\"", "--aptopt=APT::Install-Recommends \"false\"",
                *(f"--dpkgopt=path-exclude=/usr/share/{name}/*" for name in OMITTED),
                "bookworm", folder / "rootfs", f"deb [signed-by={KEYRING}] {mirror()} bookworm main",
            ],
            env={"PATH": f"{mmdebstrap}:{os.environ['PATH']}"},
        )  # fmt: skip

    return artifact("debian", digest(repr((PACKAGES, OMITTED))), build) / "rootfs"


def build_wheels(python: str, requirements: Sequence[str], lock: Path) -> Path:
    """The wheels of `requirements` for the guest's Python 3.11, in the versions and with the hashes of `lock`.

    The host's pip fetches them, with its configuration: the guest has no network but this host. Bookworm's pip cannot
    look up hashes of a constraint, so they are compared here.
    """
    text = lock.read_text()

    def build(folder: Path) -> None:
        wanted, versions = folder / "requirements.txt", folder / "versions.txt"
        wanted.write_text("\n".join(requirements))
        versions.write_text("\n".join(re.findall(r"^[\w.-]+==[^ ;]+", text, re.MULTILINE)))
        run([python, "-m", "pip", "download", "-q", "--dest", folder, *WHEEL_OPTIONS, "-r", wanted, "-c", versions])
        for wheel in folder.glob("*.whl"):
            if hashlib.sha256(wheel.read_bytes()).hexdigest() not in text:
                raise RuntimeError(f"{wheel.name} is not the file that {lock.name} names")
        wanted.unlink()
        versions.unlink()

    return artifact("wheels", digest(repr((WHEEL_OPTIONS, requirements)), lock), build)


def build_image(debian: Path, wheels: Path, kernel: Kernel, tools: Tools) -> Image:
    """The bootable image, with the wheels installed in the virtual environment /opt/nvmed."""

    def build(folder: Path) -> None:
        tree = folder / "rootfs"
        run(["cp", "-a", "--reflink=auto", debian, tree])
        configure(tree)
        install_kernel(tree, kernel)
        install_wheels(tree, wheels)
        (folder / "initrd").write_bytes(initrd(tree, kernel.version, tools))
        disk = folder / "rootfs.img"
        with disk.open("wb") as file:
            file.truncate(2 << 30)
        run(["mkfs.ext4", "-q", "-F", "-O", "^has_journal", "-E", "lazy_itable_init=1,nodiscard", "-d", tree, disk])

    names = [path.name for path in sorted(wheels.iterdir())]
    inputs = (debian.parent.name, *names, kernel.folder.name, tools.root.name)
    key = digest(Path(__file__), HERE / "guest", *inputs)
    return Image(artifact("image", key, build))


def configure(tree: Path) -> None:
    """Make a machine of the Debian: names, the agent, and nothing that starts for no reason."""
    (tree / "etc/apt/sources.list").unlink()  # it names the mirror
    texts = {
        "etc/hostname": "guest\n",
        "etc/hosts": "127.0.0.1 localhost guest\n",
        "etc/machine-id": uuid.uuid4().hex + "\n",  # an empty one makes systemd preset every unit at boot
        "etc/nvme/hostnqn": HOST_NQN + "\n",
        "etc/nvme/hostid": HOST_ID + "\n",
        "etc/fstab": "LABEL=payload /opt/nvmed/payload ext4 ro,nofail 0 0\n",
        "etc/systemd/journald.conf.d/lab.conf": "[Journal]\nStorage=volatile\nRateLimitBurst=0\n",
        "etc/tlshd.conf": "[debug]\nloglevel=1\ntls=1\nnl=0\n[authenticate]\nkeyrings=.nvme\n",
    }
    for name, text in texts.items():
        path = tree / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    units = tree / "etc/systemd/system"
    for unit in (HERE / "guest").glob("*.service"):
        shutil.copy(unit, units)
    wants = units / "basic.target.wants"
    wants.mkdir()
    (wants / "agent.service").symlink_to("../agent.service")
    (units / "default.target").symlink_to("/lib/systemd/system/multi-user.target")
    for name in MASKED:
        (units / name).unlink(missing_ok=True)
        (units / name).symlink_to("/dev/null")
    agent = tree / "usr/local/sbin/agent"
    shutil.copy(HERE / "guest/agent.py", agent)
    agent.chmod(0o755)


def install_kernel(tree: Path, kernel: Kernel) -> None:
    """The modules, their index, and tlshd, which serves the kernel's TLS handshakes."""
    modules = tree / "usr/lib/modules"
    shutil.rmtree(modules, ignore_errors=True)
    modules.mkdir()
    run(["cp", "-a", kernel.folder / "modules" / kernel.version, modules])
    run(["chroot", tree, "depmod", kernel.version])
    shutil.copy(kernel.folder / "sbin/tlshd", tree / "usr/sbin/tlshd")


def install_wheels(tree: Path, wheels: Path) -> None:
    """The virtual environment /opt/nvmed; nvmed itself comes later, on the payload disk (see `payload.py`)."""
    inside = tree / "tmp/wheels"
    shutil.copytree(wheels, inside)
    run(["chroot", tree, "python3", "-m", "venv", "/opt/nvmed"])
    names = [f"/tmp/wheels/{wheel.name}" for wheel in sorted(wheels.glob("*.whl"))]
    run(["chroot", tree, "/opt/nvmed/bin/pip", "install", "--isolated", "-q", "--no-index", "--no-deps", *names])
    shutil.rmtree(inside)
    (tree / "opt/nvmed/payload").mkdir()
    (tree / "opt/nvmed/lib/python3.11/site-packages/payload.pth").write_text("/opt/nvmed/payload\n")
    for name in ("nvmed", "nvmedctl"):
        (tree / "usr/local/bin" / name).symlink_to(f"/opt/nvmed/payload/bin/{name}")


def initrd(tree: Path, version: str, tools: Tools) -> bytes:
    """A cpio archive of busybox, the virtio modules and `guest/init`: it mounts /dev/vda and hands over to systemd."""
    members = {"init": (HERE / "guest/init").read_bytes()}
    members["bin/busybox"] = (tools.root / "bin/busybox").read_bytes()
    loads = run(
        ["chroot", tree, "modprobe", "-a", "-S", version, "--show-depends", "virtio_blk", "virtio_net"]
    ).decode()
    order = list(dict.fromkeys(line.split()[1] for line in loads.splitlines() if line.startswith("insmod")))
    for path in order:
        members[f"modules/{Path(path).stem}"] = lzma.decompress((tree / path.lstrip("/")).read_bytes())
    members["modules/order"] = "".join(f"{Path(path).stem}\n" for path in order).encode()
    for folder in ("bin", "dev", "modules", "proc", "sys", "root"):
        members[folder] = b""
    return b"".join(cpio_member(name, members[name]) for name in sorted(members)) + cpio_member("TRAILER!!!", b"")


def cpio_member(name: str, data: bytes) -> bytes:
    """One file, or a folder if it has no data, as `cpio -H newc` writes it."""
    mode = 0o100755 if data else 0o040755
    encoded = name.encode() + b"\0"
    fields = (0, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(encoded), 0)
    head = b"070701" + b"".join(b"%08X" % field for field in fields) + encoded
    return head + bytes(-len(head) % 4) + data + bytes(-len(data) % 4)
