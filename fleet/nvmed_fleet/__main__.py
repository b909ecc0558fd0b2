"""`nvmed-fleet`, and `python -m nvmed_fleet`."""

from __future__ import annotations

import os
import sys

from nvmed_fleet.cli import nvmed_fleet


def main() -> None:
    """Run the command line; never returns."""
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
