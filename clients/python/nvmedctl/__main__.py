"""`nvmedctl`, and `python -m nvmedctl`."""

from __future__ import annotations

import sys

from nvmed import __version__


def main() -> None:
    """Run the command line; never returns."""
    if sys.argv[1:] == ["--version"]:  # scripts ask it before each use, and click takes three times what Python does
        sys.stdout.write(f"nvmedctl, version {__version__}\n")
        sys.exit()
    from nvmedctl.cli import nvmedctl

    nvmedctl(prog_name="nvmedctl")


if __name__ == "__main__":
    main()
