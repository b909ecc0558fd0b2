"""docs/keys.md is true: its commands are commands, with those options, and its roles have those permissions."""

from __future__ import annotations

import re
from pathlib import Path

from nvmed.reasons import Reason
from nvmed.security.policy import PERMISSIONS, ROLES

TEXT = (Path(__file__).parents[3] / "docs/keys.md").read_text(encoding="utf-8")
COMMANDS = re.findall(r"^nvmedctl (.+)$", TEXT, re.MULTILINE)


def test_a_guide_has_commands() -> None:
    assert {command.split()[1] for command in COMMANDS} >= {"generate", "insert", "check", "rotate", "rotate-dhchap"}


def test_permissions_and_roles_are_those_there_are() -> None:
    rows = re.findall(r"^\| `(keys\.\w+)` \|.*\| (.+) \|$", TEXT, re.MULTILINE)
    assert {permission for permission, _ in rows} == {one for one in PERMISSIONS if one.startswith("keys.")}
    for permission, roles in rows:
        having = {role for role, permissions in ROLES.items() if permission in permissions}
        assert having == (set() if roles.startswith("none") else set(roles.split(", "))), permission


def test_reasons_are_those_there_are() -> None:
    named = set(re.findall(r"`([A-Z]+_[A-Z_]+)`", TEXT))
    assert named
    assert named <= set(Reason.__members__)
