"""A server with mutual TLS and certificates of every kind, for tests."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import grpc

from nvmed.config import Binding, Config, HostConfig, Limits, Listen, Policy, TlsListener
from nvmed.daemon import opened
from nvmed.reload import Reloader, Served
from nvmed.security.dev_ca import CLIENT, SERVER, Pair, alternative, issue, make_authority
from nvmed.simulator.host import SimulatedHost
from nvmed.simulator.subsystem import Subsystem
from tests.rpc.harness import small_drive

DAY = timedelta(days=1)
OPERATOR = "spiffe://example.org/operator"


@dataclass
class Pki:
    """An authority and the files of a server, in `folder`."""

    folder: Path
    authority: Pair = field(default_factory=make_authority)

    def __post_init__(self) -> None:
        self.folder.mkdir()
        self.authority.write(self.folder, "ca")
        self.serve_with(self.server())

    def server(self, *names: str, **dates: datetime) -> Pair:
        """A server's certificate, for this machine if no names are given."""
        names = names or ("localhost", "127.0.0.1")
        return issue(self.authority, "server", [alternative(name) for name in names], [SERVER], **dates)

    def serve_with(self, pair: Pair) -> None:
        """Put a server's certificate where the daemon finds it."""
        pair.write(self.folder, "server")

    def client(self, *names: str, **dates: datetime) -> Pair:
        """A client's certificate, an operator's if no names are given."""
        return issue(self.authority, "client", [alternative(name) for name in names or (OPERATOR,)], [CLIENT], **dates)

    def anonymous(self) -> Pair:
        """A client's certificate with a common name alone, which counts for nothing."""
        return issue(self.authority, OPERATOR, [], [CLIENT])

    def listener(self) -> TlsListener:
        """The address that these files are for."""
        path = f"{self.folder}/"
        return TlsListener(
            address="127.0.0.1:0", certificate=f"{path}server.pem", key=f"{path}server.key", client_ca=f"{path}ca.pem"
        )

    def channel(self, address: str, client: Pair | None, *options: tuple[str, Any]) -> grpc.aio.Channel:
        """A connection of its own as `client`, without a certificate if None."""
        own = (client.key_pem, client.certificate_pem) if client else ()
        credentials = grpc.ssl_channel_credentials(self.authority.certificate_pem, *own)
        return grpc.aio.secure_channel(address, credentials, options=[("grpc.use_local_subchannel_pool", 1), *options])


@dataclass
class TlsDaemon:
    """A running server, its files and what reloads it."""

    pki: Pki
    address: str
    served: Served
    now: Config
    """What a reload reads."""
    reloader: Reloader = field(init=False)

    def __post_init__(self) -> None:
        self.reloader = Reloader(self.served, lambda: self.now)


@asynccontextmanager
async def serving_tls(pki: Pki, policy: Policy | None = None, **limits: int) -> AsyncIterator[TlsDaemon]:
    """Serve one drive over TLS alone; operators have their role unless `policy` says something else."""
    policy = policy or Policy(bindings=(Binding(principals=(f"uri:{OPERATOR}",), roles=("operator",)),))
    configured = Config(
        state_dir=str(pki.folder / "state"),
        host=HostConfig(simulate=1),
        listen=Listen(tls=(pki.listener(),)),
        policy=policy,
        limits=Limits(**{"calls_per_second": 1_000_000, "calls_burst": 1_000_000, **limits}),
    )
    host = SimulatedHost([Subsystem(small_drive())])
    async with opened(host, configured, "test") as served:
        daemon = TlsDaemon(pki, served.addresses[0], served, configured)
        try:
            yield daemon
        finally:
            daemon.reloader.close()


def yesterday() -> datetime:
    return datetime.now(UTC) - DAY


def tomorrow() -> datetime:
    return datetime.now(UTC) + DAY
