"""Writes what happens to the drives of a host into a file, a JSON object a line, and goes on where it ended.

python log_events.py events.jsonl

Connects to NVMED_ADDRESS, with NVMED_CA, NVMED_CERT and NVMED_KEY for TLS; Ctrl-C ends it. The token of the last line
is kept beside the file, so that no event is missed when daemon or program start anew; who is killed between the two may
write one twice: `sequence` tells.
"""

from __future__ import annotations

import asyncio
import json
import sys
from contextlib import suppress
from pathlib import Path

from google.protobuf.json_format import MessageToDict
from nvmedctl import Client, RetryPolicy

from nvmed.errors import NvmedError
from nvmed.v1.event_pb2 import WatchEventsRequest, WatchEventsResponse

PATIENT = RetryPolicy(attempts=1_000_000, max_delay=60)
"""A log waits for its host however long that takes to come back."""


def line(message: WatchEventsResponse) -> dict[str, object] | None:
    """What is written of a message; None for what says only that the connection lives."""
    match message.WhichOneof("part"):
        case "event":
            return dict(MessageToDict(message.event, preserving_proto_field_name=True))
        case "dropped":  # this program was too slow, or away for too long: what it knew may be wrong
            return {"dropped": message.dropped.count}
    return None


async def follow(client: Client, path: Path) -> None:
    token = path.with_suffix(".token")
    request = WatchEventsRequest(resume_token=token.read_text() if token.exists() else "")
    with path.open("a") as file:
        async for message in client.watch_events(request, retry=PATIENT):
            if (found := line(message)) is not None:
                file.write(json.dumps(found) + "\n")
                file.flush()
            if message.resume_token:
                token.write_text(message.resume_token)


async def main() -> None:
    async with Client() as client:
        await follow(client, Path(sys.argv[1]))


if __name__ == "__main__":
    try:
        with suppress(KeyboardInterrupt):
            asyncio.run(main())
    except NvmedError as failure:
        sys.exit(f"error: {failure} ({failure.reason})")
