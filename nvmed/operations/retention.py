"""How long, and how many, ended operations are remembered; the rest is forgotten beside the work.

A `request_id` must find its operation again for a day (AIP-155), so nothing younger that has one goes, however many
there are. What bounds those is the share of each principal, `answers_max`.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import structlog

from nvmed.errors import NvmedError
from nvmed.operations.journal import REPEATABLE_MS
from nvmed.operations.journal_reader import JournalReader, Kept
from nvmed.operations.records import now_ms

DAY_MS: Final = 24 * 3600 * 1000
EVERY_S: Final = 3600.0
EVERY_OPERATIONS: Final = 1_000
"""After so long, or so many that began, it is looked for what is to be forgotten."""

BATCH: Final = 500
"""Operations that are deleted at once: others write their intents in between."""

log: Final = structlog.get_logger("nvmed.operations")


@dataclass(frozen=True, slots=True)
class Retention:
    """What the configuration says about it; `docs/configure.md` has the meaning of each."""

    operations_days: int = 30
    history_days: int = 3650
    per_resource_max: int = 1_000
    operations_max: int = 100_000

    @property
    def answers_max(self) -> int:
        """Operations with a request_id that one principal may begin in a day."""
        return self.operations_max // 4

    def kept(self, now: int) -> Kept:
        """What is remembered at that time, in milliseconds since the epoch."""
        return Kept(
            since_ms=now - self.operations_days * DAY_MS,
            history_since_ms=now - self.history_days * DAY_MS,
            repeatable_since_ms=now - REPEATABLE_MS,
            per_resource=self.per_resource_max,
            in_all=self.operations_max,
        )


class Forgetting:
    """Forgets what `retention` does not keep: `delete` deletes ended operations by their ids."""

    def __init__(
        self, reader: JournalReader, retention: Retention, delete: Callable[[Sequence[str]], Awaitable[Any]]
    ) -> None:
        self._reader = reader
        self._retention = retention
        self._delete = delete
        self._begun = 0
        self._looked = time.monotonic()
        self._lock = asyncio.Lock()

    def is_due(self) -> bool:
        """Whether to `forget` now; asked once for each operation that begins."""
        self._begun += 1
        return self._begun >= EVERY_OPERATIONS or time.monotonic() - self._looked > EVERY_S

    async def forget(self) -> None:
        """Forget what is not to be kept, a batch at a time; one that cannot be written is left for the next time."""
        self._begun, self._looked = 0, time.monotonic()
        async with self._lock:
            try:
                while batch := await self._reader.forgettable(self._retention.kept(now_ms()), BATCH):
                    await self._delete(batch)
            except NvmedError as exc:
                log.error("nothing_forgotten", message=exc.message)
