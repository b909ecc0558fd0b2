"""Statistics of a data area: one after another, each with its own size."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from nvmed.nvme.ocp_telemetry import DWORD_BYTES, STATISTIC, VENDOR_IDENTIFIER
from nvmedctl.ocp.names import BEHAVIORS, STATISTICS, WORST_AND_BEST
from nvmedctl.ocp.problems import Problems
from nvmedctl.ocp.strings import Strings


@dataclass(frozen=True, slots=True)
class Statistic:
    """One statistic. `offset_bytes` is where it is in the file; `nsid` is None for one of the whole drive."""

    offset_bytes: int
    identifier: int
    behavior: int
    nsid: int | None
    data: bytes

    @property
    def size_bytes(self) -> int:
        """With its header."""
        return STATISTIC.size + len(self.data)

    @property
    def value(self) -> int:
        """The data as a number, little endian."""
        return int.from_bytes(self.data, "little")

    @property
    def bad_blocks(self) -> tuple[int, int] | None:
        """(percentage, number) of the statistics about the worst and the best die or channel; None for others."""
        if self.identifier not in WORST_AND_BEST or len(self.data) < DWORD_BYTES:
            return None
        return self.data[0], int.from_bytes(self.data[2:4], "little")

    @property
    def is_well_formed(self) -> bool:
        """Whether a drive that keeps to the specification can have written it."""
        is_known = self.identifier in STATISTICS or self.identifier >= VENDOR_IDENTIFIER
        return is_known and self.behavior in BEHAVIORS and bool(self.data)

    def name(self, strings: Strings) -> str:
        """What it is called; "" where nobody says."""
        return STATISTICS.get(self.identifier) or strings.statistic(self.identifier)


def read_statistic(view: memoryview, at: int, end: int) -> Statistic | None:
    """The statistic at `at` of the file; None if it does not end before `end`."""
    if at + STATISTIC.size > end:
        return None
    identifier, info, namespace, dwords, _ = STATISTIC.unpack_from(view, at)
    begin = at + STATISTIC.size
    if begin + dwords * DWORD_BYTES > end:
        return None
    nsid = namespace & 0x7F if namespace & 0x80 else None
    return Statistic(at, identifier, info & 0x0F, nsid, bytes(view[begin : begin + dwords * DWORD_BYTES]))


def read_statistics(view: memoryview, start: int, end: int, problems: Problems) -> Iterator[Statistic]:
    """The statistics from `start` to `end` of the file, up to the one whose identifier is 0."""
    at = start
    while at + STATISTIC.size <= end:
        found = read_statistic(view, at, end)
        if found is None:
            problems.add(at, "A statistic says that it is longer than what there is; it and what follows is not read.")
            return
        if not found.identifier:
            return
        yield found
        at += found.size_bytes
