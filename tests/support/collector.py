"""A collector: the services of OTLP in a real gRPC server, which keeps what it is sent."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import grpc
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric
from opentelemetry.proto.trace.v1.trace_pb2 import Span

SIGNALS: Final = ("trace", "metrics", "logs")
UNKNOWN_CALLER: Final = grpc.StatusCode.UNAUTHENTICATED


@dataclass
class Collector:
    """What was sent, as bytes by signal, with which headers. It answers with `refusal`, not at all if it `hangs`."""

    address: str = ""
    received: dict[str, list[bytes]] = field(default_factory=lambda: {signal: [] for signal in SIGNALS})
    headers: list[dict[str, str | bytes]] = field(default_factory=list)
    refusal: grpc.StatusCode | None = None
    hangs: bool = False
    asked: int = 0

    @property
    def endpoint(self) -> str:
        return f"http://{self.address}"

    @property
    def raw(self) -> bytes:
        """All that was sent."""
        return b"".join(data for kept in self.received.values() for data in kept)

    @property
    def spans(self) -> list[Span]:
        sent = [ExportTraceServiceRequest.FromString(data) for data in self.received["trace"]]
        return [span for each in sent for of in each.resource_spans for scope in of.scope_spans for span in scope.spans]

    @property
    def metrics(self) -> list[Metric]:
        """Of the last export."""
        if not self.received["metrics"]:
            return []
        sent = ExportMetricsServiceRequest.FromString(self.received["metrics"][-1])
        return [one for of in sent.resource_metrics for scope in of.scope_metrics for one in scope.metrics]

    @property
    def lines(self) -> list[LogRecord]:
        sent = [ExportLogsServiceRequest.FromString(data) for data in self.received["logs"]]
        return [
            one for each in sent for of in each.resource_logs for scope in of.scope_logs for one in scope.log_records
        ]

    def resource(self) -> dict[str, str]:
        """Who sent the first spans."""
        sent = ExportTraceServiceRequest.FromString(self.received["trace"][0])
        return {one.key: one.value.string_value for one in sent.resource_spans[0].resource.attributes}

    async def answer(self, signal: str, request: bytes, context: Any) -> bytes:
        self.asked += 1
        if self.hangs:
            await asyncio.Event().wait()
        if self.refusal is not None:
            await context.abort(self.refusal, "quoted: " + str(context.invocation_metadata()))
        self.received[signal].append(request)
        self.headers.append(dict(context.invocation_metadata()))
        return b""


@asynccontextmanager
async def collecting(address: str = "127.0.0.1:0", **changes: Any) -> AsyncIterator[Collector]:
    """A collector that listens on a port of loopback."""
    collector = Collector(**changes)
    server = grpc.aio.server()

    def handler(signal: str) -> grpc.RpcMethodHandler[Any, Any]:
        async def export(request: bytes, context: Any) -> bytes:
            return await collector.answer(signal, request, context)

        return grpc.unary_unary_rpc_method_handler(export)

    for signal in SIGNALS:
        service = f"opentelemetry.proto.collector.{signal}.v1.{signal.capitalize()}Service"
        server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler(service, {"Export": handler(signal)})])
    port = server.add_insecure_port(address)
    collector.address = f"127.0.0.1:{port}"
    await server.start()
    try:
        yield collector
    finally:
        await server.stop(None)


def attributes(of: Any) -> dict[str, Any]:
    """Attributes as values."""
    return {one.key: getattr(one.value, one.value.WhichOneof("value")) for one in of.attributes}
