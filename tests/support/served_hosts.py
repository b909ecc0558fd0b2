"""A few hosts with simulated drives that a test can reach, each a whole daemon on a socket of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from nvmedctl.hosts import Host

from nvmed.config import Audit, Config, Events, HostConfig, Limits, Listen, UnixListener
from nvmed.daemon import serving
from nvmed.simulator.controller import Controller
from nvmed.simulator.host import SimulatedHost
from nvmed.simulator.subsystem import Subsystem
from tests.rpc.harness import small_drive

BUSY = Limits(calls_per_second=1_000_000, calls_burst=1_000_000)


@dataclass(frozen=True)
class Served:
    """A host, its address, and the host behind it."""

    host: Host
    simulated: SimulatedHost

    def drive(self, node: str = "nvme0") -> Controller:
        return self.simulated.controller(node)


@asynccontextmanager
async def hosts(folder: Path, *names: str, drives: int = 1) -> AsyncIterator[dict[str, Served]]:
    """Serve a host of each name."""
    async with AsyncExitStack() as stack:
        found = {}
        for name in names:
            specs = [small_drive(f"{name}D{number}".upper()) for number in range(1, drives + 1)]
            simulated = SimulatedHost([Subsystem(spec) for spec in specs])
            configured = Config(
                state_dir=str(folder / name),
                host=HostConfig(simulate=drives),
                listen=Listen(unix=(UnixListener(path=str(folder / f"{name}.sock"), roles=("admin",)),)),
                audit=Audit(journald=False),
                events=Events(poll_interval_s=0),
                limits=BUSY,
            )
            (address,) = await stack.enter_async_context(serving(simulated, configured))
            found[name] = Served(Host(name, address, name), simulated)
        yield found
