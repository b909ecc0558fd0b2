"""A daemon for one run: two simulated drives, a unix socket for the driver, TLS for the client, and what it logged."""

from __future__ import annotations

import asyncio
import json
import re
import sys
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from nvmed.security import dev_ca

CLIENT_URI = "spiffe://nvmed.dev/conformance"
"""What the client's certificate calls it."""

CONTROLLERS = 2

READY_S = 120
"""How long a daemon may take to start on a busy machine."""

CONFIG = """
state_dir = "{place}/state"

[host]
simulate = {controllers}

[[listen.unix]]
path = "{place}/admin.sock"
roles = ["admin"]

[[listen.tls]]
address = "127.0.0.1:0"
certificate = "{place}/tls/server.pem"
key = "{place}/tls/server.key"
client_ca = "{place}/tls/ca.pem"

[[policy.bindings]]
principals = ["uri:{client}"]
roles = ["viewer", "operator", "firmware"]
"""

SERVING = re.compile(r"nvmed: serving on (?P<socket>unix:\S+), 127\.0\.0\.1:(?P<port>\d+)\n")


class Wrong(Exception):
    """What did not happen as the scenario says."""


@dataclass(frozen=True, slots=True)
class Pem:
    """The files of one side, and whom it trusts."""

    ca: Path
    certificate: Path
    key: Path


@dataclass(frozen=True, slots=True)
class Call:
    """One line of the daemon's log: a call that ended, with a reason if it failed."""

    method: str
    principal: str
    request_id: str
    code: str
    reason: str


@dataclass(slots=True)
class Daemon:
    """Where a running daemon is reached; `calls` is complete once it has stopped."""

    socket: str
    port: int
    server: Pem
    client: Pem
    calls: list[Call] = field(default_factory=list)


@asynccontextmanager
async def serving(place: Path) -> AsyncIterator[Daemon]:
    """A daemon whose files are in `place`; the last that it logged is shown if something fails."""
    dev_ca.prepare(place / "tls", ["localhost"], [CLIENT_URI])
    config = place / "nvmed.toml"
    config.write_text(CONFIG.format(place=place, controllers=CONTROLLERS, client=CLIENT_URI))
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "nvmed", "--config", str(config)), stderr=asyncio.subprocess.PIPE
    )
    assert process.stderr  # a pipe
    said: deque[str] = deque(maxlen=20)
    calls: list[Call] = []
    address: asyncio.Future[tuple[str, int]] = asyncio.get_running_loop().create_future()
    listening = asyncio.create_task(_listen(process.stderr, said, calls, address))
    try:
        socket, port = await asyncio.wait_for(address, READY_S)
        yield Daemon(socket, port, _pem(place, "server"), _pem(place, "conformance"), calls)
    except BaseException:
        sys.stderr.writelines(said)
        raise
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()
        await listening


def _pem(place: Path, name: str) -> Pem:
    return Pem(place / "tls/ca.pem", place / f"tls/{name}.pem", place / f"tls/{name}.key")


async def _listen(
    stderr: asyncio.StreamReader, said: deque[str], calls: list[Call], address: asyncio.Future[tuple[str, int]]
) -> None:
    """Follow what the daemon says until it ends."""
    while line := (await stderr.readline()).decode():
        said.append(line)
        if found := SERVING.fullmatch(line):
            address.set_result((found["socket"], int(found["port"])))
        elif line.startswith("{") and (entry := json.loads(line)).get("event") == "call":
            calls.append(Call(**{name: entry.get(name, "") for name in Call.__slots__}))
    if not address.done():
        address.set_exception(Wrong("the daemon did not start"))
