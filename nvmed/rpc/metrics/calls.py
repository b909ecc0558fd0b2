"""Calls and streams, by method."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from grpc_channelz.v1 import channelz, channelz_pb2
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics

from nvmed.security.policy import METHODS

UNKNOWN: Final = "unknown"
"""Stands for every method that does not exist."""

DURATIONS_S: Final = (0.005, 0.02, 0.1, 0.5, 1, 5, 30, 120, 600)

disable_created_metrics()  # type: ignore[no-untyped-call]  # or each counter has a second series that says when it began


class CallMetrics:
    """Counts calls; told of each by its admission. Belongs to one event loop."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.begun = 0
        self._handled = Counter(
            "nvmed_calls", "Calls that ended, by gRPC code (ok for those that succeeded).", ["method", "code"],
            registry=registry,
        )  # fmt: skip
        self._seconds = Histogram(
            "nvmed_call_duration_seconds", "How long calls took, streams to their end.", ["method"],
            registry=registry, buckets=DURATIONS_S,
        )  # fmt: skip
        self._running = Gauge("nvmed_calls_in_progress", "Calls that run.", ["method"], registry=registry)
        self._streams = Gauge(
            "nvmed_streams_in_progress", "Calls that run and have sent a message of a stream.", ["method"],
            registry=registry,
        )  # fmt: skip
        self._sent = Counter("nvmed_stream_messages_sent", "Messages sent by streams.", ["method"], registry=registry)

    def began(self, method: str) -> None:
        """A call begins."""
        self.begun += 1
        self._running.labels(_known(method)).inc()

    def streams(self, method: str) -> Callable[[], None]:
        """A stream sends its first message: what counts it and each after it. To look the series up took longer."""
        self._streams.labels(method).inc()
        return self._sent.labels(method).inc

    def ended(self, method: str, code: str, seconds: float, *, streamed: bool) -> None:
        """A call has ended with `code`; `streamed` if it had sent a message of a stream."""
        known = _known(method)
        self._running.labels(known).dec()
        if streamed:
            self._streams.labels(known).dec()
        self._handled.labels(known, code).inc()
        self._seconds.labels(known).observe(seconds)


def calls_started() -> int:
    """Calls that gRPC began to receive, by its own count, on all servers of this process."""
    found = channelz.ChannelzServicer.GetServers(channelz_pb2.GetServersRequest(), None)
    return sum(server.data.calls_started for server in found.server)


def _known(method: str) -> str:
    return method if method in METHODS else UNKNOWN
