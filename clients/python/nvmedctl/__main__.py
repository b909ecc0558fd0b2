"""`nvmedctl`, and `python -m nvmedctl`."""

from __future__ import annotations

from nvmedctl.cli import nvmedctl


def main() -> None:
    """Run the command line; never returns."""
    nvmedctl(prog_name="nvmedctl")


if __name__ == "__main__":
    main()
