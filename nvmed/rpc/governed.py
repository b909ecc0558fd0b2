"""Services by what the configuration names to govern them: files of rules and keys, which may go missing while it runs.

What is missing governs as a refusal, where it is used. This tells of it: once in the log, and in health for as long.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Final

import structlog

from nvmed.errors import NvmedError

LOOK_S: Final = 1.0

Check = Callable[[], Awaitable[None]]
"""Raises what keeps the service from doing what is governed."""

log: Final = structlog.get_logger("nvmed.policy")


class Governed:
    """Looks, again and again, whether what governs each service of `checks` can be used."""

    def __init__(self, checks: Mapping[str, Check]) -> None:
        self._checks = checks
        self.refused: dict[str, str] = {}
        """Services that refuse what is governed, and why."""

    async def look(self) -> None:
        """Look once; what changed is logged."""
        for service, check in self._checks.items():
            try:
                await check()
            except NvmedError as exc:
                if self.refused.get(service) != exc.message:
                    log.error("policy_missing", service=service, reason=exc.reason, message=exc.message)
                self.refused[service] = exc.message
            else:
                if self.refused.pop(service, None) is not None:
                    log.info("policy_restored", service=service)

    @asynccontextmanager
    async def followed(self) -> AsyncIterator[None]:
        """Look now, and inside at each interval."""
        await self.look()

        async def follow() -> None:
            while True:
                await asyncio.sleep(LOOK_S)
                await self.look()

        following = asyncio.create_task(follow(), name="governed")
        try:
            yield
        finally:
            following.cancel()
            await asyncio.wait([following])
