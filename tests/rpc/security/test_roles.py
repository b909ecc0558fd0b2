"""Every method, role and transport: who may begin which call. Enumerated from the descriptors of what is served."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import msgspec
import pytest
from google.longrunning import operations_pb2 as longrunning
from google.protobuf import descriptor_pool
from google.protobuf.descriptor import MethodDescriptor
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from nvmed.config import Binding, Config, HostConfig, Limits, Listen, Loopback, Policy, UnixListener
from nvmed.daemon import opened
from nvmed.reload import Served
from nvmed.security.bindings import make_policy
from nvmed.security.dev_ca import Pair
from nvmed.security.policy import METHODS, ROLES
from nvmed.simulator.host import SimulatedHost
from nvmed.simulator.subsystem import Subsystem
from tests.rpc.harness import reason_of, small_drive
from tests.rpc.tls import Pki

NOBODY = "nobody"
WHO = (*ROLES, NOBODY)
"""Each role that ships, and none."""

REFUSALS = (grpc.StatusCode.PERMISSION_DENIED, grpc.StatusCode.UNAUTHENTICATED)


def identity(who: str) -> str:
    return f"spiffe://example.org/{who}"


@dataclass
class Listeners:
    """One daemon with every way in."""

    served: Served
    pki: Pki
    stack: AsyncExitStack

    async def channel(self, transport: str, who: str) -> grpc.aio.Channel:
        """A connection as one who has the role `who` alone."""
        *sockets, tls, loopback = self.served.addresses
        if transport == "unix":
            made = grpc.aio.insecure_channel(sockets[WHO.index(who)])
        elif transport == "tls":
            made = self.pki.channel(tls, self.pki.client(identity(who)))
        else:
            self.give_loopback(who)
            made = grpc.aio.insecure_channel(loopback)
        return await self.stack.enter_async_context(made)

    async def stranger(self, certificate: Pair) -> grpc.aio.Channel:
        """A connection with a certificate that identifies nobody."""
        return await self.stack.enter_async_context(self.pki.channel(self.served.addresses[-2], certificate))

    def give_loopback(self, who: str) -> None:
        """Everyone on loopback is the same: give them another role, as a reload does."""
        listen = self.served.configured.listen
        assert listen.insecure_loopback
        roles = () if who == NOBODY else (who,)
        loopback = msgspec.structs.replace(listen.insecure_loopback, roles=roles)
        changed = msgspec.structs.replace(listen, insecure_loopback=loopback)
        self.served.components.admission.policy = make_policy(
            msgspec.structs.replace(self.served.configured, listen=changed)
        )


@pytest.fixture
async def listeners(tmp_path: Path) -> AsyncIterator[Listeners]:
    pki = Pki(tmp_path / "pki")
    sockets = tuple(
        UnixListener(path=str(tmp_path / f"{who}.sock"), principal=who, roles=() if who == NOBODY else (who,))
        for who in WHO
    )
    configured = Config(
        state_dir=str(tmp_path / "state"),
        host=HostConfig(simulate=1),
        listen=Listen(unix=sockets, tls=(pki.listener(),), insecure_loopback=Loopback(address="127.0.0.1:0")),
        policy=Policy(bindings=tuple(Binding(principals=(f"uri:{identity(who)}",), roles=(who,)) for who in ROLES)),
        limits=Limits(calls_per_second=1_000_000, calls_burst=1_000_000),
    )
    host = SimulatedHost([Subsystem(small_drive())])
    async with opened(host, configured, "test") as served, AsyncExitStack() as stack:
        yield Listeners(served, pki, stack)


async def methods(listeners: Listeners) -> list[MethodDescriptor]:
    """Every method of every service that the daemon says it serves."""
    assert longrunning.DESCRIPTOR.name  # has put its descriptors into the pool
    reflection = reflection_pb2_grpc.ServerReflectionStub(await listeners.channel("unix", "admin"))
    answers = reflection.ServerReflectionInfo(iter([reflection_pb2.ServerReflectionRequest(list_services="")]))
    found: list[MethodDescriptor] = []
    async for answer in answers:
        for service in answer.list_services_response.service:
            found += descriptor_pool.Default().FindServiceByName(service.name).methods
    return found


def path(method: MethodDescriptor) -> str:
    return f"/{method.containing_service.full_name}/{method.name}"


async def one_empty_message() -> AsyncIterator[bytes]:
    yield b""


async def outcome(channel: grpc.aio.Channel, method: MethodDescriptor) -> tuple[grpc.StatusCode, str]:
    """What becomes of a call with an empty request, or of its first answer: its code, and the reason of a refusal."""
    kind: Any = getattr(
        channel,
        f"{'stream' if method.client_streaming else 'unary'}_{'stream' if method.server_streaming else 'unary'}",
    )
    call = kind(path(method))(one_empty_message() if method.client_streaming else b"")
    try:
        if method.server_streaming:
            async for _ in call:
                break
        else:
            await call
    except grpc.aio.AioRpcError as failure:
        return failure.code(), reason_of(failure) if failure.code() in REFUSALS else ""
    finally:
        call.cancel()
    return grpc.StatusCode.OK, ""


async def outcomes(listeners: Listeners, channel: grpc.aio.Channel) -> dict[str, grpc.StatusCode]:
    found = await methods(listeners)
    few = asyncio.Semaphore(16)

    async def one(method: MethodDescriptor) -> tuple[grpc.StatusCode, str]:
        async with few:
            return await outcome(channel, method)

    ends = await asyncio.gather(*map(one, found))
    assert {reason for _, reason in ends} <= {"", "POLICY_DENIED", "UNKNOWN_PRINCIPAL"}
    return {path(method): code for method, (code, _) in zip(found, ends, strict=True)}


async def test_what_is_served_is_what_has_rules(listeners: Listeners) -> None:
    assert {path(method) for method in await methods(listeners)} == set(METHODS)


@pytest.mark.parametrize("transport", ["unix", "tls", "loopback"])
@pytest.mark.parametrize("who", WHO)
async def test_every_method_by_role_and_transport(listeners: Listeners, who: str, transport: str) -> None:
    """Allowed calls get further: an empty request is mostly invalid, which only those hear who may make it."""
    found = await outcomes(listeners, await listeners.channel(transport, who))
    allowed = {name for name, rule in METHODS.items() if rule.permission in ROLES.get(who, frozenset())}
    assert {name for name, code in found.items() if code not in REFUSALS} == allowed
    assert {code for name, code in found.items() if name not in allowed} <= {grpc.StatusCode.PERMISSION_DENIED}
    assert grpc.StatusCode.UNKNOWN not in found.values()


@pytest.mark.parametrize("names", [(), ("198.51.100.7",)], ids=["no name", "an address"])
async def test_every_method_refuses_whom_nobody_knows(listeners: Listeners, names: tuple[str, ...]) -> None:
    certificate = listeners.pki.anonymous() if not names else listeners.pki.client(*names)
    channel = await listeners.stranger(certificate)
    found = await outcomes(listeners, channel)
    assert {name: code for name, code in found.items() if code is not grpc.StatusCode.UNAUTHENTICATED} == {}
    call: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary("/nvmed.v1.AdminService/Nope")
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await call(b"")
    assert refused.value.code() is grpc.StatusCode.UNAUTHENTICATED


@pytest.mark.parametrize("permission", ["keys.read"])
async def test_what_no_role_has_nobody_may(listeners: Listeners, permission: str) -> None:
    names = [name for name, rule in METHODS.items() if rule.permission == permission]
    found = await outcomes(listeners, await listeners.channel("unix", "admin"))
    assert names
    assert {found[name] for name in names} == {grpc.StatusCode.PERMISSION_DENIED}
