"""Work that goes on beside the calls, for as long as the daemon serves."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any, Final

import structlog

log: Final = structlog.get_logger("nvmed.background")


@asynccontextmanager
async def running(*work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Run `work` inside, each in a task of its own, and cancel what has not ended at the end.

    A bug in it is logged, and ends nothing but itself: calls are served on.
    """
    tasks = [asyncio.create_task(_logged(one)) for one in work]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _logged(work: Coroutine[Any, Any, None]) -> None:
    try:
        await work
    except Exception:
        log.exception("bug", work=repr(work))
