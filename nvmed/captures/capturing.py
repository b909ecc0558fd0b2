"""CaptureTelemetry: a controller's log copied to the host's disk, as an operation whose id is the capture's.

Its steps are those of the drive and the disk, in this order: `create`, where a new log is wanted, `copy`, whose end is
a capture that is on disk, and `clear_event`, where the controller's event is to be acknowledged: never before.
"""

from __future__ import annotations

import asyncio
import base64
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import structlog

from nvmed import limits
from nvmed.captures.files import Capture
from nvmed.captures.store import Captures, Writer
from nvmed.devices import telemetry
from nvmed.devices.controller import Device
from nvmed.devices.extended_telemetry import ExtendedTelemetry
from nvmed.devices.telemetry import Journalled, TelemetryEnd, TelemetryRequest, TelemetryStart
from nvmed.errors import NvmedError
from nvmed.nvme.telemetry import TelemetryDataArea, TelemetryLog
from nvmed.operations.running import Result, Running
from nvmed.reasons import invalid_field

CAPTURE: Final = "nvmed.v1.TelemetryService/CaptureTelemetry"
DELETE: Final = "nvmed.v1.TelemetryService/DeleteCapture"

CREATE, COPY, CLEAR = "create", "copy", "clear_event"
"""Steps."""

SOURCES: Final = {
    TelemetryLog.HOST_INITIATED: "TELEMETRY_SOURCE_HOST",
    TelemetryLog.CONTROLLER_INITIATED: "TELEMETRY_SOURCE_CONTROLLER",
}

log: Final = structlog.get_logger("nvmed.captures")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to capture, for whom. `ttl_s` 0 is as long as may be; an automatic one has no principal."""

    device: Device
    log: TelemetryLog
    area: TelemetryDataArea = TelemetryDataArea.AREA_3
    create: bool = False
    acknowledge: bool = False
    ttl_s: int = 0
    automatic: bool = False
    principal: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)

    def request(self, journalled: Journalled) -> TelemetryRequest:
        """How it is read: into bytes of its own, as they wait for the disk while the next are read."""
        return TelemetryRequest(
            log=self.log,
            area=self.area,
            create=self.create,
            retain_async_event=True,
            chunk_bytes=limits.CHUNK_BYTES_DEFAULT,
            window=limits.WINDOW_DEFAULT,
            transfer_bytes=0,
            resume_token="",
            offset=0,
            headroom=0,
            encode=lambda buffer, size, _: bytes(buffer[:size]),
            journalled=journalled,
        )


class Capturing:
    """A check, which changes nothing, and a run. `failures` counts runs that failed, by (automatic, reason)."""

    def __init__(self, store: Captures, extended: ExtendedTelemetry, at_once: int = limits.CAPTURES_AT_ONCE) -> None:
        self.failures: Counter[tuple[bool, str]] = Counter()
        self.store = store
        self._extended = extended
        self._turns = asyncio.Semaphore(at_once)

    async def check(self, wanted: Wanted) -> Result:
        """What would be captured; raises what keeps it from being."""
        self._refuse(wanted)

        async def nothing(step: str, change: Callable[[], Awaitable[None]]) -> None:
            raise AssertionError(step)

        start = await telemetry.plan(wanted.device, wanted.request(nothing))
        if start is None:
            return _facts(wanted.device.resource_name, wanted.log, wanted.area)
        draft = self._draft("0" * 32, wanted, start)
        self.store.require_room(draft)
        return _facts(draft.controller, draft.log, draft.area, draft.size_bytes, draft.generation)

    async def run(self, running: Running, wanted: Wanted) -> Result:
        """Capture it, and acknowledge it if that is wanted; an acknowledgement that fails leaves a capture."""
        self._refuse(wanted)
        try:
            async with self._turn(running):
                capture = await self._copy(running, wanted)
        except NvmedError as exc:
            self.failures[wanted.automatic, exc.reason] += 1
            raise
        acknowledged = wanted.acknowledge and await self._acknowledge(running, wanted.device, capture)
        return shown(capture, acknowledged=acknowledged)

    async def acknowledge(self, running: Running, device: Device, generation: int) -> Result:
        """Acknowledge a log that was captured before, as AcknowledgeTelemetry does."""
        await telemetry.acknowledge(device, generation, _steps(running))
        return {"controller": device.resource_name, "generation_number": generation}

    def _refuse(self, wanted: Wanted) -> None:
        if wanted.acknowledge and wanted.log is not TelemetryLog.CONTROLLER_INITIATED:
            raise invalid_field("acknowledge", "a host-initiated log has no event; leave it out")
        if wanted.ttl_s > self.store.limits.ttl_s:
            raise invalid_field("ttl_s", f"is {wanted.ttl_s}; this host keeps captures {self.store.limits.ttl_s} s")

    @asynccontextmanager
    async def _turn(self, running: Running) -> AsyncIterator[None]:
        """A turn among those that run: each holds memory."""
        await running.until_stopped(self._turns.acquire())
        try:
            yield
        finally:
            self._turns.release()

    async def _copy(self, running: Running, wanted: Wanted) -> Capture:
        parts = telemetry.stream(wanted.device, wanted.request(_steps(running)), self._extended)
        async with aclosing(parts):
            start = await anext(parts)
            assert isinstance(start, TelemetryStart)  # noqa: S101  # what a stream begins with
            draft = self._draft(running.record.id, wanted, start)
            async with (
                self.store.writing(draft) as writer,
                running.step(COPY, cancellable=True, capture=draft.name, size_bytes=draft.size_bytes) as outcome,
            ):
                capture = await _fill(running, writer, parts, draft.size_bytes)
                outcome["sha256"] = capture.sha256.hex()
            return capture

    def _draft(self, name: str, wanted: Wanted, start: TelemetryStart) -> Capture:
        node, now = wanted.device.node, self.store.now_ms()
        return Capture(
            id=name,
            controller=wanted.device.resource_name,
            log=wanted.log,
            area=int(start.area),
            size_bytes=start.total_bytes,
            generation=start.header.generation,
            has_generation=start.header.has_generation,
            reason_identifier=start.header.reason_identifier,
            fingerprint=start.header.fingerprint().hex(),
            model=node.model,
            serial=node.serial,
            firmware_revision=node.firmware_revision,
            expires_ms=now + (wanted.ttl_s or self.store.limits.ttl_s) * 1000,
            automatic=wanted.automatic,
            principal=wanted.principal,
            labels=wanted.labels,
        )

    async def _acknowledge(self, running: Running, device: Device, capture: Capture) -> bool:
        """Whether the controller's event is cleared now; why not is in the step, or in the log if there was none."""
        try:
            await telemetry.acknowledge(device, capture.generation, _steps(running))
        except NvmedError as exc:
            log.warning("not_acknowledged", capture=capture.id, reason=exc.reason, message=exc.message)
            return False
        return True


async def _fill(running: Running, writer: Writer, parts: AsyncIterator[Any], total: int) -> Capture:
    """Write what the drive gives, to its end; a drive that hangs does not keep it from being stopped."""
    while not isinstance(part := await running.until_stopped(anext(parts)), TelemetryEnd):
        await writer.write(part)
        running.advance(writer.written_bytes, total)
    running.no_return()  # or it would be cancelled with a capture on disk
    return await writer.finish(part.sha256)


def _steps(running: Running) -> Journalled:
    """Changes to the drive as steps of this operation."""

    async def change_as_step(step: str, change: Callable[[], Awaitable[None]]) -> None:
        async with running.step(step):
            await change()

    return change_as_step


def shown(capture: Capture, *, acknowledged: bool) -> Result:
    """A capture as the operation's result."""
    facts = _facts(capture.controller, capture.log, capture.area, capture.size_bytes, capture.generation)
    digest = base64.b64encode(capture.sha256).decode()
    return {**facts, "capture": capture.name, "sha256": digest, "acknowledged": acknowledged}


def _facts(controller: str, source: TelemetryLog, area: int, size_bytes: int = 0, generation: int = 0) -> Result:
    return {
        "controller": controller,
        "source": SOURCES[source],
        "data_area": f"TELEMETRY_DATA_AREA_{int(area) or 'CONTROLLER_DETERMINED'}",
        "size_bytes": size_bytes,
        "generation_number": generation,
    }


async def delete(running: Running, store: Captures, capture: str) -> Result:
    """Delete a capture; raises CAPTURE_NOT_FOUND."""
    found = store.capture(capture)
    async with running.step("delete"):
        await store.delete(capture)
    return {"name": found.name}
