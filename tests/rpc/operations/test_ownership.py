"""Whose an operation is: theirs who may change everything that it is about, and its beginner's."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import grpc
import pytest
from google.longrunning.operations_pb2 import Operation

from nvmed.config import Binding, Config, Events, HostConfig, Listen, Policy, UnixListener
from nvmed.daemon import opened
from nvmed.nvme.opcodes import AdminOpcode
from nvmed.reload import Served
from nvmed.security.bindings import make_policy
from nvmed.simulator.faults import Fault, Hang
from nvmed.simulator.host import SimulatedHost
from nvmed.simulator.subsystem import Subsystem
from nvmed.v1 import admin_pb2, firmware_pb2
from tests.rpc.firmware_calls import CODE, MIB, begun, content, refused, stage, stub
from tests.rpc.harness import Daemon, small_drive
from tests.rpc.operation_calls import ask, metadata, state, wait

SHARED = ("host", "images/*", "uploads/*", "operations/*", "subsystems/**")
BINDINGS = (
    Binding(principals=("unix:both",), roles=("firmware",), resources=(*SHARED, "controllers/**")),
    Binding(principals=("unix:one",), roles=("firmware",), resources=(*SHARED, "controllers/b-*")),
    Binding(principals=("unix:drives",), roles=("firmware",), resources=("controllers/**",)),
)
PRINCIPALS = ("admin", "both", "one", "drives", "nobody")
METHODS = ("GetOperation", "WaitOperation", "CancelOperation")


@dataclass(frozen=True, slots=True)
class House:
    """A daemon with the drives A and B, as each principal sees it; A hangs in the download until it is released."""

    served: Served
    hang: Hang
    seen_by: dict[str, Daemon]

    async def staging(self, who: str) -> Operation:
        begun = await stage(self.seen_by[who], "nvme0", "nvme1")
        await asyncio.to_thread(self.hang.reached.wait)
        return begun

    def take_over(self, *bindings: Binding) -> None:
        """Let other bindings be in force, as a reload does."""
        configured = self.served.configured
        policy = Policy(bindings=bindings)
        self.served.components.admission.policy = make_policy(
            Config(listen=configured.listen, policy=policy), "changed"
        )


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    host = SimulatedHost([Subsystem(small_drive("A")), Subsystem(small_drive("B"))])
    sockets = tuple(
        UnixListener(path=str(tmp_path / name), principal=name, roles=("admin",) if name == "admin" else ())
        for name in PRINCIPALS
    )
    configured = Config(
        state_dir=str(tmp_path / "state"),
        host=HostConfig(simulate=1),
        listen=Listen(unix=sockets),
        policy=Policy(bindings=BINDINGS),
        events=Events(poll_interval_s=0),
    )
    hang = Hang()
    host.controller("nvme0").faults.add(Fault(hang, opcode=AdminOpcode.FIRMWARE_IMAGE_DOWNLOAD))
    async with opened(host, configured, "test") as served, AsyncExitStack() as stack:
        stack.callback(hang.release)
        seen_by = {}
        for name, address in zip(PRINCIPALS, served.addresses, strict=True):
            channel = await stack.enter_async_context(grpc.aio.insecure_channel(address))
            seen_by[name] = Daemon(host, address, tmp_path / "state", channel)
        yield House(served, hang, seen_by)


async def listed(daemon: Daemon) -> list[str]:
    return [metadata(one).target for one in (await ask(daemon, "ListOperations")).operations]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("who", ["one", "drives", "nobody"])
async def test_who_has_not_all_of_it_has_none_of_it(house: House, method: str, who: str) -> None:
    begun = await house.staging("admin")
    await refused(CODE.PERMISSION_DENIED, "POLICY_DENIED", ask(house.seen_by[who], method, name=begun.name))
    assert not metadata(await ask(house.seen_by["admin"], "GetOperation", name=begun.name)).cancel_requested


async def test_who_has_all_of_it_may_cancel_it(house: House) -> None:
    begun = await house.staging("admin")
    await ask(house.seen_by["both"], "CancelOperation", name=begun.name)
    house.hang.release()
    assert state(await wait(house.seen_by["both"], begun)) in ("CANCELLED", "FAILED")


async def test_each_part_is_its_drives(house: House) -> None:
    begun = await house.staging("admin")
    parts = {part.target: part.operation for part in metadata(begun).parts} or {
        part.target: part.operation
        for part in metadata(await ask(house.seen_by["admin"], "GetOperation", name=begun.name)).parts
    }
    one = house.seen_by["one"]
    assert (await ask(one, "WaitOperation", name=parts["controllers/b-1"])).done
    await refused(CODE.PERMISSION_DENIED, "POLICY_DENIED", ask(one, "CancelOperation", name=parts["controllers/a-1"]))


async def test_lists_have_what_their_reader_may_see(house: House) -> None:
    begun = await house.staging("admin")
    house.hang.release()
    await wait(house.seen_by["admin"], begun)
    everything = await listed(house.seen_by["admin"])
    assert sorted(target.partition("/")[0] for target in everything) == ["controllers", "controllers", "images"]
    assert await listed(house.seen_by["both"]) == everything
    assert await listed(house.seen_by["one"]) == ["controllers/b-1"]


async def test_uploads_are_listed_for_their_owner_and_who_may_see_them(house: House) -> None:
    """Who has firmware.read over the host, and not over uploads, sees its own."""
    house.take_over(Binding(principals=("unix:both",), roles=("firmware",), resources=("host", "images/*")))
    names = {who: await begun(house.seen_by[who], content(MIB), MIB // 2) for who in ("admin", "both")}
    assert len(set(names.values())) == 2

    async def uploads(who: str) -> dict[str, str]:
        listed = await stub(house.seen_by[who]).ListUploads(firmware_pb2.ListUploadsRequest())
        return {upload.name: upload.principal for upload in listed.uploads}

    assert await uploads("admin") == {names["admin"]: "unix:admin", names["both"]: "unix:both"}
    assert await uploads("both") == {names["both"]: "unix:both"}
    await refused(CODE.PERMISSION_DENIED, "POLICY_DENIED", uploads("nobody"))
    abort = firmware_pb2.AbortUploadRequest(name=names["admin"])
    await refused(CODE.PERMISSION_DENIED, "POLICY_DENIED", stub(house.seen_by["both"]).AbortUpload(abort))
    await stub(house.seen_by["admin"]).AbortUpload(firmware_pb2.AbortUploadRequest(name=names["both"]))
    assert await uploads("admin") == {names["admin"]: "unix:admin"}


async def test_ones_own_is_ones_own_whatever_is_taken_away(house: House) -> None:
    """But not from who is left without the permission, over anything."""
    begun = await house.staging("both")
    both = house.seen_by["both"]
    house.take_over(Binding(principals=("unix:both",), roles=("firmware",), resources=("host", "controllers/b-*")))
    assert (await ask(both, "GetOperation", name=begun.name)).name == begun.name
    assert (await both.admin.TestPermission(_about(begun, "operations.read"))).allowed
    assert len(await listed(both)) == 3
    await ask(both, "CancelOperation", name=begun.name)
    assert metadata(await ask(both, "GetOperation", name=begun.name)).cancel_requested
    house.take_over(Binding(principals=("unix:both",), roles=("viewer",), resources=("host",)))
    await refused(CODE.PERMISSION_DENIED, "POLICY_DENIED", ask(both, "CancelOperation", name=begun.name))
    assert not (await both.admin.TestPermission(_about(begun, "operations.cancel"))).allowed
    house.take_over()
    for method in METHODS:
        await refused(CODE.PERMISSION_DENIED, "POLICY_DENIED", ask(both, method, name=begun.name))


@pytest.mark.parametrize(("who", "allowed"), [("unix:both", True), ("unix:one", False), ("unix:drives", False)])
async def test_a_permission_is_tested_as_it_is_asked_for(house: House, who: str, allowed: bool) -> None:
    begun = await house.staging("admin")
    found = await house.seen_by["admin"].admin.TestPermission(_about(begun, "operations.cancel", who))
    assert found.allowed is allowed


async def test_everything_that_it_is_about_is_journalled(house: House) -> None:
    begun = await house.staging("admin")
    house.hang.release()
    await wait(house.seen_by["admin"], begun)
    record = await house.served.components.operations.get(begun.name.removeprefix("operations/"))
    assert {"controllers/a-1", "controllers/b-1"} < {*record.subjects}
    assert any(subject.startswith("images/") for subject in record.subjects)


def _about(operation: Operation, permission: str, *principals: str) -> admin_pb2.TestPermissionRequest:
    return admin_pb2.TestPermissionRequest(permission=permission, resource=operation.name, principals=principals)
