"""GetPolicy and TestPermission: what the policy says of itself is what it does."""

from __future__ import annotations

from typing import Any

import grpc
import pytest

from nvmed.config import Binding, Policy, Role
from nvmed.security.policy import METHODS, PERMISSIONS, PUBLIC, ROLES, Also
from nvmed.v1 import admin_pb2 as pb
from tests.rpc.harness import Daemon, StartDaemon, reason_of

OPERATOR = "uri:spiffe://example.org/operator/anna"
OWN = Policy(
    roles={"tester": Role(permissions=("log.self_test", "log.read"))},
    bindings=(
        Binding(principals=("uri:spiffe://example.org/operator/*",), roles=("operator",)),
        Binding(principals=("dns:*.test.example.org",), roles=("tester",), resources=("controllers/nvmed1-*",)),
    ),
    blocked=("dns:lost.test.example.org",),
)
with_own = pytest.mark.parametrize("own_policy", [OWN])


async def ask(daemon: Daemon, **asked: Any) -> pb.TestPermissionResponse:
    return await daemon.admin.TestPermission(pb.TestPermissionRequest(**asked))


@with_own
async def test_the_policy_in_force_is_shown(daemon: Daemon) -> None:
    found = await daemon.admin.GetPolicy(pb.GetPolicyRequest())
    assert {role.name: set(role.permissions) for role in found.roles if role.shipped} == ROLES
    assert [(role.name, set(role.permissions)) for role in found.roles if not role.shipped] == [
        ("tester", {"log.self_test", "log.read", *PUBLIC})
    ]
    assert [(binding.name, list(binding.roles)) for binding in found.bindings] == [
        ("listen.unix[0]", ["admin"]), ("policy.bindings[0]", ["operator"]), ("policy.bindings[1]", ["tester"]),
    ]  # fmt: skip
    assert list(found.blocked) == ["dns:lost.test.example.org"]
    assert {method.name: method.permission for method in found.methods} == {
        name.removeprefix("/"): rule.permission for name, rule in METHODS.items()
    }
    audited = {method.name: method.audited for method in found.methods}
    assert audited["nvmed.v1.KeyService/ReadKey"]
    assert not audited["nvmed.v1.InventoryService/ListControllers"]
    staging = next(method for method in found.methods if method.name == "nvmed.v1.FirmwareService/StageFirmware")
    assert list(staging.also) == [pb.Policy.ALSO_IMAGE, pb.Policy.ALSO_SUBSYSTEM]
    assert {name.removeprefix("ALSO_") for name in pb.Policy.Also.keys()[1:]} == {one.name for one in Also}


async def test_the_etag_follows_the_policy(start_daemon: StartDaemon) -> None:
    etags = []
    for policy in (Policy(), OWN, OWN):
        daemon = await start_daemon(policy=policy)
        etags.append((await daemon.admin.GetPolicy(pb.GetPolicyRequest())).etag)
    assert etags[0] != etags[1] == etags[2] != ""


@with_own
@pytest.mark.parametrize(
    ("principals", "permission", "resource", "binding"),
    [
        ([], "firmware.stage", "", "listen.unix[0]"),
        ([OPERATOR], "log.self_test", "", "policy.bindings[0]"),
        ([OPERATOR], "firmware.stage", "nvme0", ""),
        (["dns:a.test.example.org"], "log.self_test", "nvme0", "policy.bindings[1]"),
        (["dns:a.test.example.org"], "log.self_test", "controllers/nvmed1-1", "policy.bindings[1]"),
        (["dns:a.test.example.org"], "log.self_test", "controllers/other-1", ""),
        (["dns:a.test.example.org"], "log.self_test", "", ""),
        (["dns:a.b.test.example.org"], "log.self_test", "nvme0", ""),
        (["dns:lost.test.example.org"], "log.self_test", "nvme0", ""),
        ([OPERATOR, "dns:lost.test.example.org"], "log.self_test", "nvme0", ""),
        (["unix:admin"], "keys.read", "", ""),
        (["nobody"], "server.health", "", ""),
    ],
)
async def test_a_permission_is_tested(
    daemon: Daemon, principals: list[str], permission: str, resource: str, binding: str
) -> None:
    found = await ask(daemon, principals=principals, permission=permission, resource=resource)
    assert (found.allowed, found.binding) == (bool(binding), binding)
    assert found.principal == (principals[0] if principals else "unix:admin")
    assert (found.permission, found.resource) == (permission, resource or "host")
    assert permission in found.explanation


async def test_a_method_stands_for_its_permission(daemon: Daemon) -> None:
    found = await ask(daemon, method="nvmed.v1.FirmwareService/StageFirmware")
    assert (found.permission, found.allowed) == ("firmware.stage", True)


@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"permission": "firmware.nothing"},
        {"method": "nvmed.v1.FirmwareService/Nothing"},
        {"method": "nvmed.v1.FirmwareService/StageFirmware", "permission": "firmware.stage"},
        {"permission": "firmware.stage", "principals": ["x"] * 65},
    ],
)
async def test_what_makes_no_sense_is_refused(daemon: Daemon, asked: dict[str, Any]) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await ask(daemon, **asked)
    assert reason_of(refused.value) == "INVALID_FIELD"


@pytest.mark.parametrize("own_policy", [Policy(bindings=(Binding(principals=("unix:viewer",), roles=("viewer",)),))])
async def test_viewers_ask_about_themselves_alone(start_daemon: StartDaemon, own_policy: Policy) -> None:
    daemon = await start_daemon(policy=own_policy, principal="viewer", roles=())
    assert (await ask(daemon, permission="log.read")).allowed
    assert not (await ask(daemon, permission="log.self_test")).allowed
    for call in (
        ask(daemon, permission="log.read", principals=["unix:viewer"]),
        daemon.admin.GetPolicy(pb.GetPolicyRequest()),
        daemon.admin.ListAuditRecords(pb.ListAuditRecordsRequest()),
    ):
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await call
        assert reason_of(refused.value) == "POLICY_DENIED"


def test_only_admin_sees_policy_and_audit() -> None:
    for permission in ("server.policy", "audit.read"):
        assert permission in PERMISSIONS
        assert [name for name, permissions in ROLES.items() if permission in permissions] == ["admin"]
