"""Drives that look like those in a storage host: what `nvmed --simulate` and `nvmed simulator` serve."""

from __future__ import annotations

from dataclasses import replace

from nvmed.nvme.surroundings import Indicator, Link, LinkErrors, Location, Surroundings
from nvmed.simulator.spec import GIB, MIB, Connection, DriveSpec, FirmwareSpec, NamespaceSpec, TelemetrySpec

TERABYTE = 10**12
NAMESPACE_UNIT = 4096 * 256
JOURNAL_LIMIT = 256
"""Few: a daemon with these drives runs for long, and nobody asks for their journals."""


def drive(number: int) -> DriveSpec:
    """The drive of a number from 1 on: always the same, with its own serial number.

    Odd ones are data drives with one namespace; even ones are smaller, with two, and slot 1 of their firmware is
    read only. Both have a host-initiated telemetry log of 16 MiB, 24 MiB with area 4; that of odd ones is OCP's.
    """
    telemetry = TelemetrySpec.of_sizes(64 * 1024, 2 * MIB, 14 * MIB - 64 * 1024 - 512, 8 * MIB, seed=number)
    if number % 2:
        return DriveSpec(
            serial=f"SIM{number:05d}NVD1T92",
            model="NVMED SIM DC1 1.92TB",
            capacity_bytes=_whole(1.92 * TERABYTE),
            namespaces=(NamespaceSpec(_whole(1.92 * TERABYTE), format_index=1),),
            firmware=FirmwareSpec(("1.4.2", "1.3.0", "", "")),
            telemetry=replace(telemetry, ocp=True),
            journal_limit=JOURNAL_LIMIT,
            lives=True,
        )
    return DriveSpec(
        serial=f"SIM{number:05d}NVD960G",
        model="NVMED SIM BOOT 960GB",
        capacity_bytes=_whole(0.96 * TERABYTE),
        namespaces=(NamespaceSpec(100 * GIB), NamespaceSpec(_whole(0.5 * TERABYTE))),
        firmware=FirmwareSpec(("2.0.1", "2.1.0", ""), active_slot=2, slot_1_read_only=True),
        telemetry=telemetry,
        journal_limit=JOURNAL_LIMIT,
        lives=True,
    )


def _whole(size_bytes: float) -> int:
    """A size that every LBA format divides."""
    return int(size_bytes) // NAMESPACE_UNIT * NAMESPACE_UNIT


def good_bay(number: int, connection: Connection | None) -> Surroundings:
    """Around a drive on PCI Express: its slot and bay, a link as fast as it could be, lights that are off."""
    if connection is not None:
        return Surroundings(queue_count=3, queue_depth=128)
    return Surroundings(
        location=Location(
            pci_address=f"0000:{number + 1:02x}:00.0",
            slot=str(number + 1),
            label=f"NVMe bay {number + 1}",
            numa_node=0,
        ),
        link=Link(16_000, 4, 16_000, 4),
        errors=LinkErrors({"RxErr": 0, "BadTLP": 0}, {"DLP": 0}, {"DLP": 0}),
        queue_count=9,
        queue_depth=1023,
        indicators=dict.fromkeys(Indicator, False),
    )
