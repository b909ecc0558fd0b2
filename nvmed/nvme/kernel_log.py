"""Records of the kernel's log as /dev/kmsg has them (Documentation/ABI/testing/dev-kmsg), and which are of a drive."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import Final

_ESCAPED: Final = re.compile(rb"\\x([0-9a-f]{2})")
_NVME: Final = re.compile(r"\bnvme\d+|\bng\d+n\d+|\bnvmet?(_\w+)?:", re.ASCII)


@dataclass(frozen=True, slots=True)
class KernelLine:
    """One record: microseconds since boot, the level (0 to 7), the text, and what follows it (`DEVICE=` and others)."""

    sequence: int
    uptime_us: int
    level: int
    text: str
    properties: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"<{self.level}>[{self.uptime_us // 10**6:5}.{self.uptime_us % 10**6:06}] {self.text}"


def parse_record(record: bytes) -> KernelLine:
    """The line of a record as it is read from /dev/kmsg; `ValueError` if it is none."""
    head, separator, rest = record.partition(b";")
    fields = head.split(b",")
    if not separator or len(fields) < 3:
        raise ValueError("is no record of the kernel's log")
    text, *properties = rest.decode("utf-8", "replace").split("\n")
    return KernelLine(
        sequence=int(fields[1]),
        uptime_us=int(fields[2]),
        level=int(fields[0]) & 7,
        text=_plain(text),
        properties=tuple(line.strip() for line in properties if line.strip()),
    )


def _plain(text: str) -> str:
    """`text` with its escapes as they were, but for control characters."""
    raw = _ESCAPED.sub(lambda match: bytes.fromhex(match[1].decode()), text.encode())
    return "".join(one if one.isprintable() or one == "\t" else "?" for one in raw.decode("utf-8", "replace"))


def about(lines: Iterable[KernelLine], names: Collection[str]) -> Iterator[KernelLine]:
    """Those that name one of `names` (`nvme0`, `0000:3a:00.0`) or what belongs to it (`nvme0n1p2`, not `nvme01`)."""
    if not names:
        return
    pattern = re.compile(rf"(?<![0-9a-z:.])(?:{'|'.join(map(re.escape, sorted(names)))})(?![0-9])")
    for line in lines:
        if pattern.search(line.text) or any(pattern.search(one) for one in line.properties):
            yield line


def about_nvme(lines: Iterable[KernelLine]) -> Iterator[KernelLine]:
    """Those about any NVMe device or driver."""
    return (line for line in lines if _NVME.search(line.text))
