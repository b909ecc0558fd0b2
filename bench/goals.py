"""What speed and memory are meant to be: the one table of it, and what was found beside."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from bench.figures import Figure


@dataclass(frozen=True, slots=True)
class Goal:
    """`figure`, of `line`, is to be at most `bound`, or at least; in `unit` if it is no ratio."""

    measure: str
    line: str
    figure: str
    bound: float
    unit: str = ""
    is_least: bool = False

    @property
    def told(self) -> str:
        return f"{'at least ' if self.is_least else ''}{self.bound:g}{self.unit and ' '}{self.unit}"

    def is_met(self, found: Figure) -> bool:
        """By the median of its rounds."""
        return found.median >= self.bound if self.is_least else found.median <= self.bound


GOALS = (
    Goal("daemon's processor time per GiB streamed, with SHA-256, of a bare server's", "stream",
         "stream-default-cpu-sha256", 2.0),
    Goal("the same without a digest", "stream", "stream-default-cpu-none", 1.3),
    Goal("stream's speed without a digest, of a bare one's", "stream", "stream-default-none", 0.85, is_least=True),
    Goal("upload's time, of a bare one's with the same promises", "upload", "upload-memory-same", 1.3),
    Goal("24 drives staged to one, to the bare threads' ratio", "stage", "stage", 1.1),
    Goal("event to 1,000 watchers, to bare messages", "events", "events-1000", 1.3),
    Goal("start to serving, to a bare grpc.aio server", "serve", "start", 3),
    Goal("idle with 64 drives", "serve", "idle", 0.3, "% of a core"),
    Goal("memory with 64 drives", "serve", "idle-memory", 90, "MiB"),
    Goal("small call's p99 beside 8 heavy streams, to idle", "hostile", "small-calls", 4),
    Goal("a scrape of 64 drives, all in another state", "scrape", "scrape", 50, "ms of a processor"),
    Goal("decoding 64 MiB of telemetry", "decode", "decode", 50, "MiB/s of a processor", is_least=True),
)  # fmt: skip

LINES = list(dict.fromkeys(goal.line for goal in GOALS))
"""The lines that have goals."""


def table(found: Iterable[Figure]) -> str:
    """Goals beside figures, as a table of Markdown; a goal whose figure is not there was not measured."""
    figures = {figure.key: figure for figure in found}
    rows = ["| measure | goal | found | | line |", "|---|---|---|---|---|"]
    for goal in GOALS:
        figure = figures.get(goal.figure)
        verdict = "not measured" if figure is None else "met" if goal.is_met(figure) else "**not met**"
        rows.append(f"| {goal.measure} | {goal.told} | {figure.found if figure else ''} | {verdict} | `{goal.line}` |")
    return "\n".join(rows)
