"""Logs about endurance, capacity, power, effects and partitions: small ones, and lists that say their own length.

What the controller says it does not have (a capability of Identify, its Supported Log Pages log) is not asked for. A
list that ends before as many as it counts gives those that are there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Final, Generic, TypeVar

from nvmed import limits
from nvmed.devices.controller import Device, Session
from nvmed.devices.listed_pages import require_page
from nvmed.devices.log_pieces import one_command_bytes, require_room
from nvmed.devices.logs import Page, Read, clear_event, read_bytes
from nvmed.devices.omission import Omission, unless_refused
from nvmed.devices.telemetry import Journalled
from nvmed.nvme import endurance, partitions, power_measurement
from nvmed.nvme.effects import SupportedLogPages
from nvmed.nvme.endurance import (
    CapacityConfiguration,
    EnduranceGroupLog,
    MediaUnit,
    MediaUnitHeader,
    PredictableLatencyLog,
    RotationalMediaLog,
)
from nvmed.nvme.identify import parse_namespace_list
from nvmed.nvme.layout import Structure, collected
from nvmed.nvme.logpage import get_log_page
from nvmed.nvme.opcodes import IDENTIFY_BYTES, LogPage
from nvmed.nvme.partitions import BootPartitionHeader, SanitizedNamespacesHeader
from nvmed.nvme.power_measurement import PowerBin, PowerMeasurementLog

T = TypeVar("T")
H = TypeVar("H", bound=Structure)
L = TypeVar("L", bound=Structure)

LIST_FIRST_BYTES: Final = 4096
"""Read at first of a list of descriptors that have lengths of their own; doubled until all of it is there."""


@dataclass(frozen=True, slots=True)
class Listed(Generic[H, T]):
    """A log that is a header and a list, as far as the list makes sense, and what is missing."""

    header: H
    items: tuple[T, ...]
    omissions: tuple[Omission, ...] = ()


Configurations = tuple[tuple[CapacityConfiguration, ...], tuple[Omission, ...]]

_FIXED: Final[dict[type[Structure], tuple[LogPage, str]]] = {
    EnduranceGroupLog: (LogPage.ENDURANCE_GROUP_INFORMATION, "endurance_groups"),
    PredictableLatencyLog: (LogPage.PREDICTABLE_LATENCY_PER_NVM_SET, "predictable_latency_mode"),
    RotationalMediaLog: (LogPage.ROTATIONAL_MEDIA_INFORMATION, "endurance_groups"),
}
"""Logs of something that LSI names: the page, and the capability that a controller needs for it."""


async def read_of(device: Device, kind: type[L], identifier: int) -> Read[L]:
    """The log of an endurance group or an NVM set. Raises NVME_UNSUPPORTED, and what the drive says to one it lacks."""
    lid, capability = _FIXED[kind]
    async with device.open() as session:
        (await device.capabilities(session)).require(capability)
        data = await _read(session, lid, kind.SIZE, lsi=identifier)
        return Read(kind.parse(data), data, True)


async def read_effects_of(device: Device, lid: LogPage) -> Read[SupportedLogPages]:
    """A dword for each of 256 features (12h), or commands of NVMe-MI (13h): they are as in log page 00h."""
    async with device.open() as session:
        data = await _read(session, lid, SupportedLogPages.SIZE)
        return Read(SupportedLogPages.parse(data), data, True)


async def read_aggregate(device: Device, lid: LogPage, clear: Journalled | None) -> Read[tuple[int, ...]]:
    """What has events: endurance groups (0Fh), or NVM sets (0Bh)."""
    needed = "endurance_groups" if lid == LogPage.ENDURANCE_GROUP_EVENT_AGGREGATE else "predictable_latency_mode"
    async with device.open() as session:
        (await device.capabilities(session)).require(needed)
        await require_page(session, lid)
        page = partial(get_log_page, lid, rae=True)
        size = endurance.aggregate_bytes(await read_bytes(session, page, 0, endurance.AGGREGATE_HEAD_BYTES))
        data = await read_bytes(session, page, 0, size + -size % 4)
        if clear is not None:
            await clear_event(session, page, 4, clear)
        return Read(endurance.parse_aggregate(data), data, clear is None)


async def read_changed_namespaces(
    device: Device, *, allocated: bool, clear: Journalled | None
) -> Read[tuple[int, ...]]:
    """Namespaces that changed; FFFFFFFFh alone where too many did. What is cleared is what is returned."""
    lid = LogPage.CHANGED_ALLOCATED_NAMESPACE_LIST if allocated else LogPage.CHANGED_ATTACHED_NAMESPACE_LIST
    async with device.open() as session:
        await require_page(session, lid)
        page = partial(get_log_page, lid, rae=True)
        data = await read_bytes(session, page, 0, IDENTIFY_BYTES)
        if clear is not None:
            data = await clear_event(session, page, IDENTIFY_BYTES, clear) or data
        return Read(parse_namespace_list(data), data, clear is None)


async def read_media_units(device: Device, domain: int) -> Read[Listed[MediaUnitHeader, MediaUnit]]:
    """How worn each media unit is."""

    def parse(data: bytes) -> Iterator[MediaUnit]:
        return endurance.parse_media_units(data[MediaUnitHeader.SIZE :], MediaUnitHeader.parse(data).count)

    data, items, omissions = await _read_list(device, LogPage.MEDIA_UNIT_STATUS, domain, "media_units", parse)
    return Read(Listed(MediaUnitHeader.parse(data), items, omissions), data, True)


async def read_capacity_configurations(device: Device, domain: int) -> Read[Configurations]:
    """How the capacity can be divided, and what is missing."""
    data, items, omissions = await _read_list(
        device,
        LogPage.SUPPORTED_CAPACITY_CONFIGURATION_LIST,
        domain,
        "configurations",
        endurance.parse_capacity_configurations,
    )
    return Read((items, omissions), data, True)


async def _read_list(
    device: Device, lid: LogPage, domain: int, field: str, parse: Callable[[bytes], Iterator[T]]
) -> tuple[bytes, tuple[T, ...], tuple[Omission, ...]]:
    """A list whose length only its items tell: as much of it as makes sense, up to LOG_BYTES_MAX."""
    omissions: list[Omission] = []
    async with device.open() as session:
        (await device.capabilities(session)).require("capacity_management")
        await require_page(session, lid)
        page, reach = partial(get_log_page, lid, lsi=domain), await one_command_bytes(session)
        most = limits.LOG_BYTES_MAX if reach is None else min(reach, limits.LOG_BYTES_MAX)
        data = await read_bytes(session, page, 0, min(LIST_FIRST_BYTES, most))
        while True:
            items, why = collected(parse(data))
            if why is None or omissions or len(data) >= most:
                break
            end = min(2 * len(data), most)
            data += await unless_refused(field, read_bytes(session, page, len(data), end), b"", omissions)
    if why is not None and not omissions:
        omissions.append(Omission.of(field, why))
    return data, items, tuple(omissions)


async def read_boot_partition(device: Device, partition: int) -> BootPartitionHeader:
    """The size of boot partitions, and which one is active."""
    async with device.open() as session:
        data = await _read(session, LogPage.BOOT_PARTITION, BootPartitionHeader.SIZE, lsp=partition)
        return BootPartitionHeader.parse(data)


async def read_power_measurement(device: Device) -> Read[Listed[PowerMeasurementLog, PowerBin]]:
    """What the drive draws, with as much of the histogram as there is."""
    async with device.open() as session:
        page = partial(get_log_page, LogPage.POWER_MEASUREMENT)
        log = PowerMeasurementLog.parse(await _read(session, LogPage.POWER_MEASUREMENT, PowerMeasurementLog.SIZE))
        size = PowerMeasurementLog.SIZE + log.histogram_bytes
        require_room(size, LogPage.POWER_MEASUREMENT)
        data = await read_bytes(session, page, 0, size + -size % 4)
    items, why = collected(power_measurement.parse_bins(data[PowerMeasurementLog.SIZE :], log))
    return Read(Listed(log, items, () if why is None else (Omission.of("bins", why),)), data, True)


async def read_sanitized_namespaces(
    device: Device, *, in_progress: bool
) -> Read[Listed[SanitizedNamespacesHeader, int]]:
    """Namespaces that are being sanitized, or were."""
    lsp = 0 if in_progress else 1
    async with device.open() as session:
        lid = LogPage.SANITIZE_NAMESPACE_STATUS_LIST
        header = SanitizedNamespacesHeader.parse(await _read(session, lid, SanitizedNamespacesHeader.SIZE, lsp=lsp))
        size = SanitizedNamespacesHeader.SIZE + header.count * 4
        require_room(size, lid)
        data = await read_bytes(session, partial(get_log_page, lid, lsp=lsp), 0, size)
    items, why = collected(partitions.parse_sanitized_namespaces(data[SanitizedNamespacesHeader.SIZE :], header.count))
    return Read(Listed(header, items, () if why is None else (Omission.of("nsids", why),)), data, True)


async def _read(session: Session, lid: LogPage, size: int, *, lsp: int = 0, lsi: int = 0) -> bytes:
    await require_page(session, lid)
    page: Page = partial(get_log_page, lid, lsp=lsp, lsi=lsi)
    return await read_bytes(session, page, 0, size)
