"""One gRPC server per listener, all with the same services."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, cast

import grpc
from grpc_channelz.v1 import channelz
from grpc_channelz.v1.channelz_pb2_grpc import add_ChannelzServicer_to_server
from grpc_health.v1 import health_pb2_grpc

from nvmed import config, limits
from nvmed.rpc.accepting import accepting_server
from nvmed.rpc.admission import Identify
from nvmed.rpc.health import Health
from nvmed.rpc.interceptor import Interceptor
from nvmed.rpc.messages import RECEIVED_BYTES_MAX
from nvmed.rpc.reflection import add_reflection_to_server
from nvmed.rpc.services import SERVICES, Components
from nvmed.rpc.wire import deserializer, serialize
from nvmed.v1.firmware_pb2 import UploadImageRequest

PENDING_CALLS_MAX: Final = 16_384
"""Calls that wait for the event loop to take them; a call takes it 0.2 ms, and costs 10 KiB until then."""

OPTIONS: Final[Sequence[tuple[str, Any]]] = (
    ("grpc.enable_channelz", 1),
    ("grpc.max_receive_message_length", RECEIVED_BYTES_MAX),
    ("grpc.max_send_message_length", limits.ANSWER_BYTES_MAX),
    ("grpc.max_metadata_size", limits.METADATA_BYTES_MAX),
    ("grpc.so_reuseport", 0),  # a second daemon on the same port is a mistake, not a helper
    ("grpc.http2.bdp_probe", 0),  # or a slow drive lets 25 MiB of each upload pile up instead of 3
    ("grpc.server.max_pending_requests", PENDING_CALLS_MAX),  # or gRPC begins to cancel calls at random
    ("grpc.server.max_pending_requests_hard_limit", PENDING_CALLS_MAX),
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
)

BULK_METHODS: Final = frozenset(
    {
        "/nvmed.v1.TelemetryService/StreamTelemetry",
        "/nvmed.v1.TelemetryService/ReadCapture",
        "/nvmed.v1.LogService/ReadLogPage",
        "/nvmed.v1.EventService/WatchEvents",
        "/nvmed.v1.SupportService/ReadSupportBundle",
    }
)
"""Methods whose servicers hand over wire bytes, for their chunks or for what is sent to many."""


BULK_UPLOADS: Final = {
    "/nvmed.v1.FirmwareService/UploadImage": deserializer(UploadImageRequest, UploadImageRequest.CHUNK_FIELD_NUMBER),
}
"""Methods whose servicers take chunks as they arrived, and how their requests are read."""


class _Registry:
    """Takes handlers from generated code to a server; those of bulk methods get codecs that let bytes by."""

    def __init__(self, server: grpc.aio.Server) -> None:
        self._server = server
        self.names: list[str] = []

    def add_generic_rpc_handlers(self, handlers: Any) -> None:
        """Left out: the generated code registers the same handlers by method as well, and those are what is taken."""

    def add_registered_method_handlers(self, service_name: str, handlers: dict[str, Any]) -> None:
        served = {name: _with_codecs(f"/{service_name}/{name}", handler) for name, handler in handlers.items()}
        self._server.add_registered_method_handlers(service_name, served)
        self.names.append(service_name)


def _with_codecs(method: str, handler: Any) -> Any:
    if method in BULK_METHODS:
        return handler._replace(response_serializer=serialize)
    if method in BULK_UPLOADS:
        return handler._replace(request_deserializer=BULK_UPLOADS[method])
    return handler


def _options(limited: config.Limits) -> Sequence[tuple[str, Any]]:
    """What the configuration says of connections. Streams outlive the age of theirs: it takes no new calls."""
    return (
        ("grpc.max_allowed_incoming_connections", limited.connections),
        ("grpc.max_connection_idle_ms", limited.connection_idle_s * 1000),
        ("grpc.max_concurrent_streams", limited.streams_per_connection),
        ("grpc.max_connection_age_ms", limited.connection_age_s * 1000),
        ("grpc.server_handshake_timeout_ms", limited.handshake_timeout_s * 1000),
    )


def make_server(components: Components, identify: Identify) -> tuple[grpc.aio.Server, Health, Sequence[str]]:
    """A server without ports, its health and the names of its services; clients are who `identify` says."""
    server = accepting_server(
        Interceptor(components.admission, identify), [*OPTIONS, *_options(components.admission.throttle.limits)]
    )
    registry = _Registry(server)
    target = cast("grpc.aio.Server", registry)
    for add, make in SERVICES:
        add(make(components), target)
    checks = Health()
    health_pb2_grpc.add_HealthServicer_to_server(checks, target)
    add_ChannelzServicer_to_server(channelz.aio.ChannelzServicer(), target)
    add_reflection_to_server(registry.names, server)
    return server, checks, tuple(registry.names)
