"""trixie's nvme-cli 2.13, whose libnvme derives TLS keys and their identities: a second opinion for the guest.

The image's nvme-cli is bookworm's. This one travels into the guest when a test wants it, with the libraries that it was
built for, down to libc, and is started through its own loader.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from tests.vm.lab import cache
from tests.vm.lab.apt import Root
from tests.vm.lab.cache import artifact, digest, run

PACKAGES = (
    "nvme-cli", "libnvme1t64", "libc6", "libjson-c5", "libssl3t64", "libkeyutils1", "libdbus-1-3", "libsystemd0",
    "zlib1g", "libzstd1", "libcap2",
)  # fmt: skip
LIBRARIES = "usr/lib/x86_64-linux-gnu"
KEPT = ("usr/sbin/nvme", f"{LIBRARIES}/*.so*")
PLACE = "/run/nvme-cli"
COMMAND = f"{PLACE}/{LIBRARIES}/ld-linux-x86-64.so.2 --library-path {PLACE}/{LIBRARIES} {PLACE}/usr/sbin/nvme"
"""How a shell in the guest starts it, once the archive is unpacked at `PLACE`."""


def build_nvme_cli() -> Path:
    """An archive of the program and its libraries."""

    def build(folder: Path) -> None:
        with tempfile.TemporaryDirectory(dir=cache.directory()) as scratch:
            tree = Path(scratch) / "tree"
            Root(Path(scratch) / "trixie", "trixie").extract(tree, *PACKAGES)
            names = [path.relative_to(tree) for pattern in KEPT for path in sorted(tree.glob(pattern))]
            run(["tar", "-C", tree, "-cf", folder / "nvme-cli.tar", *names])

    return artifact("nvme-cli", digest(Path(__file__)), build) / "nvme-cli.tar"
