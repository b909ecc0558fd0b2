"""The lock of a subsystem, and of a simulated host."""

from __future__ import annotations

import threading
from collections.abc import Callable
from types import TracebackType


class DeferringLock:
    """A re-entrant lock whose `later` calls run after it is wholly released, in the order they were made.

    So whoever is told of a change may call back into the subsystem, from any thread, without a deadlock.
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._depth = 0
        self._calls: list[Callable[[], None]] = []

    def __enter__(self) -> None:
        self._lock.acquire()
        self._depth += 1

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, tb: TracebackType | None) -> None:
        self._depth -= 1
        calls: list[Callable[[], None]] = []
        if not self._depth and self._calls:
            calls, self._calls = self._calls, []
        self._lock.release()
        for call in calls:
            call()

    def later(self, call: Callable[[], None]) -> None:
        """Run `call` in this thread once the lock, which is held now, is released."""
        self._calls.append(call)
