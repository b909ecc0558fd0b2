"""Events of a real kernel: what it tells by uevents, and what only asking finds."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest
from nvmedctl import Client

from nvmed.simulator.spec import MIB, DriveSpec, NamespaceSpec
from nvmed.simulator.subsystem import Subsystem
from nvmed.v1 import event_pb2 as pb
from nvmed.v1.event_pb2_grpc import EventServiceStub
from tests.vm import nvmet, qemu, simulated
from tests.vm.daemon import Daemon
from tests.vm.guest import PATIENCE_S, Guest
from tests.vm.nvmet import Port, Target

NQN = "nqn.2026-01.dev.nvmed:events"


class Watch:
    """A stream of events that has begun."""

    def __init__(self, call: Any) -> None:
        self._call = call

    async def event(self, kind: str, **wanted: str) -> pb.Event:
        """The next event of this kind whose fields have these values; all others are passed over."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                message = await self._call.read()
                assert isinstance(message, pb.WatchEventsResponse), "the stream has ended"
                assert message.WhichOneof("part") in ("event", "heartbeat")
                event = message.event
                same = all(getattr(event, name) == value for name, value in wanted.items())
                if event.kind == pb.EventKind.Value(f"EVENT_KIND_{kind}") and same:
                    return event


@pytest.fixture
async def client(daemon: Daemon) -> AsyncIterator[Client]:
    async with daemon.client() as connected:
        yield connected


@contextlib.asynccontextmanager
async def watching(client: Client) -> AsyncIterator[Watch]:
    """Everything that happens from here on."""
    call: Any = EventServiceStub(client.channel).WatchEvents(pb.WatchEventsRequest())
    try:
        first = await call.read()
        assert first.WhichOneof("part") == "heartbeat"
        yield Watch(call)
    finally:
        call.cancel()


async def test_a_drive_that_comes_and_is_pulled(guest: Guest, client: Client) -> None:
    drive = qemu.Controller("seen", "NVMED-SEEN", qemu.SPARE_SLOTS[1])
    async with watching(client) as watch:
        with guest.plugged(drive) as node:
            come = await watch.event("CONTROLLER_ADDED", device_node=node)
            assert come.controller_state.serial_number == drive.serial
            guest.pull(drive)
            gone = await watch.event("CONTROLLER_REMOVED", controller=come.controller)
            assert gone.controller_state.serial_number == drive.serial


async def test_a_smart_warning_of_a_drive(guest: Guest, client: Client) -> None:
    """The drive tells it since somebody has enabled that; without, asking finds it."""
    node = guest.node(qemu.SOLO)
    enabled = int(guest.sh(f"nvme get-feature /dev/{node} -f 0x0b | grep -oE '[0-9a-fx]+$' | tail -n 1"), 0)
    guest.sh(f"nvme set-feature /dev/{node} -f 0x0b -v {enabled | 0x04:#x}")
    try:
        async with watching(client) as watch:
            guest.critical_warning(qemu.SOLO, 0x04)
            told = await watch.event("ASYNC_EVENT", device_node=node)
            assert (told.async_event.event_type, told.async_event.log_page_id) == (1, 2), told
            assert told.async_event.name.startswith("SMART_HEALTH/")
        async with watching(client) as watch:
            guest.critical_warning(qemu.SOLO, 0x0C)
            found = pb.Event()
            while found.critical_warning_changed.critical_warning != 0x0C:  # 0x04 may not have been found yet
                found = await watch.event("CRITICAL_WARNING_CHANGED", device_node=node)
    finally:
        guest.critical_warning(qemu.SOLO, 0)
        guest.sh(f"nvme set-feature /dev/{node} -f 0x0b -v {enabled:#x}")


async def test_a_namespace_that_others_attach(guest: Guest, client: Client) -> None:
    """By nvme-cli: the drive tells the kernel, and the kernel its listeners."""
    node = guest.node(qemu.LEFT)
    cntlid = guest.sh(f"cat /sys/class/nvme/{node}/cntlid").strip()
    async with watching(client) as watch:
        guest.sh(f"nvme attach-ns /dev/{node} -n {qemu.DETACHED.nsid} -c {cntlid}")
        try:
            added = await watch.event("NAMESPACE_ADDED")
            assert (added.namespace_state.nsid, added.namespace_state.size_bytes) == (
                qemu.DETACHED.nsid, qemu.DETACHED.size_bytes,
            )  # fmt: skip
        finally:
            guest.sh(f"nvme detach-ns /dev/{node} -n {qemu.DETACHED.nsid} -c {cntlid}")
        await watch.event("NAMESPACE_REMOVED", namespace=added.namespace)


async def test_an_ana_change_of_the_kernels_target(guest: Guest, client: Client) -> None:
    """The kernel follows the target and tells nobody: it is found by looking."""
    port = Port(ana={1: "optimized"})
    target = Target(NQN, ports=[port])
    with nvmet.serving(guest, target), nvmet.connected(guest, target) as node:
        nvmet.wait_ana_state(guest, node, 1, "optimized")
        async with watching(client) as watch:
            nvmet.set_ana_state(guest, target, port, 1, "non-optimized")
            while True:
                changed = await watch.event("NAMESPACE_CHANGED")
                states = {path.ana_state for path in changed.namespace_state.paths}
                if states == {"non-optimized"}:
                    break


async def test_what_a_connected_drive_goes_through(guest: Guest, client: Client) -> None:
    """Connected, with telemetry of its own, without a target, and back, and disconnected."""
    spec = DriveSpec(serial="NVMED-EVENTS", namespaces=(NamespaceSpec(size_bytes=16 * MIB),))
    subsystem = Subsystem(spec)
    async with watching(client) as watch:
        with simulated.serving(guest, subsystem) as target, target.connected(guest, subsystem) as node:
            come = await watch.event("CONTROLLER_ADDED", device_node=node)
            await watch.event("NAMESPACE_ADDED")
            generation = subsystem.controller.capture_controller_telemetry(b"why")
            told = await watch.event("TELEMETRY_AVAILABLE", controller=come.controller)
            assert told.telemetry_available.generation_number == generation
            assert subsystem.controller.telemetry.controller_data_available, "reading acknowledged the event"
            await asyncio.to_thread(target.stop)
            guest.wait(f"grep -q connecting /sys/class/nvme/{node}/state")
            target.start()
            await watch.event("CONTROLLER_STARTED", controller=come.controller)
        await watch.event("CONTROLLER_REMOVED", controller=come.controller)
