"""What about a controller's PCI Express link is worth telling, given what was told before: no clock and no I/O.

A link is judged by what two looks in a row agree on, so that one that trains anew is not told. Errors that were
corrected are told where there are many between two looks, and again only after an interval with less than half as many;
any that was not corrected is told, once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import msgspec

from nvmed.events.kinds import Kind
from nvmed.nvme.surroundings import Link, LinkErrors, Surroundings


class Told(msgspec.Struct, frozen=True):
    """What was told of a controller, as it is remembered over restarts.

    `speed_mts` and `width` are those of the link that was told as degraded, 0 of one that is good. `nonfatal` and
    `fatal` are how many errors are done with.
    """

    speed_mts: int = 0
    width: int = 0
    nonfatal: int = 0
    fatal: int = 0


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a controller: `told`, and what the look before saw."""

    told: Told = field(default_factory=Told)
    link: Link | None = None
    errors: LinkErrors | None = None
    is_bursting: bool = False


@dataclass(frozen=True, slots=True)
class Judged:
    """What is known now, and what is to be told: events' kinds with their details."""

    known: Known
    link: tuple[Kind, Link] | None = None
    errors: LinkErrors | None = None
    since_before: bool = True
    """Whether `errors` are those since the look before; else it is not known since when."""


def judge(known: Known, now: Surroundings, correctable_max: int) -> Judged:
    """Look at `now`; a burst is `correctable_max` corrected errors between two looks, 0 is never one."""
    told, kind = _judge_link(known, now.link)
    met, told, is_bursting = _judge_errors(replace(known, told=told), now.errors, correctable_max)
    return Judged(
        Known(told, now.link, now.errors, is_bursting),
        (kind, now.link) if kind and now.link else None,
        met,
        since_before=known.errors is not None,
    )


def _judge_link(known: Known, link: Link | None) -> tuple[Told, Kind | None]:
    told = known.told
    if link is None or link != known.link:
        return told, None
    speed, width = (link.speed_mts, link.width) if link.is_degraded else (0, 0)
    if (speed, width) == (told.speed_mts, told.width):
        return told, None
    now = msgspec.structs.replace(told, speed_mts=speed, width=width)
    if not link.is_degraded:
        return now, Kind.LINK_RESTORED
    is_worse = not told.width or speed < told.speed_mts or width < told.width
    return now, Kind.LINK_DEGRADED if is_worse else None


def _judge_errors(known: Known, now: LinkErrors | None, correctable_max: int) -> tuple[LinkErrors | None, Told, bool]:
    """What is to be told, what counts as told from now on, and whether a burst goes on."""
    if now is None:
        return None, known.told, known.is_bursting
    before, told = known.errors, known.told
    corrected = _grown(before.correctable if before else now.correctable, now.correctable)
    count = sum(corrected.values())
    is_burst = bool(correctable_max) and count >= correctable_max
    goes_on = is_burst or (known.is_bursting and count * 2 >= correctable_max)
    grave = {name: sum(getattr(now, name).values()) for name in ("nonfatal", "fatal")}
    is_grave = any(total > getattr(told, name) for name, total in grave.items())
    told = msgspec.structs.replace(told, **grave)
    if not is_grave and (not is_burst or known.is_bursting):
        return None, told, goes_on
    nothing: Mapping[str, int] = {}
    met = LinkErrors(
        corrected,
        _grown(before.nonfatal if before else nothing, now.nonfatal) if is_grave else nothing,
        _grown(before.fatal if before else nothing, now.fatal) if is_grave else nothing,
    )
    return met, told, goes_on


def _grown(before: Mapping[str, int], now: Mapping[str, int]) -> Mapping[str, int]:
    """By how much each counter has grown; one that is lower than before began anew."""
    grown = {
        name: value - before.get(name, 0) if value >= before.get(name, 0) else value for name, value in now.items()
    }
    return {name: value for name, value in grown.items() if value}
