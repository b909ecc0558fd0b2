"""`nvmed simulator farm`: many hosts with simulated drives in one process, for those who test how they treat a fleet.

Each host is a whole daemon with a socket or port of its own. What its drives are outlives the process, and what they
were told is written down: see `nvmed.simulator.durable`. The farm's folder has::

    hosts.toml              an inventory of its hosts, for nvmed-fleet
    s/HOST.sock             their sockets; with TLS, ports on loopback instead, and pki/ with certificates
    HOST/                   the daemon's state, and for each drive SERIAL.json and SERIAL.log
"""

from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

from nvmed import daemon
from nvmed.config import Audit, Binding, Config, HostConfig, Listen, Policy, TlsListener, UnixListener
from nvmed.reasons import invalid_field
from nvmed.security import dev_ca
from nvmed.simulator.durable import FAULTS, arm, durable
from nvmed.simulator.host import SimulatedHost
from nvmed.simulator.spec import DriveSpec, FirmwareSpec, TelemetrySpec

HOSTS_MAX = 500
LOOPBACK = "127.0.0.1"
CLIENT = "spiffe://nvmed.example/fleet"
"""Who the farm's client certificate says that it is."""

AUDIT = Audit(journald=False)

HOST_FAULTS = {
    "absent": "The host does not serve.",
    "in-use": "The first namespace of its first drive is mounted.",
    "boot-device": "The host boots from its first drive.",
}
"""What a host can be made to be, beside what its last drive can be made to do."""

JOURNAL_LIMIT = 16
"""Commands that each drive remembers in memory: its log has those that matter."""


@dataclass(frozen=True, slots=True)
class Farm:
    """What to serve: hosts `first` to `first + hosts - 1`. `faults` are by host; `tls_port` is host 1's, or None."""

    folder: Path
    hosts: int
    first: int = 1
    drives: int = 1
    racks: int = 6
    revision: str = "1.0.0"
    model: str = "NVMED SIM FARM"
    faults: tuple[tuple[str, str], ...] = ()
    tls_port: int | None = None

    def __post_init__(self) -> None:
        names = set(self.names)
        for host, fault in self.faults:
            if host not in names:
                raise invalid_field(
                    "fault", f"{host} is none of {self.names[0]} to {self.names[-1]}, the farm's hosts."
                )
            if fault not in HOST_FAULTS and fault not in FAULTS:
                raise invalid_field("fault", f"there is no {fault!r}; there are {', '.join([*HOST_FAULTS, *FAULTS])}.")

    @property
    def names(self) -> list[str]:
        return [name_of(number) for number in range(self.first, self.first + self.hosts)]

    def faults_of(self, host: str) -> list[str]:
        return [fault for name, fault in self.faults if name == host]

    def address(self, number: int) -> str:
        if self.tls_port is not None:
            return f"{LOOPBACK}:{self.tls_port + number - 1}"
        return str(self.folder.absolute() / "s" / f"{name_of(number)}.sock")


def name_of(number: int) -> str:
    """The name of a host."""
    return f"h{number:03}"


async def run(farm: Farm, ready: Callable[[tuple[str, ...]], None]) -> None:
    """Serve until SIGTERM or SIGINT; `ready` gets the addresses once clients can connect to all of them."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with AsyncExitStack() as stack:
        ready(await serve(farm, stack))
        await stop.wait()


async def serve(farm: Farm, stack: AsyncExitStack) -> tuple[str, ...]:
    """Serve every host until `stack` ends; their addresses."""
    (farm.folder / "s").mkdir(mode=0o700, parents=True, exist_ok=True)
    if farm.tls_port is not None and not (farm.folder / "pki/fleet.key").exists():
        dev_ca.prepare(farm.folder / "pki", [LOOPBACK], [CLIENT])
    (farm.folder / ("hosts.toml" if farm.first == 1 else f"hosts-{farm.first}.toml")).write_text(inventory(farm))
    addresses: list[str] = []
    for number in range(farm.first, farm.first + farm.hosts):
        name = name_of(number)
        if "absent" not in farm.faults_of(name):
            host = _host(farm, number)
            configured = _config(farm, number)
            addresses += await stack.enter_async_context(daemon.serving(host, configured, name))
            await stack.enter_async_context(daemon.faulty(host, configured))
    return tuple(addresses)


def inventory(farm: Farm) -> str:
    """A file of hosts for nvmed-fleet: racks are failure domains."""
    lines = ['failure_domain = ["rack"]', ""]
    if farm.tls_port is not None:
        pki = farm.folder.absolute() / "pki"
        files = {"ca": pki / "ca.pem", "certificate": pki / "fleet.pem", "key": pki / "fleet.key"}
        inline = ", ".join(f"{name} = {json.dumps(str(path))}" for name, path in files.items())
        lines += ["[defaults]", f"tls = {{ {inline} }}", ""]
    for number in range(farm.first, farm.first + farm.hosts):
        lines += [
            f"[hosts.{name_of(number)}]",
            f"address = {json.dumps(farm.address(number))}",
            f'labels = {{ rack = "r{(number - 1) % farm.racks + 1}" }}',
            "",
        ]
    return "\n".join(lines)


def _host(farm: Farm, number: int) -> SimulatedHost:
    name = name_of(number)
    folder = farm.folder / name
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    drives = [durable(_spec(farm, number, drive), folder) for drive in range(1, farm.drives + 1)]
    faults = farm.faults_of(name)
    # The last drive of a host, so that those before it are treated first.
    for fault in faults:
        if fault in FAULTS:
            arm(drives[-1], fault)
    host = SimulatedHost(drive.subsystem for drive in drives)
    if "in-use" in faults:
        host.occupy("nvme0n1")
    if "boot-device" in faults:
        host.occupy("nvme0n1", "/")
    return host


def _spec(farm: Farm, host: int, drive: int) -> DriveSpec:
    return DriveSpec(
        serial=f"FARM{host:05}D{drive:02}",
        model=farm.model,
        firmware=FirmwareSpec((farm.revision, "", "")),
        telemetry=TelemetrySpec.of_sizes(4096, 64 * 1024, 64 * 1024, seed=host * 100 + drive),
        journal_limit=JOURNAL_LIMIT,
    )


def _config(farm: Farm, number: int) -> Config:
    state = str(farm.folder.absolute() / name_of(number) / "nvmed")
    if farm.tls_port is None:
        listen = Listen(unix=(UnixListener(path=farm.address(number), roles=("admin",)),))
        return Config(state_dir=state, host=HostConfig(simulate=farm.drives), listen=listen, audit=AUDIT)
    pki = farm.folder.absolute() / "pki"
    listener = TlsListener(
        address=farm.address(number),
        certificate=str(pki / "server.pem"),
        key=str(pki / "server.key"),
        client_ca=str(pki / "ca.pem"),
    )
    return Config(
        state_dir=state,
        host=HostConfig(simulate=farm.drives),
        listen=Listen(unix=(), tls=(listener,)),
        audit=AUDIT,
        policy=Policy(bindings=(Binding(principals=(f"uri:{CLIENT}",), roles=("admin",)),)),
    )


def parse_faults(texts: Sequence[str]) -> tuple[tuple[str, str], ...]:
    """(host, fault) of each `HOST=FAULT`."""
    found = []
    for text in texts:
        host, separator, fault = text.partition("=")
        if not separator:
            raise invalid_field("fault", f"{text!r} is not HOST=FAULT.")
        found.append((host, fault))
    return tuple(found)
