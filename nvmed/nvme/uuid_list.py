"""The UUID list (Identify, CNS 17h): whose definition of a vendor specific log page or feature an index selects.

Base 2.0, section 8.25 and figure 288: an entry of 32 bytes for each index from 1 on, its UUID in bytes 31:16; one
that is zero ends the list.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import takewhile
from uuid import UUID

from nvmed.nvme.identify import identify
from nvmed.nvme.layout import Buffer
from nvmed.nvme.opcodes import IDENTIFY_BYTES, IdentifyCns
from nvmed.nvme.transport import Command

UUID_INDEX_MAX = 127
ENTRY_BYTES = 32

OCP_UUID = UUID("c194d55b-e094-4794-a21d-29998f56be6f")
"""What selects the OCP Datacenter NVMe SSD Specification's log pages, where a drive has others' too."""


def identify_uuid_list() -> Command:
    """Read the list that `parse_uuid_list` takes; CTRATT bit 9 says whether there is one."""
    return identify(IdentifyCns.UUID_LIST)


def parse_uuid_list(data: Buffer) -> tuple[UUID, ...]:
    """The UUIDs by their index, the first of which is 1."""
    return tuple(takewhile(lambda found: found.int, _entries(data)))


def _entries(data: Buffer) -> Iterator[UUID]:
    for index in range(1, UUID_INDEX_MAX + 1):
        start = index * ENTRY_BYTES + 16
        yield UUID(bytes=bytes(data[start : start + 16]).ljust(16, b"\0"))


def build_uuid_list(uuids: Iterable[UUID]) -> bytes:
    """The list of at most 127 `uuids`, in 4096 bytes."""
    entries = (bytes(16) + one.bytes for one in (*uuids,)[:UUID_INDEX_MAX])
    return (bytes(ENTRY_BYTES) + b"".join(entries)).ljust(IDENTIFY_BYTES, b"\0")


def index_of(uuids: tuple[UUID, ...], wanted: UUID) -> int:
    """The index of `wanted`, 0 if the list does not have it: then a vendor specific page has just one definition."""
    return uuids.index(wanted) + 1 if wanted in uuids else 0
