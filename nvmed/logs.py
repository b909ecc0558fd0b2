"""Structured logs: an event and its values, one line each; JSON for machines, readable on a terminal.

docs/logs.md has every event.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from contextvars import Context
from dataclasses import dataclass
from typing import Any, Final, TextIO

from nvmed import journald, limits
from nvmed.cut import cut
from nvmed.plain_structlog import structlog

TEXT_BYTES_MAX: Final = 2048
"""Of a value in a line: most of what is logged of a call is its caller's."""

TRACEBACK_BYTES_MAX: Final = 32 * 1024
ITEMS_MAX: Final = 64


UNLIMITED: Final = frozenset({"audit", "lines_left_out"})

log: Final = structlog.get_logger("nvmed.logs")

Line = Mapping[str, Any]

_also: list[Callable[[Line], None]] = []


@contextmanager
def forwarded(to: Callable[[Line], None]) -> Iterator[None]:
    """Give each line inside to `to` as well, in whichever thread logs it; it neither waits nor raises."""
    _also.append(to)
    try:
        yield
    finally:
        _also.remove(to)


def configure(level: str) -> None:
    """Log to standard error from `level` on."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            Flood(),
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            _bounded,
            _forward,
            _rendering(sys.stderr, os.environ),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=_factory(sys.stderr, os.environ),
        cache_logger_on_first_use=False,  # a reload may change the level, also of loggers that were used before
    )


@dataclass(slots=True)
class _Window:
    """Lines of one event and principal, since `began_s`."""

    began_s: float
    lines: int = 0


class Flood:
    """Leaves out what a principal causes, or the daemon says, again and again: the newest lines push out what led to
    them. Of each event and principal so many lines a minute are written; then the first line after the minute, whatever
    it is, is behind one that says how many were not. What is kept for that has a bound as well.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._windows: OrderedDict[tuple[str, str], _Window] = OrderedDict()

    def __call__(self, _: object, __: str, line: structlog.typing.EventDict) -> structlog.typing.EventDict:
        """The line, if it may be written; raises `DropEvent` if not."""
        event = str(line.get("event", ""))
        if event in UNLIMITED:
            return line
        about = event, str(line.get("principal", ""))
        now = self._clock()
        with self._lock:
            ended = self._ended(now, about)
            window = self._windows.setdefault(about, _Window(now))
            window.lines += 1
            left_out = window.lines > limits.LOG_LINES_PER_MINUTE
        for (of, principal), lines in ended:
            # Not in the context of whatever call is logged now.
            Context().run(log.warning, "lines_left_out", of=of, principal=principal, left_out=lines)
        if left_out:
            raise structlog.DropEvent
        return line

    def _ended(self, now: float, about: tuple[str, str]) -> list[tuple[tuple[str, str], int]]:
        """Forget windows that are over, or the oldest if there is no room: those that lines were left out of."""
        ended = []
        while self._windows:
            oldest, window = next(iter(self._windows.items()))
            is_full = len(self._windows) >= limits.LOG_FLOODS_KEPT and about not in self._windows
            if now - window.began_s < limits.LOG_WINDOW_S and not is_full:
                break
            del self._windows[oldest]
            if (left_out := window.lines - limits.LOG_LINES_PER_MINUTE) > 0:
                ended.append((oldest, left_out))
        return ended


def _rendering(to: TextIO, environ: Mapping[str, str]) -> structlog.typing.Processor:
    """How lines are written: for people on a terminal, else as JSON; for journald with what is in it as fields."""
    if to.isatty():
        return structlog.dev.ConsoleRenderer()
    json = structlog.processors.JSONRenderer(sort_keys=True)
    return journald.rendering(json) if is_journal(to, environ) else json


def _factory(to: TextIO, environ: Mapping[str, str]) -> Callable[..., Any]:
    if is_journal(to, environ):
        return lambda *_: journald.Logger(to)
    return structlog.WriteLoggerFactory(file=to)


def is_journal(to: TextIO, environ: Mapping[str, str]) -> bool:
    """Whether journald reads what is written there: systemd says which stream it has connected."""
    with suppress(OSError, ValueError):
        found = os.fstat(to.fileno())
        return environ.get("JOURNAL_STREAM") == f"{found.st_dev}:{found.st_ino}"
    return False


def _bounded(_: object, __: str, line: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """A line whose texts and lists are cut."""
    for key, value in line.items():
        line[key] = _short(value, TRACEBACK_BYTES_MAX if key == "exception" else TEXT_BYTES_MAX)
    return line


def _forward(_: object, __: str, line: structlog.typing.EventDict) -> structlog.typing.EventDict:
    for to in _also:
        to(line)
    return line


def _short(value: Any, bytes_max: int) -> Any:
    if isinstance(value, str):
        return cut(value, bytes_max)
    if isinstance(value, list | tuple):
        more = len(value) - ITEMS_MAX
        shown = [_short(one, bytes_max) for one in value[:ITEMS_MAX]]
        return [*shown, f"and {more} more"] if more > 0 else shown
    if isinstance(value, dict):
        return {key: _short(one, bytes_max) for key, one in value.items()}
    return value
