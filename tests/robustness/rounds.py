"""Rounds of random traffic and faults: `make robustness MINUTES=60 SEED=1`, and `... --judge FILE` of what was kept.

A round is half a minute of traffic on a world of its own, drawn by its seed; then everything is healed, what still
runs ends, and what is there is looked at. Its history is judged, and kept where it was asked for or a promise was
broken: it can be judged again without the daemon that made it. Traffic meets a real daemon, so that a seed draws the
same traffic and faults again, not the same interleaving.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import msgspec
from google.longrunning import operations_pb2

from nvmed.errors import NvmedError
from nvmed.v1 import erasure_pb2, firmware_pb2, telemetry_pb2
from tests.robustness import history, nemesis, traffic, validators
from tests.robustness.callers import Caller, Known, calling
from tests.robustness.history import Answered, Bug, Fault, Kept, Trailer, of
from tests.robustness.world import ALICE, BOB, EVE, REMOTE, World, made
from tests.support.memory import MEMORY

ROUND_S: Final = 25.0
SETTLE_S_MAX: Final = 90.0
WORKERS: Final = (ALICE, ALICE, BOB, REMOTE)


class Report(msgspec.Struct, frozen=True, omit_defaults=True):
    """What came of a round."""

    seed: int
    entries: dict[str, int]
    faults: dict[str, int]
    answers: dict[str, int]
    broken: dict[str, list[str]] = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a round is drawn from: its seed, how long it takes, and the tables."""

    seed: int
    seconds: float = ROUND_S
    work: traffic.Actions = traffic.WORK
    host: nemesis.HostFaults = nemesis.HOST
    drives: nemesis.DriveFaults = nemesis.DRIVE
    sabotage: str = ""


async def play(world: World, plan: Plan) -> None:
    """Traffic and faults for so long; then heal, wait, and look at what is there."""
    known = Known()
    await world.start()
    world.look()
    async with AsyncExitStack() as stack:
        callers = [
            await stack.enter_async_context(calling(world, principal, f"{plan.seed}/{number}", known))
            for number, principal in enumerate((*WORKERS, EVE, ALICE, REMOTE))
        ]
        *workers, eve, watcher, remote_watcher = callers
        await workers[0].learn()
        async with running(
            *(traffic.act(worker, plan.work) for worker in workers), traffic.act(eve, traffic.MISCHIEF),
            traffic.watch(watcher, "first"), traffic.watch(remote_watcher, "second"), looking(world),
        ):  # fmt: skip
            until_s = time.monotonic() + plan.seconds
            await asyncio.gather(
                nemesis.host(world, random.Random(f"{plan.seed}/host"), until_s, plan.host),
                nemesis.drives(world, random.Random(f"{plan.seed}/drives"), until_s, plan.drives),
                asyncio.sleep(plan.seconds),
            )
            await heal(world)
            await asyncio.sleep(1)
        try:
            await settle(workers[0])
        except NvmedError as failure:
            world.record(Bug(line=f"after the round: {failure.reason}: {failure.message}"))
    if world.is_alive:
        world.look(is_idle=True)
    world.end("", signal.SIGTERM)


@asynccontextmanager
async def running(*loops: Any) -> AsyncIterator[None]:
    """These run inside, and are cancelled; the first that fails fails it all."""
    tasks = [asyncio.ensure_future(loop) for loop in loops]
    try:
        yield
        for task in tasks:
            if task.done():
                task.result()
    finally:
        for task in tasks:
            task.cancel()
        ended = await asyncio.gather(*tasks, return_exceptions=True)
    for one in ended:
        if isinstance(one, Exception):
            raise one


async def looking(world: World) -> None:
    """See twice a second how much memory there is."""
    while True:
        with suppress(OSError, KeyError):
            world.look()
        await asyncio.sleep(0.5)


async def heal(world: World) -> None:
    """Nothing is wrong any more, and a daemon serves."""
    world.thaw()
    world.empty_disk()
    if not world.is_alive:
        world.end("")
        await world.start()
    world.change(syncs_fail=False)
    with suppress(OSError, NvmedError):
        await asyncio.to_thread(world.fault, remove=["drawn"])


async def settle(caller: Caller) -> None:
    """Wait until no operation runs, and see what is kept."""
    deadline = time.monotonic() + SETTLE_S_MAX
    client = caller.client
    while time.monotonic() < deadline:
        asked = operations_pb2.ListOperationsRequest(name="operations", filter='state = "RUNNING" OR state = "PENDING"')
        listed = await caller.surely("ListOperations", lambda asked=asked: client.operations.ListOperations(asked))  # type: ignore[misc]
        if not listed.operations:
            break
        await asyncio.sleep(0.2)
    images = await caller.surely(
        "ListImages", lambda: client.firmware.ListImages(firmware_pb2.ListImagesRequest(page_size=1000))
    )
    captures = await caller.surely(
        "ListCaptures", lambda: client.telemetry.ListCaptures(telemetry_pb2.ListCapturesRequest(page_size=1000))
    )
    records = await caller.surely(
        "ListErasureRecords",
        lambda: client.drives.ListErasureRecords(erasure_pb2.ListErasureRecordsRequest(page_size=1000)),
    )
    names = [one.name for one in images.images] + [one.name for one in captures.captures]
    for name in names + [one.name for one in records.erasure_records if not one.damage]:
        caller.world.record(Kept(name=name, is_last=True))
    for image in images.images:
        content = (caller.world.folder / "disk" / "state" / "spool" / f"{image.sha256.hex()}.image").read_bytes()
        received = hashlib.sha256(content).hexdigest()
        caller.world.record(Trailer(name=image.name, said=image.sha256.hex(), received=received))


def played(plan: Plan) -> history.History:
    """The history of a round."""
    with tempfile.TemporaryDirectory(dir=MEMORY) as folder, made(Path(folder), plan.sabotage) as world:
        asyncio.run(play(world, plan))
        return world.collect()


def report_of(seed: int, found: history.History) -> Report:
    """What came of it."""
    faults = Counter(one.kind for one in of(found, Fault) if one.is_on)
    answers = Counter(one.code for one in of(found, Answered))
    return Report(
        seed, validators.counts(found), dict(sorted(faults.items())), dict(sorted(answers.items())),
        validators.judge(found),
    )  # fmt: skip


def rounds(first_seed: int, minutes: float) -> Iterator[tuple[int, history.History]]:
    """One round after another until the time is over, at least one."""
    deadline, seed = time.monotonic() + minutes * 60, first_seed
    while seed == first_seed or time.monotonic() < deadline:
        yield seed, played(Plan(seed=seed))
        seed += 1


def kept(files: Sequence[Path]) -> Iterator[tuple[int, history.History]]:
    """Histories of before."""
    for file in files:
        yield int(file.name.split(".")[0].rpartition("-")[2]), history.read(file)


def main() -> int:
    """Print what came of each round as it ends; 1 if a promise was broken."""
    parser = argparse.ArgumentParser(prog="python -m tests.robustness.rounds", description=__doc__)
    parser.add_argument("--minutes", type=float, default=1)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--judge", type=Path, nargs="+", default=[], help="histories that were kept")
    parser.add_argument(
        "--keep", type=Path, help="a directory for all histories; else .cache/robustness has those that break one"
    )
    parser.add_argument("--report", type=Path, help="write what came of all rounds there, a line of JSON each")
    asked = parser.parse_args()
    broken = 0
    for seed, found in kept(asked.judge) if asked.judge else rounds(asked.seed, asked.minutes):
        report = report_of(seed, found)
        broken += bool(report.broken)
        line = msgspec.json.encode(report).decode()
        print(line, flush=True)  # noqa: T201
        if asked.report:
            with asked.report.open("a") as file:
                file.write(line + "\n")
        if (asked.keep or report.broken) and not asked.judge:
            directory = asked.keep or Path(".cache/robustness")
            directory.mkdir(parents=True, exist_ok=True)
            history.write(found, directory / f"round-{seed}.jsonl.gz")
    return bool(broken)


if __name__ == "__main__":
    sys.exit(main())
