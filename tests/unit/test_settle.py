"""What must not be left half done is awaited, however often its caller is cancelled."""

from __future__ import annotations

import asyncio

import pytest

from nvmed.settle import to_the_end


async def test_it_returns_what_the_work_returns() -> None:
    assert await to_the_end(asyncio.sleep(0, "done")) == "done"


async def test_it_raises_what_the_work_raises() -> None:
    async def fail() -> None:
        raise KeyError("work")

    with pytest.raises(KeyError, match="work"):
        await to_the_end(fail())


@pytest.mark.parametrize("fails", [False, True])
async def test_a_caller_cancelled_over_and_over_leaves_when_the_work_has_ended(*, fails: bool) -> None:
    go, ended = asyncio.Event(), []

    async def work() -> None:
        await go.wait()
        ended.append(True)
        if fails:
            raise KeyError("nobody hears it")

    caller = asyncio.create_task(to_the_end(work()))
    for _ in range(3):
        await asyncio.sleep(0)
        caller.cancel()
    await asyncio.sleep(0)
    assert not caller.done()
    assert not ended
    go.set()
    with pytest.raises(asyncio.CancelledError):
        await caller
    assert ended
