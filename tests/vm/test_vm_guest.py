"""The lab itself: the guest is what the other tests take it for."""

from __future__ import annotations

import hashlib
import os

import pytest

from tests.vm import qemu
from tests.vm.guest import HOST_ADDRESS, HOST_NQN, Guest, GuestError


def test_kernel_and_programs(guest: Guest) -> None:
    assert guest.sh("uname -r").startswith("6.12.")
    assert guest.sh("nvme version").startswith("nvme version 2.")
    assert guest.sh("cat /etc/nvme/hostnqn").strip() == HOST_NQN
    assert guest.sh("ps -p 1 -o comm=").strip() == "systemd"


def test_every_qemu_drive_is_there(guest: Guest) -> None:
    assert len(guest.nodes(qemu.LEFT.serial)) == 2
    assert guest.nodes(qemu.SOLO.serial) == [guest.node(qemu.SOLO)]
    assert {guest.node(qemu.LEFT), guest.node(qemu.RIGHT)} == set(guest.nodes(qemu.LEFT.serial))
    devices = guest.json("nvme list -o json")["Devices"]
    sizes = {(device["SerialNumber"], device["PhysicalSize"]) for device in devices}
    attached = [namespace for namespace in qemu.NAMESPACES if not namespace.detached]
    assert sizes == {(namespace.controller.serial, namespace.size_bytes) for namespace in attached}


def test_modules_for_later_tests_load(guest: Guest) -> None:
    guest.sh("modprobe -a nvme-tcp nvme-loop nvmet nvmet-tcp null_blk tls")


def test_nvmed_is_installed(guest: Guest) -> None:
    def origin() -> str:
        import cryptography
        import grpc

        import nvmed

        assert cryptography.__version__
        assert grpc.__version__
        return str(nvmed.__file__)

    assert guest.call(origin).startswith("/opt/nvmed/payload/")


def test_files_travel_whole(guest: Guest) -> None:
    data = os.urandom(16 << 20)
    guest.put("/tmp/travelled/file", data, mode=0o600)
    assert guest.sh("stat -c '%a %s' /tmp/travelled/file").split() == ["600", str(len(data))]
    assert guest.sh("sha256sum < /tmp/travelled/file").split()[0] == hashlib.sha256(data).hexdigest()
    assert guest.get("/tmp/travelled/file") == data
    guest.sh("rm -r /tmp/travelled")


def test_commands_fail_as_they_should(guest: Guest) -> None:
    assert guest.run("false").returncode == 1
    assert guest.run("no-such-program").returncode == 127
    assert guest.run("sleep", "60", timeout_s=0.5).returncode == 124
    with pytest.raises(GuestError, match="oh dear"):
        guest.sh("echo oh dear >&2; false | true; echo never")
    with pytest.raises(TimeoutError):
        guest.wait("false", timeout_s=0.5)


def test_services_and_ports(guest: Guest) -> None:
    with guest.unit("web", "python3", "-m", "http.server", "--bind", "10.0.2.15", "8080") as unit:
        port = guest.forward(8080)
        guest.wait("ss -ltn | grep -q :8080")
        assert unit.active()
        assert unit.pid() > 1
        assert port == guest.forward(8080)
    assert not unit.active()


def test_a_drive_is_pulled_and_plugged(guest: Guest) -> None:
    plugged = qemu.Controller("plugged", "NVMED-PLUGGED", qemu.SPARE_SLOTS[0])
    with guest.plugged(plugged) as node:
        assert guest.nodes(plugged.serial) == [node]
    assert guest.nodes(plugged.serial) == []


def test_smart_warning(guest: Guest) -> None:
    node = guest.node(qemu.SOLO)
    guest.critical_warning(qemu.SOLO, 0x04)
    assert guest.json(f"nvme smart-log /dev/{node} -o json")["critical_warning"] == 0x04
    guest.critical_warning(qemu.SOLO, 0)
    assert guest.json(f"nvme smart-log /dev/{node} -o json")["critical_warning"] == 0


def test_guest_reaches_host(guest: Guest) -> None:
    assert guest.sh(f"ip route get {HOST_ADDRESS}").startswith(HOST_ADDRESS)
