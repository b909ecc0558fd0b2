"""What a plan is made from: every host is asked for its drives, and of each whether it may be updated."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from nvmedctl import hosts
from nvmedctl.client import Client

from nvmed.errors import NvmedError, Unavailable
from nvmed.reasons import Reason
from nvmed.v1 import firmware_pb2 as pb
from nvmed.v1.resources_pb2 import Controller
from nvmed_fleet import plan, verdicts
from nvmed_fleet.asking import described
from nvmed_fleet.plan import Drive, LeftOut, Options, PlannedHost
from nvmed_fleet.steps import CALL_TIMEOUT_S, GATES, MODES

HOSTS_AT_ONCE = 64

NOT_YET = frozenset({"SLOT_CONTENT", "SLOT_EXISTS", "SUBSYSTEM_BUSY"})
"""Preconditions of an activation that staging fulfils, or that hold again by themselves."""


@dataclass(frozen=True, slots=True)
class Surveyed:
    """A host, and what of it is left out."""

    host: PlannedHost
    left_out: tuple[LeftOut, ...]


async def survey(
    found: Sequence[hosts.Host], options: Options, progress: Callable[[int], None] | None = None
) -> list[Surveyed]:
    """Ask all of them. A host that does not answer is left out; nothing is changed anywhere."""
    limit, done = asyncio.Semaphore(HOSTS_AT_ONCE), 0

    async def one(host: hosts.Host) -> Surveyed:
        nonlocal done
        async with limit:
            surveyed = await survey_host(host, options)
        done += 1
        if progress:
            progress(done)
        return surveyed

    return await asyncio.gather(*(one(host) for host in found))


async def survey_host(host: hosts.Host, options: Options) -> Surveyed:
    """What there is to do on a host."""
    try:
        async with host.client(CALL_TIMEOUT_S) as client:
            drives, left_out = await _drives(client, host.name, options)
    except NvmedError as failure:
        why = "unreachable" if isinstance(failure, Unavailable) else failure.reason.lower()
        return Surveyed(planned(host), (LeftOut(host.name, "", why, failure.message[:1000]),))
    if not drives and not left_out:
        left_out = [LeftOut(host.name, "", "no-drives", "the host has no NVMe controllers")]
    return Surveyed(planned(host, drives), tuple(left_out))


async def _drives(client: Client, host: str, options: Options) -> tuple[list[Drive], list[LeftOut]]:
    drives: list[Drive] = []
    left_out: list[LeftOut] = []
    subsystems: set[str] = set()
    async for controller in client.list_controllers():
        why, detail = _sieve(controller, subsystems, options)
        if not why:
            subsystems.add(controller.subsystem)
            why, detail = await _preflight(client, controller.name, options)
        if why:
            left_out.append(LeftOut(host, controller.name, why, detail))
        else:
            drives.append(
                Drive(controller.name, controller.serial_number, controller.model_number, controller.firmware_revision)
            )
    return drives, left_out


def _sieve(controller: Controller, subsystems: set[str], options: Options) -> tuple[str, str]:
    """Why a controller is none of ours, by what is known of it already; ("", "") if it is."""
    if controller.controller_type not in ("", "io"):
        return "not-io", f"it is a controller of type {controller.controller_type}"
    if options.model and controller.model_number != options.model:
        return "model", f"it is a {controller.model_number}"
    if controller.firmware_revision == options.revision:
        return "current", f"it runs {options.revision}"
    if options.from_revision and controller.firmware_revision != options.from_revision:
        return "revision", f"it runs {controller.firmware_revision}"
    if controller.subsystem in subsystems:
        return "same-subsystem", "another controller of its NVM subsystem is updated, and they share slots"
    return "", ""


async def _preflight(client: Client, controller: str, options: Options) -> tuple[str, str]:
    """The gates that would refuse the activation, as the daemon sees them now; ("", "") for none."""
    slots = await client.firmware.GetFirmwareSlots(pb.GetFirmwareSlotsRequest(controller=controller))
    if slots.running_revision == options.revision:
        return "current", f"it runs {options.revision}, of which the kernel does not know yet"
    spare = next((slot.slot for slot in slots.slots if slot.writable and not slot.active), 1)
    request = pb.ActivateFirmwareRequest(
        controller=controller,
        slot=options.slot or spare,
        activation_mode=MODES[options.mode],
        override_gates=[GATES[name] for name in options.overrides],
        acknowledge_disruption=True,
        validate_only=True,
    )
    try:
        await client.firmware.ActivateFirmware(request)
    except NvmedError as failure:
        if failure.reason != Reason.GATE_FAILED.name:
            if verdicts.after(failure) is verdicts.Next.SAME_ID:
                raise
            if verdicts.after(failure) is verdicts.Next.NEW_ID:
                return "", ""
            return failure.reason.lower(), described(failure)["message"]
        bad = [gate for gate in failure.gates if gate.kind not in NOT_YET]
        if bad:
            return bad[0].kind.lower().replace("_", "-"), "; ".join(gate.description for gate in bad)[:1000]
    return "", ""


def planned(host: hosts.Host, drives: Sequence[Drive] = ()) -> PlannedHost:
    """A host as plans have it."""
    return PlannedHost(host.name, host.address, host.domain, tuple(drives), _tls(host))


def _tls(host: hosts.Host) -> plan.Tls | None:
    """References to files, absolute: a worker may run elsewhere in the tree."""
    if host.tls is None:
        return None
    certificate, key = (str(path.absolute()) if path else "" for path in (host.tls.certificate, host.tls.key))
    return plan.Tls(str(host.tls.ca.absolute()), certificate, key, host.tls.server_name)
