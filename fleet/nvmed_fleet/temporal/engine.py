"""Connecting to the engine: a cluster's, by address, or the one embedded here."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from temporalio.client import Client
from temporalio.service import TLSConfig

from nvmed.reasons import invalid_field
from nvmed_fleet.errors import FleetReason, error
from nvmed_fleet.store import Store, default_folder
from nvmed_fleet.temporal import embedded, worker

CONNECT_S = 10.0


@dataclass(frozen=True, slots=True)
class Engine:
    """Where the engine is. Without `address` it is embedded, with its state in `folder`.

    `api_key_file` has the key on its first line: a key stands neither in arguments nor in the environment.
    """

    folder: Path
    address: str = ""
    namespace: str = "default"
    ca: Path | None = None
    certificate: Path | None = None
    key: Path | None = None
    server_name: str = ""
    api_key_file: Path | None = None
    binary: str = ""

    @property
    def store(self) -> Store:
        return Store(self.folder / "store")


def default_engine() -> Engine:
    """The embedded one of this user."""
    return Engine(default_folder())


async def connect(engine: Engine, address: str) -> Client:
    """A client of the engine at `address`; ENGINE_UNAVAILABLE if it does not answer in time."""
    tls = _tls(engine)
    api_key = engine.api_key_file.read_text().splitlines()[0].strip() if engine.api_key_file else None
    reason = f"it did not answer within {CONNECT_S:g} s"
    with suppress(TimeoutError):
        async with asyncio.timeout(CONNECT_S):
            while True:
                try:
                    return await Client.connect(
                        address,
                        namespace=engine.namespace,
                        tls=True if tls is None and api_key else tls,
                        api_key=api_key,
                        identity=identity(),
                    )
                except RuntimeError as failure:  # also while it starts: its port is open before it is well
                    reason = str(failure)
                await asyncio.sleep(0.2)
    raise error(FleetReason.ENGINE_UNAVAILABLE, f"{address}: {reason}", address=address)


def identity() -> str:
    """How this process is called in records: the machine it runs on."""
    return socket.gethostname()


@asynccontextmanager
async def session(engine: Engine, *, works: bool = False) -> AsyncIterator[Client]:
    """A client; of an embedded engine that nobody runs, it runs inside with a worker.

    `works` runs a worker here in any case.
    """
    if engine.address:
        client = await connect(engine, engine.address)
        if works:
            async with worker.running(client, engine.store, identity()):
                yield client
        else:
            yield client
        return
    async with embedded.running(engine.folder, engine.binary) as (address, is_ours):
        client = await connect(engine, address)
        if is_ours or works:
            async with worker.running(client, engine.store, identity()):
                yield client
        else:
            yield client


def _tls(engine: Engine) -> TLSConfig | None:
    if engine.ca is None and engine.certificate is None:
        if engine.server_name:
            raise invalid_field("engine-server-name", "needs --engine-ca.")
        return None
    if (engine.certificate is None) != (engine.key is None):
        raise invalid_field("engine-cert", "needs --engine-key, and the key its certificate.")
    return TLSConfig(
        server_root_ca_cert=engine.ca.read_bytes() if engine.ca else None,
        domain=engine.server_name or None,
        client_cert=engine.certificate.read_bytes() if engine.certificate else None,
        client_private_key=engine.key.read_bytes() if engine.key else None,
    )
