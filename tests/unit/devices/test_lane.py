"""A lane: bounded, fair, one mutation at a time, and never waiting for a drive that hangs."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from functools import partial

import pytest

from nvmed.devices.lane import Lane
from nvmed.errors import DeadlineExceeded, NvmedError, Unavailable
from tests.support.waiting import until


class Drive:
    """Calls that return when they are told to, and count how many are inside."""

    def __init__(self) -> None:
        self.release = threading.Event()
        self.inside = 0
        self.most_inside = 0
        self._lock = threading.Lock()
        self.entered = threading.Semaphore(0)

    def call(self) -> str:
        with self._lock:
            self.inside += 1
            self.most_inside = max(self.most_inside, self.inside)
        self.entered.release()
        assert self.release.wait(15)
        with self._lock:
            self.inside -= 1
        return threading.current_thread().name


@pytest.fixture
async def lane() -> AsyncIterator[Lane]:
    made = Lane("c0", threads=2, waiting_max=3, grace_ms=20)
    yield made
    made.close()


async def entered(drive: Drive, count: int = 1) -> None:
    for _ in range(count):
        await asyncio.to_thread(drive.entered.acquire)


async def test_no_more_calls_at_once_than_threads(lane: Lane) -> None:
    drive = Drive()
    calls = [asyncio.create_task(lane.run(drive.call)) for _ in range(4)]
    await entered(drive, 2)
    assert lane.busy == 2
    drive.release.set()
    names = await asyncio.gather(*calls)
    assert drive.most_inside == 2
    assert len(set(names)) <= 2  # threads persist and are used again


async def test_too_many_waiting_are_refused_at_once(lane: Lane) -> None:
    drive = Drive()
    calls = [asyncio.create_task(lane.run(drive.call)) for _ in range(5)]
    await entered(drive, 2)
    with pytest.raises(Unavailable) as refused:
        await lane.run(drive.call)
    assert refused.value.reason == "DEVICE_BUSY"
    assert refused.value.retry_delay_ms
    drive.release.set()
    await asyncio.gather(*calls)


async def test_what_the_function_raises_is_raised(lane: Lane) -> None:
    def fail() -> None:
        raise OSError(5, "no")

    with pytest.raises(OSError, match="no"):
        await lane.run(fail)
    with pytest.raises(OSError, match="no"):
        await lane.mutate(fail)
    assert await lane.mutate(lambda: 7) == 7


async def test_a_cancelled_caller_gives_back_no_token_before_its_thread_returns(lane: Lane) -> None:
    drive = Drive()
    call = asyncio.create_task(lane.run(drive.call))
    await entered(drive)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert lane.busy == 1
    drive.release.set()
    await until(lambda: lane.busy == 0)


async def test_one_mutation_at_a_time_even_after_its_caller_went_away(lane: Lane) -> None:
    drive = Drive()
    first = asyncio.create_task(lane.mutate(drive.call))
    await entered(drive)
    second = asyncio.create_task(lane.mutate(drive.call))
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    assert await lane.run(lambda: "reads go on") == "reads go on"
    assert drive.inside == 1
    drive.release.set()
    await second
    assert drive.most_inside == 1


async def test_a_waiter_that_is_cancelled_passes_its_turn_on(lane: Lane) -> None:
    drive = Drive()
    running = [asyncio.create_task(lane.run(drive.call)) for _ in range(2)]
    await entered(drive, 2)
    waiting = [asyncio.create_task(lane.run(partial(int, number))) for number in range(3)]
    await asyncio.sleep(0)
    waiting[0].cancel()
    drive.release.set()
    await asyncio.gather(*running)
    assert await asyncio.gather(*waiting[1:]) == [1, 2]


async def test_a_hung_command_stalls_the_lane_until_it_returns(lane: Lane) -> None:
    drive = Drive()
    hung = asyncio.create_task(lane.run(drive.call, timeout_ms=1))
    await entered(drive)
    mutation = asyncio.create_task(lane.mutate(drive.call, timeout_ms=60_000))
    await entered(drive)
    waiting = [asyncio.create_task(lane.run(drive.call)), asyncio.create_task(lane.mutate(drive.call))]
    with pytest.raises(DeadlineExceeded) as late:
        await hung
    assert late.value.reason == "COMMAND_TIMEOUT"
    assert lane.stalled
    for call in waiting:
        with pytest.raises(Unavailable) as turned_away:
            await call
        assert turned_away.value.reason == "DEVICE_STALLED"
    for method in (lane.run, lane.mutate):
        with pytest.raises(Unavailable, match="has not returned"):
            await method(drive.call)
    drive.release.set()
    await mutation
    await until(lambda: not lane.stalled)
    assert await lane.run(lambda: "served again") == "served again"


async def test_another_lane_never_notices(lane: Lane) -> None:
    drive, other = Drive(), Lane("c1", grace_ms=20)
    hung = asyncio.create_task(lane.run(drive.call, timeout_ms=1))
    with pytest.raises(NvmedError):
        await hung
    assert lane.stalled
    assert not other.stalled
    assert await other.run(lambda: 1) == 1
    drive.release.set()
    await until(lambda: lane.busy == 0)
    other.close()


async def test_a_closed_lane_refuses_and_lets_its_threads_end(lane: Lane) -> None:
    await lane.run(lambda: None)
    drive = Drive()
    call = asyncio.create_task(lane.run(drive.call))
    await entered(drive)
    lane.close()
    with pytest.raises(Unavailable, match="went away"):
        await lane.run(lambda: None)
    drive.release.set()
    assert await call
    await until(lambda: not [t for t in threading.enumerate() if t.name.startswith("c0/")])
