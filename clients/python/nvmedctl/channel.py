"""A gRPC channel whose calls raise `nvmed.errors`, and how one is opened.

Interceptors of grpc.aio cannot do that: one that raises anything but `RpcError` breaks the call it wraps. So the
channel hands out the real calls, each within a thin cover that translates what awaiting and reading it raises.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Generator, Sequence
from contextlib import suppress
from types import TracebackType
from typing import Any, Self

import grpc
import grpc.aio
from grpc.aio import Metadata

from nvmed.errors import NvmedError
from nvmed.reasons import Reason, error, invalid_field
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

WRITE_FAILED = "Internal error from Core"
"""Details of the status that grpc.aio invents where a write fails."""

STATUS_WAIT_S = 0.25
"""How long the real one may take to arrive then. It does at once, or never: gRPC holds it back while there are messages
to read, and grpc.aio reads none once there is a status."""


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


Translate = Callable[[grpc.aio.AioRpcError], NvmedError]


class _Call:
    """A call of any shape: awaits, reads and writes as the real one does, but raises `NvmedError`."""

    __slots__ = ("_call", "_translate")

    def __init__(self, call: Any, translate: Translate) -> None:
        self._call = call
        self._translate = translate

    def __getattr__(self, name: str) -> Any:
        return getattr(self._call, name)

    def __await__(self) -> Generator[Any, None, Any]:
        return self._translated(self._call).__await__()

    async def __aiter__(self) -> AsyncIterator[Any]:
        try:
            async for message in self._call:
                yield message
        except grpc.aio.AioRpcError as failure:
            raise self._translate(await self._true(failure)) from failure

    async def read(self) -> Any:
        return await self._translated(self._call.read())

    async def write(self, request: Any) -> None:
        await self._translated(self._call.write(request))

    async def done_writing(self) -> None:
        await self._translated(self._call.done_writing())

    async def _translated(self, awaitable: Awaitable[Any]) -> Any:
        try:
            return await awaitable
        except grpc.aio.AioRpcError as failure:
            raise self._translate(await self._true(failure)) from failure

    async def _true(self, failure: grpc.aio.AioRpcError) -> grpc.aio.AioRpcError:
        """What the call ended with."""
        return failure


_UNKNOWN_CUT = grpc.aio.AioRpcError(
    grpc.StatusCode.UNAVAILABLE, Metadata(), Metadata(), "the call broke while it was sending"
)


class _SendingCall(_Call):
    """A call that sends a stream.

    When a write fails because the call ends, grpc.aio puts an INTERNAL of its own in the place of the status that came,
    or is about to come, from the daemon (grpc#36066). So the first status that is not that one is kept; if there is
    none, the call broke.
    """

    __slots__ = ("_came", "_status")

    def __init__(self, call: Any, translate: Translate) -> None:
        super().__init__(call, translate)
        self._status: grpc.aio.AioRpcError | None = None
        self._came = asyncio.Event()
        call.add_done_callback(self._remember)  # called for each status

    def _remember(self, call: Any) -> None:
        code, details = _now(call.code()), _now(call.details())
        if self._status is None and details != WRITE_FAILED:
            initial, trailing = _now(call.initial_metadata()), _now(call.trailing_metadata())
            self._status = grpc.aio.AioRpcError(code, initial or Metadata(), trailing or Metadata(), details)
            self._came.set()

    async def _true(self, failure: grpc.aio.AioRpcError) -> grpc.aio.AioRpcError:
        if failure.details() != WRITE_FAILED:
            return failure
        with suppress(TimeoutError):
            async with asyncio.timeout(STATUS_WAIT_S):
                await self._came.wait()
        return self._status or _UNKNOWN_CUT


def _now(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """What a coroutine returns that has nothing left to wait for."""
    try:
        coroutine.send(None)
    except StopIteration as done:
        return done.value
    coroutine.close()
    return None


class TranslatingChannel(grpc.aio.Channel):
    """The channel behind `Client`, for stubs that `Client` does not have.

    `timeout` is the deadline in seconds of a unary call that is made without one; None for none. `metadata` goes with
    each call, before what it has itself.
    """

    def __init__(
        self,
        address: Address,
        tls: Tls | None = None,
        timeout: float | None = None,
        metadata: Sequence[tuple[str, str]] = (),
    ) -> None:
        asyncio.get_running_loop()  # grpc.aio would make a loop of its own, and fail much later
        self.address = address
        self._channel = connect(address, tls)
        self._timeout = timeout
        self._metadata = tuple(metadata)

    def _translate(self, failure: grpc.aio.AioRpcError) -> NvmedError:
        known = from_rpc(failure, str(self.address))
        if known.reason == Reason.CONNECTION_FAILED.name and (cause := self.address.diagnose()):
            return error(Reason.CONNECTION_FAILED, f"{self.address}: {cause}.", address=self.address)
        return known

    def _cover(self, method: Callable[..., Any], timeout: float | None = None, cover: type[_Call] = _Call) -> Any:
        def call(*args: Any, **kwargs: Any) -> _Call:
            kwargs.setdefault("timeout", timeout)
            if self._metadata:
                kwargs["metadata"] = (*self._metadata, *(kwargs.get("metadata") or ()))
            return cover(method(*args, **kwargs), self._translate)

        return call

    def unary_unary(self, *args: Any, **kwargs: Any) -> Any:
        return self._cover(self._channel.unary_unary(*args, **kwargs), self._timeout)

    def unary_stream(self, *args: Any, **kwargs: Any) -> Any:
        return self._cover(self._channel.unary_stream(*args, **kwargs))

    def stream_unary(self, *args: Any, **kwargs: Any) -> Any:
        return self._cover(self._channel.stream_unary(*args, **kwargs), cover=_SendingCall)

    def stream_stream(self, *args: Any, **kwargs: Any) -> Any:
        return self._cover(self._channel.stream_stream(*args, **kwargs), cover=_SendingCall)

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
