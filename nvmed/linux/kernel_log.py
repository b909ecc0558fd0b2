"""The kernel's log, read from /dev/kmsg without waiting for more.

The unit does not open it: docs/support.md has the drop-in that does.
"""

from __future__ import annotations

import errno
import os
from collections import deque
from pathlib import Path
from typing import Final

from nvmed.files import open_descriptor
from nvmed.nvme.kernel_log import KernelLine, parse_record

RECORD_BYTES_MAX: Final = 8192
"""Of one read: the kernel gives EINVAL for less than the record (`CONSOLE_EXT_LOG_MAX` was 8192, PRINTKRB is less)."""

LINES_MAX: Final = 100_000
"""Of the newest: the largest buffer that a kernel is usually built with has fewer."""


def read(dev_root: Path) -> tuple[KernelLine, ...]:
    """Every line that the kernel has, oldest first; `OSError` where it may not be read."""
    lines: deque[KernelLine] = deque(maxlen=LINES_MAX)
    descriptor = open_descriptor(dev_root / "kmsg", os.O_RDONLY | os.O_NONBLOCK)
    try:
        while (record := _record(descriptor)) is not None:
            if record:
                lines.append(parse_record(record))
    finally:
        os.close(descriptor)
    return tuple(lines)


def _record(descriptor: int) -> bytes | None:
    """The next record, b"" where some were overwritten meanwhile, None at the end."""
    try:
        return os.read(descriptor, RECORD_BYTES_MAX) or None
    except OSError as exc:
        if exc.errno == errno.EPIPE:
            return b""
        if exc.errno == errno.EAGAIN:
            return None
        raise
