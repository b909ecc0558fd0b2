"""Calls of the journal from the event loop: one thread makes them, and syncs once for all that wait at the same time.

Twenty-four drives that are staged together write their intents together. Each waits until its own is on disk, as if it
were alone; but they share the sync, which is what takes the time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

from nvmed.devices.lane import Lane
from nvmed.errors import NvmedError
from nvmed.operations.journal import Journal

T = TypeVar("T")


class JournalCalls:
    """Calls of a journal's methods, in the order they were made. Belongs to one event loop."""

    def __init__(self, journal: Journal) -> None:
        self.lane = Lane("journal", threads=1, waiting_max=100_000)
        self._journal = journal
        self._waiting: list[tuple[Callable[[], Any], asyncio.Future[Any]]] = []
        self._serving: asyncio.Task[None] | None = None

    async def call(self, function: Callable[[], T]) -> T:
        """What `function` gives, once what it wrote is on disk; raises what it raises.

        It is done also if the caller is cancelled meanwhile.
        """
        answer: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._waiting.append((function, answer))
        if self._serving is None:
            self._serving = asyncio.create_task(self._serve())
        return await answer

    async def close(self) -> None:
        """Close the journal, when all that was asked is done."""
        while self._serving is not None:
            await asyncio.wait([self._serving])
        await self.lane.run(self._journal.close)
        self.lane.close()

    async def _serve(self) -> None:
        try:
            while self._waiting:
                group, self._waiting = self._waiting, []
                await self._together(group)
        finally:
            self._serving = None

    async def _together(self, group: list[tuple[Callable[[], Any], asyncio.Future[Any]]]) -> None:
        try:
            outcomes = await self.lane.run(partial(self._journal.together, [function for function, _ in group]))
        except BaseException as exc:  # whatever it is belongs to those who wait
            for _, answer in group:
                if not answer.done():
                    answer.set_exception(exc.copy() if isinstance(exc, NvmedError) else exc)
            if isinstance(exc, asyncio.CancelledError):
                raise
            return
        for (_, answer), (result, failure) in zip(group, outcomes, strict=True):
            if answer.done():  # cancelled
                continue
            if failure is None:
                answer.set_result(result)
            else:
                answer.set_exception(failure)
