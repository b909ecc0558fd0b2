"""The guest's kernel: trixie's 6.12 for clouds.

It has the nvme driver and authentication built in, NVMe/TCP with TLS, nvmet and null_blk as modules, and boots in
seconds.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path

from tests.vm.lab.apt import Root
from tests.vm.lab.cache import artifact, digest, run
from tests.vm.lab.tools import Tools


@dataclass(frozen=True, slots=True)
class Kernel:
    """`folder` holds `vmlinux`, `modules/VERSION` and `sbin/tlshd`."""

    folder: Path

    @property
    def vmlinux(self) -> Path:
        return self.folder / "vmlinux"

    @property
    def version(self) -> str:
        return next((self.folder / "modules").iterdir()).name


def decompress(bzimage: bytes, tools: Tools) -> bytes:
    """The ELF kernel inside a bzImage: QEMU starts that by PVH, 2.5 s sooner than it would unpack itself under TCG.

    The header is that of Documentation/arch/x86/boot.rst; the payload ends with its unpacked length, 4 bytes.
    """
    setup_sectors = bzimage[0x1F1] or 4
    offset, length = struct.unpack_from("<II", bzimage, 0x248)
    start = (setup_sectors + 1) * 512 + offset
    return run([*tools.argv("usr/bin/zstd"), "-dqc"], stdin=bzimage[start : start + length - 4])


def build_kernel(trixie: Root, tools: Tools) -> Kernel:
    """Kernel and modules; and tlshd, which trixie has and bookworm lacks, but which runs on bookworm's libraries."""

    def build(folder: Path) -> None:
        package = trixie.dependency("linux-image-cloud-amd64", "linux-image-")
        trixie.extract(folder / "unpacked", package, "ktls-utils")
        (image,) = (folder / "unpacked/boot").glob("vmlinuz-*")
        (folder / "vmlinux").write_bytes(decompress(image.read_bytes(), tools))
        (folder / "unpacked/usr/lib/modules").rename(folder / "modules")
        (folder / "unpacked/usr/sbin").rename(folder / "sbin")
        run(["rm", "-r", folder / "unpacked"])

    return Kernel(artifact("kernel", digest(Path(__file__)), build))
