"""A simulated host: nodes as a kernel makes them, opening, removal, events, who uses what."""

from __future__ import annotations

import errno
import threading

import pytest

from nvmed.errors import InvalidArgument, NvmedError
from nvmed.nvme import features, identify, namespace
from nvmed.nvme.ana import AnaState
from nvmed.nvme.features import AsyncEventConfiguration
from nvmed.nvme.firmware import CommitAction, commit, download
from nvmed.nvme.host import Host, Use, UseKind
from nvmed.nvme.identify import IdentifyController
from nvmed.nvme.namespace import NamespaceSettings
from nvmed.nvme.opcodes import AdminOpcode, FeatureId, IoOpcode
from nvmed.nvme.transport import Command, Transport
from nvmed.simulator.drives import drive
from nvmed.simulator.faults import Fault, Hang, Refuse
from nvmed.simulator.firmware_image import build_image
from nvmed.simulator.host import SimulatedHost, Uevent, default_host
from nvmed.simulator.spec import MIB, DriveSpec, NamespaceSpec
from nvmed.simulator.subsystem import Subsystem

IDENTIFY = identify.identify_controller()
READ = Command(IoOpcode.READ, 1)


def make(serial: str = "A", **changes: object) -> Subsystem:
    return Subsystem(DriveSpec(**{"serial": serial, "namespaces": (NamespaceSpec(MIB),), **changes}))  # type: ignore[arg-type]


def open_first(host: SimulatedHost, node: str = "") -> Transport:
    return host.open(host.scan()[0], node)


def failure(call: object, *arguments: object) -> str:
    with pytest.raises(OSError, match=r"\[Errno") as caught:
        call(*arguments)  # type: ignore[operator]
    return errno.errorcode[caught.value.errno or 0]


def reason(host: SimulatedHost, *arguments: object) -> str:
    with pytest.raises(NvmedError) as caught:
        host.open(*arguments)  # type: ignore[arg-type]
    return caught.value.reason


# -- what it shows


def test_a_controller_and_its_namespaces() -> None:
    subsystem = make(model="M", ana_groups=0)
    host: Host = SimulatedHost([subsystem])
    (controller,) = host.scan()
    assert (controller.node, controller.subsystem_node, controller.serial, controller.model) == (
        "nvme0", "nvme-subsys0", "A", "M",
    )  # fmt: skip
    assert (controller.controller_id, controller.firmware_revision, controller.state) == (1, "1.0.0", "live")
    assert controller.subsystem_nqn == subsystem.nqn
    assert controller.max_transfer_bytes == 128 * 1024
    (only,) = controller.namespaces
    assert (only.node, only.generic_node, only.nsid) == ("nvme0n1", "ng0n1", 1)
    assert (only.size_bytes, only.logical_block_bytes, only.ana_state) == (MIB, 512, "")
    found = subsystem.namespaces.get(1)
    assert found
    assert (only.uuid, only.nguid, only.eui64) == (str(found.uuid), found.nguid.hex(), found.eui64.hex())


def test_several_controllers_share_multipath_heads() -> None:
    host = SimulatedHost([make("X"), make("Y", controllers=2, namespaces=(
        NamespaceSpec(MIB), NamespaceSpec(MIB, shared=False, controllers=(2,), ana_group=2)
    ))])  # fmt: skip
    shown = [(one.node, one.subsystem_node, [each.node for each in one.namespaces]) for one in host.scan()]
    assert shown == [
        ("nvme0", "nvme-subsys0", ["nvme0n1"]),
        ("nvme1", "nvme-subsys1", ["nvme1n1"]),
        ("nvme2", "nvme-subsys1", ["nvme1n1", "nvme1n2"]),
    ]


def test_a_drive_without_namespaces_shows_no_limit() -> None:
    host = SimulatedHost([make(namespaces=())], queue_limit_bytes=8192)
    assert host.scan()[0].max_transfer_bytes is None
    assert failure(open_first(host).admin, IDENTIFY, bytearray(8193)) == "EINVAL"


def test_limits_of_drive_and_kernel() -> None:
    for mdts, queue_limit, expected in ((5, 1 << 20, 1 << 17), (0, 1 << 20, 1 << 20), (9, 4096, 4096), (0, None, None)):
        host = SimulatedHost([make(mdts=mdts)], queue_limit_bytes=queue_limit)
        assert host.scan()[0].max_transfer_bytes == expected


def test_the_kernel_remembers_what_it_read() -> None:
    """Firmware that a reset activates shows once the kernel initialised the controller again."""
    host = SimulatedHost([make()])
    transport, image = open_first(host), build_image("2.0", 4096)
    transport.admin(download(0, 4096), bytearray(image))
    assert not transport.admin(commit(CommitAction.REPLACE_AND_ACTIVATE_AT_RESET, 1)).status
    assert host.scan()[0].firmware_revision == "1.0.0"
    transport.reset_controller()
    assert host.scan()[0].firmware_revision == "2.0"
    transport.admin(download(0, 4096), bytearray(build_image("3.0", 4096)))
    transport.admin(commit(CommitAction.ACTIVATE_IMMEDIATELY, 2))
    assert host.scan()[0].firmware_revision == "3.0"


def test_its_own_commands_are_neither_journalled_nor_struck() -> None:
    subsystem = make()
    subsystem.controller.faults.add(Fault(Refuse(6), times=None))
    host = SimulatedHost([subsystem])
    open_first(host).rescan()
    assert host.scan()[0].serial == "A"
    assert subsystem.controller.journal.records == ()


# -- opening


def test_each_node_takes_its_commands() -> None:
    host, data = SimulatedHost([make()]), bytearray(4096)
    for node in ("", "nvme0", "nvme0n1", "ng0n1"):
        transport = open_first(host, node)
        command = identify.identify_namespace(1)
        assert not transport.admin(command, data).status
        assert not transport.io(READ, bytearray(512)).status
        transport.close()
        transport.close()
        assert failure(transport.admin, command, data) == "EBADF"
        assert failure(transport.io, READ, data) == "EBADF"
        assert failure(transport.rescan) == "EBADF"


def test_a_namespaces_node_takes_admin_commands_of_any_namespace() -> None:
    """nvme_ctrl_ioctl gives no namespace to nvme_user_cmd64, so only I/O commands are held to the node's own."""
    assert open_first(SimulatedHost([make()]), "nvme0n1").admin(IDENTIFY, bytearray(4096)).status == 0


def test_what_linux_refuses_before_the_drive_sees_it() -> None:
    subsystem = make(namespaces=(NamespaceSpec(MIB), NamespaceSpec(MIB)))
    host = SimulatedHost([subsystem])
    controller, block = open_first(host), open_first(host, "nvme0n1")
    assert failure(block.io, Command(IoOpcode.READ, 2), bytearray(512)) == "EINVAL"
    assert failure(controller.admin, Command(AdminOpcode.IDENTIFY, flags=1)) == "EINVAL"
    assert failure(controller.admin, IDENTIFY, bytearray(1 << 18)) == "EINVAL"
    assert failure(controller.io, READ, bytearray(512)) == "EINVAL"
    assert failure(open_first(SimulatedHost([make(namespaces=())])).io, READ, bytearray(512)) == "ENOTTY"
    for call in (block.reset_controller, block.reset_subsystem, block.rescan):
        assert failure(call) == "ENOTTY"
    assert failure(open_first(SimulatedHost([make(subsystem_reset=False)])).reset_subsystem) == "ENOTTY"
    assert subsystem.controller.journal.records == ()


@pytest.mark.parametrize("node", ["nvme0n1p1", "nvme0/../null", "nvme", "/dev/nvme0", "ng0", "nvme0 ", "nvme\u0660"])
def test_names_that_are_no_nodes(node: str) -> None:
    host = SimulatedHost([make()])
    with pytest.raises(InvalidArgument, match="node"):
        open_first(host, node)


def test_nodes_that_are_not_there_or_not_of_this_controller() -> None:
    host = SimulatedHost([make("A"), make("B")])
    first = host.scan()[0]
    assert failure(host.open, first, "nvme0n2") == "ENOENT"
    assert failure(host.open, first, "nvme7") == "ENOENT"
    assert reason(host, first, "nvme1n1") == "NAMESPACE_NOT_FOUND"
    assert reason(host, first, "nvme1") == "NAMESPACE_NOT_FOUND"


# -- removal


def test_a_number_that_is_given_to_another_drive() -> None:
    first, second = make("A"), make("B")
    host = SimulatedHost([first])
    before, transport = host.scan()[0], open_first(host)
    namespace_transport = open_first(host, "nvme0n1")
    assert host.unplug("nvme0") is first.controller
    assert host.scan() == ()
    for one in (transport, namespace_transport):
        assert failure(one.admin, identify.identify_namespace(1), bytearray(4096)) == "ENODEV"
    assert failure(transport.reset_controller) == "ENODEV"
    assert failure(host.open, before) == "ENOENT"
    host.add(second)
    assert reason(host, before) == "DEVICE_IDENTITY_CHANGED"
    assert reason(host, before, "nvme0n1") == "DEVICE_IDENTITY_CHANGED"
    first.controller.reappear()
    assert [(one.node, one.serial) for one in host.scan()] == [("nvme0", "B"), ("nvme1", "A")]
    assert failure(transport.admin, IDENTIFY, bytearray(4096)) == "ENODEV"
    with pytest.raises(KeyError):
        host.unplug("nvme9")


def test_a_subsystem_keeps_its_number_while_it_has_a_controller() -> None:
    shared = make("S", controllers=2)
    shared.controllers[1].disappear()
    host = SimulatedHost([shared])
    assert [one.controller_id for one in host.scan()] == [2]
    shared.controllers[1].reappear()
    host.unplug("nvme0")
    assert [(one.node, one.namespaces[0].node) for one in host.scan()] == [("nvme1", "nvme0n1")]
    host.add(make("T"))
    assert [one.node for one in host.scan()] == ["nvme1", "nvme2"]
    host.unplug("nvme1")
    host.unplug("nvme2")
    host.add(make("U"))
    shared.controllers[2].reappear()
    assert [(one.node, one.serial, one.namespaces[0].node) for one in host.scan()] == [
        ("nvme0", "U", "nvme0n1"), ("nvme1", "S", "nvme1n1"),
    ]  # fmt: skip


def test_a_controller_id_that_changed_is_another_controller() -> None:
    host = SimulatedHost([make("S")])
    before = host.scan()[0]
    host.unplug("nvme0")
    host.add(make("S", first_controller_id=9))
    assert reason(host, before) == "DEVICE_IDENTITY_CHANGED"
    host.add(make("T"))
    host.unplug("nvme0")
    assert reason(host, before, "nvme1") == "DEVICE_IDENTITY_CHANGED"


def test_the_host_finds_a_controller_for_its_faults() -> None:
    subsystem = make()
    host = SimulatedHost([subsystem])
    assert host.controller("nvme0") is subsystem.controller
    with pytest.raises(KeyError):
        host.controller("nvme1")


def test_one_drive_that_hangs_stops_nobody_else() -> None:
    first, second, hang = make("A"), make("B"), Hang()
    host = SimulatedHost([first, second])
    first.controller.faults.add(Fault(hang))
    thread = threading.Thread(target=open_first(host).admin, args=(IDENTIFY, bytearray(4096)))
    thread.start()
    assert hang.reached.wait(10)
    assert len(host.scan()) == 2
    assert not host.open(host.scan()[1]).admin(IDENTIFY, bytearray(4096)).status
    hang.release()
    thread.join(10)


# -- multipath


def test_a_head_takes_the_best_path() -> None:
    shared = make(controllers=2)
    host = SimulatedHost([shared])
    first, second = shared.controllers.values()
    transport = host.open(host.scan()[1], "nvme0n1")

    def path() -> int:
        data = bytearray(4096)
        assert not transport.admin(Command(AdminOpcode.IDENTIFY, 1, cdw10=1), data).status
        return IdentifyController.parse(data).cntlid

    assert path() == 1
    first.set_ana_state(1, AnaState.NON_OPTIMIZED)
    assert path() == 2
    second.set_ana_state(1, AnaState.INACCESSIBLE)
    assert path() == 1
    assert [one.namespaces[0].ana_state for one in host.scan()] == ["non-optimized", "inaccessible"]
    shared.set_ana_state(1, AnaState.PERSISTENT_LOSS)
    assert failure(transport.io, READ, bytearray(512)) == "EAGAIN"
    shared.set_ana_state(1, AnaState.OPTIMIZED)
    host.unplug("nvme0")
    assert path() == 2
    host.unplug("nvme1")
    assert failure(transport.io, READ, bytearray(512)) == "ENODEV"


# -- events


def collect(host: SimulatedHost) -> list[Uevent]:
    events = list[Uevent]()
    host.subscribe(events.append)
    return events


def brief(events: list[Uevent]) -> list[tuple[str, ...]]:
    told = [
        tuple(event[key] for key in ("ACTION", "DEVNAME", "NVME_AEN", "NVME_EVENT") if key in event) for event in events
    ]
    events.clear()
    return told


def test_controllers_come_and_go() -> None:
    host = SimulatedHost()
    events = collect(host)
    subsystem = host.add(make())
    added = [("add", "nvme0"), ("add", "ng0n1"), ("add", "nvme0n1"), ("change", "nvme0", "connected")]
    assert brief(events) == added
    host.unplug("nvme0")
    assert brief(events) == [("remove", "ng0n1"), ("remove", "nvme0n1"), ("remove", "nvme0")]
    subsystem.controller.reappear()
    assert brief(events) == added
    open_first(host).reset_controller()
    assert brief(events) == [("change", "nvme0", "connected")]
    open_first(host).reset_subsystem()
    assert brief(events) == [("change", "nvme0", "connected")]


def test_an_event_as_the_kernel_writes_it() -> None:
    host = SimulatedHost()
    events = collect(host)
    host.add(make())
    assert events[0] == {
        "ACTION": "add", "DEVPATH": "/devices/virtual/nvme/nvme0", "SUBSYSTEM": "nvme", "DEVNAME": "nvme0",
        "NVME_TRTYPE": "pcie",
    }  # fmt: skip
    assert events[2]["SUBSYSTEM"] == "block"
    assert events[2]["DEVTYPE"] == "disk"


def test_namespaces_come_and_go() -> None:
    host = SimulatedHost([make()])
    transport, events = open_first(host), collect(host)
    command, data = namespace.create(NamespaceSettings(nsze=8, ncap=8, nmic=1))
    transport.admin(command, bytearray(data))
    assert brief(events) == []
    transport.admin((attach := namespace.attach(2, [1]))[0], bytearray(attach[1]))
    assert brief(events) == [("add", "ng0n2"), ("add", "nvme0n2")]
    opened = open_first(host, "nvme0n2")
    transport.admin((detach := namespace.detach(2, [1]))[0], bytearray(detach[1]))
    assert brief(events) == [("remove", "ng0n2"), ("remove", "nvme0n2")]
    assert failure(opened.io, Command(IoOpcode.READ, 2), bytearray(512)) == "ENODEV"
    transport.admin(attach[0], bytearray(attach[1]))
    transport.admin(namespace.delete(2))
    assert [node.nsid for node in host.scan()[0].namespaces] == [1]


def test_a_namespace_that_took_anothers_identifier_is_another() -> None:
    host = SimulatedHost([make()])
    transport, opened = open_first(host), open_first(host, "nvme0n1")
    transport.admin(namespace.delete(1))
    command, data = namespace.create(NamespaceSettings(nsze=8, ncap=8))
    assert transport.admin(command, bytearray(data)).result == 1
    transport.admin((attach := namespace.attach(1, [1]))[0], bytearray(attach[1]))
    assert host.scan()[0].namespaces[0].node == "nvme0n1"
    assert failure(opened.io, READ, bytearray(512)) == "ENODEV"


def test_events_that_the_kernel_hands_on() -> None:
    subsystem = make()
    host = SimulatedHost([subsystem])
    transport, events = open_first(host), collect(host)
    subsystem.controller.set_critical_warning(1)
    subsystem.controller.capture_controller_telemetry()
    assert brief(events) == []
    subsystem.controller.set_critical_warning(0)
    everything = AsyncEventConfiguration(0xFF) | AsyncEventConfiguration.TELEMETRY_LOG_NOTICES
    transport.admin(features.set_features(FeatureId.ASYNCHRONOUS_EVENT_CONFIGURATION, everything))
    subsystem.controller.set_critical_warning(1)
    subsystem.controller.capture_controller_telemetry()
    assert brief(events) == [("change", "nvme0", "0x020201")]


def test_subscribers_may_ask_the_host_and_leave() -> None:
    host, seen = SimulatedHost(), list[int]()
    unsubscribe = host.subscribe(lambda _: seen.append(len(host.scan())))
    host.add(make("A"))
    unsubscribe()
    host.add(make("B"))
    assert seen == [1, 1, 1, 1]


# -- who uses what


def test_usage() -> None:
    host = SimulatedHost([make(namespaces=(NamespaceSpec(MIB), NamespaceSpec(MIB)))])
    free = host.usage("nvme0n1")
    assert (free.is_in_use, free.is_boot, free.uses) == (False, False, ())
    host.occupy("nvme0n1", "/srv")
    assert host.usage("nvme0n1").uses == (Use(UseKind.MOUNT, "nvme0n1", "/srv"),)
    assert (host.usage("nvme0n1").is_in_use, host.usage("nvme0n1").is_boot) == (True, False)
    host.occupy("nvme0n1", "/boot")
    assert host.usage("nvme0n1").is_boot
    assert not host.usage("nvme0n2").is_in_use
    host.vacate("nvme0n1")
    assert not host.usage("nvme0n1").is_in_use
    with pytest.raises(KeyError):
        host.occupy("nvme0n9")
    assert failure(host.usage, "nvme0") == "ENOENT"


def test_a_drive_that_was_pulled_is_not_mounted_when_it_is_back() -> None:
    host = SimulatedHost([make()])
    host.occupy("nvme0n1", "/")
    host.unplug("nvme0").reappear()
    assert not host.usage("nvme0n1").is_in_use


# -- what nvmed --simulate serves


def test_default_host() -> None:
    nodes = default_host(3).scan()
    assert [node.node for node in nodes] == ["nvme0", "nvme1", "nvme2"]
    assert len({node.serial for node in nodes}) == 3
    assert all(len(node.serial) <= 20 and len(node.model) <= 40 for node in nodes)
    assert [len(node.namespaces) for node in nodes] == [1, 2, 1]
    assert drive(1).telemetry.last_blocks[2] == 16 * MIB // 512 - 1
    assert default_host(0).scan() == ()
