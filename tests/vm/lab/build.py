"""Build what the lab boots, or find it in the cache:  python -m tests.vm.lab.build"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import tomllib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from tests.vm.lab import cache
from tests.vm.lab.apt import Root
from tests.vm.lab.kernel import Kernel, build_kernel
from tests.vm.lab.payload import PROJECT, build_payload
from tests.vm.lab.rootfs import Image, build_debian, build_image, build_wheels
from tests.vm.lab.tools import Tools, build_mmdebstrap, build_tools


@dataclass(frozen=True, slots=True)
class Lab:
    """Everything a guest is started from."""

    tools: Tools
    kernel: Kernel
    image: Image
    payload: Path


def requirements() -> list[str]:
    """What the guest's environment holds beside nvmed: what a host needs whose drives are managed."""
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]
    return [*project["dependencies"], *project["optional-dependencies"]["daemon"]]


def build(python: str = sys.executable) -> Lab:
    """Everything, in parallel where it does not wait for another; what is in the cache already costs nothing."""
    if lacks := missing():
        raise RuntimeError(f"the VM lab needs {', '.join(lacks)}")
    with cache.lock("build"), tempfile.TemporaryDirectory(dir=cache.directory()) as temporary:
        scratch = Path(temporary)
        bookworm = Root(scratch / "bookworm", "bookworm", "bookworm-updates", "bookworm-backports")
        trixie = Root(scratch / "trixie", "trixie")
        with ThreadPoolExecutor() as pool:
            wheels = pool.submit(build_wheels, python, requirements(), PROJECT / "requirements.lock")
            debian = pool.submit(lambda: build_debian(build_mmdebstrap(bookworm)))
            tools = build_tools(bookworm)
            kernel = build_kernel(trixie, tools)
            image = build_image(debian.result(), wheels.result(), kernel, tools)
        return Lab(tools, kernel, image, build_payload(python, image))


def missing() -> list[str]:
    """What the host lacks; everything else the lab brings itself."""
    programs = ("apt-get", "dpkg-deb", "perl", "mkfs.ext4", "chroot", "cp", "setpriv", "nice")
    lacks = [name for name in programs if not shutil.which(name)]
    return lacks if os.geteuid() == 0 else ["root", *lacks]


if __name__ == "__main__":
    lab = build()
    cache.report(f"ready: Linux {lab.kernel.version}, {lab.image.folder.name}, {lab.payload.parent.name}")
