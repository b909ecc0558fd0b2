"""TLS on a real socket: who is let in, who is not, and what happens to the others meanwhile."""

from __future__ import annotations

import asyncio
import json
import resource
import socket
import ssl
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import grpc
import msgspec
import pytest
from cryptography import x509
from grpc_health.v1 import health_pb2, health_pb2_grpc

from nvmed.audit_chain import decode, newest_first
from nvmed.config import Binding, Policy
from nvmed.security.dev_ca import CLIENT, Pair, issue, make_authority
from nvmed.v1.admin_pb2 import GetServerInfoRequest, ServerInfo
from nvmed.v1.admin_pb2_grpc import AdminServiceStub
from tests.rpc.harness import reason_of
from tests.rpc.tls import OPERATOR, Pki, TlsDaemon, serving_tls, tomorrow, yesterday

CONNECTIONS = 500


@pytest.fixture
def pki(tmp_path: Path) -> Pki:
    return Pki(tmp_path / "pki")


@pytest.fixture
async def daemon(pki: Pki) -> AsyncIterator[TlsDaemon]:
    async with serving_tls(pki, handshake_timeout_s=2) as daemon:
        yield daemon


async def info(daemon: TlsDaemon, client: Pair | None, *options: tuple[str, object]) -> ServerInfo:
    """What the daemon says of itself to `client` on a connection of its own."""
    async with daemon.pki.channel(daemon.address, client, *options) as channel:
        return await AdminServiceStub(channel).GetServerInfo(GetServerInfoRequest())


async def code(daemon: TlsDaemon, client: Pair | None, *options: tuple[str, object]) -> grpc.StatusCode:
    """What becomes of a call."""
    try:
        await info(daemon, client, *options)
    except grpc.aio.AioRpcError as failure:
        return failure.code()
    return grpc.StatusCode.OK


def context(pki: Pki, client: Pair | None) -> ssl.SSLContext:
    """How Python's own TLS connects; any version of it."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.load_verify_locations(pki.folder / "ca.pem")
    made.set_alpn_protocols(["h2"])
    if client is not None:
        made.load_cert_chain(*client.write(pki.folder, "python"))
    return made


def connect(daemon: TlsDaemon) -> socket.socket:
    host, _, port = daemon.address.rpartition(":")
    return socket.create_connection((host, int(port)), timeout=30)


async def test_a_certificate_says_who_it_is(daemon: TlsDaemon) -> None:
    assert (await info(daemon, daemon.pki.client())).principal == f"uri:{OPERATOR}"
    assert (await info(daemon, daemon.pki.client("dns.example.org", OPERATOR))).principal == f"uri:{OPERATOR}"


@pytest.mark.parametrize(
    "client",
    [
        lambda pki: None,
        lambda pki: pki.client(not_before=yesterday() - (tomorrow() - yesterday()), not_after=yesterday()),
        lambda pki: pki.client(not_before=tomorrow()),
        lambda pki: Pki(pki.folder / "other").client(),
        lambda pki: make_authority("self-signed"),
    ],
    ids=["none", "expired", "not yet valid", "wrong CA", "self-signed"],
)
async def test_a_stranger_gets_no_connection(daemon: TlsDaemon, client: Callable[[Pki], Pair | None]) -> None:
    assert await code(daemon, client(daemon.pki)) is grpc.StatusCode.UNAVAILABLE
    assert await code(daemon, daemon.pki.client()) is grpc.StatusCode.OK


@pytest.mark.parametrize(
    ("names", "reason"),
    [
        (["198.51.100.7"], "UNKNOWN_PRINCIPAL"),  # an address identifies nobody
        (["other.example.org"], "POLICY_DENIED"),
        (["spiffe://example.org/operator/x"], "POLICY_DENIED"),
    ],
)
async def test_a_name_that_is_not_bound_may_nothing(daemon: TlsDaemon, names: list[str], reason: str) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await info(daemon, daemon.pki.client(*names))
    assert reason_of(refused.value) == reason


@pytest.mark.parametrize(
    "name",
    [
        x509.DNSName("operator.example.org\0.evil.com"),
        x509.UniformResourceIdentifier(f"{OPERATOR}\0evil"),
        x509.UniformResourceIdentifier(f"http://evil.example.com\n{OPERATOR}"),
    ],
    ids=["DNS with NUL", "URI with NUL", "URI with newline"],
)
async def test_a_name_is_not_cut_to_what_is_bound(pki: Pki, name: x509.GeneralName) -> None:
    """gRPC's `peer_dns` and `peer_uri` end at a NUL."""
    bound = Binding(principals=(f"uri:{OPERATOR}", "dns:operator.example.org"), roles=("operator",))
    async with serving_tls(pki, Policy(bindings=(bound,))) as daemon:
        assert await code(daemon, pki.client("operator.example.org")) is grpc.StatusCode.OK
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await info(daemon, issue(pki.authority, "evil", [name], [CLIENT]))
        assert reason_of(refused.value) == "UNKNOWN_PRINCIPAL"


@pytest.mark.parametrize(
    "server",
    [
        lambda pki: pki.server("other.example.org"),
        lambda pki: pki.server(not_before=yesterday() - (tomorrow() - yesterday()), not_after=yesterday()),
        lambda pki: pki.server(not_before=tomorrow()),
    ],
    ids=["wrong SAN", "expired", "not yet valid"],
)
async def test_clients_do_not_talk_to_an_impostor(pki: Pki, server: Callable[[Pki], Pair]) -> None:
    pki.serve_with(server(pki))
    async with serving_tls(pki) as daemon:
        assert await code(daemon, pki.client()) is grpc.StatusCode.UNAVAILABLE


async def test_a_client_of_another_authority_does_not_trust_the_server(daemon: TlsDaemon, tmp_path: Path) -> None:
    async with Pki(tmp_path / "theirs").channel(daemon.address, daemon.pki.client()) as channel:
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await AdminServiceStub(channel).GetServerInfo(GetServerInfoRequest())
    assert refused.value.code() is grpc.StatusCode.UNAVAILABLE


async def test_nvmedctl_over_tls(daemon: TlsDaemon) -> None:
    certificate, key = daemon.pki.client().write(daemon.pki.folder, "operator")
    options = ("--ca", str(daemon.pki.folder / "ca.pem"), "--cert", str(certificate), "--key", str(key))
    for given, code in ((options, 0), (options[:2], 6), ((), 6)):
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "nvmedctl", "--address", daemon.address, "--output", "json", *given, "server", "info",
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        out, _ = await process.communicate()
        assert process.returncode == code
        assert not out or json.loads(out)["principal"] == f"uri:{OPERATOR}"
        assert bool(out) == (code == 0)


def handshake(daemon: TlsDaemon, version: ssl.TLSVersion) -> str | None:
    """The version that a handshake of Python's own TLS ends with."""
    made = context(daemon.pki, daemon.pki.client())
    made.minimum_version = made.maximum_version = version
    with connect(daemon) as plain, made.wrap_socket(plain, server_hostname="localhost") as secured:
        return secured.version()


async def test_tls_1_3_alone_is_spoken(daemon: TlsDaemon) -> None:
    assert await asyncio.to_thread(handshake, daemon, ssl.TLSVersion.TLSv1_3) == "TLSv1.3"
    with pytest.raises(ssl.SSLError):
        await asyncio.to_thread(handshake, daemon, ssl.TLSVersion.TLSv1_2)
    assert await code(daemon, daemon.pki.client()) is grpc.StatusCode.OK


async def test_a_plain_client_gets_nothing_on_the_tls_port(daemon: TlsDaemon) -> None:
    async with grpc.aio.insecure_channel(daemon.address) as channel:
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await AdminServiceStub(channel).GetServerInfo(GetServerInfoRequest())
    assert refused.value.code() is grpc.StatusCode.UNAVAILABLE
    assert await code(daemon, daemon.pki.client()) is grpc.StatusCode.OK


async def test_a_handshake_that_never_ends_is_ended_and_hinders_nobody(daemon: TlsDaemon) -> None:
    slow = [connect(daemon) for _ in range(50)]
    try:
        for one in slow[::2]:
            one.sendall(b"\x16\x03\x01")  # the beginning of a ClientHello
        assert await code(daemon, daemon.pki.client()) is grpc.StatusCode.OK
        for one in slow:
            assert await asyncio.to_thread(ended, one)
    finally:
        for one in slow:
            one.close()


def ended(plain: socket.socket) -> bool:
    """Wait until the server ends the connection."""
    try:
        while plain.recv(4096):
            pass
    except ConnectionResetError:
        pass
    return True


async def test_500_connections(pki: Pki) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 2 * CONNECTIONS + 300
    if soft < wanted:
        if hard < wanted:
            pytest.skip(f"this user may open {hard} files, and {wanted} are needed")
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    client = pki.client()
    made = context(pki, client)
    async with serving_tls(pki, connections=CONNECTIONS + 10) as daemon, AsyncExitStack() as stack:
        host, _, port = daemon.address.rpartition(":")
        for _ in range(CONNECTIONS):
            _, writer = await asyncio.open_connection(host, int(port), ssl=made, server_hostname="localhost")
            stack.callback(writer.close)
        assert await code(daemon, client) is grpc.StatusCode.OK


@pytest.mark.parametrize("size", [64 * 1024, 1024 * 1024])
async def test_metadata_is_limited(daemon: TlsDaemon, size: int) -> None:
    async with daemon.pki.channel(daemon.address, daemon.pki.client()) as channel:
        admin = AdminServiceStub(channel)
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await admin.GetServerInfo(GetServerInfoRequest(), metadata=(("x-large", "x" * size),))
        assert refused.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert (await admin.GetServerInfo(GetServerInfoRequest())).version


async def test_messages_are_limited(daemon: TlsDaemon) -> None:
    async with daemon.pki.channel(daemon.address, daemon.pki.client()) as channel:
        call: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(
            "/nvmed.v1.AdminService/GetServerInfo"
        )
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await call(b"\x7a" + bytes(5 * 1024 * 1024))
        assert refused.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert (await AdminServiceStub(channel).GetServerInfo(GetServerInfoRequest())).version


def served_certificate(daemon: TlsDaemon) -> x509.Certificate:
    made = context(daemon.pki, daemon.pki.client())
    with connect(daemon) as plain, made.wrap_socket(plain, server_hostname="localhost") as secured:
        found = secured.getpeercert(binary_form=True)
    assert found
    return x509.load_der_x509_certificate(found)


async def test_a_certificate_is_replaced_in_mid_stream(pki: Pki) -> None:
    async with AsyncExitStack() as stack:
        daemon = await stack.enter_async_context(serving_tls(pki))
        channel = pki.channel(daemon.address, pki.client())
        watch = health_pb2_grpc.HealthStub(channel).Watch(health_pb2.HealthCheckRequest())
        assert (await watch.read()).status == health_pb2.HealthCheckResponse.SERVING
        new = pki.server()
        pki.serve_with(new)
        before = await asyncio.to_thread(served_certificate, daemon)
        await daemon.reloader.look_at_certificates()
        after = await asyncio.to_thread(served_certificate, daemon)
        assert before.serial_number != new.certificate.serial_number == after.serial_number
        assert (await AdminServiceStub(channel).GetServerInfo(GetServerInfoRequest())).version
        closing = asyncio.create_task(stack.aclose())
        assert (await watch.read()).status == health_pb2.HealthCheckResponse.NOT_SERVING  # it was alive all the time
        await channel.close()
        await closing


async def test_another_authority_of_clients_holds_for_new_connections(daemon: TlsDaemon, tmp_path: Path) -> None:
    pki = daemon.pki
    old = pki.client()
    async with pki.channel(daemon.address, old) as channel:
        admin = AdminServiceStub(channel)
        assert (await admin.GetServerInfo(GetServerInfoRequest())).version
        other = make_authority("another")
        (pki.folder / "ca.pem").write_bytes(other.certificate_pem)
        await daemon.reloader.reload()
        assert (await admin.GetServerInfo(GetServerInfoRequest())).version
        assert await code(daemon, old) is grpc.StatusCode.UNAVAILABLE
        assert await code(daemon, Pki(tmp_path / "new", other).client()) is grpc.StatusCode.OK


async def test_files_that_do_not_fit_are_refused_and_the_old_ones_serve_on(daemon: TlsDaemon) -> None:
    pki = daemon.pki
    (pki.folder / "server.key").write_bytes(pki.server().key_pem)
    await daemon.reloader.look_at_certificates()
    assert await code(daemon, pki.client()) is grpc.StatusCode.OK
    with pytest.raises(Exception, match="is not the key of the certificate"):
        await daemon.reloader.reload()
    assert await code(daemon, pki.client()) is grpc.StatusCode.OK


async def test_a_role_that_is_taken_away_ends_calls_that_run(pki: Pki) -> None:
    async with serving_tls(pki) as daemon, pki.channel(daemon.address, pki.client()) as channel:
        watch = health_pb2_grpc.HealthStub(channel).Watch(health_pb2.HealthCheckRequest())
        await watch.read()
        nobody = Policy(bindings=(Binding(principals=("dns:nobody.example.org",), roles=("viewer",)),))
        daemon.now = msgspec.structs.replace(daemon.now, policy=nobody)
        await daemon.reloader.reload()
        with pytest.raises(grpc.aio.AioRpcError) as ended_with:
            await watch.read()
        assert reason_of(ended_with.value) == "POLICY_DENIED"
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await AdminServiceStub(channel).GetServerInfo(GetServerInfoRequest())
        assert reason_of(refused.value) == "POLICY_DENIED"
        await daemon.served.components.admission.audit.flush()
        told = [decode(line).fields for _, line in newest_first(daemon.served.configured.audit_directory)]
        assert [one["event"] for one in told] == ["denial", "denial", "reloaded", "started"]
        assert [one["method"].rpartition("/")[2] for one in told[:2]] == ["GetServerInfo", "Watch"]
