"""Requests of every method, by the hundred thousand, at a real daemon beside who works: `make soak REQUESTS= SEED=`.

What it looks at afterwards: that no request was answered by an error that is nvmed's own fault, that the one who works
was served, and that memory, descriptors and threads are what they were.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import cycle
from pathlib import Path
from typing import Any, Final

import grpc
import msgspec
from google.protobuf import descriptor_pool
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message import DecodeError
from google.protobuf.message_factory import GetMessageClass
from nvmedctl.errors import from_rpc

from nvmed import daemon  # noqa: F401  # with every contract that it serves
from nvmed.security.policy import METHODS
from nvmed.v1 import event_pb2, inventory_pb2, telemetry_pb2
from nvmed.v1.event_pb2_grpc import EventServiceStub
from nvmed.v1.inventory_pb2_grpc import InventoryServiceStub
from nvmed.v1.telemetry_pb2_grpc import TelemetryServiceStub
from tests.robustness.daemon import MIB, Target, connected, serving
from tests.robustness.requests import Requests
from tests.support.memory import MEMORY

CALLERS: Final = 32
CALL_S: Final = 0.5
"""How long a call may wait for something that is asked to wait."""

ANSWERS_MAX: Final = 3
"""Messages that are read of a stream before it is cancelled."""

INVENTED: Final = "Internal error from Core"
"""What grpc.aio tells of a stream that was refused while its caller wrote to it, whatever the daemon's answer was."""

OWN_FAULTS: Final = frozenset({"INTERNAL", "UNKNOWN"})
PRINCIPALS: Final = {f"soak{number}": ["admin"] for number in range(4)} | {"viewer": ["viewer"], "worker": ["admin"]}
LIMITS: Final = {
    "calls_per_second": 1_000_000, "calls_burst": 1_000_000, "calls_at_once": 1000, "streams_at_once": 1000
}  # fmt: skip


@dataclass
class Outcome:
    """What came of it."""

    seed: int
    requests: int = 0
    took_s: float = 0.0
    by_code: Counter[str] = field(default_factory=Counter)
    by_service: dict[str, Counter[str]] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    """Method and message of answers that are nvmed's own fault."""
    worked: Counter[str] = field(default_factory=Counter)
    """What those got who worked beside it."""
    growth: list[tuple[int, float, int, int]] = field(default_factory=list)
    """(requests, MiB, descriptors, threads) from time to time."""

    def count(self, method: str, code: str, message: str) -> None:
        """One answer."""
        self.requests += 1
        self.by_code[code] += 1
        self.by_service.setdefault(method.split("/")[1], Counter())[code] += 1
        if code in OWN_FAULTS and len(self.faults) < 100:
            self.faults.append(f"{method}: {message[:300]}")

    def look(self, target: Target) -> None:
        """What the daemon holds now."""
        memory = round(target.resident_bytes / MIB, 1)
        self.growth.append((self.requests, memory, target.descriptors, target.threads))


def described(method: str) -> MethodDescriptor:
    """The descriptor of a method that is written as gRPC has it in a path."""
    return descriptor_pool.Default().FindMethodByName(method[1:].replace("/", "."))


def methods() -> Iterator[MethodDescriptor]:
    """All that a daemon serves, again and again."""
    return cycle([described(method) for method in METHODS])


class LeftOpen:
    """A stream that its caller does not end: of one that is refused while it ends, grpc.aio invents a status."""

    def __init__(self, requests: Iterable[bytes]) -> None:
        self._requests = iter(requests)

    def __aiter__(self) -> LeftOpen:
        return self

    async def __anext__(self) -> bytes:
        for request in self._requests:
            return request
        await asyncio.Event().wait()
        raise StopAsyncIteration


class Caller:
    """Makes one call after another."""

    def __init__(self, channel: grpc.aio.Channel, requests: Requests, outcome: Outcome) -> None:
        self._channel: Any = channel
        self._requests = requests
        self._outcome = outcome

    async def call(self, method: MethodDescriptor) -> None:
        """One call, whichever way its method has them; what it says is learned from and counted."""
        path = f"/{method.containing_service.full_name}/{method.name}"
        make = self._channel.stream_stream if method.client_streaming else self._channel.unary_stream
        sent: Any = self._requests.make(method.input_type)
        if method.client_streaming:
            sent = LeftOpen([self._requests.make(method.input_type) for _ in range(3)])
        call = make(path)(sent, timeout=CALL_S)
        try:
            for _ in range(ANSWERS_MAX):
                answer = await call.read()
                if answer is grpc.aio.EOF:
                    break
                self._learn(method, answer)
            else:
                call.cancel()
            self._outcome.count(path, "OK", "")
        except grpc.aio.AioRpcError as failure:
            is_own = failure.details() == INVENTED
            self._outcome.count(path, "of the caller" if is_own else failure.code().name, failure.details() or "")

    def _learn(self, method: MethodDescriptor, answer: bytes) -> None:
        with suppress(DecodeError):
            self._requests.learn(GetMessageClass(method.output_type).FromString(answer))


async def work(target: Target, worked: Counter[str]) -> None:
    """List drives, watch events, read a telemetry log, until cancelled: refusals are counted by code and reason.

    A drive that the others have reset, sanitized or shut down gives no log.
    """
    async with connected(target, "worker") as channel:
        inventory = InventoryServiceStub(channel)
        telemetry, events = TelemetryServiceStub(channel), EventServiceStub(channel)
        asked = telemetry_pb2.StreamTelemetryRequest(controller="nvme0", source=telemetry_pb2.TELEMETRY_SOURCE_HOST)
        watch = event_pb2.WatchEventsRequest(include_snapshot=True)
        while True:
            try:
                listed = await inventory.ListControllers(inventory_pb2.ListControllersRequest(), timeout=30)
                worked["drives"] += len(listed.controllers)
                async for message in events.WatchEvents(watch, timeout=30):
                    if message.WhichOneof("part") == "snapshot_end":
                        worked["snapshots"] += 1
                        break
                async for part in telemetry.StreamTelemetry(asked, timeout=30):
                    worked["logs"] += part.HasField("trailer")
            except grpc.aio.AioRpcError as failure:
                told = from_rpc(failure, "")
                worked[f"{told.code} {told.reason}"] += 1
            await asyncio.sleep(0.05)


async def soak(target: Target, count: int, seed: int, *, looks: int = 20) -> Outcome:
    """Make so many requests, and return what came of them."""
    outcome, began = Outcome(seed), time.monotonic()
    drawn, wanted = methods(), iter(range(count))
    working = asyncio.create_task(work(target, outcome.worked))

    async def go_on(caller: Caller) -> None:
        for number in wanted:
            if number % max(count // looks, 1) == 0:
                outcome.look(target)
                print(f"{number:9,} {outcome.growth[-1]} {dict(outcome.by_code)}", file=sys.stderr)  # noqa: T201
            await caller.call(next(drawn))

    try:
        async with asyncio.TaskGroup() as group:
            names = [name for name in PRINCIPALS if name != "worker"]
            for number in range(CALLERS):
                group.create_task(_connected_caller(target, names[number % len(names)], seed + number, outcome, go_on))
    finally:
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)
    outcome.took_s = round(time.monotonic() - began, 1)
    return outcome


async def _connected_caller(target: Target, principal: str, seed: int, outcome: Outcome, go_on: Any) -> None:
    async with connected(target, principal) as channel:
        await go_on(Caller(channel, Requests(seed), outcome))


def settled(target: Target, outcome: Outcome) -> None:
    """Wait until it holds no more descriptors than when it was warm, half a minute at most; then look."""
    deadline = time.monotonic() + 30
    while target.descriptors > outcome.growth[1][2] and time.monotonic() < deadline:
        time.sleep(0.1)
    outcome.look(target)


def main() -> int:
    """Print what came of it; 1 if something did that must not."""
    parser = argparse.ArgumentParser(prog="python -m tests.robustness.soak", description=__doc__)
    parser.add_argument("--requests", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--report", type=Path, help="write what came of it there, as JSON")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=MEMORY) as folder, serving(Path(folder), PRINCIPALS, LIMITS) as target:
        outcome = asyncio.run(soak(target, asked.requests, asked.seed))
        settled(target, outcome)
        bugs = target.log.count('"bug"')
    report = msgspec.json.format(msgspec.json.encode(outcome), indent=1).decode()
    if asked.report:
        asked.report.write_text(report + "\n")
    print(report)  # noqa: T201
    return bool(outcome.faults or bugs)


if __name__ == "__main__":
    sys.exit(main())
