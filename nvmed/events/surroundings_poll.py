"""Looks from time to time at what the host has around each controller: link, errors on it, how long I/O takes.

It reads what the kernel shows, in a thread; no drive is asked for anything, but for those that are behind the others
what they counted themselves. What was told is in a file of the state directory, so that a restart repeats nothing. A
controller whose surroundings cannot be read is passed over.
"""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final

import msgspec
import structlog

from nvmed.devices.controller import Device
from nvmed.devices.inventory import Inventory
from nvmed.errors import NvmedError
from nvmed.events.events import Events
from nvmed.events.kinds import Detail, Direction, DriveLatency, Event, Kind, LinkErrorsMet, Monitored
from nvmed.events.link_rules import Known, Told, judge
from nvmed.events.slow_rules import Measured, Past, Rule, Verdict
from nvmed.events.slow_rules import judge as judge_latency
from nvmed.events.slow_witness import SlowWitness
from nvmed.files import read_bytes, write_whole
from nvmed.nvme.host import ControllerNode, Host
from nvmed.nvme.surroundings import PathFacts, Surroundings

FILE_NAME: Final = "surroundings.json"
READ_AT_ONCE: Final = 16
"""Of how many controllers in one turn of the thread: to wake it takes longer than to read, and calls wait meanwhile."""

KEEP_EVERY_S: Final = 3600.0
"""How often what drives took is written down where nothing was told."""

_DIRECTIONS: Final[Mapping[Direction, Callable[[PathFacts], tuple[int, int]]]] = {
    Direction.READ: lambda path: (path.reads, path.read_ms),
    Direction.WRITE: lambda path: (path.writes, path.write_ms),
}
"""What a path has completed, and how long that took in all, in milliseconds."""

log: Final = structlog.get_logger("nvmed.events")


@dataclass(frozen=True, slots=True)
class Rules:
    """How often is looked, 0 for never; how many corrected errors between two looks are told; and what is slow."""

    interval_s: float
    correctable_max: int
    slow: Rule | None


class _Remembered(msgspec.Struct, frozen=True):
    """What outlasts the daemon, of one controller."""

    told: Told = Told()
    past: dict[Direction, Past] = msgspec.field(default_factory=dict)


@dataclass(slots=True)
class _Seen:
    """A controller as it is known; `at` and `paths` are of the look before."""

    known: Known = field(default_factory=Known)
    past: dict[Direction, Past] = field(default_factory=dict)
    at: float = 0.0
    paths: Mapping[str, PathFacts] = field(default_factory=dict)
    is_failing: bool = False

    @property
    def told(self) -> tuple[Told, Collection[Direction]]:
        """What was told of it."""
        return self.known.told, frozenset(direction for direction, past in self.past.items() if past.is_slow)

    @property
    def is_suspected(self) -> bool:
        """Whether it was behind the others in the last interval, and was not told as slow."""
        return any(past.against and not past.is_slow for past in self.past.values())


class SurroundingsPoll:
    """Looks by `rules`; `clock` is in seconds. Belongs to one event loop."""

    def __init__(
        self,
        host: Host,
        inventory: Inventory,
        events: Events,
        state_dir: Path,
        rules: Rules,
        *,
        clock: Callable[[], float] = time.monotonic,
        became_slow: Callable[[Device], None] = lambda _: None,
    ) -> None:
        self._host = host
        self._became_slow = became_slow
        self._inventory = inventory
        self._events = events
        self._path = state_dir / FILE_NAME
        self._rules = rules
        self._clock = clock
        self._seen: dict[str, _Seen] = {}
        self._witness = SlowWitness()
        self._kept: tuple[float, Mapping[str, object]] = (clock(), {})

    @property
    def slow(self) -> Collection[str]:
        """The controllers that are told as slow now."""
        return frozenset(name for name, seen in self._seen.items() if seen.told[1])

    async def run(self) -> None:
        """Look until cancelled."""
        if not self._rules.interval_s:
            return
        self._remember(await self._inventory.lane.run(self._read))
        try:
            while True:
                await self.look()
                await asyncio.sleep(self._rules.interval_s)
        finally:
            await self._witness.close()

    async def look(self) -> None:
        """Look once at every controller, and publish what is worth telling."""
        devices = {device.resource_name: device for device in self._inventory.known}
        self._seen = {name: self._seen.get(name) or _Seen() for name in devices}
        measured: dict[tuple[str, Direction], dict[str, Measured]] = defaultdict(dict)
        async for device, around in self._arounds([*devices.values()]):
            name = device.resource_name
            self._look_at_link(device, self._seen[name], around)
            for direction, one in _measured(self._seen[name], around):
                measured[device.node.model, direction][name] = one
            self._seen[name].paths = {path.node: path for path in around.paths}
        if self._rules.slow:
            for (_, direction), drives in measured.items():
                self._compare(self._rules.slow, direction, drives, devices)
        self._witness.ask([device for name, device in devices.items() if self._seen[name].is_suspected])
        await self._keep()

    async def _arounds(self, devices: Sequence[Device]) -> AsyncIterator[tuple[Device, Surroundings]]:
        """Of those whose can be read: whatever is odd about a host, the others are looked at."""
        for at in range(0, len(devices), READ_AT_ONCE):
            some = devices[at : at + READ_AT_ONCE]
            read = partial(_read_around, self._host, [device.node for device in some])
            try:
                arounds = await self._inventory.lane.run(read)
            except NvmedError as exc:
                arounds = [exc] * len(some)
            for device, around in zip(some, arounds, strict=True):
                seen = self._seen[device.resource_name]
                is_failing = isinstance(around, Exception)
                if is_failing and not seen.is_failing:
                    log.warning("surroundings_unreadable", controller=device.name, message=str(around))
                seen.is_failing = is_failing
                if not isinstance(around, Exception):
                    yield device, around

    def _look_at_link(self, device: Device, seen: _Seen, around: Surroundings) -> None:
        now = self._clock()
        judged = judge(seen.known, around, self._rules.correctable_max)
        elapsed_ms = int((now - seen.at) * 1000) if judged.since_before else 0
        seen.known, seen.at = judged.known, now
        if judged.link:
            self._publish(device, *judged.link)
        if judged.errors:
            self._publish(device, Kind.PCI_ERRORS, LinkErrorsMet(judged.errors, elapsed_ms))

    def _compare(
        self, rule: Rule, direction: Direction, drives: Mapping[str, Measured], devices: Mapping[str, Device]
    ) -> None:
        """Drives of one model with each other."""
        past = {name: self._seen[name].past.get(direction, Past()) for name in drives}
        known, verdicts = judge_latency(rule, past, drives)
        for name, one in known.items():
            self._seen[name].past[direction] = one
        for verdict in verdicts:
            kind = Kind.DRIVE_SLOW if verdict.is_slow else Kind.DRIVE_RECOVERED
            monitored = self._witness.said(verdict.name, direction) if verdict.is_slow else None
            self._publish(devices[verdict.name], kind, _latency(direction, verdict, monitored))
            if verdict.is_slow:
                self._became_slow(devices[verdict.name])

    def _publish(self, device: Device, kind: Kind, detail: Detail) -> None:
        self._events.publish(Event(kind, controller=device.resource_name, device_node=device.node.node, detail=detail))

    # -- what outlasts the daemon

    def _read(self) -> Mapping[str, _Remembered]:
        try:
            return msgspec.json.decode(read_bytes(self._path), type=dict[str, _Remembered])
        except FileNotFoundError:
            return {}
        except (OSError, msgspec.DecodeError) as exc:
            log.warning("surroundings_not_remembered", path=str(self._path), message=str(exc))
            return {}

    def _remember(self, found: Mapping[str, _Remembered]) -> None:
        self._seen = {name: _Seen(Known(one.told), dict(one.past)) for name, one in found.items()} | self._seen
        self._kept = (self._clock(), {name: seen.told for name, seen in self._seen.items()})

    async def _keep(self) -> None:
        """Write down what was told when that is something else, and what drives took once in a while."""
        told, now = {name: seen.told for name, seen in self._seen.items()}, self._clock()
        at, before = self._kept
        if told == before and now - at < KEEP_EVERY_S:
            return
        data = msgspec.json.encode({name: _Remembered(one.known.told, one.past) for name, one in self._seen.items()})
        try:
            await self._inventory.lane.run(lambda: write_whole(self._path, data))
        except OSError as exc:
            log.warning("surroundings_not_remembered", path=str(self._path), message=str(exc))
        self._kept = (now, told)


def _read_around(host: Host, nodes: Sequence[ControllerNode]) -> Sequence[Surroundings | Exception]:
    """What the kernel tells of each, or why it cannot."""
    found: list[Surroundings | Exception] = []
    for node in nodes:
        try:
            found.append(host.surroundings(node))
        except Exception as exc:
            found.append(exc)
    return found


def _measured(seen: _Seen, around: Surroundings) -> Iterator[tuple[Direction, Measured]]:
    """What went over a controller's paths since the look before, by direction; nothing if that is not known."""
    paths = {path.node: path for path in around.paths}
    if seen.paths.keys() != paths.keys():
        return
    for direction, read in _DIRECTIONS.items():
        grown = [
            [now - before for now, before in zip(read(path), read(seen.paths[node]), strict=True)]
            for node, path in paths.items()
        ]
        if all(number >= 0 for pair in grown for number in pair):
            yield direction, Measured(sum(count for count, _ in grown), sum(ms for _, ms in grown) * 1000)


def _latency(direction: Direction, verdict: Verdict, monitored: Monitored | None) -> DriveLatency:
    return DriveLatency(
        direction=direction,
        latency_us=verdict.now.latency_us,
        peers_us=verdict.peers_us,
        past_us=verdict.past_us,
        peers=verdict.peers,
        count=verdict.now.count,
        monitored=monitored,
    )
