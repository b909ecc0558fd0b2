"""What is asked of one host: its drives staged, activated, verified, rolled back. Knows nothing of an engine.

Every function here may be repeated at any time, by another process too: it then finds what was done and goes on.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from nvmedctl.address import Tls
from nvmedctl.client import Client
from nvmedctl.operations import unpack, wait

from nvmed.errors import NotFound, NvmedError
from nvmed.reasons import Reason, error
from nvmed.v1 import firmware_pb2 as pb
from nvmed.v1.operations_pb2 import Gate
from nvmed_fleet import verdicts
from nvmed_fleet.asking import Question, Session, StepFailed, described, perform
from nvmed_fleet.plan import Drive, Image, Options, Plan, PlannedHost
from nvmed_fleet.records import Asked, DriveRecord, HostRecord, Verdict, now, worst
from nvmed_fleet.verdicts import Next

STAGE_AT_ONCE = 4
"""Drives of a host that are written at the same time."""

CALL_TIMEOUT_S = 30.0

MODES = {name.removeprefix("ACTIVATION_MODE_").lower().replace("_", "-"): name for name in pb.ActivationMode.keys()[1:]}
GATES = {name.removeprefix("GATE_").lower().replace("_", "-"): name for name in Gate.keys()[1:]}


OUTCOMES: dict[Any, Verdict] = {
    pb.FIRMWARE_OUTCOME_ALREADY_CURRENT: "current",
    pb.FIRMWARE_OUTCOME_PENDING_RESET: "pending",
}
"""What an activation came to, where not `done`."""


@dataclass(frozen=True, slots=True)
class Job:
    """What is asked of one host in one round of a campaign. `image_file` has the image on this machine."""

    campaign: str
    host: PlannedHost
    image: Image
    options: Options
    image_file: Path
    round: int = 0
    worker: str = ""

    def question(self, drive: Drive, step: str) -> Question:
        return Question(self.campaign, self.host.name, drive.controller, step, self.round)

    @property
    def overrides(self) -> list[Any]:
        return [Gate.Value(GATES[name]) for name in self.options.overrides]


def job_of(plan: Plan, host: str, image_file: Path, round: int = 0, worker: str = "") -> Job:  # noqa: A002  # of tries
    """The job of a host in a plan."""
    return Job(plan.campaign, plan.hosts[host], plan.image, plan.options, image_file, round, worker)


def client_of(host: PlannedHost) -> Client:
    """A client of a host's daemon."""
    tls = None
    if files := host.tls:
        certificate, key = (Path(name) if name else None for name in (files.certificate, files.key))
        tls = Tls(Path(files.ca), certificate, key, files.server_name)
    return Client(host.address, tls=tls, timeout=CALL_TIMEOUT_S)


async def stage(job: Job) -> HostRecord:
    """The image in the spool of the host, and in a slot of each of its drives."""

    async def all_drives(session: Session) -> list[DriveRecord]:
        await _ensure_image(session, job)
        limit = asyncio.Semaphore(STAGE_AT_ONCE)

        async def one(drive: Drive) -> DriveRecord:
            async with limit:
                return await _told(_stage_drive, session, job, drive)

        return await asyncio.gather(*(one(drive) for drive in job.host.drives))

    return await _host(job, "stage", all_drives)


async def activate(job: Job) -> HostRecord:
    """The staged image activated on each drive, one after another; after one that fails the others are left alone."""
    return await _host(job, "activate", lambda session: _in_turn(session, job, _activate_drive))


async def verify(job: Job) -> HostRecord:
    """Whether each drive runs the revision, by a fresh Identify."""

    async def all_drives(session: Session) -> list[DriveRecord]:
        return [await _told(_verify_drive, session, job, drive) for drive in job.host.drives]

    return await _host(job, "verify", all_drives)


async def rollback(job: Job) -> HostRecord:
    """Each drive back to the revision that ran when the plan was made, if it holds that still."""

    async def all_drives(session: Session) -> list[DriveRecord]:
        return [await _told(_rollback_drive, session, job, drive) for drive in job.host.drives]

    return await _host(job, "rollback", all_drives)


async def _host(job: Job, phase: str, work: Callable[[Session], Awaitable[list[DriveRecord]]]) -> HostRecord:
    """A record of what `work` came to, whatever that was."""
    record = HostRecord(job.host.name, phase, job.round, "failed", begun=now(), worker=job.worker)
    try:
        async with client_of(job.host) as client:
            drives = await work(Session(client, job.options.unreachable_after_s))
    except NvmedError as failure:
        return replace(record, verdict=_of_error(failure), ended=now(), **described(failure))
    except OSError as failure:
        return replace(record, ended=now(), reason="LOCAL_FILE", message=str(failure))
    first = next((drive for drive in drives if drive.reason), None)
    return replace(
        record,
        verdict=worst([drive.verdict for drive in drives]),
        ended=now(),
        drives=tuple(drives),
        reason=first.reason if first else "",
        message=first.message if first else "",
    )


DriveStep = Callable[[Session, Job, Drive], Awaitable[DriveRecord]]


async def _in_turn(session: Session, job: Job, step: DriveStep) -> list[DriveRecord]:
    records: list[DriveRecord] = []
    for drive in job.host.drives:
        if records and records[-1].verdict not in ("done", "current", "pending"):
            records.append(_record(drive, "untouched"))
        else:
            records.append(await _told(step, session, job, drive))
    return records


async def _told(step: DriveStep, session: Session, job: Job, drive: Drive) -> DriveRecord:
    """A record of the drive also where it, or its host, could not even be asked: the other drives keep theirs."""
    try:
        return await step(session, job, drive)
    except NvmedError as failure:
        return replace(_record(drive, _of_error(failure)), **described(failure))


async def _ensure_image(session: Session, job: Job) -> None:
    """Look first: an image of another campaign, or of a worker that died, need not be sent again."""
    try:
        await session.reach(
            lambda: session.client.firmware.GetImage(pb.GetImageRequest(name=f"images/{job.image.sha256}"))
        )
    except NotFound:
        await session.client.upload_image(
            job.image_file,
            firmware_revision=job.options.revision,
            model_number=job.options.model,
            sha256=bytes.fromhex(job.image.sha256),
        )


async def _slots(session: Session, drive: Drive) -> pb.FirmwareSlots:
    request = pb.GetFirmwareSlotsRequest(controller=drive.controller)
    return await session.reach(lambda: session.client.firmware.GetFirmwareSlots(request))


async def _stage_drive(session: Session, job: Job, drive: Drive) -> DriveRecord:
    def begin(request_id: str) -> Awaitable[Any]:
        return session.client.firmware.StageFirmware(
            pb.StageFirmwareRequest(
                controllers=[drive.controller],
                image=f"images/{job.image.sha256}",
                slot=job.options.slot,
                firmware_revision=job.options.revision,
                preconditions=pb.FirmwarePreconditions(model_number=drive.model),
                override_gates=job.overrides,
                request_id=request_id,
            )
        )

    async def settle() -> bool | None:
        return _holding(await _slots(session, drive), job.options) != 0

    async def done(answer: pb.StageFirmwareResponse | None) -> DriveRecord:
        if answer is None:
            slots = await _slots(session, drive)
            return _record(drive, "done", slot=_holding(slots, job.options), after=slots.running_revision)
        (staged,) = answer.drives
        current = staged.outcome == pb.FIRMWARE_OUTCOME_ALREADY_CURRENT
        return _record(drive, "current" if current else "done", slot=staged.slot, after=staged.running_revision)

    return await _step(session, job, drive, "stage", begin, pb.StageFirmwareResponse, settle, done)


async def _activate_drive(session: Session, job: Job, drive: Drive) -> DriveRecord:
    slots = await _slots(session, drive)
    wanted = job.options.revision
    if slots.running_revision == wanted and not any(slot.next for slot in slots.slots):
        # It runs already: by somebody else, or by an activation whose answer was lost with a worker. Asking for it
        # again under the same id tells which, and is done once.
        slot = next((one.slot for one in slots.slots if one.active), 0)
    else:
        slot = _holding(slots, job.options)
    if not slot:
        failure = error(Reason.FIRMWARE_NOT_VERIFIED, f"{drive.controller} holds {wanted} in no slot; stage it again.")
        return _failed(drive, failure, after=slots.running_revision)

    def begin(request_id: str) -> Awaitable[Any]:
        return session.client.firmware.ActivateFirmware(
            pb.ActivateFirmwareRequest(
                controller=drive.controller,
                slot=slot,
                activation_mode=MODES[job.options.mode],
                slot_revision=wanted,
                preconditions=pb.FirmwarePreconditions(model_number=drive.model),
                override_gates=job.overrides,
                acknowledge_disruption=job.options.mode != "on-next-reset",
                request_id=request_id,
            )
        )

    async def settle() -> bool | None:
        return _settled((await _slots(session, drive)).running_revision, wanted, before=drive.revision)

    return await _step(
        session, job, drive, "activate", begin, pb.ActivateFirmwareResponse, settle, _activated(session, drive, slot)
    )


async def _rollback_drive(session: Session, job: Job, drive: Drive) -> DriveRecord:
    slots = await _slots(session, drive)
    if slots.running_revision == drive.revision and not any(slot.next for slot in slots.slots):
        return _record(drive, "current", after=slots.running_revision)
    slot = next((one.slot for one in slots.slots if one.revision == drive.revision), 0)
    if not slot:
        failure = error(Reason.FIRMWARE_NOT_VERIFIED, f"{drive.controller} holds {drive.revision} in no slot any more.")
        return _failed(drive, failure, after=slots.running_revision)
    runs = slots.running_revision

    def begin(request_id: str) -> Awaitable[Any]:
        return session.client.firmware.RollbackFirmware(
            pb.RollbackFirmwareRequest(
                controller=drive.controller,
                slot=slot,
                activation_mode=MODES[job.options.mode],
                preconditions=pb.FirmwarePreconditions(model_number=drive.model, firmware_revision=runs),
                override_gates=job.overrides,
                acknowledge_disruption=job.options.mode != "on-next-reset",
                request_id=request_id,
            )
        )

    async def settle() -> bool | None:
        return _settled((await _slots(session, drive)).running_revision, drive.revision, before=runs)

    return await _step(
        session, job, drive, "rollback", begin, pb.ActivateFirmwareResponse, settle, _activated(session, drive, slot)
    )


async def _verify_drive(session: Session, job: Job, drive: Drive) -> DriveRecord:
    """A question, not a step: it takes no id, or it would be answered the old verdict."""
    request = pb.VerifyFirmwareRequest(controller=drive.controller, firmware_revision=job.options.revision)

    async def ask() -> pb.VerifyFirmwareResponse:
        begun = await session.client.firmware.VerifyFirmware(request)
        return unpack(await wait(session.client.operations, begun), pb.VerifyFirmwareResponse)

    try:
        answer = await session.reach(ask)
    except NvmedError as failure:
        if verdicts.after(failure) is Next.SAME_ID:
            raise  # to ask what runs would only be to wait once more
        return _failed(drive, failure, after=await _running(session, drive))
    return _record(drive, "done", after=answer.running_revision, slot=answer.active_slot)


async def _step(
    session: Session,
    job: Job,
    drive: Drive,
    step: str,
    begin: Callable[[str], Awaitable[Any]],
    response: type[Any],
    settle: Callable[[], Awaitable[bool | None]],
    done: Callable[..., Awaitable[DriveRecord]],
) -> DriveRecord:
    """A record of one step of one drive, whatever came of it."""
    asked: tuple[Asked, ...] = ()
    try:
        answer, asked = await perform(session, job.question(drive, step), begin, response, settle)
        record = await done(answer)
    except StepFailed as failure:
        if verdicts.after(failure.cause) is Next.SAME_ID:
            return replace(_record(drive, "unreachable"), asked=failure.asked, **described(failure.cause))
        record = _failed(drive, failure.cause, after=await _running(session, drive))
        verdict: Verdict = "uncertain" if failure.uncertain else "failed"
        return replace(record, verdict=verdict, asked=failure.asked)
    return replace(record, asked=asked)


def _activated(
    session: Session, drive: Drive, slot: int
) -> Callable[[pb.ActivateFirmwareResponse | None], Awaitable[DriveRecord]]:
    async def done(answer: pb.ActivateFirmwareResponse | None) -> DriveRecord:
        if answer is None:
            return _record(drive, "done", slot=slot, after=(await _slots(session, drive)).running_revision)
        verdict = OUTCOMES.get(answer.outcome, "done")
        return _record(drive, verdict, slot=answer.slot, after=answer.running_revision)

    return done


async def _running(session: Session, drive: Drive) -> str:
    """What it runs now; "" if that cannot be found out."""
    try:
        return (await _slots(session, drive)).running_revision
    except NvmedError:
        return ""


def _holding(slots: pb.FirmwareSlots, options: Options) -> int:
    """The slot that holds the revision, 0 for none; the one that the options name goes first."""
    found = [slot.slot for slot in slots.slots if slot.revision == options.revision]
    return options.slot if options.slot in found and options.slot else next(iter(found), 0)


def _settled(runs: str, wanted: str, *, before: str) -> bool | None:
    return True if runs == wanted else False if runs == before else None


def _record(drive: Drive, verdict: Verdict, *, slot: int = 0, after: str = "") -> DriveRecord:
    return DriveRecord(
        drive.controller, drive.serial, drive.model, verdict, before=drive.revision, after=after, slot=slot
    )


def _failed(drive: Drive, failure: NvmedError, *, after: str) -> DriveRecord:
    return replace(_record(drive, "failed", after=after), **described(failure))


def _of_error(failure: NvmedError) -> Verdict:
    return "unreachable" if verdicts.after(failure) is Next.SAME_ID else "failed"
