"""The listeners: a gRPC server for each, which knows its clients by the listener that they came through."""

from __future__ import annotations

import contextlib
import grp
import os
import socket
import stat
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import grpc

from nvmed import config, files
from nvmed.reasons import Reason, error
from nvmed.rpc.admission import Context, Identify
from nvmed.rpc.connections import Connections, counted
from nvmed.rpc.credentials import GrpcCredentials
from nvmed.rpc.health import checked
from nvmed.rpc.server import make_server
from nvmed.rpc.services import Components
from nvmed.security.principal import is_outdated_tls, proven_by_certificate

STOP_GRACE_S: Final = 5.0
"""How long calls may go on once the daemon was told to stop."""

Bind = Callable[[grpc.aio.Server], str]
"""Binds a server to its address; returns the address with the port it got."""


def by_certificate(context: Context) -> tuple[str, ...]:
    """Who a client with TLS is; raises UNKNOWN_PRINCIPAL if its certificate does not say, or TLS is older than 1.3."""
    proven: Any = context.auth_context()
    if is_outdated_tls(proven):
        raise error(Reason.UNKNOWN_PRINCIPAL, "the connection is not of TLS 1.3, which is the only version accepted")
    return proven_by_certificate(proven)


@asynccontextmanager
async def unix_listener(components: Components, listener: config.UnixListener) -> AsyncIterator[str]:
    """Serve a unix socket, whose clients all are its principal; yields its address."""
    path = Path(listener.path)
    check_socket(listener)
    _make_room(path)

    def bind(server: grpc.aio.Server) -> str:
        with _umask(0o177):  # the socket must not be open to others for even a moment
            server.add_insecure_port(f"unix:{path}")
        _hand_over(path, listener)
        return f"unix:{path}"

    identities = (f"unix:{listener.principal}",)
    async with _serving(components, lambda _: identities, bind) as address:
        try:
            yield address
        finally:
            _remove(path)


def unix_socket(listener: config.UnixListener) -> socket.socket:
    """A listening socket, checked and owned as `unix_listener`'s, for what is no gRPC."""
    path = Path(listener.path)
    check_socket(listener)
    _make_room(path)
    listening = socket.socket(socket.AF_UNIX)
    with _umask(0o177):
        listening.bind(str(path))
    _hand_over(path, listener)
    return listening


@asynccontextmanager
async def loopback_listener(components: Components, listener: config.Loopback) -> AsyncIterator[str]:
    """Serve plain TCP on loopback, whose clients all are `loopback`; yields its address."""

    def bind(server: grpc.aio.Server) -> str:
        return _with_port(listener.address, _bound(listener.address, server.add_insecure_port))

    async with _serving_tcp(components, lambda _: ("loopback",), bind) as address:
        yield address


@asynccontextmanager
async def tls_listener(
    components: Components, listener: config.TlsListener, tls: GrpcCredentials
) -> AsyncIterator[str]:
    """Serve TCP with mutual TLS; clients are who their certificates say. Yields its address."""

    def bind(server: grpc.aio.Server) -> str:
        port = _bound(listener.address, lambda address: server.add_secure_port(address, tls.credentials))
        return _with_port(listener.address, port)

    async with _serving_tcp(components, by_certificate, bind) as address:
        yield address


@asynccontextmanager
async def _serving_tcp(components: Components, identify: Identify, bind: Bind) -> AsyncIterator[str]:
    connections = Connections(lambda: components.admission.throttle.limits)
    async with (
        _serving(components, counted(identify, connections), bind) as address,
        connections.kept(int(address.rpartition(":")[2])),
    ):
        yield address


@asynccontextmanager
async def _serving(components: Components, identify: Identify, bind: Bind) -> AsyncIterator[str]:
    server, health, names = make_server(components, identify)
    address = bind(server)
    await server.start()
    try:
        async with checked(health, components, names):
            yield address
    finally:
        await server.stop(STOP_GRACE_S)


def _bound(address: str, add: Callable[[str], int]) -> int:
    try:
        return add(address)
    except RuntimeError:  # grpc says no more than that it failed
        raise error(
            Reason.ADDRESS_IN_USE, f"{address} cannot be listened on: it is in use, or not this host's", address=address
        ) from None


def _with_port(address: str, port: int) -> str:
    return f"{address.rpartition(':')[0]}:{port}"


@contextlib.contextmanager
def _umask(mask: int) -> Iterator[None]:
    previous = os.umask(mask)
    try:
        yield
    finally:
        os.umask(previous)


def group_id(listener: config.UnixListener) -> int:
    """The group of a socket, -1 for the daemon's own; raises CONFIG_INVALID if the host has none of that name."""
    if not listener.group:
        return -1
    try:
        return grp.getgrnam(listener.group).gr_gid
    except KeyError:
        raise config.invalid(listener.path, "group", f"there is no group {listener.group!r} on this host") from None


def _hand_over(path: Path, listener: config.UnixListener) -> None:
    """Give the socket its group, then its mode: never the other way round."""
    if listener.group:
        try:
            os.chown(path, -1, group_id(listener))
        except PermissionError:
            raise config.invalid(
                listener.path,
                "group",
                f"the daemon may not give the socket to {listener.group!r}: make that one of its supplementary groups",
            ) from None
    path.chmod(int(listener.mode, 8))


def _remove(path: Path) -> None:
    path.unlink(missing_ok=True)


def check_socket(listener: config.UnixListener) -> None:
    """Raise CONFIG_INVALID for a socket that somebody else could put one of their own in the place of, for a path that
    something else has, and for a group that the host has not.
    """
    path = Path(listener.path)
    if why := files.distrust(path.parent):
        raise config.invalid(str(path), "", why)
    group_id(listener)
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return
    except OSError as exc:
        raise config.invalid(str(path), "", f"its directory cannot be used: {exc.strerror}") from None
    if not stat.S_ISSOCK(mode):
        raise config.invalid(str(path), "", "is there and is no socket; choose another path")


def _make_room(path: Path) -> None:
    """Remove the socket that a daemon which was killed left behind, and no other."""
    if not path.exists():
        if not path.parent.is_dir():
            raise config.invalid(str(path), "", f"there is no directory {path.parent}")
        return
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(str(path))
        except OSError:
            path.unlink()
        else:
            raise error(Reason.ADDRESS_IN_USE, f"another daemon serves {path}; stop it first", address=path)
