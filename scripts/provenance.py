"""Say of what a release's files were made: an in-toto statement with SLSA provenance (v1).

    python scripts/provenance.py 0.2.0 dist        # writes dist/nvmed-0.2.0.intoto.json

It is not signed here: whoever publishes signs it, with the key that is theirs.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).resolve().parent.parent
STATEMENT: Final = "https://in-toto.io/Statement/v1"
PROVENANCE: Final = "https://slsa.dev/provenance/v1"
BUILD_TYPE: Final = "https://github.com/nvmed/nvmed/blob/main/docs/releasing.md"


def digest(path: Path) -> dict[str, str]:
    """The digests of a file."""
    return {"sha256": hashlib.sha256(path.read_bytes()).hexdigest()}


def statement(version: str, files: list[Path]) -> dict[str, Any]:
    """What `files` are, and what they were made of."""
    commit = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.strip()
    made = datetime.fromtimestamp(int(os.environ["SOURCE_DATE_EPOCH"]), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {
        "_type": STATEMENT,
        "subject": [{"name": path.name, "digest": digest(path)} for path in files],
        "predicateType": PROVENANCE,
        "predicate": {
            "buildDefinition": {
                "buildType": BUILD_TYPE,
                "externalParameters": {"version": version, "command": f"scripts/release {version}"},
                "internalParameters": {"python": platform.python_version(), "machine": platform.machine()},
                "resolvedDependencies": [
                    {"uri": "git+https://github.com/nvmed/nvmed", "digest": {"gitCommit": commit}},
                    {"uri": "requirements.lock", "digest": digest(ROOT / "requirements.lock")},
                ],
            },
            "runDetails": {
                "builder": {"id": "scripts/release"},
                "metadata": {"invocationId": f"{version}-{commit[:12]}", "startedOn": made},
            },
        },
    }


def main() -> None:
    """Write the statement about what is in a folder of a version."""
    version, folder = sys.argv[1], Path(sys.argv[2])
    target = folder / f"nvmed-{version}.intoto.json"
    files = sorted(path for path in folder.glob(f"*{version}*") if path != target)
    target.write_text(json.dumps(statement(version, files), indent=1) + "\n", encoding="utf-8")
    sys.stdout.write(f"{target}\n")


if __name__ == "__main__":
    main()
