"""A daemon in front of a double of the kernel's connections, with a real keyring: what rotates over the wire."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import grpc
import pytest

from nvmed import daemon
from nvmed.config import Config, HostConfig, Listen, UnixListener
from nvmed.keyring import rotation_calls
from nvmed.keyring.rotation import TlsRotation
from nvmed.rpc.services import key as key_service
from tests.rpc.harness import Daemon
from tests.rpc.key_ring import Ring
from tests.support.kernel_double import KernelDouble


@dataclass(frozen=True, slots=True)
class RotatingHost:
    """The daemon, and the kernel in front of which it runs; `ring` is its `.nvme`."""

    daemon: Daemon
    kernel: KernelDouble
    ring: Ring

    @property
    def serials(self) -> list[int]:
        """The key that each connection uses."""
        return [connection.tls_key for connection in self.kernel.connections.values()]


@asynccontextmanager
async def rotating(
    ring: Ring, folder: Path, patch: pytest.MonkeyPatch, **configured: Any
) -> AsyncIterator[RotatingHost]:
    """Serve one. Two things differ from a daemon's own: whose connections they are, and the type of keys.

    The kernel's TLS takes type psk alone, so that a request does not say which; the double takes type user, which every
    kernel has.
    """
    kernel = KernelDouble(ring.serial)
    patch.setattr(daemon, "make_fabrics", lambda configured: kernel)
    patch.setattr(key_service, "TlsRotation", partial(TlsRotation, key_type="user"))
    socket = UnixListener(path=str(folder / "rotating.sock"), roles=("admin",))
    state = folder / "rotating-state"
    config = Config(
        state_dir=str(state),
        host=HostConfig(simulate=1),
        listen=Listen(unix=(socket,)),
        **configured,
    )
    try:
        async with daemon.serving(kernel, config) as (address,), grpc.aio.insecure_channel(address) as channel:
            yield RotatingHost(Daemon(kernel, address, state, channel), kernel, ring)  # type: ignore[arg-type]
            kernel.release()
    finally:
        kernel.close()
        for _, holder in await ring.thread.run(lambda: [*rotation_calls.holders()]):
            await ring.thread.run(rotation_calls.release, holder)
