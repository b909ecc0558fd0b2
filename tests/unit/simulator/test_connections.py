"""Simulated hosts connected over fabrics: cut, made anew, and numbered anew by targets of the dynamic model."""

from __future__ import annotations

import errno

import pytest

from nvmed.nvme.host import identity_of, instance_of, is_same_device
from nvmed.nvme.identify import identify_controller
from nvmed.simulator.host import SimulatedHost
from nvmed.simulator.spec import Connection, DriveSpec
from nvmed.simulator.subsystem import Subsystem


def connected(**spec: object) -> SimulatedHost:
    host = SimulatedHost()
    host.add(Subsystem(DriveSpec(**spec)), Connection(host_iface="eth0"))  # type: ignore[arg-type]
    return host


@pytest.mark.parametrize("is_dynamic", [True, False])
def test_a_connection_made_anew_is_the_same_by_another_number(is_dynamic: bool) -> None:
    host = connected(dynamic_controllers=is_dynamic)
    (before,) = host.scan()
    assert (before.transport, before.state) == ("tcp", "live")
    host.cut("nvme0")
    assert host.scan()[0].state == "connecting"
    with pytest.raises(OSError, match=r"\[Errno 11\]") as blocked:
        host.open(before)
    assert blocked.value.errno == errno.EWOULDBLOCK
    host.reconnect("nvme0")
    (after,) = host.scan()
    assert is_same_device(before, after)
    assert before.address != after.address  # from another port
    assert (before.controller_id != after.controller_id) is is_dynamic
    assert [one.node for one in after.namespaces] == ["nvme0n1"]
    host.open(before).close()


def test_what_is_in_flight_when_it_is_cut_is_given_up() -> None:
    host = connected()
    transport = host.open(host.scan()[0])
    host.cut("nvme0")
    with pytest.raises(InterruptedError):
        transport.admin(identify_controller(), bytearray(4096))
    host.reconnect("nvme0")
    assert transport.admin(identify_controller(), bytearray(4096)).status == 0
    transport.close()


def test_a_drive_in_a_slot_is_not_numbered_anew() -> None:
    host = SimulatedHost([Subsystem(DriveSpec(dynamic_controllers=True))])
    (before,) = host.scan()
    host.controller("nvme0").reset()
    assert host.scan()[0] == before


def test_a_number_is_never_given_again_and_paths_stay_apart() -> None:
    host = connected(dynamic_controllers=True, controllers=2)
    assert len({identity_of(node) for node in host.scan()}) == 2
    numbers = [node.controller_id for node in host.scan()]
    for _ in range(3):
        for node in host.scan():
            host.reconnect(node.node)
        numbers += [node.controller_id for node in host.scan()]
    assert len(set(numbers)) == len(numbers)
    assert all(node.namespaces for node in host.scan())


def test_who_comes_back_is_another_of_the_kernels_devices() -> None:
    host = SimulatedHost([Subsystem(DriveSpec())])
    (before,) = host.scan()
    host.unplug("nvme0").reappear()
    (after,) = host.scan()
    assert after == before
    assert instance_of(after) != instance_of(before)
