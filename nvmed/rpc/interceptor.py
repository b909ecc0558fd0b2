"""Admits every call before its handler runs, whatever the shape of the method."""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from typing import Any, NoReturn

import grpc

from nvmed.reasons import Reason, error
from nvmed.rpc.accepting import UNKNOWN_METHOD
from nvmed.rpc.admission import Admission, AdmissionControl, Context, Identify
from nvmed.rpc.field_mask import mask_of, trim


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
            return self._unknown()
        self._wrapped[method] = self._wrap(method, handler)
        return self._wrapped[method]

    def _wrap(self, method: str, handler: Any) -> grpc.RpcMethodHandler[Any, Any]:
        """`handler` with the checks before it and the translation around it.

        To gRPC every method takes a stream, which looks the same on the wire: it would receive and decode the message
        of any other before it asks anybody. So the admission receives it, when the caller may send one.
        """
        decode = handler.request_deserializer

        def admission_of(context: Context) -> Admission:
            is_stream = handler.request_streaming or handler.response_streaming
            return Admission(self._control, method, context, self._identify, decode, stream=is_stream)

        async def unary_unary(_: object, context: Context) -> Any:
            async with admission_of(context) as admission:
                request = await admission.admit()
                mask = mask_of(context.invocation_metadata(), method)
                answer = await handler.unary_unary(request, context)
                if mask:
                    trim(answer, mask)
                return answer

        async def stream_unary(_: object, context: Context) -> Any:
            async with admission_of(context) as admission:
                return await handler.stream_unary(await admission.admitted(), context)

        async def streamed(_: object, context: Context) -> AsyncIterator[Any]:
            async with admission_of(context) as admission:
                if handler.request_streaming:
                    given = handler.stream_stream(await admission.admitted(), context)
                else:
                    given = handler.unary_stream(await admission.admit(), context)
                async with aclosing(given) as responses:
                    async for response in responses:
                        admission.sent()
                        yield response

        async def written(_: object, context: Context) -> None:
            """For a library's servicer that writes to its context and yields nothing (health's Watch)."""
            async with admission_of(context) as admission:
                await handler.unary_stream(await admission.admit(), context)

        serializer = handler.response_serializer
        if handler.response_streaming:
            is_written = not handler.request_streaming and inspect.iscoroutinefunction(handler.unary_stream)
            return grpc.stream_stream_rpc_method_handler(written if is_written else streamed, None, serializer)
        return grpc.stream_unary_rpc_method_handler(
            stream_unary if handler.request_streaming else unary_unary, None, serializer
        )

    def _unknown(self) -> grpc.RpcMethodHandler[Any, Any]:
        async def refuse(_: object, context: Context) -> NoReturn:
            async with Admission(self._control, UNKNOWN_METHOD, context, self._identify) as admission:
                admission.admit_unknown()
                raise error(Reason.METHOD_UNKNOWN, "this daemon has no such method; is the client a newer one?")
            raise AssertionError("unreachable: leaving the admission aborts the call")

        return grpc.stream_unary_rpc_method_handler(refuse)
