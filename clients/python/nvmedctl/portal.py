"""The thread in which blocking clients run what the asynchronous ones do.

All blocking clients of a process share one event loop in one thread, which begins with the first of them and ends with
the last: a thousand hosts cost no thousand threads, and grpc.aio has one loop to poll.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator
from concurrent.futures import Future
from typing import Any, Final, ParamSpec, Self, TypeVar

from nvmed.errors import NvmedError
from nvmed.reasons import Reason, error

T = TypeVar("T")
P = ParamSpec("P")

_END: Final = object()


class Portal:
    """An event loop in a thread, and the way into it from all others. `Portal.borrow` is the process's."""

    _current: Portal | None = None
    _lock = threading.Lock()
    """Guards `_current`, and `_users` and `_waiting` of each."""

    def __init__(self) -> None:
        self._users = 0
        self._waiting: set[Future[Any]] = set()
        self._ending = False
        self._process = os.getpid()
        started: Future[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = Future()
        self._thread = threading.Thread(target=self._run, args=(started,), name="nvmedctl", daemon=True)
        self._thread.start()
        self._loop, self._stop = started.result()

    @classmethod
    def borrow(cls) -> Portal:
        """The portal of this process; who borrows it gives it back."""
        with cls._lock:
            if cls._current is None:
                cls._current = cls()
            cls._current._users += 1
            return cls._current

    @classmethod
    def forget(cls) -> None:
        """In a child of `fork`, which has no thread but the one that forked: the next to borrow makes another."""
        cls._current, cls._lock = None, threading.Lock()

    def give_back(self, last: Callable[[], Awaitable[object]]) -> None:
        """Run `last` in the loop; the last one to give back ends the thread, and waits for that."""
        if os.getpid() != self._process:
            return  # in a child of `fork`: all of it is the parent's
        if threading.current_thread() is not self._thread:  # where the garbage collector may find a client
            self.call(last)
        with self._lock:
            self._users -= 1
            if self._users:
                return
            self._ending = True
            Portal._current = None
        self._loop.call_soon_threadsafe(self._stop.set)
        if threading.current_thread() is not self._thread:
            self._thread.join()

    def _run(self, started: Future[tuple[asyncio.AbstractEventLoop, asyncio.Event]]) -> None:
        asyncio.run(_until_stopped(started))
        for outcome in self._waiting:  # nobody adds to them any more
            outcome.set_exception(_closed())

    def call(self, function: Callable[P, Awaitable[T]], *args: P.args, **kwargs: P.kwargs) -> T:
        """What `function` returns, run in the loop.

        An exception that arrives meanwhile, such as KeyboardInterrupt, cancels it, and is raised once it has tidied up.
        Raises RuntimeError where it could never return: in the loop's own thread, and in a child of `fork`.
        """
        outcome: Future[T] = Future()
        tasks: list[asyncio.Task[T]] = []

        async def main() -> T:
            return await function(*args, **kwargs)

        def begin() -> None:
            tasks.append(self._loop.create_task(main()))
            tasks[0].add_done_callback(end)

        def end(task: asyncio.Task[T]) -> None:
            if task.cancelled():
                outcome.set_exception(_closed())
            elif failure := task.exception():
                outcome.set_exception(failure)
            else:
                outcome.set_result(task.result())
            self._waiting.discard(outcome)

        with self._lock:
            self._check()
            self._waiting.add(outcome)
        try:
            self._loop.call_soon_threadsafe(begin)
            return outcome.result()
        except BaseException:
            if not outcome.done():
                self._loop.call_soon_threadsafe(lambda: tasks and tasks[0].cancel())
                outcome.exception()
            raise

    def _check(self) -> None:
        if os.getpid() != self._process:
            raise RuntimeError("This client was made before a fork: its thread and connection stayed with the parent.")
        if threading.current_thread() is self._thread:
            raise RuntimeError("What a client calls back, such as `progress`, must not wait for a call of a client.")
        if self._ending:
            raise RuntimeError("This client is closed.")


os.register_at_fork(after_in_child=Portal.forget)


def _closed() -> NvmedError:
    return error(Reason.CALL_CANCELLED, "The client was closed while the call was under way.")


async def _until_stopped(started: Future[tuple[asyncio.AbstractEventLoop, asyncio.Event]]) -> None:
    stop = asyncio.Event()
    started.set_result((asyncio.get_running_loop(), stop))
    await stop.wait()


class Stream(Iterator[T]):
    """Messages as they arrive, for one thread at a time. One that is not read to its end is closed, or left to the
    garbage collector; `with` closes it.
    """

    def __init__(self, call: Callable[..., Any], messages: AsyncGenerator[T, None]) -> None:
        self._call = call
        self._messages = messages

    def __next__(self) -> T:
        item: T = self._call(self._next)
        if item is _END:
            raise StopIteration
        return item

    async def _next(self) -> T | object:
        return await anext(self._messages, _END)

    def close(self) -> None:
        """End it: nothing more is asked for, and the daemon stops sending."""
        self._call(self._messages.aclose)

    cancel = close
    """As gRPC calls it."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


async def from_thread(items: Iterator[T]) -> AsyncIterator[T]:
    """What an iterator yields that may block, each in a thread: requests of a stream that is sent."""
    while (item := await asyncio.to_thread(next, items, _END)) is not _END:
        yield item  # type: ignore[misc]  # it is not the end
