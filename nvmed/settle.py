"""Awaiting what must not be left half done, although the caller is cancelled: gRPC cancels a handler more than once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

T = TypeVar("T")


async def settled(outcome: asyncio.Future[T]) -> None:
    """Wait for `outcome`, whatever it is and however often the waiting is cancelled."""
    while not outcome.done():
        try:
            await asyncio.wait([outcome])
        except asyncio.CancelledError:
            continue
    if not outcome.cancelled():
        outcome.exception()  # retrieved, or the loop complains that nobody did


async def to_the_end(work: Awaitable[T]) -> T:
    """What `work` returns or raises. A caller that is cancelled leaves when it has ended, with CancelledError."""
    outcome = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(outcome)
    except asyncio.CancelledError:
        await settled(outcome)
        raise
