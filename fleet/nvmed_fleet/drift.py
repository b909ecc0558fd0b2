"""What drives should be, against what they are: read-only. Knows nothing of an engine.

The file is that of `nvmedctl drive plan` (`nvmedctl.desired`): firmware is compared here, by what runs and what is due;
the rest by the daemons (PlanDrive).
"""

from __future__ import annotations

import asyncio
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from nvmedctl.client import Client
from nvmedctl.desired import Model
from nvmedctl.hosts import Host

from nvmed.errors import NvmedError
from nvmed.reasons import invalid_field
from nvmed.v1 import desired_pb2, firmware_pb2
from nvmed.v1.resources_pb2 import Controller
from nvmed_fleet import verdicts
from nvmed_fleet.asking import described
from nvmed_fleet.steps import CALL_TIMEOUT_S
from nvmed_fleet.verdicts import Next

HOSTS_AT_ONCE = 64

State = Literal["as-desired", "differs", "pending", "not-told", "unreachable", "failed"]
"""`pending`: the revision runs after the next reset; `not-told`: the file says nothing of the model."""

DRIFT: frozenset[State] = frozenset({"differs", "pending"})
UNKNOWN: frozenset[State] = frozenset({"unreachable", "failed"})


@dataclass(frozen=True, slots=True)
class Finding:
    """A drive, or a host where `controller` is ""."""

    host: str
    controller: str
    model: str
    state: State
    runs: str = ""
    desired: str = ""
    reason: str = ""
    message: str = ""


async def look(hosts: Sequence[Host], models: Mapping[str, Model]) -> list[Finding]:
    """Every drive of every host, in the hosts' order; nothing is changed anywhere."""
    limit = asyncio.Semaphore(HOSTS_AT_ONCE)

    async def one(host: Host) -> list[Finding]:
        async with limit:
            return await _host(host, models)

    return [finding for found in await asyncio.gather(*(one(host) for host in hosts)) for finding in found]


async def _host(host: Host, models: Mapping[str, Model]) -> list[Finding]:
    try:
        async with host.client(CALL_TIMEOUT_S) as client:
            controllers = [one async for one in client.list_controllers() if one.controller_type in ("", "io")]
            return [await _drive(client, host.name, one, models.get(one.model_number)) for one in controllers]
    except NvmedError as failure:
        return [Finding(host.name, "", "", _unknown(failure), **described(failure))]


async def _drive(client: Client, host: str, controller: Controller, model: Model | None) -> Finding:
    if model is None:
        return Finding(host, controller.name, controller.model_number, "not-told", runs=controller.firmware_revision)
    try:
        return await _compared(client, host, controller, model)
    except NvmedError as failure:
        unknown = _unknown(failure)
        return Finding(host, controller.name, model.name, unknown, desired=model.revision, **described(failure))


async def _compared(client: Client, host: str, controller: Controller, model: Model) -> Finding:
    request = firmware_pb2.GetFirmwareSlotsRequest(controller=controller.name)
    slots = await client.firmware.GetFirmwareSlots(request)  # the kernel's own word may be an old one
    due = next((slot.revision for slot in slots.slots if slot.next), slots.running_revision)
    state: State = "differs"
    if due == model.revision or not model.revision:
        state = "as-desired" if slots.running_revision == model.revision or not model.revision else "pending"
    found = Finding(host, controller.name, model.name, state, slots.running_revision, model.revision)
    if not model.has_settings:
        return found
    wanted = desired_pb2.PlanDriveRequest(controller=controller.name, desired=model.message(firmware=False))
    differences = (await client.drives.PlanDrive(wanted)).differences
    if not differences:
        return found
    return replace(found, state="differs", message="; ".join(f"{one.subject}: {one.current}" for one in differences))


def _unknown(failure: NvmedError) -> State:
    return "unreachable" if verdicts.after(failure) is Next.SAME_ID else "failed"


def mending(findings: Sequence[Finding], models: Mapping[str, Model], source: str, select: str) -> str:
    """A shell script of the campaigns that would mend what differs, one for each model; INVALID_FIELD without image.

    A campaign leaves out by itself what runs the revision already.
    """
    differing = [one for one in findings if one.state == "differs" and one.desired and one.runs != one.desired]
    names = sorted({one.model for one in differing})
    missing = [name for name in names if not models[name].image]
    if missing:
        raise invalid_field("desired", f"{missing[0]!r} differs and has no image: there is no campaign that mends it.")
    lines = [
        "#!/bin/sh",
        "# Written by `nvmed-fleet drift`. Each shows its plan and asks before anything happens.",
        "set -e",
    ]
    for name in names:
        model = models[name]
        command = ["nvmed-fleet", "campaign", "run", "--hosts", source, *(["--select", select] if select else [])]
        command += ["--model", name, "--revision", model.revision, "--image", model.image]
        lines.append(f'{shlex.join(command)} "$@"')
    return "\n".join([*lines, ""])
