"""Lines of the log as OTLP has them."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, Final

from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord, SeverityNumber

from nvmed.otel.messages import any_value, attributes_of
from nvmed.otel.trace_context import parse_text
from nvmed.tracing import current

_SEVERITIES: Final = {
    "debug": SeverityNumber.SEVERITY_NUMBER_DEBUG,
    "info": SeverityNumber.SEVERITY_NUMBER_INFO,
    "warning": SeverityNumber.SEVERITY_NUMBER_WARN,
    "error": SeverityNumber.SEVERITY_NUMBER_ERROR,
    "critical": SeverityNumber.SEVERITY_NUMBER_FATAL,
}
_APART: Final = frozenset({"event", "level", "timestamp", "trace_id"})


def record_of(line: Mapping[str, Any]) -> LogRecord:
    """A line as nvmed's log has it: its event, and the rest as attributes, in the span that is current."""
    now = time.time_ns()
    event, level = str(line.get("event", "")), str(line.get("level", "info"))
    made = LogRecord(
        time_unix_nano=now,
        observed_time_unix_nano=now,
        severity_number=_SEVERITIES.get(level, SeverityNumber.SEVERITY_NUMBER_UNSPECIFIED),
        severity_text=level,
        event_name=event,
        body=any_value(event),
        attributes=attributes_of({name: value for name, value in line.items() if name not in _APART}),
    )
    context = parse_text(current.get().context)
    if context is not None:
        made.trace_id, made.span_id, made.flags = context.trace_id, context.span_id, int(context.is_sampled)
    return made
