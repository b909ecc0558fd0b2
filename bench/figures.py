"""What was measured, round by round: printed as it comes, and written down with the machine that it was measured on."""

from __future__ import annotations

import json
import os
import platform
import statistics
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeVar

import grpc

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Figure:
    """One thing that was measured, in `unit`: `ours` in each round, and `baseline` in the same one if there is such.

    `key` is its name for programs, `line` that of what it was asked for by. What is told is the ratio of each pair, so
    that a machine that changes its speed changes both; without a baseline it is ours.
    """

    key: str
    what: str
    unit: str
    ours: tuple[float, ...]
    against: str = ""
    baseline: tuple[float, ...] = ()
    line: str = ""

    @property
    def values(self) -> tuple[float, ...]:
        """Of each round, the ratio or the figure itself."""
        if not self.baseline:
            return self.ours
        return tuple(ours / baseline for ours, baseline in zip(self.ours, self.baseline, strict=True))

    @property
    def median(self) -> float:
        return statistics.median(self.values)

    @property
    def found(self) -> str:
        """Median and spread, as they are printed: `0.79 (0.75 to 0.83)`, with the unit of what is no ratio."""
        values = self.values
        unit = f" {self.unit}" if self.unit and not self.baseline else ""
        told = f"{number(self.median)}{unit}"
        return told if len(values) == 1 else f"{told} ({number(min(values))} to {number(max(values))})"

    def __str__(self) -> str:
        if not self.baseline:
            return f"{self.what}: {self.found}"
        here = f"{number(statistics.median(self.ours))} and {number(statistics.median(self.baseline))} {self.unit} here"
        return f"{self.what} / {self.against}: {self.found}  [{here}]"


def number(value: float) -> str:
    """Three digits of it, or all before the point."""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def in_turns(rounds: int, *sides: Callable[[], T]) -> tuple[tuple[T, ...], ...]:
    """What each side came to in each round; they take turns, in every other round from the last to the first.

    A round before warms all of them up and is not told.
    """
    taken = []
    for turn in range(rounds + 1):
        order = range(len(sides)) if turn % 2 else reversed(range(len(sides)))
        taken.append({index: sides[index]() for index in order})
    return tuple(tuple(came[index] for came in taken[1:]) for index in range(len(sides)))


def machine() -> dict[str, Any]:
    """What it was measured on, as far as that says something about speed and nothing about whose it is."""
    return {
        "cores": os.cpu_count(),
        "processor": platform.machine(),
        "load": round(os.getloadavg()[0], 1),
        "python": platform.python_version(),
        "grpcio": grpc.__version__,
    }


def write(file: Path, on: dict[str, Any], what: str, rows: Sequence[Any]) -> None:
    """Write JSON: the machine, and under `what` a row for each of the dataclasses, with digits that mean something."""
    lines = ",\n".join(json.dumps(asdict(row), default=str) for row in rows)
    text = f'{{"machine": {json.dumps(on)},\n"{what}": [\n{lines}\n]}}'
    short = json.loads(text, parse_float=lambda told: float(f"{float(told):.4g}"))
    lines = ",\n".join(json.dumps(row) for row in short[what])
    file.write_text(f'{{"machine": {json.dumps(on)},\n"{what}": [\n{lines}\n]}}\n')


def read(file: Path) -> Iterator[Figure]:
    """The figures that `write` wrote."""
    for row in json.loads(file.read_text())["figures"]:
        yield Figure(**row | {side: tuple(row[side]) for side in ("ours", "baseline")})


def say(text: object) -> None:
    """Print it at once, into a file too."""
    print(text, flush=True)
