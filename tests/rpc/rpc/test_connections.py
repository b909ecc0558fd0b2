"""Connections that say nothing, or are too many, do not close a port to others."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path

import grpc
import pytest

from nvmed.config import Limits
from nvmed.rpc.connections import Connections
from nvmed.v1 import admin_pb2
from nvmed.v1.admin_pb2_grpc import AdminServiceStub
from tests.rpc.harness import reason_of
from tests.rpc.tls import Pki, TlsDaemon, serving_tls
from tests.support.waiting import until

SILENT = 300
LIMITS = {"connections": 200, "connections_silent": 40, "connections_per_address": 20, "connections_per_principal": 4}


@pytest.fixture
async def daemon(tmp_path: Path) -> AsyncIterator[TlsDaemon]:
    async with serving_tls(Pki(tmp_path / "pki"), None, **LIMITS) as served:
        yield served


@contextmanager
def silent(daemon: TlsDaemon, hosts: int, sent: bytes = b"") -> Iterator[list[socket.socket]]:
    """SILENT connections from `hosts` addresses, none of which ever says more than `sent`."""
    port = int(daemon.address.rpartition(":")[2])
    found = []
    try:
        for index in range(SILENT):
            one = socket.socket()
            found.append(one)
            one.bind((f"127.0.1.{1 + index % hosts}", 0))
            one.settimeout(5)
            one.connect(("127.0.0.1", port))
            one.sendall(sent)
            one.setblocking(False)
        yield found
    finally:
        for one in found:
            one.close()


async def served(daemon: TlsDaemon) -> bool:
    """Whether somebody who works is served over a new connection, in his client's second attempt at the latest."""
    async with daemon.pki.channel(daemon.address, daemon.pki.client()) as channel:
        info = await AdminServiceStub(channel).GetServerInfo(
            admin_pb2.GetServerInfoRequest(), wait_for_ready=True, timeout=10
        )
        return bool(info.simulated)


@pytest.mark.parametrize("hosts", [1, 200], ids=["one address", "many addresses"])
@pytest.mark.parametrize("sent", [b"", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"], ids=["silent", "half a hello"])
async def test_silent_connections_do_not_close_the_port(daemon: TlsDaemon, hosts: int, sent: bytes) -> None:
    with silent(daemon, hosts, sent) as connections:
        assert await served(daemon)
        allowed = LIMITS["connections_per_address"] if hosts == 1 else LIMITS["connections_silent"]
        await until(lambda: sum(map(is_open, connections)) <= allowed)
        assert await served(daemon)


def is_open(one: socket.socket) -> bool:
    try:
        return bool(one.recv(1, socket.MSG_PEEK))
    except BlockingIOError:
        return True
    except OSError:
        return False


async def test_a_principal_has_so_many_connections(daemon: TlsDaemon) -> None:
    async with AsyncExitStack() as stack:
        outcomes = []
        for _ in range(LIMITS["connections_per_principal"] + 1):
            channel = await stack.enter_async_context(daemon.pki.channel(daemon.address, daemon.pki.client()))
            try:
                await AdminServiceStub(channel).GetServerInfo(admin_pb2.GetServerInfoRequest())
                outcomes.append("")
            except grpc.aio.AioRpcError as failure:
                outcomes.append(reason_of(failure))
        assert outcomes == [""] * LIMITS["connections_per_principal"] + ["TOO_MANY_CALLS"]


def test_the_silent_go_first_the_oldest_of_them_first() -> None:
    """Over sockets of this process, of which the accepted ones are the port's."""
    limits = Limits(connections_per_address=3, connections_silent=100)
    now = 0.0
    connections = Connections(lambda: limits, lambda: now)
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        pairs = []
        for moment in range(5):
            now = float(moment)
            client = socket.create_connection(("127.0.0.1", port))
            accepted, (host, from_port) = server.accept()
            pairs.append((client, accepted))
            if moment == 0:
                connections.called(f"ipv4:{host}:{from_port}", "uri:somebody")
            connections._see(port)
        connections.look(port)
        for client, _ in pairs:
            client.setblocking(False)
        assert [is_open(client) for client, _ in pairs] == [True, False, False, True, True]
        for pair in pairs:
            for one in pair:
                one.close()


async def test_over_ipv6_peers_are_named_as_grpc_names_them() -> None:
    limits = Limits(connections_per_principal=1)
    connections = Connections(lambda: limits)
    try:
        server = socket.create_server(("::1", 0), family=socket.AF_INET6)
    except OSError:
        pytest.skip("no IPv6 here")
    with server:
        port = server.getsockname()[1]
        with socket.create_connection(("::1", port)) as client, server.accept()[0]:
            connections._see(port)
            assert [one.peer for one in connections._known.values()] == [f"ipv6:%5B::1%5D:{client.getsockname()[1]}"]
