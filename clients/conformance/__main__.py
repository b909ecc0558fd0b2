"""Run one client program against a daemon of its own: `python -m clients.conformance PROGRAM ARGS...`.

README.md beside this file is the scenario: the steps that the program must report are read from there.
"""

from __future__ import annotations

import asyncio
import filecmp
import os
import re
import sys
import tempfile
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from nvmedctl import Client

from clients.conformance.certificates import CLIENT_URI, Authority
from clients.conformance.proxy import CuttingProxy
from nvmed.simulator.firmware import build_image
from nvmed.v1.firmware_pb2 import GetFirmwareSlotsRequest
from nvmed.v1.telemetry_pb2 import TELEMETRY_SOURCE_HOST, StreamTelemetryRequest

STEPS = re.findall(r"^\d+\. `([a-z-]+)`", Path(__file__).with_name("README.md").read_text(), re.MULTILINE)

CUTS = (1 << 20, 5 << 20)
"""Bytes of answers after which the first and the second connection break; the log has 16 MiB."""

IMAGE_BYTES = 3 << 20
REVISION = "7.7.7"

READY_S = 60
CLIENT_S = 120
"""How long daemon and client may take on a busy machine."""

CONFIG = """
state_dir = "{place}/state"

[host]
simulate = 2

[[listen.unix]]
path = "{place}/admin.sock"
roles = ["admin"]

[[listen.tls]]
address = "127.0.0.1:0"
certificate = "{certificate}"
key = "{key}"
client_ca = "{ca}"

[[policy.bindings]]
principals = ["uri:{client}"]
roles = ["viewer", "operator", "firmware"]
"""


SERVING = re.compile(r"nvmed: serving on (?P<socket>unix:\S+), 127\.0\.0\.1:(?P<port>\d+)\n")


class Wrong(Exception):
    """What did not happen as the scenario says."""


@dataclass(frozen=True, slots=True)
class Daemon:
    """Where a running daemon is reached."""

    socket: str
    port: int


@asynccontextmanager
async def serving(place: Path, authority: Authority) -> AsyncIterator[Daemon]:
    """A daemon with two simulated drives on a unix socket and on TLS; its last words are shown if something fails."""
    certificate, key = authority.issue_server()
    config = place / "nvmed.toml"
    config.write_text(
        CONFIG.format(place=place, certificate=certificate, key=key, ca=authority.certificate, client=CLIENT_URI)
    )
    command = [sys.executable, "-m", "nvmed", "--config", str(config)]
    process = await asyncio.create_subprocess_exec(*command, stderr=asyncio.subprocess.PIPE)
    words: deque[str] = deque(maxlen=20)
    ready: asyncio.Future[Daemon] = asyncio.get_running_loop().create_future()
    listening = asyncio.create_task(_listen(process, words, ready))
    try:
        yield await asyncio.wait_for(ready, READY_S)
    except BaseException:
        sys.stderr.writelines(words)
        raise
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()
        await listening


async def _listen(process: asyncio.subprocess.Process, words: deque[str], ready: asyncio.Future[Daemon]) -> None:
    """Follow what the daemon says until it ends."""
    assert process.stderr  # noqa: S101  # a pipe
    while line := (await process.stderr.readline()).decode():
        words.append(line)
        if found := SERVING.fullmatch(line):
            ready.set_result(Daemon(found["socket"], int(found["port"])))
    if not ready.done():
        ready.set_exception(Wrong("the daemon did not start"))


async def run_client(command: list[str], environment: dict[str, str]) -> None:
    """Run the program to its end, showing what it prints, and hold that against STEPS."""
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, env={**os.environ, **environment}
    )
    try:
        output, _ = await asyncio.wait_for(process.communicate(), CLIENT_S)
    except TimeoutError:
        process.kill()
        await process.wait()
        raise Wrong(f"the client was not done within {CLIENT_S} s") from None
    sys.stdout.write(output.decode())
    if process.returncode != 0:
        raise Wrong(f"the client exited with {process.returncode}")
    if (lines := output.decode().splitlines()) != [f"ok {step}" for step in STEPS]:
        raise Wrong(f"the client's steps are not those of the scenario, but {lines}")


async def check_daemon(daemon: Daemon, received: Path, place: Path) -> None:
    """Ask the daemon whether what the client did is there: the log that it has, the image in a slot."""
    async with Client(daemon.socket) as client:
        controllers = [controller.name async for controller in client.list_controllers()]
        request = StreamTelemetryRequest(controller=controllers[0], source=TELEMETRY_SOURCE_HOST)
        log = await client.save_telemetry(request, place / "expected")
        if not filecmp.cmp(received, place / "expected", shallow=False):
            raise Wrong(f"the client's file is not the drive's log of generation {log.generation_number}")
        slots = await client.firmware.GetFirmwareSlots(GetFirmwareSlotsRequest(controller=controllers[0]))
        if REVISION not in [slot.revision for slot in slots.slots]:
            raise Wrong(f"no slot of {controllers[0]} holds {REVISION}")


async def run(command: list[str]) -> None:
    """The whole scenario; raises `Wrong`."""
    with tempfile.TemporaryDirectory(prefix="nvmed-", dir="/tmp") as folder:  # a socket's path is short
        place = Path(folder)
        authority = Authority.make(place)
        certificate, key = authority.issue_client()
        (place / "image").write_bytes(build_image(REVISION, IMAGE_BYTES))
        async with serving(place, authority) as daemon:
            proxy = CuttingProxy("127.0.0.1", daemon.port, list(CUTS))
            async with proxy.listening() as address:
                environment = {
                    "NVMED_ADDRESS": address,
                    "NVMED_CA": str(authority.certificate),
                    "NVMED_CERT": str(certificate),
                    "NVMED_KEY": str(key),
                    "NVMED_PRINCIPAL": f"uri:{CLIENT_URI}",
                    "NVMED_IMAGE": str(place / "image"),
                    "NVMED_IMAGE_REVISION": REVISION,
                    "NVMED_TELEMETRY": str(place / "telemetry"),
                }
                await run_client(command, environment)
            if proxy.cuts:
                raise Wrong(f"{len(proxy.cuts)} of {len(CUTS)} cuts were not made")
            await check_daemon(daemon, place / "telemetry", place)


def main() -> None:
    """Exit with 0 if the client did everything, else say what it did not."""
    if len(sys.argv) < 2:
        sys.exit("usage: python -m clients.conformance PROGRAM ARGS...")
    try:
        asyncio.run(run(sys.argv[1:]))
    except Wrong as failure:
        sys.exit(f"failed: {failure}")


if __name__ == "__main__":
    main()
