"""The simulator as NVMe/TCP target outside, for the guest's kernel to connect to.

It runs in this process, in an event loop in a thread of its own: a test may block, and may reach into the drives.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import TypeVar

from nvmed.simulator.nvme_tcp import NvmeTcpTarget
from nvmed.simulator.subsystem import Subsystem
from tests.support.ports import free_ports
from tests.vm import fabrics
from tests.vm.guest import HOST_ADDRESS, PATIENCE_S, Guest

T = TypeVar("T")
RECONNECT = {"reconnect_delay": 1, "keep_alive_tmo": 30}
"""A target that comes back is found at once; one that is slow under emulation is not taken for dead."""


class Target:
    """A target on 127.0.0.1 that can be killed and come back under the same ports."""

    def __init__(self, subsystems: Sequence[Subsystem], paths: int) -> None:
        self.subsystems = tuple(subsystems)
        self._paths = paths
        self._first_port = free_ports()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="simulator", daemon=True)
        self._thread.start()
        self._target: NvmeTcpTarget | None = None

    def run(self, call: Callable[[], Awaitable[T]]) -> T:
        """Await something in the target's event loop."""

        async def awaiting() -> T:
            return await call()

        return asyncio.run_coroutine_threadsafe(awaiting(), self._loop).result(timeout=PATIENCE_S)

    def start(self) -> None:
        """Listen (again)."""
        self._target = NvmeTcpTarget(self.subsystems, port=self._first_port, paths=self._paths)
        self.run(self._target.start)

    def stop(self) -> None:
        """End every connection and listen no more, as a target that dies."""
        if self._target:
            self.run(self._target.stop)
        self._target = None

    def close(self) -> None:
        self.stop()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def connect(self, guest: Guest, subsystem: Subsystem, path: int = 0, **options: str | int) -> str:
        """Connect the guest's kernel to `subsystem` through one of the paths; returns the controller's name."""
        return fabrics.connect(guest, subsystem.nqn, **self._address(path), **{**RECONNECT, **options})

    def connected(
        self, guest: Guest, subsystem: Subsystem, path: int = 0, **options: str | int
    ) -> contextlib.AbstractContextManager[str]:
        """The same while the block lasts."""
        return fabrics.connected(guest, subsystem.nqn, **self._address(path), **{**RECONNECT, **options})

    def _address(self, path: int) -> dict[str, str | int]:
        return {"transport": "tcp", "traddr": HOST_ADDRESS, "trsvcid": self._first_port + path}


@contextlib.contextmanager
def serving(guest: Guest, *subsystems: Subsystem, paths: int = 1) -> Iterator[Target]:
    """A target that serves `subsystems`; what is connected to it still is disconnected in the end."""
    guest.sh("modprobe nvme-tcp")
    target = Target(subsystems, paths)
    try:
        target.start()
        yield target
    finally:
        for subsystem in subsystems:
            guest.run("nvme", "disconnect", "-n", subsystem.nqn)
        target.close()
