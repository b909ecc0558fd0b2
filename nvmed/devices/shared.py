"""Work that is done once for all who ask for it before it begins."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Generic, TypeVar

from nvmed.errors import NvmedError

T = TypeVar("T")


class Shared(Generic[T]):
    """At most one `work` under way and one to come, however many ask. Belongs to one event loop.

    What is under way may have seen what was there before somebody asked: who asks then has what comes next.
    """

    def __init__(self, work: Callable[[], Coroutine[Any, Any, T]]) -> None:
        self._work = work
        self._under_way: asyncio.Task[T] | None = None
        self._next: asyncio.Task[T] | None = None

    async def result(self) -> T:
        """What `work`, begun after this was called, returns or raises; it goes on though a caller is cancelled."""
        if self._next is None or self._next.done():
            self._next = asyncio.create_task(self._turn())
        try:
            return await asyncio.shield(self._next)
        except NvmedError as exc:  # each has one of its own: a traceback grows wherever an error is raised
            raise exc.copy() from exc

    async def _turn(self) -> T:
        if self._under_way is not None and not self._under_way.done():
            await asyncio.wait([self._under_way])
        self._under_way, self._next = self._next, None
        return await self._work()
