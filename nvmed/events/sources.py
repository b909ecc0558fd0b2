"""Where events come from, made together and run together."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from nvmed.devices.inventory import CONTROLLERS, SUBSYSTEMS, Inventory
from nvmed.events.events import Events
from nvmed.events.health_poll import HealthPoll
from nvmed.events.host_watch import HostWatch
from nvmed.events.key_expiry import KeyExpiry
from nvmed.events.kinds import Event, Kind, OperationChanged
from nvmed.keyring.keyring import Keyring
from nvmed.nvme.host import Host
from nvmed.operations.background import running
from nvmed.operations.manager import Manager
from nvmed.operations.records import Record, State


class EventSources:
    """The events of a daemon, and all that publishes them: the host, its controllers, operations, keys.

    `poll_interval_s` is how often controllers and keys are asked, 0 for never; `key_warnings_s` how long before its
    end a key is warned of.
    """

    def __init__(
        self,
        host: Host,
        inventory: Inventory,
        operations: Manager,
        keyring: Keyring,
        *,
        poll_interval_s: float,
        key_warnings_s: Sequence[int],
    ) -> None:
        self.events = Events()
        self._operations = operations
        self._host = HostWatch(host, inventory, self.events, lambda event: self._poll.noticed(event))
        self._poll = HealthPoll(inventory, self.events, poll_interval_s, self._host.look_again)
        self._keys = KeyExpiry(keyring, self.events, poll_interval_s, key_warnings_s)

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[None]:
        """Publish inside; watchers are sent away at the end."""
        unsubscribe = self._operations.subscribe(self._operation_changed)
        try:
            async with self._host.serving(), running(self._poll.run, self._keys.run):
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
        target = record.target
        controller = self._host.view.controllers.get(target)
        self.events.publish(
            Event(
                Kind.OPERATION_CHANGED,
                controller=target if target.startswith(CONTROLLERS) else "",
                device_node=controller.node.node if controller else "",
                namespace=target if target.startswith(SUBSYSTEMS) and "/namespaces/" in target else "",
                operation=f"operations/{record.id}",
                detail=OperationChanged(record.kind, target, state, phase, record.principal, record.subjects),
            )
        )
