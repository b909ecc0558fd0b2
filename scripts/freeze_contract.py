"""Keep the contract as this release has it, in proto/releases, for good; with --check, compare with what is kept.

A file there is never changed: what a release had is what its clients were compiled against.
"""

from __future__ import annotations

import sys

from scripts import contract


def main() -> None:
    """Write the file of this minor release, or compare."""
    target = contract.RELEASES / f"{'.'.join(map(str, contract.version()))}.txtpb"
    name, fresh = target.relative_to(contract.ROOT), contract.frozen()
    if "--check" not in sys.argv:
        target.parent.mkdir(exist_ok=True)
        target.write_text(fresh, "utf-8")
    elif not target.exists() or target.read_text("utf-8") != fresh:
        sys.exit(f"{name} is not the contract: run `make proto-release`, before the release and never after it")


if __name__ == "__main__":
    main()
