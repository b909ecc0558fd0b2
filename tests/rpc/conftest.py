"""A real server on a real socket, in front of simulated drives that a test can reach."""

from __future__ import annotations

import errno
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import grpc
import pytest

from nvmed.config import Config, Events, HostConfig, Limits, Listen, Policy, UnixListener
from nvmed.daemon import serving
from nvmed.nvme.host import HostEvents
from nvmed.simulator.host import SimulatedHost
from nvmed.simulator.spec import DriveSpec
from nvmed.simulator.subsystem import Subsystem
from tests.rpc.harness import Daemon, StartDaemon, small_drive
from tests.rpc.key_ring import Ring
from tests.rpc.passthru_calls import ALL, with_rules

FOR_TESTS: dict[str, Any] = {
    "events": Events(poll_interval_s=0),  # drives see what a test does, and nothing else
    "limits": Limits(calls_per_second=1_000_000, calls_burst=1_000_000),  # a test that waits for something asks often
}


@pytest.fixture
async def start_daemon(tmp_path: Path) -> AsyncIterator[StartDaemon]:
    """Start servers: `await start_daemon(spec, ...)`.

    Each is stopped at the end of the test, or when another begins on its state.
    """
    async with AsyncExitStack() as whole:
        count = 0
        stacks: dict[Path, AsyncExitStack] = {}

        async def start(
            *specs: DriveSpec, state_dir: Path | None = None, host: SimulatedHost | None = None, **configured: Any
        ) -> Daemon:
            nonlocal count
            count += 1
            host = host or SimulatedHost([Subsystem(spec) for spec in specs or (small_drive(),)])
            state = state_dir or tmp_path / f"state{count}"
            if state in stacks:
                await stacks.pop(state).aclose()
            stack = stacks[state] = await whole.enter_async_context(AsyncExitStack())
            roles, principal = configured.pop("roles", ("admin",)), configured.pop("principal", "admin")
            socket = UnixListener(path=str(tmp_path / f"{count}.sock"), roles=roles, principal=principal)
            config = Config(
                state_dir=str(state),
                host=HostConfig(simulate=1),
                listen=Listen(unix=(socket,)),
                **{**FOR_TESTS, **configured},
            )
            (address,) = await stack.enter_async_context(serving(host, config))
            channel = await stack.enter_async_context(grpc.aio.insecure_channel(address))
            return Daemon(host, address, state, channel, stack.aclose)

        yield start


@pytest.fixture
def silent_host(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hosts that tell nothing, so that a daemon knows only what it scanned for a call."""

    def watch(_: SimulatedHost) -> HostEvents:
        raise OSError(errno.EAFNOSUPPORT, "no netlink")

    monkeypatch.setattr(SimulatedHost, "watch", watch)


@pytest.fixture
def own_policy() -> Policy:
    """What the configuration of `daemon` says about its callers; `parametrize` a test to have another."""
    return Policy()


@pytest.fixture
async def daemon(start_daemon: StartDaemon, own_policy: Policy) -> Daemon:
    """A server with one small drive."""
    return await start_daemon(policy=own_policy)


@pytest.fixture
async def permissive(start_daemon: StartDaemon, tmp_path: Path) -> Daemon:
    """A server with a drive of which everything may be asked by passthrough."""
    return await with_rules(start_daemon, tmp_path, ALL, small_drive())


@pytest.fixture
async def ring() -> AsyncIterator[Ring]:
    """A keyring for keys of type user."""
    made = await Ring.make()
    yield made
    await made.close()
