"""Tell glibc's malloc to keep large blocks: a stream of messages of 256 KiB and more is then 1.6 to 1.8 times as fast.

By default each such message is mapped, faulted in page by page, and unmapped again. The daemon, and importing the
client library, call `tune` before grpc is imported, because arenas that its threads have made stay. It concerns the
whole process, so it holds back where somebody has set malloc up, and `NVMED_MALLOC=default` turns it off.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from nvmed.files import read_bytes

# <malloc.h>
M_TRIM_THRESHOLD = -1
M_MMAP_THRESHOLD = -3
M_ARENA_MAX = -8

SETTINGS = (
    (M_MMAP_THRESHOLD, 32 << 20),  # the most that glibc takes on 64-bit (HEAP_MAX_SIZE / 2)
    (M_TRIM_THRESHOLD, 256 << 20),
    (M_ARENA_MAX, 1),
)

_SET_BY_OTHERS = ("GLIBC_TUNABLES", "MALLOC_ARENA_MAX", "MALLOC_MMAP_THRESHOLD_", "MALLOC_TRIM_THRESHOLD_")


LOOK_S = 5.0
GROWN_BYTES = 32 << 20
"""How much larger the process must be than after the last time for memory to be given back."""


def is_glibc() -> bool:
    """Whether the C library is glibc: musl has no mallopt, and other systems another malloc."""
    try:
        return (os.confstr("CS_GNU_LIBC_VERSION") or "").startswith("glibc")
    except (AttributeError, ValueError, OSError):
        return False


def tune() -> bool:
    """Apply `SETTINGS`; whether all of them were taken."""
    if os.environ.get("NVMED_MALLOC") == "default" or any(name in os.environ for name in _SET_BY_OTHERS):
        return False
    if not is_glibc():
        return False
    mallopt = ctypes.CDLL(None).mallopt
    mallopt.argtypes = (ctypes.c_int, ctypes.c_int)
    mallopt.restype = ctypes.c_int
    taken = [mallopt(parameter, value) == 1 for parameter, value in SETTINGS]
    return all(taken)


def trim() -> None:
    """Give the kernel back what is free anywhere in the heap; takes milliseconds for hundreds of MiB."""
    if is_glibc():
        ctypes.CDLL(None).malloc_trim(0)


@asynccontextmanager
async def returned() -> AsyncIterator[None]:
    """Give memory back inside: `tune` makes malloc keep what it has, for speed, and a flood would stay for ever."""
    giving = asyncio.create_task(_give(lambda: asyncio.sleep(LOOK_S)), name="malloc")
    try:
        yield
    finally:
        giving.cancel()
        await asyncio.wait([giving])


async def _give(pause: Callable[[], Awaitable[None]]) -> None:
    least = resident_bytes()
    while True:
        await pause()
        if resident_bytes() > least + GROWN_BYTES:
            await asyncio.to_thread(trim)
            least = resident_bytes()
        else:
            least = min(least, resident_bytes())


def resident_bytes() -> int:
    """What the process has in memory; 0 where nobody tells."""
    try:
        return int(read_bytes("/proc/self/statm").split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0
