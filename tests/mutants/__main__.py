"""`make mutants`: break nvmed on purpose, and see that a test says so. Prints each mutant's fate, and the figure.

Those of `by_hand`, and `COUNT` that are drawn by `SEED` among small changes of the modules that matter (`MODULES`): a
comparison turned round, a number one higher, `and` for `or`, `not` left out, a statement left out. A mutant is tried in
a copy of the tree, with the tests that import its module, those of its own room first. Survivors are printed with the
line: see whether a test lacks, or nothing changed that anybody could see, which `verdicts.toml` says with its reason.
"""

from __future__ import annotations

import argparse
import ast
import random
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from tests.mutants.by_hand import BY_HAND, Mutant

ROOT: Final = Path(__file__).parents[2]
COPIED: Final = ("nvmed", "tests", "clients", "proto", "scripts", "docs", "pyproject.toml", "systemd", "README.md")
TIMEOUT_S: Final = 600
VERDICTS: Final = Path(__file__).with_name("verdicts.toml")
FATES: Final = {0: "SURVIVED", 1: "noticed", 2: "broken"}
"""By pytest's exit code: 2 is a module that cannot be imported any more."""


MODULES: Final = {
    "nvmed/firmware/spool_part.py": (
        "tests/unit/firmware/test_spool.py",
        "tests/unit/firmware/test_spool_disk.py",
        "tests/unit/firmware/test_descriptors.py",
        "tests/unit/test_power_cuts.py",
    ),
    "nvmed/disk/files.py": ("tests/unit/test_power_cuts.py", "tests/unit/captures", "tests/unit/support"),
    "nvmed/captures/files.py": ("tests/unit/captures", "tests/unit/test_power_cuts.py"),
    "nvmed/operations/journal.py": ("tests/unit/operations",),
    "nvmed/operations/running.py": ("tests/unit/operations", "tests/unit/keyring"),
    "nvmed/operations/retention.py": ("tests/unit/operations",),
    "nvmed/security/audit_file.py": ("tests/unit/security", "tests/unit/test_power_cuts.py"),
    "nvmed/devices/names.py": ("tests/unit/devices/test_names.py",),
    "nvmed/devices/lane.py": ("tests/unit/devices/test_lane.py",),
    "nvmed/devices/telemetry.py": (
        "tests/rpc/devices/test_telemetry.py",
        "tests/rpc/devices/test_odd_telemetry.py",
        "tests/rpc/devices/test_names.py",
        "tests/rpc/captures",
    ),
    "nvmed/events/events.py": ("tests/unit/events", "tests/rpc/events/test_events.py"),
    "nvmed/firmware/evidence.py": ("tests/unit/firmware", "tests/rpc/firmware"),
    "nvmed/keyring/rotation.py": ("tests/unit/keyring",),
    "nvmed/erasure/records.py": ("tests/unit/erasure", "tests/unit/test_power_cuts.py"),
}
"""What guarantees stand on, each with the tests that are to notice."""

_TURNED: Final = {
    ast.Lt: "<=", ast.LtE: "<", ast.Gt: ">=", ast.GtE: ">", ast.Eq: "!=", ast.NotEq: "==",
    ast.In: "not in", ast.NotIn: "in", ast.Is: "is not", ast.IsNot: "is",
}  # fmt: skip
_SAID: Final = {
    ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=", ast.Eq: "==", ast.NotEq: "!=",
    ast.In: "in", ast.NotIn: "not in", ast.Is: "is", ast.IsNot: "is not",
}  # fmt: skip


def changes(node: ast.AST, text: str) -> Iterator[tuple[str, str]]:
    """What could stand for the code `text` of `node`, with a word for the change."""
    if isinstance(node, ast.Compare) and len(node.ops) == 1:
        said, turned = _SAID[type(node.ops[0])], _TURNED[type(node.ops[0])]
        if text.count(f" {said} ") == 1:
            yield f"{said} becomes {turned}", text.replace(f" {said} ", f" {turned} ")
    elif isinstance(node, ast.BoolOp):
        said, other = ("and", "or") if isinstance(node.op, ast.And) else ("or", "and")
        if text.count(f" {said} ") == len(node.values) - 1:
            yield f"{said} becomes {other}", text.replace(f" {said} ", f" {other} ")
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        yield "not is left out", text.removeprefix("not ")
    elif isinstance(node, ast.Constant) and type(node.value) is int:
        yield "one more", str(node.value + 1)
    elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call | ast.Await):
        yield "left out", "pass"


def mutants_of(file: str, tests: Sequence[str]) -> Iterator[Mutant]:
    """Every mutant of a module."""
    source = (ROOT / file).read_text(encoding="utf-8")
    lines = source.splitlines(keepends=True)
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.expr | ast.stmt) or node.lineno != node.end_lineno:
            continue
        line = lines[node.lineno - 1]
        before, text, after = (
            line[: node.col_offset],
            line[node.col_offset : node.end_col_offset],
            line[node.end_col_offset :],
        )
        for word, changed in changes(node, text):
            place = f"{file}:{node.lineno}"
            name = f"{place}: {word}: {line.strip()}"
            start = "".join(lines[: node.lineno - 1])
            yield Mutant(name, file, start + line, start + before + changed + after, tuple(tests))


def drawn(count: int, seed: int) -> list[Mutant]:
    """`count` mutants of all modules, the same for a seed."""
    every = [mutant for file, tests in MODULES.items() for mutant in mutants_of(file, tests)]
    return random.Random(seed).sample(every, min(count, len(every)))


def run(tests: Sequence[str], tree: Path, timeout_s: float | None = TIMEOUT_S) -> subprocess.CompletedProcess[bytes]:
    """The tests in a copy; raises `TimeoutExpired`."""
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", "--no-header", *tests]
    return subprocess.run(command, cwd=tree, capture_output=True, timeout=timeout_s, check=False)


def fate(mutant: Mutant, tree: Path) -> str:
    """What the tests say once `tree` has the change, which is taken back then."""
    path = tree / mutant.file
    whole = path.read_text(encoding="utf-8")
    if whole.count(mutant.old) != 1:
        raise SystemExit(
            f"{mutant.name}: what it changes is {whole.count(mutant.old)} times in {mutant.file}, not once"
        )
    path.write_text(whole.replace(mutant.old, mutant.new), encoding="utf-8")
    try:
        ended = run(mutant.tests, tree)
    except subprocess.TimeoutExpired:
        return "hung"
    finally:
        path.write_text(whole, encoding="utf-8")
    if ended.returncode not in FATES:
        raise SystemExit(f"{mutant.name}: pytest ended with {ended.returncode}\n{ended.stdout.decode()[-2000:]}")
    return FATES[ended.returncode]


def verdicts() -> dict[str, str]:
    """Why a drawn mutant that survives changes nothing that anybody could see, by `kind_of` it."""
    rows = tomllib.loads(VERDICTS.read_text(encoding="utf-8"))["verdicts"]
    return {row["mutant"]: row["why"] for row in rows}


def kind_of(mutant: Mutant) -> str:
    """Its name without the line's number, which others change."""
    return re.sub(r"^([^:]+):\d+:", r"\1:", mutant.name)


def copied(tree: Path) -> None:
    """Copy what the tests need."""
    for name in COPIED:
        source = ROOT / name
        copy = shutil.copytree if source.is_dir() else shutil.copy2
        copy(source, tree / name)


def try_all(wanted: Sequence[Mutant], tree: Path) -> dict[str, str]:
    """The fate of each by its name, printed as it is known."""
    found: dict[str, str] = {}
    known = verdicts()
    for mutant in wanted:
        found[mutant.name] = came = fate(mutant, tree)
        why = known.get(kind_of(mutant), "")
        if came == "SURVIVED" and why:
            found[mutant.name] = came = "the same"
        elif why:
            came = f"{came} against its verdict"
        sys.stdout.write(f"{came:8}  {mutant.name}{f' ({why})' if why else ''}\n")
        sys.stdout.flush()
    return found


def main() -> int:
    parser = argparse.ArgumentParser(prog="make mutants", description=__doc__)
    parser.add_argument("--count", type=int, default=0, help="how many to draw beside those made by hand")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", default="", help="those whose name has this in it")
    given = parser.parse_args()
    wanted = [one for one in (*BY_HAND, *drawn(given.count, given.seed)) if given.only in one.name]
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder)
        copied(tree)
        every = sorted({test for mutant in wanted for test in mutant.tests})
        if (ended := run(every, tree, None)).returncode:
            raise SystemExit(f"with nothing changed the tests fail:\n{ended.stdout.decode()[-2000:]}")
        found = try_all(wanted, tree)
    counts = Counter(found.values())
    judged = len(found) - counts["the same"]
    noticed = judged - counts["SURVIVED"]
    sys.stdout.write(
        f"seed {given.seed}: {noticed} of {judged} mutants were noticed, {100 * noticed / max(judged, 1):.0f} %;"
        f" {counts['the same']} more change nothing ({VERDICTS.name}); {counts['hung']} of those noticed hung\n"
    )
    return 1 if any(found.get(one.name) == "SURVIVED" for one in BY_HAND) else 0


if __name__ == "__main__":
    sys.exit(main())
