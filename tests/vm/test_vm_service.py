"""The service as hosts get it: what else tests in here see works within this confinement."""

from __future__ import annotations

from tests.vm import qemu
from tests.vm.daemon import Daemon
from tests.vm.guest import Guest

CAP_SYS_ADMIN = 1 << 21


def test_it_has_no_privilege_that_it_does_not_need(guest: Guest, daemon: Daemon) -> None:
    lines = guest.sh(f"cat /proc/{daemon.unit.pid()}/status").splitlines()
    status = {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}
    for kind in ("CapEff", "CapPrm", "CapBnd"):
        assert int(status[kind], 16) == CAP_SYS_ADMIN, kind
    assert int(status["CapInh"], 16) == int(status["CapAmb"], 16) == 0
    assert (status["NoNewPrivs"], status["Seccomp"], status["Uid"].split()[0]) == ("1", "2", "0")
    mounts = guest.sh(f"cat /proc/{daemon.unit.pid()}/mountinfo").splitlines()
    (root,) = (line.split() for line in mounts if line.split()[4] == "/")
    assert "ro" in root[5].split(",")


async def test_a_reload_is_answered_and_nothing_stops(guest: Guest, daemon: Daemon) -> None:
    pid = daemon.unit.pid()
    guest.sh("systemctl reload nvmed")
    assert daemon.unit.pid() == pid
    async with daemon.client() as client:
        serials = {controller.serial_number async for controller in client.list_controllers()}
    assert serials >= {drive.serial for drive in qemu.CONTROLLERS}


def test_a_wrong_configuration_is_refused_by_the_reload(guest: Guest, daemon: Daemon) -> None:
    pid, path = daemon.unit.pid(), "/etc/nvmed/nvmed.toml"
    before = guest.get(path)
    guest.put(path, before + b"\n[nonsense]\n")
    try:
        refused = guest.run("systemctl", "reload", "nvmed")
        assert refused.returncode
        assert (daemon.unit.active(), daemon.unit.pid()) == (True, pid)
    finally:
        guest.put(path, before)
    guest.sh("systemctl reload nvmed")
