"""`nvmed-fleet`, and `python -m nvmed_fleet`."""

from __future__ import annotations

from nvmed_fleet.cli import nvmed_fleet


def main() -> None:
    """Run the command line; never returns."""
    nvmed_fleet(prog_name="nvmed-fleet")


if __name__ == "__main__":
    main()
