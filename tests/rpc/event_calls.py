"""What tests of events use: a stream of them, and what it says next."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from nvmed.v1 import event_pb2 as pb
from nvmed.v1.event_pb2_grpc import EventServiceStub
from tests.rpc.harness import Daemon

if TYPE_CHECKING:
    from nvmed.v1.event_pb2_grpc import EventServiceAsyncStub


def stub(daemon: Daemon) -> EventServiceAsyncStub:
    return EventServiceStub(daemon.channel)


class Watch:
    """A stream of events. `token` is the last that was received."""

    def __init__(self, call: Any) -> None:
        self._call = call
        self.token = ""

    async def message(self) -> pb.WatchEventsResponse:
        """The next message, whatever it is."""
        message: pb.WatchEventsResponse = await self._call.read()
        assert isinstance(message, pb.WatchEventsResponse), "the stream has ended"
        self.token = message.resume_token or self.token
        return message

    async def event(self, *kinds: str) -> pb.Event:
        """The next event, heartbeats passed over; of one of `kinds`, if any are given."""
        while True:
            message = await self.message()
            part = message.WhichOneof("part")
            assert part in ("event", "heartbeat"), part
            if part == "event" and (not kinds or kind(message.event) in kinds):
                return message.event

    async def events(self, count: int) -> list[pb.Event]:
        return [await self.event() for _ in range(count)]

    async def snapshot(self) -> list[pb.Event]:
        """Everything up to the end of the snapshot; nothing in it has a token."""
        found = []
        while (message := await self.message()).WhichOneof("part") == "event":
            assert not message.resume_token
            found.append(message.event)
        assert message.WhichOneof("part") == "snapshot_end"
        return found


@asynccontextmanager
async def watching(daemon: Daemon, **fields: Any) -> AsyncIterator[Watch]:
    """A stream that has begun: it tells of all that happens from here on."""
    call = stub(daemon).WatchEvents(pb.WatchEventsRequest(**fields))
    watch = Watch(call)
    try:
        first = await watch.message()
        assert first.WhichOneof("part") == "heartbeat"
        yield watch
    finally:
        call.cancel()


@asynccontextmanager
async def resumed(daemon: Daemon, **fields: Any) -> AsyncIterator[Watch]:
    """A stream of which nothing was read yet."""
    call = stub(daemon).WatchEvents(pb.WatchEventsRequest(**fields))
    try:
        yield Watch(call)
    finally:
        call.cancel()


def kind(event: pb.Event) -> str:
    """The kind of an event without its prefix."""
    return pb.EventKind.Name(event.kind).removeprefix("EVENT_KIND_")


async def listed(daemon: Daemon, text: str = "") -> list[pb.Event]:
    """Every event that the daemon remembers and the filter lets through."""
    found = await stub(daemon).ListEvents(pb.ListEventsRequest(page_size=500, filter=text))
    assert not found.next_page_token
    return list(found.events)
