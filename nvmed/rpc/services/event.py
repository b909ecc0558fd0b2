"""nvmed.v1.EventService."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from functools import lru_cache
from typing import Any, Final

from nvmed import limits
from nvmed.devices.inventory import CONTROLLERS, Inventory
from nvmed.events.events import Read, Topic, Watcher
from nvmed.events.kinds import STATE_KINDS, Event, Kind, OperationChanged
from nvmed.events.sources import EventSources
from nvmed.reasons import invalid_field
from nvmed.rpc.call import Call, current_call
from nvmed.rpc.convert import events as convert_events
from nvmed.rpc.convert.fitted import fitted
from nvmed.rpc.listing import decode_token, encode_token, parse_filter
from nvmed.security.policy import grant_of, may_see
from nvmed.v1 import event_pb2, event_pb2_grpc

READ: Final = "events.read"

ALSO: Final = {Kind.OPERATION_CHANGED: "operations.read", Kind.KEY_EXPIRING: "keys.list"}
"""What one must have over what an event is about, beside `events.read`, to see events of a kind."""

ENCODED_MAX: Final = 512
"""Events that are kept as wire bytes: thousands who watch are sent the same."""

VERDICTS_MAX: Final = 4096


class EventService(event_pb2_grpc.EventServiceServicer):
    """Sends events, to each caller those about what it may read."""

    def __init__(self, inventory: Inventory, sources: EventSources) -> None:
        self._inventory = inventory
        self._sources = sources
        self._events = sources.events
        self._encoded: Callable[[Event], bytes] = lru_cache(maxsize=ENCODED_MAX)(self._encode)

    async def WatchEvents(  # type: ignore[override]  # what is sent to many is bytes already
        self, request: event_pb2.WatchEventsRequest, context: Any
    ) -> AsyncIterator[event_pb2.WatchEventsResponse | bytes]:
        topic = Topic(_kinds(request.kinds), await self._controller(request.controller))
        view = View(current_call.get(), topic.controller)
        position = self._events.position(request.resume_token) if request.resume_token else self._events.last
        interval_s = (request.heartbeat_interval_ms or limits.HEARTBEAT_MS_MAX) / 1000
        with self._events.watch(view.shows, position or 0, topic) as watcher:
            gap = Read(0, ()) if position is None else None  # of unknown length
            snapshot = request.include_snapshot and (position is None or not request.resume_token)
            yield self._mark(watcher, gap, snapshot)
            shown = self._events.last if snapshot else 0
            for message in self._snapshot(view, watcher) if snapshot else ():
                yield message
            while True:
                read = await watcher.read(interval_s)
                if read.missing and request.include_snapshot:
                    yield self._mark(watcher, read, True)
                    shown = self._events.last
                    for message in self._snapshot(view, watcher):
                        yield message
                elif not read.events:
                    yield self._mark(watcher, read if read.missing else None, False)
                for event in read.events:
                    if event.sequence > shown or event.kind not in STATE_KINDS:
                        yield self._encoded(event)

    async def ListEvents(self, request: event_pb2.ListEventsRequest, context: Any) -> event_pb2.ListEventsResponse:
        view = View(current_call.get())
        tests = parse_filter(request.filter, event_pb2.Event)
        size = min(request.page_size or limits.PAGE_SIZE_DEFAULT, limits.PAGE_SIZE_MAX)
        position = self._after(decode_token(request.page_token, request.filter))
        found: list[event_pb2.Event] = []
        while batch := self._events.since(position).events:
            for event in batch:
                shown = convert_events.event(event, self._events.run)
                if view.shows(event) and all(test(shown) for test in tests):
                    if len(found) == size:
                        token = encode_token(f"{self._events.run}/{found[-1].sequence}", request.filter)
                        return event_pb2.ListEventsResponse(events=found, next_page_token=token)
                    found.append(shown)
            position = batch[-1].sequence
        return event_pb2.ListEventsResponse(events=found)

    def _after(self, token: str) -> int:
        """The number of the event that the page before ended with; raises INVALID_FIELD."""
        run, _, sequence = token.partition("/")
        if not token:
            return 0
        if run != self._events.run or not sequence.isdecimal() or int(sequence) > self._events.last:
            raise invalid_field("page_token", "is of another run of the daemon; start again without it")
        return int(sequence)

    async def _controller(self, name: str) -> str:
        """The resource name of what the request names, "" for all; it need not be there just now."""
        if not name or name.startswith(CONTROLLERS):
            return name
        return (await self._inventory.find(name, "controller")).device.resource_name

    def _snapshot(self, view: View, watcher: Watcher) -> Sequence[event_pb2.WatchEventsResponse]:
        """What there is, and the token of where the stream stands then, at its end."""
        events = [event for event in self._sources.snapshot() if view.shows(event)]
        end = event_pb2.WatchEventsResponse(
            snapshot_end=event_pb2.WatchEventsResponse.SnapshotEnd(), resume_token=self._events.token(watcher.position)
        )
        run = self._events.run
        return [*(event_pb2.WatchEventsResponse(event=convert_events.event(event, run)) for event in events), end]

    def _mark(self, watcher: Watcher, gap: Read | None, snapshot: bool) -> event_pb2.WatchEventsResponse:
        """That events are missing, or that the stream is alive. If a snapshot follows there is no token before its end:
        who breaks off within it gets it again."""
        token = "" if snapshot else self._events.token(watcher.position)
        if gap is None:
            alive = event_pb2.WatchEventsResponse.Heartbeat()
            return event_pb2.WatchEventsResponse(heartbeat=alive, resume_token=token)
        dropped = fitted(event_pb2.WatchEventsResponse.Dropped, count=gap.missing)
        return event_pb2.WatchEventsResponse(dropped=dropped, resume_token=token)

    def _encode(self, event: Event) -> bytes:
        return event_pb2.WatchEventsResponse(
            event=convert_events.event(event, self._events.run), resume_token=self._events.token(event.sequence)
        ).SerializeToString()


def _kinds(numbers: Iterable[int]) -> frozenset[Kind]:
    return frozenset(Kind(event_pb2.EventKind.Name(number).removeprefix("EVENT_KIND_")) for number in numbers)


class View:
    """What one call shows: what its caller may read, as the policy is now, of all or of one controller."""

    def __init__(self, call: Call, controller: str = "") -> None:
        self._call = call
        self._principal = call.principal
        self._controller = controller
        self._verdicts: dict[tuple[str, str], bool] = {}

    def shows(self, event: Event) -> bool:
        """Whether an event may be sent."""
        if self._controller and not event.is_about(self._controller):
            return False
        if isinstance(detail := event.detail, OperationChanged):
            principal = self._call.principal
            return all(
                may_see(principal, permission, detail.principal, detail.subjects) for permission in _needed(event)
            )
        if self._call.principal is not self._principal or len(self._verdicts) > VERDICTS_MAX:
            self._principal = self._call.principal  # another policy is in force
            self._verdicts.clear()
        about = event.kind.value, event.subject
        verdict = self._verdicts.get(about)
        if verdict is None:
            verdict = all(grant_of(self._principal, permission, event.subject) for permission in _needed(event))
            self._verdicts[about] = verdict
        return verdict


def _needed(event: Event) -> tuple[str, ...]:
    """The permissions without which an event is not seen."""
    also = ALSO.get(event.kind)
    return (READ,) if also is None else (READ, also)
