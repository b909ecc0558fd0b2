"""What a subsystem and its controllers are: the state that commands read and change, and what happens to it.

Locking: the state of a subsystem with all of its controllers is under one lock, `SubsystemState.lock`, held while a
command is executed and never while anything waits. Subscribers are called after it is released, in the causing thread.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import Enum, unique
from typing import Generic, TypeVar

from nvmed.nvme.ana import AnaState
from nvmed.nvme.firmware import CommitAction
from nvmed.nvme.health import SanitizeState
from nvmed.nvme.ocp import FirmwareActivation
from nvmed.nvme.opcodes import FeatureId
from nvmed.nvme.persistent_event import EventType, PersistentEventLogHeader
from nvmed.nvme.sanitize import Action, Sanitize
from nvmed.nvme.status import Queue
from nvmed.nvme.telemetry import GENERATION_VERSION, TelemetryLog
from nvmed.simulator.lock import DeferringLock
from nvmed.simulator.refusal import Refused, Sc
from nvmed.simulator.spec import DriveSpec
from nvmed.simulator.state import ocp_telemetry
from nvmed.simulator.state.ana import AnaGroups
from nvmed.simulator.state.events import (
    ANA_CHANGED,
    LBA_STATUS_ALERT,
    NAMESPACES_CHANGED,
    OPTIONAL_EVENTS,
    SANITIZE_VERIFYING,
    SANITIZED,
    SANITIZED_UNEXPECTEDLY,
    TELEMETRY_CHANGED,
    AsyncEvents,
    Subscriber,
)
from nvmed.simulator.state.features import UNDER_THRESHOLD, Features, Timestamp
from nvmed.simulator.state.firmware import FirmwareStore
from nvmed.simulator.state.health import Health
from nvmed.simulator.state.latency_monitor import LatencyMonitor
from nvmed.simulator.state.logs import LogState
from nvmed.simulator.state.namespaces import Namespace, Namespaces
from nvmed.simulator.state.ocp import OcpState
from nvmed.simulator.state.persistent_events import SUPPORTED, PersistentEvents, power_on_or_reset
from nvmed.simulator.state.sanitize import Sanitizer
from nvmed.simulator.state.self_test import SelfTest
from nvmed.simulator.state.storage import Background, repeated, scrambled, zeros
from nvmed.simulator.state.telemetry import Telemetry
from nvmed.simulator.state.tper import Tper

Supported = Mapping[Queue, Mapping[int, int]]
"""The commands that a controller supports: by queue and opcode, the entry of the Commands Supported and Effects log."""


@unique
class Change(Enum):
    """What a controller's subscribers are told, apart from asynchronous events."""

    RESET = "reset"
    GONE = "gone"
    BACK = "back"


C_co = TypeVar("C_co", bound="ControllerState", covariant=True)


class SubsystemState(Generic[C_co]):
    """What the controllers of a drive share: namespaces, firmware slots, medium. The methods take the lock themselves.

    `clock` gives seconds and only ever advances; self-test, format and sanitize take their time by it.
    """

    controllers: Mapping[int, C_co]

    def __init__(self, spec: DriveSpec, clock: Callable[[], float]) -> None:
        self.spec = spec
        self.clock = clock
        self.lock = DeferringLock()
        self.nqn = spec.subsystem_nqn
        self.firmware = FirmwareStore(spec.firmware, spec.model)
        self.namespaces = Namespaces(spec, clock)
        self.ocp = OcpState()
        self.firmware.on_activation = self._activated
        self.sanitizer = Sanitizer(spec.sanitize_s, clock, self._erased, self._sanitized)
        self.tper = Tper(spec.tcg, self._reverted) if spec.tcg else None
        self._erasures = 0
        self.controllers = {}
        self._last_id = 0

    def reset(self) -> None:
        """NVM subsystem reset: every controller is reset, and firmware that waits for this runs."""
        with self.lock:
            self.firmware.subsystem_reset()
            self._reset_controllers()

    def power_cycle(self) -> None:
        """A conventional reset with loss of power: as `reset`, for firmware that waits for this."""
        with self.lock:
            self.power_lost()
            for controller in self.controllers.values():
                controller.health.power_cycle()
            self._reset_controllers()

    def power_lost(self) -> None:
        """What a loss of power does to what the controllers share. Called with the lock held."""
        self.firmware.conventional_reset()
        if self.tper is not None:
            self.tper.power_cycle()

    def set_ana_state(self, group: int, state: AnaState, controller_id: int | None = None) -> None:
        """Change the state of an ANA group, seen from one controller or from all, and tell those concerned."""
        with self.lock:
            for controller in self.controllers.values():
                if controller_id in (None, controller.controller_id):
                    controller.set_ana_state(group, state)

    def renumber(self, controller: ControllerState) -> None:
        """Give a controller an identifier that none had before; what is attached to it stays attached.

        So a target of the dynamic controller model does at each association (Base 2.1, section 2.1.3.1).
        """
        with self.lock:
            old, new = controller.controller_id, max(self._last_id, *self.controllers) + 1
            self._last_id = new
            self.controllers = {new if one is controller else number: one for number, one in self.controllers.items()}
            for namespace in self.namespaces:
                if old in namespace.controllers:
                    namespace.controllers.remove(old)
                    namespace.controllers.add(new)
            controller.controller_id = new

    def _reset_controllers(self) -> None:
        for controller in self.controllers.values():
            controller.after_reset()

    def _activated(self, previous: str, slot: int, action: CommitAction) -> None:
        """Firmware runs. Called with the lock held."""
        for controller in [*self.controllers.values()][:1]:
            self.ocp.activated(
                FirmwareActivation(
                    timestamp=controller.timestamp.value, power_cycles=controller.health.power_cycles,
                    previous_revision=previous[:8], new_revision=self.firmware.revision[:8], slot=slot,
                    commit_action=action,
                )
            )  # fmt: skip

    def _erased(self, how: Sanitize) -> None:
        """All user data are gone, and what is read instead is what `how` leaves. Called with the lock held."""
        self._erasures += 1
        for namespace in self.namespaces:
            namespace.erase(_left_by(how, f"{namespace.name}/{self._erasures}".encode()))

    def require_unlocked(self, queue: Queue) -> None:
        """Refuse what needs blocks of a drive that is locked. Called with the lock held."""
        if queue is Queue.IO and self.tper is not None and self.tper.locked:
            raise Refused(Sc.ACCESS_DENIED)

    def _reverted(self) -> None:
        """The keys that the media are encrypted with are others. Called with the lock held."""
        self._erased(Sanitize(Action.CRYPTO_ERASE, no_deallocate=True))

    def _sanitized(self, state: SanitizeState) -> None:
        """A sanitize operation ended, or shows its media. Called with the lock held."""
        event = {
            SanitizeState.IN_PROGRESS: SANITIZE_VERIFYING,
            SanitizeState.COMPLETED_UNEXPECTED_DEALLOCATE: SANITIZED_UNEXPECTEDLY,
        }.get(state, SANITIZED)
        for controller in self.controllers.values():
            controller.events.post(event)


def _left_by(how: Sanitize, seed: bytes) -> Background:
    """What reads find of blocks that were erased: zeros once they are deallocated."""
    if not how.no_deallocate:
        return zeros
    return {
        Action.OVERWRITE: repeated(how.pattern.to_bytes(4, "little")),
        Action.BLOCK_ERASE: repeated(b"\xff\xff\xff\xff"),
    }.get(how.action) or scrambled(seed)


class ControllerState:
    """A controller of `subsystem`, apart from the execution of commands. Every method may be called from any thread."""

    def __init__(self, subsystem: SubsystemState[ControllerState], controller_id: int, supported: Supported) -> None:
        spec, clock = subsystem.spec, subsystem.clock
        self.subsystem = subsystem
        self.controller_id = controller_id
        self.supported = supported
        self.lock = subsystem.lock
        self.events = AsyncEvents(self.lock)
        self.features = Features(spec)
        self.timestamp = Timestamp(clock)
        self.health = Health(spec, clock)
        self.telemetry = Telemetry(
            spec.telemetry,
            f"{spec.serial}/{controller_id}",
            spec.oui,
            has_generation=spec.nvme_version >= GENERATION_VERSION,
            beginning=self._telemetry_beginning if spec.telemetry.ocp else bytes,
        )
        self.self_test = SelfTest(spec, clock, lambda: self.health.power_on_hours)
        self.ana = AnaGroups(spec.ana_groups)
        self.persistent_events = PersistentEvents()
        self.log_state = LogState()
        self.latency_monitor = LatencyMonitor(clock, lambda: self.timestamp.value)
        self.present = True
        self._watchers: dict[object, Callable[[Change], None]] = {}

    # who it is

    @property
    def serial(self) -> str:
        return self.subsystem.spec.serial

    @property
    def model(self) -> str:
        return self.subsystem.spec.model

    @property
    def nqn(self) -> str:
        """The subsystem's NQN."""
        return self.subsystem.nqn

    @property
    def firmware_revision(self) -> str:
        """What Identify says now."""
        return self.subsystem.firmware.revision

    @property
    def extended_telemetry(self) -> bool:
        """Whether there is a data area 4 for the host: the drive has one, and the host said that it knows it."""
        return bool(self.subsystem.spec.log_attributes >> 6 & 1) and self.features.etdas

    @property
    def optional_events(self) -> int:
        """OAES: the bits of feature 0Bh that this controller knows, apart from SMART's."""
        return sum(event.enable_bits for event in OPTIONAL_EVENTS)

    # what happens to it

    def reset(self) -> None:
        """A controller level reset: firmware that waits for one runs afterwards, volatile state is gone."""
        with self.lock:
            self.subsystem.firmware.controller_reset()
            self.after_reset()

    def after_reset(self) -> None:
        """What any reset does to this controller, once its subsystem did its part. Called with the lock held."""
        self.record_power_on_or_reset()
        self.events.reset()
        self.features.reset()
        self.log_state.reset()
        self.self_test.reset()
        self._tell(Change.RESET)

    def capture_controller_telemetry(self, reason: bytes = b"") -> int:
        """The controller finds something worth telling: a new controller-initiated log, whose generation it returns."""
        with self.lock:
            generation = self.telemetry.capture(reason)
            self.events.post(TELEMETRY_CHANGED)
            self._record_telemetry(TelemetryLog.CONTROLLER_INITIATED)
        return generation

    def create_host_telemetry(self, area: int = 0) -> int:
        """A new host-initiated log up to `area` (0: all), as Get Log Page creates it; returns its generation."""
        with self.lock:
            generation = self.telemetry.create(area, extended=self.extended_telemetry)
            self._record_telemetry(TelemetryLog.HOST_INITIATED)
        return generation

    def _telemetry_beginning(self) -> bytes:
        timestamp = int.from_bytes(self.timestamp.data(), "little")
        return ocp_telemetry.beginning(
            self.health.smart_log(), self.health.ocp_log(), self.firmware_revision, timestamp
        )

    def _record_telemetry(self, log: TelemetryLog) -> None:
        self.record(EventType.TELEMETRY_LOG_CREATED, self.telemetry.header(log, self.extended_telemetry).build())

    def mark_unreadable(self, nsid: int, first: int, count: int) -> None:
        """The medium under `count` blocks from `first` on fails, and the drive knows: LBA status, and its event.

        `KeyError` if there is no such namespace.
        """
        with self.lock:
            namespace = self.subsystem.namespaces.get(nsid)
            if namespace is None:
                raise KeyError(nsid)
            namespace.bad_blocks.update(range(first, first + count))
            for controller_id in sorted(namespace.controllers):
                self.subsystem.controllers[controller_id].lba_status_changed()

    def lba_status_changed(self) -> None:
        """Log 0Eh has more to tell than before. Called with the lock held."""
        self.log_state.lba_status_generation = (self.log_state.lba_status_generation + 1) % (1 << 16)
        self.events.post(LBA_STATUS_ALERT)

    def set_ana_state(self, group: int, state: AnaState) -> None:
        """Change the state of an ANA group as seen from this controller. `KeyError` if there is no such group."""
        with self.lock:
            if self.ana.set(group, state):
                self.events.post(ANA_CHANGED)

    def set_critical_warning(self, warning: int) -> None:
        """Set the critical warning bits of the SMART log, with the events that feature 0Bh enables."""
        with self.lock:
            for event in self.health.warn(warning):
                self.events.post(event)

    def hold_warning(self, warning: int) -> None:
        """Set critical warning bits that stay until they are held no longer, with their events."""
        with self.lock:
            for event in self.health.hold_warning(warning):
                self.events.post(event)

    def set_temperature(self, kelvin: int | None) -> None:
        """Hold the composite temperature, None to let it go; crossing a threshold of feature 04h sets or clears its
        warning.
        """
        with self.lock:
            self.health.thermal.held_kelvin = kelvin
            self.compare_temperature()

    def compare_temperature(self) -> None:
        """Set or clear the warning of a temperature that has moved. Called with the lock held."""
        threshold = FeatureId.TEMPERATURE_THRESHOLD
        over = self.features.value(threshold)
        under = self.features.value(threshold, 0, UNDER_THRESHOLD)
        for event in self.health.compare_temperature(under, over):
            self.events.post(event)

    def disappear(self) -> None:
        """Surprise removal of this controller: every command fails with ENODEV until `reappear`."""
        with self.lock:
            if self.present:
                self.present = False
                self._tell(Change.GONE)

    def reappear(self) -> None:
        """The controller is back, freshly reset. If none of the subsystem was there, its power had been lost."""
        with self.lock:
            if self.present:
                return
            if any(controller.present for controller in self.subsystem.controllers.values()):
                self.subsystem.firmware.controller_reset()
            else:
                self.subsystem.power_lost()
                self.health.power_cycle()
            self.present = True
            self.after_reset()
            self._tell(Change.BACK)

    def feature_changed(self, feature_id: int) -> None:
        """Set Features set it: act on the new value."""
        if feature_id == FeatureId.ASYNCHRONOUS_EVENT_CONFIGURATION:
            self.events.enabled = self.features.value(feature_id)
        elif feature_id == FeatureId.TEMPERATURE_THRESHOLD:
            self.compare_temperature()

    def record(self, kind: EventType, data: bytes) -> None:
        """Note what happened in the persistent event log. Called with the lock held."""
        self.persistent_events.record(self.controller_id, self.timestamp.milliseconds, kind, data)

    def record_power_on_or_reset(self) -> None:
        """Note that the controller begins anew, with the firmware that runs. Called with the lock held."""
        data = power_on_or_reset(
            self.controller_id, self.health.power_cycles, self.timestamp.milliseconds, self.firmware_revision
        )
        self.record(EventType.POWER_ON_OR_RESET, data)

    def persistent_event_log(self) -> bytes:
        """The persistent event log as it is now. Called with the lock held."""
        spec = self.subsystem.spec
        header = PersistentEventLogHeader(
            lrev=3, timestamp=self.timestamp.milliseconds, power_on_hours=self.health.power_on_hours,
            power_cycle_count=self.health.power_cycles, vid=spec.vendor_id, ssvid=spec.vendor_id,
            sn=spec.serial, mn=spec.model, subnqn=self.nqn,
            supported_events=sum(1 << kind for kind in SUPPORTED).to_bytes(32, "little"),
        )  # fmt: skip
        return self.persistent_events.log(header)

    def namespaces_changed(self, namespace: Namespace) -> None:
        """A namespace changed for this controller: note it in log 04h, count it for its ANA group, and say so."""
        self.log_state.changed_namespaces.add(namespace.nsid)
        self.ana.changed(namespace.ana_group)
        self.events.post(NAMESPACES_CHANGED)

    # who is told

    def subscribe_async_events(self, callback: Subscriber) -> Callable[[], None]:
        """Call `callback` with the dword 0 of every asynchronous event; call what is returned to end that.

        Events are enabled by feature 0Bh and told once until their log page is read with RAE clear. Those that waited
        for a listener are told at once. `callback` runs in the thread that caused the event, with no lock held.
        """
        with self.lock:
            return self.events.subscribe(callback)

    def subscribe_changes(self, callback: Callable[[Change], None]) -> Callable[[], None]:
        """Call `callback` when the controller is reset, goes or comes back; call what is returned to end that."""
        key = object()
        with self.lock:
            self._watchers[key] = callback

        def unsubscribe() -> None:
            with self.lock:
                self._watchers.pop(key, None)

        return unsubscribe

    def _tell(self, change: Change) -> None:
        for watcher in tuple(self._watchers.values()):
            self.lock.later(lambda watcher=watcher: watcher(change))  # type: ignore[misc]
