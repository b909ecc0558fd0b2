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

LEFT_OUT_MAX: Final = 7
"""How many looks at most are left out after a trim that brought little."""


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
    """Trim at looks at which the process is larger than it was at its least.

    What is in use stays, and may be free at the next look: so a trim that brought little is no reason to stop, but for
    leaving out ever more looks until it is made again. It holds up whoever wants memory, the longer the more there is.
    """
    least = kept = resident_bytes()
    left_out = to_leave_out = 0
    while True:
        await pause()
        now = resident_bytes()
        if now > kept + GROWN_BYTES:
            to_leave_out = 0
        if now > least + GROWN_BYTES and to_leave_out == 0:
            await asyncio.to_thread(trim)
            before, now = now, resident_bytes()
            kept = now
            brought_much = before - now >= GROWN_BYTES // 4
            left_out = 0 if brought_much else min(2 * left_out + 1, LEFT_OUT_MAX)
            to_leave_out = left_out
        else:
            to_leave_out = max(to_leave_out - 1, 0)
        least = min(least, now)


def resident_bytes() -> int:
    """What the process has in memory; 0 where nobody tells."""
    try:
        return int(read_bytes("/proc/self/statm").split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0
