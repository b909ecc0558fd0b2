"""One budget for the bytes that calls hold: messages not yet decoded, what streams read ahead, what uploads bring.

A caller can hold at most a third of what it leaves free: alone a quarter of everything. So there is always room for
somebody who holds nothing yet, whoever the others are: after four callers who take what they can, 20 MiB of 256.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from typing import Final

from nvmed.reasons import Reason, error

WAIT_S: Final = 5.0
"""How long a call waits for room before it is refused."""

RETRY_MS: Final = 1000


class Budget:
    """The bytes of all callers, on one event loop; `total` is replaced by a reload."""

    def __init__(self, total: int) -> None:
        self.total = total
        self.used = 0
        self.used_max = 0
        self.refused = 0
        self._held: Counter[str] = Counter()
        self._waiting: dict[str, deque[tuple[int, asyncio.Future[None]]]] = {}

    def share(self, caller: str) -> int:
        """How many more bytes `caller` could take now."""
        return (self.total - self.used - 3 * self._held[caller]) // 4

    def take(self, caller: str, size: int) -> bool:
        """Take `size` bytes if there is room and nobody of `caller` waits for some."""
        if caller in self._waiting or size > self.share(caller):
            return False
        self._taken(caller, size)
        return True

    async def wait(self, caller: str, size: int) -> None:
        """Take `size` bytes as soon as there is room; raises LIMIT_EXCEEDED after `WAIT_S`."""
        if self.take(caller, size):
            return
        granted = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(caller, deque()).append((size, granted))
        try:
            async with asyncio.timeout(WAIT_S):
                await granted
        except BaseException as exc:
            if granted.done() and not granted.cancelled():  # it came at the same moment
                self.give(caller, size)
            else:
                self._forget(caller, granted)
            if not isinstance(exc, TimeoutError):
                raise
            self.refused += 1
            raise error(
                Reason.LIMIT_EXCEEDED,
                f"{caller or 'an unknown caller'} found no room for {size} bytes within {WAIT_S:.0f} s: what callers "
                f"hold at once is limited by bytes_in_flight = {self.total}; try again in {RETRY_MS} ms",
                retry_delay_ms=RETRY_MS,
                limit="bytes_in_flight",
                value=self.total,
            ) from None

    def give(self, caller: str, size: int) -> None:
        """Give `size` bytes back."""
        self.used -= size
        self._held[caller] -= size
        if not self._held[caller]:
            del self._held[caller]
        for waiter in [*self._waiting]:
            self._serve(waiter)

    def _taken(self, caller: str, size: int) -> None:
        self.used += size
        self.used_max = max(self.used_max, self.used)
        self._held[caller] += size

    def _serve(self, caller: str) -> None:
        """Let in those of `caller` who wait, in order, as far as there is room."""
        queue = self._waiting[caller]
        while queue and (queue[0][1].done() or queue[0][0] <= self.share(caller)):
            size, granted = queue.popleft()
            if not granted.done():  # or it has given up, and will be forgotten in its turn
                self._taken(caller, size)
                granted.set_result(None)
        if not queue:
            del self._waiting[caller]

    def _forget(self, caller: str, granted: asyncio.Future[None]) -> None:
        queue = self._waiting.get(caller, deque())
        rest = deque(one for one in queue if one[1] is not granted)
        if rest:
            self._waiting[caller] = rest
            self._serve(caller)
        else:
            self._waiting.pop(caller, None)


class Lease:
    """What one call holds of the budget."""

    __slots__ = ("_budget", "_caller", "size")

    def __init__(self, budget: Budget, caller: str) -> None:
        self._budget = budget
        self._caller = caller
        self.size = 0

    async def resize(self, size: int) -> None:
        """Hold `size` bytes from now on; raises LIMIT_EXCEEDED, and then it holds what it held."""
        more = size - self.size
        if more > 0:
            await self._budget.wait(self._caller, more)
        elif more < 0:
            self._budget.give(self._caller, -more)
        self.size = size

    def shrink(self, size: int) -> None:
        """Hold no more than `size` bytes from now on."""
        if size < self.size:
            self._budget.give(self._caller, self.size - size)
            self.size = size

    async def window(self, chunk_bytes: int, window: int, read_ahead_max: int) -> int:
        """How many chunks a stream may read ahead: at most `window`, and what there is room for, but at least one.

        Two more are held meanwhile: the one that is sent, and the memory that a drive fills, which a stream keeps, as
        fresh pages cost five times what it takes to check and copy what is in them.
        """
        most = max(1, min(window, read_ahead_max // chunk_bytes))
        for chunks in range(most, 0, -1):
            size = (chunks + 2) * chunk_bytes
            if chunks == 1:
                await self.resize(self.size + size)
            elif self._budget.take(self._caller, size):
                self.size += size
            else:
                continue
            return chunks
        raise AssertionError("unreachable: one chunk is waited for")
