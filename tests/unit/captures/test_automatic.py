"""Automatic captures: each log once, acknowledged when it is on disk, bounded, and never at the cost of a person's."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from nvmed.captures.automatic import MEMORY, Settings
from nvmed.captures.store import CaptureLimits
from nvmed.nvme.opcodes import AdminOpcode
from nvmed.nvme.telemetry import TelemetryLog
from nvmed.simulator.faults import Disappear, Fault
from tests.support.operations import remembered
from tests.unit.captures.capture_lab import KIB, NAME, SIZE, Lab, Labs


async def follow(lab: Lab) -> None:
    """As when the poll has found a log: until the controller has nothing new, or enough was tried."""
    lab.automatic.raised(await lab.device())
    await asyncio.gather(*lab.automatic._tasks.values())


async def test_what_is_raised_is_captured_once_and_acknowledged(tmp_path: Path) -> None:
    labs = Labs(tmp_path)
    async with labs.start() as lab:
        await follow(lab)
        assert lab.store.all() == ()
        generation = labs.drive.capture_controller_telemetry()
        await follow(lab)
        (capture,) = lab.store.all()
        assert (capture.automatic, capture.principal, capture.generation) == (True, "", generation)
        assert (capture.controller, capture.size_bytes, labs.is_pending) == (NAME, SIZE, False)
        await follow(lab)
        labs.drive.capture_controller_telemetry()
        await follow(lab)
        assert len(lab.store.all()) == 2


async def test_of_a_drive_that_became_slow_a_log_is_created_once_in_a_while(tmp_path: Path) -> None:
    labs = Labs(tmp_path, settings=Settings(on_slow=True, interval_s=3600))
    async with labs.start() as lab:

        async def become_slow() -> int:
            lab.automatic.became_slow(await lab.device())
            await asyncio.gather(*lab.automatic._tasks.values())
            return len(lab.store.all())

        assert [await become_slow(), await become_slow()] == [1, 1]
        (capture,) = lab.store.all()
        assert (capture.log, capture.automatic, capture.size_bytes) == (TelemetryLog.HOST_INITIATED, True, SIZE)
        (record,) = await remembered(lab.operations)
        assert record.parameters["cause"] == "drive-slow"
        labs.clock.now += 3600
        labs.drive.faults.add(Fault(Disappear(), opcode=AdminOpcode.GET_LOG_PAGE))
        assert await become_slow() == 1, "what fails is logged, and ends nothing"
    labs = Labs(tmp_path / "off", settings=Settings(enabled=True))
    async with labs.start() as lab:
        lab.automatic.became_slow(await lab.device())
        assert lab.automatic._tasks == {}


async def test_off_unless_it_is_asked_for(tmp_path: Path) -> None:
    labs = Labs(tmp_path, settings=Settings())
    labs.drive.capture_controller_telemetry()
    async with labs.start() as lab:
        await follow(lab)
        assert (lab.store.all(), labs.is_pending) == ((), True)


@pytest.mark.parametrize("deleted", [False, True])
async def test_once_also_after_a_restart_and_when_it_was_deleted(tmp_path: Path, *, deleted: bool) -> None:
    """Not acknowledged, the controller offers it for ever."""
    labs = Labs(tmp_path, settings=Settings(enabled=True, acknowledge=False, interval_s=0))
    labs.drive.capture_controller_telemetry()
    async with labs.start() as lab:
        await follow(lab)
        (capture,) = lab.store.all()
        if deleted:
            await lab.end(await lab.delete(capture.id))
    for _ in range(2):
        async with labs.start() as lab:
            await follow(lab)
            assert lab.store.all() == (() if deleted else (capture,))
    assert labs.is_pending


async def test_a_daemon_that_died_before_it_acknowledged_does_so_now(tmp_path: Path) -> None:
    labs = Labs(tmp_path, settings=Settings(enabled=True, acknowledge=False, interval_s=0))
    labs.drive.capture_controller_telemetry()
    async with labs.start() as lab:
        await follow(lab)
    (tmp_path / "captures" / MEMORY).unlink()  # killed before that was written, too
    labs.settings = replace(labs.settings, acknowledge=True)
    async with labs.start() as lab:
        await follow(lab)
        assert (len(lab.store.all()), labs.is_pending) == (1, False)


async def test_a_controller_that_raises_all_the_time_is_left_alone_for_a_while(tmp_path: Path) -> None:
    labs = Labs(tmp_path, settings=Settings(enabled=True, interval_s=3600))
    labs.drive.capture_controller_telemetry()
    async with labs.start() as lab:
        lab.automatic.raised(await lab.device())
        while not lab.store.all() or labs.is_pending:  # noqa: ASYNC110  # a store tells nobody
            await asyncio.sleep(0)
        labs.drive.capture_controller_telemetry()
        for _ in range(1000):
            lab.automatic.raised(await lab.device())
            await asyncio.sleep(0)
        assert (len(lab.store.all()), labs.is_pending) == (1, True)
    labs.clock.now += 3601  # and the next daemon knows when it was
    async with labs.start() as lab:
        lab.automatic.raised(await lab.device())
        while len(lab.store.all()) < 2:  # noqa: ASYNC110
            await asyncio.sleep(0)


async def test_the_oldest_gives_way_to_the_newest_and_no_persons_does(tmp_path: Path) -> None:
    allowed = CaptureLimits(quota_bytes=64 * KIB, automatic_quota_bytes=4 * 36 * KIB)  # two of a controller
    labs = Labs(tmp_path, allowed=allowed)
    labs.drive.capture_controller_telemetry()
    async with labs.start() as lab:
        mine = (await lab.end(await lab.capture(acknowledge=False))).id
        kept: list[str] = []
        for _ in range(4):
            await follow(lab)
            kept += [one.id for one in lab.store.all() if one.automatic and one.id not in kept]
            labs.clock.now += 1
            labs.drive.capture_controller_telemetry()
        assert len(kept) == 4
        assert {one.id for one in lab.store.all()} == {mine, *kept[-2:]}
        assert labs.files == {f"{one}.{kind}" for one in (mine, *kept[-2:]) for kind in ("log", "json")} | {MEMORY}
        assert lab.store.rooms[True].used_bytes == 2 * SIZE


async def test_what_fails_is_given_up_after_a_few_attempts(tmp_path: Path) -> None:
    labs = Labs(tmp_path)
    labs.drive.capture_controller_telemetry()
    async with labs.start() as lab:
        labs.drive.faults.add(Fault(Disappear(), opcode=AdminOpcode.GET_LOG_PAGE, skip=1))
        await follow(lab)
        assert labs.files <= {MEMORY}
        assert 1 <= sum(lab.capturing.failures.values()) <= 3


async def test_a_memory_that_is_none_is_forgotten(tmp_path: Path) -> None:
    labs = Labs(tmp_path)
    labs.drive.capture_controller_telemetry()
    (tmp_path / "captures").mkdir(mode=0o700)
    (tmp_path / "captures" / MEMORY).write_text("[]")
    async with labs.start() as lab:
        await follow(lab)
        assert len(lab.store.all()) == 1
