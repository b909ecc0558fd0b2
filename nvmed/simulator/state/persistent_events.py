"""The persistent event log: what happened to a controller, in order (Base 2.0, section 5.16.1.14)."""

from __future__ import annotations

from collections import deque
from dataclasses import replace

from nvmed.nvme.event_data import (
    ChangeNamespaceData,
    FirmwareCommitData,
    FormatStartData,
    PowerOnData,
    ResetData,
    SanitizeStartData,
)
from nvmed.nvme.namespace import flbas_of
from nvmed.nvme.persistent_event import (
    EventType,
    PersistentEvent,
    PersistentEventHeader,
    PersistentEventLogHeader,
    build_log,
)
from nvmed.simulator.state.namespaces import Namespace

EVENTS_MAX = 64
"""The largest event has 536 bytes, so that all of them fit the 64 KiB that PELS says."""

SUPPORTED = (
    EventType.SMART_HEALTH_SNAPSHOT, EventType.FIRMWARE_COMMIT, EventType.POWER_ON_OR_RESET,
    EventType.CHANGE_NAMESPACE, EventType.FORMAT_NVM_START, EventType.SANITIZE_START,
    EventType.TELEMETRY_LOG_CREATED,
)  # fmt: skip


class PersistentEvents:
    """The last events of one controller. Called with the subsystem's lock held."""

    def __init__(self) -> None:
        self._events: deque[PersistentEvent] = deque(maxlen=EVENTS_MAX)
        self._generation = 0

    def record(self, controller_id: int, timestamp_ms: int, kind: EventType, data: bytes) -> None:
        """Something happened; `data` is what the specification's figure of that event has."""
        header = PersistentEventHeader(
            event_type=kind, revision=1, ehai=0, cntlid=controller_id, timestamp=timestamp_ms
        )  # fmt: skip
        self._events.append(PersistentEvent(header, data=data))

    def log(self, header: PersistentEventLogHeader) -> bytes:
        """The log as it is now, newest event first; `header` says whose it is."""
        self._generation = (self._generation + 1) % (1 << 16)
        return build_log(replace(header, gnum=self._generation), tuple(reversed(self._events)))


def power_on_or_reset(controller_id: int, power_cycles: int, timestamp_ms: int, revision: str) -> bytes:
    """Data of a Power-on or Reset event (figure 231): the firmware that runs, and the controller's entry."""
    reset = ResetData(cntlid=controller_id, power_cycles=power_cycles & 0xFFFF_FFFF, timestamp=timestamp_ms)
    return PowerOnData(revision=revision[:8]).build() + reset.build()


def firmware_commit(old: str, new: str, action: int, slot: int, status: int) -> bytes:
    """Data of a Firmware Commit event (figure 229)."""
    return FirmwareCommitData(
        old_revision=old[:8], new_revision=new[:8], action=action, slot=slot, sct=status >> 8 & 7, sc=status & 0xFF
    ).build()


def change_namespace(cdw10: int, namespace: Namespace) -> bytes:
    """Data of a Change Namespace event: what was created, or deleted as SEL in `cdw10` says."""
    return ChangeNamespaceData(
        cdw10=cdw10,
        nsze=namespace.size_blocks,
        ncap=namespace.size_blocks,
        flbas=flbas_of(namespace.format_index, extended_metadata=namespace.extended),
        nmic=namespace.shared,
        anagrpid=namespace.ana_group,
        nsid=namespace.nsid,
    ).build()


def format_start(nsid: int, cdw10: int) -> bytes:
    """Data of a Format NVM Start event (figure 236)."""
    return FormatStartData(nsid=nsid, cdw10=cdw10).build()


def sanitize_start(capabilities: int, cdw10: int, cdw11: int) -> bytes:
    """Data of a Sanitize Start event (figure 238)."""
    return SanitizeStartData(sanicap=capabilities, cdw10=cdw10, cdw11=cdw11).build()
