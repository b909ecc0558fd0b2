"""What a sweep collects of one host: SMART and telemetry of its drives, put into a place. Knows nothing of an engine.

Names sort by sweep, host and drive, and are the same whoever collects::

    SWEEP/HOST/CONTROLLER/smart.json                     nvmed.v1.SmartLog, with the page itself
    SWEEP/HOST/CONTROLLER/telemetry-host.bin             a log that was created for this sweep
    SWEEP/HOST/CONTROLLER/telemetry-controller.bin       what the controller had to tell by itself
    SWEEP/HOST/CONTROLLER/KIND.entry.json                what is known of it: size, SHA-256, generation, acknowledged
    SWEEP/HOST/host.json                                 what came of the host; SWEEP/manifest.json, of all of them
    SWEEP/SHA256SUMS                                     for `sha256sum --check`

An entry is written when its log is durable, and only then the controller is told that its log may go. So a sweep that
died anywhere may be repeated: what is there is not collected again, what was not acknowledged is.
"""

from __future__ import annotations

import asyncio
import hashlib
import tempfile
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

import msgspec
from google.protobuf.json_format import MessageToJson
from nvmedctl.hosts import Host

from nvmed.errors import NotFound, NvmedError, Unimplemented
from nvmed.reasons import Reason, invalid_field
from nvmed.v1 import log_pb2, telemetry_pb2
from nvmed.v1.resources_pb2 import Controller
from nvmed_fleet import places, survey, verdicts
from nvmed_fleet.asking import Session, described
from nvmed_fleet.errors import FleetReason, error
from nvmed_fleet.places import Place
from nvmed_fleet.plan import NAMESPACE, PlannedHost
from nvmed_fleet.records import now
from nvmed_fleet.steps import client_of
from nvmed_fleet.store import check_id
from nvmed_fleet.verdicts import Next

KINDS = ("smart", "telemetry-host", "telemetry-controller")
ABSENT = frozenset(
    {Reason.TELEMETRY_UNSUPPORTED.name, Reason.TELEMETRY_NOT_AVAILABLE.name, Reason.TELEMETRY_AREA_EMPTY.name}
)
"""Reasons for which a drive has no such log: no failure of the sweep."""

Outcome = Literal["stored", "absent", "failed", "unreachable"]


@dataclass(frozen=True, slots=True)
class Entry:
    """One log of one drive. `name` is its object's, if it is stored."""

    host: str
    controller: str
    serial: str
    model: str
    kind: str
    outcome: Outcome
    name: str = ""
    size_bytes: int = 0
    sha256: str = ""
    generation: int | None = None
    acknowledged: bool | None = None
    time: str = ""
    reason: str = ""
    message: str = ""


@dataclass(frozen=True, slots=True)
class HostSweep:
    """What came of one host."""

    host: str
    outcome: Outcome
    entries: tuple[Entry, ...] = ()
    reason: str = ""
    message: str = ""


@dataclass(frozen=True, slots=True)
class Options:
    """How a sweep goes. `data_area` is 1 to 4, 0 for the daemon's default; `drives_at_once` is of one host."""

    data_area: int = 0
    in_flight: int = 50
    drives_at_once: int = 2
    unreachable_after_s: float = 300.0


@dataclass(frozen=True, slots=True)
class SweepPlan:
    """A whole sweep: what is collected of which hosts, and into which place."""

    sweep: str
    into: str
    kinds: tuple[str, ...]
    hosts: Mapping[str, PlannedHost]
    options: Options = field(default_factory=Options)


def make(
    sweep: str, into: str, kinds: Sequence[str], hosts: Sequence[Host], options: Options | None = None
) -> SweepPlan:
    """The plan of a sweep; INVALID_FIELD for what cannot be, before any host is asked."""
    options = options or Options()
    unknown = [kind for kind in kinds if kind not in KINDS]
    if unknown or not kinds:
        raise invalid_field("collect", f"{', '.join(unknown) or 'nothing'} is none of {', '.join(KINDS)}.")
    if not hosts:
        raise invalid_field("hosts", "there is none to sweep.")
    for name, value, least, most in (
        ("data-area", options.data_area, 0, 4),
        ("in-flight", options.in_flight, 1, 1000),
        ("drives-at-once", options.drives_at_once, 1, 64),
        ("unreachable-after", options.unreachable_after_s, 1, 86400),
    ):
        if not least <= value <= most:
            raise invalid_field(name, f"must be {least} to {most}, not {value:g}.")
    planned = {host.name: survey.planned(host) for host in hosts}
    return SweepPlan(check_id(sweep), places.parse(into), tuple(dict.fromkeys(kinds)), planned, options)


async def collect(plan: SweepPlan, host: str, place: Place) -> HostSweep:
    """Collect from one host what is not there yet, and put down what came of it; PLACE_FAILED if it cannot be put."""
    found = await _host(plan, plan.hosts[host], place)
    await place.put(f"{plan.sweep}/{host}/host.json", msgspec.json.encode(found))
    return found


async def finish(plan: SweepPlan, place: Place) -> dict[str, int]:
    """Write the manifest of all hosts; how often each outcome of a log, or of a host without any, came to be."""
    limit = asyncio.Semaphore(plan.options.in_flight)

    async def one(host: str) -> HostSweep:
        async with limit:
            kept = await place.get(f"{plan.sweep}/{host}/host.json")
        return msgspec.json.decode(kept, type=HostSweep) if kept else HostSweep(host, "failed", message="not collected")

    found = await asyncio.gather(*(one(host) for host in sorted(plan.hosts)))
    counts: dict[str, int] = {}
    for outcome in [entry.outcome for host in found for entry in host.entries or [host]]:
        counts[outcome] = counts.get(outcome, 0) + 1
    stored = [entry for host in found for entry in host.entries if entry.outcome == "stored"]
    sums = "".join(f"{entry.sha256}  {entry.name.partition('/')[2]}\n" for entry in stored)
    await place.put(f"{plan.sweep}/SHA256SUMS", sums.encode())
    manifest = {"sweep": plan.sweep, "kinds": plan.kinds, "finished": now(), "counts": counts, "hosts": found}
    await place.put(f"{plan.sweep}/manifest.json", msgspec.json.format(msgspec.json.encode(manifest), indent=1))
    return counts


async def _host(plan: SweepPlan, host: PlannedHost, place: Place) -> HostSweep:
    try:
        async with client_of(host) as client:
            session = Session(client, plan.options.unreachable_after_s)
            controllers = await session.reach(lambda: _controllers(session))
            limit = asyncio.Semaphore(plan.options.drives_at_once)

            async def drive(controller: Controller) -> list[Entry]:
                async with limit:
                    collector = _Collector(plan, host.name, session, place, controller)
                    return [await collector.entry(kind) for kind in plan.kinds]

            found = await asyncio.gather(*(drive(controller) for controller in controllers))
    except NvmedError as failure:
        if failure.reason == FleetReason.PLACE_FAILED.name:
            raise
        return HostSweep(host.name, _outcome(failure), **described(failure))
    entries = tuple(entry for of_drive in found for entry in of_drive)
    bad = next((entry for entry in entries if entry.outcome in ("failed", "unreachable")), None)
    if bad is not None:
        return HostSweep(host.name, bad.outcome, entries, bad.reason, bad.message)
    return HostSweep(host.name, "stored", entries)


async def _controllers(session: Session) -> list[Controller]:
    return [one async for one in session.client.list_controllers() if one.controller_type in ("", "io")]


@dataclass(frozen=True, slots=True)
class _Collector:
    """Collects the logs of one drive."""

    plan: SweepPlan
    host: str
    session: Session
    place: Place
    controller: Controller

    async def entry(self, kind: str) -> Entry:
        """A log of the drive: as it was stored before, or stored now; acknowledged if it is the controller's own."""
        prefix = f"{self.plan.sweep}/{self.host}/{self.controller.name.partition('/')[2]}/{kind}"
        kept = await self.place.get(f"{prefix}.entry.json")
        found = msgspec.json.decode(kept, type=Entry) if kept else None
        try:
            if found is None:
                found = await self._stored(kind, prefix)
                await self._keep(prefix, found)
            if found.acknowledged is False:
                found = replace(found, acknowledged=await self._acknowledged(found.generation or 0))
                await self._keep(prefix, found)
        except NvmedError as failure:
            if failure.reason == FleetReason.PLACE_FAILED.name:
                raise
            made = found or self._made(kind, "stored")
            return replace(made, outcome=_outcome(failure), **described(failure))
        return found

    async def _keep(self, prefix: str, entry: Entry) -> None:
        await self.place.put(f"{prefix}.entry.json", msgspec.json.encode(entry))

    async def _stored(self, kind: str, prefix: str) -> Entry:
        if kind == "smart":
            return await self._smart(prefix)
        source = telemetry_pb2.TELEMETRY_SOURCE_HOST
        if kind == "telemetry-controller":
            source = telemetry_pb2.TELEMETRY_SOURCE_CONTROLLER
            if (why := await self._nothing_to_tell()) is not None:
                return replace(self._made(kind, "absent"), message=why)
        return await self._telemetry(kind, prefix, source)

    async def _smart(self, prefix: str) -> Entry:
        request = log_pb2.GetSmartLogRequest(controller=self.controller.name, include_raw=True)
        found = await self.session.reach(lambda: self.session.client.logs.GetSmartLog(request))
        content = MessageToJson(found, preserving_proto_field_name=True).encode()
        name = f"{prefix}.json"
        await self.place.put(name, content)
        digest = hashlib.sha256(content).hexdigest()
        return replace(self._made("smart", "stored"), name=name, size_bytes=len(content), sha256=digest)

    async def _nothing_to_tell(self) -> str | None:
        """Why there is no log of the controller's own, None if there is one."""
        request = telemetry_pb2.GetTelemetryCapabilitiesRequest(controller=self.controller.name)
        found = await self.session.reach(lambda: self.session.client.telemetry.GetTelemetryCapabilities(request))
        if not found.supported or not found.HasField("controller_log"):
            return "the controller has no such log"
        return None if found.controller_log.available else "the controller has nothing to tell"

    async def _telemetry(self, kind: str, prefix: str, source: telemetry_pb2.TelemetrySource) -> Entry:
        creates = source == telemetry_pb2.TELEMETRY_SOURCE_HOST
        request = telemetry_pb2.StreamTelemetryRequest(
            controller=self.controller.name,
            source=source,
            data_area=self.plan.options.data_area,  # type: ignore[arg-type]  # its numbers are the areas'
            create=creates,
            request_id=self._id("create") if creates else "",
        )
        name = f"{prefix}.bin"
        with tempfile.TemporaryDirectory(prefix="nvmed-sweep-") as folder:
            path = Path(folder) / "log"
            log = await self.session.reach(lambda: self.session.client.save_telemetry(request, path))
            await self.place.put_file(name, path)
        size = await self.place.size(name)
        if size != log.size_bytes:
            raise error(FleetReason.PLACE_FAILED, f"{name} has {size} bytes there, not {log.size_bytes}.")
        return replace(
            self._made(kind, "stored"),
            name=name,
            size_bytes=log.size_bytes,
            sha256=log.sha256.hex(),
            generation=log.generation_number,
            acknowledged=None if creates else False,
        )

    async def _acknowledged(self, generation: int) -> bool:
        """Tell the controller that its log was saved. Another one by now stays pending, which is right."""
        request = telemetry_pb2.AcknowledgeTelemetryRequest(
            controller=self.controller.name, generation_number=generation, request_id=self._id("acknowledge")
        )
        await self.session.reach(lambda: self.session.client.telemetry.AcknowledgeTelemetry(request))
        return True

    def _id(self, step: str) -> str:
        """The same whoever asks, so that a worker that takes over asks the same."""
        return str(uuid.uuid5(NAMESPACE, "\0".join((self.plan.sweep, self.host, self.controller.name, step))))

    def _made(self, kind: str, outcome: Outcome) -> Entry:
        one = self.controller
        return Entry(self.host, one.name, one.serial_number, one.model_number, kind, outcome, time=now())


def _outcome(failure: NvmedError) -> Outcome:
    if verdicts.after(failure) is Next.SAME_ID:
        return "unreachable"
    is_absent = failure.reason in ABSENT or isinstance(failure, Unimplemented | NotFound)
    return "absent" if is_absent else "failed"
