"""Events as they happen, across disconnections and restarts of the daemon.

async for message in client.watch_events(WatchEventsRequest(include_snapshot=True)):
    match message.WhichOneof("part"):
        case "event": ...          # apply it
        case "dropped": ...        # what was known may be wrong; a snapshot follows if it was asked for
        case "snapshot_end": ...   # now everything is known
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import TYPE_CHECKING

from nvmed.errors import NvmedError
from nvmed.v1.event_pb2 import WatchEventsRequest, WatchEventsResponse
from nvmedctl.retry import DEFAULT_RETRY, RetryPolicy, is_transient

if TYPE_CHECKING:
    from nvmed.v1.event_pb2_grpc import EventServiceAsyncStub


async def watch_events(
    stub: EventServiceAsyncStub, request: WatchEventsRequest, *, retry: RetryPolicy = DEFAULT_RETRY
) -> AsyncGenerator[WatchEventsResponse, None]:
    """Every message of the stream that `request` asks for, for as long as the daemon sends.

    A stream that breaks with a transient error (`is_transient`) goes on from the last token, so that no event is missed
    or seen twice; a snapshot that is cut is sent again from its beginning. Raises what the `retry.attempts`-th attempt
    in a row raised that brought no message, and any other error at once.
    """
    following = WatchEventsRequest()
    following.CopyFrom(request)
    failures = 0
    while True:
        call = stub.WatchEvents(following)
        try:
            async for message in call:
                failures = 0
                following.resume_token = message.resume_token or following.resume_token
                yield message
            return
        except NvmedError as failure:
            failures += 1
            if not is_transient(failure) or failures >= retry.attempts:
                raise
            await asyncio.sleep(retry.delay(failures, failure))
        finally:
            call.cancel()
