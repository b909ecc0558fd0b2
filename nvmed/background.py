"""Work that goes on beside the calls, for as long as the daemon serves."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any, Final

import structlog

RESTART_S: Final = 1.0

Work = Callable[[], Coroutine[Any, Any, None]]

log: Final = structlog.get_logger("nvmed.background")


@asynccontextmanager
async def running(*work: Work) -> AsyncIterator[None]:
    """Run `work` inside, each in a task of its own, and cancel what has not ended at the end.

    A bug in it is logged, and what it ended is begun again: calls are served meanwhile.
    """
    tasks = [asyncio.create_task(_kept_up(one)) for one in work]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _kept_up(work: Work) -> None:
    while True:
        try:
            return await work()
        except Exception:
            log.exception("bug", work=repr(work))
            await asyncio.sleep(RESTART_S)
