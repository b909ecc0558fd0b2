"""What measures: its figures, goals and pictures, and that nothing it starts outlives it. Not how fast anything is."""

from __future__ import annotations

import json
import subprocess
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bench import child, figures, goals, lines
from bench.curves import CURVES, pictures
from bench.figures import Figure
from bench.plot import Axis, Point, svg, ticks

DOCS = Path(__file__).resolve().parents[2] / "docs"
MEASURED = DOCS / "performance/goals.json"
RATIO = Figure("stage", "staging on 24 drives", "s", (3.0, 2.0, 8.0), "on one", (2.0, 2.0, 4.0), "stage")
ALONE = Figure("idle-memory", "memory with 64 drives", "MiB", (90.0,))


def test_a_figure_is_told_by_its_median_and_spread() -> None:
    assert str(RATIO) == "staging on 24 drives / on one: 1.50 (1.00 to 2.00)  [3.00 and 2.00 s here]"
    assert str(ALONE) == "memory with 64 drives: 90.0 MiB"


def test_rounds_take_turns_and_the_first_is_not_told() -> None:
    told: list[str] = []

    def side(name: str) -> int:
        told.append(name)
        return len(told)

    assert figures.in_turns(2, lambda: side("a"), lambda: side("b")) == ((3, 6), (4, 5))
    assert "".join(told) == "baabba"


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    on = figures.machine()
    figures.write(tmp_path / "figures.json", on, "figures", [RATIO, ALONE])
    assert list(figures.read(tmp_path / "figures.json")) == [RATIO, ALONE]
    told = json.loads((tmp_path / "figures.json").read_text())
    assert {"cores", "python", "grpcio"} <= set(told["machine"])
    assert told["figures"][0]["line"] == "stage"


@pytest.mark.parametrize(
    ("found", "verdict"),
    [
        (ALONE, "| memory with 64 drives | 90 MiB | 90.0 MiB | met | `serve` |"),
        (RATIO, "| 24 drives staged to one, to the bare threads' ratio | 1.1 | 1.50 (1.00 to 2.00) | **not met** |"),
        (
            Figure("decode", "", "MiB/s of a processor", (49.0,)),
            "| at least 50 MiB/s of a processor | 49.0 MiB/s of a processor | **not met** | `decode` |",
        ),
    ],
)
def test_goals_are_met_or_not(found: Figure, verdict: str) -> None:
    table = goals.table([found])
    assert verdict in table
    assert table.count("not measured") == len(goals.GOALS) - 1


def test_every_goal_has_a_line() -> None:
    assert set(goals.LINES) <= set(lines.LINES)


def test_what_is_told_of_goals_is_what_was_measured() -> None:
    """docs/performance.md has the table of goals as the measured figures make it, and nothing else of them."""
    rows = goals.table(figures.read(MEASURED))
    assert "not measured" not in rows
    assert rows in (DOCS / "performance.md").read_text(), "put there what `python -m bench goals --from FILE` prints"


def test_every_curve_is_shown() -> None:
    """As its figures draw it, `python -m bench curves --draw --to docs/performance` does."""
    text = (DOCS / "performance.md").read_text()
    drawn = {file: picture for name in CURVES for file, picture in pictures(name, MEASURED.parent)}
    assert {file: file.read_text() for file in MEASURED.parent.glob("*.svg")} == drawn
    assert [file.name for file in drawn if f"(performance/{file.name})" not in text] == []
    assert {file.stem for file in MEASURED.parent.glob("*.json")} == {*CURVES, MEASURED.stem}


def test_a_server_ends_when_who_started_it_does(tmp_path: Path) -> None:
    """A parent that was killed closes its pipes and does nothing else."""
    command = [*child.COMMAND, "bench.bare", str(tmp_path / "bare.sock")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as started:
        assert started.stdin is not None
        assert started.stdout is not None
        assert started.stdout.readline() == "ready\n"
        assert started.poll() is None
        started.stdin.close()
        assert started.wait(20) != 0


VALUES = st.floats(0.01, 1e10)


@given(st.lists(VALUES, min_size=2, max_size=20, unique=True), st.booleans(), st.booleans())
def test_ticks_span_what_is_drawn(values: list[float], is_log: bool, is_binary: bool) -> None:
    marks = ticks(Axis("", is_log, is_binary), min(values), max(values))
    assert marks == sorted(set(marks))
    assert is_binary or marks[0] <= min(values)
    assert is_binary or marks[-1] >= max(values) * (1 - 1e-9)
    assert 1 < len(marks) <= 18


@example([1e10, 9999999999.999998], True)
@given(st.lists(VALUES, min_size=2, max_size=20, unique=True), st.booleans())
def test_a_picture_has_all_of_it_inside(values: list[float], is_log: bool) -> None:
    points = [Point(value, value, value / 2, value * 2) for value in values]
    root = ET.fromstring(svg("1 < 2", Axis("drives", is_log), Axis("MiB", is_log), {"a & b": points}))  # noqa: S314
    _, _, width, height = (float(text) for text in root.attrib["viewBox"].split())
    circles = [element.attrib for element in root.iter() if element.tag.endswith("circle")]
    assert len(circles) == len(points)
    assert all(0 <= float(circle["cx"]) <= width and 0 <= float(circle["cy"]) <= height for circle in circles)
    assert {element.text for element in root.iter() if element.tag.endswith("text")} >= {"1 < 2", "a & b", "MiB"}
