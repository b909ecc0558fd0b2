"""nvmed as it stands in this checkout, as a small disk that every run makes anew.

The wheel is built outside and installed by the guest's own Python in a chroot, at native speed and with bytecode, since
compiling costs seconds under emulation. The guest mounts the disk read-only at /opt/nvmed/payload.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from tests.vm.lab.cache import artifact, digest, run
from tests.vm.lab.rootfs import Image

PROJECT = Path(__file__).parents[3]
SOURCES = ("pyproject.toml", "README.md", "LICENSE", "nvmed", "clients/python/nvmedctl")


def build_payload(python: str, image: Image) -> Path:
    """The disk image of this checkout's nvmed."""

    def build(folder: Path) -> None:
        wheels = folder / "wheels"
        run([python, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation", "--wheel-dir", wheels, PROJECT])
        (wheel,) = wheels.glob("nvmed-*.whl")
        inside = image.tree / "tmp" / folder.name
        shutil.rmtree(inside, ignore_errors=True)
        inside.mkdir()
        shutil.copy(wheel, inside)
        pip = ["/opt/nvmed/bin/pip", "install", "--isolated", "-q", "--no-index", "--no-deps"]
        run(["chroot", image.tree, *pip, "--target", f"/tmp/{folder.name}/site", f"/tmp/{folder.name}/{wheel.name}"])
        disk = folder / "payload.img"
        with disk.open("wb") as file:
            file.truncate(64 << 20)
        run(["mkfs.ext4", "-q", "-F", "-L", "payload", "-O", "^has_journal", "-d", inside / "site", disk])
        shutil.rmtree(inside)

    key = digest(Path(__file__), image.folder.name, *(PROJECT / name for name in SOURCES))
    return artifact("payload", key, build) / "payload.img"
