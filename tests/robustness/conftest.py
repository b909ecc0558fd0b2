"""A real daemon in a process of its own that many callers have at."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class Target:
    """A daemon that serves a socket for each of its principals."""

    process: subprocess.Popen[bytes]
    folder: Path

    def address(self, principal: str) -> str:
        """Where `principal` connects."""
        return f"unix:{self.folder}/{principal}.sock"

    @property
    def resident_bytes(self) -> int:
        """What it has in memory now."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1]) * 1024

    @property
    def log(self) -> str:
        return (self.folder / "log").read_text()


def configuration(folder: Path, principals: dict[str, Sequence[str]], limits: dict[str, int]) -> str:
    """A daemon with two simulated drives, in TOML."""
    lines = [f'state_dir = "{folder}/state"', "[host]", "simulate = 2", "[limits]"]
    lines += [f"{name} = {value}" for name, value in limits.items()]
    for principal, roles in principals.items():
        lines += ["[[listen.unix]]", f'path = "{folder}/{principal}.sock"', f'principal = "{principal}"']
        lines += [f"roles = {json.dumps(roles)}"]
    return "\n".join(lines)


@pytest.fixture
def target(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Target]:
    """A daemon with the principals and limits that the test is parametrised with."""
    principals, limits = request.param
    tmp_path.chmod(0o700)
    file = tmp_path / "nvmed.toml"
    file.write_text(configuration(tmp_path, principals, limits))
    file.chmod(0o600)
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen([sys.executable, "-m", "nvmed", "--config", str(file)], stdout=log, stderr=log)
    found = Target(process, tmp_path)
    try:
        while process.poll() is None and "nvmed: serving on" not in found.log:
            time.sleep(0.01)
        assert process.poll() is None, found.log
        yield found
    finally:
        process.kill()
        process.wait()
