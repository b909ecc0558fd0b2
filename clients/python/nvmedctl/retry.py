"""When a stream that broke is resumed, and after how long."""

from __future__ import annotations

import random
from dataclasses import dataclass

from nvmed.errors import NvmedError, Unavailable
from nvmed.reasons import Reason

_CUT = frozenset({Reason.CALL_CANCELLED.name, Reason.COMMAND_TIMEOUT.name, Reason.NVME_ABORTED.name})
"""How a cut arrives besides UNAVAILABLE: of the call itself, or of the command that the drive was at work on."""


def is_transient(error: NvmedError) -> bool:
    """Whether a transfer may be taken up again after `error`, which says nothing about the request.

    The way there broke, the daemon restarts, the drive is busy, a command was cut off, or the daemon says when to try
    again. For what only reads or is committed piece by piece: of a change that failed, its operation says what to do
    (`next_step`), and one that somebody cancelled is not begun again.
    """
    return isinstance(error, Unavailable) or error.reason in _CUT or error.retry_delay_ms is not None


def is_cut_short(failure: BaseException) -> bool:
    """Whether what `failure` ended may be gone on with another time: it was interrupted, or `is_transient` says so."""
    return is_transient(failure) if isinstance(failure, NvmedError) else not isinstance(failure, Exception)


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How patient a client is. Delays are in seconds and grow from `first_delay` to `max_delay` by doubling.

    `attempts` counts failures without a byte in between, so a long transfer over a bad line ends too, but only when it
    stands still. `restarts` counts how often a transfer may begin again because its source changed.
    """

    attempts: int = 8
    restarts: int = 3
    first_delay: float = 0.2
    max_delay: float = 5.0

    def delay(self, failures: int, error: NvmedError) -> float:
        """Seconds to wait after the `failures`-th failure in a row (from 1), never less than the daemon asks for.

        Half of it is random, so that many clients of one daemon do not come back at once.
        """
        backoff = min(self.max_delay, self.first_delay * 2.0 ** min(failures - 1, 62))
        jittered = backoff * random.uniform(0.5, 1.0)  # noqa: S311  # spreads load, guards nothing
        return max(jittered, (error.retry_delay_ms or 0) / 1000)


DEFAULT_RETRY = RetryPolicy()
