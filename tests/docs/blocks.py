"""Fenced blocks of documents, and what their first line says becomes of each.

    ```sh run                               each command must succeed
    ```console run                          the same after `$ `; what stands below is what is printed, `...` anything
    ```python run                           a program of its own; also `go run`
    ```text output                          what the block before printed
    ```toml file="nvmed.toml"               the file is there for the blocks after it
    ```sh run needs="grpcurl jq"            run in `make docs-test` alone, which has these
    ```sh skip="needs two ports of a drive" not run, and why

Words after the language are those that Markdown's renderers take for attributes and show nobody.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

RUNNABLE = frozenset({"sh", "console", "python", "go"})
"""Languages of which each block says what becomes of it."""

_FENCE = re.compile(r"^(?P<indent> *)```(?P<language>[\w+-]*) *(?P<words>.*)$")
_ITEM = re.compile(r" *([-*]|\d+\.) ")
_WORD = re.compile(r'(?P<key>[a-z]+)(?:="(?P<value>[^"]*)")?(?: +|$)')
_KEYS = frozenset({"run", "skip", "file", "needs", "output"})


class Malformed(ValueError):
    """A block whose first line nobody can follow."""


@dataclass(frozen=True, slots=True)
class Block:
    """One block; `line` is that of its first line of text, `words` what follows the language."""

    line: int
    language: str
    text: str
    words: dict[str, str] = field(default_factory=dict)

    @property
    def needs(self) -> list[str]:
        return self.words.get("needs", "").split()


@dataclass(frozen=True, slots=True)
class Command:
    """What is typed at `line`, and what must be printed then; None for whatever is."""

    line: int
    text: str
    printed: str | None = None


def blocks(text: str) -> list[Block]:
    """All fenced blocks of a document, in their order; raises `Malformed`."""
    return list(_blocks(text.splitlines()))


def _blocks(lines: list[str]) -> Iterator[Block]:
    numbered = iter(enumerate(lines, 1))
    for number, line in numbered:
        if not (opening := _FENCE.match(line)):
            continue
        indent, content = len(opening["indent"]), []
        for _, each in numbered:
            if each.strip() == "```":
                break
            content.append(each[indent:] if not each[:indent].strip() else each)
        else:
            raise Malformed(f"line {number}: the block does not end")
        yield Block(number + 1, opening["language"], "\n".join(content) + "\n", _words(number, opening["words"]))


def _words(line: int, text: str) -> dict[str, str]:
    words, at = {}, 0
    while at < len(text):
        word = _WORD.match(text, at)
        if not word or word["key"] not in _KEYS:
            raise Malformed(f"line {line}: {text[at:]!r} is none of {', '.join(sorted(_KEYS))}")
        words[word["key"]] = word["value"] or ""
        at = word.end()
    return words


def runnable(found: list[Block]) -> list[Block]:
    """The blocks of a document that need no tools, with what they print."""
    kept: list[Block] = []
    left_out = False
    for block in found:
        left_out = bool(block.needs) or (left_out and "output" in block.words)
        if not left_out:
            kept.append(block)
    return kept


def unmarked(block: Block) -> bool:
    """Whether a block that could be run says neither that it is nor why not."""
    marked = "run" in block.words or bool(block.words.get("skip")) or "file" in block.words
    return block.language in RUNNABLE and not marked


def commands(block: Block) -> list[Command]:
    """What a block of `sh` or `console` has to be typed, a command at a time."""
    lines = list(enumerate(block.text.splitlines(), block.line))
    return list(_prompted(lines) if block.language == "console" else _complete(lines))


def _prompted(lines: list[tuple[int, str]]) -> Iterator[Command]:
    typed: list[str] = []
    printed: list[str] = []
    began = 0
    for number, line in [*lines, (0, "$ ")]:
        if line.startswith("> ") and typed and not printed:
            typed.append(line[2:])
        elif not line.startswith("$ "):
            printed.append(line)
        else:
            if typed:
                # Nothing below a command that nothing follows is no promise that it prints nothing.
                expected = "\n".join(printed).strip("\n")
                yield Command(began, "\n".join(typed), expected or None)
            elif printed:
                raise Malformed(f"line {lines[0][0]}: a block of console begins with `$ `")
            typed, printed, began = [line[2:]], [], number


def _complete(lines: list[tuple[int, str]]) -> Iterator[Command]:
    """Lines are taken together until the shell finds nothing missing."""
    typed: list[str] = []
    began = 0
    for number, line in lines:
        if not typed and (not line.strip() or line.lstrip().startswith("#")):
            continue
        began = began if typed else number
        typed.append(line)
        text = "\n".join(typed)
        if not line.endswith("\\") and not _incomplete(text):
            yield Command(began, text)
            typed = []
    if typed:
        raise Malformed(f"line {began}: the command does not end")


def _incomplete(text: str) -> bool:
    """Also where bash only warns: of a here-document without its end."""
    return bool(subprocess.run(["bash", "-n", "-c", text], capture_output=True, check=False).stderr)


def matches(expected: str, printed: str) -> bool:
    """Whether `printed` is what a document shows; blanks at ends of lines do not count, `...` is anything."""
    pattern = re.escape(_trimmed(expected)).replace(re.escape("..."), ".*?")
    return re.fullmatch(pattern, _trimmed(printed), re.DOTALL) is not None


def _trimmed(text: str) -> str:
    return "\n".join(line.rstrip() for line in text.strip("\n").splitlines())


def indented(text: str) -> list[int]:
    """The lines where code begins that is indented and not fenced, so that no word says what becomes of it."""
    found = []
    fenced = listed = False
    before = ""
    for number, line in enumerate(text.splitlines(), 1):
        if line.lstrip().startswith("```"):
            fenced = not fenced
        elif not fenced and line.strip():
            listed = bool(_ITEM.match(line)) or (listed and line.startswith(" "))
            if line.startswith("    ") and not before.strip() and not listed:
                found.append(number)
        before = line
    return found


def documents(root: Path) -> list[Path]:
    """What people read: everything in Markdown but what others have written."""
    found = [*root.glob("*.md"), *(root / "docs").rglob("*.md")]
    for folder in ("bench", "clients", "fleet", "packaging", "tests"):
        found += [*(root / folder).glob("README.md"), *(root / folder).glob("*/README.md")]
    return sorted(found)
