"""A curve as a picture: a small SVG, on white, so that it is read in light and dark alike."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape

WIDTH, HEIGHT = 720, 400
LEFT, RIGHT, TOP, BOTTOM = 70, 30, 72, 56
COLOURS = ("#3274d9", "#e0752d", "#37872d", "#8f3bb8")
STYLE = (
    "text{font:12px system-ui,sans-serif;fill:#444}.title{font-size:15px;font-weight:600;fill:#1b2733}"
    ".grid{stroke:#e3e7eb}.spread{stroke-width:1.2;opacity:.45}.line{fill:none;stroke-width:2}"
)
STEPS = (1.0, 2.0, 5.0)


@dataclass(frozen=True, slots=True)
class Point:
    """What was found at `x`: the median, the least and the most."""

    x: float
    y: float
    least: float
    most: float


@dataclass(frozen=True, slots=True)
class Axis:
    """What an axis shows: `name` with its unit, whether by powers; `is_binary` counts in powers of two, as sizes do."""

    name: str
    is_log: bool = False
    is_binary: bool = False


@dataclass(frozen=True, slots=True)
class Scale:
    """Maps values to positions between `begin` and `end`."""

    low: float
    high: float
    begin: float
    end: float
    is_log: bool

    def at(self, value: float) -> float:
        low, high, here = (math.log(one) if self.is_log else one for one in (self.low, self.high, value))
        return self.begin + (self.end - self.begin) * (here - low) / (high - low)


def ticks(axis: Axis, low: float, high: float) -> list[float]:
    """Values from at most `low` to at least `high` that are easily read, some eight at most."""
    if axis.is_log and axis.is_binary:
        least, most = math.floor(math.log2(low)), math.ceil(math.log2(high))
        return [2.0**power for power in range(least, most + 1, max(1, (most - least) // 8))]
    if axis.is_log:
        powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
        steps = STEPS if len(powers) <= 3 else (1,)
        marks = [step * 10.0**power for power in powers for step in steps]
        first = max((mark for mark in marks if mark <= low), default=marks[0])
        last = min((mark for mark in marks if mark >= high), default=marks[-1])
        return [mark for mark in marks if first <= mark <= last]
    wide = high / 6
    step = min((size * 10.0 ** math.floor(math.log10(wide)) for size in (*STEPS, 10)), key=lambda one: abs(one - wide))
    return [step * count for count in range(math.ceil(high / step) + 1)]


def shown(value: float, axis: Axis) -> str:
    """A mark beside an axis: short."""
    if axis.is_binary:
        for unit, name in ((1 << 30, " GiB"), (1 << 20, " MiB"), (1 << 10, " KiB")):
            if value >= unit:
                return f"{value / unit:g}{name}"
    return f"{value:,.10g}"


def _scale(axis: Axis, values: Sequence[float], begin: float, end: float) -> tuple[Scale, list[float]]:
    marks = ticks(axis, min(values), max(values))
    low = min(marks[0], *values)
    high = max(marks[-1], *values, low * 1.01)  # of what is all the same, too
    return Scale(low, high, begin, end, axis.is_log), marks


def _grid(x: Axis, y: Axis, across: tuple[Scale, list[float]], up: tuple[Scale, list[float]]) -> Iterable[str]:
    bottom = HEIGHT - BOTTOM
    for mark in across[1]:
        at = across[0].at(mark)
        yield f'<path class="grid" d="M{at:.1f},{TOP}V{bottom}"/>'
        yield f'<text x="{at:.1f}" y="{bottom + 18}" text-anchor="middle">{shown(mark, x)}</text>'
    for mark in up[1]:
        at = up[0].at(mark)
        yield f'<path class="grid" d="M{LEFT},{at:.1f}H{WIDTH - RIGHT}"/>'
        yield f'<text x="{LEFT - 8}" y="{at + 4:.1f}" text-anchor="end">{shown(mark, y)}</text>'
    yield f'<text x="{(LEFT + WIDTH) / 2:.0f}" y="{HEIGHT - 14}" text-anchor="middle">{escape(x.name)}</text>'
    yield f'<text x="{LEFT - 54}" y="{TOP - 20}">{escape(y.name)}</text>'


def _series(points: Sequence[Point], colour: str, across: Scale, up: Scale) -> Iterable[str]:
    places = [(across.at(point.x), up.at(point.y), point) for point in points]
    for x, _, point in places:
        yield f'<path class="spread" stroke="{colour}" d="M{x:.1f},{up.at(point.least):.1f}V{up.at(point.most):.1f}"/>'
    way = "L".join(f"{x:.1f},{y:.1f}" for x, y, _ in places)
    yield f'<path class="line" stroke="{colour}" d="M{way}"/>'
    for x, y, _ in places:
        yield f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>'


def _legend(names: Iterable[str]) -> Iterable[str]:
    at = LEFT + 130.0
    for name, colour in zip(names, COLOURS, strict=False):
        yield f'<path class="line" stroke="{colour}" d="M{at:.0f},{TOP - 24}h20"/>'
        yield f'<text x="{at + 26:.0f}" y="{TOP - 20}">{escape(name)}</text>'
        at += 46 + 6.4 * len(name)


def svg(title: str, x: Axis, y: Axis, series: Mapping[str, Sequence[Point]]) -> str:
    """The picture; bars are from the least to the most of the rounds."""
    points = [point for each in series.values() for point in each]
    across = _scale(x, [point.x for point in points], LEFT, WIDTH - RIGHT)
    up = _scale(y, [one for point in points for one in (point.least, point.most)], HEIGHT - BOTTOM, TOP)
    drawn = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-labelledby="title">',
        f'<title id="title">{escape(title)}</title>',
        f"<style>{STYLE}</style>",
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>',
        f'<text class="title" x="16" y="26">{escape(title)}</text>',
        *_grid(x, y, across, up),
        *_legend(series),
    ]
    for each, colour in zip(series.values(), COLOURS, strict=False):
        drawn += _series(each, colour, across[0], up[0])
    return "\n".join([*drawn, "</svg>", ""])
