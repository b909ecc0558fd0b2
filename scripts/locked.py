"""What of requirements.lock somebody needs, with hashes: `locked.py client | daemon | fleet | build | tests`.

The lock says of each package what asked for it (`# via`), so no resolver is needed and nothing but Python.
"""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent

ENTRY = re.compile(r"^(?P<name>[a-z0-9.-]+)==[^\n]*\n(?:    --hash=[^\n]*\n)*(?P<why>(?:    #[^\n]*\n)*)", re.MULTILINE)
NAME = re.compile(r"[A-Za-z0-9._-]+")


def roots(project: dict[str, Any], who: str) -> set[str]:
    """What `who` asks for by name."""
    base, extras = project["project"]["dependencies"], project["project"]["optional-dependencies"]
    tools = [name for name in project["dependency-groups"]["dev"] if name.startswith(("pytest", "hypothesis"))]
    asked = {
        "client": base,
        "daemon": base + extras["daemon"],
        "fleet": base + extras["fleet"],
        "tests": base + extras["daemon"] + extras["otel"] + tools,
        "build": project["build-system"]["requires"],
    }[who]
    return {match[0].lower() for requirement in asked if (match := NAME.match(requirement))}


def needed(lock: str, names: set[str]) -> str:
    """The entries of `names`, of what those need, and so on."""
    entries = {match["name"]: match for match in ENTRY.finditer(lock)}
    if missing := names - entries.keys():
        sys.exit(f"requirements.lock lacks {', '.join(sorted(missing))}: run `make lock`")
    found = set(names)
    while more := {
        name for name, entry in entries.items() if name not in found and found & set(NAME.findall(entry["why"]))
    }:
        found |= more
    return "".join(entries[name][0] for name in sorted(found))


def main() -> None:
    """Print the entries."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    sys.stdout.write(needed((ROOT / "requirements.lock").read_text(), roots(project, sys.argv[1])))


if __name__ == "__main__":
    main()
