"""Log pages of the OCP Datacenter NVMe SSD Specification, and what is set through its features C1h and C5h.

Each is looked up by OCP's UUID where the drive has a list of them, and believed by its GUID alone: other vendors have
other things under these numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final, TypeVar

from nvmed import limits
from nvmed.devices.controller import Device, Session
from nvmed.devices.listed_pages import require_page
from nvmed.devices.log_pieces import require_room
from nvmed.devices.logs import Page, Read, read_bytes
from nvmed.devices.omission import Omission, unless_refused
from nvmed.devices.telemetry import Journalled
from nvmed.errors import NvmedError
from nvmed.nvme import latency_monitor, ocp, uuid_list
from nvmed.nvme.hardware_components import Component, ComponentsHeader, parse_components
from nvmed.nvme.health import OcpSmartLog, SmartLog, read_smart
from nvmed.nvme.latency_config import BUCKETS, DiscardDebugLog, LatencyMonitorConfig
from nvmed.nvme.latency_monitor import LatencyMonitorLog
from nvmed.nvme.layout import Structure, collected
from nvmed.nvme.logpage import get_log_page
from nvmed.nvme.ocp import (
    GUIDS,
    DeviceCapabilities,
    ErrorRecoveryLog,
    FirmwareActivationHistory,
    TcgConfigurationLog,
    UnsupportedRequirements,
)
from nvmed.nvme.ocp_telemetry import DWORD_BYTES, StringsHeader
from nvmed.nvme.opcodes import IDENTIFY_BYTES, NSID_ALL, LogPage
from nvmed.reasons import Reason, error, invalid_field

L = TypeVar("L", bound=Structure)

_LIDS: Final[Mapping[type[Structure], LogPage]] = {
    OcpSmartLog: LogPage.OCP_SMART_EXTENDED,
    ErrorRecoveryLog: LogPage.OCP_ERROR_RECOVERY,
    FirmwareActivationHistory: LogPage.OCP_FIRMWARE_ACTIVATION_HISTORY,
    LatencyMonitorLog: LogPage.OCP_LATENCY_MONITOR,
    DeviceCapabilities: LogPage.OCP_DEVICE_CAPABILITIES,
    UnsupportedRequirements: LogPage.OCP_UNSUPPORTED_REQUIREMENTS,
    ComponentsHeader: LogPage.OCP_HARDWARE_COMPONENT,
    TcgConfigurationLog: LogPage.OCP_TCG_CONFIGURATION,
    StringsHeader: LogPage.OCP_TELEMETRY_STRING,
}
"""The log page that each structure is, or begins."""


@dataclass(frozen=True, slots=True)
class OcpHealth:
    """C0h, and the SMART log that gives it a meaning; None where that could not be read."""

    log: OcpSmartLog
    smart: SmartLog | None
    omissions: tuple[Omission, ...] = ()


@dataclass(frozen=True, slots=True)
class Components:
    """C6h: its header, its components as far as they make sense, and what is missing."""

    header: ComponentsHeader
    components: tuple[Component, ...]
    omissions: tuple[Omission, ...] = ()


@dataclass(frozen=True, slots=True)
class Strings:
    """C9h, whole, and the firmware that it is of."""

    head: StringsHeader
    firmware_revision: str


async def read_ocp(device: Device, kind: type[L], uuid_index: int | None) -> Read[L]:
    """A page of fixed size. NVME_UNSUPPORTED if the drive does not list it, or has something else there."""
    async with device.open() as session:
        return await _read(session, kind, await ocp_index(session, uuid_index))


async def read_health(device: Device, uuid_index: int | None) -> Read[OcpHealth]:
    """C0h with the SMART log."""
    omissions: list[Omission] = []
    async with device.open() as session:
        found = await _read(session, OcpSmartLog, await ocp_index(session, uuid_index))
        smart = await unless_refused("derived.write_amplification", _smart(session), None, omissions)
    return Read(OcpHealth(found.log, smart, tuple(omissions)), found.raw, found.event_retained)


async def _smart(session: Session) -> SmartLog:
    data = bytearray(SmartLog.SIZE)
    await session.admin(read_smart(), data)
    return SmartLog.parse(data)


async def read_components(device: Device, uuid_index: int | None) -> Read[Components]:
    """C6h, up to LOG_BYTES_MAX of it."""
    omissions: list[Omission] = []
    async with device.open() as session:
        index = await ocp_index(session, uuid_index)
        header = (await _read(session, ComponentsHeader, index)).log
        end = min(header.size_bytes - header.size_bytes % 4, limits.LOG_BYTES_MAX)
        data = await read_bytes(session, _page(ComponentsHeader, index), 0, max(end, ComponentsHeader.SIZE))
    found, why = collected(parse_components(data[ComponentsHeader.SIZE :]))
    if why is not None:
        omissions.append(Omission.of("components", why))
    return Read(Components(header, found, tuple(omissions)), data, True)


async def read_strings(device: Device, uuid_index: int | None) -> Read[Strings]:
    """C9h, whole. Raises LIMIT_EXCEEDED."""
    async with device.open() as session:
        index = await ocp_index(session, uuid_index)
        head = (await _read(session, StringsHeader, index)).log
        size = head.size * DWORD_BYTES
        require_room(size, LogPage.OCP_TELEMETRY_STRING)
        data = await read_bytes(session, _page(StringsHeader, index), 0, max(size, StringsHeader.SIZE))
        revision = (await device.identify(session)).fr
    return Read(Strings(head, revision), data, True)


async def clear_firmware_history(device: Device, uuid_index: int | None, change: Journalled | None) -> int:
    """Empty C2h; only ask with None. Returns how many activations it had."""
    async with device.open() as session:
        index = await ocp_index(session, uuid_index)
        found = len((await _read(session, FirmwareActivationHistory, index)).log.activations)

        async def clear() -> None:
            await session.mutate(ocp.clear_firmware_history(index))

        if change is not None:
            await change("clear_firmware_history", clear)
        return found


@dataclass(frozen=True, slots=True)
class LatencyMonitorChange:
    """What is to be set of the latency monitor, in the feature's own units; None keeps what it has."""

    enabled: int | None = None
    timer_threshold: int | None = None
    thresholds: tuple[int | None, ...] = (None,) * BUCKETS
    latency_modes: int | None = None
    minimum_window: int | None = None
    debug_triggers: int | None = None
    discard_debug_log: bool = False
    save: bool = True

    @property
    def sets_nothing(self) -> bool:
        """Whether at most the debug log is discarded: then the buckets stay."""
        return self == LatencyMonitorChange(discard_debug_log=self.discard_debug_log, save=self.save)

    def apply(self, before: LatencyMonitorConfig) -> LatencyMonitorConfig:
        """`before`, changed. Raises INVALID_FIELD where thresholds would not rise."""
        given: dict[str, Any] = {
            name: value
            for name in ("enabled", "timer_threshold", "latency_modes", "minimum_window", "debug_triggers")
            if (value := getattr(self, name)) is not None
        }
        both = zip(self.thresholds, before.thresholds, strict=True)
        thresholds = tuple(old if new is None else new for new, old in both)
        if list(thresholds) != sorted(set(thresholds)):
            shown = ", ".join(str((one + 1) * latency_monitor.THRESHOLD_MS) for one in thresholds)
            raise invalid_field(
                "threshold_a_ms", f"and the other thresholds would be {shown} ms; each must be above the one before"
            )
        discard = DiscardDebugLog.KEEP
        if self.discard_debug_log:
            discard = DiscardDebugLog.DISCARD_ALONE if self.sets_nothing else DiscardDebugLog.DISCARD
        return replace(before, thresholds=thresholds, discard=int(discard), **given)


Configure = Callable[[LatencyMonitorConfig, LatencyMonitorConfig, Callable[[], Any]], Any]
"""Journals what is set before and after, and sets it by what it is given last."""


async def configure_latency_monitor(
    device: Device, uuid_index: int | None, wanted: LatencyMonitorChange, change: Configure | None
) -> None:
    """Set the latency monitor; only ask with None. Raises INVALID_FIELD, NVME_UNSUPPORTED."""
    async with device.open() as session:
        index = await ocp_index(session, uuid_index)
        log = (await _read(session, LatencyMonitorLog, index)).log
        if wanted.latency_modes and not log.supports_largest:
            raise error(
                Reason.NVME_UNSUPPORTED,
                f"{device.node.node} does not keep largest latencies; latency_mode_bits must be 0",
            )
        before = latency_monitor.config_of(log)
        after = wanted.apply(before)

        async def configure() -> None:
            data = bytearray(after.build())
            await session.mutate(latency_monitor.set_latency_monitor(index, save=wanted.save), data)

        if change is not None:
            await change(before, after, configure)


async def ocp_index(session: Session, given: int | None = None) -> int:
    """The UUID index of OCP: as given, else looked up once, 0 where there is none."""
    if given is not None:
        return given
    device = session.device
    if device.ocp_index is None:
        device.ocp_index = await _looked_up(session)
    return device.ocp_index


async def _looked_up(session: Session) -> int:
    if not (await session.device.capabilities(session)).has("uuid_list"):
        return 0
    data = bytearray(IDENTIFY_BYTES)
    try:
        await session.admin(uuid_list.identify_uuid_list(), data)
    except NvmedError as exc:
        if exc.nvme is None:
            raise
        return 0
    return uuid_list.index_of(uuid_list.parse_uuid_list(data), uuid_list.OCP_UUID)


def _page(kind: type[Structure], uuid_index: int) -> Page:
    return partial(get_log_page, _LIDS[kind], rae=True, nsid=NSID_ALL, uuid_index=uuid_index)


async def _read(session: Session, kind: type[L], uuid_index: int) -> Read[L]:
    lid, page = _LIDS[kind], _page(kind, uuid_index)
    await require_page(session, lid, uuid_index)
    data = await read_bytes(session, page, 0, kind.SIZE)
    if not any(data):  # zeros are no answer, and no event is lost: these pages have none
        data = await read_bytes(session, partial(page, rae=False), 0, kind.SIZE)
    log = kind.parse(data)
    guid: bytes = log.guid  # type: ignore[attr-defined]  # each of `_LIDS` has one
    if guid != GUIDS[lid]:
        raise error(
            Reason.NVME_UNSUPPORTED,
            f"log page {lid:02X}h of this drive is not OCP's: its GUID is {guid[::-1].hex()}; "
            "ReadLogPage gives its bytes",
            log_page=int(lid),
            guid=guid[::-1].hex(),
        )
    return Read(log, data, True)
