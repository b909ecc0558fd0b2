"""The persistent event log: what happened to a controller, in order (Base 2.0, section 5.16.1.14)."""

from __future__ import annotations

import struct
from collections import deque
from typing import TYPE_CHECKING

from nvmed.nvme.persistent_event import (
    EventType,
    PersistentEvent,
    PersistentEventHeader,
    PersistentEventLogHeader,
    build_log,
)

if TYPE_CHECKING:
    from nvmed.simulator.controller import Controller

EVENTS_MAX = 64
"""The largest event has 536 bytes, so that all of them fit the 64 KiB that PELS says."""

SUPPORTED = (
    EventType.SMART_HEALTH_SNAPSHOT, EventType.FIRMWARE_COMMIT, EventType.POWER_ON_OR_RESET,
    EventType.FORMAT_NVM_START, EventType.SANITIZE_START,
    EventType.TELEMETRY_LOG_CREATED,
)  # fmt: skip


class PersistentEvents:
    """The last events of one controller. Called with the subsystem's lock held."""

    def __init__(self) -> None:
        self._events: deque[PersistentEvent] = deque(maxlen=EVENTS_MAX)
        self._generation = 0

    def record(self, controller: Controller, kind: EventType, data: bytes) -> None:
        """Something happened; `data` is what the specification's figure of that event has."""
        header = PersistentEventHeader(
            event_type=kind, revision=1, ehai=0, cntlid=controller.controller_id,
            timestamp=controller.timestamp.milliseconds,
        )  # fmt: skip
        self._events.append(PersistentEvent(header, data=data))

    def log(self, controller: Controller) -> bytes:
        """The log as it is now, newest event first."""
        spec = controller.subsystem.spec
        self._generation = (self._generation + 1) % (1 << 16)
        header = PersistentEventLogHeader(
            lrev=3, timestamp=controller.timestamp.milliseconds, power_on_hours=controller.health.power_on_hours,
            power_cycle_count=controller.health.power_cycles, vid=spec.vendor_id, ssvid=spec.vendor_id,
            sn=spec.serial, mn=spec.model, subnqn=controller.nqn, gnum=self._generation,
            supported_events=sum(1 << kind for kind in SUPPORTED).to_bytes(32, "little"),
        )  # fmt: skip
        return build_log(header, tuple(reversed(self._events)))


def power_on_or_reset(controller: Controller) -> bytes:
    """Data of a Power-on or Reset event (figure 231): the firmware that runs, and the controller's entry."""
    revision = controller.firmware_revision.encode("ascii", "replace").ljust(8)[:8]
    cycles = controller.health.power_cycles & 0xFFFF_FFFF
    return revision + struct.pack("<HBB12xI", controller.controller_id, 0, 0, cycles)


def firmware_commit(old: str, new: str, action: int, slot: int, status: int) -> bytes:
    """Data of a Firmware Commit event (figure 229)."""
    names = (name.encode("ascii", "replace").ljust(8)[:8] for name in (old, new))
    return struct.pack("<8s8sBBBBH", *names, action, slot, status >> 8 & 7, status & 0xFF, 0)


def format_start(nsid: int, cdw10: int) -> bytes:
    """Data of a Format NVM Start event (figure 236)."""
    return struct.pack("<IB3xI", nsid, 0, cdw10)


def sanitize_start(capabilities: int, cdw10: int, cdw11: int) -> bytes:
    """Data of a Sanitize Start event (figure 238)."""
    return struct.pack("<III", capabilities, cdw10, cdw11)
