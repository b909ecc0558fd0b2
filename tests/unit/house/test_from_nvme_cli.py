"""docs/from-nvme-cli.md is true: its commands are commands, with those options, and no call is forgotten."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import click
import pytest
from google.protobuf.descriptor import ServiceDescriptor
from nvmedctl.cli import group

from nvmed.v1 import firmware_pb2, inventory_pb2, key_pb2, log_pb2, namespace_pb2, passthru_pb2, telemetry_pb2

TEXT = (Path(__file__).parents[3] / "docs/from-nvme-cli.md").read_text(encoding="utf-8")
COMMANDS = sorted(set(re.findall(r"`nvmedctl ([^`-][^`]*)`", TEXT)))
CALLS = frozenset(re.findall(r"\b([A-Z]\w+Service\.[A-Z]\w+)\b", TEXT))
SERVICES: tuple[ServiceDescriptor, ...] = tuple(
    service
    for module in (firmware_pb2, inventory_pb2, key_pb2, log_pb2, namespace_pb2, passthru_pb2, telemetry_pb2)
    for service in module.DESCRIPTOR.services_by_name.values()
)
FILES = ("fw.bin",)
"""What commands in the text read."""


@pytest.mark.parametrize("text", COMMANDS)
def test_a_command_is_one(text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in FILES:
        (tmp_path / name).write_bytes(b"firmware")
    name, *words = shlex.split(text)
    command: click.Command = group(name)
    while isinstance(command, click.Group):
        command, words = command.commands[words[0]], words[1:]
    context = command.make_context("nvmedctl", words)  # raises what is wrong with an argument
    assert context.args == []


def test_a_document_of_commands_has_many() -> None:
    assert len(COMMANDS) > 60


def test_every_call_exists_and_none_is_forgotten() -> None:
    known = {f"{service.name}.{method.name}" for service in SERVICES for method in service.methods}
    assert known == CALLS


def test_every_command_of_the_groups_is_named() -> None:
    named = {" ".join(text.split()[:3]) for text in COMMANDS} | {" ".join(text.split()[:2]) for text in COMMANDS}
    for name in ("controllers", "subsystems", "namespaces", "logs", "telemetry", "firmware", "keys", "passthru"):
        for one, command in group(name).commands.items():
            inner = command.commands if isinstance(command, click.Group) else None
            for path in [f"{name} {one} {each}" for each in inner] if inner else [f"{name} {one}"]:
                assert path in named
