"""docs/from-nvme-cli.md is true: its commands are commands, with those options, and no call is forgotten."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from types import ModuleType

import click
import pytest
from nvmedctl.cli import group, nvmedctl

from nvmed.v1 import (
    drive_pb2,
    firmware_pb2,
    inventory_pb2,
    key_pb2,
    log_pb2,
    namespace_pb2,
    passthru_pb2,
    telemetry_pb2,
)

TEXT = (Path(__file__).parents[3] / "docs/from-nvme-cli.md").read_text(encoding="utf-8")
COMMANDS = sorted(set(re.findall(r"`nvmedctl ([^`-][^`]*)`", TEXT)))
CALLS = frozenset(re.findall(r"\b([A-Z]\w+Service\.[A-Z]\w+)\b", TEXT))
MODULES = (firmware_pb2, inventory_pb2, key_pb2, log_pb2, namespace_pb2, passthru_pb2, telemetry_pb2)
"""What has services that nvme-cli's commands are, each method of which has a row."""

NVME_CLI: tuple[str, ...] = tuple((Path(__file__).parent / "nvme_cli_3.txt").read_text(encoding="utf-8").splitlines())
"""Every command of nvme-cli 3, its plugins' with their plugin's name; and of those that moved, old and new name."""

FILES = ("fw.bin",)
"""What commands in the text read."""


def calls_of(*modules: ModuleType) -> frozenset[str]:
    services = (service for module in modules for service in module.DESCRIPTOR.services_by_name.values())
    return frozenset(f"{service.name}.{method.name}" for service in services for method in service.methods)


@pytest.mark.parametrize("text", COMMANDS)
def test_a_command_is_one(text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in FILES:
        (tmp_path / name).write_bytes(b"firmware")
    name, *words = shlex.split(text)
    command = nvmedctl.get_command(click.Context(nvmedctl), name)
    assert command is not None, name
    while isinstance(command, click.Group):
        command, words = command.commands[words[0]], words[1:]
    context = command.make_context("nvmedctl", words)  # raises what is wrong with an argument
    assert context.args == []


def test_a_document_of_commands_has_many() -> None:
    assert len(COMMANDS) > 60


def test_every_call_exists_and_none_is_forgotten() -> None:
    assert calls_of(*MODULES) - CALLS == set()
    assert CALLS - calls_of(*MODULES, drive_pb2) == set()


def test_every_command_of_the_groups_is_named() -> None:
    named = {" ".join(text.split()[:3]) for text in COMMANDS} | {" ".join(text.split()[:2]) for text in COMMANDS}
    for name in ("controllers", "subsystems", "namespaces", "logs", "telemetry", "firmware", "keys", "passthru"):
        for one, command in group(name).commands.items():
            inner = command.commands if isinstance(command, click.Group) else None
            for path in [f"{name} {one} {each}" for each in inner] if inner else [f"{name} {one}"]:
                assert path in named


def test_every_command_of_nvme_cli_3_is_a_call_a_recipe_or_a_reason() -> None:
    named = set(re.findall(r"`nvme ([^`]+)`", TEXT))
    commands = [line for line in NVME_CLI if "->" not in line]
    assert len(commands) > 400
    missing = [one for one in commands if not any(f"{text} ".startswith(f"{one} ") for text in named)]
    assert missing == []


def test_every_name_that_moved_is_told() -> None:
    moved = [line.split(" -> ") for line in NVME_CLI if "->" in line]
    assert len(moved) > 70
    assert [old for old, new in moved if f"| `{old}` | `nvme {new}` |" not in TEXT] == []


def test_a_row_says_what_instead_or_why_not() -> None:
    """No row of a table is left without a command of nvmedctl and without a reason."""
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in TEXT.splitlines() if line.startswith("| ")
    ]
    assert [row[0] for row in rows if len(row) == 4 and not row[1] and not row[3]] == []
