"""What the documents tell people to type is what nvmedctl understands."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import click
import pytest
from nvmedctl.cli import nvmedctl

ROOT = Path(__file__).resolve().parents[3]
TYPED = re.compile(r"^    (?:sudo )?nvmedctl (.+)$", re.MULTILINE)
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
COMMANDS = [(path.name, typed) for path in DOCUMENTS for typed in TYPED.findall(path.read_text(encoding="utf-8"))]


@pytest.mark.parametrize(("document", "typed"), COMMANDS)
def test_a_command_is_one(document: str, typed: str) -> None:
    """Every group, command, option and argument of it; what it would do is not done."""
    context: click.Context | None = None
    command: click.Command | None = nvmedctl
    words = shlex.split(typed, comments=True)
    while command:
        context = command.make_context(command.name, words, parent=context)
        words = [*context._protected_args, *context.args]
        command = (
            context.command.resolve_command(context, words)[1] if isinstance(context.command, click.Group) else None
        )
        words = words[1:] if command else words
    assert words == []


def test_documents_have_commands() -> None:
    assert len(COMMANDS) > 25
    assert {"keys.md", "events.md", "nvmedctl.md", "README.md"} <= {document for document, _ in COMMANDS}
