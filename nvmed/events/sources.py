"""Where events come from, made together and run together."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from nvmed.background import running
from nvmed.config import TlsListener
from nvmed.devices.controller import Device
from nvmed.devices.inventory import Inventory
from nvmed.events.certificate_expiry import CertificateExpiry
from nvmed.events.events import Events
from nvmed.events.health_poll import HealthPoll
from nvmed.events.host_watch import HostWatch
from nvmed.events.key_expiry import KeyExpiry
from nvmed.events.kinds import Event
from nvmed.events.operation_events import operation_events
from nvmed.events.surroundings_poll import Rules, SurroundingsPoll
from nvmed.keyring.keyring import Keyring
from nvmed.nvme.host import Host
from nvmed.operations.manager import Manager
from nvmed.operations.records import Record, State


@dataclass(frozen=True, slots=True)
class Watched:
    """What is looked at from time to time, and when it is told of.

    Keys and certificates are warned of so many seconds before their end. `listeners` are the TLS addresses.
    """

    rules: Rules
    key_warnings_s: Sequence[int]
    certificate_warnings_s: Sequence[int]
    listeners: Sequence[TlsListener]
    state_dir: Path
    raised: Callable[[Device], None] = lambda _: None
    """Told of each log that a controller raises by itself."""
    became_slow: Callable[[Device], None] = lambda _: None
    """Told of each drive that becomes slow."""


class EventSources:
    """The events of a daemon, and all that publishes them: the host, its controllers, operations, keys."""

    def __init__(
        self, host: Host, inventory: Inventory, operations: Manager, keyring: Keyring, watched: Watched
    ) -> None:
        self.events = Events()
        self._operations = operations
        interval_s = watched.rules.interval_s
        self._host = HostWatch(host, inventory, self.events, lambda event: self._poll.noticed(event))
        self._poll = HealthPoll(inventory, self.events, interval_s, self._host.look_again, watched.raised)
        self.keys = KeyExpiry(keyring, self.events, interval_s, watched.key_warnings_s)
        self.certificates = CertificateExpiry(
            watched.listeners, inventory.lane, self.events, interval_s, watched.certificate_warnings_s
        )
        self._surroundings = SurroundingsPoll(
            host, inventory, self.events, watched.state_dir, watched.rules, became_slow=watched.became_slow
        )

    def slow_by_name(self, devices: Iterable[Device]) -> Mapping[str, bool]:
        """Whether each controller is told as slow now, by its name."""
        slow = self._surroundings.slow
        return {device.name: device.resource_name in slow for device in devices}

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[None]:
        """Publish inside; watchers are sent away at the end."""
        polls = (self._poll.run, self.keys.run, self.certificates.run, self._surroundings.run)
        unsubscribe = self._operations.subscribe(self._operation_changed)
        try:
            async with self._host.serving(), running(*polls):
                yield
        finally:
            unsubscribe()

    def snapshot(self) -> Sequence[Event]:
        """What there is, as events without numbers: what those up to `events.last` add up to."""
        return tuple(self._host.view.events())

    def _operation_changed(self, record: Record) -> None:
        state, phase = record.state, record.phase
        progress = self._operations.progress(record.id)
        if state.is_open and progress is not None and progress.phase:
            state, phase = State.RUNNING, progress.phase
        for event in operation_events(record, state, phase, self._host.view):
            self.events.publish(event)
