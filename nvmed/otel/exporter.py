"""Sends to a collector what is traced, measured and logged, for as long as the daemon serves."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import grpc
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest, ExportLogsServiceResponse
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord, ResourceLogs, ScopeLogs
from opentelemetry.proto.metrics.v1.metrics_pb2 import ResourceMetrics, ScopeMetrics
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans
from opentelemetry.proto.trace.v1.trace_pb2 import Span as SpanMessage

from nvmed import config, logs, tracing
from nvmed.background import Work, running
from nvmed.devices.inventory import Inventory
from nvmed.devices.sampler import Sampler
from nvmed.otel import hardware, headers
from nvmed.otel.log_lines import record_of
from nvmed.otel.messages import SCOPE, resource_of
from nvmed.otel.outbox import Export, Outbox, Sender
from nvmed.otel.spans import Tracer

SHUTDOWN_S: Final = 2.0
"""How long a daemon that stops waits for a collector in all."""

_ANSWER_BYTES_MAX: Final = 64 * 1024

_OPTIONS: Final = (
    ("grpc.enable_http_proxy", 0),
    ("grpc.max_receive_message_length", _ANSWER_BYTES_MAX),
    ("grpc.max_reconnect_backoff_ms", 30_000),
    ("grpc.use_local_subchannel_pool", 1),
)


_ANSWERS: Final[Mapping[str, Any]] = {
    "trace": ExportTraceServiceResponse,
    "metrics": ExportMetricsServiceResponse,
    "logs": ExportLogsServiceResponse,
}
"""What a collector answers, by what is sent."""


class Exporter:
    """What a daemon has towards one collector. Made before what it traces; sends while `exporting`.

    Raises CONFIG_INVALID for files that cannot be used. Belongs to one event loop.
    """

    def __init__(self, configured: config.Otel) -> None:
        self._configured = configured
        self._resource = resource_of(configured.resource)
        self._channel = _channel(configured)
        # Beside the stubs nobody gets them; gRPC keeps what it was given as long as a call runs.
        secret = headers.read(Path(configured.headers_file)) if configured.headers_file else ()
        metadata = [(name, value.reveal().decode()) for name, value in secret]
        spans, metrics, lines = (
            Sender(signal, _export(self._channel, signal, answer), metadata) for signal, answer in _ANSWERS.items()
        )
        self._spans: Outbox[SpanMessage] = Outbox(spans, self._traces_request)
        self._lines: Outbox[LogRecord] = Outbox(lines, self._logs_request)
        self._metrics = metrics
        self.tracer: tracing.Tracer = (
            Tracer(self._spans.put, configured.sample_ratio) if configured.traces else tracing.OFF
        )

    @asynccontextmanager
    async def exporting(self, inventory: Inventory, sampler: Sampler) -> AsyncIterator[None]:
        """Send inside. `end` sends what still waits, once all has ended that may add to it."""
        wanted = self._configured
        work: list[Work] = [self._spans.serve] if wanted.traces else []
        if wanted.metrics:
            work.append(lambda: self._measure(inventory, sampler))
        async with contextlib.AsyncExitStack() as stack:
            if wanted.logs:
                work.append(self._lines.serve)
                stack.enter_context(logs.forwarded(lambda line: self._lines.put(record_of(line))))
            await stack.enter_async_context(running(*work))
            yield

    async def end(self) -> None:
        """Send what waits, if that takes no longer than `SHUTDOWN_S`, and forget the collector."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(SHUTDOWN_S):
                await self._spans.flush()
                await self._lines.flush()
        await self._channel.close()

    async def _measure(self, inventory: Inventory, sampler: Sampler) -> None:
        while True:
            await asyncio.sleep(self._configured.metrics_interval_s)
            if metrics := hardware.metrics_of(inventory.known, sampler.samples):
                scope = ScopeMetrics(scope=SCOPE, metrics=metrics)
                request = ExportMetricsServiceRequest(
                    resource_metrics=[ResourceMetrics(resource=self._resource, scope_metrics=[scope])]
                )
                await self._metrics.send(request)  # what is not sent now is said again in the next one

    def _traces_request(self, spans: Sequence[SpanMessage]) -> Any:
        scope = ScopeSpans(scope=SCOPE, spans=spans)
        return ExportTraceServiceRequest(resource_spans=[ResourceSpans(resource=self._resource, scope_spans=[scope])])

    def _logs_request(self, records: Sequence[LogRecord]) -> Any:
        scope = ScopeLogs(scope=SCOPE, log_records=records)
        return ExportLogsServiceRequest(resource_logs=[ResourceLogs(resource=self._resource, scope_logs=[scope])])


def _export(channel: grpc.aio.Channel, signal: str, answer: Any) -> Export:
    """The method that takes a signal; the generated stubs are the same call, without types."""
    method = f"/opentelemetry.proto.collector.{signal}.v1.{signal.capitalize()}Service/Export"
    return channel.unary_unary(
        method, request_serializer=lambda request: request.SerializeToString(), response_deserializer=answer.FromString
    )


def _channel(configured: config.Otel) -> grpc.aio.Channel:
    scheme, _, target = configured.endpoint.partition("://")
    if scheme == "http":
        return grpc.aio.insecure_channel(target, options=_OPTIONS)
    roots = config.read_trusted(Path(configured.ca)).encode() if configured.ca else None
    return grpc.aio.secure_channel(target, grpc.ssl_channel_credentials(roots), options=_OPTIONS)
