"""What the documents tell people to type is what nvmedctl understands."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import click
import pytest
from nvmedctl.cli import nvmedctl

from tests.docs.blocks import blocks, commands, documents

ROOT = Path(__file__).resolve().parents[3]
TYPED = re.compile(r"(?:sudo )?nvmedctl (.+)", re.DOTALL)


def typed(text: str) -> list[str]:
    """What follows `nvmedctl` in a document, but for what is run anyway (`tests/docs`)."""
    shell = [block for block in blocks(text) if block.language in ("sh", "console") and "run" not in block.words]
    typed_here = [command.text for block in shell for command in commands(block)]
    return [found[1].replace("\\\n", " ") for text in typed_here if (found := TYPED.fullmatch(text))]


COMMANDS = [(path.name, each) for path in documents(ROOT) for each in typed(path.read_text(encoding="utf-8"))]


@pytest.mark.parametrize(("document", "line"), COMMANDS)
def test_a_command_is_one(document: str, line: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every group, command, option and argument of it; what it would do is not done, and no file is looked for."""
    monkeypatch.setattr(click.Path, "convert", lambda _, value, *__: value)
    context: click.Context | None = None
    command: click.Command | None = nvmedctl
    words = shlex.split(line, comments=True)
    while command:
        context = command.make_context(command.name, words, parent=context)
        words = [*context._protected_args, *context.args]
        command = (
            context.command.resolve_command(context, words)[1] if isinstance(context.command, click.Group) else None
        )
        words = words[1:] if command else words
    assert words == []


def test_documents_have_commands() -> None:
    """So many are looked at here, or run."""
    found = [block for path in documents(ROOT) for block in blocks(path.read_text(encoding="utf-8"))]
    assert len(COMMANDS) + sum("nvmedctl" in block.text for block in found if "run" in block.words) > 25
