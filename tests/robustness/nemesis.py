"""What goes wrong, drawn by tables: two of them at most at once, one of the host's and one of a drive's."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final

from nvmed.errors import NvmedError
from tests.robustness.history import Fault
from tests.robustness.victim import SPECS
from tests.robustness.world import World

Happens = Callable[[World, random.Random], Awaitable[None]]


async def kill(world: World, chance: random.Random) -> None:
    """kill -9 and, after a while, the next daemon."""
    world.end("kill")
    await asyncio.sleep(chance.uniform(0, 0.5))
    await world.start()


async def lose_power(world: World, chance: random.Random) -> None:
    await world.lose_power(chance.randrange(1000))
    await world.start()


async def freeze(world: World, chance: random.Random) -> None:
    """SIGSTOP, and on."""
    world.freeze()
    await asyncio.sleep(chance.uniform(0.2, 2))
    world.thaw()


async def fill_disk(world: World, chance: random.Random) -> None:
    if world.has_own_disk:
        world.fill_disk()
        await asyncio.sleep(chance.uniform(0.5, 2))
        world.empty_disk()


async def fail_syncs(world: World, chance: random.Random) -> None:
    world.change(syncs_fail=True)
    await asyncio.sleep(chance.uniform(0.2, 1.5))
    world.change(syncs_fail=False)


async def step_clock(world: World, chance: random.Random) -> None:
    """By up to an hour, either way, for good."""
    world.change(clock_offset_s=chance.uniform(-3600, 3600))


async def renew_certificate(world: World, _: random.Random) -> None:
    await asyncio.to_thread(world.renew_certificate)


HostFaults = tuple[tuple[int, Happens], ...]
DriveFaults = tuple[tuple[int, str], ...]
HOST: Final[HostFaults] = (
    (4, kill), (3, lose_power), (2, freeze), (2, fill_disk), (2, fail_syncs), (2, step_clock), (1, renew_certificate),
)  # fmt: skip

DRIVE: Final[DriveFaults] = (
    (3, 'kind = "hang"'),
    (2, 'kind = "hang"\nopcode = "firmware-commit"\nexecuted = true'),
    (2, 'kind = "hang"\nopcode = "get-log-page"\nafter = 3'),
    (3, 'kind = "unplug"'),
    (2, 'kind = "link-down"'),
    (3, 'kind = "torn-telemetry"\nsource = "host"\nafter = 2'),
    (2, 'kind = "torn-telemetry"\nsource = "controller"\nafter = 2'),
    (2, 'kind = "status"\nsc = 6\ncount = 4'),
    (1, 'kind = "status"\nopcode = "firmware-commit"\nsct = 1\nsc = 7\ncount = 1'),
    (2, 'kind = "latency"\nmilliseconds = 80'),
    (1, 'kind = "critical-warning"\nwarnings = ["temperature"]'),
    (1, 'kind = "aer"\nseverity = "correctable"\nerror = "BadTLP"\nerrors = 50'),
)
"""Faults of `nvmed.simulator.fault_file`, by how often they are drawn."""


async def host(world: World, chance: random.Random, until_s: float, table: HostFaults = HOST) -> None:
    """What goes wrong with the host, until then by CLOCK_MONOTONIC."""
    while table and time.monotonic() < until_s:
        await asyncio.sleep(chance.uniform(1, 4))
        ((_, happens),) = chance.choices(table, [weight for weight, _ in table])
        world.record(Fault(kind=happens.__name__, is_on=True))
        await happens(world, chance)
        world.record(Fault(kind=happens.__name__, is_on=False))


async def drives(world: World, chance: random.Random, until_s: float, table: DriveFaults = DRIVE) -> None:
    """What goes wrong with drives, until then: a daemon that dies takes the fault with it."""
    while table and time.monotonic() < until_s:
        await asyncio.sleep(chance.uniform(0.3, 2))
        ((_, text),) = chance.choices(table, [weight for weight, _ in table])
        spec, kind = chance.choice(SPECS), text.split('"')[1]
        row = f'[[faults]]\n{text}\nname = "drawn"\ncontroller = "{spec.serial}"\n'
        with suppress(OSError, NvmedError):
            await asyncio.to_thread(world.fault, add=row)
            world.record(Fault(kind=kind, is_on=True, drive=spec.serial))
        await asyncio.sleep(chance.uniform(0.2, 3))
        with suppress(OSError, NvmedError):
            await asyncio.to_thread(world.fault, remove=["drawn"])
        world.record(Fault(kind=kind, is_on=False, drive=spec.serial))
