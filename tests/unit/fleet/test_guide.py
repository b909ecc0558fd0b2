"""docs/fleet.md says what there is: its commands, options, reasons, states and payloads."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path
from typing import get_args

import click
import pytest
from nvmed_fleet.cli import nvmed_fleet
from nvmed_fleet.errors import FleetReason
from nvmed_fleet.temporal import payloads

GUIDE = (Path(__file__).resolve().parents[3] / "docs/fleet.md").read_text()


def commands(group: click.Group) -> dict[str, click.Command]:
    found: dict[str, click.Command] = {}
    for name, command in group.commands.items():
        found[name] = command
        if isinstance(command, click.Group):
            found |= {f"{name} {inner}": one for inner, one in commands(command).items()}
    return found


def test_every_reason_is_told_with_its_remedy() -> None:
    rows = [f"| `{reason.name}` | {reason.meaning} {reason.remedy} |" for reason in FleetReason]
    assert [row for row in rows if row not in GUIDE] == []


def test_every_option_it_names_there_is() -> None:
    known = {name for one in commands(nvmed_fleet).values() for option in one.params for name in option.opts}
    known |= {"--hosts", "--fault", "--list", "--state", "--help"}
    assert set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", GUIDE)) - known == set()


@pytest.mark.parametrize("name", sorted(commands(nvmed_fleet)["campaign"].commands))  # type: ignore[attr-defined]
def test_every_verb_is_told(name: str) -> None:
    assert re.search(rf"`?(campaign |\b){name}\b", GUIDE)


def test_the_contract_is_told() -> None:
    names = [field.name for field in fields(payloads.Status)] + list(get_args(payloads.State))
    names += [payloads.TASK_QUEUE, payloads.CAMPAIGN, payloads.HOST_LOCK]
    names += [payloads.workflow_id("ID"), payloads.lock_id("HOST")]
    assert [name for name in names if f"`{name}`" not in GUIDE] == []
