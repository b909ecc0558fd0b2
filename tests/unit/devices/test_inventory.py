"""The inventory in front of a host on which controllers come, go, are reset and reconnected, twins among them."""

from __future__ import annotations

import asyncio
import tempfile
import threading
from dataclasses import replace
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from nvmed.devices.controller import Device
from nvmed.devices.inventory import Inventory
from nvmed.devices.names import FILE_NAME, Names
from nvmed.nvme.host import identity_of
from nvmed.nvme.identify import identify_controller
from nvmed.simulator.controller import Controller
from nvmed.simulator.host import SimulatedHost
from nvmed.simulator.spec import Connection, DriveSpec
from nvmed.simulator.subsystem import Subsystem
from tests.support.memory import MEMORY

ZEROS = DriveSpec(serial="00000000000000000000", model="soft", nqn="nqn.2016-06.io.spdk:a", dynamic_controllers=True)
DRIVES = (
    ZEROS,
    ZEROS,
    replace(ZEROS, nqn="nqn.2016-06.io.spdk:b"),
    replace(ZEROS, serial="0000000000 000000000"),
    replace(ZEROS, controllers=2),
)
CONNECTIONS = (None, Connection(), Connection(traddr="192.0.2.2"), Connection(host_iface="eth1"))


class Machine(RuleBasedStateMachine):
    """Work begun on a controller goes on as long as that is there, by the name under which it was begun."""

    def __init__(self) -> None:
        super().__init__()
        self.directory = tempfile.TemporaryDirectory(dir=MEMORY)
        self.runner = asyncio.Runner()
        self.host = SimulatedHost()
        self.all: list[Controller] = []
        self.inventory = self.start()
        self.devices: dict[Controller, Device] = {}
        self.work: dict[Controller, tuple[threading.Event, asyncio.Task[str]]] = {}
        self.identities: dict[str, tuple[str, ...]] = {}

    def start(self) -> Inventory:
        return Inventory(self.host, Names(Path(self.directory.name) / FILE_NAME))

    def teardown(self) -> None:
        self.finish(list(self.work))
        self.runner.run(asyncio.to_thread(self.inventory.close))
        self.runner.close()
        self.directory.cleanup()

    def finish(self, of: list[Controller]) -> None:
        for controller in of:
            go_on, task = self.work.pop(controller)
            go_on.set()
            assert self.runner.run(_result(task)) == self.devices[controller].name

    def node(self, controller: Controller) -> str:
        nodes = [one.node for one in self.host.scan()]
        return next(node for node in nodes if self.host.controller(node) is controller)

    @rule(spec=st.sampled_from(DRIVES), connection=st.sampled_from(CONNECTIONS))
    def comes(self, spec: DriveSpec, connection: Connection | None) -> None:
        if len(self.all) < 8:
            self.all += self.host.add(Subsystem(spec), connection).controllers.values()

    @precondition(lambda self: self.all)
    @rule(data=st.data())
    def goes_or_comes_back(self, data: st.DataObject) -> None:
        controller = data.draw(st.sampled_from(self.all))
        if controller.present:
            self.finish([controller] if controller in self.work else [])
            self.devices.pop(controller, None)
            controller.disappear()
        else:
            controller.reappear()

    @precondition(lambda self: any(one.present for one in self.all))
    @rule(data=st.data(), cuts=st.booleans())
    def is_reset(self, data: st.DataObject, cuts: bool) -> None:
        controller = data.draw(st.sampled_from([one for one in self.all if one.present]))
        if cuts:
            node = self.node(controller)
            self.host.cut(node)
            self.look()
            self.host.reconnect(node)
        else:
            controller.reset()

    @precondition(lambda self: any(one.present for one in self.all))
    @rule(data=st.data())
    def works(self, data: st.DataObject) -> None:
        controller = data.draw(st.sampled_from([one for one in self.all if one.present]))
        if controller in self.work:
            self.finish([controller])
            return
        device, go_on = self.devices[controller], threading.Event()

        async def work() -> str:
            def wait() -> None:
                go_on.wait()

            await device.lane.run(wait)
            found = (await self.inventory.find(device.resource_name)).device
            async with found.open() as session:
                await session.mutate(identify_controller(), bytearray(4096))
            return found.name

        async def begin() -> asyncio.Task[str]:
            return asyncio.create_task(work())

        self.work[controller] = go_on, self.runner.run(begin())

    @rule()
    def restarts(self) -> None:
        self.finish(list(self.work))
        self.inventory.close()
        self.inventory = self.start()
        names = {controller: device.name for controller, device in self.devices.items()}
        self.devices = {}
        self.look()
        assert {controller: device.name for controller, device in self.devices.items()} == names

    @invariant()
    def look(self) -> None:
        found = self.runner.run(self.inventory.controllers())
        now = {self.host.controller(device.node.node): device for device in found}
        assert len(now) == len(found) == sum(one.present for one in self.all)
        assert len({device.name for device in found}) == len(found)
        for controller, device in self.devices.items():
            assert now[controller] is device
        self.devices = now
        for device in found:
            identity = identity_of(device.node)
            assert self.identities.setdefault(device.name, identity) == identity


async def _result(task: asyncio.Task[str]) -> str:
    return await task


Machine.TestCase.settings = settings(max_examples=25, stateful_step_count=20, deadline=None)
TestInventory = Machine.TestCase
