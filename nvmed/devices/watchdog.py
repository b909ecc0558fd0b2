"""systemd's watchdog: the event loop sends WATCHDOG=1 until only a restart of the daemon would help.

A loop that is stuck sends nothing. Beside that, the daemon is sound while every lane is (`Lane.fault`) and its own
lanes answer: the thread that scans, the journal's and the spool's. A drive that hangs is no reason for a restart, which
would not end the ioctl but would end everybody else's calls.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Final

import structlog

from nvmed.devices.lane import Lane
from nvmed.linux import systemd

BEATS_PER_INTERVAL: Final = 2
"""Of half of what systemd allows: a single beat may be missed while a lane is between two states."""

log: Final = structlog.get_logger("nvmed.watchdog")


@asynccontextmanager
async def fed(
    own: Sequence[Lane], drives: Callable[[], Iterable[Lane]], environ: Mapping[str, str] = os.environ
) -> AsyncIterator[None]:
    """Feed the watchdog inside, if there is one: `own` lanes must answer, those of `drives` only be sound."""
    interval_s = systemd.watchdog_interval_s(environ)
    if interval_s is None:
        yield
        return
    feeding = asyncio.create_task(_feed(own, drives, interval_s / BEATS_PER_INTERVAL, environ), name="watchdog")
    try:
        yield
    finally:
        feeding.cancel()
        await asyncio.wait([feeding])


def unsound(own: Sequence[Lane], drives: Iterable[Lane]) -> str:
    """Why a restart is better than going on; "" if it is not."""
    for lane in own:
        if lane.stalled:
            return f"{lane.name}: has not answered for {lane.stalled_for_ms} ms"
    return next((fault for lane in (*own, *drives) if (fault := lane.fault)), "")


async def _feed(
    own: Sequence[Lane], drives: Callable[[], Iterable[Lane]], every_s: float, environ: Mapping[str, str]
) -> None:
    while True:
        why = unsound(own, drives())
        if why:
            log.error("watchdog_starves", message=why)
        else:
            try:
                systemd.alive(environ=environ)
            except OSError as exc:  # the next beat may get through; if none does, systemd restarts us
                log.warning("watchdog_unreachable", message=str(exc))
        await asyncio.sleep(every_s)
