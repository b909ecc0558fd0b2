"""The reader of documents itself: what it does, and that it finds what is not true."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.docs.blocks import Malformed, blocks, commands, matches, runnable, unmarked
from tests.docs.reader import Failed, Reader, reading


@pytest.fixture(scope="module")
def reader() -> Iterator[Reader]:
    with TemporaryDirectory(prefix="nvmed-docs-", dir="/tmp") as folder, reading(Path(folder)) as found:
        yield found


def follow(reader: Reader, *lines: str) -> None:
    for block in blocks("\n".join(lines)):
        reader.follow(block)


def test_a_block_has_the_words_of_its_first_line() -> None:
    (block,) = blocks('text\n```sh run needs="jq grpcurl"\necho a\n\n```\nmore')
    assert (block.line, block.language, block.text, block.needs) == (3, "sh", "echo a\n\n", ["jq", "grpcurl"])


def test_a_block_in_a_list_is_indented() -> None:
    (block,) = blocks("1. Type\n\n   ```sh run\n   echo a\n   ```\n")
    assert block.text == "echo a\n"


@pytest.mark.parametrize("text", ["```sh run", "```sh rnu\n```", "```sh skip=why\n```"])
def test_what_nobody_can_follow_is_refused(text: str) -> None:
    with pytest.raises(Malformed):
        blocks(text)


@pytest.mark.parametrize(
    ("first", "verdict"),
    [("sh", True), ("python", True), ("sh skip", True), ('sh skip="why"', False), ('python file="a.py"', False)],
)
def test_a_block_that_could_be_run_says_what_becomes_of_it(first: str, verdict: bool) -> None:
    (block,) = blocks(f"```{first}\n```")
    assert unmarked(block) is verdict


def test_what_is_left_out_prints_nothing() -> None:
    found = blocks('```go run needs="go"\n```\n```text output\nb\n```\n```sh run\n```\n```text output\nd\n```')
    assert [(block.language, block.text) for block in runnable(found)] == [("sh", "\n"), ("text", "d\n")]


def test_text_that_is_no_program_needs_no_word() -> None:
    assert not unmarked(blocks("```text\n```")[0])


def test_a_command_goes_on_until_it_is_complete() -> None:
    (block,) = blocks(
        "```sh run\n# why\nfor a in 1 2; do\n  echo $a\ndone\ncat <<END \\\n | tr a b\na\nEND\necho c\n```"
    )
    assert [(each.line, each.text.splitlines()[0]) for each in commands(block)] == [
        (3, "for a in 1 2; do"),
        (6, "cat <<END \\"),
        (10, "echo c"),
    ]


def test_three_points_stand_for_anything() -> None:
    assert matches("a ... d", "a b\nc d \n")
    assert not matches("a ... d", "a b")
    assert not matches("a.b", "acb")


def test_what_a_block_sets_the_next_one_has(reader: Reader) -> None:
    follow(
        reader,
        "```sh run",
        "NAME=drive && mkdir -p x && cd x",
        "```",
        "```console run",
        "$ echo $NAME ${PWD##*/}",
        "drive x",
        "$ cd ..",
        "```",
    )


def test_a_document_speaks_of_a_host_that_stands_elsewhere(reader: Reader) -> None:
    follow(
        reader,
        "```console run",
        "$ echo storage-7.example.org:7443 unix:/run/nvmed/admin.sock",
        "storage-7.example.org:7443 unix:/run/nvmed/admin.sock",
        "$ nvmedctl --address storage-7.example.org:7443 --ca ca.pem --cert viewer.pem --key viewer.key server info",
        "...spiffe://example.org/viewer...",
        "$ nvmedctl controllers list --no-headers",
        "controllers/sim00001nvd1t92-1 ...",
        "```",
    )


def test_files_are_there_and_programs_run(reader: Reader) -> None:
    follow(
        reader,
        '```python file="greet.py"',
        "text = 'hello'",
        "```",
        "```python run",
        "import greet, os",
        "print(greet.text, os.environ['NVMED_ADDRESS'])",
        "```",
        "```text output",
        "hello unix:/run/nvmed/admin.sock",
        "```",
    )


def test_a_failure_that_is_shown_is_none(reader: Reader) -> None:
    follow(reader, "```console run", "$ nvmedctl controllers show nvme9", "error: ...", "$ echo $?", "3", "```")


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        (("```sh run", "true", "false", "```"), "line 3: false\nexited with 1"),
        (("```console run", "$ echo a", "b", "```"), "printed\na\n\ninstead of\nb"),
        (("```python run", "raise SystemExit(3)", "```"), "exited with 3"),
        (("```sh run", "if", "```"), "does not end"),
    ],
)
def test_what_is_not_true_is_found(reader: Reader, lines: tuple[str, ...], told: str) -> None:
    with pytest.raises((Failed, Malformed)) as caught:
        follow(reader, *lines)
    assert told in str(caught.value)


def test_what_runs_in_the_background_holds_nobody(reader: Reader) -> None:
    follow(reader, "```console run", "$ sleep 1000 &", "$ kill -0 $! && echo runs", "runs", "```")
