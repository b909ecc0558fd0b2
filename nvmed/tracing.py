"""Where the time of a call goes, for whoever traces: what every room knows of it. `nvmed.otel` makes real spans.

The current span is `NONE` unless tracing is configured, and each child of `NONE` is `NONE`: nothing is kept.
A call, an operation, a step of it and a command are spans, each within the one before.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Final, Protocol, TypeVar

from nvmed.errors import NvmedError

T = TypeVar("T")

Value = str | int | bool
Metadata = Iterable[tuple[str, str | bytes]]


class Span(Protocol):
    """Something that takes time. Attributes are names and numbers: no contents of requests, no secrets.

    `context` is what a caller sends as `traceparent`, and `tracestate` behind a blank, "" for none. `trace_id` is its
    trace in hexadecimal, "" unless it is recorded.
    """

    @property
    def context(self) -> str: ...

    @property
    def trace_id(self) -> str: ...

    def child(self, name: str, attributes: Mapping[str, Value]) -> Span:
        """A span within this one, which begins now; any thread may ask."""
        ...

    def set(self, name: str, value: Value) -> None:
        """Say more of it."""
        ...

    def failed(self, reason: str) -> None:
        """It ends with an error, of a reason of docs/errors.md."""
        ...

    def end(self) -> None:
        """It is over."""
        ...


class _None:
    """A span of nobody who traces."""

    __slots__ = ()
    context: Final = ""
    trace_id: Final = ""

    def child(self, name: str, attributes: Mapping[str, Value]) -> Span:
        return self

    def set(self, name: str, value: Value) -> None: ...

    def failed(self, reason: str) -> None: ...

    def end(self) -> None: ...


NONE: Final[Span] = _None()

current: Final[ContextVar[Span]] = ContextVar("current_span", default=NONE)
"""The span that what runs now is part of."""


class Tracer(Protocol):
    """Begins spans that are part of no other of this process."""

    def call(self, method: str, metadata: Callable[[], Metadata | None]) -> Span:
        """Of a call, within what its caller's metadata say; they are asked for only if that matters."""
        ...

    def resumed(self, name: str, context: str, attributes: Mapping[str, Value]) -> Span:
        """Within a span of an earlier process, by its `context`."""
        ...


class _Off:
    __slots__ = ()

    def call(self, method: str, metadata: Callable[[], Metadata | None]) -> Span:
        return NONE

    def resumed(self, name: str, context: str, attributes: Mapping[str, Value]) -> Span:
        return NONE


OFF: Final[Tracer] = _Off()


@contextmanager
def within(span: Span) -> Iterator[Span]:
    """`span` is the current one inside and ends with it: failed, if something is raised."""
    token = current.set(span)
    try:
        yield span
    except BaseException as exc:
        span.failed(exc.reason if isinstance(exc, NvmedError) else type(exc).__name__)
        raise
    finally:
        current.reset(token)
        span.end()


def carried(function: Callable[[], T]) -> Callable[[], T]:
    """`function` with the span that is current now, for a thread; itself where nobody traces."""
    span = current.get()
    if span is NONE:
        return function

    def run() -> Any:
        token = current.set(span)
        try:
            return function()
        finally:
            current.reset(token)

    return run
