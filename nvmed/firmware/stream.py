"""A client's bytes straight to one drive's download buffer, for tools that manage the sequence themselves.

What `nvme_fw_download_seq` is for. Nothing is committed. It is an operation as any change of a drive, so it is
journalled and holds the NVM subsystem, but it needs its caller's bytes: when the caller goes away it stops after the
running command.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from typing import Final

from nvmed.devices.controller import Device, Session
from nvmed.devices.firmware_download import DownloadPlan, download, plan_download
from nvmed.errors import NvmedError
from nvmed.firmware.staging import Firmware
from nvmed.operations.running import Result, Running
from nvmed.preconditions import gates
from nvmed.preconditions.gates import DriveState, Wanted
from nvmed.reasons import Reason, error

AHEAD: Final = 2
"""Blocks that a client may be ahead of the drive."""


@dataclass(frozen=True, slots=True)
class DirectDownload:
    """What is sent to which drive; `transfer_bytes` 0 is what suits it, `overrides` are gates that need not hold."""

    device: Device
    size_bytes: int
    offset_bytes: int = 0
    transfer_bytes: int = 0
    ignore_overlap: bool = False
    overrides: frozenset[str] = frozenset()


class Feed:
    """Blocks from the call that receives them to the operation that sends them, a few at a time."""

    def __init__(self) -> None:
        self._blocks: asyncio.Queue[bytes | NvmedError | None] = asyncio.Queue()
        self._room = asyncio.Semaphore(AHEAD)
        self._is_cut = False

    async def put(self, block: bytes) -> None:
        """Hand over a block; waits while the drive is behind."""
        await self._room.acquire()
        self._blocks.put_nowait(block)

    def end(self, why: NvmedError | None = None) -> None:
        """There are no more blocks, because of an error if there is one."""
        self._blocks.put_nowait(why)

    def cut(self) -> None:
        """The caller went away: stop after the running command."""
        self._is_cut = True
        self.end()

    def checkpoint(self) -> None:
        """Raise OPERATION_CANCELLED once the caller is gone; any thread may ask."""
        if self._is_cut:
            raise error(Reason.OPERATION_CANCELLED, "the caller went away in the middle; nothing was committed")

    async def blocks(self) -> AsyncGenerator[bytes, None]:
        """The blocks in order; raises what ended them."""
        while (block := await self._blocks.get()) is not None:
            if isinstance(block, NvmedError):
                raise block
            yield block
            self._room.release()
        self.checkpoint()


async def check(firmware: Firmware, wanted: DirectDownload) -> Result:
    """Every gate and the plan, and nothing else; raises GATE_FAILED, INVALID_FIELD."""
    (drive,) = await firmware.drives.examine((wanted.device,))
    async with wanted.device.open() as session:
        plan = await _plan(firmware, session, drive, wanted)
    return _result(wanted, plan)


async def run(firmware: Firmware, running: Running, wanted: DirectDownload, feed: Feed) -> Result:
    """Send what `feed` gives; raises GATE_FAILED and INVALID_FIELD before the drive is touched, and what it answers."""

    def checkpoint() -> None:
        running.checkpoint()
        feed.checkpoint()

    async with (
        firmware.drives.claim((wanted.device,), f"operations/{running.record.id}") as (drive,),
        wanted.device.open() as session,
    ):
        plan = await _plan(firmware, session, drive, wanted)
        detail = {"offset_bytes": plan.offset_bytes, "size_bytes": plan.size_bytes}
        async with (
            running.step("download", cancellable=True, transfer_bytes=plan.transfer_bytes, **detail) as outcome,
            aclosing(feed.blocks()) as blocks,
        ):
            sent = await download(session, blocks, plan, checkpoint=checkpoint, advance=running.advance)
            outcome["commands"] = sent.commands
    return {
        **_result(wanted, plan),
        "size_bytes": sent.size_bytes,
        "commands": sent.commands,
        "sha256": sent.sha256.hex(),
    }


async def _plan(firmware: Firmware, session: Session, drive: DriveState, wanted: DirectDownload) -> DownloadPlan:
    asked = Wanted(rules=await firmware.rules(), overrides=wanted.overrides, image_bytes=wanted.size_bytes)
    gates.refuse(gates.evaluate(gates.DOWNLOAD, drive, asked))
    return await plan_download(
        session,
        wanted.size_bytes,
        offset_bytes=wanted.offset_bytes,
        transfer_bytes=wanted.transfer_bytes or gates.piece_bytes(drive, asked),
        ignore_granularity="GRANULARITY" in wanted.overrides,
        ignore_overlap=wanted.ignore_overlap,
    )


def _result(wanted: DirectDownload, plan: DownloadPlan) -> dict[str, object]:
    return {"controller": wanted.device.resource_name, "transfer_bytes": plan.transfer_bytes}
