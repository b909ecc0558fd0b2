"""Asks each controller from time to time for what kernels do not tell: telemetry that it captured by itself, and the
critical warnings of its SMART log. Reading retains the controller's asynchronous events.

Each controller is asked in a task of its own: one that hangs keeps nobody waiting, is not asked a second time while it
does, and not at all while its lane is stalled. A round costs a controller one command at most: the questions take
turns, but for what somebody else has read anyway. What a controller refuses for good it is not asked again until it is
started anew, as refused commands fill its error log (nvme-cli#1224).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final

import structlog

from nvmed.devices import shared_smart
from nvmed.devices.controller import Device, Session
from nvmed.devices.inventory import Inventory
from nvmed.devices.logs import read_bytes
from nvmed.devices.telemetry import read_header
from nvmed.errors import NvmedError
from nvmed.events.events import Events
from nvmed.events.kinds import CriticalWarnings, Event, Kind, TelemetryAvailable
from nvmed.nvme import telemetry
from nvmed.nvme.features import AsyncEvent
from nvmed.nvme.health import SmartLog
from nvmed.nvme.layout import malformed
from nvmed.nvme.logpage import get_log_page
from nvmed.nvme.opcodes import NSID_ALL, AsyncEventType, LogPage
from nvmed.nvme.telemetry import TelemetryLog

_ASKED: Final = frozenset({"io", "admin", ""})
"""Controller types that have these logs, and kernels that do not tell the type: discovery controllers have none."""

log: Final = structlog.get_logger("nvmed.events")


@dataclass(slots=True)
class _Seen:
    """What a controller said last, and what it refuses."""

    critical_warning: int = 0
    generation: int | None = None
    """Of telemetry that is available; None while there is none."""
    refused: set[Kind] = field(default_factory=set)
    failing: str = ""
    is_spent: bool = False
    """Whether this round has had its command."""


class HealthPoll:
    """Polls every `interval_s` seconds; never, for 0. `each_time` is called before each round, `raised` with each
    controller that has raised a log by itself.
    """

    def __init__(
        self,
        inventory: Inventory,
        events: Events,
        interval_s: float,
        each_time: Callable[[], None] = lambda: None,
        raised: Callable[[Device], None] = lambda _: None,
    ) -> None:
        self._inventory = inventory
        self._events = events
        self._interval_s = interval_s
        self._each_time = each_time
        self._raised = raised
        self._seen: dict[str, _Seen] = {}
        self._asking: dict[str, asyncio.Task[None]] = {}

    async def run(self) -> None:
        """Poll until cancelled."""
        try:
            while self._interval_s:
                self._each_time()
                present = {device.resource_name: device for device in self._inventory.known}
                self._seen = {name: seen for name, seen in self._seen.items() if name in present}
                for device in present.values():
                    self._ask_soon(device, self._interval_s * shared_smart.AGE_MAX)
                await asyncio.sleep(self._interval_s)
        finally:
            for task in self._asking.values():
                task.cancel()
            await asyncio.gather(*self._asking.values(), return_exceptions=True)

    def noticed(self, event: Event) -> None:
        """Ask a controller at once that came, was started, or says that something is wrong with its health."""
        detail = event.detail
        if event.kind is Kind.CONTROLLER_REMOVED:
            self._seen.pop(event.controller, None)
        elif event.kind in (Kind.CONTROLLER_ADDED, Kind.CONTROLLER_STARTED):
            if event.controller in self._seen:
                self._seen[event.controller].refused.clear()
            self._ask_named(event.controller)
        elif isinstance(detail, AsyncEvent) and detail.event_type == AsyncEventType.SMART_HEALTH:
            self._ask_named(event.controller)

    def _ask_named(self, name: str) -> None:
        for device in self._inventory.known:
            if device.resource_name == name and self._interval_s:
                self._ask_soon(device)

    def _ask_soon(self, device: Device, age_max_s: float = 0.0) -> None:
        name, node = device.resource_name, device.node
        if name in self._asking or device.lane.stalled or node.state != "live" or node.controller_type not in _ASKED:
            return
        task = self._asking[name] = asyncio.create_task(self._ask(device, age_max_s))
        task.add_done_callback(lambda _: self._asking.pop(name, None))

    async def _ask(self, device: Device, age_max_s: float) -> None:
        seen = self._seen.setdefault(device.resource_name, _Seen())
        failing, seen.is_spent = "", False
        try:
            async with device.open() as session:
                for kind, ask in _QUESTIONS.items():
                    if kind not in seen.refused and not (seen.is_spent and age_max_s):
                        failing = await self._answered(kind, ask, session, seen, age_max_s) or failing
        except NvmedError as exc:
            failing = exc.reason
        except Exception:
            log.exception("bug", controller=device.name)
        if failing != seen.failing:
            seen.failing = failing
            if failing:
                log.warning("poll_failing", controller=device.name, reason=failing)
            else:
                log.info("poll_works", controller=device.name)

    async def _answered(self, kind: Kind, ask: _Question, session: Session, seen: _Seen, age_max_s: float) -> str:
        """Publish what a question brings to light; the reason why it got no answer, or ""."""
        try:
            detail = await ask(session, seen, age_max_s)
        except NvmedError as exc:
            if exc.nvme is not None and exc.nvme.do_not_retry:
                seen.refused.add(kind)
            return exc.reason
        if detail is not None:
            device = session.device
            self._events.publish(
                Event(kind, controller=device.resource_name, device_node=device.node.node, detail=detail)
            )
            if kind is Kind.TELEMETRY_AVAILABLE:
                self._raised(device)
        return ""


_SMART: Final = partial(get_log_page, LogPage.SMART_HEALTH_INFORMATION, rae=True, nsid=NSID_ALL)
_Question = Callable[[Session, _Seen, float], Awaitable[Any]]
"""Asks, and may take SMART data that are not older than so many seconds."""


async def _ask_warnings(session: Session, seen: _Seen, age_max_s: float) -> CriticalWarnings | None:
    async def read() -> SmartLog:
        seen.is_spent = True
        return await _read_smart(session)

    reading = await session.device.smart.within(age_max_s, read)
    now, before = reading.log.critical_warning, seen.critical_warning
    seen.critical_warning = now
    return CriticalWarnings(now, before) if now != before else None


async def _read_smart(session: Session) -> SmartLog:
    data = await read_bytes(session, _SMART, 0, SmartLog.SIZE)
    if not any(data):  # some controllers, while the event is retained: it says nothing about warnings
        raise malformed("The controller answers the SMART log with zeros")
    return SmartLog.parse(data)


async def _ask_telemetry(session: Session, seen: _Seen, _: float) -> TelemetryAvailable | None:
    areas = telemetry.supported_areas((await session.device.identify(session)).lpa)
    if not areas:
        return None
    header = await read_header(session, TelemetryLog.CONTROLLER_INITIATED, len(areas))
    before, seen.generation = seen.generation, header.generation if header.is_available else None
    if seen.generation is None or seen.generation == before:
        return None
    return TelemetryAvailable(header.generation, header.reason_identifier)


_QUESTIONS: Final[dict[Kind, _Question]] = {
    Kind.CRITICAL_WARNING_CHANGED: _ask_warnings,
    Kind.TELEMETRY_AVAILABLE: _ask_telemetry,
}
