"""What a controller is asked for beside SMART data, one command at a time: whichever log has waited longest is next.

A log that a controller has not, or refuses for good, is not asked for again before it runs other firmware, as refused
commands fill its error log (nvme-cli#1224).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from types import MappingProxyType
from typing import Any, Final

from nvmed import limits
from nvmed.devices import logs_ocp
from nvmed.devices.controller import Device
from nvmed.devices.logs import read_sanitize_status, read_self_tests
from nvmed.devices.namespaces import read_active
from nvmed.errors import NvmedError
from nvmed.nvme.firmware import FirmwareSlots, read_slots
from nvmed.nvme.health import OcpSmartLog, SanitizeStatus, SelfTestLog
from nvmed.nvme.identify import logical_block_bytes
from nvmed.reasons import Reason

_NOTHING: Final[Mapping[Any, Any]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Logs:
    """What was read last; None of what the controller has not, or was not asked for yet.

    `capacity_bytes` (NCAP) and `used_bytes` (NUSE) are by namespace identifier. `read_at` says when each was asked for
    last, in seconds since the epoch; `refused` are those that are not asked for again while the controller runs
    `firmware_revision`.
    """

    self_tests: SelfTestLog | None = None
    slots: FirmwareSlots | None = None
    sanitize: SanitizeStatus | None = None
    ocp: OcpSmartLog | None = None
    capacity_bytes: Mapping[int, int] = field(default_factory=lambda: _NOTHING)
    used_bytes: Mapping[int, int] = field(default_factory=lambda: _NOTHING)
    read_at: Mapping[str, float] = field(default_factory=lambda: _NOTHING)
    refused: frozenset[str] = frozenset()
    firmware_revision: str = ""


@dataclass(frozen=True, slots=True)
class _Turn:
    """A log that is read every `every_s` seconds: what the logs are with it."""

    name: str
    every_s: float
    read: Callable[[Device, Logs], Awaitable[Logs]]


async def _slots(device: Device, known: Logs) -> Logs:
    data = bytearray(FirmwareSlots.SIZE)
    async with device.open() as session:
        await session.admin(read_slots(), data)
    return replace(known, slots=FirmwareSlots.parse(bytes(data)))


async def _ocp(device: Device, known: Logs) -> Logs:
    return replace(known, ocp=(await logs_ocp.read_ocp(device, OcpSmartLog, None)).log)


async def _sanitize(device: Device, known: Logs) -> Logs:
    return replace(known, sanitize=(await read_sanitize_status(device, None)).log)


async def _self_tests(device: Device, known: Logs) -> Logs:
    return replace(known, self_tests=(await read_self_tests(device)).log)


async def _use(nsid: int, device: Device, known: Logs) -> Logs:
    async with device.open() as session:
        data, _ = await read_active(session, nsid)
    block_bytes = logical_block_bytes(data)
    return replace(
        known,
        capacity_bytes={**known.capacity_bytes, nsid: data.ncap * block_bytes},
        used_bytes={**known.used_bytes, nsid: data.nuse * block_bytes},
    )


_TURNS: Final = (
    _Turn("ocp", 300.0, _ocp),
    _Turn("slots", 600.0, _slots),
    _Turn("sanitize", 600.0, _sanitize),
    _Turn("self_tests", 3600.0, _self_tests),
)
_USE_EVERY_S: Final = 600.0


def _turns(device: Device) -> tuple[_Turn, ...]:
    shown = sorted(device.node.namespaces, key=lambda one: one.nsid)[: limits.METRICS_NAMESPACES_MAX]
    return (*_TURNS, *(_Turn(f"namespace {one.nsid}", _USE_EVERY_S, partial(_use, one.nsid)) for one in shown))


def is_due(device: Device, known: Logs, now: float) -> bool:
    """Whether `read_next` would ask for anything."""
    return bool(_due(device, _of_its_firmware(device, known), now))


def _of_its_firmware(device: Device, known: Logs) -> Logs:
    if known.firmware_revision == device.node.firmware_revision:
        return known
    return replace(known, refused=frozenset(), firmware_revision=device.node.firmware_revision)


def _due(device: Device, known: Logs, now: float) -> list[_Turn]:
    return [
        turn
        for turn in _turns(device)
        if turn.name not in known.refused and now - known.read_at.get(turn.name, 0.0) >= turn.every_s
    ]


async def read_next(device: Device, known: Logs, now: float) -> Logs:
    """`known` with the log that has waited longest read anew; as it is if none is due.

    Raises nothing: what cannot be read stays as it was, and is asked for again when it is due.
    """
    known = _of_its_firmware(device, known)
    due = _due(device, known, now)
    if not due:
        return known
    turn = min(due, key=lambda one: known.read_at.get(one.name, 0.0))
    known = replace(known, read_at={**known.read_at, turn.name: now})
    try:
        return await turn.read(device, known)
    except NvmedError as exc:
        if exc.reason == Reason.NVME_UNSUPPORTED.name or (exc.nvme is not None and exc.nvme.do_not_retry):
            return replace(known, refused=known.refused | {turn.name})
        return known
