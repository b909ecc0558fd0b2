"""Pages of a journal with many operations against one with few: `measure` is called by `python -m bench`.

What others wait for meanwhile is measured as well: a page must not hold the event loop.
"""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import Iterator
from contextlib import AsyncExitStack, closing
from pathlib import Path
from time import perf_counter
from typing import Any

import grpc
from google.longrunning import operations_pb2 as longrunning

from bench.figures import Figure
from nvmed.config import Config, Events, HostConfig, Limits, Listen, UnixListener
from nvmed.daemon import serving
from nvmed.operations import journal_file
from nvmed.operations.journal import Journal
from nvmed.operations.records import now_ms
from nvmed.simulator.host import default_host
from nvmed.v1 import firmware_pb2

FEW, MANY = 100, 100_000
DRIVES = 500
"""So that each has fewer operations than are remembered of one."""

STAGE = "nvmed.v1.FirmwareService/StageFirmware"
HISTORY = "/nvmed.v1.FirmwareService/ListFirmwareHistory"
OPERATIONS = "/google.longrunning.Operations/ListOperations"
INFO = "/nvmed.v1.AdminService/GetServerInfo"

CASES: dict[str, tuple[str, Any]] = {
    "ListFirmwareHistory, a page of 50": (
        HISTORY, firmware_pb2.ListFirmwareHistoryRequest(parent="controllers/-", page_size=50)
    ),
    "ListFirmwareHistory, of one drive": (
        HISTORY, firmware_pb2.ListFirmwareHistoryRequest(parent="controllers/d0-1", page_size=1)
    ),
    "ListOperations, a page of 50": (OPERATIONS, longrunning.ListOperationsRequest(page_size=50)),
    "ListOperations, a filter that nothing fits": (
        OPERATIONS, longrunning.ListOperationsRequest(filter='principal = "nobody"')
    ),
    "ListOperations, a filter that SQLite cannot judge": (
        OPERATIONS, longrunning.ListOperationsRequest(filter='phase = "none"')
    ),
}  # fmt: skip


def fill(state: Path, count: int) -> None:
    """A journal of `count` stagings."""
    state.mkdir(mode=0o700)
    path, now = state / journal_file.NAME, now_ms()
    Journal(path, {STAGE}).close()
    drive = {
        "controller": "controllers/d0-1",
        "outcome": "FIRMWARE_OUTCOME_STAGED",
        "slot": 2,
        "slot_revision": "2.0.0",
    }
    result = json.dumps({"drives": [drive]})
    rows = (
        (f"{number:032x}", STAGE, f"controllers/d{number % DRIVES}-1", "unix:bench", "", b"", "{}", "SUCCEEDED",
         "commit", now - number, now - number, result, None, "", "[]", 1, "")
        for number in range(count)
    )  # fmt: skip
    with closing(sqlite3.connect(path)) as db, db:
        db.executemany(f"INSERT INTO operations VALUES ({', '.join('?' * 17)})", rows)  # noqa: S608


async def ask(channel: grpc.aio.Channel, method: str, request: Any = b"") -> float:
    """How long a call takes."""
    body = request if isinstance(request, bytes) else request.SerializeToString()
    began = perf_counter()
    call: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(method)
    await call(body)
    return perf_counter() - began


async def longest_wait(channel: grpc.aio.Channel, other: grpc.aio.Channel, method: str, request: Any) -> float:
    """The longest that a small call takes while eight pages are asked for at once."""
    pages = asyncio.gather(*(ask(channel, method, request) for _ in range(8)))
    longest = await ask(other, INFO)
    while not pages.done():
        longest = max(longest, await ask(other, INFO))
    await pages
    return longest


async def compare(scratch: Path, rounds: int) -> list[Figure]:
    """Two daemons, one on each journal, asked in turns."""
    async with AsyncExitStack() as stack:
        channels, started = [], list[float]()
        for count in (FEW, MANY):
            fill(scratch / f"rows{count}", count)
            socket = UnixListener(path=str(scratch / f"{count}.sock"), principal="bench", roles=("admin",))
            config = Config(
                state_dir=str(scratch / f"rows{count}"),
                host=HostConfig(simulate=1),
                listen=Listen(unix=(socket,)),
                events=Events(poll_interval_s=0),
                limits=Limits(calls_per_second=1_000_000, calls_burst=1_000_000),
            )
            began = perf_counter()
            (address,) = await stack.enter_async_context(serving(default_host(1), config))
            started.append((perf_counter() - began) * 1000)
            channels.append(await stack.enter_async_context(grpc.aio.insecure_channel(address)))
        few, many = channels
        short, long = f"of {FEW} operations", f"a journal of {MANY:,} operations"
        found = [Figure("history-start", f"start with {long}", "ms", (started[1],), short, (started[0],))]
        for number, (name, (method, request)) in enumerate(CASES.items()):
            taken = [(await ask(few, method, request), await ask(many, method, request)) for _ in range(rounds)][1:]
            small, large = (tuple(took * 1000 for took in side) for side in zip(*taken, strict=True))
            found.append(Figure(f"history-{number}", f"{name}, {long}", "ms", large, short, small))
            waits = tuple([await longest_wait(many, few, method, request) * 1000 for _ in range(3)])
            found.append(Figure(f"history-{number}-wait", f"a small call beside eight of {name}", "ms at most", waits))
        return found


def measure(scratch: Path, rounds: int = 25) -> Iterator[Figure]:
    """Every page."""
    yield from asyncio.run(compare(scratch, rounds))
