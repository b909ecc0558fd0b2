"""What a campaign did, from the store alone: failures first, equal results together."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import msgspec
from nvmedctl.hosts import ranges

from nvmed_fleet.plan import LeftOut, Plan
from nvmed_fleet.records import Event, HostRecord, Verdict, counted
from nvmed_fleet.store import Store

ORDER: tuple[Verdict, ...] = ("uncertain", "failed", "unreachable", "pending", "untouched", "done", "current")
"""The order in which results are told."""

SAID: dict[Verdict, str] = {
    "uncertain": "in an unknown state: look at them",
    "failed": "failed",
    "unreachable": "out of reach",
    "pending": "updated at the next reset or reboot",
    "untouched": "not begun",
    "done": "updated",
    "current": "up to date before",
}


@dataclass(frozen=True, slots=True)
class HostResult:
    """How a host ended. `phase` is where it failed; `is_rolled_back`: its drives run the former revision again."""

    host: str
    wave: int
    verdict: Verdict
    phase: str = ""
    reason: str = ""
    message: str = ""
    is_rolled_back: bool = False
    begun: str = ""
    ended: str = ""
    records: tuple[HostRecord, ...] = ()


@dataclass(frozen=True, slots=True)
class Group:
    """Hosts that ended the same."""

    verdict: Verdict
    phase: str
    reason: str
    message: str
    is_rolled_back: bool
    hosts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Report:
    """All of a campaign."""

    campaign: str
    digest: str
    plan: Plan
    state: str
    hosts: tuple[HostResult, ...]
    groups: tuple[Group, ...]
    events: tuple[Event, ...]

    @property
    def failed(self) -> list[str]:
        """The hosts that did not end well."""
        return [host.host for host in self.hosts if host.verdict in ("uncertain", "failed", "unreachable")]

    @property
    def counts(self) -> dict[Verdict, int]:
        """Hosts by verdict, those that there are."""
        return {v: n for v in ORDER if (n := sum(host.verdict == v for host in self.hosts))}


def make(store: Store, campaign: str) -> Report:
    """The report of a campaign, as far as it is. CAMPAIGN_NOT_FOUND if it was never planned."""
    digest = store.plan_of(campaign)
    plan, events = store.plan(digest), store.events(campaign)
    hosts = tuple(
        _result(name, number, store.records_of(campaign, name))
        for number, wave in enumerate(plan.waves, 1)
        for name in wave
    )
    state = events[-1].kind if events else "planned"
    return Report(campaign, digest, plan, state, hosts, tuple(_groups(hosts, plan)), tuple(events))


def _result(host: str, wave: int, found: list[HostRecord]) -> HostResult:
    if not found:
        return HostResult(host, wave, "untouched")
    last = [record for record in found if record.round == found[-1].round]
    bad = next((record for record in last if not record.is_good and record.phase != "rollback"), None)
    result = HostResult(host, wave, "untouched", begun=found[0].begun, ended=found[-1].ended, records=tuple(found))
    if bad is not None:
        is_back = any(record.phase == "rollback" and record.is_good for record in last)
        return replace(
            result,
            verdict=bad.verdict,
            phase=bad.phase,
            reason=bad.reason,
            message=bad.message,
            is_rolled_back=is_back,
        )
    activated = next((record for record in last if record.phase == "activate"), None)
    return replace(result, verdict=activated.verdict) if activated else replace(result, message="staged only")


def _groups(hosts: Iterable[HostResult], plan: Plan) -> list[Group]:
    found: dict[tuple[Verdict, str, str, str, bool], list[str]] = {}
    for host in hosts:
        message = host.message
        for drive in plan.hosts[host.host].drives:
            message = message.replace(drive.controller, "the drive")
        key = (host.verdict, host.phase, host.reason, message, host.is_rolled_back)
        found.setdefault(key, []).append(host.host)
    groups = [Group(*key, tuple(names)) for key, names in found.items()]
    return sorted(groups, key=lambda group: (ORDER.index(group.verdict), -len(group.hosts)))


def as_json(report: Report) -> str:
    """For programs: every host, every drive, every operation."""
    body = {
        "campaign": report.campaign,
        "plan": report.digest,
        "state": report.state,
        "image": report.plan.image,
        "revision": report.plan.options.revision,
        "counts": report.counts,
        "groups": report.groups,
        "hosts": report.hosts,
        "left_out": report.plan.left_out,
        "events": report.events,
    }
    return msgspec.json.format(msgspec.json.encode(body), indent=2).decode()


def as_text(report: Report) -> str:
    """For people."""
    options, plan = report.plan.options, report.plan
    lines = [
        f"Campaign {report.campaign}: {report.state}",
        f"  image {plan.image.name} ({plan.image.sha256[:12]}), revision {options.revision}, mode {options.mode}",
        f"  {len(plan.hosts)} hosts in {len(plan.waves)} waves: "
        + ", ".join(f"{count} {SAID[verdict]}" for verdict, count in report.counts.items()),
        "",
    ]
    for group in report.groups:
        where = f" at {group.phase}" if group.phase else ""
        back = ", rolled back" if group.is_rolled_back else ""
        lines.append(f"{len(group.hosts)} {SAID[group.verdict]}{where}{back}: {ranges(group.hosts)}")
        if group.reason or group.message:
            lines.append(f"    {group.reason}{': ' if group.reason and group.message else ''}{group.message}")
    lines += [*left_out_lines(plan.left_out), "", "What happened:"]
    lines += [f"  {event.time[:19]}Z  wave {event.wave}  {event.kind}: {event.text}" for event in report.events]
    return "\n".join(lines)


def plan_text(plan: Plan) -> str:
    """A plan for people: which hosts in which wave, and what is left out."""
    options = plan.options
    drives = sum(len(host.drives) for host in plan.hosts.values())
    what = f"{counted(drives, 'drive')} of {counted(len(plan.hosts), 'host')}"
    image = f"{plan.image.name} ({plan.image.sha256[:12]}) as {options.revision}"
    lines = [
        f"Campaign {plan.campaign}: {image} for {what}, mode {options.mode}",
        f"  {options.failure_budget} hosts may fail; {options.in_flight} at a time, never two of one failure domain",
        *([f"  soak {options.soak_s:g} s after each wave"] if options.soak_s else []),
        *(["  what fails is rolled back"] if options.rollback_failed else []),
        "  first the image is staged on all hosts, then:",
    ]
    for number, wave in enumerate(plan.waves, 1):
        count = sum(len(plan.hosts[name].drives) for name in wave)
        waits = ", after approval" if number in options.approve_before else ""
        lines.append(f"  wave {number}: {counted(len(wave), 'host')}, {counted(count, 'drive')}{waits}: {ranges(wave)}")
    lines += left_out_lines(plan.left_out)
    return "\n".join(lines)


def left_out_lines(left_out: Iterable[LeftOut]) -> list[str]:
    """Why drives are left out, equal reasons together."""
    found: dict[str, list[LeftOut]] = {}
    for one in left_out:
        found.setdefault(one.why, []).append(one)
    return [
        f"left out, {why}: {counted(len(items), 'drive' if items[0].controller else 'host')} "
        f"of {ranges([item.host for item in items])} ({items[0].detail})"
        for why, items in sorted(found.items())
    ]
