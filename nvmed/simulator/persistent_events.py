"""The persistent event log: what happened to a controller, in order (Base 2.0, section 5.16.1.14)."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

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

if TYPE_CHECKING:
    from nvmed.simulator.controller import Controller
    from nvmed.simulator.namespaces import Namespace

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
    reset = ResetData(
        cntlid=controller.controller_id,
        power_cycles=controller.health.power_cycles & 0xFFFF_FFFF,
        timestamp=controller.timestamp.milliseconds,
    )
    return PowerOnData(revision=controller.firmware_revision[:8]).build() + reset.build()


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
