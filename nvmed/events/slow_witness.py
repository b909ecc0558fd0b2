"""What drives that are behind the others say of themselves: OCP's latency monitor (log page C3h) tells a drive that is
slow from one whose way to it is.

A drive is asked once per look while it is suspected, and never else; in a task of its own, as nobody waits for the
answer of a drive that is in trouble.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from dataclasses import dataclass
from functools import partial
from typing import Final

import structlog

from nvmed.devices.controller import Device
from nvmed.devices.logs_ocp import read_ocp
from nvmed.errors import NvmedError
from nvmed.events.kinds import Direction, Monitored
from nvmed.nvme.latency_config import BUCKETS
from nvmed.nvme.latency_monitor import LatencyMonitorLog, MonitoredCommand
from nvmed.reasons import Reason

_COMMANDS: Final = {Direction.READ: MonitoredCommand.READ, Direction.WRITE: MonitoredCommand.WRITE}

log: Final = structlog.get_logger("nvmed.events")


@dataclass(slots=True)
class _Heard:
    """The first answer since a drive is suspected, and the last."""

    first: LatencyMonitorLog | None = None
    last: LatencyMonitorLog | None = None


class SlowWitness:
    """Asks suspected drives. Belongs to one event loop."""

    def __init__(self) -> None:
        self._heard: dict[str, _Heard] = {}
        self._asking: dict[str, asyncio.Task[None]] = {}
        self._refused: set[str] = set()

    def ask(self, suspected: Collection[Device]) -> None:
        """Ask these, and forget what others said."""
        names = {device.resource_name for device in suspected}
        self._heard = {name: self._heard.get(name) or _Heard() for name in names}
        for device in suspected:
            name = device.resource_name
            if name not in self._asking and name not in self._refused and not device.lane.stalled:
                task = self._asking[name] = asyncio.create_task(self._ask(device, self._heard[name]))
                task.add_done_callback(partial(self._answered, name))

    def said(self, name: str, direction: Direction) -> Monitored | None:
        """What a drive counted from its first answer to its last; None without two, or if its monitor is off."""
        heard = self._heard.get(name)
        if heard is None or heard.first is None or heard.last is None or heard.first is heard.last:
            return None
        if not heard.last.is_enabled:
            return None
        now, before = (_count(one, _COMMANDS[direction]) for one in (heard.last, heard.first))
        is_anew = heard.last.timer < heard.first.timer or now < before
        return Monitored(now if is_anew else now - before, heard.last.thresholds_ms[0])

    async def close(self) -> None:
        """Wait until nobody is asked any more."""
        tasks = [*self._asking.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _answered(self, name: str, _: asyncio.Task[None]) -> None:
        self._asking.pop(name, None)

    async def _ask(self, device: Device, heard: _Heard) -> None:
        try:
            heard.last = (await read_ocp(device, LatencyMonitorLog, None)).log
        except NvmedError as exc:
            if exc.reason == Reason.NVME_UNSUPPORTED.name or (exc.nvme is not None and exc.nvme.do_not_retry):
                self._refused.add(device.resource_name)  # refused commands fill a drive's error log
            return
        except Exception:
            log.exception("bug", controller=device.name)
            return
        heard.first = heard.first or heard.last


def _count(found: LatencyMonitorLog, command: MonitoredCommand) -> int:
    return sum(found.active.count(bucket, command) for bucket in range(BUCKETS))
