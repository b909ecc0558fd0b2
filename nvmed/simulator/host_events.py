"""What a simulated host tells, as `HostEvents`: from whatever thread it happens in to one event loop."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Final

from nvmed.nvme.host import EVENTS_LOST, HostEvent

WAITING_MAX: Final = 4096
"""Events that may wait to be read: more than a kernel's buffer holds."""

Subscribe = Callable[[Callable[[Mapping[str, str]], None]], Callable[[], None]]


class SimulatedEvents:
    """Implements `HostEvents`. Made on the loop on which it is read; events may happen in any thread."""

    def __init__(self, subscribe: Subscribe) -> None:
        self._loop = asyncio.get_running_loop()
        self._waiting: deque[HostEvent] = deque()
        self._some = asyncio.Event()
        self._is_closed = False
        self._unsubscribe = subscribe(self._happened)

    def close(self) -> None:
        self._unsubscribe()
        self._is_closed = True
        self._some.set()

    async def __aiter__(self) -> AsyncIterator[HostEvent]:
        while not self._is_closed:
            await self._some.wait()
            self._some.clear()
            while self._waiting:
                yield self._waiting.popleft()

    def _happened(self, uevent: Mapping[str, str]) -> None:
        if uevent["SUBSYSTEM"] == "nvme-generic":
            return  # as on Linux, where the block device's event says it
        aen = uevent.get("NVME_AEN")
        event = HostEvent(
            uevent["ACTION"],
            uevent["DEVNAME"],
            int(aen, 16) if aen else None,
            uevent.get("NVME_EVENT") == "connected",
        )
        try:
            self._loop.call_soon_threadsafe(self._add, event)
        except RuntimeError:  # the loop has been closed: nobody is left to tell
            return

    def _add(self, event: HostEvent) -> None:
        if len(self._waiting) < WAITING_MAX:
            self._waiting.append(event)
        else:
            self._waiting[-1] = EVENTS_LOST
        self._some.set()
