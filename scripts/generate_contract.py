"""Generate `nvmed/v1/contract.json`: what the contract's comments say, and who may call what; with --check, compare.

For `nvmedctl describe`: descriptors that are compiled into the stubs have no comments, and a client has no policy. One
entry a line, so that a change of the contract shows as what it is.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any, Final

from nvmed.security.policy import METHODS, ROLES, Rule
from scripts.contract import comments as explained

ROOT: Final = Path(__file__).resolve().parent.parent
TARGET: Final = ROOT / "nvmed/v1/contract.json"
PACKAGES: Final = ("nvmed.v1.", "google.longrunning.")


def contract() -> str:
    """The file."""
    comments = {name: text for name, text in sorted(explained().items()) if name.startswith(PACKAGES)}
    calls = {method.removeprefix("/"): _call(rule) for method, rule in sorted(METHODS.items())}
    return f'{{\n"calls": {_lines(calls)},\n"comments": {_lines(comments)}\n}}\n'


def _lines(entries: dict[str, Any]) -> str:
    lines = (f"{json.dumps(name)}: {json.dumps(value, ensure_ascii=False)}" for name, value in entries.items())
    return "{\n" + ",\n".join(lines) + "\n}"


def _call(rule: Rule) -> dict[str, Any]:
    roles = [role for role, permissions in ROLES.items() if rule.permission in permissions]
    return {"permission": rule.permission, "resource_field": rule.resource_field, "roles": roles}


def main() -> None:
    """Write the file, or compare with it."""
    fresh = contract()
    if "--check" not in sys.argv:
        TARGET.write_text(fresh, encoding="utf-8")
    elif not TARGET.exists() or TARGET.read_text(encoding="utf-8") != fresh:
        sys.exit(f"{TARGET.relative_to(ROOT)} is not what proto/ and the policy say: run `make proto`")


if __name__ == "__main__":
    main()
