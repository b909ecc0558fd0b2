"""Gives memory back that malloc keeps: `nvmed.malloc.tune` makes it, and a flood would stay for ever."""

from __future__ import annotations

import asyncio
import ctypes
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final

from nvmed.files import read_bytes
from nvmed.malloc import is_glibc

LOOK_S: Final = 1.0
GROWN_BYTES: Final = 32 << 20
"""How much larger the process must be than at its least for memory to be given back."""


def trim() -> None:
    """Give the kernel back what is free anywhere in the heap; takes milliseconds for hundreds of MiB."""
    if is_glibc():
        ctypes.CDLL(None).malloc_trim(0)


@asynccontextmanager
async def returned() -> AsyncIterator[None]:
    """Give memory back inside, whenever the process has grown."""
    giving = asyncio.create_task(_give(lambda: asyncio.sleep(LOOK_S)), name="malloc")
    try:
        yield
    finally:
        giving.cancel()
        await asyncio.wait([giving])


async def _give(pause: Callable[[], Awaitable[None]]) -> None:
    """Trim at each look at which the process is larger than it was at its least.

    What is in use stays, and may be free at the next look: so one trim that brought nothing is no reason to stop.
    """
    least = resident_bytes()
    while True:
        await pause()
        if resident_bytes() > least + GROWN_BYTES:
            await asyncio.to_thread(trim)
        least = min(least, resident_bytes())


def resident_bytes() -> int:
    """What the process has in memory; 0 where nobody tells."""
    try:
        return int(read_bytes("/proc/self/statm").split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0
