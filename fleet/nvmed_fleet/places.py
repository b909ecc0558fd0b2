"""Where a sweep puts what it collects: a directory, or a bucket of an object store. What was put is durable.

A place is named by a path, or by the URL of a bucket (`s3://BUCKET/PREFIX`; also `gs:`, `az:`). What opens a bucket
stands in the worker's environment (AWS_ACCESS_KEY_ID, AWS_ENDPOINT_URL, ...) or is the machine's own identity: it is in
no plan, no history and no argument.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Protocol, TypeVar
from urllib.parse import urlsplit

from nvmedctl.files import AtomicFile

from nvmed.errors import NvmedError
from nvmed.reasons import invalid_field
from nvmed_fleet.errors import FleetReason, error

T = TypeVar("T")

COPY_BYTES = 1 << 20
SCHEMES = ("s3", "gs", "az", "abfs", "abfss")


class Place(Protocol):
    """Objects by name; a name's parts are separated by slashes. Raises PLACE_FAILED."""

    async def put_file(self, name: str, path: Path) -> None:
        """Keep the content of a file under `name`, instead of what was there; it is durable on return."""

    async def put(self, name: str, content: bytes) -> None:
        """As `put_file`."""

    async def get(self, name: str) -> bytes | None:
        """The content of `name`; None if there is no such object."""

    async def size(self, name: str) -> int | None:
        """The size of `name` as the place has it; None if there is no such object."""


def parse(text: str) -> str:
    """The path or URL of a place, absolute; INVALID_FIELD for what can be none."""
    if "://" not in text:
        if not text:
            raise invalid_field("into", "must be a directory or the URL of a bucket.")
        return str(Path(text).absolute())
    try:
        parts = urlsplit(text)
    except ValueError:
        raise invalid_field("into", "is no URL.") from None
    if parts.scheme not in SCHEMES:
        raise invalid_field("into", f"{parts.scheme}: is none of {', '.join(SCHEMES)}.")
    if "@" in parts.netloc or parts.query or parts.fragment:
        raise invalid_field("into", "must have no user, password or query: keys belong into the worker's environment.")
    if not parts.netloc:
        raise invalid_field("into", "names no bucket.")
    return text


def opened(place: str) -> Place:
    """The place that `parse` gave."""
    return Bucket(place) if "://" in place else Folder(Path(place))


class Folder:
    """A directory, for its owner alone; a file appears whole, and synced, or not at all."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def put_file(self, name: str, path: Path) -> None:
        def pieces(file: AtomicFile) -> None:
            with path.open("rb") as source:
                while piece := source.read(COPY_BYTES):
                    file.write(piece)

        await self._in_thread(name, lambda: self._put(name, pieces))

    async def put(self, name: str, content: bytes) -> None:
        await self._in_thread(name, lambda: self._put(name, lambda file: file.write(content)))

    async def get(self, name: str) -> bytes | None:
        path = self._path(name)
        return await self._in_thread(name, lambda: path.read_bytes() if path.exists() else None)

    async def size(self, name: str) -> int | None:
        path = self._path(name)
        return await self._in_thread(name, lambda: path.stat().st_size if path.exists() else None)

    def _put(self, name: str, write: Callable[[AtomicFile], None]) -> None:
        path = self._path(name)
        _make_durable_folder(path.parent)
        file = AtomicFile(path)
        try:
            file.open()
            write(file)
            file.commit()
        finally:
            file.discard()

    def _path(self, name: str) -> Path:
        return self._folder / name

    async def _in_thread(self, name: str, function: Callable[[], T]) -> T:
        try:
            return await asyncio.to_thread(function)
        except OSError as failure:
            raise error(FleetReason.PLACE_FAILED, f"{self._path(name)}: {failure.strerror}.") from failure


def _make_durable_folder(folder: Path) -> None:
    """A folder whose own name survives a power cut too."""
    if folder.is_dir():
        return
    _make_durable_folder(folder.parent)
    folder.mkdir(mode=0o700, exist_ok=True)
    descriptor = os.open(folder.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class Bucket:
    """A bucket, or what is under a prefix of it: an object that the store has answered for is durable."""

    def __init__(self, url: str) -> None:
        try:
            import obstore  # only where a bucket is used
            from obstore.exceptions import BaseError
            from obstore.store import from_url
        except ImportError:
            raise error(FleetReason.PLACE_FAILED, f"{url}: buckets need the extra nvmed[fleet-buckets].") from None
        self._url = url
        self._errors: tuple[type[Exception], ...] = (BaseError, OSError)
        self._obstore = obstore
        try:
            self._store: Any = from_url(url)
        except self._errors as failure:
            raise self._failed(failure) from None

    async def put_file(self, name: str, path: Path) -> None:
        await self._asked(self._obstore.put_async(self._store, name, path))

    async def put(self, name: str, content: bytes) -> None:
        await self._asked(self._obstore.put_async(self._store, name, content))

    async def get(self, name: str) -> bytes | None:
        async def read() -> bytes:
            return bytes(await (await self._obstore.get_async(self._store, name)).bytes_async())

        return await self._found(read())

    async def size(self, name: str) -> int | None:
        found = await self._found(self._obstore.head_async(self._store, name))
        return None if found is None else int(found["size"])

    async def _found(self, call: Awaitable[T]) -> T | None:
        try:
            return await self._asked(call)
        except NvmedError as failure:
            if isinstance(failure.__cause__, FileNotFoundError):
                return None
            raise

    async def _asked(self, call: Awaitable[T]) -> T:
        try:
            return await call
        except self._errors as failure:
            raise self._failed(failure) from failure

    def _failed(self, failure: Exception) -> NvmedError:
        return error(FleetReason.PLACE_FAILED, f"{self._url}: {str(failure).partition(chr(10))[0][:500]}")
