"""`GET /metrics` over HTTP/1.1: on a loopback address or a unix socket, and over mutual TLS to whom the policy lets.

HTTP is uvicorn's, with h11 below it; connections are accepted here, as each is to have the certificate of its time.
docs/adr/0010 has the reasons.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any, Final

from uvicorn import Config as HttpConfig
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

from nvmed import config
from nvmed.errors import NvmedError
from nvmed.reasons import Reason, error
from nvmed.rpc.admission import DENIALS, AdmissionControl
from nvmed.rpc.credentials import SslCredentials
from nvmed.rpc.listeners import unix_socket
from nvmed.rpc.metrics import CONTENT_TYPE
from nvmed.rpc.services import Components
from nvmed.security.audit import Event, Kind
from nvmed.security.patterns import HOST
from nvmed.security.policy import READ_METRICS, authorise
from nvmed.security.principal import proven_by_certificate

PATH: Final = "/metrics"
REQUEST_BYTES_MAX: Final = 8192
REQUEST_S_MAX: Final = 10.0
"""From the first byte of a request, or the connection, to the last byte of the answer."""
KEPT_S: Final = 90
"""How long a connection is kept between scrapes: Prometheus asks every minute or more often."""
CONNECTIONS_MAX: Final = 16
ACCEPT_AGAIN_S: Final = 1.0

Admit = Callable[[], None]
"""Raises what keeps a caller from metrics, as the policy is now."""

STATUSES: Final = {Reason.POLICY_DENIED.name: 403, Reason.UNKNOWN_PRINCIPAL.name: 403, Reason.TOO_MANY_CALLS.name: 429}


@asynccontextmanager
async def serving_metrics(
    configured: config.Metrics, tls: Sequence[SslCredentials], components: Components
) -> AsyncIterator[tuple[str, ...]]:
    """Serve metrics inside, wherever the configuration says; yields the addresses, those with TLS last."""
    expose, control = components.metrics.exposition, components.admission
    async with AsyncExitStack() as stack:
        addresses = []
        if configured.address:
            plain = _listening(configured)
            addresses.append(await stack.enter_async_context(_served(plain, expose, lambda _: _anyone, lambda: None)))
        for credentials in tls:
            listening = _tcp(credentials.address)
            admit = partial(_by_certificate, control)
            context = partial(_context, credentials)
            addresses.append(await stack.enter_async_context(_served(listening, expose, admit, context)))
        yield tuple(addresses)


@asynccontextmanager
async def _served(
    listening: socket.socket,
    expose: Callable[[], bytes],
    admit: Callable[[asyncio.BaseTransport], Admit],
    context: Callable[[], ssl.SSLContext | None],
) -> AsyncIterator[str]:
    """Answer on a socket inside; yields its address."""
    state = ServerState()
    http = HttpConfig(
        app=_answer, interface="asgi3", http="h11", ws="none", lifespan="off", log_config=None, access_log=False,
        server_header=False, date_header=False, proxy_headers=False, timeout_keep_alive=KEPT_S,
        h11_max_incomplete_event_size=REQUEST_BYTES_MAX,
    )  # fmt: skip
    accepting = asyncio.create_task(_accept(listening, lambda: _Connection(http, state, expose, admit), state, context))
    try:
        yield _address(listening)
    finally:
        accepting.cancel()
        await asyncio.wait([accepting])
        for connection in tuple(state.connections):
            connection.shutdown()
        _close(listening)


async def _accept(
    listening: socket.socket,
    connection: Callable[[], _Connection],
    state: ServerState,
    context: Callable[[], ssl.SSLContext | None],
) -> None:
    """Accept until cancelled; a connection beyond CONNECTIONS_MAX is closed at once."""
    loop = asyncio.get_running_loop()
    shaking: set[asyncio.Task[None]] = set()
    listening.setblocking(False)

    async def begin(accepted: socket.socket) -> None:
        secured = context()
        timeout = {"ssl_handshake_timeout": REQUEST_S_MAX} if secured else {}
        try:
            await loop.connect_accepted_socket(connection, accepted, ssl=secured, **timeout)
        except OSError:  # of TLS too: its own fault, it may come again
            accepted.close()

    try:
        while True:
            try:
                accepted, _ = await loop.sock_accept(listening)
            except OSError:  # no descriptor is left, or the client is gone again
                await asyncio.sleep(ACCEPT_AGAIN_S)
                continue
            if len(shaking) + len(state.connections) >= CONNECTIONS_MAX:
                accepted.close()
                continue
            task = asyncio.create_task(begin(accepted))
            shaking.add(task)
            task.add_done_callback(shaking.discard)
    finally:
        for task in shaking:
            task.cancel()


class _Connection(H11Protocol):
    """A connection whose caller is who its certificate says, and which is cut where a request takes too long."""

    def __init__(
        self,
        http: HttpConfig,
        state: ServerState,
        expose: Callable[[], bytes],
        admit: Callable[[asyncio.BaseTransport], Admit],
    ) -> None:
        super().__init__(config=http, server_state=state, app_state={})
        self._expose = expose
        self._admit = admit
        self._deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.app = partial(_answer, self._expose, self._admit(transport))
        self._begin()

    def data_received(self, data: bytes) -> None:
        self._begin()
        super().data_received(data)

    def on_response_complete(self) -> None:
        self._end()
        super().on_response_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        self._end()
        super().connection_lost(exc)

    def _begin(self) -> None:
        if self._deadline is None:
            self._deadline = self.loop.call_later(REQUEST_S_MAX, self.transport.abort)

    def _end(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None


async def _answer(
    expose: Callable[[], bytes], admit: Admit, scope: dict[str, Any], _: object, send: Callable[..., Any]
) -> None:
    """The application, as ASGI has it."""
    status, body, kind, more = 200, b"", CONTENT_TYPE, []
    plain = "text/plain; charset=utf-8"
    if scope["path"] != PATH:
        status, body, kind = 404, f"there is only {PATH}\n".encode(), plain
    elif scope["method"] not in ("GET", "HEAD"):
        status, more = 405, [(b"allow", b"GET, HEAD")]
    else:
        try:
            admit()
            body = expose()
        except NvmedError as exc:
            status, body, kind = STATUSES.get(exc.reason, 503), f"{exc.reason}: {exc.message}\n".encode(), plain
    headers = [(b"content-type", kind.encode()), (b"content-length", str(len(body)).encode()), *more]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


# -- who may


def _anyone() -> None:
    """A loopback address and a unix socket are for whoever can reach them."""


def _by_certificate(control: AdmissionControl, transport: asyncio.BaseTransport) -> Admit:
    """Who a connection is does not change; what they may does."""
    shown: bytes = transport.get_extra_info("ssl_object").getpeercert(binary_form=True)
    proven = {"x509_pem_cert": [ssl.DER_cert_to_PEM_cert(shown).encode()]}
    peer = str(transport.get_extra_info("peername"))
    return lambda: _admit(control, proven, peer)


def _admit(control: AdmissionControl, proven: dict[str, list[bytes]], peer: str) -> None:
    """Raises UNKNOWN_PRINCIPAL, POLICY_DENIED, TOO_MANY_CALLS; the audit hears of the first two."""
    caller = ""
    try:
        identities = proven_by_certificate(proven)
        caller = identities[0]
        control.throttle.enter(caller, stream=False)
        control.throttle.leave(caller, stream=False)
        authorise(control.policy.principal(identities), READ_METRICS, HOST)
    except NvmedError as exc:
        if exc.reason in DENIALS:
            control.audit.note(
                Event(
                    Kind.DENIAL, method=PATH, principal=caller, peer=peer, resources=(HOST,), code=exc.code,
                    reason=exc.reason, message=exc.message,
                )
            )  # fmt: skip
        raise


# -- sockets


def _context(credentials: SslCredentials) -> ssl.SSLContext:
    return credentials.context


def _listening(configured: config.Metrics) -> socket.socket:
    """The socket of the plain address; raises ADDRESS_IN_USE."""
    if configured.address.startswith("unix:"):
        path = configured.address.removeprefix("unix:")
        mode = "0660" if configured.group else "0600"
        listening = unix_socket(config.UnixListener(path=path, mode=mode, group=configured.group))
        listening.listen()
        return listening
    return _tcp(configured.address)


def _tcp(address: str) -> socket.socket:
    parts = config.host_and_port(address)
    assert parts is not None, "checked with the configuration"  # noqa: S101
    family = socket.AF_INET6 if ":" in parts[0] else socket.AF_INET
    try:
        return socket.create_server(parts, family=family)
    except OSError as exc:
        raise error(
            Reason.ADDRESS_IN_USE, f"{address} cannot be listened on: {exc.strerror}", address=address
        ) from None


def _address(listening: socket.socket) -> str:
    name = listening.getsockname()
    if isinstance(name, str):
        return f"unix:{name}"
    host = f"[{name[0]}]" if ":" in name[0] else name[0]
    return f"{host}:{name[1]}"


def _close(listening: socket.socket) -> None:
    name = listening.getsockname()
    listening.close()
    if isinstance(name, str):
        Path(name).unlink(missing_ok=True)
