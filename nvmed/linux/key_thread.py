"""The one thread that talks to the kernel's keyrings, and how to await it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

from nvmed.reasons import Reason, error
from nvmed.settle import settled

P = ParamSpec("P")
T = TypeVar("T")


class KeyThread:
    """Runs functions one after the other on a thread of its own, which lives until `close`.

    Thread and process keyrings, and with them possession, are the thread's: what one call links, the next one sees, and
    no other thread of the daemon does. Calls to the kernel's keyrings take microseconds, so one thread is enough.
    `begin` is run on it before anything else.
    """

    def __init__(self, begin: Callable[[], None] = lambda: None) -> None:
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="nvmed-keys", initializer=begin)

    async def run(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """What `function` returns or raises.

        Cancelling takes back what has not begun. What has begun is awaited to its end before CancelledError is raised,
        so that nobody acts on a keyring that is still being changed. After `close`, raises SHUTTING_DOWN.
        """
        try:
            job = self._executor.submit(function, *args, **kwargs)
        except RuntimeError:
            raise error(Reason.SHUTTING_DOWN) from None
        outcome = asyncio.wrap_future(job)
        try:
            return await asyncio.shield(outcome)
        except asyncio.CancelledError:
            if not job.cancel():
                await settled(outcome)
            raise

    def close(self) -> None:
        """Let what is queued finish, and end the thread; its private keyrings vanish with it. Blocks; idempotent."""
        self._executor.shutdown()
