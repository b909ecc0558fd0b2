"""Run one language's program and example against a daemon: `python -m clients.conformance clients/LANGUAGE/steps`.

README.md beside this file is the scenario; `scenario` judges what came of it.
"""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from nvmedctl import Client

from clients.conformance.daemon import Daemon, Wrong, serving
from clients.conformance.disturbance import disturbing
from clients.conformance.relay import DamagingRelay
from clients.conformance.scenario import (
    IMAGE_BYTES,
    REVISION,
    check_calls,
    check_state,
    parse_reports,
    save_log,
    sha256,
)
from nvmed.errors import NvmedError
from nvmed.simulator.firmware_image import build_image

CLIENT_S = 180
"""How long a client may take on a busy machine."""


async def run_client(
    command: list[str], environment: dict[str, str], reported: Callable[[str], None] = lambda _: None
) -> str:
    """Run the program to its end, showing what it prints; returns that. `reported` is told each step that is done."""
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, env={**os.environ, **environment}
    )
    assert process.stdout  # a pipe
    output = ""
    try:
        async with asyncio.timeout(CLIENT_S):
            while line := (await process.stdout.readline()).decode():
                sys.stdout.write(line)
                sys.stdout.flush()
                output += line
                if line.startswith("ok "):
                    reported(line.split()[1])
            await process.wait()
    except TimeoutError:
        raise Wrong(f"the client was not done within {CLIENT_S} s") from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode != 0:
        raise Wrong(f"{' '.join(command[:2])} exited with {process.returncode}")
    return output


async def play(steps: str, daemon: Daemon, place: Path) -> dict[str, dict[str, str]]:
    """The scenario, and whether it is true; what the client reported."""
    (place / "image").write_bytes(build_image(REVISION, IMAGE_BYTES))
    relay = DamagingRelay(daemon)
    async with disturbing(daemon) as disturbance, relay.listening() as damaging:
        environment = {
            **disturbance.environment,
            "NVMED_DAMAGING_ADDRESS": damaging,
            "NVMED_CA": str(daemon.client.ca),
            "NVMED_CERT": str(daemon.client.certificate),
            "NVMED_KEY": str(daemon.client.key),
            "NVMED_IMAGE": str(place / "image"),
            "NVMED_IMAGE_REVISION": REVISION,
            "NVMED_TELEMETRY": str(place / "telemetry"),
            "NVMED_DAMAGED": str(place / "damaged"),
        }
        reports = parse_reports(await run_client([steps, "program"], environment, disturbance.reported))
        await disturbance.done()
    async with Client(daemon.socket) as client:
        await check_state(reports, client, place, relay, disturbance)
    return reports


async def show(steps: str, daemon: Daemon, place: Path) -> None:
    """The example, and whether what it shows is true."""
    pem, file = daemon.client, place / "example"
    options = ["--ca", pem.ca, "--cert", pem.certificate, "--key", pem.key, "--file", file]
    shown = await run_client([steps, "example", *map(str, options), f"localhost:{daemon.port}"], {})
    async with Client(daemon.socket) as client:
        names = [controller.name async for controller in client.list_controllers()]
        await save_log(client, names[0], place / "expected")
    wanted = sha256(place / "expected")
    if sha256(file) != wanted or [word for word in (*names, wanted) if word not in shown]:
        raise Wrong(f"the example shows neither {names} nor a log of SHA-256 {wanted}")


async def run(steps: str) -> None:
    """Both against one daemon; raises `Wrong` or what the driver's own calls raise."""
    with tempfile.TemporaryDirectory(prefix="nvmed-", dir="/tmp") as folder:  # a socket's path is short
        place = Path(folder)
        async with serving(place) as daemon:
            reports = await play(steps, daemon, place)
            await show(steps, daemon, place)
        check_calls(reports, daemon.calls)


def main() -> None:
    """Exit with 0 if the client did everything, else say what it did not."""
    if len(sys.argv) != 2:
        sys.exit("usage: python -m clients.conformance clients/LANGUAGE/steps")
    try:
        asyncio.run(run(str(Path(sys.argv[1]).resolve())))
    except (Wrong, NvmedError, OSError) as failure:
        sys.exit(f"failed: {failure}")


if __name__ == "__main__":
    main()
