"""How much one caller may take, so that others are served: calls a second, calls and streams at once.

A caller is what its connection proved to be; all who prove nothing are one. What is refused costs no look at policy,
drive or audit, and no line in the log but one a second.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import structlog

from nvmed import config
from nvmed.errors import NvmedError
from nvmed.reasons import Reason, error

ACCOUNTS_MAX: Final = 1024
"""Callers that are remembered while they do nothing; one that is forgotten begins anew with a full burst."""

BUSY_RETRY_MS: Final = 1000
"""When to try again if too much runs: nobody knows when something ends."""

log: Final = structlog.get_logger("nvmed.rpc")


@dataclass(slots=True)
class _Account:
    """What one caller has: a bucket of calls that fills up with time, and what runs."""

    credit: float
    filled: float
    calls: int = 0
    streams: int = 0
    refused: int = 0
    told: float = -math.inf


class Throttle:
    """The accounts of all callers, on one event loop; `limits` is replaced by a reload."""

    def __init__(self, limits: config.Limits, clock: Callable[[], float] = time.monotonic) -> None:
        self.limits = limits
        self.refused = 0
        self._clock = clock
        self._accounts: dict[str, _Account] = {}

    def enter(self, caller: str, *, stream: bool) -> None:
        """A call begins; raises TOO_MANY_CALLS, and then it must not `leave`."""
        limits = self.limits
        account = self._account(caller)
        if stream and account.streams >= limits.streams_at_once:
            raise self._refusal(caller, account, "streams_at_once", limits.streams_at_once, BUSY_RETRY_MS)
        if not stream and account.calls >= limits.calls_at_once:
            raise self._refusal(caller, account, "calls_at_once", limits.calls_at_once, BUSY_RETRY_MS)
        if account.credit < 1:
            wait_ms = math.ceil((1 - account.credit) * 1000 / limits.calls_per_second)
            raise self._refusal(caller, account, "calls_per_second", limits.calls_per_second, wait_ms)
        account.credit -= 1
        if stream:
            account.streams += 1
        else:
            account.calls += 1

    def leave(self, caller: str, *, stream: bool) -> None:
        """A call that was let in has ended."""
        account = self._accounts[caller]
        if stream:
            account.streams -= 1
        else:
            account.calls -= 1

    def _account(self, caller: str) -> _Account:
        now = self._clock()
        account = self._accounts.get(caller)
        if account is None:
            if len(self._accounts) >= ACCOUNTS_MAX:
                self._forget()
            account = self._accounts[caller] = _Account(self.limits.calls_burst, now)
        earned = (now - account.filled) * self.limits.calls_per_second
        account.credit = min(self.limits.calls_burst, account.credit + earned)
        account.filled = now
        return account

    def _forget(self) -> None:
        for caller, account in [*self._accounts.items()]:
            if not account.calls and not account.streams:
                del self._accounts[caller]

    def _refusal(self, caller: str, account: _Account, limit: str, value: int, retry_ms: int) -> NvmedError:
        account.refused += 1
        self.refused += 1
        if account.filled - account.told >= 1:
            log.warning("too_many_calls", principal=caller, limit=limit, value=value, refused=account.refused)
            account.told, account.refused = account.filled, 0
        who = caller or "an unknown caller"
        return error(
            Reason.TOO_MANY_CALLS,
            f"{who} has reached {limit} = {value}; try again in {retry_ms} ms",
            retry_delay_ms=retry_ms,
            limit=limit,
            value=value,
        )
