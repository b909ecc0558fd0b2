"""Boot Partition, LID 15h (Base 2.3, section 5.2.12.1.21), and Sanitize Namespace Status List, LID 7Fh."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from nvmed.nvme.layout import U8, U32, U64, Buffer, Structure, at, bits, malformed
from nvmed.nvme.opcodes import LogPage

BOOT_PARTITIONS: Final = 2
BOOT_PARTITION_UNIT_BYTES: Final = 128 * 1024


@dataclass(frozen=True, slots=True)
class BootPartitionHeader(Structure):
    """How the log begins; the partition follows. LSP bit 0 chooses which."""

    SIZE = 16

    lid: int = at(0, U8, LogPage.BOOT_PARTITION)
    information: int = at(4, U32)

    @property
    def active_id(self) -> int:
        """The partition that the host boots from."""
        return bits(self.information, 31, 31)

    @property
    def size_bytes(self) -> int:
        """Of each partition."""
        return bits(self.information, 14, 0) * BOOT_PARTITION_UNIT_BYTES


@dataclass(frozen=True, slots=True)
class SanitizedNamespacesHeader(Structure):
    """How the list begins; `count` identifiers follow. `generation` counts changes."""

    SIZE = 16

    generation: int = at(0, U64)
    count: int = at(8, U64)


def parse_sanitized_namespaces(data: Buffer, count: int) -> Iterator[int]:
    """The identifiers in `data`, which begins behind the header; NVME_DATA_INVALID at one that is not there."""
    for number in range(count):
        one = data[number * 4 : number * 4 + 4]
        if len(one) < 4:
            raise malformed(f"The sanitize namespace status list ends before entry {number} of {count}")
        yield int.from_bytes(one, "little")
