"""grpc.aio's server, but for how it takes calls: one whose `:path` is no UTF-8 ended it for everybody (grpcio 1.85.1).

grpc.aio decodes the path of each call in the loop that takes them, and what that raises ends the loop and with it the
listener. A method that is registered is known by the request that it answers, so that its path is never decoded; what
is left, methods that nobody serves, is taken here under one name, whatever was asked for. It also saves grpc.aio's
looking through all of its requests at each call.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, Final, NoReturn, cast

import grpc
from grpc._cython import cygrpc
from grpc.aio import _server

UNKNOWN_METHOD: Final = "/unknown"
"""What a method is called that nobody serves: its name is the caller's."""


class _Resolver:
    """What grpc.aio asks for the handler of a method: the interceptor has all of them."""

    def __init__(self, handlers: dict[str, Any]) -> None:
        self._handlers = handlers

    def resolve_handler(self, details: grpc.HandlerCallDetails) -> Any:
        return self._handlers.get(details.method)


class _AcceptingServer(cygrpc.AioServer):  # type: ignore[misc]
    """Takes the calls of each method in a task of its own."""

    def __init__(self, loop: asyncio.AbstractEventLoop, interceptor: Any, options: Sequence[tuple[str, Any]]) -> None:
        super().__init__(loop, None, (), (interceptor,), options, None)
        self._calls_loop = loop
        self._interceptor = interceptor
        self._handlers: dict[str, Any] = {}
        self._running: set[asyncio.Task[None]] = set()

    def add_registered_method_handlers(self, handlers: dict[str, Any]) -> None:
        self._handlers.update(handlers)
        super().add_registered_method_handlers(handlers)

    def _make_request_call_future(self, method: bytes | None) -> asyncio.Task[NoReturn]:
        """For grpc.aio's loop: what it would wait for one call with takes all of them, and ends as the server does."""
        return self._calls_loop.create_task(self._accept(method))

    async def _accept(self, method: bytes | None) -> NoReturn:
        name = method.decode() if method is not None else UNKNOWN_METHOD
        resolver = _Resolver(self._handlers)
        while True:
            state = await (self._request_call() if method is None else self._request_registered_call(method))
            call = cygrpc._handle_rpc(name, resolver, (self._interceptor,), state, self._calls_loop, False)
            task = self._calls_loop.create_task(cygrpc._schedule_rpc_coro(call, state, self._calls_loop, name))
            self._running.add(task)
            task.add_done_callback(self._running.discard)


def accepting_server(interceptor: Any, options: Sequence[tuple[str, Any]]) -> grpc.aio.Server:
    """A server whose calls pass `interceptor`, those of methods that nobody serves too."""
    return cast("grpc.aio.Server", _Server(interceptor, options))


class _Server(_server.Server):
    def __init__(self, interceptor: Any, options: Sequence[tuple[str, Any]]) -> None:
        self._loop = cygrpc.get_working_loop()
        self._server = _AcceptingServer(self._loop, interceptor, tuple(options))
