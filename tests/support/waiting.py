"""Waiting for what nobody tells of."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


async def until(condition: Callable[[], bool]) -> None:
    """Return once it is so; the test's own timeout bounds this."""
    while not condition():  # noqa: ASYNC110
        await asyncio.sleep(0.001)
