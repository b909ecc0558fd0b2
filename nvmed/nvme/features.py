"""Get Features and Set Features, and the features that nvmed uses (Base 2.0, sections 5.15 and 5.27)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntFlag, unique

from nvmed.nvme.layout import U8, U16, Structure, at, bit, bits
from nvmed.nvme.opcodes import AdminOpcode, FeatureId, FeatureSelect
from nvmed.nvme.transport import Command
from nvmed.reasons import invalid_field


def get_features(
    fid: int, *, select: int = FeatureSelect.CURRENT, nsid: int = 0, cdw11: int = 0, uuid_index: int = 0
) -> Command:
    """Read a feature: its value is dword 0 of the completion, and its data for those that have any."""
    _require_fields(fid, uuid_index)
    return Command(
        AdminOpcode.GET_FEATURES, nsid, cdw10=fid | FeatureSelect(select) << 8, cdw11=cdw11, cdw14=uuid_index
    )


def set_features(fid: int, value: int = 0, *, save: bool = False, nsid: int = 0, uuid_index: int = 0) -> Command:
    """Set a feature to `value` (CDW11), until the next reset or, with `save`, for good."""
    _require_fields(fid, uuid_index)
    return Command(AdminOpcode.SET_FEATURES, nsid, cdw10=fid | save << 31, cdw11=value, cdw14=uuid_index)


def _require_fields(fid: int, uuid_index: int) -> None:
    for name, value, limit in (("fid", fid, 0xFF), ("uuid_index", uuid_index, 0x7F)):
        if not 0 <= value <= limit:
            raise invalid_field(name, f"{value} does not fit the field, which holds 0 to {limit}.")


@dataclass(frozen=True, slots=True)
class FeatureRequest:
    """What a Get or Set Features command asks for; `select` is Get's, `save` is Set's."""

    fid: int
    select: int
    save: bool
    value: int
    nsid: int


def decode(command: Command) -> FeatureRequest:
    """What a Get or Set Features command asks for, for any values of its dwords."""
    return FeatureRequest(
        fid=bits(command.cdw10, 7, 0),
        select=bits(command.cdw10, 10, 8),
        save=bit(command.cdw10, 31),
        value=command.cdw11,
        nsid=command.nsid,
    )


# -- host behavior support


@dataclass(frozen=True, slots=True)
class HostBehavior(Structure):
    """Host Behavior Support, feature 16h (Base 2.0, figure 348): what the host tells the controller about itself.

    `acre` lets the controller answer with retry delays, `etdas` lets it fill telemetry data area 4, `lbafee` allows
    more than 16 LBA formats. The kernel sets some of it: change a field in what was read, never write a fresh
    structure.
    """

    SIZE = 512

    acre: int = at(0, U8)
    etdas: int = at(1, U8)
    lbafee: int = at(2, U8)
    hdisns: int = at(3, U8)
    cdfe: int = at(4, U16)


def get_host_behavior(select: int = FeatureSelect.CURRENT) -> Command:
    """Read `HostBehavior`."""
    return get_features(FeatureId.HOST_BEHAVIOR_SUPPORT, select=select)


def set_host_behavior() -> Command:
    """Write `HostBehavior`; it is never saved."""
    return set_features(FeatureId.HOST_BEHAVIOR_SUPPORT)


# -- asynchronous events


@unique
class AsyncEventConfiguration(IntFlag):
    """Feature 0Bh: which events a controller may report (Base 2.0, figure 325)."""

    SPARE_BELOW_THRESHOLD = 1 << 0
    TEMPERATURE = 1 << 1
    RELIABILITY_DEGRADED = 1 << 2
    READ_ONLY = 1 << 3
    VOLATILE_MEMORY_BACKUP_FAILED = 1 << 4
    PERSISTENT_MEMORY_READ_ONLY = 1 << 5
    ATTACHED_NAMESPACE_ATTRIBUTE_NOTICES = 1 << 8
    FIRMWARE_ACTIVATION_NOTICES = 1 << 9
    TELEMETRY_LOG_NOTICES = 1 << 10
    ASYMMETRIC_NAMESPACE_ACCESS_CHANGE_NOTICES = 1 << 11
    PREDICTABLE_LATENCY_EVENT_AGGREGATE_NOTICES = 1 << 12
    LBA_STATUS_INFORMATION_NOTICES = 1 << 13
    ENDURANCE_GROUP_EVENT_AGGREGATE_NOTICES = 1 << 14
    NORMAL_NVM_SUBSYSTEM_SHUTDOWN = 1 << 15
    DISCOVERY_LOG_CHANGE_NOTICES = 1 << 31


@dataclass(frozen=True, slots=True)
class AsyncEvent:
    """Dword 0 of an Asynchronous Event Request's completion, which Linux shows as `NVME_AEN` (Base 2.0, figure 146).

    `event_type` is an `opcodes.AsyncEventType`, `information` an `AsyncEventNotice` where the type is a notice; reading
    log page `log_page` without retaining the event allows the next one of its type.
    """

    event_type: int
    information: int
    log_page: int

    @classmethod
    def parse(cls, dword: int) -> AsyncEvent:
        """From the completion's dword 0."""
        return cls(bits(dword, 2, 0), bits(dword, 15, 8), bits(dword, 23, 16))

    def build(self) -> int:
        """The completion's dword 0."""
        return self.event_type | self.information << 8 | self.log_page << 16
