"""`python -m bench curves [NAME...]`: how speed and memory go with sizes and numbers, as JSON and pictures."""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from bench import curve_counts, curve_streams
from bench.curve import Curve, Measured, Picture
from bench.figures import machine, say, write
from bench.plot import Axis, Point, svg

SPEED = Axis("MiB/s")
MEMORY = Axis("MiB")

CURVES: Mapping[str, Curve] = {
    "message-size": Curve(
        curve_streams.by_message,
        {"message-size": Picture("One stream, by the size of its messages", Axis("size of a message", True, True),
                                 Axis("MiB/s", True))},
    ),
    "load": Curve(
        curve_streams.by_load,
        {"load": Picture("A small call beside heavy streams, on two processors", Axis("streams"), Axis("ms"))},
    ),
    "drives": Curve(
        curve_counts.by_drives,
        {"drives": Picture("A daemon that nobody asks for anything", Axis("drives"), Axis("% of a core")),
         "drives-memory": Picture("Its memory, simulated drives in it", Axis("drives"), MEMORY)},
    ),
    "streams": Curve(
        curve_streams.by_streams,
        {"streams": Picture("Streams at the same time, all together", Axis("streams", True, True), SPEED),
         "streams-memory": Picture("What they make the daemon grow by", Axis("streams", True, True), MEMORY)},
    ),
    "watchers": Curve(
        curve_counts.by_watchers,
        {"watchers": Picture("Until all who watch have an event", Axis("watchers", True), Axis("ms", True))},
    ),
    "log-size": Curve(
        curve_streams.by_log,
        {"log-size": Picture("One stream, by the size of its log", Axis("size of the log", True, True), SPEED),
         "log-size-memory": Picture("What a stream makes the daemon grow by", Axis("size of the log", True, True),
                                    MEMORY)},
    ),
    "hosts": Curve(
        curve_counts.by_hosts,
        {"hosts": Picture("nvmedctl controllers list on many hosts, 32 at a time", Axis("hosts"), Axis("s"))},
    ),
}  # fmt: skip


def draw(picture: Picture, points: Sequence[Measured]) -> str:
    """The picture of what was measured for it."""
    series: dict[str, list[Point]] = {}
    for each in points:
        series.setdefault(each.series, []).append(each.point)
    return svg(picture.title, picture.x, picture.y, series)


def measure(name: str, folder: Path) -> None:
    """Measure a curve, and leave its figures in `folder`."""
    on, found = machine(), []
    with tempfile.TemporaryDirectory() as scratch:
        for point in CURVES[name].measure(Path(scratch)):
            say(point)
            found.append(point)
    write(folder / f"{name}.json", on, "points", found)


def pictures(name: str, folder: Path) -> Iterator[tuple[Path, str]]:
    """The pictures of a curve's figures in `folder`, and where they belong."""
    found = [Measured(**row) for row in json.loads((folder / f"{name}.json").read_text())["points"]]
    for shown, picture in CURVES[name].pictures.items():
        yield folder / f"{shown}.svg", draw(picture, [point for point in found if point.name == shown])


def main(arguments: Sequence[str]) -> None:
    """Measure those curves that are named, or all."""
    parser = argparse.ArgumentParser(prog="python -m bench curves", description=__doc__)
    parser.add_argument("curves", nargs="*", metavar="NAME", help=f"of {', '.join(CURVES)}; all if none is named")
    parser.add_argument("--to", type=Path, default=Path("dist/curves"), metavar="FOLDER", help="default: dist/curves")
    parser.add_argument("--draw", action="store_true", help="only draw again what was measured")
    asked = parser.parse_args(arguments)
    if unknown := [name for name in asked.curves if name not in CURVES]:
        parser.error(f"no curve {unknown[0]!r}; choose of {', '.join(CURVES)}")
    asked.to.mkdir(parents=True, exist_ok=True)
    for name in asked.curves or CURVES:
        if not asked.draw:
            measure(name, asked.to)
        for file, text in pictures(name, asked.to):
            file.write_text(text)
