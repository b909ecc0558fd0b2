"""The daemon killed at every point where a capture, or its deletion, writes or asks, and started again.

A point is just before or just after a write of the journal, a call that changes the disk, or a command to the drive; a
write to the disk may also be cut in its middle. After each, what is in the store is a whole capture or nothing, the
operation's verdict says which, and whether the controller's event was acknowledged, which is never before the capture
was on disk.
"""

from __future__ import annotations

import asyncio
import errno
import hashlib
import os
import sys
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from pathlib import Path

import pytest

from nvmed.disk.files import Disk
from nvmed.operations.records import Record, State
from nvmed.simulator.faults import Fault
from tests.support.kills import Mortal, Reaper, Watch
from tests.support.operations import remembered
from tests.unit.captures.capture_lab import SIZE, Lab, Labs


class WatchedDisk(Disk):
    """Says of each change of the disk that it is about to be made, has been, and of writes that half is done."""

    def __init__(self, point: Callable[[str], None]) -> None:
        self._point = point

    def create(self, path: Path, flags: int = 0) -> int:
        self._point(f"create {path.suffix}")
        return super().create(path, flags)

    def write(self, descriptor: int, data: bytes | memoryview, offset: int) -> None:
        self._point("write")
        os.pwrite(descriptor, data[: len(data) // 2], offset)
        self._point("half a write")
        super().write(descriptor, data, offset)

    def sync(self, descriptor: int) -> None:
        self._point("sync")
        super().sync(descriptor)

    def rename(self, source: Path, target: Path) -> None:
        self._point(f"rename {source.suffix}")
        super().rename(source, target)
        self._point(f"renamed {source.suffix}")

    def remove(self, path: Path) -> None:
        self._point(f"remove {path.suffix}")
        super().remove(path)

    def sync_directory(self, path: Path) -> None:
        self._point("sync directory")
        super().sync_directory(path)


async def run(labs: Labs, work: Callable[[Lab], Awaitable[Record]], at: int) -> Reaper:
    """Do `work`, and die at the point of that number, 0 for none."""
    Mortal.reaper = reaper = Reaper(at)
    async with labs.start(Mortal, recover=False) as lab:
        lab.store.folder.disk = WatchedDisk(reaper.point)
        labs.drive.faults.add(Fault(Watch(reaper), times=None))

        async def finish() -> Record:
            return await lab.end(await work(lab))

        doing, dying = asyncio.create_task(finish()), asyncio.create_task(reaper.is_dead.wait())
        await asyncio.wait((doing, dying), return_when=asyncio.FIRST_COMPLETED)
        labs.drive.faults.clear()
        if reaper.is_dead.is_set():
            await kill(lab)
            doing.cancel()
        dying.cancel()
        await asyncio.gather(doing, dying, return_exceptions=True)
    return reaper


async def kill(lab: Lab) -> None:
    """End everything at once: nothing is written any more, and threads return to nobody."""
    tasks = [*lab.operations._tasks]
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    lab.operations._running.clear()
    while lab.store.lane.busy or any(device.lane.busy for device in lab.inventory.known):  # noqa: ASYNC110
        await asyncio.sleep(0)


async def content(lab: Lab) -> dict[str, str]:
    """Every capture, read to its end, which proves its hash, and that hash."""
    found = {}
    for capture in lab.store.all():
        digest = hashlib.sha256()
        async for data in lab.store.read(capture, 0, 4096, 0, lambda buffer, size, _: bytes(buffer[:size])):
            digest.update(data)
        assert capture.size_bytes == SIZE
        found[capture.id] = digest.hexdigest()
    return found


@pytest.mark.timeout(120)
async def test_a_capture_is_whole_or_not_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    whole = Labs(tmp_path / "whole")
    whole.drive.capture_controller_telemetry()
    points = (await run(whole, Lab.capture, 0)).count
    assert points > 30
    verdicts: dict[tuple[str, bool], int] = {}
    for at in range(1, points + 1):
        labs = Labs(tmp_path / str(at))
        labs.drive.capture_controller_telemetry()
        reaper = await run(labs, Lab.capture, at)
        assert reaper.is_dead.is_set()
        async with labs.start() as lab:
            kept, records = await content(lab), await remembered(lab.operations)
            try:
                check(labs, kept, [*records])
            except AssertionError as exc:
                exc.add_note(f"killed at {reaper.where}: {records}, {labs.files}")
                raise
            for record in records:
                key = record.state.value, bool(kept)
                verdicts[key] = verdicts.get(key, 0) + 1
            if not kept:
                assert (await lab.end(await lab.capture())).state is State.SUCCEEDED
                assert len(await content(lab)) == 1
    assert set(verdicts) == {("SAFE_TO_RETRY", False), ("SUCCEEDED", True)}
    with capsys.disabled():
        sys.stdout.write(f"\ncapture: killed at {points} points: {verdicts}\n")


def check(labs: Labs, kept: dict[str, str], records: Sequence[Record]) -> None:
    """The store has one whole capture or nothing, and the journal says which; nothing else is in the directory."""
    assert labs.files == {f"{name}.{kind}" for name in kept for kind in ("log", "json")}
    assert len(kept) <= 1
    assert kept or labs.is_pending  # acknowledged only when it is on disk
    for record in records:
        if record.state is State.SUCCEEDED:
            result = record.result or {}
            assert result["capture"] == f"captures/{record.id}"
            assert set(kept) == {record.id}
            assert result["acknowledged"] is not labs.is_pending
        else:
            assert record.state is State.SAFE_TO_RETRY
            assert not kept


@pytest.mark.timeout(60)
async def test_a_deletion_is_done_or_not(tmp_path: Path) -> None:
    at, is_dead = 1, True
    while is_dead:
        labs = Labs(tmp_path / str(at))
        labs.drive.capture_controller_telemetry()
        async with labs.start() as lab:
            name = (await lab.end(await lab.capture())).id
        is_dead = (await run(labs, partial(Lab.delete, capture=name), at)).is_dead.is_set()
        async with labs.start() as lab:
            kept = await content(lab)
            assert labs.files == {f"{name}.{kind}" for name in kept for kind in ("log", "json")}
            for record in await remembered(lab.operations):
                if record.target.startswith("captures/"):
                    assert record.state is (State.SAFE_TO_RETRY if kept else State.SUCCEEDED)
        at += 1
    assert at > 8


async def test_a_full_disk_keeps_nothing_by_halves_whichever_write_it_fails(tmp_path: Path) -> None:
    """Each change of the disk fails once, before it or after half of it; then there is room."""
    calls: list[str] = []

    def fail(at: int, what: str) -> None:
        calls.append(what)
        if len(calls) == at:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    failed = set[str]()
    for number in range(WRITES + 1):
        calls.clear()
        labs = Labs(tmp_path / str(number))
        labs.drive.capture_controller_telemetry()
        async with labs.start(disk=WatchedDisk(partial(fail, number))) as lab:
            record = await lab.end(await lab.capture())
            if number:
                failed.add(calls[number - 1])
                assert (record.state, (record.failure or {})["reason"]) == (State.FAILED, "CAPTURES_FULL"), calls
                assert (labs.files, lab.store.all(), lab.store.rooms[False].used_bytes) == (set(), (), 0)
                assert labs.is_pending
                assert (await lab.end(await lab.capture())).state is State.SUCCEEDED
            else:
                assert len(calls) == WRITES, calls
            assert len(await content(lab)) == 1
    assert failed == {"create .part", "write", "half a write", "sync", "rename .part", "renamed .part", "create .new",
                      "rename .new", "renamed .new", "sync directory"}  # fmt: skip


WRITES = 13
"""Changes of the disk that a capture of one chunk makes."""
