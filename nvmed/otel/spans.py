"""Spans that are kept: begun anywhere, put into an outbox when they end."""

from __future__ import annotations

import itertools
import random
import time
from collections.abc import Callable, Mapping
from typing import Any, Final

from opentelemetry.proto.trace.v1.trace_pb2 import Span as SpanMessage
from opentelemetry.proto.trace.v1.trace_pb2 import Status

from nvmed.otel.messages import attributes_of
from nvmed.otel.trace_context import TraceContext, of_metadata, parse_text
from nvmed.tracing import Metadata, Span, Value

SPANS_MAX: Final = 1_000
"""Spans that one call may have, and one operation; what is beyond is counted in `nvmed.spans_left_out`."""

_TRACE_ID_BYTES: Final = 16
_SPAN_ID_BYTES: Final = 8
_REMOTE: Final = 0x300
"""`SPAN_FLAGS_CONTEXT_HAS_IS_REMOTE_MASK` and `..._IS_REMOTE_MASK`: its parent is of another process."""

Put = Callable[[SpanMessage], None]


class Unrecorded:
    """A span of a trace that is not recorded: it carries the context on, and so do its children."""

    __slots__ = ("_context",)
    trace_id: Final = ""

    def __init__(self, context: TraceContext) -> None:
        self._context = context

    @property
    def context(self) -> str:
        return self._context.text

    def child(self, name: str, attributes: Mapping[str, Value]) -> Span:
        return self

    def set(self, name: str, value: Value) -> None: ...

    def failed(self, reason: str) -> None: ...

    def end(self) -> None: ...


class Recorded:
    """A span that is told of: what is said of it is kept until it ends. Its children share its room for spans."""

    __slots__ = ("_context", "_counter", "_is_ended", "_is_first", "_message", "_put")

    def __init__(
        self,
        context: TraceContext,
        message: SpanMessage,
        put: Put,
        counter: itertools.count[int] | None = None,
    ) -> None:
        self._context = context
        self._message = message
        self._put = put
        self._is_first = counter is None
        self._counter = counter or itertools.count(1)
        self._is_ended = False

    @property
    def context(self) -> str:
        return self._context.text

    @property
    def trace_id(self) -> str:
        return self._context.trace_id.hex()

    def child(self, name: str, attributes: Mapping[str, Value]) -> Span:
        if next(self._counter) >= SPANS_MAX:
            return _LeftOut(self._context, self)
        context = TraceContext(self._context.trace_id, _id(_SPAN_ID_BYTES), True, self._context.state)
        message = _begun(name, context, self._context.span_id, SpanMessage.SPAN_KIND_INTERNAL, attributes)
        return Recorded(context, message, self._put, self._counter)

    def set(self, name: str, value: Value) -> None:
        self._message.attributes.extend(attributes_of({name: value}))

    def failed(self, reason: str) -> None:
        self._message.status.code = Status.STATUS_CODE_ERROR
        self._message.status.message = reason
        self.set("error.type", reason)

    def end(self) -> None:
        if self._is_ended:
            return
        self._is_ended = True
        if self._is_first and (left_out := next(self._counter) - SPANS_MAX) > 0:
            self.set("nvmed.spans_left_out", left_out)
        self._message.end_time_unix_nano = time.time_ns()
        self._put(self._message)


class _LeftOut(Unrecorded):
    """A span for which there was no room, nor is there for its children, which are counted."""

    __slots__ = ("_recorded",)

    def __init__(self, context: TraceContext, recorded: Recorded) -> None:
        super().__init__(context)
        self._recorded = recorded

    def child(self, name: str, attributes: Mapping[str, Value]) -> Span:
        return self._recorded.child(name, attributes)


class Tracer:
    """Begins spans: `put` takes those that end. `sample_ratio` of what no caller has decided about is recorded."""

    def __init__(self, put: Put, sample_ratio: float) -> None:
        self._put = put
        self._sample_ratio = sample_ratio

    def call(self, method: str, metadata: Callable[[], Metadata | None]) -> Span:
        service, _, name = method.removeprefix("/").rpartition("/")
        about: dict[str, Value] = {"rpc.system": "grpc", "rpc.service": service, "rpc.method": name}
        return self._begin(method.removeprefix("/"), of_metadata(metadata()), SpanMessage.SPAN_KIND_SERVER, about)

    def resumed(self, name: str, context: str, attributes: Mapping[str, Value]) -> Span:
        return self._begin(name, parse_text(context), SpanMessage.SPAN_KIND_INTERNAL, attributes)

    def _begin(self, name: str, parent: TraceContext | None, kind: Any, attributes: Mapping[str, Value]) -> Span:
        if parent is not None and not parent.is_sampled:
            return Unrecorded(parent)
        context = TraceContext(
            parent.trace_id if parent else _id(_TRACE_ID_BYTES),
            _id(_SPAN_ID_BYTES),
            parent is not None or random.random() < self._sample_ratio,  # noqa: S311 - no secret
            parent.state if parent else "",
        )
        if not context.is_sampled:
            return Unrecorded(context)
        message = _begun(name, context, parent.span_id if parent else b"", kind, attributes)
        if parent is not None:
            message.flags |= _REMOTE
        return Recorded(context, message, self._put)


def _begun(
    name: str, context: TraceContext, parent_id: bytes, kind: Any, attributes: Mapping[str, Value]
) -> SpanMessage:
    return SpanMessage(
        trace_id=context.trace_id,
        span_id=context.span_id,
        parent_span_id=parent_id,
        trace_state=context.state,
        flags=1,
        name=name,
        kind=kind,
        start_time_unix_nano=time.time_ns(),
        attributes=attributes_of(attributes),
    )


def _id(size_bytes: int) -> bytes:
    """A random identifier, never all zeros. Whoever could guess it would gain nothing."""
    return (random.getrandbits(size_bytes * 8) or 1).to_bytes(size_bytes, "big")
