"""`nvmedctl`, and `python -m nvmedctl`."""

from __future__ import annotations

import sys

from nvmed import __version__


def main() -> None:
    """Run the command line; never returns."""
    if sys.argv[1:] == ["--version"]:  # scripts ask it before each use, and click takes three times what Python does
        sys.stdout.write(f"nvmedctl, version {__version__}\n")
        sys.exit()
    for number, argument in enumerate(sys.argv[1:], 1):
        if not _is_text(argument):
            sys.stderr.write(f"Error: argument {number}, {argument!a}, is not UTF-8.\n")
            sys.exit(2)
    from nvmedctl.cli import nvmedctl

    nvmedctl(prog_name="nvmedctl")


def _is_text(argument: str) -> bool:
    """Whether it could be sent: Python makes lone surrogates of bytes that are no UTF-8."""
    try:
        argument.encode()
    except UnicodeEncodeError:
        return False
    return True


if __name__ == "__main__":
    main()
