"""Who is told of what: only of drives, operations and keys that a caller may read."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import grpc
import pytest

from nvmed.config import Binding, Config, Events, HostConfig, Listen, Policy, Role, UnixListener
from nvmed.daemon import opened, serving
from nvmed.events.kinds import Event, KeyExpiring, Kind, OperationChanged
from nvmed.operations.records import State
from nvmed.rpc.budget import Budget, Lease
from nvmed.rpc.call import Call
from nvmed.rpc.services.event import View
from nvmed.security.bindings import make_policy
from nvmed.simulator.host import SimulatedHost
from nvmed.simulator.subsystem import Subsystem
from nvmed.v1 import inventory_pb2
from tests.rpc.event_calls import kind, listed, resumed, watching
from tests.rpc.harness import Daemon, reason_of, small_drive

MINE = ("host", "controllers/mine-*", "subsystems/mine-*/**")
TENANT = Policy(
    roles={"watcher": Role(permissions=("events.read",))},
    bindings=(
        Binding(principals=("unix:tenant",), roles=("viewer",), resources=MINE),
        Binding(principals=("unix:watcher",), roles=("watcher",)),
        Binding(principals=("unix:narrow",), roles=("viewer",), resources=("controllers/mine-*",)),
    ),
)


def configured(tmp_path: Path, *principals: str, policy: Policy = TENANT) -> Config:
    """A socket for each of the principals."""
    sockets = tuple(
        UnixListener(path=str(tmp_path / name), principal=name, roles=("admin",) if name == "admin" else ())
        for name in principals
    )
    return Config(
        state_dir=str(tmp_path / "state"),
        host=HostConfig(simulate=1),
        listen=Listen(unix=sockets),
        policy=policy,
        events=Events(poll_interval_s=0),
    )


@asynccontextmanager
async def listeners(tmp_path: Path, *principals: str) -> AsyncIterator[list[Daemon]]:
    """One daemon with two drives, as each of the principals sees it; the first is `admin`."""
    host = SimulatedHost(Subsystem(small_drive(serial)) for serial in ("MINE", "OTHER"))
    async with serving(host, configured(tmp_path, *principals)) as addresses, AsyncExitStack() as stack:
        channels = [await stack.enter_async_context(grpc.aio.insecure_channel(address)) for address in addresses]
        yield [
            Daemon(host, address, tmp_path / "state", channel)
            for address, channel in zip(addresses, channels, strict=True)
        ]


async def test_a_tenant_sees_what_happens_to_its_drives_alone(tmp_path: Path) -> None:
    async with listeners(tmp_path, "admin", "tenant") as (admin, tenant), watching(tenant) as watch:
        async with watching(admin) as all_of_it:
            tenant.host.unplug("nvme1")
            tenant.host.unplug("nvme0")
            assert len(await all_of_it.events(4)) == 4
        seen = await watch.events(2)
        assert [kind(event) for event in seen] == ["NAMESPACE_REMOVED", "CONTROLLER_REMOVED"]
        assert {event.controller for event in seen} == {"controllers/mine-1"}
        assert [event.sequence for event in await listed(tenant)] == [event.sequence for event in seen]
        assert len(await listed(admin)) == 4


async def test_a_snapshot_has_what_its_reader_may_see(tmp_path: Path) -> None:
    async with listeners(tmp_path, "admin", "tenant") as (_, tenant), resumed(tenant, include_snapshot=True) as watch:
        await watch.message()
        assert {event.controller for event in await watch.snapshot()} == {"controllers/mine-1"}


async def test_operations_need_a_permission_of_their_own(tmp_path: Path) -> None:
    reset = inventory_pb2.ResetControllerRequest(name="nvme0", acknowledge_disruption=True)
    async with (
        listeners(tmp_path, "admin", "watcher", "tenant") as (admin, watcher, tenant),
        watching(watcher) as without,
        watching(tenant) as watch,
    ):
        await admin.inventory.ResetController(reset)
        assert kind(await watch.event()) == "OPERATION_CHANGED"
        assert kind(await without.event()) == "CONTROLLER_STARTED", "the operation began before that"


async def test_who_may_not_read_events_of_the_host_names_a_controller(tmp_path: Path) -> None:
    async with listeners(tmp_path, "admin", "narrow") as (admin, narrow):
        async with resumed(narrow) as watch:
            with pytest.raises(grpc.aio.AioRpcError) as refused:
                await watch.message()
            assert reason_of(refused.value) == "POLICY_DENIED"
        async with resumed(narrow, controller="nvme1") as watch:
            with pytest.raises(grpc.aio.AioRpcError) as refused:
                await watch.message()
            assert reason_of(refused.value) == "POLICY_DENIED"
        async with watching(narrow, controller="nvme0") as watch:
            admin.drive("nvme1").reset()
            admin.drive("nvme0").reset()
            assert (await watch.event()).controller == "controllers/mine-1"


async def test_a_stream_shows_what_the_policy_allows_now(tmp_path: Path) -> None:
    """A reload neither ends it, as the caller may still watch, nor goes unnoticed."""
    config = configured(tmp_path, "tenant")
    other = Binding(principals=("unix:tenant",), roles=("viewer",), resources=("host", "controllers/other-*"))
    host = SimulatedHost(Subsystem(small_drive(serial)) for serial in ("MINE", "OTHER"))
    async with opened(host, config, "test") as served, grpc.aio.insecure_channel(served.addresses[0]) as channel:
        tenant = Daemon(host, served.addresses[0], tmp_path / "state", channel)
        async with watching(tenant) as watch:
            tenant.drive("nvme0").reset()
            assert (await watch.event()).controller == "controllers/mine-1"
            changed = configured(tmp_path, "tenant", policy=Policy(bindings=(other,)))
            served.components.admission.policy = make_policy(changed)
            tenant.drive("nvme0").reset()
            tenant.drive("nvme1").reset()
            assert (await watch.event()).controller == "controllers/other-1"


# -- without a wire


def principal_of(policy: Policy, name: str) -> Call:
    config = Config(listen=Listen(unix=(UnixListener(path="/x", principal=name),)), policy=policy)
    principal = make_policy(config).principal((f"unix:{name}",))
    return Call("/nvmed.v1.EventService/WatchEvents", principal, "", "", Lease(Budget(0), name))


KEY = Event(Kind.KEY_EXPIRING, detail=KeyExpiring(".nvme", 1, "NVMe1R01 a b c", 0, 1))
OPERATION = Event(
    Kind.OPERATION_CHANGED,
    operation="operations/1",
    detail=OperationChanged(
        "nvmed.v1.Test/Do", "controllers/other-1", State.RUNNING, "", "unix:admin", ("controllers/other-1",)
    ),
)
ON_BOTH = Event(
    Kind.OPERATION_CHANGED,
    operation="operations/2",
    detail=OperationChanged(
        "nvmed.v1.Test/Do", "controllers/mine-1", State.RUNNING, "", "unix:admin",
        ("controllers/mine-1", "controllers/other-1"),
    ),
)  # fmt: skip


@pytest.mark.parametrize(
    ("name", "event", "sees"),
    [
        ("tenant", KEY, True),  # keys are the host's
        ("narrow", KEY, False),
        ("watcher", KEY, False),
        ("tenant", OPERATION, False),
        ("tenant", ON_BOTH, False),
        ("tenant", Event(Kind.CONTROLLER_STARTED, controller="controllers/mine-1"), True),
        ("tenant", Event(Kind.CONTROLLER_STARTED, controller="controllers/other-1"), False),
        ("nobody", Event(Kind.CONTROLLER_STARTED, controller="controllers/mine-1"), False),
    ],
)
def test_who_sees_what(name: str, event: Event, sees: bool) -> None:
    assert View(principal_of(TENANT, name)).shows(event) is sees


def test_another_policy_is_in_force_at_once() -> None:
    call = principal_of(TENANT, "tenant")
    view = View(call)
    assert view.shows(KEY)
    call.principal = principal_of(Policy(), "tenant").principal
    assert not view.shows(KEY)
