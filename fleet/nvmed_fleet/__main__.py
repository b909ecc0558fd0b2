"""`nvmed-fleet`, and `python -m nvmed_fleet`."""

from __future__ import annotations

import os
import sys


def main() -> None:
    """Run the command line; never returns."""
    try:
        from nvmed_fleet.cli import nvmed_fleet
    except ModuleNotFoundError as missing:
        if missing.name is None or missing.name.startswith("nvmed"):
            raise
        package = missing.name.partition(".")[0]
        sys.exit(f"nvmed-fleet: {package} is not installed: the extra nvmed[fleet] brings it, or nvmed[fleet-embedded]")
    try:
        nvmed_fleet(prog_name="nvmed-fleet")
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
        sys.stdout.flush()
        sys.stderr.flush()
        # The engine's client has threads of its own, which now and then crash the interpreter while it ends.
        os._exit(code)


if __name__ == "__main__":
    main()
