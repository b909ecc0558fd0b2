"""Draw docs/dashboard.svg, from what a real Prometheus scraped: `python -m scripts.draw_dashboard`.

It is Grafana's job to show the dashboard; this shows what is to be seen there, by the same queries, in a picture that
can be made again in three minutes. A daemon with two simulated drives is scraped over mutual TLS by the recipe of
docs/prometheus.md, while one of the drives gets hot, wears out and has errors on its link. Needs what
`tests/docs/tools` unpacks.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from tests.support.monitoring import ROOT, panels, tool
from tests.support.prometheus import Prometheus, prepare, running
from tests.support.simulated_host import Host, serving

TARGET: Final = ROOT / "docs/dashboard.svg"
SHOWN: Final = ("Temperature", "Life that is used", "Spare that is left", "Errors of data", "Errors of links", "Calls")
"""Panels, by their titles, three in a row."""

CHOSEN: Final = {"$instance": ".*", "$controller": ".*", "$__rate_interval": "15s"}
SECONDS: Final = 150
STORY: Final = {
    30: ("temperature", "celsius=74"),
    50: ("aer", "severity=correctable", "error=RxErr", "errors=40"),
    70: ("wear", "percentage_used=93", "available_spare=12"),
    90: ("media-errors", "errors=3"),
}
"""What begins to be wrong with the first drive, after so many seconds."""

WIDTH, HEIGHT, GAP, LEFT = 320, 190, 10, 46
COLOURS: Final = ("#3274d9", "#e0752d", "#37872d", "#8f3bb8")
UNITS: Final = {"percentunit": (100, " %"), "celsius": (1, " °C"), "reqps": (1, "/s")}
"""By Grafana's names: what a value is multiplied by, and what stands behind it."""

Points = Sequence[tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Panel:
    """One as it is drawn: each line by its legend."""

    title: str
    unit: str
    lines: Mapping[str, Points]


def legend(form: str, labels: Mapping[str, str]) -> str:
    """A line's name as Grafana makes it of its form, without the host: there is one."""
    for name, value in {**labels, "instance": ""}.items():
        form = form.replace("{{" + name + "}}", value)
    return form.strip()


def asked(prometheus: Prometheus, began: float, ended: float) -> Iterator[Panel]:
    """The panels that are shown, with what Prometheus says."""
    by_title = {panel["title"]: panel for panel in panels()}
    for panel in (by_title[title] for title in SHOWN):
        lines: dict[str, Points] = {}
        for target in panel["targets"]:
            query = target["expr"]
            for name, value in CHOSEN.items():
                query = query.replace(name, value)
            found = prometheus.ask("query_range", query=query, start=str(began), end=str(ended), step="1")["result"]
            for one in found:
                points = [(at - began, float(value)) for at, value in one["values"] if value != "NaN"]
                lines[legend(target["legendFormat"], one["metric"])] = points
        yield Panel(panel["title"], panel["fieldConfig"]["defaults"]["unit"], lines)


def drawn(panel: Panel, x: int, y: int) -> Iterator[str]:
    """One panel at a place: a title, three values on the left, lines, and their legends."""
    factor, unit = UNITS.get(panel.unit, (1, ""))
    shown = [line for line in panel.lines.items() if line[1]][: len(COLOURS)]
    top = max((value * factor for _, points in shown for _, value in points), default=0) * 1.1 or 1
    bottom, plot_top = HEIGHT - 26 - 12 * len(shown), 30
    yield f'<g transform="translate({x},{y})"><rect width="{WIDTH}" height="{HEIGHT}" rx="3" class="panel"/>'
    yield f'<text x="10" y="18" class="title">{escape(panel.title)}</text>'
    for part in (0, 0.5, 1):
        at = bottom - part * (bottom - plot_top)
        yield f'<path d="M{LEFT} {at:.1f}H{WIDTH - 10}" class="grid"/>'
        yield f'<text x="{LEFT - 4}" y="{at + 3:.1f}" class="value">{part * top:.3g}{unit}</text>'
    for (name, points), colour, row in zip(shown, COLOURS, range(len(shown)), strict=False):
        path = " ".join(
            f"{LEFT + at / SECONDS * (WIDTH - LEFT - 10):.1f},{bottom - value * factor / top * (bottom - plot_top):.1f}"
            for at, value in points
        )
        yield f'<polyline points="{path}" stroke="{colour}" class="line"/>'
        at = bottom + 18 + 12 * row
        yield f'<rect x="{LEFT}" y="{at - 6}" width="10" height="3" fill="{colour}"/>'
        yield f'<text x="{LEFT + 15}" y="{at}" class="legend">{escape(name)}</text>'
    yield "</g>"


STYLE: Final = (
    ".panel{fill:#fff;stroke:#d5d9de}.title{font:600 12px sans-serif;fill:#24292e}.grid{stroke:#e9ecef}"
    ".value{font:9px sans-serif;fill:#6a737d;text-anchor:end}.legend{font:9px sans-serif;fill:#444}"
    ".line{fill:none;stroke-width:1.5}"
)


def picture(shown: Sequence[Panel]) -> str:
    """All of them as SVG."""
    rows = -(-len(shown) // 3)
    width, height = 3 * (WIDTH + GAP) + GAP, rows * (HEIGHT + GAP) + GAP
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}">',
        f"<title>Panels of nvmed.dashboard.json, drawn by scripts/draw_dashboard.py</title><style>{STYLE}</style>",
        f'<rect width="{width}" height="{height}" fill="#f4f5f7"/>',
    ]
    for number, panel in enumerate(shown):
        row, column = divmod(number, 3)
        parts += drawn(panel, GAP + column * (WIDTH + GAP), GAP + row * (HEIGHT + GAP))
    return "\n".join([*parts, "</svg>", ""])


def live(host: Host, prometheus: Prometheus) -> tuple[float, float]:
    """Let happen what is told; returns when it began and ended, in seconds since the epoch."""
    prometheus.until(lambda: prometheus.values("nvmed_drive_used_ratio"))
    began = time.time()
    address = f"unix:{host.socket()}"
    for second in range(SECONDS):
        if second in STORY:
            kind, *fields = STORY[second]
            words = ["simulator", "fault", "add", kind, "controller=nvme0", *fields, "--address", address]
            subprocess.run([sys.executable, "-m", "nvmed", *words], check=True, stdout=subprocess.DEVNULL)
        elif second % 5 == 0:
            words = ["logs", "smart", "nvme0", "nvme1", "--address", address]
            subprocess.run([sys.executable, "-m", "nvmedctl", *words], check=True, stdout=subprocess.DEVNULL)
        time.sleep(max(0.0, began + second + 1 - time.time()))
    return began, time.time()


def main() -> None:
    """Draw it."""
    with TemporaryDirectory(prefix="nvmed-dashboard-", dir="/tmp") as folder, serving(Path(folder)) as host:
        prepare(host)
        with running(tool("prometheus"), host) as prometheus:
            began, ended = live(host, prometheus)
            TARGET.write_text(picture(list(asked(prometheus, began, ended))), encoding="utf-8")


if __name__ == "__main__":
    main()
