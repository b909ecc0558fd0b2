"""What every call passes: the rule of its method, the rules of its fields, and one translation of errors."""

from __future__ import annotations

import os
import stat
import zlib
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf import descriptor_pool
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message_factory import GetMessageClass
from google.protobuf.timestamp_pb2 import Timestamp
from google.rpc import error_details_pb2
from grpc_channelz.v1 import channelz_pb2, channelz_pb2_grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from grpc_status import rpc_status
from hypothesis import given
from hypothesis import strategies as st
from nvmedctl.errors import from_status

from nvmed.config import Config, Listen, UnixListener
from nvmed.daemon import serving
from nvmed.errors import CLASSES, FieldViolation, GateViolation, NvmedError, NvmeStatus, OsFailure
from nvmed.reasons import Reason, error
from nvmed.rpc import services
from nvmed.rpc.errors import to_status
from nvmed.rpc.rules import RULES
from nvmed.rpc.validate import validate
from nvmed.rpc.wire import HEADROOM, chunk_message
from nvmed.security.policy import METHODS, PERMISSIONS, ROLES, authorise, rule_of
from nvmed.security.principal import Principal
from nvmed.v1 import admin_pb2, common_pb2, errors_pb2, inventory_pb2, telemetry_pb2
from tests.rpc.harness import Daemon, StartDaemon, reason_of


class _Collected:
    """Takes what generated code registers with a server."""

    def __init__(self) -> None:
        self.methods: list[str] = []

    def add_generic_rpc_handlers(self, handlers: Any) -> None:
        pass

    def add_registered_method_handlers(self, service: str, handlers: dict[str, Any]) -> None:
        self.methods += [f"/{service}/{name}" for name in handlers]


class _Anything:
    """Stands for whatever a servicer is made of: only its methods' names are looked at."""

    def __getattr__(self, name: str) -> _Anything:
        return self


def served() -> list[str]:
    collected = _Collected()
    for add, make in services.SERVICES:
        add(make(_Anything()), collected)  # type: ignore[arg-type]
    return collected.methods


def request_messages() -> list[Any]:
    pool = descriptor_pool.Default()
    found = []
    for method in served():
        service, _, name = method.removeprefix("/").rpartition("/")
        found.append(pool.FindServiceByName(service).FindMethodByName(name).input_type)
    return found


def test_every_method_that_is_served_has_a_rule() -> None:
    assert [method for method in served() if method not in METHODS] == []


def test_every_rule_is_of_a_method_that_is_served() -> None:
    ours = [method for method in METHODS if method.startswith("/nvmed.v1.")]
    assert set(ours) <= set(served())


def test_rules_name_fields_that_requests_have() -> None:
    for method, message in zip(served(), request_messages(), strict=True):
        field = METHODS[method].resource_field
        assert not field or field.partition(".")[0] in message.fields_by_name, method


def test_every_field_of_every_request_has_a_rule() -> None:
    missing = []
    todo = [message for message in request_messages() if message.full_name.startswith("nvmed.")]
    done = set()
    while todo:
        message = todo.pop()
        if message.full_name in done:
            continue
        done.add(message.full_name)
        rules = RULES.get(message.full_name, {})
        missing += [f"{message.full_name}.{f.name}" for f in message.fields if f.name not in rules]
        assert set(rules) <= set(message.fields_by_name), message.full_name
        nested = [field.message_type for field in message.fields if field.type == FieldDescriptor.TYPE_MESSAGE]
        todo += [inner for inner in nested if not inner.GetOptions().map_entry]  # one rule for the whole map
    assert missing == []


TIMES = (
    Timestamp(seconds=2**62), Timestamp(seconds=-(2**62)), Timestamp(nanos=-1), Timestamp(nanos=2**31 - 1),
    Timestamp(seconds=253_402_300_800), Timestamp(seconds=-62_135_596_801),
    Duration(seconds=2**62), Duration(seconds=-1), Duration(nanos=10**9),
)  # fmt: skip
"""Times that no calendar has, or that are no times to wait for."""


@pytest.mark.parametrize("time", TIMES, ids=lambda time: str(time).strip())
def test_a_time_out_of_range_is_refused_wherever_a_request_has_one(time: Timestamp | Duration) -> None:
    places = 0
    for message in request_messages():
        for field in message.fields:
            if field.message_type is not None and field.message_type.full_name == time.DESCRIPTOR.full_name:
                request = GetMessageClass(message)()
                getattr(request, field.name).CopyFrom(time)
                with pytest.raises(NvmedError, match=rf"{field.name}\.(seconds|nanos)"):
                    validate(request)
                places += 1
    assert places


def test_a_principal_without_a_role_may_nothing() -> None:
    nobody = Principal("nobody", frozenset())
    for method in METHODS:
        with pytest.raises(Exception, match="lacks permission"):
            authorise(nobody, rule_of(method).permission, "")


def test_a_method_without_a_rule_is_refused() -> None:
    with pytest.raises(Exception, match="no rule allows"):
        rule_of("/nvmed.v1.AdminService/Unheard")


def test_roles_hold_permissions_that_exist() -> None:
    assert set().union(*ROLES.values()) <= PERMISSIONS


async def test_an_unknown_method_is_a_typed_error(daemon: Daemon) -> None:
    call: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = daemon.channel.unary_unary("/nvmed.v1.AdminService/Nope")
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await call(b"")
    assert (refused.value.code(), reason_of(refused.value)) == (grpc.StatusCode.UNIMPLEMENTED, "METHOD_UNKNOWN")


async def test_a_bug_is_internal_and_says_nothing_but_where_to_look(
    daemon: Daemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken() -> None:
        raise ZeroDivisionError("a secret of the implementation")

    monkeypatch.setattr(daemon.host, "scan", broken)
    with pytest.raises(grpc.aio.AioRpcError) as bug:
        await daemon.inventory.ListControllers(inventory_pb2.ListControllersRequest())
    assert (bug.value.code(), reason_of(bug.value)) == (grpc.StatusCode.INTERNAL, "BUG")
    assert "secret" not in str(bug.value)


async def test_every_violation_is_named(daemon: Daemon) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        async for _ in daemon.telemetry.StreamTelemetry(
            telemetry_pb2.StreamTelemetryRequest(window=99, chunk_bytes=1, controller="nvme0")
        ):
            pass
    status = rpc_status.from_call(refused.value)
    assert status is not None
    bad = error_details_pb2.BadRequest()
    assert any(detail.Unpack(bad) for detail in status.details)
    assert {violation.field for violation in bad.field_violations} == {"source", "chunk_bytes", "window"}


async def test_server_info(daemon: Daemon) -> None:
    info = await daemon.admin.GetServerInfo(admin_pb2.GetServerInfoRequest())
    assert info.simulated
    assert info.principal == "unix:admin"
    assert info.limits["chunk_bytes_max"] == 1 << 20
    assert "telemetry" in info.features
    assert list(info.api_versions) == ["nvmed.v1"]


async def test_health_and_reflection(daemon: Daemon) -> None:
    health = health_pb2_grpc.HealthStub(daemon.channel)
    for service in ("", "nvmed.v1.TelemetryService"):
        answer = await health.Check(health_pb2.HealthCheckRequest(service=service))
        assert answer.status == health_pb2.HealthCheckResponse.SERVING
    reflect = reflection_pb2_grpc.ServerReflectionStub(daemon.channel)
    asked = reflection_pb2.ServerReflectionRequest(list_services="")
    async for answer in reflect.ServerReflectionInfo(iter([asked])):
        listed = {service.name for service in answer.list_services_response.service}
        assert {"nvmed.v1.InventoryService", "nvmed.v1.TelemetryService", "grpc.health.v1.Health"} <= listed


async def test_channelz_shows_the_servers_calls_to_admins_alone(daemon: Daemon) -> None:
    channelz = channelz_pb2_grpc.ChannelzStub(daemon.channel)
    await daemon.admin.GetServerInfo(admin_pb2.GetServerInfoRequest())
    servers = (await channelz.GetServers(channelz_pb2.GetServersRequest())).server
    ours = [server for server in servers if any(daemon.address in str(socket) for socket in server.listen_socket)]
    assert [server.data.calls_succeeded >= 1 for server in ours] == [True]
    assert [role for role, permissions in ROLES.items() if "server.channelz" in permissions] == ["admin"]


async def test_the_socket_is_its_owners_alone(daemon: Daemon) -> None:
    mode = os.stat(daemon.address.removeprefix("unix:")).st_mode  # noqa: PTH116
    assert stat.S_IMODE(mode) == 0o600


async def test_a_second_daemon_does_not_take_the_socket(start_daemon: StartDaemon, tmp_path: Path) -> None:
    daemon = await start_daemon()
    socket = UnixListener(path=daemon.address.removeprefix("unix:"))
    config = Config(state_dir=str(tmp_path / "other"), listen=Listen(unix=(socket,)))
    with pytest.raises(Exception, match="another daemon serves"):
        async with serving(daemon.host, config):
            pass
    assert (await daemon.admin.GetServerInfo(admin_pb2.GetServerInfoRequest())).simulated


def test_an_error_has_every_detail_it_carries() -> None:
    everything = error(
        Reason.NVME_BUSY,
        "all of it",
        nvme=NvmeStatus(raw=0x6802, mnemonic="NVME_SC_INVALID_FIELD", opcode=2, nsid=1, result=5),
        os=OsFailure(5, "EIO", "ioctl", "/dev/nvme0"),
        fields=[FieldViolation("a", "b")],
        gates=[GateViolation("IN_USE", "nvme0n1", "unmount it")],
        retry_delay_ms=1500,
        a="b",
    )
    status = to_status(everything, "id")
    kinds = {detail.TypeName() for detail in status.details}
    assert kinds == {
        "google.rpc.ErrorInfo", "google.rpc.RequestInfo", "google.rpc.BadRequest", "google.rpc.PreconditionFailure",
        "google.rpc.RetryInfo", "google.rpc.Help", "nvmed.v1.NvmeStatus", "nvmed.v1.OsError",
    }  # fmt: skip
    nvme = errors_pb2.NvmeStatus()
    assert any(detail.Unpack(nvme) for detail in status.details)
    assert (nvme.status_code, nvme.do_not_retry, nvme.more, nvme.command_retry_delay) == (2, True, True, 1)


@pytest.mark.parametrize("reason", Reason, ids=lambda reason: reason.name)
def test_every_reason_becomes_a_status(reason: Reason) -> None:
    status = to_status(error(reason, "message"), "id")
    assert status.message == "message"
    assert CLASSES[reason.cls.code] is reason.cls
    info = error_details_pb2.ErrorInfo()
    assert status.details[0].Unpack(info)
    assert (info.reason, info.domain) == (reason.name, "nvmed.dev")
    assert len(info.reason) <= 63
    told = from_status(status)
    assert (told.reason, told.remedy) == (reason.name, reason.remedy)


@given(st.binary(max_size=5000), st.integers(0, 2**64 - 1))
def test_chunks_by_hand_are_chunks_by_protobuf(data: bytes, offset: int) -> None:
    buffer = bytearray(HEADROOM + len(data))
    buffer[HEADROOM:] = data
    chunk = common_pb2.Chunk(offset=offset, crc32=zlib.crc32(data), data=data)
    wanted = telemetry_pb2.StreamTelemetryResponse(chunk=chunk).SerializeToString()
    assert chunk_message(2, buffer, len(data), offset) == wanted
