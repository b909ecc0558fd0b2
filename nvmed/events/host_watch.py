"""Watches the host: scans when it tells of something, compares, and publishes what has changed.

What the host tells is only ever a reason to look. What came, went or changed is what two scans say, except where the
host says that something went which is there again; asynchronous events and starts of controllers, of which a scan says
nothing, are told once the scan has shown whose they are.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Final

import structlog

from nvmed.background import running
from nvmed.devices.inventory import Inventory
from nvmed.errors import NvmedError
from nvmed.events.events import Events
from nvmed.events.host_changes import View, changes, controller_event
from nvmed.events.kinds import ControllerState, Event, Kind
from nvmed.events.path_changes import path_changes
from nvmed.nvme.features import AsyncEvent
from nvmed.nvme.host import EVENTS_LOST, Host, HostEvent, HostEvents

TOLD_MAX: Final = 4096
"""What waits for the next scan; beyond that, events about nothing but changes are as good as a scan."""

RETRY_S: Final = 1.0

_LIFETIME: Final = frozenset({"add", "remove"})

log: Final = structlog.get_logger("nvmed.events")


class HostWatch:
    """Publishes what happens to controllers and namespaces. `on_change` is told each event about a controller."""

    def __init__(
        self, host: Host, inventory: Inventory, events: Events, on_change: Callable[[Event], None] = lambda _: None
    ) -> None:
        self._host = host
        self._inventory = inventory
        self._events = events
        self._on_change = on_change
        self._told: list[HostEvent] = []
        self._some = asyncio.Event()
        self.view = View()
        """The host as of the last scan: what the events so far add up to."""

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[None]:
        """Look at the host first, then watch it; what is there already is no event."""
        try:
            told = self._host.watch()
        except OSError as exc:
            log.warning("host_does_not_tell", message=exc.strerror)
            await self._look()
            async with running(self._compare):
                yield
            return
        try:
            await self._look()
            async with running(partial(self._listen, told), self._compare):
                yield
        finally:
            told.close()

    def look_again(self) -> None:
        """Scan soon, whatever the host tells."""
        self._some.set()

    async def _look(self) -> None:
        self.view = View.of(await self._inventory.subsystems())

    async def _listen(self, told: HostEvents) -> None:
        async for event in told:
            if event is EVENTS_LOST or len(self._told) >= TOLD_MAX:
                log.warning("host_events_lost")
                self._inventory.forget_identities()
            else:
                if event.is_started:
                    self._inventory.forget_identities(event.node)
                self._told.append(event)
            self._some.set()

    async def _compare(self) -> None:
        while True:
            await self._some.wait()
            self._some.clear()
            told, self._told = self._told, []
            before = self.view
            try:
                await self._look()
            except (NvmedError, OSError) as exc:
                log.warning("scan_failed", message=str(exc))
                self._told = told + self._told
                await asyncio.sleep(RETRY_S)
                self._some.set()
                continue
            for event in (*_explained(told, before, self.view), *path_changes(before, self.view)):
                self._on_change(self._events.publish(event))


def _explained(told: Sequence[HostEvent], before: View, after: View) -> Sequence[Event]:
    """The events that two scans and what was told between them amount to, in the order in which they happened."""
    early, late = [], []
    moved: set[str] = set()  # nodes of which it is not known any more whose they were
    for one in told:
        if one.action in _LIFETIME:
            moved.add(one.node)
        elif one.is_started and (state := after.controller_at(one.node)):
            late.append(controller_event(Kind.CONTROLLER_STARTED, state))
        elif one.async_event is not None and one.node not in moved and (state := before.controller_at(one.node)):
            early.append(_async_event(state, one.async_event))
        elif one.async_event is not None and (state := after.controller_at(one.node)):
            late.append(_async_event(state, one.async_event))
    went = {one.node for one in told if one.action == "remove"}
    return [*early, *changes(before, after, went), *late]


def _async_event(state: ControllerState, dword: int) -> Event:
    return controller_event(Kind.ASYNC_EVENT, state, detail=AsyncEvent.parse(dword))
