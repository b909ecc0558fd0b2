"""A real daemon in a process of its own that many callers have at."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import grpc

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
        return self._status("VmRSS") * 1024

    @property
    def threads(self) -> int:
        """How many it has now."""
        return self._status("Threads")

    @property
    def descriptors(self) -> int:
        """How many are open now."""
        return sum(1 for _ in Path(f"/proc/{self.process.pid}/fd").iterdir())

    @property
    def log(self) -> str:
        return (self.folder / "log").read_text()

    def _status(self, field: str) -> int:
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(next(line for line in status.splitlines() if line.startswith(field)).split()[1])


def configuration(
    folder: Path, principals: Mapping[str, Sequence[str]], limits: Mapping[str, int], more: str = ""
) -> str:
    """A daemon with two simulated drives, in TOML."""
    lines = [f'state_dir = "{folder}/state"', "[host]", "simulate = 2", "[limits]"]
    lines += [f"{name} = {value}" for name, value in limits.items()]
    for principal, roles in principals.items():
        lines += ["[[listen.unix]]", f'path = "{folder}/{principal}.sock"', f'principal = "{principal}"']
        lines += [f"roles = {json.dumps(roles)}"]
    return "\n".join([*lines, more])


@asynccontextmanager
async def connected(target: Target, principal: str) -> AsyncIterator[grpc.aio.Channel]:
    """A connection of its own."""
    options = [("grpc.use_local_subchannel_pool", 1)]
    async with grpc.aio.insecure_channel(target.address(principal), options=options) as channel:
        yield channel


@contextmanager
def serving(
    folder: Path, principals: Mapping[str, Sequence[str]], limits: Mapping[str, int], more: str = ""
) -> Iterator[Target]:
    """A daemon in `folder`, killed at the end."""
    folder.chmod(0o700)
    file = folder / "nvmed.toml"
    file.write_text(configuration(folder, principals, limits, more))
    file.chmod(0o600)
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([sys.executable, "-m", "nvmed", "--config", str(file)], stdout=log, stderr=log)
    found = Target(process, folder)
    try:
        while process.poll() is None and "nvmed: serving on" not in found.log:
            time.sleep(0.01)
        assert process.poll() is None, found.log
        yield found
    finally:
        process.kill()
        process.wait()
