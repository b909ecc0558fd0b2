"""Spans have an end, a parent, and room for so many."""

from __future__ import annotations

from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from nvmed import tracing
from nvmed.otel.spans import SPANS_MAX, Tracer
from nvmed.reasons import Reason, error
from tests.support.collector import attributes

TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


def of_call(ended: list[Span], ratio: float = 1.0) -> tracing.Span:
    return Tracer(ended.append, ratio).call("/nvmed.v1.Test/Do", lambda: ())


def test_a_span_ends_once() -> None:
    ended: list[Span] = []
    span = of_call(ended)
    span.end()
    span.end()
    assert [one.name for one in ended] == ["nvmed.v1.Test/Do"]


def test_what_finds_no_room_is_counted_however_deep() -> None:
    ended: list[Span] = []
    call = of_call(ended)
    deep = call
    for _ in range(SPANS_MAX + 5):
        deep = deep.child("one", {})
        deep.end()
    call.child("another", {}).end()
    assert deep.context.split("-")[1] == call.context.split("-")[1]
    call.end()
    assert len(ended) == SPANS_MAX
    assert attributes(ended[-1])["nvmed.spans_left_out"] == 6 + 1


def test_what_is_raised_is_the_spans_error_and_its_message_is_not_told() -> None:
    ended: list[Span] = []
    try:
        with tracing.within(of_call(ended)) as span:
            assert tracing.current.get() is span
            raise error(Reason.INVALID_FIELD, "what the caller wrote")
    except Exception:
        assert tracing.current.get() is tracing.NONE
    (message,) = ended
    assert (message.status.code, message.status.message) == (Status.STATUS_CODE_ERROR, "INVALID_FIELD")
    assert b"what the caller wrote" not in message.SerializeToString()


def test_a_trace_that_is_not_recorded_goes_on_as_it_is() -> None:
    ended: list[Span] = []
    span = of_call(ended, ratio=0)
    assert span.trace_id == ""
    assert span.child("one", {}) is span
    assert span.context.endswith("-00")
    resumed = Tracer(ended.append, 1).resumed("operation", span.context, {})
    assert resumed.context == span.context
    assert ended == []


def test_a_resumed_operation_is_in_its_trace() -> None:
    ended: list[Span] = []
    resumed = Tracer(ended.append, 0).resumed("operation", f"00-{TRACE}-{PARENT}-01 a=b", {"nvmed.resumed": True})
    resumed.end()
    (message,) = ended
    assert (message.trace_id.hex(), message.parent_span_id.hex(), message.trace_state) == (TRACE, PARENT, "a=b")
