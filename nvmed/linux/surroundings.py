"""What sysfs has around a controller, and the lights of its bay.

    class/nvme/nvme0/device             the PCI function, with its link, its AER counters, perhaps an enclosure_device:*
    class/nvme/nvme0/diag/*             the kernel's counters of the controller, where it has them
    class/nvme/nvme0/nvme0c0n1/stat     a path to a namespace: its I/O, its ana_state, perhaps its diag/
    bus/pci/slots/3/{address,attention} slots, by the bus and device in them
    class/leds/0000:3a:00.0:enclosure:* Native PCIe Enclosure Management (Linux 6.13), of the device or the port above

A light that NPEM has is switched there; else the slot's attention indicator stands for both: it blinks to locate and is
steady for a fault.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from nvmed.files import write_existing
from nvmed.linux.attributes import attribute, names_in
from nvmed.nvme.host import ControllerNode
from nvmed.nvme.surroundings import (
    COUNTERS_MAX,
    Indicator,
    Link,
    LinkErrors,
    Location,
    PathFacts,
    Surroundings,
    parse_block_statistics,
    parse_counters,
    parse_speed,
)
from nvmed.reasons import Reason, error

_PCI_ADDRESS: Final = re.compile(r"[0-9a-f]{4,8}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]")
_PATH: Final = re.compile(r"nvme\d+(?:c\d+)?n\d+", re.ASCII)
_SLOTS, _LEDS = "bus/pci/slots", "class/leds"
_NPEM: Final = {Indicator.LOCATE: "locate", Indicator.FAULT: "fail"}
_ATTENTION: Final = {Indicator.LOCATE: 2, Indicator.FAULT: 1}
"""What the slot's attention indicator is for each: 0 is off, 1 on, 2 blinking (`pciehp_set_indicators`)."""


def surroundings(root: Path, controller: ControllerNode) -> Surroundings:
    """Everything that there is; what is missing, or vanishes while it is read, is left out."""
    directory = root / "class/nvme" / controller.node
    address = _address(controller)
    device = directory / "device"
    return Surroundings(
        location=_location(root, controller, device, address),
        link=_link(device) if address else None,
        errors=_errors(device) if address else None,
        queue_count=_number(directory / "queue_count"),
        queue_depth=_number(directory / "sqsize"),
        counters=_counters(directory / "diag"),
        paths=(*_paths(directory),),
        indicators=_indicators(root, address),
    )


def set_indicator(root: Path, controller: ControllerNode, indicator: Indicator, is_on: bool) -> None:
    """Switch a light of the controller's bay.

    Raises INDICATOR_UNSUPPORTED where there is none, `OSError` where it cannot be switched. A slot's indicator that
    shows the other light is left as it is when this one is switched off.
    """
    places = _places(root, _address(controller), indicator)
    if not places:
        raise error(
            Reason.INDICATOR_UNSUPPORTED,
            f"{controller.node} has no {indicator.value} indicator: its bay has neither NPEM nor a slot with an "
            "attention indicator",
            node=controller.node,
            indicator=indicator.value,
        )
    place, on = places[0]
    if is_on or _number(place) == on:
        write_existing(place, b"%d" % (on if is_on else 0))


def _address(controller: ControllerNode) -> str:
    """The PCI address of a controller; "" of one that has none."""
    is_pci = controller.transport == "pcie" and _PCI_ADDRESS.fullmatch(controller.address)
    return controller.address if is_pci else ""


def _location(root: Path, controller: ControllerNode, device: Path, address: str) -> Location:
    enclosure, bay = "", ""
    for name in names_in(device):
        if name.startswith("enclosure_device:"):
            bay = name.partition(":")[2]
            enclosure = (device / name).resolve().parent.name
    slot = _slot(root, address)
    return Location(
        pci_address=address,
        slot=slot.name if slot else "",
        label=attribute(device / "label"),
        enclosure=enclosure,
        bay=bay,
        numa_node=controller.numa_node if controller.numa_node >= 0 else None,
    )


def _slot(root: Path, address: str) -> Path | None:
    """The slot that the device is in: a slot knows bus and device, not the function."""
    if not address:
        return None
    bus_and_device = address.rpartition(".")[0]
    slots = (root / _SLOTS / name for name in sorted(names_in(root / _SLOTS)))
    return next((slot for slot in slots if attribute(slot / "address") == bus_and_device), None)


def _link(device: Path) -> Link | None:
    speed, best = (parse_speed(attribute(device / name)) for name in ("current_link_speed", "max_link_speed"))
    width, widest = (_number(device / name) for name in ("current_link_width", "max_link_width"))
    if speed is None or best is None or width is None or widest is None:
        return None
    return Link(speed, width, best, widest)


def _errors(device: Path) -> LinkErrors | None:
    kinds = [attribute(device / f"aer_dev_{kind}") for kind in ("correctable", "nonfatal", "fatal")]
    return LinkErrors(*map(parse_counters, kinds)) if any(kinds) else None


def _counters(directory: Path) -> Mapping[str, int]:
    """The numbers in a directory of attributes, by their names."""
    found = ((name, _number(directory / name)) for name in sorted(names_in(directory))[:COUNTERS_MAX])
    return {name: number for name, number in found if number is not None}


def _paths(directory: Path) -> Iterator[PathFacts]:
    for name in sorted(filter(_PATH.fullmatch, names_in(directory))):
        path = directory / name
        nsid, statistics = _number(path / "nsid"), parse_block_statistics(attribute(path / "stat"))
        if nsid is None or statistics is None:
            continue
        yield PathFacts(
            node=name,
            nsid=nsid,
            ana_state=attribute(path / "ana_state"),
            reads=statistics.reads,
            writes=statistics.writes,
            bytes_read=statistics.bytes_read,
            bytes_written=statistics.bytes_written,
            in_flight=statistics.in_flight,
            read_ms=statistics.read_ms,
            write_ms=statistics.write_ms,
            counters=_counters(path / "diag"),
        )


def _places(root: Path, address: str, indicator: Indicator) -> list[tuple[Path, int]]:
    """Where the light is switched, and what is written there for on: the best first.

    A file that says no number is no light: ACPI hotplug (`acpiphp`) gives every slot an `attention`, and EINVAL to who
    reads one that no driver stands behind.
    """
    if not address:
        return []
    leds = (f"{each}:enclosure:{_NPEM[indicator]}" for each in _upwards(root, address))
    places = [(root / _LEDS / led / "brightness", 1) for led in leds]
    if slot := _slot(root, address):
        places.append((slot / "attention", _ATTENTION[indicator]))
    return [(place, on) for place, on in places if _number(place) is not None]


def _upwards(root: Path, address: str) -> tuple[str, ...]:
    """The PCI address of the device, and of the port above it, which has the bay's lights where the device has none."""
    device = root / "bus/pci/devices" / address
    port = device.resolve().parent.name if device.exists() else ""
    return (address, port) if _PCI_ADDRESS.fullmatch(port) else (address,)


def _indicators(root: Path, address: str) -> Mapping[Indicator, bool]:
    """The lights that there are, and which of them are on."""
    lights = ((indicator, _places(root, address, indicator)) for indicator in Indicator)
    return {indicator: _number(places[0][0]) == places[0][1] for indicator, places in lights if places}


def _number(path: Path) -> int | None:
    text = attribute(path)
    return int(text) if re.fullmatch(r"[0-9]{1,20}", text) else None
