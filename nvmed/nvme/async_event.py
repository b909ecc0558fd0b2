"""Names of asynchronous events (NVM Express Base Specification 2.0, figures 146 to 151)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from nvmed.nvme.features import AsyncEvent
from nvmed.nvme.opcodes import AsyncEventNotice, AsyncEventType

INFORMATION: Final[Mapping[int, Mapping[int, str]]] = {
    AsyncEventType.ERROR: {
        0x00: "WRITE_TO_INVALID_DOORBELL",
        0x01: "INVALID_DOORBELL_VALUE",
        0x02: "DIAGNOSTIC_FAILURE",
        0x03: "PERSISTENT_INTERNAL_ERROR",
        0x04: "TRANSIENT_INTERNAL_ERROR",
        0x05: "FIRMWARE_IMAGE_LOAD_ERROR",
    },
    AsyncEventType.SMART_HEALTH: {
        0x00: "RELIABILITY",
        0x01: "TEMPERATURE",
        0x02: "SPARE_BELOW_THRESHOLD",
    },
    AsyncEventType.NOTICE: {notice.value: notice.name for notice in AsyncEventNotice},
    AsyncEventType.IMMEDIATE: {
        0x00: "NORMAL_SUBSYSTEM_SHUTDOWN",
        0x01: "TEMPERATURE_RECOVERED",
    },
    AsyncEventType.IO_COMMAND_SPECIFIC: {
        0x00: "RESERVATION_LOG_AVAILABLE",
        0x01: "SANITIZE_COMPLETED",
        0x02: "SANITIZE_COMPLETED_WITH_UNEXPECTED_DEALLOCATION",
        0x03: "SANITIZE_ENTERED_MEDIA_VERIFICATION",
    },
}
"""What an event of a type is about, by bits 15:8 of its dword 0. Vendors number their own."""


def name_of(event: AsyncEvent) -> str:
    """`SMART_HEALTH/TEMPERATURE`; numbers stand for what has no name: `VENDOR_SPECIFIC/0x12`, `TYPE_5/0x00`."""
    kinds = {kind.value: kind.name for kind in AsyncEventType}
    kind = kinds.get(event.event_type, f"TYPE_{event.event_type}")
    known = INFORMATION.get(event.event_type, {})
    return f"{kind}/{known.get(event.information, f'0x{event.information:02x}')}"
