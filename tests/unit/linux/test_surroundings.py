"""What is around a controller, in trees as Linux makes them."""

from __future__ import annotations

from pathlib import Path

import pytest

from nvmed.errors import Unimplemented
from nvmed.linux.surroundings import set_indicator, surroundings
from nvmed.nvme.host import ControllerNode
from nvmed.nvme.surroundings import Indicator, Link, Surroundings

ADDRESS, PORT = "0000:3b:00.0", "0000:3a:00.0"
DRIVE = ControllerNode(
    node="nvme0", serial="S", model="M", firmware_revision="1", controller_id=1, subsystem_nqn="nqn.x",
    subsystem_node="nvme-subsys0", transport="pcie", address=ADDRESS, state="live", numa_node=1,
)  # fmt: skip
FABRICS = ControllerNode(
    node="nvme0", serial="S", model="M", firmware_revision="1", controller_id=1, subsystem_nqn="nqn.x",
    subsystem_node="nvme-subsys0", transport="tcp", address="traddr=192.0.2.1,trsvcid=4420", state="live",
)  # fmt: skip


def write(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{text}\n")


DEVICE = {
    "current_link_speed": "8.0 GT/s PCIe",
    "max_link_speed": "16.0 GT/s PCIe",
    "current_link_width": "4",
    "max_link_width": "4",
    "label": "NVMe bay 7",
    "aer_dev_correctable": "RxErr 5\nBadTLP 0\nTOTAL_ERR_COR 5",
    "aer_dev_nonfatal": "DLP 0\nTOTAL_ERR_NONFATAL 0",
    "aer_dev_fatal": "DLP 0\nTOTAL_ERR_FATAL 0",
}
NODE = {
    "queue_count": "9",
    "sqsize": "1023",
    "diag/reset_count": "2",
    "diag/odd": "no number",
    "nvme0c0n1/nsid": "1",
    "nvme0c0n1/ana_state": "optimized",
    "nvme0c0n1/stat": "1 0 8 0 2 0 16 0 0 0 0",
    "nvme0c0n1/diag/multipath_failover_count": "4",
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A drive behind a port, with what kernel and firmware say of it."""
    device = tmp_path / "devices/pci0000:3a" / PORT / ADDRESS
    write(device, DEVICE)
    node = tmp_path / "class/nvme/nvme0"
    write(node, NODE)
    (node / "device").symlink_to(device)
    (tmp_path / "bus/pci/devices").mkdir(parents=True)
    (tmp_path / "bus/pci/devices" / ADDRESS).symlink_to(device)
    write(tmp_path / "bus/pci/slots", {"3/address": "0000:3b:00", "3/attention": "0", "4/address": "0000:3c:00"})
    return tmp_path


def test_everything_that_there_is_is_read(root: Path) -> None:
    found = surroundings(root, DRIVE)
    assert (found.location.pci_address, found.location.slot, found.location.label) == (ADDRESS, "3", "NVMe bay 7")
    assert found.location.numa_node == 1
    assert found.link == Link(8_000, 4, 16_000, 4)
    assert found.errors is not None
    assert found.errors.correctable == {"RxErr": 5, "BadTLP": 0}
    assert (found.queue_count, found.queue_depth, found.counters) == (9, 1023, {"reset_count": 2})
    (path,) = found.paths
    assert (path.node, path.nsid, path.ana_state, path.reads, path.bytes_written) == (
        "nvme0c0n1", 1, "optimized", 1, 16 * 512,
    )  # fmt: skip
    assert path.counters == {"multipath_failover_count": 4}
    assert found.indicators == {Indicator.LOCATE: False, Indicator.FAULT: False}


def test_an_enclosure_says_its_bay(root: Path) -> None:
    bay = root / "class/enclosure/0:0:8:0/Slot 12"
    bay.mkdir(parents=True)
    (root / "class/nvme/nvme0/device").resolve().joinpath("enclosure_device:Slot 12").symlink_to(bay)
    assert (surroundings(root, DRIVE).location.enclosure, surroundings(root, DRIVE).location.bay) == (
        "0:0:8:0", "Slot 12",
    )  # fmt: skip


def test_of_a_connection_there_are_paths_and_queues_alone(root: Path) -> None:
    found = surroundings(root, FABRICS)
    assert (found.link, found.errors, found.indicators, found.location.pci_address) == (None, None, {}, "")
    assert found.queue_count == 9
    assert len(found.paths) == 1


def test_of_a_host_that_shows_nothing_there_is_nothing(tmp_path: Path) -> None:
    found = surroundings(tmp_path, DRIVE)
    assert found == Surroundings(location=found.location)


@pytest.mark.parametrize("broken", ["current_link_speed", "max_link_width"])
def test_half_a_link_is_none(root: Path, broken: str) -> None:
    (root / "class/nvme/nvme0/device" / broken).write_text("Unknown\n")
    assert surroundings(root, DRIVE).link is None


@pytest.mark.parametrize(("indicator", "written"), [(Indicator.LOCATE, "2"), (Indicator.FAULT, "1")])
def test_a_slot_shows_both_with_its_attention_indicator(root: Path, indicator: Indicator, written: str) -> None:
    attention = root / "bus/pci/slots/3/attention"
    set_indicator(root, DRIVE, indicator, is_on=True)
    assert attention.read_text().strip() == written
    assert surroundings(root, DRIVE).indicators == {each: each is indicator for each in Indicator}
    set_indicator(root, DRIVE, indicator, is_on=False)
    assert attention.read_text().strip() == "0"


def test_a_light_that_is_off_leaves_the_other_one_on(root: Path) -> None:
    set_indicator(root, DRIVE, Indicator.FAULT, is_on=True)
    set_indicator(root, DRIVE, Indicator.LOCATE, is_on=False)
    assert surroundings(root, DRIVE).indicators[Indicator.FAULT]


@pytest.mark.parametrize("where", [ADDRESS, PORT])
def test_npem_is_preferred_wherever_it_is(root: Path, where: str) -> None:
    write(root / "class/leds", {f"{where}:enclosure:locate/brightness": "0"})
    set_indicator(root, DRIVE, Indicator.LOCATE, is_on=True)
    assert (root / f"class/leds/{where}:enclosure:locate/brightness").read_text().strip() == "1"
    assert (root / "bus/pci/slots/3/attention").read_text().strip() == "0"


@pytest.mark.parametrize("drive", [DRIVE, FABRICS], ids=["pcie", "fabrics"])
def test_without_a_light_nothing_is_written(tmp_path: Path, drive: ControllerNode) -> None:
    with pytest.raises(Unimplemented) as refused:
        set_indicator(tmp_path, drive, Indicator.LOCATE, is_on=True)
    assert refused.value.reason == "INDICATOR_UNSUPPORTED"


def test_a_slot_whose_attention_says_nothing_has_no_light(root: Path) -> None:
    (root / "bus/pci/slots/3/attention").write_text("")
    assert surroundings(root, DRIVE).indicators == {}
    with pytest.raises(Unimplemented) as refused:
        set_indicator(root, DRIVE, Indicator.FAULT, is_on=True)
    assert refused.value.reason == "INDICATOR_UNSUPPORTED"
    assert (root / "bus/pci/slots/3/attention").read_text() == ""
