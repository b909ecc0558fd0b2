"""Measures and prints: ratios of two things in one run, and the few absolute bounds that mean something.

Runs alternate (A B B A ...), and the median of the pairwise ratios is printed with the least and the most of them.
Nothing here gates anything.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from bench import curves, figures, goals
from bench.figures import Figure, say
from bench.lines import LINES


def measured(names: Sequence[str]) -> Iterator[Figure]:
    """The figures of these lines, each printed as it comes."""
    for name in names:
        with tempfile.TemporaryDirectory() as scratch:
            for figure in LINES[name].measure(Path(scratch)):
                say(figure)
                yield replace(figure, line=name)


def main() -> None:
    """Measure those lines that are named, or all."""
    listed = "\n".join(f"  {name:10} {line.what}" for name, line in LINES.items())
    parser = argparse.ArgumentParser(
        prog="python -m bench", formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog=f"lines:\n{listed}\n  {'goals':10} those that have goals, and whether they are met"
        f"\n  {'curves':10} how speed and memory go with sizes and numbers, as pictures",
        description="Speed and memory, as ratios of two things in one run. All lines take a quarter of an hour.",
    )  # fmt: skip
    parser.add_argument("lines", nargs="*", metavar="LINE", help="what to measure; everything if none is named")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures of each round, and the machine")
    parser.add_argument("--from", type=Path, metavar="FILE", dest="file", help="goals: judge what --json wrote")
    if sys.argv[1:2] == ["curves"]:
        curves.main(sys.argv[2:])
        return
    asked = parser.parse_args()
    is_judged = asked.lines == ["goals"]
    names = goals.LINES if is_judged else asked.lines or list(LINES)
    if unknown := [name for name in names if name not in LINES]:
        parser.error(f"no line {unknown[0]!r}; choose of {', '.join(LINES)}, or goals alone")
    if asked.file and not is_judged:
        parser.error("--from goes with goals")
    machine, found = figures.machine(), []
    for figure in figures.read(asked.file) if asked.file else measured(names):
        found.append(figure)
        if asked.json:  # as it goes, too: what was measured for minutes is not lost with what fails after it
            figures.write(asked.json, machine, "figures", found)
    if is_judged:
        say("")
        say(goals.table(found))


if __name__ == "__main__":
    main()
