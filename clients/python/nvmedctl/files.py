"""A file that is there complete or not at all."""

from __future__ import annotations

import asyncio
import errno
import os
import tempfile
from collections.abc import AsyncIterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

from nvmed.reasons import invalid_field


class AtomicFile:
    """Bytes on their way to `target`: written beside it, and renamed over it by `commit`, after fsync.

    Blocks, and is used by one thread at a time: `open`, then the rest, and `discard` always. Only its owner may read
    the file, as telemetry may hold what users wrote. Raises `OSError`.
    """

    def __init__(self, target: Path) -> None:
        self.target = target
        self._temporary: Path | None = None
        self._descriptor = -1

    def open(self) -> None:
        """Make the file beside the target.

        INVALID_FIELD if the target exists and is not a regular file: renaming over /dev/null would replace it.
        """
        if self.target.exists() and not self.target.is_file():
            raise invalid_field("path", f"{self.target} exists and is not a regular file; name a file.")
        try:
            self._descriptor, name = tempfile.mkstemp(
                prefix=f".{self.target.name}.", suffix=".part", dir=self.target.parent
            )
        except OSError as failure:  # names a file that nobody has typed
            failure.filename = str(self.target if failure.errno == errno.ENAMETOOLONG else self.target.parent)
            raise
        self._temporary = Path(name)

    def write(self, data: bytes) -> None:
        """Append all of `data`."""
        view = memoryview(data)
        while view:
            view = view[os.write(self._descriptor, view) :]

    def restart(self) -> None:
        """Forget everything written."""
        os.lseek(self._descriptor, 0, os.SEEK_SET)
        os.ftruncate(self._descriptor, 0)

    def take(self, source: Path) -> Path:
        """Go on behind the bytes of `source`, which is no file of that name any more; where they are now."""
        if self._temporary is None:
            raise ValueError("take needs an open file")
        os.close(self._descriptor)
        self._descriptor = -1
        source.replace(self._temporary)
        self._descriptor = os.open(self._temporary, os.O_RDWR | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW)
        return self._temporary

    def keep(self, name: Path) -> None:
        """Leave what was written under another name than the target's."""
        if self._temporary is not None:
            self._temporary.replace(name)
            self._temporary = None

    def commit(self) -> None:
        """Make the bytes durable under the target's name, and the name durable in its directory."""
        if self._temporary is None:
            raise ValueError("commit needs an open file")
        os.fsync(self._descriptor)
        self._temporary.replace(self.target)
        self._temporary = None
        directory = os.open(self.target.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)

    def discard(self) -> None:
        """Close, and remove what was not committed."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
        if self._temporary is not None:
            self._temporary.unlink(missing_ok=True)
            self._temporary = None


@asynccontextmanager
async def saving(path: str | os.PathLike[str]) -> AsyncIterator[tuple[AtomicFile, Executor]]:
    """A file that takes its name when the block ends well, and the thread that alone may write to it."""
    executor = ThreadPoolExecutor(1, "nvmedctl-save")
    run = partial(asyncio.get_running_loop().run_in_executor, executor)
    file = AtomicFile(Path(path))
    try:
        await run(file.open)
        yield file, executor
        await run(file.commit)
    finally:
        await run(file.discard)  # behind a write that may still run, also when this is cancelled
        executor.shutdown(wait=False)
