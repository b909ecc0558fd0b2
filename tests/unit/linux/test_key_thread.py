"""The key thread: one, in order, and never abandoned."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator

import pytest

from nvmed.errors import Unavailable
from nvmed.linux.key_thread import KeyThread


@pytest.fixture
async def thread() -> AsyncIterator[KeyThread]:
    thread = KeyThread()
    yield thread
    thread.close()


async def test_everything_runs_on_one_thread_in_order(thread: KeyThread) -> None:
    seen: list[tuple[int, int]] = []

    def note(number: int) -> None:
        seen.append((threading.get_ident(), number))

    await asyncio.gather(*(thread.run(note, number) for number in range(20)))
    assert [number for _, number in seen] == list(range(20))
    assert {ident for ident, _ in seen} != {threading.get_ident()}
    assert len({ident for ident, _ in seen}) == 1


async def test_results_and_errors_come_back(thread: KeyThread) -> None:
    assert await thread.run(divmod, 7, 2) == (3, 1)
    with pytest.raises(ZeroDivisionError):
        await thread.run(divmod, 7, 0)


async def test_a_call_that_runs_is_awaited_to_its_end_though_cancelled(thread: KeyThread) -> None:
    begun, go = threading.Event(), threading.Event()
    done: list[str] = []

    def work() -> None:
        begun.set()
        go.wait()
        done.append("done")
        raise OSError("seen by nobody, and nobody complains")

    task = asyncio.create_task(thread.run(work))
    await asyncio.to_thread(begun.wait)
    for _ in range(3):
        task.cancel()
        await asyncio.wait([task], timeout=0.01)
        assert not task.done()
    go.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert done == ["done"]


async def test_a_call_that_waits_is_taken_back(thread: KeyThread) -> None:
    begun, go = threading.Event(), threading.Event()
    ran: list[str] = []

    def block() -> None:
        begun.set()
        go.wait()

    blocker = asyncio.create_task(thread.run(block))
    await asyncio.to_thread(begun.wait)
    waiting = asyncio.create_task(thread.run(lambda: ran.append("ran")))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    go.set()
    await blocker
    await thread.run(lambda: None)
    assert ran == []


async def test_after_close_nothing_runs() -> None:
    thread = KeyThread()
    assert await thread.run(int) == 0
    thread.close()
    thread.close()
    with pytest.raises(Unavailable) as refusal:
        await thread.run(int)
    assert refusal.value.reason == "SHUTTING_DOWN"
