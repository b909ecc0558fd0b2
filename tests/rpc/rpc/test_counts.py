"""What things may cost, counted and never timed: each count is the same on a machine that is slow.

A daemon on simulated drives does the thing, and `COUNTS` has how often what may happen meanwhile. Who makes it dearer
changes a number here, and says why; how long it takes is measured by `python -m bench`.
"""

from __future__ import annotations

import asyncio
import math
import os
import sqlite3
import time
import tracemalloc
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from nvmed.config import Events, Metrics
from nvmed.nvme import memory
from nvmed.operations import journal_file
from nvmed.rpc.wire import HEADROOM, chunk_message
from nvmed.simulator.spec import TelemetrySpec
from nvmed.v1 import telemetry_pb2 as pb
from nvmed.v1.common_pb2 import STREAM_DIGEST_NONE, STREAM_DIGEST_SHA256, StreamDigest
from tests.rpc import firmware_calls
from tests.rpc.harness import KIB, Daemon, StartDaemon, small_drive
from tests.rpc.operation_calls import wait

MIB = KIB * KIB
LOG_BYTES = 32 * MIB
INTERVAL_S = 1
DRIVES = 64
BESIDE = 2
"""Messages of a stream that are no chunks: header and trailer."""


@dataclass(frozen=True, slots=True)
class Count:
    """At most so many; `exactly` where there is no less either."""

    most: float
    exactly: bool = True

    def holds(self, counted: float) -> bool:
        return counted == self.most if self.exactly else counted <= self.most


COUNTS = {
    "commands for a MiB of telemetry, of 128 KiB each": Count(8),
    "commands of a stream beside": Count(6),
    "messages for a MiB of telemetry": Count(4),
    "wake-ups of the loop by threads, for a MiB of telemetry": Count(8, exactly=False),
    "buffers that a chunk after another is read into": Count(1),
    "bytes that become a message, for each of its chunk's": Count(1),
    "commands of a drive in an idle interval": Count(1, exactly=False),
    "turns of the loop for each of them": Count(4, exactly=False),
    "commits of the journal for a staged drive": Count(6),
    "syncs of the audit for a staged drive": Count(4, exactly=False),
}
"""What is counted, and how often it happens. A commit of the journal is a sync (`synchronous = FULL`);
events of the audit that come together share one, and threads that wake the loop may come together too."""


def judge(counted: dict[str, float]) -> None:
    """Fail unless each is as COUNTS has it."""
    wrong = {name: (found, COUNTS[name]) for name, found in counted.items() if not COUNTS[name].holds(found)}
    assert not wrong, wrong


async def read(daemon: Daemon, **fields: Any) -> int:
    """Read the whole log; how many messages came."""
    request = pb.StreamTelemetryRequest(
        controller="nvme0", source=pb.TELEMETRY_SOURCE_HOST, data_area=pb.TELEMETRY_DATA_AREA_4, **fields
    )
    return sum([1 async for _ in daemon.telemetry.StreamTelemetry(request)])


def counting(monkeypatch: pytest.MonkeyPatch, owner: Any, name: str) -> list[Any]:
    """The first argument of each call of a function, from now on."""
    calls: list[Any] = []
    real: Callable[..., Any] = getattr(owner, name)

    def counted(*given: Any, **named: Any) -> Any:
        calls.append(given[0] if given else None)
        return real(*given, **named)

    monkeypatch.setattr(owner, name, counted)
    return calls


@pytest.fixture
async def daemon(start_daemon: StartDaemon) -> Daemon:
    """With a drive whose log is long, and that has been asked for what is asked once."""
    telemetry = TelemetrySpec.of_sizes(0, 0, 512, LOG_BYTES - KIB)  # and the header of 512
    daemon = await start_daemon(small_drive(telemetry=telemetry, mdts=5, journal_limit=4096))
    await read(daemon)
    daemon.drive().journal.clear()
    return daemon


@pytest.mark.parametrize("digest", [STREAM_DIGEST_NONE, STREAM_DIGEST_SHA256])
async def test_a_stream(daemon: Daemon, monkeypatch: pytest.MonkeyPatch, digest: StreamDigest) -> None:
    wakes = counting(monkeypatch, asyncio.get_running_loop(), "call_soon_threadsafe")
    messages = await read(daemon, digest=digest)
    sizes = Counter(record.data_bytes for record in daemon.drive().journal.records)
    judge(
        {
            "commands for a MiB of telemetry, of 128 KiB each": sizes.pop(128 * KIB) * MIB / LOG_BYTES,
            "commands of a stream beside": sizes.total(),
            "messages for a MiB of telemetry": (messages - BESIDE) * MIB / LOG_BYTES,
            "wake-ups of the loop by threads, for a MiB of telemetry": len(wakes) * MIB / LOG_BYTES,
        }
    )


async def test_memory_of_a_stream(daemon: Daemon, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fresh pages cost five times what checking and copying what is in them does."""
    buffers = counting(monkeypatch, memory, "pages")
    await read(daemon, window=1)
    judge({"buffers that a chunk after another is read into": len([size for size in buffers if size > 256 * KIB])})


def test_copies_of_a_chunk() -> None:
    size = 256 * KIB
    buffer = bytearray(HEADROOM + size)
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        tracemalloc.reset_peak()
        chunk_message(2, buffer, size, size)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    judge({"bytes that become a message, for each of its chunk's": round((peak - before) / size, 2)})


async def test_an_idle_daemon(start_daemon: StartDaemon, monkeypatch: pytest.MonkeyPatch) -> None:
    daemon = await start_daemon(
        *(small_drive(f"IDLE{number}") for number in range(DRIVES)),
        events=Events(poll_interval_s=INTERVAL_S),
        metrics=Metrics(sample_interval_s=INTERVAL_S),
    )
    journals = [daemon.drive(f"nvme{number}").journal for number in range(DRIVES)]

    async def asked_by(intervals: int) -> int:
        looks = 0
        while min(len(journal.records) for journal in journals) < intervals:
            await asyncio.sleep(INTERVAL_S / 20)
            looks += 1
        return looks

    await asked_by(4)  # identified, named, and asked for all that there is
    for journal in journals:
        journal.clear()
    turns = counting(monkeypatch, asyncio.get_running_loop(), "_run_once")
    began = time.monotonic()
    looks = await asked_by(3)
    intervals = math.ceil((time.monotonic() - began) / INTERVAL_S)
    asked = [len(journal.records) for journal in journals]
    judge(
        {
            "commands of a drive in an idle interval": max(asked) / intervals,
            "turns of the loop for each of them": (len(turns) - looks) / sum(asked),
        }
    )


async def test_a_staged_drive(start_daemon: StartDaemon, monkeypatch: pytest.MonkeyPatch) -> None:
    statements: list[str] = []
    real = journal_file.open_for_writing

    def traced(*given: Any) -> sqlite3.Connection:
        connection = real(*given)
        connection.set_trace_callback(statements.append)
        return connection

    monkeypatch.setattr(journal_file, "open_for_writing", traced)
    daemon = await start_daemon(small_drive())
    image = await firmware_calls.put(daemon)
    statements.clear()
    syncs = [counting(monkeypatch, os, name) for name in ("fsync", "fdatasync")]
    await wait(daemon, await firmware_calls.stage(daemon, image=image))
    judge(
        {
            "commits of the journal for a staged drive": commits(statements),
            "syncs of the audit for a staged drive": sum(len(calls) for calls in syncs),
        }
    )


def commits(statements: list[str]) -> int:
    """Transactions among them: those that were begun, and what was written without."""
    found, is_open = 0, False
    for words in (statement.split() for statement in statements):
        is_open = words[0] == "BEGIN" or (is_open and words[0] != "COMMIT")
        found += words[0] in ("COMMIT", "INSERT", "UPDATE", "DELETE") and not is_open
    return found
