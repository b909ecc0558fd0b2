"""The two telemetry logs of a controller, of any size, without holding them.

The data of a log are a function of the drive, the log, its generation and the position: 64 KiB at a time are a slice of
one random pattern, at a place that depends on all of these. So a splice of two generations, a chunk at the wrong place
or a repeated one is never equal to the log, and filling a buffer costs little more than copying memory.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from nvmed.nvme.telemetry import HEADER_BYTES, TelemetryHeader, TelemetryLog
from nvmed.simulator.refusal import Refused, Sc
from nvmed.simulator.spec import BLOCK_BYTES, TelemetrySpec

WINDOW_BYTES = 64 * 1024
PATTERN_BITS = 20
GOLDEN = 0x9E37_79B9_7F4A_7C15
"""2^64 divided by the golden ratio: its multiples' upper bits spread evenly and do not repeat for long."""

MASK_64 = (1 << 64) - 1
LastBlocks = tuple[int, int, int, int]


@cache
def _pattern() -> memoryview:
    return memoryview(random.Random("telemetry").randbytes((1 << PATTERN_BITS) + WINDOW_BYTES))  # noqa: S311


def fill(view: memoryview, offset: int, key: int) -> None:
    """Fill `view` with the data from byte `offset` on of what `key` names."""
    pattern, done, length = _pattern(), 0, len(view)
    while done < length:
        window, start = divmod(offset + done, WINDOW_BYTES)
        size = min(WINDOW_BYTES - start, length - done)
        place = ((window * GOLDEN + key & MASK_64) >> 64 - PATTERN_BITS) + start
        view[done : done + size] = pattern[place : place + size]
        done += size


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What was captured: the areas it has, its generation, and where its data come from, after `beginning`."""

    last_blocks: LastBlocks
    generation: int
    reason: bytes
    key: int
    beginning: bytes = b""


EMPTY = Snapshot((0, 0, 0, 0), 0, b"", 0)
"""A log that was never captured."""


class Telemetry:
    """The state of both logs. Called with the subsystem's lock held."""

    def __init__(
        self,
        spec: TelemetrySpec,
        name: str,
        oui: int = 0,
        *,
        has_generation: bool = True,
        beginning: Callable[[], bytes] = bytes,
    ) -> None:
        """`beginning` is what area 1 of a log that is captured now begins with."""
        self._spec = spec
        self._beginning = beginning
        self._name = name
        self._oui = oui
        self._has_generation = has_generation
        self._logs = {TelemetryLog.HOST_INITIATED: EMPTY, TelemetryLog.CONTROLLER_INITIATED: EMPTY}
        self.controller_data_available = False
        if spec.host_log_present:
            self.create(extended=True)

    def generation(self, log: TelemetryLog) -> int:
        """The generation number of a log."""
        return self._logs[log].generation

    def create(self, area: int = 0, *, extended: bool = False) -> int:
        """Replace the host-initiated log by a new one up to `area` (0: all), and return its generation.

        `extended` is whether the host knows area 4 (ETDAS); without that it stays empty.
        """
        largest = min(area or 4, 4 if extended else 3)
        blocks = self._spec.last_blocks
        last = blocks[largest - 1]
        cut = (*blocks[:largest], last, last, last)[:4]
        return self._capture(TelemetryLog.HOST_INITIATED, (cut[0], cut[1], cut[2], cut[3]), self._spec.reason)

    def capture(self, reason: bytes = b"") -> int:
        """Replace the controller-initiated log by a new one, and return its generation."""
        self.controller_data_available = True
        return self._capture(TelemetryLog.CONTROLLER_INITIATED, self._spec.last_blocks, reason or self._spec.reason)

    def acknowledge(self) -> None:
        """The host read the controller-initiated log with RAE clear."""
        self.controller_data_available = False

    def save(self) -> dict[str, Any]:
        """What outlives the power, as JSON has it."""
        logs = {
            int(log): [*one.last_blocks, one.generation, one.reason.hex(), one.key, one.beginning.hex()]
            for log, one in self._logs.items()
        }
        return {"logs": logs, "available": self.controller_data_available}

    def load(self, saved: Mapping[str, Any]) -> None:
        """Be as `save` says."""
        for log, (*blocks, generation, reason, key, beginning) in saved["logs"].items():
            one, two, three, four = blocks
            self._logs[TelemetryLog(int(log))] = Snapshot(
                (one, two, three, four), generation, bytes.fromhex(reason), key, bytes.fromhex(beginning)
            )
        self.controller_data_available = saved["available"]

    def header(self, log: TelemetryLog, extended: bool) -> TelemetryHeader:
        """The header of a log as a host sees it that knows area 4, or does not."""
        snapshot = self._logs[log]
        scope = 2 if self._spec.subsystem_scope else 1
        host = log is TelemetryLog.HOST_INITIATED
        last = self._visible(log, extended)
        generation = snapshot.generation if self._has_generation else 0
        return TelemetryHeader(
            lpi=int(log), ieee=self._oui, dalb1=last[0], dalb2=last[1], dalb3=last[2], dalb4=last[3],
            byte_380=scope if host else 0, byte_381=generation if host else scope,
            controller_data_available=int(self.controller_data_available),
            controller_generation=self.generation(TelemetryLog.CONTROLLER_INITIATED),
            reason_identifier=snapshot.reason,
        )  # fmt: skip

    def read(self, log: TelemetryLog, offset: int, into: memoryview, extended: bool) -> None:
        """Fill `into` from byte `offset` of a log; beyond its end there are zeros, but it must not begin there."""
        if offset % BLOCK_BYTES or len(into) % BLOCK_BYTES:
            raise Refused(Sc.INVALID_FIELD)
        end = (max(self._visible(log, extended)) + 1) * BLOCK_BYTES
        if offset > end:
            raise Refused(Sc.INVALID_FIELD)
        start = min(max(HEADER_BYTES - offset, 0), len(into))
        stop = min(max(end - offset, start), len(into))
        if start:
            into[:start] = self.header(log, extended).build()[offset : offset + start]
        snapshot, begin = self._logs[log], offset + start - HEADER_BYTES
        fill(into[start:stop], begin, snapshot.key)
        if known := snapshot.beginning[begin : begin + stop - start]:
            into[start : start + len(known)] = known
        into[stop:] = bytes(len(into) - stop)

    def _visible(self, log: TelemetryLog, extended: bool) -> LastBlocks:
        """The last blocks as a host sees them that knows area 4, or does not."""
        first, second, third, fourth = self._logs[log].last_blocks
        return first, second, third, fourth if extended else 0

    def _capture(self, log: TelemetryLog, last_blocks: LastBlocks, reason: bytes) -> int:
        generation = (self._logs[log].generation + 1) % 256
        digest = hashlib.sha256(f"{self._name}/{self._spec.seed}/{log}/{generation}".encode()).digest()
        key = int.from_bytes(digest[:8], "little")
        self._logs[log] = Snapshot(last_blocks, generation, reason[:128], key, self._beginning())
        return generation
