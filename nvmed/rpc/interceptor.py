"""Admits every call before its handler runs, whatever the shape of the method."""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from typing import Any, NoReturn

import grpc
from google.protobuf.message import Message

from nvmed.reasons import Reason, error
from nvmed.rpc.admission import Admission, AdmissionControl, Context, Identify


class Interceptor(grpc.aio.ServerInterceptor):
    """Wraps every handler of one server; `identify` says who a connection of that server is."""

    def __init__(self, control: AdmissionControl, identify: Identify) -> None:
        self._control = control
        self._identify = identify
        self._wrapped: dict[str, grpc.RpcMethodHandler[Any, Any]] = {}

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[grpc.RpcMethodHandler[Any, Any] | None]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> grpc.RpcMethodHandler[Any, Any]:
        """The handler of the method behind an `Admission`, also for a method that nobody serves."""
        method: str = handler_call_details.method
        if method in self._wrapped:
            return self._wrapped[method]
        handler = await continuation(handler_call_details)
        if handler is None:
            return self._unknown(method)  # not kept: anyone may call any name
        self._wrapped[method] = self._wrap(method, handler)
        return self._wrapped[method]

    def _wrap(self, method: str, handler: Any) -> grpc.RpcMethodHandler[Any, Any]:
        """`handler` with the checks before it and the translation around it, in the same of the four shapes."""
        codec = {
            "request_deserializer": handler.request_deserializer,
            "response_serializer": handler.response_serializer,
        }

        async def unary_unary(request: Message, context: Context) -> Any:
            async with self._admission(method, context) as admission:
                await admission.admit(request)
                return await handler.unary_unary(request, context)

        async def unary_stream(request: Message, context: Context) -> AsyncIterator[Any]:
            async with self._admission(method, context, stream=True) as admission:
                await admission.admit(request)
                async with aclosing(handler.unary_stream(request, context)) as responses:
                    async for response in responses:
                        admission.sent()
                        yield response

        async def stream_unary(requests: AsyncIterator[Message], context: Context) -> Any:
            async with self._admission(method, context, stream=True) as admission:
                return await handler.stream_unary(await admission.admitted(requests), context)

        async def stream_stream(requests: AsyncIterator[Message], context: Context) -> AsyncIterator[Any]:
            async with self._admission(method, context, stream=True) as admission:
                admitted = await admission.admitted(requests)
                async with aclosing(handler.stream_stream(admitted, context)) as responses:
                    async for response in responses:
                        admission.sent()
                        yield response

        async def unary_written(request: Message, context: Context) -> None:
            """For a library's servicer that writes to its context and yields nothing (health's Watch)."""
            async with self._admission(method, context, stream=True) as admission:
                await admission.admit(request)
                await handler.unary_stream(request, context)

        if handler.request_streaming and handler.response_streaming:
            return grpc.stream_stream_rpc_method_handler(stream_stream, **codec)
        if handler.request_streaming:
            return grpc.stream_unary_rpc_method_handler(stream_unary, **codec)
        if handler.response_streaming:
            written = inspect.iscoroutinefunction(handler.unary_stream)
            return grpc.unary_stream_rpc_method_handler(unary_written if written else unary_stream, **codec)
        return grpc.unary_unary_rpc_method_handler(unary_unary, **codec)

    def _admission(self, method: str, context: Context, *, stream: bool = False) -> Admission:
        return Admission(self._control, method, context, self._identify, stream=stream)

    def _unknown(self, method: str) -> grpc.RpcMethodHandler[Any, Any]:
        async def refuse(request: bytes, context: Context) -> NoReturn:
            async with self._admission(method, context) as admission:
                admission.admit_unknown()
                raise error(Reason.METHOD_UNKNOWN, f"this daemon has no method {method}", method=method)
            raise AssertionError("unreachable: leaving the admission aborts the call")

        return grpc.unary_unary_rpc_method_handler(refuse)
