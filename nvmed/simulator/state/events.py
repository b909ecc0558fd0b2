"""Asynchronous events: what a controller wants to tell, and when it may.

An event is the dword 0 of an Asynchronous Event Request's completion: type 2:0, information 15:8, log page 23:16.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from nvmed.nvme.features import AsyncEvent, AsyncEventConfiguration
from nvmed.nvme.opcodes import AsyncEventNotice, AsyncEventType, LogPage
from nvmed.simulator.lock import DeferringLock

Subscriber = Callable[[int], None]

SMART_RELIABILITY, SMART_TEMPERATURE, SMART_SPARE = 0, 1, 2
"""Information of a SMART / Health event (Base 2.0, figure 148)."""

SANITIZE_COMPLETED, SANITIZE_COMPLETED_UNEXPECTED_DEALLOCATE, SANITIZE_MEDIA_VERIFICATION = 1, 2, 3
"""Information of an I/O command specific event (Base 2.0, figure 151)."""


@dataclass(frozen=True, slots=True)
class Event:
    """One thing to tell. `enable_bits` are those of feature 0Bh of which one must be set, 0 if none is needed."""

    type: AsyncEventType
    information: int
    log_page: LogPage
    enable_bits: int = 0

    @property
    def dword(self) -> int:
        return AsyncEvent(self.type, self.information, self.log_page).build()


def _notice(information: AsyncEventNotice, log_page: LogPage, enable: AsyncEventConfiguration) -> Event:
    return Event(AsyncEventType.NOTICE, information, log_page, enable)


NAMESPACES_CHANGED = _notice(
    AsyncEventNotice.ATTACHED_NAMESPACE_ATTRIBUTE_CHANGED,
    LogPage.CHANGED_ATTACHED_NAMESPACE_LIST,
    AsyncEventConfiguration.ATTACHED_NAMESPACE_ATTRIBUTE_NOTICES,
)
FIRMWARE_ACTIVATION_STARTING = _notice(
    AsyncEventNotice.FIRMWARE_ACTIVATION_STARTING,
    LogPage.FIRMWARE_SLOT_INFORMATION,
    AsyncEventConfiguration.FIRMWARE_ACTIVATION_NOTICES,
)
TELEMETRY_CHANGED = _notice(
    AsyncEventNotice.TELEMETRY_LOG_CHANGED,
    LogPage.TELEMETRY_CONTROLLER_INITIATED,
    AsyncEventConfiguration.TELEMETRY_LOG_NOTICES,
)
ANA_CHANGED = _notice(
    AsyncEventNotice.ASYMMETRIC_NAMESPACE_ACCESS_CHANGE,
    LogPage.ASYMMETRIC_NAMESPACE_ACCESS,
    AsyncEventConfiguration.ASYMMETRIC_NAMESPACE_ACCESS_CHANGE_NOTICES,
)
LBA_STATUS_ALERT = _notice(
    AsyncEventNotice.LBA_STATUS_INFORMATION_ALERT,
    LogPage.LBA_STATUS_INFORMATION,
    AsyncEventConfiguration.LBA_STATUS_INFORMATION_NOTICES,
)
SANITIZED = Event(AsyncEventType.IO_COMMAND_SPECIFIC, SANITIZE_COMPLETED, LogPage.SANITIZE_STATUS)
SANITIZED_UNEXPECTEDLY = Event(
    AsyncEventType.IO_COMMAND_SPECIFIC, SANITIZE_COMPLETED_UNEXPECTED_DEALLOCATE, LogPage.SANITIZE_STATUS
)
SANITIZE_VERIFYING = Event(AsyncEventType.IO_COMMAND_SPECIFIC, SANITIZE_MEDIA_VERIFICATION, LogPage.SANITIZE_STATUS)

OPTIONAL_EVENTS = NAMESPACES_CHANGED, FIRMWARE_ACTIVATION_STARTING, TELEMETRY_CHANGED, ANA_CHANGED, LBA_STATUS_ALERT


class AsyncEvents:
    """The events of one controller: enabled by feature 0Bh, each told once until its log is read with RAE clear.

    An event that happens while nobody listens waits for the first subscriber; one that happens while it is masked is
    covered by the one that was told. Every method is called with the subsystem's lock held.
    """

    def __init__(self, lock: DeferringLock) -> None:
        self._lock = lock
        self._subscribers: dict[object, Subscriber] = {}
        self._masked: set[int] = set()
        self._waiting: list[int] = []
        self.enabled = 0

    def subscribe(self, subscriber: Subscriber) -> Callable[[], None]:
        """Tell `subscriber` of events, in the thread that causes them; call the result to end that."""
        key = object()
        self._subscribers[key] = subscriber
        waiting, self._waiting = self._waiting, []
        for dword in waiting:
            self._tell(dword)

        def unsubscribe() -> None:
            with self._lock:
                self._subscribers.pop(key, None)

        return unsubscribe

    def post(self, event: Event) -> None:
        """`event` happened."""
        if event.enable_bits and not event.enable_bits & self.enabled:
            return
        if event.dword in self._masked:
            return
        self._masked.add(event.dword)
        if self._subscribers:
            self._tell(event.dword)
        else:
            self._waiting.append(event.dword)

    def log_read(self, log_page: int) -> None:
        """The host read `log_page` with RAE clear: its events may be told again."""
        self._masked = {dword for dword in self._masked if dword >> 16 & 0xFF != log_page}
        self._waiting = [dword for dword in self._waiting if dword >> 16 & 0xFF != log_page]

    def reset(self) -> None:
        """Forget what was told and what waits; subscribers stay."""
        self._masked.clear()
        self._waiting.clear()
        self.enabled = 0

    def _tell(self, dword: int) -> None:
        for subscriber in tuple(self._subscribers.values()):
            self._lock.later(lambda subscriber=subscriber: subscriber(dword))  # type: ignore[misc]
