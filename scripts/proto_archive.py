"""Build the archive of the contract: `proto_archive.py OUTPUT` writes nvmed-proto-VERSION.tar.gz there.

It prints the path. The same files are in the wheel (`nvmed/proto`) and in the Debian package (/usr/share/nvmed/proto).
"""

from __future__ import annotations

import gzip
import io
import os
import subprocess
import sys
import tarfile
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent
FOLDERS: Final = ("proto", "third_party", "packaging/proto")


def files() -> Iterator[tuple[str, bytes]]:
    """Everything in it, by its path there."""
    for folder in FOLDERS:
        for path in sorted((ROOT / folder).rglob("*")):
            if path.suffix in (".proto", ".md") or path.name == "buf.yaml":
                yield str(path.relative_to(ROOT / folder)), path.read_bytes()
    yield "LICENSE", (ROOT / "LICENSE").read_bytes()


def main() -> None:
    """Build it: the same bytes from the same commit, wherever that is."""
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    commit = ["git", "-C", str(ROOT), "log", "-1", "--format=%ct"]
    written = os.environ.get("SOURCE_DATE_EPOCH") or subprocess.run(commit, capture_output=True, check=True).stdout
    target = Path(sys.argv[1]) / f"nvmed-proto-{version}.tar.gz"
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for name, content in files():
            member = tarfile.TarInfo(f"nvmed-proto-{version}/{name}")
            member.size, member.mtime = len(content), int(written)
            archive.addfile(member, io.BytesIO(content))
    target.write_bytes(gzip.compress(packed.getvalue(), 9, mtime=0))
    sys.stdout.write(f"{target}\n")


if __name__ == "__main__":
    main()
