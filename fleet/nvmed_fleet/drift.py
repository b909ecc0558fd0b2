"""What drives should be, against what they are: read-only. Knows nothing of an engine.

A file of desired state, in TOML; a model is what Identify says, without padding::

    [[model]]
    name = "SAMSUNG MZQL23T8HCLS-00A07"
    revision = "GDC7602Q"
    image = "images/GDC7602Q.bin"     # only for the campaign that mends it; relative to the file

    [[model]]
    name = "..."
"""

from __future__ import annotations

import asyncio
import shlex
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import msgspec
from nvmedctl.client import Client
from nvmedctl.hosts import Host

from nvmed.errors import NvmedError
from nvmed.reasons import invalid_field
from nvmed.v1 import firmware_pb2
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


class Model(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What every drive of a model should be."""

    name: str
    revision: str
    image: str = ""


class Desired(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The file."""

    model: tuple[Model, ...] = ()


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


def load(path: Path) -> dict[str, Model]:
    """The models of a file, images by their whole path; INVALID_FIELD says where it is wrong, `OSError`."""
    try:
        found = msgspec.convert(tomllib.loads(path.read_text()), Desired)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as failure:
        raise invalid_field("desired", f"{path} is no TOML: {failure}.") from None
    except msgspec.ValidationError as failure:
        raise invalid_field("desired", f"{path}: {failure}.") from None
    if not found.model:
        raise invalid_field("desired", f"{path} names no model.")
    models: dict[str, Model] = {}
    for number, model in enumerate(found.model, 1):
        where = f"{path}: model {number}"
        if not 0 < len(model.name) <= 40 or model.name != model.name.strip():
            raise invalid_field("desired", f"{where}: name has 1 to 40 characters and no blanks around it.")
        if not 0 < len(model.revision) <= 8 or not model.revision.isascii():
            raise invalid_field("desired", f"{where}: revision has 1 to 8 ASCII characters, not {model.revision!r}.")
        if model.name in models:
            raise invalid_field("desired", f"{where}: {model.name!r} is told twice.")
        image = str((path.parent / model.image).absolute()) if model.image else ""
        models[model.name] = msgspec.structs.replace(model, image=image)
    return models


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
    request = firmware_pb2.GetFirmwareSlotsRequest(controller=controller.name)
    try:
        slots = await client.firmware.GetFirmwareSlots(request)  # the kernel's own word may be an old one
    except NvmedError as failure:
        unknown = _unknown(failure)
        return Finding(host, controller.name, model.name, unknown, desired=model.revision, **described(failure))
    due = next((slot.revision for slot in slots.slots if slot.next), slots.running_revision)
    state: State = "differs"
    if due == model.revision:
        state = "as-desired" if slots.running_revision == model.revision else "pending"
    return Finding(host, controller.name, model.name, state, slots.running_revision, model.revision)


def _unknown(failure: NvmedError) -> State:
    return "unreachable" if verdicts.after(failure) is Next.SAME_ID else "failed"


def mending(findings: Sequence[Finding], models: Mapping[str, Model], source: str, select: str) -> str:
    """A shell script of the campaigns that would mend what differs, one for each model; INVALID_FIELD without image.

    A campaign leaves out by itself what runs the revision already.
    """
    names = sorted({finding.model for finding in findings if finding.state == "differs"})
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
