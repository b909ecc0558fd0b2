"""The report as one page of HTML that needs nothing else: no script, no font, no network."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from html import escape

from nvmedctl.hosts import ranges

from nvmed_fleet.records import Asked, HostRecord, Verdict
from nvmed_fleet.report import ORDER, SAID, Group, HostResult, Report

COLOURS: dict[Verdict, str] = {
    "uncertain": "#8e44ad",
    "failed": "#c0392b",
    "unreachable": "#d35400",
    "pending": "#2980b9",
    "untouched": "#bdc3c7",
    "done": "#27ae60",
    "current": "#7fb98f",
}

TIMELINE_ROWS_MAX = 300
"""Hosts with a row of their own; of more, those that did not end well go first."""

ROW_PX, WIDTH_PX, NAMES_PX = 14, 900, 140

STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; color: #222; background: #fff; max-width: 1080px; margin: 2em auto;
  padding: 0 1em }
h1 { font-size: 1.5em; margin-bottom: 0 } h2 { font-size: 1.15em; margin-top: 2em }
table { border-collapse: collapse; width: 100% }
th, td { text-align: left; vertical-align: top; padding: .35em .8em .35em 0; border-bottom: 1px solid #e5e5e5 }
th { color: #666; font-weight: 600; font-size: .85em }
.bar { display: flex; height: 18px; border-radius: 3px; overflow: hidden; background: #eee; min-width: 300px }
.dot { display: inline-block; width: .7em; height: .7em; border-radius: 50%; margin-right: .4em }
.note { color: #666 } code { font-size: .9em; overflow-wrap: anywhere } svg { display: block; max-width: 100% }
summary { cursor: pointer } td.number { text-align: right }
"""


def as_html(report: Report) -> str:
    """The page."""
    plan, options = report.plan, report.plan.options
    title = f"{report.campaign}: {report.state}"
    about = f"{plan.image.name} as revision {options.revision} for {len(plan.hosts)} hosts, mode {options.mode}"
    parts = [
        "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content='width=device-width'>",
        f"<title>{escape(title)}</title><style>{STYLE}</style>",
        f"<h1>{escape(title)}</h1>",
        f"<p class=note>{escape(about)}; planned {escape(plan.made)}",
        f"<br><code>image {escape(plan.image.sha256)}</code></p>",
        _bar(report.hosts),
        "<p>" + " ".join(f"{_dot(v)}{n} {escape(SAID[v])}" for v, n in report.counts.items()) + "</p>",
        *_groups(report.groups),
        *_waves(report),
        *_timeline(report.hosts),
        *_left_out(report),
        *_events(report),
        *_hosts(report.hosts),
    ]
    return "\n".join(parts)


def _dot(verdict: Verdict) -> str:
    return f"<span class=dot style='background:{COLOURS[verdict]}'></span>"


def _bar(hosts: Sequence[HostResult]) -> str:
    """Shares of results, as one line."""
    parts = [(v, sum(host.verdict == v for host in hosts)) for v in ORDER]
    cells = (
        f"<div style='flex:{n};background:{COLOURS[v]}' title='{n} {escape(SAID[v])}'></div>" for v, n in parts if n
    )
    return f"<div class=bar>{''.join(cells)}</div>"


def _row(*cells: str) -> str:
    """A row of a table; the cells are HTML."""
    return f"<tr><td>{'<td>'.join(cells)}</tr>"


def _groups(groups: Sequence[Group]) -> Iterator[str]:
    yield "<h2>Results</h2><table><tr><th>Result<th>Hosts<th>Which<th>Why</tr>"
    for group in groups:
        where = f" at {escape(group.phase)}" if group.phase else ""
        back = "<br><span class=note>rolled back</span>" if group.is_rolled_back else ""
        why = f"<code>{escape(group.reason)}</code><br>" if group.reason else ""
        result = f"{_dot(group.verdict)}{escape(SAID[group.verdict])}{where}{back}"
        yield _row(result, str(len(group.hosts)), escape(ranges(group.hosts)), why + escape(group.message))
    yield "</table>"


def _waves(report: Report) -> Iterator[str]:
    yield "<h2>Waves</h2><table><tr><th>Wave<th>Hosts<th>Began<th>Ended<th style='width:50%'>Results</tr>"
    for number, _ in enumerate(report.plan.waves, 1):
        hosts = [host for host in report.hosts if host.wave == number]
        spans = [span for host in hosts for span in _spans(host) if span.phase != "stage"]
        began, ended = min((s.begun for s in spans), default=""), max((s.ended for s in spans), default="")
        yield _row(str(number), str(len(hosts)), escape(began[:19]), escape(ended[:19]), _bar(hosts))
    yield "</table>"


def _spans(host: HostResult) -> list[HostRecord]:
    return [record for record in host.records if record.begun and record.ended]


PHASE_COLOURS = {
    "stage": "#a9cce3",
    "drain": "#f9e79f",
    "activate": "#27ae60",
    "verify": "#82e0aa",
    "rollback": "#e59866",
    "undrain": "#f9e79f",
    "soak": "#aed6f1",
}
BAD_COLOUR = COLOURS["failed"]


def _timeline(hosts: Sequence[HostResult]) -> Iterator[str]:
    """When each host was worked on, as a picture: a row for each, a block for each phase."""
    worked = sorted((host for host in hosts if _spans(host)), key=lambda host: ORDER.index(host.verdict))
    shown = sorted(worked[:TIMELINE_ROWS_MAX], key=lambda host: (host.wave, _first_update(host)))
    if not shown:
        return
    times = [moment for host in shown for span in _spans(host) for moment in (_at(span.begun), _at(span.ended))]
    first, length = min(times), max(max(times) - min(times), 0.001)
    height = ROW_PX * (len(shown) + 1)
    more = f"; {len(worked) - len(shown)} more went well" if len(worked) > len(shown) else ""
    legend = " ".join(
        f"<span class=dot style='background:{colour}'></span>{name}"
        for name, colour in (*PHASE_COLOURS.items(), ("failed", BAD_COLOUR))
        if name != "undrain"
    )
    yield f"<h2>Timeline</h2><p class=note>{_length(length)} in all{more}. {legend}</p>"
    yield f"<svg width={NAMES_PX + WIDTH_PX} height={height} viewBox='0 0 {NAMES_PX + WIDTH_PX} {height}' font-size=10>"
    for row, host in enumerate(shown):
        y = row * ROW_PX
        yield f"<text x=0 y={y + 10}>{escape(host.host[:22])} <tspan fill='#999'>w{host.wave}</tspan></text>"
        for span in _spans(host):
            x = NAMES_PX + (_at(span.begun) - first) / length * WIDTH_PX
            width = max((_at(span.ended) - _at(span.begun)) / length * WIDTH_PX, 1.5)
            colour = PHASE_COLOURS.get(span.phase, "#999") if span.is_good else BAD_COLOUR
            said = escape(f"{host.host} {span.phase}: {span.verdict} {span.message}", quote=True)
            place = f"x={x:.1f} y={y + 2} width={width:.1f} height={ROW_PX - 4}"
            yield f"<rect {place} fill='{colour}'><title>{said}</title></rect>"
    yield "</svg>"


def _first_update(host: HostResult) -> str:
    return next((record.begun for record in host.records if record.phase != "stage"), "~")


def _at(time: str) -> float:
    return datetime.fromisoformat(time).timestamp()


def _length(seconds: float) -> str:
    for unit, size in (("days", 86400), ("hours", 3600), ("minutes", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.1f} seconds"


def _left_out(report: Report) -> Iterator[str]:
    if not report.plan.left_out:
        return
    yield "<h2>Left out of the plan</h2><table><tr><th>Host<th>Drive<th>Why</tr>"
    for left in report.plan.left_out:
        detail = f": {escape(left.detail)}" if left.detail else ""
        why = f"<code>{escape(left.why)}</code>{detail}"
        yield _row(escape(left.host), escape(left.controller or "all"), why)
    yield "</table>"


def _events(report: Report) -> Iterator[str]:
    yield "<h2>What happened</h2><table><tr><th>When<th>Wave<th>What</tr>"
    for event in report.events:
        said = f"{event.kind}: {event.text}" if event.text else event.kind
        yield _row(escape(event.time[:19]), str(event.wave), escape(said))
    yield "</table>"


def _hosts(hosts: Sequence[HostResult]) -> Iterator[str]:
    yield "<h2>Every host</h2>"
    for host in sorted(hosts, key=lambda host: ORDER.index(host.verdict)):
        if not host.records:
            continue
        yield f"<details><summary>{_dot(host.verdict)}{escape(host.host)}: {escape(SAID[host.verdict])}</summary>"
        yield "<table><tr><th>Phase<th>Drive<th>Result<th>Ran<th>Runs<th>Operation<th>When</tr>"
        for record in host.records:
            yield from _record_rows(record)
        yield "</table></details>"


def _record_rows(record: HostRecord) -> Iterator[str]:
    phase = escape(f"{record.phase} (round {record.round})" if record.round else record.phase)
    when = escape(record.ended[:19])
    if not record.drives:
        result = f"{escape(record.verdict)} {escape(record.reason)}<br>{escape(record.message)}"
        yield _row(phase, "-", result, "", "", "", when)
    for drive in record.drives:
        why = f"<br><span class=note>{escape(drive.reason)} {escape(drive.message)}</span>" if drive.reason else ""
        asked = "<br>".join(_asked(one) for one in drive.asked)
        result = f"{escape(drive.verdict)}{why}"
        yield _row(phase, escape(drive.serial), result, escape(drive.before), escape(drive.after), asked, when)


def _asked(asked: Asked) -> str:
    settled = " settled by asking the drive" if asked.settled else ""
    return f"<code>{escape(asked.operation or asked.request_id)}</code>{settled}"
