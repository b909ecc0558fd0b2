"""Every call passes here: who is it, may they, is the request sound, what went wrong, and one line in the log.

The only place where an error becomes a gRPC status. Handlers raise `NvmedError`s; anything else is a bug and is
reported as such, with a request id that leads to the traceback in the log and nothing about it on the wire.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from operator import attrgetter
from typing import Any, Final, NoReturn

import grpc
import structlog
from google.protobuf.message import Message
from grpc_status import rpc_status

from nvmed.errors import NvmedError, Reason, error
from nvmed.rpc.call import Call, current_call
from nvmed.rpc.errors import to_status
from nvmed.rpc.validate import validate
from nvmed.security.policy import authorise, rule_of
from nvmed.security.principal import Principal

Context = grpc.aio.ServicerContext[Any, Any]
Authenticator = Callable[[Context], Principal]

log: Final = structlog.get_logger("nvmed.rpc")


class Interceptor(grpc.aio.ServerInterceptor):
    """Wraps every handler of one server; `authenticate` says who a connection of that server is."""

    def __init__(self, authenticate: Authenticator) -> None:
        self._authenticate = authenticate
        self._wrapped: dict[str, grpc.RpcMethodHandler[Any, Any]] = {}

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[grpc.RpcMethodHandler[Any, Any] | None]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> grpc.RpcMethodHandler[Any, Any]:
        """The guarded handler of the method, also for a method that nobody serves."""
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
            async with self._guarded(method, context) as guard:
                guard.admit(request)
                return await handler.unary_unary(request, context)

        async def unary_stream(request: Message, context: Context) -> AsyncIterator[Any]:
            async with self._guarded(method, context) as guard:
                guard.admit(request)
                async with aclosing(handler.unary_stream(request, context)) as responses:
                    async for response in responses:
                        yield response

        async def stream_unary(requests: AsyncIterator[Message], context: Context) -> Any:
            async with self._guarded(method, context) as guard:
                return await handler.stream_unary(guard.admitted(requests), context)

        async def stream_stream(requests: AsyncIterator[Message], context: Context) -> AsyncIterator[Any]:
            async with (
                self._guarded(method, context) as guard,
                aclosing(handler.stream_stream(guard.admitted(requests), context)) as responses,
            ):
                async for response in responses:
                    yield response

        if handler.request_streaming and handler.response_streaming:
            return grpc.stream_stream_rpc_method_handler(stream_stream, **codec)
        if handler.request_streaming:
            return grpc.stream_unary_rpc_method_handler(stream_unary, **codec)
        if handler.response_streaming:
            return grpc.unary_stream_rpc_method_handler(unary_stream, **codec)
        return grpc.unary_unary_rpc_method_handler(unary_unary, **codec)

    def _guarded(self, method: str, context: Context) -> _Guard:
        return _Guard(method, context, self._authenticate)

    def _unknown(self, method: str) -> grpc.RpcMethodHandler[Any, Any]:
        async def refuse(request: bytes, context: Context) -> NoReturn:
            async with self._guarded(method, context):
                raise error(Reason.METHOD_UNKNOWN, f"this daemon has no method {method}", method=method)
            raise AssertionError("unreachable: the guard aborts the call")

        return grpc.unary_unary_rpc_method_handler(refuse)


class _Guard:
    """Around one call: checks its requests, translates what it raises, logs how it ended."""

    def __init__(self, method: str, context: Context, authenticate: Authenticator) -> None:
        self._context = context
        self._authenticate = authenticate
        self._method = method
        self._started = time.monotonic()
        self._peer = context.peer()  # asked once: after a cancelled call it would crash in grpc
        self._call: Call | None = None
        self._request_id = uuid.uuid4().hex

    async def __aenter__(self) -> _Guard:
        return self

    def admit(self, request: Message) -> None:
        """Let the call begin: whoever it is may do this to that, and the request is sound."""
        principal = self._authenticate(self._context)
        self._call = Call(self._method, principal, self._peer, self._request_id)
        current_call.set(self._call)
        rule = rule_of(self._method)
        resource = str(attrgetter(rule.resource_field)(request)) if rule.resource_field else ""
        self._call.resource = resource
        authorise(principal, rule.permission, resource)
        validate(request)

    async def admitted(self, requests: AsyncIterator[Message]) -> AsyncIterator[Message]:
        """`requests`, of which the first decides whether the call may begin and all must be sound."""
        first = True
        async for request in requests:
            if first:
                self.admit(request)
                first = False
            else:
                validate(request)
            yield request

    async def __aexit__(self, kind: type[BaseException] | None, exc: BaseException | None, trace: object) -> None:
        if exc is None or isinstance(exc, GeneratorExit):
            self._log("ok" if exc is None else "CANCELLED")
        elif isinstance(exc, asyncio.CancelledError):
            self._log("CANCELLED")
        elif isinstance(exc, grpc.aio.AbortError):  # a library's servicer (health, reflection) aborted by itself
            self._log("aborted")
        else:
            await self._abort(exc)

    async def _abort(self, exc: BaseException) -> None:
        if isinstance(exc, NvmedError):
            failure = exc
        else:
            log.error("bug", method=self._method, request_id=self._request_id, exc_info=exc)
            failure = error(Reason.BUG, f"a bug in nvmed; its log has the details under {self._request_id}")
        self._log(failure.code, reason=failure.reason, message=failure.message)
        await self._context.abort_with_status(rpc_status.to_status(to_status(failure, self._request_id)))

    def _log(self, code: str, **more: str) -> None:
        log.info(
            "call",
            method=self._method,
            principal=self._call.principal.name if self._call else "",
            resource=self._call.resource if self._call else "",
            peer=self._peer,
            request_id=self._request_id,
            code=code,
            duration_ms=round((time.monotonic() - self._started) * 1000, 1),
            **more,
        )
