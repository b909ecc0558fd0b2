"""One NVMe controller in software: the state machine that everything else in this package is a topic of.

`Controller.admin` and `Controller.io` are those of `nvmed.nvme.transport.Transport`: they block for the drive's
latency, suffer its faults and are journalled. `Controller.execute` is the bare state machine: it never blocks, never
raises, and leaves no trace; the simulated host's kernel and an NVMe/TCP target use it for what a kernel does by itself.

Locking: the state of a subsystem with all of its controllers is under one lock, `Subsystem.lock`, held while a command
is executed and never while anything waits. Subscribers are called after it is released, in the causing thread.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum, unique
from typing import TYPE_CHECKING

from nvmed.nvme.ana import AnaState
from nvmed.nvme.opcodes import AdminOpcode, FeatureId, IoOpcode
from nvmed.nvme.persistent_event import EventType
from nvmed.nvme.status import Queue
from nvmed.nvme.telemetry import TelemetryLog
from nvmed.nvme.transport import Command, Completion
from nvmed.simulator import features, firmware, identify, lba_status, logs, namespaces, nvm, sanitize, self_test
from nvmed.simulator.ana import AnaGroups
from nvmed.simulator.events import (
    ANA_CHANGED,
    LBA_STATUS_ALERT,
    NAMESPACES_CHANGED,
    OPTIONAL_EVENTS,
    TELEMETRY_CHANGED,
    AsyncEvents,
    Subscriber,
)
from nvmed.simulator.faults import Faults, Journal, Record, os_error, take_time
from nvmed.simulator.health import Health
from nvmed.simulator.persistent_events import PersistentEvents, power_on_or_reset
from nvmed.simulator.refusal import Refused, Sc
from nvmed.simulator.request import Request
from nvmed.simulator.telemetry import Telemetry

if TYPE_CHECKING:
    from nvmed.simulator.namespaces import Namespace
    from nvmed.simulator.subsystem import Subsystem

Handler = Callable[["Controller", Request], int]
"""Executes a command and gives its dwords 0 and 1, or raises `Refused`. Called with the subsystem's lock held."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A command that controllers may support: who executes it, and which bits of OACS it needs.

    `effects` is its entry of the Commands Supported and Effects log, `media` whether it needs the drive's media, which
    a running or failed sanitize operation takes away.
    """

    handler: Handler
    capability: int = 0
    effects: int = 0
    media: bool = False


CSUPP, LBCC, NCC, NIC, CCC = 1 << 0, 1 << 1, 1 << 2, 1 << 3, 1 << 4
"""Effects: supported; changes logical block content, namespace capabilities, namespace inventory, controller's."""

SUBMISSION_ALONE = 2 << 16
"""CSE: no other command to any namespace may be outstanding."""


def _keep_alive(controller: Controller, request: Request) -> int:
    return 0


def _abort(controller: Controller, request: Request) -> int:
    """Best effort, says the specification: dword 0 bit 0 set, the command was not aborted."""
    return 1


def _asynchronous_event_request(controller: Controller, request: Request) -> int:
    """The host's own business: a kernel and the NVMe/TCP target subscribe, so no slot is left for anyone else."""
    raise Refused(Sc.ASYNC_EVENT_LIMIT)


ADMIN_COMMANDS: Mapping[int, Entry] = {
    AdminOpcode.GET_LOG_PAGE: Entry(logs.get_log_page),
    AdminOpcode.IDENTIFY: Entry(identify.identify),
    AdminOpcode.ABORT: Entry(_abort),
    AdminOpcode.SET_FEATURES: Entry(features.set_features, effects=CCC),
    AdminOpcode.GET_FEATURES: Entry(features.get_features),
    AdminOpcode.ASYNCHRONOUS_EVENT_REQUEST: Entry(_asynchronous_event_request),
    AdminOpcode.NAMESPACE_MANAGEMENT: Entry(namespaces.manage, 1 << 3, NIC, media=True),
    AdminOpcode.FIRMWARE_COMMIT: Entry(firmware.commit, 1 << 2, CCC | SUBMISSION_ALONE, media=True),
    AdminOpcode.FIRMWARE_IMAGE_DOWNLOAD: Entry(firmware.download, 1 << 2, media=True),
    AdminOpcode.DEVICE_SELF_TEST: Entry(self_test.device_self_test, 1 << 4, media=True),
    AdminOpcode.NAMESPACE_ATTACHMENT: Entry(namespaces.attach_or_detach, 1 << 3, NIC),
    AdminOpcode.KEEP_ALIVE: Entry(_keep_alive),
    AdminOpcode.FORMAT_NVM: Entry(namespaces.format_nvm, 1 << 1, LBCC | NCC | SUBMISSION_ALONE, media=True),
    AdminOpcode.SANITIZE: Entry(sanitize.sanitize, 0, LBCC | SUBMISSION_ALONE),
    AdminOpcode.GET_LBA_STATUS: Entry(lba_status.get_lba_status, 1 << 9, media=True),
}
"""By opcode; any other is refused with Invalid Opcode."""

IO_COMMANDS: Mapping[int, Entry] = {
    IoOpcode.FLUSH: Entry(nvm.flush),
    IoOpcode.WRITE: Entry(nvm.write, effects=LBCC),
    IoOpcode.READ: Entry(nvm.read),
    IoOpcode.WRITE_UNCORRECTABLE: Entry(nvm.write_uncorrectable, effects=LBCC),
    IoOpcode.COMPARE: Entry(nvm.compare),
    IoOpcode.WRITE_ZEROES: Entry(nvm.write_zeroes, effects=LBCC),
    IoOpcode.DATASET_MANAGEMENT: Entry(nvm.dataset_management, effects=LBCC),
}
"""The NVM command set, by opcode. All of them need the media."""


@unique
class Change(Enum):
    """What a controller's subscribers are told, apart from asynchronous events."""

    RESET = "reset"
    GONE = "gone"
    BACK = "back"


class Controller:
    """A controller of `subsystem`. Made by it; every attribute may be used from any thread."""

    def __init__(self, subsystem: Subsystem, controller_id: int) -> None:
        spec = subsystem.spec
        self.subsystem = subsystem
        self.controller_id = controller_id
        self.lock = subsystem.lock
        self.latency_ms = spec.latency_ms
        self.faults = Faults()
        self.journal = Journal(spec.journal_limit)
        self.events = AsyncEvents(self.lock)
        self.features = features.Features()
        self.timestamp = features.Timestamp(subsystem.clock)
        self.telemetry = Telemetry(spec.telemetry, f"{spec.serial}/{controller_id}", spec.oui)
        self.health = Health(spec, subsystem.clock)
        self.self_test = self_test.SelfTest(spec, subsystem.clock, lambda: self.health.power_on_hours)
        self.ana = AnaGroups(spec.ana_groups)
        self.persistent_events = PersistentEvents()
        self.log_state = logs.LogState()
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

    # commands

    def admin(
        self,
        command: Command,
        data: bytearray | memoryview | None = None,
        metadata: bytearray | None = None,
    ) -> Completion:
        """Submit to the admin queue, as `Transport.admin`."""
        return self._submit(Queue.ADMIN, command, data, metadata)

    def io(
        self,
        command: Command,
        data: bytearray | memoryview | None = None,
        metadata: bytearray | None = None,
    ) -> Completion:
        """Submit to an I/O queue, as `Transport.io`."""
        return self._submit(Queue.IO, command, data, metadata)

    def execute(
        self,
        queue: Queue,
        command: Command,
        data: bytearray | memoryview | None = None,
        metadata: bytearray | None = None,
    ) -> Completion:
        """The state machine alone: at once, without latency, faults or journal. Never raises, never blocks."""
        request = Request(command, memoryview(b"" if data is None else data), memoryview(metadata or b""))
        with self.lock:
            try:
                return Completion(0, self._handle(queue, request))
            except Refused as refusal:
                self.health.command_failed(queue, command, refusal.status)
                return Completion(refusal.status, refusal.result)

    @property
    def blocks(self) -> bool:
        """Whether `admin` or `io` may take time now: for a caller that must not wait, and would use a thread then."""
        return bool(self.latency_ms or len(self.faults))

    def _submit(
        self, queue: Queue, command: Command, data: bytearray | memoryview | None, metadata: bytearray | None
    ) -> Completion:
        answer: Completion | None = None
        try:
            actions = self.faults.strike(queue, command)
            if self.latency_ms:
                take_time(self.latency_ms, command)
            completion = None
            for action in actions:
                completion = action.before(self, command, data) or completion
            if not self.present:
                raise os_error(errno.ENODEV)
            if completion is None:
                completion = self.execute(queue, command, data, metadata)
            for action in actions:
                action.after(self, command, data)
            answer = completion
        finally:
            self.journal.append(Record(queue, command, 0 if data is None else len(data), answer))
        return answer

    def _handle(self, queue: Queue, request: Request) -> int:
        opcode = request.command.opcode
        entry = (ADMIN_COMMANDS if queue is Queue.ADMIN else IO_COMMANDS).get(opcode)
        if entry is None or not self.supports(queue, opcode):
            raise Refused(Sc.INVALID_OPCODE)
        limit = self.subsystem.spec.maximum_transfer_bytes
        if limit is not None and len(request.data) > limit:
            raise Refused(Sc.INVALID_FIELD)
        if entry.media or queue is Queue.IO:
            self.subsystem.sanitizer.check()
        return entry.handler(self, request)

    def supports(self, queue: Queue, opcode: int) -> bool:
        """Whether the controller has the command at all."""
        spec = self.subsystem.spec
        if queue is Queue.IO:
            return opcode in IO_COMMANDS
        if opcode == AdminOpcode.SANITIZE:
            return bool(spec.sanitize_capabilities & 7)
        entry = ADMIN_COMMANDS.get(opcode)
        return entry is not None and entry.capability & spec.optional_admin_commands == entry.capability

    def effects(self) -> tuple[dict[int, int], dict[int, int]]:
        """The Commands Supported and Effects of admin and of I/O commands."""
        admin = {
            opcode: CSUPP | entry.effects
            for opcode, entry in ADMIN_COMMANDS.items()
            if self.supports(Queue.ADMIN, opcode)
        }
        return admin, {opcode: CSUPP | entry.effects for opcode, entry in IO_COMMANDS.items()}

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
        self.record(EventType.POWER_ON_OR_RESET, power_on_or_reset(self))
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

    def set_temperature(self, kelvin: int) -> None:
        """Set the composite temperature; crossing a threshold of feature 04h sets or clears its warning."""
        with self.lock:
            self.health.temperature_kelvin = kelvin
            self._compare_temperature()

    def _compare_temperature(self) -> None:
        threshold = FeatureId.TEMPERATURE_THRESHOLD
        over = self.features.value(threshold)
        under = self.features.value(threshold, 0, features.UNDER_THRESHOLD)
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
                self.subsystem.firmware.conventional_reset()
                self.health.power_cycle()
            self.present = True
            self.after_reset()
            self._tell(Change.BACK)

    def feature_changed(self, feature_id: int) -> None:
        """Set Features set it: act on the new value."""
        if feature_id == FeatureId.ASYNCHRONOUS_EVENT_CONFIGURATION:
            self.events.enabled = self.features.value(feature_id)
        elif feature_id == FeatureId.TEMPERATURE_THRESHOLD:
            self._compare_temperature()

    def record(self, kind: EventType, data: bytes) -> None:
        """Note what happened in the persistent event log. Called with the lock held."""
        self.persistent_events.record(self, kind, data)

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
