"""Deleting from time to time what has expired."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final

import structlog

from nvmed.background import running
from nvmed.errors import NvmedError

REAP_EVERY_S: Final = 600.0

log: Final = structlog.get_logger("nvmed.disk")


@asynccontextmanager
async def reaped(reap: Callable[[], Awaitable[None]]) -> AsyncIterator[None]:
    """Call `reap` inside, at once and at each interval; what it raises is logged, and tried again with the next."""

    async def forever() -> None:
        while True:
            try:
                await reap()
            except NvmedError as exc:
                log.warning("not_reaped", reason=exc.reason, message=exc.message)
            await asyncio.sleep(REAP_EVERY_S)

    async with running(forever):
        yield
