"""Structured logs: an event and its values, one line each; JSON for machines, readable on a terminal."""

from __future__ import annotations

import logging
import sys
from typing import Any, Final

import structlog

from nvmed.cut import cut

TEXT_BYTES_MAX: Final = 2048
"""Of a value in a line: most of what is logged of a call is its caller's."""

TRACEBACK_BYTES_MAX: Final = 32 * 1024
ITEMS_MAX: Final = 64


def configure(level: str) -> None:
    """Log to standard error from `level` on."""
    renderer: structlog.typing.Processor = (
        structlog.dev.ConsoleRenderer() if sys.stderr.isatty() else structlog.processors.JSONRenderer(sort_keys=True)
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            _bounded,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=False,  # a reload may change the level, also of loggers that were used before
    )


def _bounded(_: object, __: str, line: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """A line whose texts and lists are cut."""
    for key, value in line.items():
        line[key] = _short(value, TRACEBACK_BYTES_MAX if key == "exception" else TEXT_BYTES_MAX)
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
