"""What docs/keys.md tells people to type, typed: against simulated drives, whose keyring is simulated too."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Mapping
from pathlib import Path
from string import Template

from click.testing import CliRunner
from nvmedctl.cli import nvmedctl

from tests.process.conftest import StartProcess

GUIDE = Path(__file__).parents[2] / "docs/keys.md"
COMMANDS = re.findall(r"^nvmedctl (keys .+)$", GUIDE.read_text(encoding="utf-8"), re.MULTILINE)
HOST = "nqn.2014-08.org.nvmexpress:uuid:f8131ac0-cdef-4165-866b-5998c1e67890"
SUBSYSTEM = "nqn.2024-01.io.example:subsys1"

CONFIG = """
[host]
simulate = 2
simulate_keyring = true

[policy.roles.key-reader]
permissions = ["keys.read"]

[[policy.bindings]]
principals = ["unix:admin"]
roles = ["key-reader"]
"""

REFUSED = {"rotate-dhchap": "authenticates with DH-HMAC-CHAP"}
"""What needs a connection."""


def run(address: str, folder: Path, typed: str, names: Mapping[str, str]) -> tuple[int, str]:
    """A command of the guide, with its files in `folder`."""
    words = shlex.split(Template(typed).safe_substitute(names), comments=True)
    for option in ("--file", "--secret-file", "--host-secret-file"):
        if option in words:
            place = words.index(option) + 1
            words[place] = str(folder / Path(words[place]).name)
    done = CliRunner().invoke(nvmedctl, ["--address", address, *words])
    return done.exit_code, done.output


def identities(address: str, folder: Path) -> list[str]:
    """Under which the keys lie."""
    _, listed = run(address, folder, "keys list --output json", {})
    return [key["description"] for key in json.loads(listed).get("keys", [])]


def test_the_guide_works_as_printed(start_process: StartProcess, tmp_path: Path) -> None:
    config = tmp_path / "nvmed.toml"
    config.write_text(CONFIG)
    daemon = start_process("--config", str(config))
    names = {"HOST": HOST, "SUBSYSTEM": SUBSYSTEM, "IDENTITY": ""}
    for typed in COMMANDS:
        names["IDENTITY"] = next(iter(identities(daemon.address, tmp_path)), "")
        exit_code, output = run(daemon.address, tmp_path, typed, names)
        expected = REFUSED.get(typed.split()[1])
        if expected:
            assert exit_code != 0
            assert expected in output
        else:
            assert exit_code == 0, f"{typed}: {output}"
    assert {typed.split()[1] for typed in COMMANDS} >= {"insert", "list", "export", "check", "rotate", "revoke"}
    assert identities(daemon.address, tmp_path) == [], "the last one was revoked"


def test_without_a_configuration_the_keyring_of_simulated_drives_is_simulated(
    start_process: StartProcess, tmp_path: Path
) -> None:
    daemon = start_process("--simulate", "1")
    exit_code, output = run(daemon.address, tmp_path, "keys keyring", {})
    assert (exit_code, ".nvme" in output) == (0, True), output
