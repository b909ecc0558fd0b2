"""A way to the daemon that damages what it carries, to show that a client believes its checks and not the transport."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import grpc
import grpc.aio
from nvmedctl.address import parse
from nvmedctl.channel import connect

from clients.conformance.daemon import Daemon
from nvmed.v1.telemetry_pb2 import StreamTelemetryRequest, StreamTelemetryResponse
from nvmed.v1.telemetry_pb2_grpc import TelemetryServiceStub

CHUNKS = 3
"""Whole chunks that a stream carries before something happens to it."""


@dataclass(slots=True)
class DamagingRelay:
    """Serves StreamTelemetry over mutual TLS with what the daemon answers. The first stream breaks with UNAVAILABLE
    after some chunks; in all later ones a bit of a chunk is flipped.
    """

    daemon: Daemon
    requests: list[StreamTelemetryRequest] = field(default_factory=list)
    """What was asked for."""
    resume_token: str = ""
    """That of the first stream."""
    broken_at: int = 0
    """Bytes of the log that the first stream carried."""
    damaged_at: int = 0
    """Bytes of the log that came through whole; the chunk that begins there is damaged."""

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[str]:
        """Serve on a loopback port; yields the address."""
        pem = self.daemon.server
        server = grpc.aio.server()
        credentials = grpc.ssl_server_credentials(
            [(pem.key.read_bytes(), pem.certificate.read_bytes())], pem.ca.read_bytes(), require_client_auth=True
        )
        stream = grpc.unary_stream_rpc_method_handler(
            self._stream,
            request_deserializer=StreamTelemetryRequest.FromString,
            response_serializer=StreamTelemetryResponse.SerializeToString,
        )
        service = grpc.method_handlers_generic_handler("nvmed.v1.TelemetryService", {"StreamTelemetry": stream})
        server.add_generic_rpc_handlers([service])
        port = server.add_secure_port("127.0.0.1:0", credentials)
        await server.start()
        try:
            yield f"localhost:{port}"
        finally:
            await server.stop(grace=None)

    async def _stream(
        self, request: StreamTelemetryRequest, context: grpc.aio.ServicerContext[Any, Any]
    ) -> AsyncIterator[StreamTelemetryResponse]:
        self.requests.append(request)
        first, chunks = len(self.requests) == 1, 0
        async with connect(parse(self.daemon.socket)) as channel:
            async for response in TelemetryServiceStub(channel).StreamTelemetry(request):
                if response.HasField("header") and first:
                    self.resume_token = response.header.resume_token
                if response.HasField("chunk"):
                    chunk = response.chunk
                    if chunks == CHUNKS and first:
                        self.broken_at = chunk.offset
                        await context.abort(grpc.StatusCode.UNAVAILABLE, "the relay is tired")
                    if chunks == CHUNKS:
                        self.damaged_at = chunk.offset
                        chunk.data = bytes([chunk.data[0] ^ 1]) + chunk.data[1:]
                    chunks += 1
                yield response
