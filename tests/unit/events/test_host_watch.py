"""A host that tells of itself, badly or not at all, and what is made of it."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from nvmed.background import running
from nvmed.devices.inventory import Inventory
from nvmed.events.events import Events
from nvmed.events.host_watch import HostWatch
from nvmed.events.kinds import Event, Kind
from nvmed.nvme import features
from nvmed.nvme.features import AsyncEventConfiguration
from nvmed.nvme.host import ControllerNode, HostEvents
from nvmed.nvme.opcodes import FeatureId
from nvmed.nvme.status import Queue
from nvmed.simulator.host import SimulatedHost
from nvmed.simulator.spec import DriveSpec
from nvmed.simulator.subsystem import Subsystem


class Host(SimulatedHost):
    """A simulated host whose scans can fail, and which can be silent."""

    def __init__(self, *serials: str, tells: bool = True) -> None:
        super().__init__(Subsystem(DriveSpec(serial=serial)) for serial in serials)
        self.tells = tells
        self.failures = 0
        self.unidentified: set[str] = set()

    def scan(self) -> tuple[ControllerNode, ...]:
        if self.failures:
            self.failures -= 1
            raise OSError(errno.EIO, "sysfs has a bad day")
        nodes = super().scan()
        return tuple(
            replace(node, serial="", model="", controller_id=-1, state="new", namespaces=())
            if node.node in self.unidentified
            else node
            for node in nodes
        )

    def watch(self) -> HostEvents:
        if not self.tells:
            raise OSError(errno.EAFNOSUPPORT, "Address family not supported by protocol")
        return super().watch()


@asynccontextmanager
async def watched(host: Host) -> AsyncIterator[tuple[HostWatch, Events]]:
    inventory, events = Inventory(host), Events()
    watch = HostWatch(host, inventory, events)
    async with watch.serving():
        yield watch, events
    inventory.close()


async def kinds(events: Events, count: int) -> list[str]:
    """The kinds of the first `count` events, once there are so many."""
    found: list[Event] = []
    with events.watch(lambda _: True, 0) as watcher:
        while len(found) < count:
            found += (await watcher.read(60)).events
    return [event.kind.value for event in found]


async def test_what_is_there_at_first_is_no_event() -> None:
    async with watched(Host("ONE")) as (watch, events):
        assert list(watch.view.controllers) == ["controllers/one-1"]
        assert [event.kind for event in watch.view.events()] == [Kind.CONTROLLER_ADDED, Kind.NAMESPACE_ADDED]
        assert events.last == 0


async def test_a_host_that_tells_nothing_is_looked_at_when_somebody_asks() -> None:
    host = Host("ONE", tells=False)
    async with watched(host) as (watch, events):
        host.unplug("nvme0")
        watch.look_again()
        assert await kinds(events, 2) == ["NAMESPACE_REMOVED", "CONTROLLER_REMOVED"]


async def test_where_events_are_lost_scans_say_what_happened(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nvmed.simulator.host_events.WAITING_MAX", 1)
    host = Host("ONE")
    async with watched(host) as (_, events):
        host.unplug("nvme0")  # tells of two devices
        host.add(Subsystem(DriveSpec(serial="TWO")))  # and of as many again
        found = await kinds(events, 4)
    assert sorted(found) == ["CONTROLLER_ADDED", "CONTROLLER_REMOVED", "NAMESPACE_ADDED", "NAMESPACE_REMOVED"]


async def test_a_controller_comes_when_the_kernel_knows_who_it_is() -> None:
    host = Host("ONE")
    async with watched(host) as (watch, events):
        host.unidentified.add("nvme1")
        host.add(Subsystem(DriveSpec(serial="TWO")))
        host.controller("nvme0").reset()
        with events.watch(lambda event: event.controller == "controllers/one-1", 0) as watcher:
            assert (await watcher.read(60)).events, "the host was scanned meanwhile"
        assert list(watch.view.controllers) == ["controllers/one-1"]
        host.unidentified.clear()
        host.controller("nvme1").reset()
        with events.watch(lambda event: event.controller == "controllers/two-1", 0) as watcher:
            (come, *_) = (await watcher.read(60)).events
        assert come.kind is Kind.CONTROLLER_ADDED


async def test_a_scan_that_fails_is_made_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nvmed.events.host_watch.RETRY_S", 0.001)
    host = Host("ONE")
    async with watched(host) as (_, events):
        host.failures = 3
        host.controller("nvme0").reset()
        assert await kinds(events, 1) == ["CONTROLLER_STARTED"], "what was told is not forgotten"
    assert host.failures == 0


async def test_an_event_of_a_drive_that_goes_is_still_its_own() -> None:
    """The node is another drive's by the time of the scan."""
    host = Host("ONE")
    async with watched(host) as (_, events):
        one = host.controller("nvme0")
        wanted = features.set_features(FeatureId.ASYNCHRONOUS_EVENT_CONFIGURATION, AsyncEventConfiguration.TEMPERATURE)
        one.execute(Queue.ADMIN, wanted)
        one.set_critical_warning(0b10)
        host.unplug("nvme0")
        host.add(Subsystem(DriveSpec(serial="TWO")))
        assert await kinds(events, 6) == [
            "ASYNC_EVENT",
            "NAMESPACE_REMOVED",
            "CONTROLLER_REMOVED",
            "CONTROLLER_ADDED",
            "NAMESPACE_ADDED",
            "CONTROLLER_STARTED",
        ]
        names = [event.controller for event in events.since(0).events]
        assert names == ["controllers/one-1"] * 3 + ["controllers/two-1"] * 3


async def test_a_bug_in_the_background_ends_nothing_for_good(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nvmed.background.RESTART_S", 0.001)
    runs: list[int] = []
    third = asyncio.Event()

    async def work() -> None:
        runs.append(len(runs))
        if len(runs) < 3:
            raise RuntimeError("a bug")
        third.set()

    async with running(work):
        await third.wait()
    assert runs == [0, 1, 2]
