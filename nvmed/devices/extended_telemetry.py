"""Data area 4 is shown only while ETDAS is set in Host Behavior Support: set for a reader, restored after the last.

libnvme leaves the bit to its caller, nvme-cli sets it and loses it when it is killed. Here what was found is written to
a file before the bit is set, and the next start restores what a crash left behind (nvme-cli#2894).

Some kernels (Debian's 6.12.117) answer EACCES to every Set Features of Host Behavior Support, which they keep for
themselves. It is no privilege that lacks then: Get Features, which asks for the same one, came through.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import structlog

from nvmed.devices.controller import Device, Session
from nvmed.devices.inventory import Inventory
from nvmed.devices.omission import Omission
from nvmed.errors import NvmedError
from nvmed.files import open_descriptor
from nvmed.nvme.opcodes import AdminOpcode, FeatureId
from nvmed.nvme.transport import Command
from nvmed.reasons import Reason, error

FEATURE_BYTES: Final = 512
ETDAS_BYTE: Final = 1
"""Extended Telemetry Data Area 4 Supported, in the Host Behavior Support data structure (Base 2.0, figure 340)."""

log: Final = structlog.get_logger("nvmed.devices")


@dataclass(slots=True)
class _Holders:
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    count: int = 0


class ExtendedTelemetry:
    """Counts the readers of each controller's area 4. `markers` is the directory of what has to be restored."""

    def __init__(self, markers: Path) -> None:
        self._markers = markers
        self._holders: dict[str, _Holders] = {}
        self._restoring: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def enabled(self, session: Session, *, required: bool = True) -> AsyncIterator[Omission | None]:
        """Area 4 is shown inside. A bit that was set before stays set.

        Where the drive refuses it (TELEMETRY_UNSUPPORTED), or the kernel keeps the bit for itself (KERNEL_REFUSED), and
        it is not `required`, there is no area 4 inside, and the Omission says why.
        """
        holders = self._holders.setdefault(session.device.name, _Holders())
        async with holders.lock:
            why = None if holders.count else await self._shown(session)
            if why is not None and required:
                raise why
            holders.count += why is None
        if why is not None:
            yield Omission.of("area_end_bytes", why)
            return
        try:
            yield None
        finally:
            # Restoring must survive the cancellation that may be what ends the stream.
            task = asyncio.create_task(self._leave(session.device, holders))
            self._restoring.add(task)
            task.add_done_callback(self._restoring.discard)
            await asyncio.shield(task)

    async def recover(self, inventory: Inventory) -> None:
        """Restore what a crash left set. A controller that is not there keeps its marker for the next start."""
        for device in await inventory.controllers():
            if self._marker(device).exists():
                await self._restore(device)

    async def settle(self) -> None:
        """Wait until everything is restored; for a daemon that stops."""
        while self._restoring:
            await asyncio.wait(self._restoring)

    async def _leave(self, device: Device, holders: _Holders) -> None:
        async with holders.lock:
            holders.count -= 1
            if holders.count == 0 and self._marker(device).exists():
                await self._restore(device)

    async def _shown(self, session: Session) -> NvmedError | None:
        """Set the bit; why it cannot be set if drive or kernel refuse that, which leaves no marker behind."""
        try:
            behavior = await _get(session)
        except NvmedError as exc:
            if exc.nvme is None:
                raise
            return _not_shown(session, exc)
        if behavior[ETDAS_BYTE]:
            return None
        await session.run(lambda: self._mark(session.device))
        behavior[ETDAS_BYTE] = 1
        try:
            await session.mutate(_SET, behavior)
        except NvmedError as exc:
            if exc.nvme is None and (exc.os is None or exc.os.symbol != "EACCES"):
                raise  # it may have happened: the marker stays
            await session.run(self._marker(session.device).unlink)
            return _not_shown(session, exc)
        return None

    async def _restore(self, device: Device) -> None:
        """Clear the bit and forget the marker; keep the marker where the drive does not answer."""
        try:
            async with device.open() as session:
                behavior = await _get(session)
                if behavior[ETDAS_BYTE]:
                    behavior[ETDAS_BYTE] = 0
                    await session.mutate(_SET, behavior)
                await session.run(self._marker(device).unlink)
        except NvmedError as exc:
            log.warning("etdas_not_restored", controller=device.name, reason=exc.reason, message=exc.message)
        except OSError as exc:  # the bit is clear; a marker that stays is looked at by the next start
            log.warning("etdas_marker_stays", controller=device.name, message=str(exc))

    def _mark(self, device: Device) -> None:
        """Raises STATE_NOT_WRITABLE, and then the bit must not be set."""
        path = self._marker(device)
        try:
            _write_durably(path)
        except OSError as exc:
            raise error(
                Reason.STATE_NOT_WRITABLE,
                f"{path} cannot be written ({exc.strerror}); without it nothing would restore the drive after a crash",
                path=path,
            ) from exc

    def _marker(self, device: Device) -> Path:
        return self._markers / f"etdas-{device.name}"


_GET: Final = Command(AdminOpcode.GET_FEATURES, cdw10=FeatureId.HOST_BEHAVIOR_SUPPORT)
_SET: Final = Command(AdminOpcode.SET_FEATURES, cdw10=FeatureId.HOST_BEHAVIOR_SUPPORT)


async def _get(session: Session) -> bytearray:
    behavior = bytearray(FEATURE_BYTES)
    await session.admin(_GET, behavior)
    return behavior


def _not_shown(session: Session, exc: NvmedError) -> NvmedError:
    """Why area 4 cannot be had: the drive, or the kernel, refuses Host Behavior Support."""
    node = session.device.node.node
    if exc.os is not None:
        return error(
            Reason.KERNEL_REFUSED,
            f"{node}: this kernel lets nobody set Host Behavior Support, so the drive does not show data area 4; "
            "ask for areas 1 to 3",
            os=exc.os,
        )
    return error(
        Reason.TELEMETRY_UNSUPPORTED,
        f"{node}: the drive reports data area 4 (LPA bit 6), but refuses Host Behavior Support, without which it shows "
        "none; ask for areas 1 to 3",
        nvme=exc.nvme,
    )


def _write_durably(path: Path) -> None:
    """An empty file that is there after a power loss."""
    for name, flags in ((path, os.O_WRONLY | os.O_CREAT), (path.parent, os.O_RDONLY)):
        descriptor = open_descriptor(name, flags, 0o600)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
