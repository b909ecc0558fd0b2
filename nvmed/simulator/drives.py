"""Drives that look like those in a storage host: what `nvmed --simulate` and `nvmed simulator` serve."""

from __future__ import annotations

from nvmed.simulator.spec import GIB, MIB, DriveSpec, FirmwareSpec, NamespaceSpec, TelemetrySpec

TERABYTE = 10**12
NAMESPACE_UNIT = 4096 * 256
JOURNAL_LIMIT = 256
"""Few: a daemon with these drives runs for long, and nobody asks for their journals."""


def drive(number: int) -> DriveSpec:
    """The drive of a number from 1 on: always the same, with its own serial number.

    Odd ones are data drives with one namespace; even ones are smaller, with two, and slot 1 of their firmware is
    read only. Both have a host-initiated telemetry log of 16 MiB, 24 MiB with area 4.
    """
    telemetry = TelemetrySpec.of_sizes(64 * 1024, 2 * MIB, 14 * MIB - 64 * 1024 - 512, 8 * MIB, seed=number)
    if number % 2:
        return DriveSpec(
            serial=f"SIM{number:05d}NVD1T92",
            model="NVMED SIM DC1 1.92TB",
            capacity_bytes=_whole(1.92 * TERABYTE),
            namespaces=(NamespaceSpec(_whole(1.92 * TERABYTE), format_index=1),),
            firmware=FirmwareSpec(("1.4.2", "1.3.0", "", "")),
            telemetry=telemetry,
            journal_limit=JOURNAL_LIMIT,
        )
    return DriveSpec(
        serial=f"SIM{number:05d}NVD960G",
        model="NVMED SIM BOOT 960GB",
        capacity_bytes=_whole(0.96 * TERABYTE),
        namespaces=(NamespaceSpec(100 * GIB), NamespaceSpec(_whole(0.5 * TERABYTE))),
        firmware=FirmwareSpec(("2.0.1", "2.1.0", ""), active_slot=2, slot_1_read_only=True),
        telemetry=telemetry,
        journal_limit=JOURNAL_LIMIT,
    )


def _whole(size_bytes: float) -> int:
    """A size that every LBA format divides."""
    return int(size_bytes) // NAMESPACE_UNIT * NAMESPACE_UNIT
