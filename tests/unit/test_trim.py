"""Memory that a flood took is given back once it is free, however long it was in use."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import pytest

from nvmed import trim

MIB = 1 << 20


class Process:
    """A process that holds so much, of which so much is free."""

    def __init__(self) -> None:
        self.used, self.free, self.trims = 80 * MIB, 0, 0

    def resident(self) -> int:
        return self.used + self.free

    def trim(self) -> None:
        self.trims += 1
        self.free = 0


@pytest.fixture
def process(monkeypatch: pytest.MonkeyPatch) -> Process:
    process = Process()
    monkeypatch.setattr(trim, "resident_bytes", process.resident)
    monkeypatch.setattr(trim, "trim", process.trim)
    return process


async def looks(process: Process, *changes: tuple[int, int]) -> list[int]:
    """What the process holds at the end of each look, before which so many MiB were taken and so many became free."""
    ahead, found = list(changes), []

    async def pause() -> None:
        found.append(process.resident() // MIB)
        if not ahead:
            raise asyncio.CancelledError
        taken, freed = ahead.pop(0)
        process.used += (taken - freed) * MIB
        process.free += freed * MIB

    with suppress(asyncio.CancelledError):
        await trim._give(pause)
    return found[1:]


async def test_what_is_free_after_looks_that_found_it_in_use_is_given_back(process: Process) -> None:
    assert await looks(process, (100, 0), (0, 0), (0, 100)) == [180, 180, 80]


async def test_little_is_left_alone(process: Process) -> None:
    assert await looks(process, (30, 30), (0, 0)) == [110, 110]
    assert process.trims == 0


async def test_several_floods_are_each_given_back(process: Process) -> None:
    assert await looks(process, (100, 100), (200, 200), (0, 0)) == [80, 80, 80]


async def test_what_stays_in_use_is_not_trimmed_at_every_look(process: Process) -> None:
    await looks(process, (100, 0), *[(0, 0)] * 199)
    assert process.trims <= 3 + 200 // (trim.LEFT_OUT_MAX + 1)


async def test_what_grows_again_is_trimmed_at_once(process: Process) -> None:
    quiet = [(0, 0)] * 20
    assert (await looks(process, (100, 0), *quiet, (50, 50)))[-1] == 180


async def test_what_becomes_free_is_given_back_soon(process: Process) -> None:
    quiet = [(0, 0)] * 20
    found = await looks(process, (100, 0), *quiet, (0, 100), *quiet)
    assert found[-21 + trim.LEFT_OUT_MAX + 1] == 80


def test_a_process_knows_how_large_it_is() -> None:
    assert 10 * MIB < trim.resident_bytes() < 10_000 * MIB
