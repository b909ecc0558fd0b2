"""An NVM subsystem: what its controllers share."""

from __future__ import annotations

import time
from collections.abc import Callable

from nvmed.nvme.ana import AnaState
from nvmed.nvme.persistent_event import EventType
from nvmed.simulator.controller import Controller
from nvmed.simulator.events import DeferringLock
from nvmed.simulator.firmware import FirmwareStore
from nvmed.simulator.namespaces import Namespaces
from nvmed.simulator.persistent_events import power_on_or_reset
from nvmed.simulator.sanitize import Sanitizer
from nvmed.simulator.spec import DriveSpec


class Subsystem:
    """A drive: one or more controllers over the same namespaces, firmware slots and medium.

    `clock` gives seconds and only ever advances; self-test, format and sanitize take their time by it. `lock` is held
    while anything here or in a controller is read or changed; the methods below take it themselves.
    """

    def __init__(self, spec: DriveSpec | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self.spec = spec or DriveSpec()
        self.clock = clock
        self.lock = DeferringLock()
        self.nqn = self.spec.subsystem_nqn
        self.firmware = FirmwareStore(self.spec.firmware, self.spec.model)
        self.namespaces = Namespaces(self.spec, clock)
        self.sanitizer = Sanitizer(self)
        first = self.spec.first_controller_id
        self.controllers = {cntlid: Controller(self, cntlid) for cntlid in range(first, first + self.spec.controllers)}
        self.namespaces.create_initial(tuple(self.controllers))
        for controller in self.controllers.values():
            controller.record(EventType.SMART_HEALTH_SNAPSHOT, controller.health.smart_log().build())
            controller.record(EventType.POWER_ON_OR_RESET, power_on_or_reset(controller))

    @property
    def controller(self) -> Controller:
        """The first controller, for drives that have one."""
        return self.controllers[min(self.controllers)]

    def reset(self) -> None:
        """NVM subsystem reset: every controller is reset, and firmware that waits for this runs."""
        with self.lock:
            self.firmware.subsystem_reset()
            self._reset_controllers()

    def power_cycle(self) -> None:
        """A conventional reset with loss of power: as `reset`, for firmware that waits for this."""
        with self.lock:
            self.firmware.conventional_reset()
            for controller in self.controllers.values():
                controller.health.power_cycle()
            self._reset_controllers()

    def set_ana_state(self, group: int, state: AnaState, controller_id: int | None = None) -> None:
        """Change the state of an ANA group, seen from one controller or from all, and tell those concerned."""
        with self.lock:
            for controller in self.controllers.values():
                if controller_id in (None, controller.controller_id):
                    controller.set_ana_state(group, state)

    def _reset_controllers(self) -> None:
        for controller in self.controllers.values():
            controller.after_reset()


class ManualClock:
    """A clock that a test sets: `clock.advance(60)`."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += seconds
