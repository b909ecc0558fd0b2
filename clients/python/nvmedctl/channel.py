"""A gRPC channel whose calls raise `nvmed.errors`, and how one is opened.

Interceptors of grpc.aio cannot do that: one that raises anything but `RpcError` breaks the call it wraps. So the
channel hands out the real calls, each within a thin cover that translates what awaiting and reading it raises.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Generator
from types import TracebackType
from typing import Any, Self

import grpc
import grpc.aio

from nvmed.errors import NvmedError, Reason, error, invalid_field
from nvmedctl.address import Address, Tls
from nvmedctl.errors import from_rpc

MESSAGE_BYTES_MAX = 4 << 20
"""Largest message either way; the daemon has the same limit."""

OPTIONS: tuple[tuple[str, int], ...] = (
    ("grpc.max_receive_message_length", MESSAGE_BYTES_MAX),
    ("grpc.max_send_message_length", MESSAGE_BYTES_MAX),
    # A stream can be silent while a drive thinks, so only pings show that its connection is dead.
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    # gRPC waits up to two minutes before it connects again, longer than a daemon needs to start.
    ("grpc.initial_reconnect_backoff_ms", 200),
    ("grpc.max_reconnect_backoff_ms", 5_000),
    # Proxy variables are meant for the web, not for the storage host next door.
    ("grpc.enable_http_proxy", 0),
)


def _credentials(tls: Tls) -> grpc.ChannelCredentials:
    try:
        return grpc.ssl_channel_credentials(
            root_certificates=tls.ca.read_bytes(),
            private_key=tls.key.read_bytes() if tls.key else None,
            certificate_chain=tls.certificate.read_bytes() if tls.certificate else None,
        )
    except OSError as failure:
        raise invalid_field("tls", f"{failure.filename}: {failure.strerror}.") from failure


def connect(address: Address, tls: Tls | None = None) -> grpc.aio.Channel:
    """An untranslated channel to `address`; it connects with the first call.

    Raises INVALID_FIELD for TLS on a unix socket, and for none towards another host: a daemon offers plain TCP on
    loopback only, and nothing but TLS tells a client whom it talks to.
    """
    if tls is None:
        if not address.is_loopback:
            raise invalid_field("tls", f"{address} is another host and needs TLS: give CA, certificate and key.")
        authority = [("grpc.default_authority", "localhost")] if address.is_unix else []
        return grpc.aio.insecure_channel(address.target, options=[*OPTIONS, *authority])
    if address.is_unix:
        raise invalid_field("tls", f"{address} is a unix socket, where permissions say who may connect; leave TLS out.")
    name = [("grpc.ssl_target_name_override", tls.server_name)] if tls.server_name else []
    return grpc.aio.secure_channel(address.target, _credentials(tls), options=[*OPTIONS, *name])


class _Call:
    """A call of any shape: awaits, reads and writes as the real one does, but raises `NvmedError`."""

    __slots__ = ("_call", "_translate")

    def __init__(self, call: Any, translate: Callable[[grpc.aio.AioRpcError], NvmedError]) -> None:
        self._call = call
        self._translate = translate

    def __getattr__(self, name: str) -> Any:
        return getattr(self._call, name)

    def __await__(self) -> Generator[Any, None, Any]:
        try:
            return (yield from self._call.__await__())
        except grpc.aio.AioRpcError as failure:
            raise self._translate(failure) from failure

    async def __aiter__(self) -> AsyncIterator[Any]:
        try:
            async for message in self._call:
                yield message
        except grpc.aio.AioRpcError as failure:
            raise self._translate(failure) from failure

    async def read(self) -> Any:
        try:
            return await self._call.read()
        except grpc.aio.AioRpcError as failure:
            raise self._translate(failure) from failure

    async def write(self, request: Any) -> None:
        try:
            await self._call.write(request)
        except grpc.aio.AioRpcError as failure:
            raise self._translate(failure) from failure

    async def done_writing(self) -> None:
        try:
            await self._call.done_writing()
        except grpc.aio.AioRpcError as failure:
            raise self._translate(failure) from failure


class TranslatingChannel(grpc.aio.Channel):
    """The channel behind `Client`, for stubs that `Client` does not have.

    `timeout` is the deadline in seconds of a unary call that is made without one; None for none.
    """

    def __init__(self, address: Address, tls: Tls | None = None, timeout: float | None = None) -> None:
        asyncio.get_running_loop()  # grpc.aio would make a loop of its own, and fail much later
        self.address = address
        self._channel = connect(address, tls)
        self._timeout = timeout

    def _translate(self, failure: grpc.aio.AioRpcError) -> NvmedError:
        known = from_rpc(failure, str(self.address))
        if known.reason == Reason.CONNECTION_FAILED.name and (cause := self.address.diagnose()):
            return error(Reason.CONNECTION_FAILED, f"{self.address}: {cause}.", address=self.address)
        return known

    def _cover(self, method: Callable[..., Any], timeout: float | None = None) -> Any:
        def call(*args: Any, **kwargs: Any) -> _Call:
            kwargs.setdefault("timeout", timeout)
            return _Call(method(*args, **kwargs), self._translate)

        return call

    def unary_unary(self, *args: Any, **kwargs: Any) -> Any:
        return self._cover(self._channel.unary_unary(*args, **kwargs), self._timeout)

    def unary_stream(self, *args: Any, **kwargs: Any) -> Any:
        return self._cover(self._channel.unary_stream(*args, **kwargs))

    def stream_unary(self, *args: Any, **kwargs: Any) -> Any:
        return self._cover(self._channel.stream_unary(*args, **kwargs))

    def stream_stream(self, *args: Any, **kwargs: Any) -> Any:
        return self._cover(self._channel.stream_stream(*args, **kwargs))

    async def close(self, grace: float | None = None) -> None:
        await self._channel.close(grace)

    def get_state(self, try_to_connect: bool = False) -> grpc.ChannelConnectivity:
        return self._channel.get_state(try_to_connect)

    async def wait_for_state_change(self, last_observed_state: grpc.ChannelConnectivity) -> None:
        await self._channel.wait_for_state_change(last_observed_state)

    async def channel_ready(self) -> None:
        await self._channel.channel_ready()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc_val: BaseException | None,
        exc_tb: TracebackType | None,
    ) -> None:
        await self.close()
