"""Memory that a drive may write to: whole pages of 4 KiB that hold nothing else.

Some drives transfer multiples of 4 KiB whatever they were asked for. Where the kernel maps the caller's memory instead
of copying, what comes after a smaller buffer is overwritten: programs crashed of it (libnvme#684, udisks#1152).
"""

from __future__ import annotations

import mmap
from typing import Final

PAGE_BYTES: Final = 4096
"""What such drives round transfers up to; the system's own pages are multiples of it."""


def page_round(size_bytes: int) -> int:
    """`size_bytes`, rounded up to whole pages."""
    return size_bytes + -size_bytes % PAGE_BYTES


def pages(size_bytes: int) -> memoryview:
    """Zeroed memory that begins a page: `size_bytes`, and what is missing to whole pages."""
    return memoryview(mmap.mmap(-1, page_round(size_bytes), mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS))
