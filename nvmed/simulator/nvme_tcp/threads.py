"""Calls that may block, out of the event loop's way.

Not a pool: a simulated controller can be told to hang, and threads that hang would use a pool up and keep the process
from ending. These are daemon threads, made only for commands that the controller says may take time.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def soon(loop: asyncio.AbstractEventLoop, call: Callable[[], None]) -> None:
    """Run `call` in `loop`, from any thread; a loop that is closed needs it no more."""
    with contextlib.suppress(RuntimeError):
        loop.call_soon_threadsafe(call)


async def in_thread(call: Callable[[], T]) -> T:
    """The result of `call`, made in a thread of its own. Cancelling leaves the thread to end by itself."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[T] = loop.create_future()

    def fail(failure: BaseException) -> None:
        if not future.done():
            future.set_exception(failure)

    def succeed(result: T) -> None:
        if not future.done():
            future.set_result(result)

    def run() -> None:
        try:
            result = call()
        except BaseException as failure:  # handed to the caller, whatever it is
            soon(loop, lambda failure=failure: fail(failure))  # type: ignore[misc]
        else:
            soon(loop, lambda: succeed(result))

    threading.Thread(target=run, name="nvme-tcp-command", daemon=True).start()
    return await future
