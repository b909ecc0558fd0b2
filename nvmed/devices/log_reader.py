"""Reading long logs: several commands in flight, a bounded number of bytes in memory, results in order.

A chunk is one message to a client. Each chunk is filled by one of the lane's threads with as many commands as the
transfer limit makes necessary, and `window` chunks are under way at a time: so a chunk costs one wake-up of the loop,
however small the drive's transfers are. Nothing is read further ahead than the window, which advances when the
consumer takes a chunk: a client that stops reading stops the drive.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import threading
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Generic, TypeVar

from nvmed.devices.controller import Session
from nvmed.devices.log_pieces import Piece, read_piece
from nvmed.devices.transfers import TransferLimit
from nvmed.errors import NvmedError
from nvmed.nvme import memory
from nvmed.nvme.transport import Command
from nvmed.reasons import Reason

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class LogRange(Generic[T]):
    """What to read and what to make of it.

    `command` makes the Get Log Page for (offset, length) of a piece; `start` to `end` is read in chunks of
    `chunk_bytes`, each with at most `transfer_bytes` a command. `encode` gets (buffer, size, offset) in the thread that
    read them, with the data behind `headroom` free bytes, and must copy what it keeps: the buffer is used again.
    Without `in_parts` all is one chunk, read by one command.
    """

    command: Callable[[int, int], Command]
    start: int
    end: int
    chunk_bytes: int
    window: int
    transfer_bytes: int
    headroom: int
    encode: Callable[[memoryview, int, int], T]
    in_parts: bool = True


class OrderedDigest:
    """SHA-256 of chunks that several threads read, in whatever order they come.

    Whoever brings a chunk while nobody hashes does so, for itself and for whatever comes meanwhile: no thread waits for
    another, and neither the loop is held up nor a chunk handed from thread to thread.
    """

    def __init__(self) -> None:
        self._hash = hashlib.sha256()
        self._lock = threading.Lock()
        self._waiting: dict[int, tuple[memoryview, Callable[[], None]]] = {}
        self._due = 0
        self._is_hashing = False

    def update(self, index: int, data: memoryview, then: Callable[[], None]) -> None:
        """Add chunk `index` once all before it were added, and call `then`; `data` must stay as it is until then."""
        with self._lock:
            self._waiting[index] = data, then
            if self._is_hashing:
                return
            self._is_hashing = True
        while (following := self._following()) is not None:
            data, then = following
            self._hash.update(data)
            then()

    def digest(self) -> bytes:
        """The hash of all chunks added."""
        return self._hash.digest()

    def _following(self) -> tuple[memoryview, Callable[[], None]] | None:
        """What is due; None if that has not come yet, and then hashing is over."""
        with self._lock:
            following = self._waiting.pop(self._due, None)
            self._is_hashing = following is not None
            self._due += self._is_hashing
            return following


class _Reading(Generic[T]):
    """One reading: what its threads and the loop share, all of it under `lock`.

    A job is a thread's turn: it reads one chunk after another, until as many are under way or waiting as the window
    allows. So a fast drive is read by one thread that is rarely woken, and a slow one by as many as the window has.
    """

    def __init__(self, session: Session, what: LogRange[T], limit: TransferLimit, digest: OrderedDigest | None) -> None:
        self.session = session
        size = what.end - what.start
        self.what = what = what if what.in_parts else replace(what, chunk_bytes=size, transfer_bytes=size)
        self.limit = limit
        self.digest = digest
        self.count = -(-(what.end - what.start) // what.chunk_bytes)
        self.lock = threading.Lock()
        self.stopped = False
        self.next = 0
        self.taken = 0
        self.jobs: dict[object, int | None] = {}
        """Jobs that have not left: the chunk that each one's thread fills, None while it has no thread."""
        self.ready: dict[int, T | BaseException] = {}
        self.awaited: tuple[int, asyncio.AbstractEventLoop, asyncio.Future[None]] | None = None
        self.free: list[memoryview] = []

    def room(self) -> int:
        """How many more chunks may be begun; called with the lock held."""
        return min(self.count - self.next, self.what.window - (self.next - self.taken))

    def unserved(self) -> int:
        """How many jobs more are of use: each that waits for a thread begins a chunk; called with the lock held, and on
        the loop.

        Where others wait for a thread too, one that waits is enough: more would only wait.
        """
        waiting = sum(1 for chunk in self.jobs.values() if chunk is None)
        return max(0, min(self.room(), 1 if self.session.device.lane.waiting else self.what.window) - waiting)

    def add_jobs(self, count: int) -> list[object]:
        """So many more; called with the lock held."""
        added = [object() for _ in range(count)]
        self.jobs |= dict.fromkeys(added)
        return added

    def job(self, job: object) -> None:
        """Read chunks while there is room, a window of them at most; runs in a lane's thread."""
        for _ in range(self.what.window):
            with self.lock:
                if self.stopped or self.room() <= 0:
                    self.jobs.pop(job, None)
                    return
                self.jobs[job] = index = self.next
                self.next += 1
            try:
                self._chunk(index)
            except BaseException as exc:  # the consumer raises it when its turn comes
                self.deliver(index, exc)
        with self.lock:
            self.jobs.pop(job, None)

    def ended(self, job: object, failure: NvmedError | None) -> tuple[int | None, bool]:
        """Which chunk has failed with a job that ended, and whether the job is over; called with the lock held."""
        index = self.jobs.pop(job, None)
        is_busy = failure is not None and failure.reason == Reason.DEVICE_BUSY.name
        if index is not None or (is_busy and self.jobs):  # a busy lane may leave us fewer threads: one is enough
            return index, True
        if failure is not None:
            if self.next < self.count:
                index, self.next = self.next, self.next + 1
            return index, True
        # That one may have left when another one found the lane busy and relied on it.
        is_wanted = self.awaited is not None and self.awaited[0] >= self.next and not self.jobs and not self.stopped
        if is_wanted:
            self.jobs[job] = None
        return None, not is_wanted

    def deliver(self, index: int, result: T | BaseException) -> None:
        """Have chunk `index` ready, and wake the loop if that is what it waits for."""
        with self.lock:
            self.ready[index] = result
            waker = self.awaited if self.awaited is not None and self.awaited[0] == index else None
            if waker is not None:
                self.awaited = None
        if waker is not None:
            _, loop, future = waker
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
                loop.call_soon_threadsafe(_wake, future)

    def _chunk(self, index: int) -> None:
        what = self.what
        offset = what.start + index * what.chunk_bytes
        size = min(what.chunk_bytes, what.end - offset)
        try:
            buffer = self.free.pop()
        except IndexError:
            buffer = _pages_behind(what.headroom, what.chunk_bytes)
        payload = buffer[what.headroom : what.headroom + size]
        piece = Piece(what.command, offset, what.transfer_bytes, what.in_parts, lambda: self.stopped)
        read_piece(self.session, piece, payload, self.limit)
        encoded = what.encode(buffer, size, offset)

        def finish() -> None:
            payload.release()
            with self.lock:
                if self.room() > 0 or not self.free:  # one that stalls keeps what is ready, and one buffer beside it
                    self.free.append(buffer)
            self.deliver(index, encoded)

        if self.digest is None:
            finish()
        else:
            self.digest.update(index, payload, finish)


def _pages_behind(headroom: int, size: int) -> memoryview:
    """`headroom` bytes and, from the beginning of a page on, `size`: so the transport need not copy what is read."""
    lead = memory.page_round(headroom)
    return memory.pages(lead + size)[lead - headroom :]


def _wake(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


async def read_chunks(
    session: Session, what: LogRange[T], limit: TransferLimit, digest: OrderedDigest | None = None
) -> AsyncGenerator[T, None]:
    """Yield what `encode` makes of each chunk, in order. Close it (`aclosing`) to stop the drive at once.

    Raises what the first chunk that failed raised; commands already with the drive then still complete, unheard.
    """
    reading = _Reading(session, what, limit, digest)
    tasks: set[asyncio.Task[None]] = set()
    try:
        for index in range(reading.count):
            result = await _take(reading, index, tasks)
            if isinstance(result, BaseException):
                raise result
            yield result
    finally:
        reading.stopped = True
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        reading.ready.clear()  # whoever keeps the error that ended it keeps this frame
        reading.free.clear()


async def _take(reading: _Reading[T], index: int, tasks: set[asyncio.Task[None]]) -> T | BaseException:
    """Chunk `index`, once it is ready; sees to it that enough threads read."""
    future: asyncio.Future[None] | None = None
    added: list[object] = []
    with reading.lock:
        if index not in reading.ready:
            future = asyncio.get_running_loop().create_future()
            reading.awaited = index, future.get_loop(), future
            # As many threads as there are chunks to begin, as the drive is what takes time; no more, as a lane has few.
            added = reading.add_jobs(reading.unserved())
    if future is not None:
        _begin(reading, added, tasks)
        await future
    with reading.lock:
        reading.taken = index + 1
        result, room = reading.ready.pop(index), reading.room()
        # A thread that is woken has half a window to read; until then what is ready is enough. One that is there still
        # counts, unless it has left everything: then it is on its way out, and the next chunk is read beside sending.
        is_left = not reading.jobs or reading.next == reading.taken
        added = reading.add_jobs(1 if is_left and room * 2 >= reading.what.window and reading.unserved() else 0)
    _begin(reading, added, tasks)
    return result


def _begin(reading: _Reading[T], added: list[object], tasks: set[asyncio.Task[None]]) -> None:
    for job in added:
        task = asyncio.create_task(_job(reading, job))
        tasks.add(task)
        task.add_done_callback(tasks.discard)


async def _job(reading: _Reading[T], job: object) -> None:
    """One job in the lane. What it was given and did not do has failed: the chunk that its thread does not come back
    with, or, where the lane had no thread for it, the next one.
    """
    while True:
        failure: NvmedError | None = None
        try:
            await reading.session.run(partial(reading.job, job))
        except NvmedError as exc:
            failure = exc
        with reading.lock:
            index, is_over = reading.ended(job, failure)
        if failure is not None and index is not None:
            reading.deliver(index, failure)
        if is_over:
            return
