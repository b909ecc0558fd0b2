"""The plan of a campaign: which drive of which host in which wave, and why others are left out. Pure.

A plan is made once, whole, before anything happens, and known by the digest of its text from then on.
"""

from __future__ import annotations

import re
import uuid
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from nvmed.errors import NvmedError
from nvmed.reasons import invalid_field

NAMESPACE = uuid.UUID("6e766d65-6466-4c65-a574-63616d706169")
"""Of every id made here: fixed for ever, or campaigns under way would ask drives anew."""

WAVES_MAX = 50

_SIZE = re.compile(r"(?P<number>\d{1,7}(\.\d{1,3})?)(?P<percent>%?)")


@dataclass(frozen=True, slots=True)
class Tls:
    """Files on the worker: references, whose content no plan and no history has."""

    ca: str
    certificate: str = ""
    key: str = ""
    server_name: str = ""


@dataclass(frozen=True, slots=True)
class Drive:
    """A drive that gets the image. `revision` ran when the plan was made."""

    controller: str
    serial: str
    model: str
    revision: str


@dataclass(frozen=True, slots=True)
class PlannedHost:
    """A host with something to do."""

    name: str
    address: str
    domain: str
    drives: tuple[Drive, ...]
    tls: Tls | None = None


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A drive, or a whole host where `controller` is "", that the campaign does not touch; `why` is a word."""

    host: str
    controller: str
    why: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Image:
    """The image: kept in the store by its digest. `name` is what its file was called."""

    sha256: str
    size_bytes: int
    name: str = ""


@dataclass(frozen=True, slots=True)
class Options:
    """How a campaign goes. `approve_before` are numbers of waves; durations are in seconds.

    `failure_budget` is how many hosts may fail: hosts in flight count as failed, so it is never exceeded.
    """

    revision: str
    model: str = ""
    from_revision: str = ""
    mode: str = "controller-reset"
    slot: int | None = None
    overrides: tuple[str, ...] = ()
    waves: tuple[str, ...] = ("1", "1%", "5%", "25%", "rest")
    failure_budget: int = 3
    in_flight: int = 10
    stage_in_flight: int = 50
    soak_s: float = 0.0
    approve_before: tuple[int, ...] = ()
    drain: tuple[str, ...] = ()
    undrain: tuple[str, ...] = ()
    hook_timeout_s: float = 900.0
    gates: tuple[str, ...] = ()
    prometheus: str = ""
    rollback_failed: bool = False
    unreachable_after_s: float = 300.0


@dataclass(frozen=True, slots=True)
class Plan:
    """A whole campaign. `waves` are names of hosts, in the order in which they begin."""

    campaign: str
    image: Image
    options: Options
    hosts: Mapping[str, PlannedHost]
    waves: tuple[tuple[str, ...], ...]
    left_out: tuple[LeftOut, ...] = ()
    made: str = ""
    """When, in RFC 3339."""

    def domains(self, names: Sequence[str]) -> tuple[tuple[str, str], ...]:
        """(host, failure domain) of each."""
        return tuple((name, self.hosts[name].domain) for name in names)


@dataclass(frozen=True, slots=True)
class Size:
    """Size of a wave: a count of hosts, a percentage of all, or the rest (both None)."""

    count: int | None = None
    percent: float | None = None

    def of(self, total: int, left: int) -> int:
        """How many hosts that is when `left` of `total` are not in a wave yet; a percentage is rounded up."""
        if self.count is not None:
            return min(self.count, left)
        if self.percent is not None:
            return min(-int(-total * self.percent // 100), left)
        return left


def parse_waves(texts: Sequence[str]) -> tuple[Size, ...]:
    """What `1,1%,5%,rest` says; INVALID_FIELD names the wave that cannot be."""
    if not 0 < len(texts) <= WAVES_MAX:
        raise _wrong(f"{len(texts)} waves; there must be 1 to {WAVES_MAX}.")
    return tuple(_size(text.strip(), last=number == len(texts)) for number, text in enumerate(texts, 1))


def _size(text: str, *, last: bool) -> Size:
    if text == "rest":
        if not last:
            raise _wrong("`rest` leaves nothing to the waves behind it; put it last.")
        return Size()
    match = _SIZE.fullmatch(text)
    if match is None or float(match["number"]) <= 0:
        raise _wrong(f"{text!r} is no size of a wave; give a number of hosts, a percentage such as 5%, or rest.")
    if match["percent"]:
        if float(match["number"]) > 100:
            raise _wrong(f"{text} is more than there is; 100% at most.")
        return Size(percent=float(match["number"]))
    if "." in match["number"]:
        raise _wrong(f"{text} is no whole number of hosts.")
    return Size(count=int(match["number"]))


def split(hosts: Sequence[PlannedHost], sizes: Sequence[Size]) -> tuple[tuple[str, ...], ...]:
    """The waves: every host once, none empty. INVALID_FIELD if the sizes leave hosts over.

    Hosts of a failure domain stand as far apart as can be, so that those beside each other may be in flight together.
    """
    order = _spread(hosts)
    waves: list[tuple[str, ...]] = []
    at = 0
    for size in sizes:
        count = size.of(len(order), len(order) - at)
        if count:
            waves.append(tuple(order[at : at + count]))
        at += count
    if at < len(order):
        raise _wrong(f"they hold {at} of {len(order)} hosts; end with `rest`.")
    return tuple(waves)


def _spread(hosts: Sequence[PlannedHost]) -> list[str]:
    """One host of each domain in turn, the largest domain first."""
    domains: dict[str, deque[str]] = {}
    for host in sorted(hosts, key=lambda host: host.name):
        domains.setdefault(host.domain, deque()).append(host.name)
    queues = sorted(domains.values(), key=len, reverse=True)
    order = []
    while queues:
        order += [queue.popleft() for queue in queues]
        queues = [queue for queue in queues if queue]
    return order


def check(options: Options) -> None:
    """Raise INVALID_FIELD for options that cannot be, before any host is asked."""
    limits: tuple[tuple[str, float, float, float], ...] = (
        ("failure-budget", options.failure_budget, 1, 100_000),
        ("in-flight", options.in_flight, 1, 1000),
        ("stage-in-flight", options.stage_in_flight, 1, 1000),
        ("soak", options.soak_s, 0, 90 * 86400),
        ("unreachable-after", options.unreachable_after_s, 1, 86400),
        ("hook-timeout", options.hook_timeout_s, 1, 86400),
    )
    for name, value, least, most in limits:
        if not least <= value <= most:
            raise invalid_field(name, f"must be {least:g} to {most:g}, not {value:g}.")
    if not 0 < len(options.revision) <= 8 or not options.revision.isascii():
        raise invalid_field("revision", f"has 1 to 8 ASCII characters, not {options.revision!r}.")
    if options.gates and not options.prometheus:
        raise invalid_field("gate", "needs --prometheus, the URL of the server that answers it.")
    if options.prometheus and not options.prometheus.startswith(("http://", "https://")):
        raise invalid_field("prometheus", f"must be an http or https URL, not {options.prometheus!r}.")
    parse_waves(options.waves)


def check_approvals(options: Options, waves: int) -> None:
    """Raise INVALID_FIELD where an approval is asked before a wave that there is not."""
    for number in options.approve_before:
        if not 1 <= number <= waves:
            raise invalid_field("approve-before", f"there are {waves} waves: {number} is none of them.")


def make(
    campaign: str,
    image: Image,
    options: Options,
    hosts: Sequence[PlannedHost],
    left_out: Sequence[LeftOut] = (),
    made: str = "",
) -> Plan:
    """The plan for `hosts`; those without drives are not in any wave."""
    check(options)
    busy = [host for host in hosts if host.drives]
    waves = split(busy, parse_waves(options.waves))
    check_approvals(options, len(waves))
    return Plan(campaign, image, options, {host.name: host for host in busy}, waves, tuple(left_out), made)


def request_id(campaign: str, host: str, drive: str, step: str, generation: str) -> str:
    """The id under which a daemon is asked for a step: the same question always has the same one."""
    return str(uuid.uuid5(NAMESPACE, "\0".join((campaign, host, drive, step, generation))))


def _wrong(what: str) -> NvmedError:
    return invalid_field("waves", what)


@dataclass(slots=True)
class Flight:
    """The hosts of a wave: which may begin, so that neither budget nor failure domain is ever overstepped.

    `pending` are (host, failure domain) in order; `failed` counts the hosts that failed, in this wave and before.
    """

    pending: list[tuple[str, str]]
    limit: int
    budget: int
    failed: int = 0
    in_flight: dict[str, str] = field(default_factory=dict)

    def next(self) -> str | None:
        """A host that may begin now, which counts as in flight from then on; None if none may."""
        if len(self.in_flight) >= self.limit or self.failed + len(self.in_flight) >= self.budget:
            return None
        busy = set(self.in_flight.values())
        for at, (name, domain) in enumerate(self.pending):
            if domain not in busy:
                del self.pending[at]
                self.in_flight[name] = domain
                return name
        return None

    def landed(self, name: str, *, failed: bool) -> None:
        """The host is done."""
        del self.in_flight[name]
        self.failed += failed

    @property
    def exhausted(self) -> bool:
        """Whether so many failed that no other may begin."""
        return self.failed >= self.budget
