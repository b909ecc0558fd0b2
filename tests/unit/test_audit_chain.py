"""The audit's chain: whatever is done to its files afterwards is found."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nvmed.audit_chain import (
    HEAD,
    START,
    Position,
    decode,
    encode,
    files,
    lines_backwards,
    newest_first,
    read_head,
    verify,
)  # fmt: skip
from nvmed.security.audit_file import AuditFile, Damaged

RECORDS = 23
BYTES_MAX = 1200
"""Of a file: five records."""


def record(number: int) -> dict[str, Any]:
    return {"event": "attempt", "principal": "unix:admin", "message": f"{number}" * 40}


def write(directory: Path, count: int = RECORDS, files_max: int = 0) -> None:
    """A chain of `count` records, each synced alone."""
    audit = AuditFile(directory, BYTES_MAX, files_max)
    with closing(audit):
        for number in range(count):
            audit.append([record(number)])


@pytest.fixture(scope="module")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("audit")
    write(directory)
    assert len(files(directory)) > 3
    return directory


def sentences(directory: Path, anchors: Sequence[Position] = ()) -> list[str]:
    return [f"{problem.where}: {problem.sentence}" for problem in verify(directory, anchors).problems]


def copy(pristine: Path) -> Path:
    """A copy to be tampered with."""
    target = pristine.parent / f"{pristine.name}-copy"
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(pristine, target)
    return target


def test_what_was_written_is_right(pristine: Path) -> None:
    found = verify(pristine)
    assert (found.problems, found.records, found.first, found.last.sequence) == ([], RECORDS, 1, RECORDS)
    assert (found.incomplete, found.last) == ("", read_head(pristine))


@given(st.data())
def test_every_changed_byte_is_found(pristine: Path, data: st.DataObject) -> None:
    """Also one of the names, of the hashes, of the ends of lines and of the head."""
    directory = copy(pristine)
    path = data.draw(st.sampled_from([*(path for _, path in files(directory)), directory / HEAD]))
    content = bytearray(path.read_bytes())
    place = data.draw(st.integers(0, len(content) - 1))
    content[place] ^= data.draw(st.integers(1, 255))
    path.write_bytes(content)
    assert sentences(directory)


@given(st.data())
def test_every_lost_byte_is_found(pristine: Path, data: st.DataObject) -> None:
    """Whether in the middle or at the end: torn off, also at the end of a line."""
    directory = copy(pristine)
    _, path = data.draw(st.sampled_from(list(files(directory))))
    content = path.read_bytes()
    ends = [place + 1 for place, byte in enumerate(content) if byte == 0x0A]
    place = data.draw(st.integers(0, len(content) - 1) | st.sampled_from([0, *ends[:-1]]))
    path.write_bytes(content[:place])
    assert sentences(directory)


@given(st.data())
def test_every_lost_moved_or_repeated_record_is_found(pristine: Path, data: st.DataObject) -> None:
    directory = copy(pristine)
    paths = [path for _, path in files(directory)]
    lines = [line for path in paths for line in path.read_bytes().splitlines(keepends=True)]
    one, other = data.draw(st.lists(st.integers(0, len(lines) - 1), min_size=2, max_size=2, unique=True))
    change = data.draw(st.sampled_from(["lose", "move", "swap", "repeat"]))
    if change == "lose":
        del lines[one]
    elif change == "move":
        lines.insert(other, lines.pop(one))
    elif change == "swap":
        lines[one], lines[other] = lines[other], lines[one]
    else:
        lines.insert(other, lines[one])
    for path in paths[1:]:
        path.unlink()
    paths[0].write_bytes(b"".join(lines))
    assert sentences(directory)


@pytest.mark.parametrize("number", range(4))
def test_every_lost_file_is_found(pristine: Path, number: int) -> None:
    directory = copy(pristine)
    files(directory)[number][1].unlink()
    assert sentences(directory)
    files(directory)[-1][1].unlink()
    assert sentences(directory)


def test_a_chain_that_was_made_anew_is_found_by_an_anchor_alone(pristine: Path, tmp_path: Path) -> None:
    """Whoever can write everything can make everything: a record that somebody else has tells."""
    anchor = verify(pristine).last
    write(tmp_path / "forged", RECORDS + 3)
    assert sentences(tmp_path / "forged") == []
    assert sentences(tmp_path / "forged", [anchor]) == []  # the same records have the same hashes
    audit = AuditFile(tmp_path / "other", BYTES_MAX, 0)
    audit.append([{"event": "attempt", "principal": "unix:nobody"}])
    audit.append([record(number) for number in range(1, RECORDS)])
    audit.close()
    assert sentences(tmp_path / "other") == []
    assert any("another than the one" in found for found in sentences(tmp_path / "other", [anchor]))
    assert any("cut off" in found for found in sentences(tmp_path / "other", [Position(99, anchor.digest)]))


def test_files_that_were_to_be_deleted_are_not_missed(tmp_path: Path) -> None:
    write(tmp_path, files_max=3)
    assert len(files(tmp_path)) == 3
    found = verify(tmp_path)
    assert (found.problems, found.first > 1) == ([], True)
    files(tmp_path)[0][1].unlink()
    assert any("no record says why" in sentence for sentence in sentences(tmp_path))


def test_a_record_is_what_it_was_made_of() -> None:
    fields = {"event": "denial", "message": 'a "quoted" \n line, \u00e4\ud800', "parameters": {"a": [1, None]}}
    line, position = encode(fields, START)
    assert line.count(b"\n") == 1
    found = decode(line)
    assert (found.position, found.previous, found.fields) == (position, START.digest, fields)


PLAIN = st.none() | st.booleans() | st.integers() | st.text(max_size=9)
JSON = st.recursive(PLAIN, lambda inner: st.lists(inner, max_size=3))
NONSENSE = st.binary(max_size=80) | st.dictionaries(st.text(max_size=9), JSON, max_size=4)


@given(st.lists(NONSENSE, max_size=6), st.binary(max_size=90))
def test_verify_reads_whatever_there_is(
    tmp_path_factory: pytest.TempPathFactory, lines: list[bytes | dict[str, Any]], head: bytes
) -> None:
    """Also what has a right hash and says nonsense."""
    directory = tmp_path_factory.mktemp("nonsense")
    made = [line + b"\n" if isinstance(line, bytes) else encode(line, START)[0] for line in lines]
    (directory / "audit-0000000000000001.jsonl").write_bytes(b"".join(made))
    (directory / HEAD).write_bytes(head)
    found = verify(directory, [Position(3, "0" * 64)])
    assert found.problems


@given(st.binary(max_size=300))
def test_what_is_no_record_is_refused(line: bytes) -> None:
    with pytest.raises(ValueError, match=r"no record|was changed"):
        decode(line)


@given(
    st.lists(st.binary(max_size=200_000).map(lambda line: line.replace(b"\n", b"")), max_size=5), st.binary(max_size=9)
)
def test_lines_are_read_backwards(tmp_path_factory: pytest.TempPathFactory, lines: list[bytes], rest: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "lines"
    path.write_bytes(b"".join(line + b"\n" for line in lines) + rest.replace(b"\n", b""))
    assert list(lines_backwards(path)) == lines[::-1]


def test_the_newest_come_first(pristine: Path) -> None:
    numbers = [decode(line).position.sequence for _, line in newest_first(pristine)]
    assert numbers == list(range(RECORDS, 0, -1))
    older = [decode(line).position.sequence for _, line in newest_first(pristine, 7)]
    assert [number for number in older if number < 7] == [6, 5, 4, 3, 2, 1]


@pytest.mark.parametrize("cut", [1, 40, 120])
def test_half_a_line_is_cut_off_and_that_is_recorded(tmp_path: Path, cut: int) -> None:
    """What kill -9 or a power cut leaves; its record was never said to be there, so the head is before it."""
    write(tmp_path, 3)
    path = files(tmp_path)[-1][1]
    with path.open("ab") as file:
        file.write(encode(record(3), START)[0][:-cut])
    assert verify(tmp_path).incomplete == f"{path.name}:4"
    write(tmp_path, 1)
    found = [decode(line) for _, line in newest_first(tmp_path)]
    assert [one.fields["event"] for one in found] == ["attempt", "recovered", "attempt", "attempt", "attempt"]
    assert sentences(tmp_path) == []


def test_half_a_line_is_all_there_is(tmp_path: Path) -> None:
    write(tmp_path, 0)
    (tmp_path / "audit-0000000000000001.jsonl").write_bytes(b'{"seq":1')
    write(tmp_path, 1)
    assert [decode(line).fields["event"] for _, line in newest_first(tmp_path)] == ["attempt", "recovered"]
    assert sentences(tmp_path) == []


def test_nothing_is_written_after_what_is_damaged(tmp_path: Path) -> None:
    write(tmp_path, 3)
    path = files(tmp_path)[-1][1]
    whole = path.read_bytes()
    for damaged in (whole.replace(b"unix:admin", b"unix:lamb!", 1), whole[: whole.index(b"\n") + 1], b""):
        path.write_bytes(damaged)
        with pytest.raises(Damaged):
            write(tmp_path, 1)
        assert path.read_bytes() == damaged
    path.unlink()
    with pytest.raises(Damaged, match="missing"):
        write(tmp_path, 1)


@pytest.mark.parametrize("content", [None, b""], ids=["deleted", "emptied"])
@pytest.mark.parametrize("keep", [1, 2, 3])
def test_records_without_a_head_are_damage(tmp_path: Path, content: bytes | None, keep: int) -> None:
    """Not a new start: else the end could be cut off together with the head."""
    write(tmp_path, 3)
    path = files(tmp_path)[-1][1]
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:keep]))
    left = path.read_bytes()
    (tmp_path / HEAD).unlink()
    if content is not None:
        (tmp_path / HEAD).write_bytes(content)
    with pytest.raises(Damaged, match="head is missing"):
        write(tmp_path, 1)
    assert path.read_bytes() == left
    assert any(sentence.startswith("head: is missing") for sentence in sentences(tmp_path))


@pytest.mark.parametrize("left", [[], [HEAD], [HEAD, "audit-0000000000000001.jsonl"]], ids=str)
def test_a_beginning_that_was_cut_off_is_a_new_start(tmp_path: Path, left: list[str]) -> None:
    """By a power cut, before there was any record."""
    for name in left:
        (tmp_path / name).touch()
    write(tmp_path, 2)
    assert sentences(tmp_path) == []


def _cut(path: Path) -> None:
    os.truncate(path, path.stat().st_size - 1)


def _add(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b"\n")


def _replace(path: Path) -> None:
    copy = path.with_suffix(".copy")
    copy.write_bytes(path.read_bytes())
    copy.replace(path)


def _replace_linked(path: Path) -> None:
    os.link(path, path.with_suffix(".kept"))
    _replace(path)


@pytest.mark.parametrize(
    ("done", "said"),
    [
        (_cut, "was cut off or added to"),
        (_add, "was cut off or added to"),
        (_replace, "was deleted"),
        (lambda path: path.rename(path.with_suffix(".away")), "was moved away"),
        (_replace_linked, "was replaced"),
        (Path.unlink, "was deleted"),
    ],
)
def test_what_is_done_to_the_file_while_it_is_written_is_noticed(
    tmp_path: Path, done: Callable[[Path], object], said: str
) -> None:
    audit = AuditFile(tmp_path, 64 * 1024, 0)
    with closing(audit):
        audit.append([record(0), record(1)])
        path = files(tmp_path)[-1][1]
        done(path)
        left = path.read_bytes() if path.exists() else b""
        with pytest.raises(Damaged, match=said) as caught:
            audit.append([record(2)])
        assert str(path) in str(caught.value)
        assert (path.read_bytes() if path.exists() else b"") == left


def test_a_problem_names_its_place(pristine: Path) -> None:
    """The file and the line after which something is missing, not only that it is."""
    directory = copy(pristine)
    *_, (first, path) = files(directory)
    kept = path.read_bytes().splitlines(keepends=True)[:2]
    path.write_bytes(b"".join(kept))
    assert sentences(directory) == [
        f"{path.name}:2: records {first + 2} to {RECORDS} are missing after it: it was cut off"
    ]
    path.unlink()
    (found,) = sentences(directory)
    assert found.startswith(f"{files(directory)[-1][1].name}:")


def test_a_head_that_is_behind_is_no_damage(tmp_path: Path) -> None:
    """It is not synced, so a power cut may leave an older one."""
    write(tmp_path, 2)
    older = (tmp_path / HEAD).read_bytes()
    write(tmp_path, 3)
    (tmp_path / HEAD).write_bytes(older)
    assert sentences(tmp_path) == []
    write(tmp_path, 1)
    assert verify(tmp_path).last == read_head(tmp_path)


def test_files_are_their_owners_alone(tmp_path: Path) -> None:
    write(tmp_path / "audit", 1)
    modes = {path.name: path.stat().st_mode & 0o777 for path in (tmp_path / "audit").iterdir()}
    assert set(modes.values()) == {0o600}
    assert (tmp_path / "audit").stat().st_mode & 0o777 == 0o700


def test_one_daemon_writes_at_a_time(tmp_path: Path) -> None:
    first = AuditFile(tmp_path, BYTES_MAX, 0)
    first.append([record(0)])
    with pytest.raises(BlockingIOError):
        write(tmp_path, 1)
    first.close()
    write(tmp_path, 1)
    assert json.loads(next(iter(newest_first(tmp_path)))[1])["seq"] == 2
