"""What a curve is made of."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.plot import Axis, Point


@dataclass(frozen=True, slots=True)
class Measured:
    """What was found of one `series` of the picture `name` at `x`, round by round."""

    name: str
    series: str
    x: float
    rounds: Sequence[float]

    @property
    def point(self) -> Point:
        return Point(self.x, statistics.median(self.rounds), min(self.rounds), max(self.rounds))

    def __str__(self) -> str:
        point = self.point
        return f"{self.name}, {self.series} at {self.x:,.0f}: {point.y:.4g} ({point.least:.4g} to {point.most:.4g})"


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture's title and axes."""

    title: str
    x: Axis
    y: Axis


@dataclass(frozen=True, slots=True)
class Curve:
    """Something to measure, in a directory of its own, and the pictures that come of it by name."""

    measure: Callable[[Path], Iterator[Measured]]
    pictures: Mapping[str, Picture]
