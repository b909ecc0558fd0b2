"""The lab's own QEMU and helpers, unpacked beside the host's programs rather than installed among them.

Everything is there down to libc and is started through its own dynamic loader, so it runs whatever the host has.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tests.vm.lab.apt import Root
from tests.vm.lab.cache import artifact, digest

LIBRARIES = ("lib/x86_64-linux-gnu", "usr/lib/x86_64-linux-gnu")


@dataclass(frozen=True, slots=True)
class Tools:
    """Programs unpacked in the folder `root`."""

    root: Path

    def argv(self, program: str) -> list[str]:
        """How to start `program` (a path below the root)."""
        libraries = ":".join(str(self.root / folder) for folder in LIBRARIES)
        loader = self.root / "lib64/ld-linux-x86-64.so.2"
        return [str(loader), "--library-path", libraries, str(self.root / program)]

    @property
    def qemu(self) -> list[str]:
        """How to start QEMU, which looks for firmware beside itself and cannot know where that is."""
        firmware = [self.root / "usr/share" / name for name in ("qemu", "seabios")]
        return [*self.argv("usr/bin/qemu-system-x86_64"), *(word for path in firmware for word in ("-L", str(path)))]

    @property
    def qemu_env(self) -> dict[str, str]:
        """Where QEMU finds its modules, TCG among them."""
        return {"QEMU_MODULE_DIR": str(self.root / "usr/lib/x86_64-linux-gnu/qemu")}


def build_tools(apt: Root) -> Tools:
    """QEMU 10 from backports (bookworm's 7.2 boots no PVH kernel as fast and lacks drive features), zstd, busybox."""

    def build(folder: Path) -> None:
        packages = ("qemu-system-x86", "zstd", "busybox-static")
        apt.extract(folder, *packages, release="bookworm-backports", closure=True)

    return Tools(artifact("tools", digest(Path(__file__)), build))


def build_mmdebstrap(apt: Root) -> Path:
    """mmdebstrap, a Perl script that needs nothing but the host's perl, apt and dpkg: the path of its folder bin."""

    def build(folder: Path) -> None:
        apt.extract(folder, "mmdebstrap")

    return artifact("mmdebstrap", digest(Path(__file__)), build) / "usr/bin"
