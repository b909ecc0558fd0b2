"""docs/fleet.md says what there is: commands, options, reasons, states, payloads; fleet/deploy what it claims."""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import fields
from pathlib import Path
from typing import get_args

import click
import pytest
import yaml
from nvmed_fleet.cli import nvmed_fleet
from nvmed_fleet.errors import FleetReason
from nvmed_fleet.temporal import payloads

ROOT = Path(__file__).resolve().parents[3]
DEPLOY = ROOT / "fleet/deploy"
GUIDE = (ROOT / "docs/fleet.md").read_text()


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
    known |= {"--hosts", "--fault", "--list", "--state", "--help", "--size"}
    assert set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", GUIDE)) - known == set()


@pytest.mark.parametrize("name", sorted(commands(nvmed_fleet)["campaign"].commands))  # type: ignore[attr-defined]
def test_every_verb_is_told(name: str) -> None:
    assert re.search(rf"`?(campaign |\b){name}\b", GUIDE)


def test_the_contract_is_told() -> None:
    names = [field.name for field in fields(payloads.Status)] + list(get_args(payloads.State))
    names += [payloads.TASK_QUEUE, payloads.CAMPAIGN, payloads.HOST_LOCK]
    names += [payloads.workflow_id("ID"), payloads.lock_id("HOST")]
    assert [name for name in names if f"`{name}`" not in GUIDE] == []


def test_the_configuration_of_a_node_has_ports_of_its_own_for_each_role() -> None:
    made = subprocess.check_output([str(DEPLOY / "node-config"), "10.0.0.1", "db:5432", "9000"], text=True)
    config = yaml.safe_load(made)
    ports = [port for role in config["services"].values() for key, port in role["rpc"].items() if "Port" in key]
    assert sorted(ports) == list(range(9000, 9008))
    assert {role["rpc"]["bindOnIP"] for role in config["services"].values()} == {"10.0.0.1"}
    assert config["clusterMetadata"]["clusterInformation"]["active"]["rpcAddress"] == "10.0.0.1:9000"
    stores = config["persistence"]["datastores"]
    assert [store["sql"]["connectAddr"] for store in stores.values()] == ["db:5432"] * 2
    assert "password" not in stores["default"]["sql"]


def test_without_its_extra_the_program_says_what_to_install() -> None:
    """As on a host that only calls nvmed, which has the program too."""
    hide = "import sys; sys.modules['temporalio'] = None; from nvmed_fleet.__main__ import main; main()"
    done = subprocess.run([sys.executable, "-c", hide], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "temporalio is not installed: the extra nvmed[fleet] brings it" in done.stderr
