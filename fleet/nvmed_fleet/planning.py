"""Making the plan of a campaign: once, so that the same question again finds the one that there is."""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import Callable
from pathlib import Path

import msgspec
from nvmedctl.hosts import Inventory

from nvmed_fleet import plan as plans
from nvmed_fleet.errors import FleetReason, error
from nvmed_fleet.plan import Image, Options, Plan
from nvmed_fleet.records import now
from nvmed_fleet.store import Store, check_id
from nvmed_fleet.survey import survey


async def prepare(
    store: Store,
    inventory: Inventory,
    image: Path,
    options: Options,
    campaign: str = "",
    progress: Callable[[int], None] | None = None,
) -> tuple[str, Plan]:
    """(id, plan) of the campaign that brings `image` to the hosts of `inventory`.

    Without an id it gets one made of all that is asked for, so that the same command finds its campaign again. Nothing
    is changed on any host. PLAN_EMPTY if no drive is left; the plan is kept all the same, to be looked at.
    """
    plans.check(options)
    digest, size = await asyncio.to_thread(store.put_file, image)
    request = _request(inventory, digest, options)
    name = check_id(campaign) if campaign else _id(options, request)
    if store.request_of(name) == request:
        return name, store.plan(store.plan_of(name))
    if store.request_of(name):
        raise error(FleetReason.CAMPAIGN_EXISTS, f"{name} was planned for something else.", campaign=name)
    surveyed = await survey(inventory.hosts, options, progress)
    made = plans.make(
        name,
        Image(digest, size, image.name),
        options,
        [one.host for one in surveyed],
        [left for one in surveyed for left in one.left_out],
        made=now(),
    )
    if made.hosts:
        store.begin(name, request, store.put_plan(made))
    return name, made


def _request(inventory: Inventory, image: str, options: Options) -> str:
    hosts = [(host.name, host.address, host.domain) for host in inventory.hosts]
    return hashlib.sha256(msgspec.json.encode([hosts, image, options], order="deterministic")).hexdigest()


def _id(options: Options, request: str) -> str:
    revision = re.sub(r"[^A-Za-z0-9._-]", "-", options.revision).lstrip("._-") or "fw"
    return f"{revision}-{request[:8]}"
