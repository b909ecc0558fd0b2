"""What a scrape of 64 simulated drives takes of a processor: all as before, and all of them in another state."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from time import thread_time

from bench.figures import Figure
from nvmed import daemon, logs
from nvmed.config import Config, HostConfig, Listen, UnixListener
from nvmed.security.bindings import make_policy
from nvmed.simulator.host import default_host

DRIVES = 64
TURNS = 5
"""Logs that have a turn each, of a drive with one namespace."""


async def _measure(rounds: int) -> tuple[list[float], list[float], int]:
    with tempfile.TemporaryDirectory() as state:
        listen = Listen(unix=(UnixListener(path=f"{state}/admin.sock", roles=("admin",)),))
        configured = Config(state_dir=state, host=HostConfig(simulate=DRIVES), listen=listen)
        parts = await daemon.make_components(default_host(DRIVES), configured, make_policy(configured, ""), "bench")
        told: asyncio.Queue[None] = asyncio.Queue()
        parts.sampler.subscribe(lambda *_: told.put_nowait(None))
        for _ in range(TURNS):
            parts.sampler.begin_round(await parts.inventory.controllers())
            for _ in range(DRIVES):
                await told.get()
        as_before: list[float] = []
        anew: list[float] = []
        for _ in range(rounds):
            for device in parts.inventory.known:
                device.node = replace(device.node, state="live" if device.node.state != "live" else "resetting")
            for times in (anew, as_before):
                began = thread_time()
                parts.metrics.exposition()
                times.append((thread_time() - began) * 1000)
        series = parts.metrics.exposition().count(b"{controller=")
        parts.inventory.close()
    return as_before, anew, series


def measure(_: Path, rounds: int = 20) -> Iterator[Figure]:
    """Without a server."""
    logs.configure("warning")
    as_before, anew, series = asyncio.run(_measure(rounds))
    what = f"scrape of {DRIVES} drives, {series:,} series of theirs"
    yield Figure("scrape", f"{what}, all in another state", "ms of a processor", tuple(anew))
    yield Figure("scrape-again", f"{what}, as before", "ms of a processor", tuple(as_before))
