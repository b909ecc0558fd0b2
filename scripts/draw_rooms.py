"""Draw docs/rooms.svg, the rooms of nvmed and who imports whom; with --check, fail if it differs.

The floors are the layers that import-linter holds (pyproject.toml), top first; arrows are imports that the code has, to
the floor below, and what is further down is named. What a longer way leads to is left out.
"""

from __future__ import annotations

import ast
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Final

import grimp

ROOT: Final = Path(__file__).resolve().parent.parent
PICTURE: Final = ROOT / "docs/rooms.svg"
LEFT_OUT: Final = frozenset({"v1", "__main__"})
"""Generated code, and what only starts the rest."""

WIDTH, MARGIN, ROW, BOX_HEIGHT, GAP = 1120, 24, 106, 72, 18
STYLE: Final = """
text { font-family: system-ui, sans-serif; fill: #1b2733 }
.room { fill: #eef3f8; stroke: #5b7a99 }
.name { font-size: 15px; font-weight: 600 }
.what { font-size: 11px; fill: #44586b }
.far { font-size: 11px; fill: #44586b; font-style: italic }
.import { fill: none; stroke: #7d93a8; stroke-width: 1.2 }
.background { fill: #fff }
"""


@dataclass(frozen=True, slots=True)
class Room:
    """A box: its place, and what it says."""

    name: str
    what: str
    x: float
    y: float
    width: float
    floor: int

    @property
    def middle(self) -> float:
        return self.x + self.width / 2


def floors() -> list[list[str]]:
    """The rooms by floor, top first, as import-linter is told."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    layers = next(each["layers"] for each in contracts if each.get("containers") == ["nvmed"])
    rows = [[room.strip() for room in layer.split("|")] for layer in layers]
    return [row for row in ([room for room in row if room not in LEFT_OUT] for row in rows) if row]


def purpose(room: str) -> str:
    """The first sentence of a room's docstring."""
    path = ROOT / "nvmed" / room
    text = ast.get_docstring(
        ast.parse((path / "__init__.py" if path.is_dir() else path.with_suffix(".py")).read_text())
    )
    return (text or "").split("\n\n")[0].replace("\n", " ").split(". ")[0].rstrip(".")


def imports(rooms: list[str]) -> set[tuple[str, str]]:
    """(importer, imported) of rooms, without those that a longer way implies."""
    graph = grimp.build_graph("nvmed", cache_dir=None)
    direct: dict[str, set[str]] = {room: set() for room in rooms}
    for importer in graph.modules:
        for imported in graph.find_modules_directly_imported_by(importer):
            ends = [name.split(".")[1] for name in (importer, imported) if "." in name]
            if len(ends) == 2 and ends[0] != ends[1] and {*ends} <= direct.keys():
                direct[ends[0]].add(ends[1])

    def below(room: str) -> set[str]:
        return direct[room].union(*(below(each) for each in direct[room]))

    return {
        (room, each)
        for room, targets in direct.items()
        for each in targets
        if not any(each in below(other) for other in targets - {each})
    }


def wrapped(room: Room) -> list[str]:
    """What a room is for, in at most two lines; cut with an ellipsis if it has more."""
    letters, lines = int((room.width - 20) / 5.9), [""]
    for word in room.what.split():
        if len(lines[-1]) + len(word) + 1 > letters:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return lines if len(lines) <= 2 else [lines[0], lines[1][: letters - 1].rstrip(" ,:;") + "…"]


def placed() -> dict[str, Room]:
    """Every room in its place."""
    found = {}
    for number, row in enumerate(floors()):
        width = min(520.0, (WIDTH - 2 * MARGIN - GAP * (len(row) - 1)) / len(row))
        start = (WIDTH - width * len(row) - GAP * (len(row) - 1)) / 2
        for column, name in enumerate(row):
            x, y = start + column * (width + GAP), MARGIN + number * ROW
            found[name] = Room(name, purpose(name), x, y, width, number)
    return found


def drawn() -> Iterator[str]:
    """The lines of the picture."""
    rooms = placed()
    height = MARGIN + len(floors()) * ROW
    yield f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img" aria-labelledby="title">'
    yield '<title id="title">The rooms of nvmed, each above those that it imports</title>'
    yield f"<style>{STYLE}</style>"
    yield (
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
        '<path d="M0,0 L8,4 L0,8 z" fill="#7d93a8"/></marker></defs>'
    )
    yield f'<rect class="background" width="{WIDTH}" height="{height}"/>'
    ends = [(rooms[importer], rooms[imported]) for importer, imported in sorted(imports(list(rooms)))]
    yield from (arrow(above, below) for above, below in ends if below.floor == above.floor + 1)
    for room in rooms.values():
        yield from box(room, [below.name for above, below in ends if above is room and below.floor > room.floor + 1])
    yield "</svg>"


def box(room: Room, far: list[str]) -> Iterator[str]:
    """A room, with the names of those that it imports from further down than arrows go."""
    place = f'x="{room.x:.0f}" y="{room.y:.0f}" width="{room.width:.0f}" height="{BOX_HEIGHT}"'
    yield f'<rect class="room" {place} rx="6"/>'
    lines = [("name", room.name, 19), *(("what", line, 35 + 14 * n) for n, line in enumerate(wrapped(room)))]
    if far:
        lines.append(("far", f"and {', '.join(far)}", 63))
    for style, text, down in lines:
        yield f'<text class="{style}" x="{room.x + 10:.0f}" y="{room.y + down:.0f}">{escape(text)}</text>'


def arrow(above: Room, below: Room) -> str:
    """A line from the foot of one room to the head of another."""
    lean = max(-0.35, min(0.35, (below.middle - above.middle) / WIDTH))
    x1, y1 = above.middle + lean * above.width, above.y + BOX_HEIGHT
    x2, y2 = below.middle - lean * below.width, below.y
    bend = (y2 - y1) / 2
    return (
        f'<path class="import" marker-end="url(#tip)" '
        f'd="M{x1:.0f},{y1:.0f} C{x1:.0f},{y1 + bend:.0f} {x2:.0f},{y2 - bend:.0f} {x2:.0f},{y2:.0f}"/>'
    )


def main() -> int:
    picture = "\n".join(drawn()) + "\n"
    if "--check" not in sys.argv[1:]:
        PICTURE.write_text(picture)
        return 0
    if not PICTURE.exists() or PICTURE.read_text() != picture:
        print(f"{PICTURE.relative_to(ROOT)} is not what the imports say: run `make proto`", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
