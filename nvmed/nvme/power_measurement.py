"""Power Measurement, LID 25h (Base 2.3, section 5.2.12.1.33): what a drive draws, each second's average."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from nvmed.nvme.layout import U8, U16, U32, U64, Buffer, Structure, at, bit, bits, malformed

SCALES_MW: Final = {1: 0.1, 2: 10.0, 3: 1000.0}
"""Milliwatts of one, by power scale."""

NO_ERROR_PERCENT: Final = 255


def milliwatts(value: int) -> float | None:
    """Of a power with its scale in bits 17:16; None for a scale of 0, which is none, or a reserved bit."""
    scale = SCALES_MW.get(bits(value, 17, 16))
    return bits(value, 15, 0) * scale if scale else None


@dataclass(frozen=True, slots=True)
class PowerMeasurementLog(Structure):
    """The log without its histogram. Timestamps are as the Timestamp feature has them, 0 for none."""

    SIZE = 64

    version: int = at(0, U8)
    generation: int = at(1, U8)
    attributes: int = at(2, U16)
    size_bytes: int = at(4, U32)
    measurements: int = at(8, U32)
    bin_count: int = at(12, U16)
    minutes_left: int = at(14, U16)
    stopped_at: int = at(16, U64)
    bin_bytes: int = at(24, U16, 8)
    bin_width_mw: int = at(26, U16, 250)
    bins_supported: int = at(28, U16)
    vendor_bytes: int = at(30, U16)
    overflows: int = at(32, U32)
    average: int = at(40, U32)
    maximum: int = at(44, U32)
    maximum_at: int = at(48, U64)
    error_percent: int = at(56, U8, NO_ERROR_PERCENT)

    @property
    def is_running(self) -> bool:
        return bit(self.attributes, 0)

    @property
    def has_gaps(self) -> bool:
        return bit(self.attributes, 1)

    @property
    def is_estimated(self) -> bool:
        return bit(self.attributes, 2)

    @property
    def measurement_type(self) -> int:
        return bits(self.attributes, 15, 12)

    @property
    def histogram_bytes(self) -> int:
        """Of what follows: as many descriptors as are counted."""
        return self.bin_count * self.bin_bytes


@dataclass(frozen=True, slots=True)
class PowerBin(Structure):
    """Measurements from `lower` on, as wide as the log's `bin_width_mw`."""

    SIZE = 8

    count: int = at(0, U32)
    lower: int = at(4, U32)


def parse_bins(data: Buffer, log: PowerMeasurementLog) -> Iterator[PowerBin]:
    """The histogram in `data`, which begins behind the log; NVME_DATA_INVALID at a descriptor that is not there."""
    if log.bin_count and log.bin_bytes < PowerBin.SIZE:
        raise malformed(f"The power histogram has descriptors of {log.bin_bytes} bytes; they have {PowerBin.SIZE}")
    for number in range(log.bin_count):
        start = number * log.bin_bytes
        if start + PowerBin.SIZE > len(data):
            raise malformed(f"The power histogram ends before descriptor {number} of {log.bin_count}")
        yield PowerBin.parse(data[start:])
