"""The threads in which a folder's files are read and written."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final, TypeVar

from nvmed.devices.lane import Lane
from nvmed.errors import NvmedError
from nvmed.files import open_descriptor
from nvmed.settle import to_the_end

T = TypeVar("T")

_PATIENCE_MS: Final = 600_000
"""How long a call to the file system may take: a disk that flushes its cache does not hang."""


class DiskThreads:
    """A few threads of one folder's own; `failed` makes the error of a system call that failed there."""

    def __init__(self, name: str, failed: Callable[[OSError], NvmedError], threads: int = 2) -> None:
        self.lane = Lane(name, threads=threads, waiting_max=100_000)
        self._failed = failed

    async def run(self, function: Callable[[], T]) -> T:
        """Call a blocking function of the file system; a caller that is cancelled leaves when it has returned."""

        async def call() -> T:
            try:
                return await self.lane.run(function, timeout_ms=_PATIENCE_MS)
            except OSError as exc:
                raise self._failed(exc) from exc

        return await to_the_end(call())

    @asynccontextmanager
    async def opened(self, path: Path) -> AsyncIterator[int]:
        """A descriptor to read `path` by, which no link stands for: closed at the end, and where a caller is cancelled
        while it is being opened, who never learns of it.
        """
        found: list[int] = []
        try:
            await self.run(lambda: found.append(open_descriptor(path, os.O_RDONLY | os.O_NOFOLLOW)))
            yield found[0]
        finally:
            for descriptor in found:
                os.close(descriptor)

    def close(self) -> None:
        """Let the threads end."""
        self.lane.close()
