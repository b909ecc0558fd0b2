"""Faults that are switched while a simulated host runs: what each does to its drives, and that it leaves nothing."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from nvmed.config import UnixListener
from nvmed.errors import NvmedError
from nvmed.nvme import identify, logpage
from nvmed.nvme.ana import AnaState
from nvmed.nvme.health import SmartLog
from nvmed.nvme.opcodes import LogPage
from nvmed.nvme.surroundings import Link
from nvmed.nvme.telemetry import TelemetryLog
from nvmed.nvme.transport import Completion
from nvmed.rpc.listeners import unix_socket
from nvmed.simulator import fault_file, fault_socket
from nvmed.simulator.controller import Controller
from nvmed.simulator.fault_switch import FaultSwitch
from nvmed.simulator.host import SimulatedHost
from nvmed.simulator.spec import DriveSpec
from nvmed.simulator.subsystem import Subsystem


@pytest.fixture
def host() -> SimulatedHost:
    return SimulatedHost([Subsystem(DriveSpec(serial="A")), Subsystem(DriveSpec(serial="B"))])


@pytest.fixture
def switch(host: SimulatedHost) -> Iterator[FaultSwitch]:
    made = FaultSwitch(host)
    yield made
    made.close()


def add(switch: FaultSwitch, kind: str, *fields: str) -> str:
    (name,) = switch.add([fault_file.parse_words(kind, fields)], "test")
    return name


def smart(controller: Controller) -> SmartLog:
    data = bytearray(512)
    assert controller.admin(logpage.get_log_page(LogPage.SMART_HEALTH_INFORMATION, 512), data).status == 0
    return SmartLog.parse(bytes(data))


def asked(controller: Controller) -> Completion:
    return controller.admin(identify.identify_controller(), bytearray(4096))


def test_a_status_strikes_those_commands_so_often(host: SimulatedHost, switch: FaultSwitch) -> None:
    drive = host.controller("nvme0")
    add(switch, "status", "controller=A", "opcode=identify", "sct=1", "sc=0x0a", "dnr=true", "after=1", "count=2")
    statuses = [asked(drive).status for _ in range(4)]
    assert statuses == [0, 0x410A, 0x410A, 0]
    assert smart(drive).critical_warning == 0
    assert asked(host.controller("nvme1")).status == 0
    assert "# struck so far: 2\n" in switch.listed()


def test_what_hangs_is_answered_when_the_fault_goes(host: SimulatedHost, switch: FaultSwitch) -> None:
    drive, answers = host.controller("nvme0"), list[Completion]()
    name = add(switch, "hang", "controller=nvme0", "opcode=identify")
    thread = threading.Thread(target=lambda: answers.append(asked(drive)))
    thread.start()
    while "# struck so far: 1\n" not in switch.listed():
        continue
    assert answers == []
    switch.remove([name], "test")
    thread.join()
    assert [one.status for one in answers] == [0]
    assert asked(drive).status == 0


def test_an_unplugged_drive_comes_back(host: SimulatedHost, switch: FaultSwitch) -> None:
    name = add(switch, "unplug", "controller=nvme0")
    assert [node.serial for node in host.scan()] == ["B"]
    switch.remove([name], "test")
    assert [node.serial for node in host.scan()] == ["A", "B"]
    assert smart(host.controller("nvme0")).unsafe_shutdowns == 1


def test_a_link_goes_down_and_up(host: SimulatedHost, switch: FaultSwitch) -> None:
    transport = host.open(host.scan()[1])
    name = add(switch, "link-down", "controller=nvme1")
    with pytest.raises(OSError, match="Interrupted"):
        transport.admin(identify.identify_controller(), bytearray(4096))
    assert [node.state for node in host.scan()] == ["live", "connecting"]
    switch.remove([name], "test")
    assert [node.state for node in host.scan()] == ["live", "live"]


def test_telemetry_is_torn(host: SimulatedHost, switch: FaultSwitch) -> None:
    drive = host.controller("nvme0")
    before = drive.create_host_telemetry()
    add(switch, "torn-telemetry", "controller=nvme0", "after=1")
    for offset, expected in ((0, before), (512, before), (1024, before + 1), (1536, before + 1)):
        command = logpage.get_log_page(LogPage.TELEMETRY_HOST_INITIATED, 512, offset_bytes=offset)
        assert drive.admin(command, bytearray(512)).status == 0
        assert drive.telemetry.generation(TelemetryLog.HOST_INITIATED) == expected


def test_health_is_as_it_was_afterwards(host: SimulatedHost, switch: FaultSwitch) -> None:
    drive = host.controller("nvme0")
    before = smart(drive)
    names = [
        add(switch, "critical-warning", "warnings=['read-only', 'reliability-degraded']"),
        add(switch, "wear", "percentage_used=120", "available_spare=9"),
        add(switch, "media-errors", "errors=7", "blocks=3"),
        add(switch, "temperature", "celsius=81"),
    ]
    now = smart(drive)
    assert now.critical_warning == 0b1111, "read only, degraded, too warm, and little spare"
    assert (now.percentage_used, now.available_spare, now.media_errors) == (120, 9, 7)
    assert now.temperature_celsius == 81
    assert drive.subsystem.namespaces.get(1).bad_blocks == {0, 1, 2}  # type: ignore[union-attr]
    switch.remove(names, "test")
    assert smart(drive) == before
    assert drive.subsystem.namespaces.get(1).bad_blocks == set()  # type: ignore[union-attr]


def test_a_group_of_namespaces_cannot_be_reached(host: SimulatedHost, switch: FaultSwitch) -> None:
    drive = host.controller("nvme0")
    name = add(switch, "ana-state", "controller=nvme0", "group=1", "state=inaccessible")
    assert drive.ana.state(1) is AnaState.INACCESSIBLE
    switch.remove([name], "test")
    assert drive.ana.state(1) is AnaState.OPTIMIZED


def test_a_link_is_bad_and_has_had_errors(host: SimulatedHost, switch: FaultSwitch) -> None:
    node = host.scan()[0]
    names = [
        add(switch, "link", "controller=nvme0", "speed_mts=8000", "width=2"),
        add(switch, "aer", "controller=nvme0", "severity=fatal", "error=DLP", "errors=3"),
    ]
    around = host.surroundings(node)
    assert around.link == Link(8_000, 2, 16_000, 4)
    assert around.errors is not None
    assert around.errors.fatal == {"DLP": 3}
    switch.remove(names, "test")
    around = host.surroundings(node)
    assert around.link == Link(16_000, 4, 16_000, 4)
    assert around.errors is not None
    assert around.errors.fatal == {"DLP": 3}, "what a kernel counted it does not forget"


@pytest.mark.parametrize(
    ("kind", "fields", "problem"),
    [
        ("hang", ["controller=nvme7"], "there is no 'nvme7'; there are nvme0 (A), nvme1 (B)"),
        ("ana-state", ["group=99"], "has no ANA group 99"),
        ("media-errors", ["nsid=9", "blocks=1"], "has no namespace 9"),
        ("temperature", ["celsius=1"], "temperature of that drive is temperature already"),
    ],
)
def test_what_cannot_be_is_refused_and_leaves_nothing(
    host: SimulatedHost, switch: FaultSwitch, kind: str, fields: list[str], problem: str
) -> None:
    add(switch, "temperature", "celsius=50", "controller=nvme1")
    before = switch.listed()
    rows = [fault_file.parse_words("unplug", ["controller=nvme0"]), fault_file.parse_words(kind, fields)]
    if kind in ("hang", "temperature"):
        rows.reverse()
    with pytest.raises(NvmedError) as refused:
        switch.add(rows, "test")
    assert problem in refused.value.message
    assert switch.listed() == before
    assert [node.serial for node in host.scan()] == ["A", "B"]
    with pytest.raises(NvmedError, match="there is no fault 'no'; there are temperature"):
        switch.remove(["no"], "test")


async def test_a_running_daemon_is_reached_by_its_socket(host: SimulatedHost, tmp_path: Path) -> None:
    address = f"unix:{tmp_path}/d.sock"
    path = fault_socket.path_beside(f"{tmp_path}/d.sock")

    async def ask(**request: object) -> dict[str, object]:
        return await asyncio.to_thread(fault_socket.ask, address, **request)

    async def refused(**request: object) -> str:
        with pytest.raises(NvmedError) as refusal:
            await ask(**request)
        return refusal.value.message

    switch = FaultSwitch(host)
    async with fault_socket.serving(unix_socket(UnixListener(path=str(path))), path, switch):
        assert path.stat().st_mode & 0o777 == 0o600
        text = "[[faults]]\nkind = 'unplug'\ncontroller = 'nvme0'\n"
        assert (await ask(add=text))["names"] == ["unplug"]
        assert (await ask(list=True))["faults"] == switch.listed() != ""
        assert "did you mean" in await refused(add=text.replace("unplug", "unplgu"))
        assert "is no request" in await refused(other=1)
        assert "there is no fault 'x'" in await refused(remove=["x"])
    assert len(host.scan()) == 2, "what was on is off"
    assert not path.exists()
    with pytest.raises(OSError, match=r"d\.simulator\.sock"):
        await ask(list=True)
    with pytest.raises(NvmedError, match="is no unix socket"):
        fault_socket.ask("host:50051")
