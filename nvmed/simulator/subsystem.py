"""An NVM subsystem in software: a drive with its controllers, powered on."""

from __future__ import annotations

import time
from collections.abc import Callable

from nvmed.nvme.persistent_event import EventType
from nvmed.simulator.controller import Controller
from nvmed.simulator.spec import DriveSpec
from nvmed.simulator.state.drive import SubsystemState


class Subsystem(SubsystemState[Controller]):
    """A drive as `spec` describes it: one or more controllers over the same namespaces, firmware slots and medium."""

    controllers: dict[int, Controller]

    def __init__(self, spec: DriveSpec | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(spec or DriveSpec(), clock)
        first = self.spec.first_controller_id
        self.controllers = {
            cntlid: self.make_controller(cntlid) for cntlid in range(first, first + self.spec.controllers)
        }
        self.namespaces.create_initial(tuple(self.controllers))
        for controller in self.controllers.values():
            controller.record(EventType.SMART_HEALTH_SNAPSHOT, controller.health.smart_log().build())
            controller.record_power_on_or_reset()

    def make_controller(self, controller_id: int) -> Controller:
        """One of its controllers."""
        return Controller(self, controller_id)

    @property
    def controller(self) -> Controller:
        """The first controller, for drives that have one."""
        return next(iter(self.controllers.values()))


class ManualClock:
    """A clock that a test sets: `clock.advance(60)`."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += seconds
