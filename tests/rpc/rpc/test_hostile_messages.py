"""Every method on every listener: what cannot be decoded, is too large, or comes from somebody without a role."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf import descriptor_pool
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from grpc_reflection.v1alpha import reflection_pb2
from structlog.testing import capture_logs

from nvmed.config import Binding, Config, HostConfig, Limits, Listen, Loopback, Policy, UnixListener
from nvmed.daemon import opened
from nvmed.limits import LABEL_BYTES_MAX, LABEL_KEY_BYTES_MAX, REQUEST_BYTES_MAX
from nvmed.reload import Served
from nvmed.rpc.field_rules import Rule
from nvmed.rpc.messages import LARGER, RECEIVED_BYTES_MAX, bytes_max
from nvmed.rpc.rules import RULES
from nvmed.rpc.services import admin
from nvmed.rpc.wire import varint
from nvmed.security.policy import METHODS
from nvmed.simulator.host import SimulatedHost
from nvmed.simulator.subsystem import Subsystem
from nvmed.v1 import admin_pb2, firmware_pb2, inventory_pb2
from nvmed.v1.admin_pb2_grpc import AdminServiceStub
from tests.rpc.harness import reason_of, small_drive
from tests.rpc.tls import OPERATOR, Pki

UNDECODABLE = {
    "no protobuf": b"\xff\xff\xff",
    "a length beyond the end": b"\x0a\x7f",
    "a group that never ends": b"\x0b" * 200,
}
LISTENERS = ("admin", "nobody", "loopback", "tls")


async def _left_open(bodies: Sequence[bytes]) -> AsyncIterator[bytes]:
    for body in bodies:
        yield body
    await asyncio.Event().wait()


@dataclass
class Listeners:
    """One daemon, and a channel to each of its listeners."""

    served: Served
    state_dir: Path
    channels: Mapping[str, grpc.aio.Channel]

    async def outcome(self, listener: str, method: str, *bodies: bytes) -> tuple[str, str]:
        """How a call with these messages ends: code and reason.

        Where there are several the stream is left open: grpc.aio invents a status if it cannot close what was refused.
        """
        channel: Any = self.channels[listener]
        if len(bodies) == 1:
            call = channel.unary_stream(method)(bodies[0])
        else:
            call = channel.stream_stream(method)(_left_open(bodies) if bodies else iter(()))
        try:
            async for _ in call:
                pass
        except grpc.aio.AioRpcError as failure:
            try:
                return failure.code().name, reason_of(failure)
            except AssertionError:
                return failure.code().name, ""
        return "OK", ""

    async def outcomes(self, listener: str, body: Callable[[str], bytes]) -> dict[str, tuple[str, str]]:
        """How a call of each method ends, all of them at once, with the message that `body` gives it."""
        calls = (self.outcome(listener, method, body(method)) for method in METHODS)
        return dict(zip(METHODS, await asyncio.gather(*calls), strict=True))

    async def audited(self) -> list[dict[str, object]]:
        """The audit's records."""
        await self.served.components.admission.audit.flush()
        files = sorted((self.state_dir / "audit").glob("*.jsonl"))
        return [json.loads(line) for file in files for line in file.read_text().splitlines()]


@pytest.fixture
async def listeners(tmp_path: Path) -> AsyncIterator[Listeners]:
    """A daemon with a listener of each kind."""
    pki = Pki(tmp_path / "pki")
    configured = Config(
        state_dir=str(tmp_path / "state"),
        host=HostConfig(simulate=1),
        listen=Listen(
            unix=(
                UnixListener(path=str(tmp_path / "admin.sock"), roles=("admin",)),
                UnixListener(path=str(tmp_path / "nobody.sock"), principal="nobody"),
            ),
            tls=(pki.listener(),),
            insecure_loopback=Loopback(address="127.0.0.1:0"),
        ),
        policy=Policy(bindings=(Binding(principals=(f"uri:{OPERATOR}",), roles=("admin",)),)),
        limits=Limits(calls_per_second=1_000_000, calls_burst=1_000_000),
    )
    async with AsyncExitStack() as stack:
        host = SimulatedHost([Subsystem(small_drive())])
        served = await stack.enter_async_context(opened(host, configured, "test"))
        admin, nobody, tls, loopback = served.addresses
        options = [("grpc.max_metadata_size", 8192)]
        channels = {
            "admin": grpc.aio.insecure_channel(admin, options=options),
            "nobody": grpc.aio.insecure_channel(nobody, options=options),
            "loopback": grpc.aio.insecure_channel(loopback, options=options),
            "tls": pki.channel(tls, pki.client()),
        }
        for channel in channels.values():
            await stack.enter_async_context(channel)
        yield Listeners(served, tmp_path / "state", channels)


def unknown_field(size: int) -> bytes:
    """A sound message of `size` bytes of any method: one field that none of them knows."""
    content = size - 6
    body = varint(1000 << 3 | 2) + varint(content)
    return body + bytes(size - len(body))


@pytest.mark.parametrize("listener", LISTENERS)
@pytest.mark.parametrize("body", UNDECODABLE.values(), ids=UNDECODABLE)
async def test_what_cannot_be_decoded_is_a_bad_request(listeners: Listeners, listener: str, body: bytes) -> None:
    with capture_logs() as logs:
        outcomes = await listeners.outcomes(listener, lambda _: body)
    wanted = ("INVALID_ARGUMENT", "INVALID_FIELD")
    assert {method: outcome for method, outcome in outcomes.items() if outcome != wanted} == {}
    calls = [line["method"] for line in logs if line["event"] == "call" and line["reason"] == "INVALID_FIELD"]
    assert sorted(calls) == sorted(METHODS)
    denials = [record for record in await listeners.audited() if record["event"] == "denial"]
    assert sorted(str(record["method"]) for record in denials) == sorted(METHODS)
    counted = listeners.served.components.metrics.exposition().decode()
    for method in METHODS:
        assert f'nvmed_calls_total{{code="INVALID_ARGUMENT",method="{method}"}} 1.0' in counted


@pytest.mark.parametrize("listener", LISTENERS)
async def test_a_message_over_its_methods_limit_is_refused(listeners: Listeners, listener: str) -> None:
    outcomes = await listeners.outcomes(listener, lambda method: unknown_field(bytes_max(method) + 1))
    for method, outcome in outcomes.items():
        wanted = (
            ("RESOURCE_EXHAUSTED", "")
            if bytes_max(method) == RECEIVED_BYTES_MAX
            else ("INVALID_ARGUMENT", "INVALID_FIELD")
        )
        assert (method, outcome) == (method, wanted)


@pytest.mark.parametrize("listener", LISTENERS)
async def test_a_message_over_every_limit_is_refused_by_grpc_and_counted(listeners: Listeners, listener: str) -> None:
    with capture_logs() as logs:
        outcomes = await listeners.outcomes(listener, lambda _: unknown_field(RECEIVED_BYTES_MAX + 1))
    assert outcomes == dict.fromkeys(METHODS, ("RESOURCE_EXHAUSTED", ""))
    assert sorted(line["method"] for line in logs if line["event"] == "call") == sorted(METHODS)
    assert listeners.served.components.admission.budget.used == 0


async def test_nobody_without_a_role_may_anything(listeners: Listeners) -> None:
    outcomes = await listeners.outcomes("nobody", lambda _: b"")
    assert outcomes == dict.fromkeys(METHODS, ("PERMISSION_DENIED", "POLICY_DENIED"))
    denials = [record for record in await listeners.audited() if record["event"] == "denial"]
    assert sorted(str(record["method"]) for record in denials) == sorted(METHODS)


@pytest.mark.parametrize("listener", LISTENERS)
async def test_a_call_without_a_message_is_a_bad_request(listeners: Listeners, listener: str) -> None:
    outcomes = await asyncio.gather(*(listeners.outcome(listener, method) for method in METHODS))
    assert set(outcomes) == {("INVALID_ARGUMENT", "INVALID_FIELD")}


LATER = {
    "/nvmed.v1.FirmwareService/UploadImage": firmware_pb2.UploadImageRequest(
        header=firmware_pb2.UploadHeader(sha256=bytes(32), size_bytes=4096, firmware_revision="1")
    ),
    "/nvmed.v1.FirmwareService/DownloadFirmware": firmware_pb2.DownloadFirmwareRequest(
        header=firmware_pb2.DownloadHeader(controller="nvme0", size_bytes=4096)
    ),
    "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo": reflection_pb2.ServerReflectionRequest(
        list_services=""
    ),
}


@pytest.mark.parametrize("listener", ["admin", "loopback", "tls"])
@pytest.mark.parametrize("method", LATER)
async def test_so_are_later_messages_of_a_stream(listeners: Listeners, listener: str, method: str) -> None:
    first = LATER[method].SerializeToString()
    assert await listeners.outcome(listener, method, first, b"\xff\xff\xff") == ("INVALID_ARGUMENT", "INVALID_FIELD")
    too_large = unknown_field(bytes_max(method) + 1)
    assert await listeners.outcome(listener, method, first, too_large) == ("INVALID_ARGUMENT", "INVALID_FIELD")
    assert [record["reason"] for record in await listeners.audited() if record["event"] == "denial"] == [
        "INVALID_FIELD"
    ] * 2


@pytest.mark.parametrize("listener", LISTENERS)
@pytest.mark.parametrize("path", ["/", "/nvmed.v1.AdminService/Nope", "/" + "m" * 6000 + "/x"])
async def test_a_method_that_nobody_serves_is_refused_without_its_name(
    listeners: Listeners, listener: str, path: str
) -> None:
    with capture_logs() as logs:
        assert await listeners.outcome(listener, path, b"") == ("UNIMPLEMENTED", "METHOD_UNKNOWN")
    assert [line["method"] for line in logs if line["event"] == "call"] == ["/unknown"]
    assert (await listeners.outcome(listener, "/nvmed.v1.AdminService/GetPolicy", b""))[0] in (
        "OK",
        "PERMISSION_DENIED",
    )


def test_only_methods_that_are_served_have_a_limit_of_their_own() -> None:
    assert set(LARGER) <= set(METHODS)


async def test_an_answer_has_what_was_asked_for(listeners: Listeners) -> None:
    """To gRPC all methods are streams: clients that know better see no difference."""
    call: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = listeners.channels["tls"].unary_unary(
        "/nvmed.v1.AdminService/GetServerInfo"
    )
    assert admin_pb2.ServerInfo.FromString(await call(b"")).simulated


@pytest.mark.parametrize("listener", ["nobody", "tls"])
async def test_a_name_is_logged_and_audited_at_no_greater_length_than_names_have(
    listeners: Listeners, listener: str
) -> None:
    name = inventory_pb2.GetControllerRequest(name="x" * 60_000).SerializeToString()
    names = firmware_pb2.StageFirmwareRequest(controllers=["y" * 900] * 70).SerializeToString()
    with capture_logs() as logs:
        for method, body in (
            ("/nvmed.v1.InventoryService/GetController", name),
            ("/nvmed.v1.FirmwareService/StageFirmware", names),
        ):
            code, _ = await listeners.outcome(listener, method, body)
            assert code == ("PERMISSION_DENIED" if listener == "nobody" else "INVALID_ARGUMENT")
    assert all(len(json.dumps(line)) < 4096 for line in logs)
    assert all(len(json.dumps(record)) < 4096 for record in await listeners.audited())


async def test_the_audit_is_listed_in_pages_of_bytes_too(listeners: Listeners, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(admin, "PAGE_BYTES_MAX", 1000)
    for _ in range(20):
        await listeners.outcome("nobody", "/nvmed.v1.AdminService/GetServerInfo", b"")
    stub = AdminServiceStub(listeners.channels["admin"])
    sizes: list[int] = []
    token, found = "", 0
    while token or not sizes:
        page = await stub.ListAuditRecords(admin_pb2.ListAuditRecordsRequest(page_token=token))
        token, found = page.next_page_token, found + len(page.audit_records)
        sizes.append(sum(record.ByteSize() for record in page.audit_records[:-1]))
    assert found == len(await listeners.audited())
    assert len(sizes) > 3
    assert max(sizes) <= 1000


PROBE_BYTES = 4 << 20
FIXED_BYTES = 16
"""Of a number or a message's frame, at most."""


def longest(rule: Rule, kind: type[str] | type[bytes]) -> int:
    """How many bytes a rule lets a text or bytes have; what wants a form of its own is short."""
    value = "0" if kind is str else b"0"
    low, high = 0, PROBE_BYTES
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (low, middle - 1) if rule.check(value * middle) else (middle, high)
    return low or 128


def largest(message: Descriptor) -> int:
    """How many bytes a sound message can have, about: by the rules of its fields."""
    total = 0
    for name, rule in RULES.get(message.full_name, {}).items():
        field = message.fields_by_name[name]
        if (nested := field.message_type) is not None:
            is_map = nested.GetOptions().map_entry
            size = LABEL_KEY_BYTES_MAX + LABEL_BYTES_MAX if is_map else largest(nested)
        elif field.type == FieldDescriptor.TYPE_STRING:
            size = longest(rule, str)
        elif field.type == FieldDescriptor.TYPE_BYTES:
            size = longest(rule, bytes)
        else:
            size = 5
        total += (size + FIXED_BYTES if size > 5 else 8) * (rule.items_max or 1)
    return total


@pytest.mark.parametrize("method", [method for method in METHODS if not method.startswith("/grpc.")])
def test_what_the_fields_of_a_request_may_hold_fits(method: str) -> None:
    service, _, name = method.removeprefix("/").rpartition("/")
    message = descriptor_pool.Default().FindServiceByName(service).FindMethodByName(name).input_type
    needed = largest(message)
    assert needed <= bytes_max(method), f"{message.full_name} may have about {needed} bytes"
    assert method not in LARGER or needed > REQUEST_BYTES_MAX, f"64 KiB are enough for {needed}"


@pytest.mark.parametrize("method", sorted(METHODS))
async def test_a_call_whose_message_never_comes_ends(
    listeners: Listeners, method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that it holds room for one no longer than that."""
    monkeypatch.setattr("nvmed.limits.FIRST_MESSAGE_S", 0.02)
    stream: grpc.aio.StreamStreamMultiCallable[bytes, bytes] = listeners.channels["admin"].stream_stream(method)
    call = stream()
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await call.read()
    assert reason_of(raised.value) == "CALL_TIMEOUT"
    assert listeners.served.components.admission.budget.used == 0
