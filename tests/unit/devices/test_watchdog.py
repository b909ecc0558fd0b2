"""The watchdog is fed while a restart would mend nothing, and starves when it would."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from nvmed.devices import watchdog
from nvmed.devices.lane import Lane
from nvmed.errors import NvmedError
from tests.support.waiting import until

BEAT_MS = 20


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[tuple[socket.socket, dict[str, str]]]:
    """A service manager's end, and the environment it gives."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        receiver.bind(str(tmp_path / "notify"))
        receiver.setblocking(False)
        yield receiver, {"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": str(BEAT_MS * 4 * 1000)}


@pytest.fixture
async def lane() -> AsyncIterator[Lane]:
    made = Lane("own", threads=1, grace_ms=20)
    yield made
    made.close()


async def beats(receiver: socket.socket, count: int) -> None:
    for _ in range(count):
        assert await asyncio.get_running_loop().sock_recv(receiver, 100) == b"WATCHDOG=1"


@contextmanager
def hanging() -> Iterator[Callable[[], bool]]:
    """A call that returns when the block ends."""
    release = threading.Event()
    try:
        yield lambda: release.wait(15)
    finally:
        release.set()


async def stalled(lane: Lane, call: Callable[[], bool]) -> None:
    with pytest.raises(NvmedError):
        await lane.run(call, timeout_ms=1)
    assert lane.stalled


async def test_it_is_fed_again_and_again(manager: tuple[socket.socket, dict[str, str]], lane: Lane) -> None:
    receiver, environ = manager
    async with watchdog.fed([lane], list, environ):
        await beats(receiver, 3)


async def test_nobody_is_fed_where_nobody_watches(manager: tuple[socket.socket, dict[str, str]], lane: Lane) -> None:
    receiver, environ = manager
    async with watchdog.fed([lane], list, {"NOTIFY_SOCKET": environ["NOTIFY_SOCKET"]}):
        await asyncio.sleep(0)
    with pytest.raises(BlockingIOError):
        receiver.recv(100)


async def test_a_lane_at_work_is_sound_at_every_moment(lane: Lane, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also while a turn is on its way from a call that ended to one that waits: health and watchdog may look then."""
    returned = lane._returned
    found: list[str] = []

    def look_behind(*given: Any) -> None:
        returned(*given)
        found.append(lane.fault)

    monkeypatch.setattr(lane, "_returned", look_behind)
    calls = [asyncio.create_task(lane.run(lambda: None)) for _ in range(4)]
    await asyncio.sleep(0)
    calls[2].cancel()
    await asyncio.gather(*calls, return_exceptions=True)
    assert found == ["", "", ""]


async def test_a_drive_that_hangs_starves_nobody(manager: tuple[socket.socket, dict[str, str]], lane: Lane) -> None:
    receiver, environ = manager
    drive = Lane("drive", threads=1, grace_ms=20)
    with hanging() as call:
        await stalled(drive, call)
        assert watchdog.unsound([lane], [drive]) == ""
        async with watchdog.fed([lane], lambda: [drive], environ):
            await beats(receiver, 3)
    drive.close()


async def test_it_starves_while_a_lane_of_the_daemon_does_not_answer(
    manager: tuple[socket.socket, dict[str, str]], lane: Lane
) -> None:
    receiver, environ = manager
    with capture_logs() as logs:
        with hanging() as call:
            await stalled(lane, call)
            async with watchdog.fed([lane], list, environ):
                await until(lambda: len(logs) >= 2)
                with pytest.raises(BlockingIOError):
                    receiver.recv(100)
        async with watchdog.fed([lane], list, environ):
            await until(lambda: not lane.stalled)
            await beats(receiver, 1)
    assert all(entry["event"] == "watchdog_starves" and "own" in entry["message"] for entry in logs)


async def test_a_lane_that_lost_a_thread_is_unsound(lane: Lane, monkeypatch: pytest.MonkeyPatch) -> None:
    with hanging() as call:
        running = asyncio.create_task(lane.run(call))
        await until(lambda: lane.busy == 1)
        assert watchdog.unsound([], [lane]) == ""
        (job,) = lane._running
        monkeypatch.setattr(job.worker, "_thread", threading.Thread())
        assert "own: a thread ended" in watchdog.unsound([], [lane])
        monkeypatch.undo()
    assert await running
