"""The audit's files: their form, and whether they still are what the daemon wrote.

    DIRECTORY/audit-0000000000000001.jsonl    records from number 1 on, one JSON object a line
    DIRECTORY/audit-0000000000000412.jsonl    the next file
    DIRECTORY/head                            number and hash of the last record that was on disk

A record ends with `"previous"`, the hash of the one before it, and `"hash"`, the SHA-256 of the line up to there. So
nothing in the middle can be changed, left out or moved unnoticed, nor anything cut off at the end while `head` stays.
Whoever can write the directory can make another chain as a whole: against that helps a copy elsewhere (journald's),
with one record of which `verify` can be told to compare.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from nvmed.files import open_binary, read_bytes

HEAD: Final = "head"
REMOVED: Final = "removed"
"""The event of a record that says which files were deleted, as the configuration asks: through number `through`."""

PROBLEMS_MAX: Final = 100
"""`verify` stops looking after so many."""

_FILE: Final = re.compile(r"audit-([0-9]{16})\.jsonl")
_HEAD: Final = re.compile(rb"([0-9]{16}) ([0-9a-f]{64})\n")
_END: Final = re.compile(rb',"hash":"([0-9a-f]{64})"}')
_END_BYTES: Final = len(b',"hash":""}') + 64
_BLOCK: Final = 64 * 1024


@dataclass(frozen=True, slots=True)
class Position:
    """Where a chain is: the number and the hash of a record."""

    sequence: int
    digest: str

    @classmethod
    def parse(cls, text: str) -> Position:
        """The position that `NUMBER:HASH` is; `ValueError` if it is none."""
        number, _, digest = text.partition(":")
        if not number.isascii() or not number.isdigit() or not re.fullmatch("[0-9a-f]{64}", digest):
            raise ValueError(f"{text!r} is not NUMBER:HASH")
        return cls(int(number), digest)

    def __str__(self) -> str:
        return f"{self.sequence}:{self.digest}"


START: Final = Position(0, "0" * 64)


@dataclass(frozen=True, slots=True)
class Record:
    """One line: what it says, where it is in the chain and after what."""

    position: Position
    previous: str
    fields: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong where: `file`, or `file:line`."""

    where: str
    sentence: str


@dataclass(slots=True)
class Verified:
    """What `verify` found."""

    records: int = 0
    files: int = 0
    first: int = 0
    last: Position = START
    incomplete: str = ""
    """Where the last line has no end: the daemon is writing it, or was stopped in it; nobody was told it was there."""
    problems: list[Problem] = field(default_factory=list)

    def found(self, where: str, sentence: str) -> None:
        """Add a problem."""
        self.problems.append(Problem(where, sentence))


def stamp(when: datetime) -> str:
    """A moment in UTC as records have it."""
    return when.isoformat(timespec="microseconds").replace("+00:00", "Z")


def encode(fields: Mapping[str, Any], previous: Position) -> tuple[bytes, Position]:
    """The line of a record after `previous`, and where that takes the chain."""
    sequence = previous.sequence + 1
    whole = {"seq": sequence, **fields, "previous": previous.digest}
    body = json.dumps(whole, separators=(",", ":"), ensure_ascii=True, allow_nan=False).encode()[:-1]
    digest = hashlib.sha256(body).hexdigest()
    return b'%s,"hash":"%s"}\n' % (body, digest.encode()), Position(sequence, digest)


def decode(line: bytes) -> Record:
    """The record of a line, with or without its end; `ValueError` if it is none, or not what was written."""
    line = line.removesuffix(b"\n")
    end = _END.fullmatch(line[-_END_BYTES:])
    if not end:
        raise ValueError("is no record")
    body = line[:-_END_BYTES]
    digest = end[1].decode()
    if hashlib.sha256(body).hexdigest() != digest:
        raise ValueError("was changed: its hash is another")
    try:
        fields = json.loads(body + b"}")
        sequence, previous = fields.pop("seq"), fields.pop("previous")
    except (ValueError, KeyError, AttributeError, RecursionError):
        raise ValueError("is no record") from None
    if type(sequence) is not int or sequence < 1 or not isinstance(previous, str):
        raise ValueError("is no record")
    return Record(Position(sequence, digest), previous, fields)


def file_name(first: int) -> str:
    """The name of the file that begins with record `first`."""
    return f"audit-{first:016d}.jsonl"


def files(directory: Path) -> Sequence[tuple[int, Path]]:
    """(first number, path) of each file, oldest first."""
    found = ((_FILE.fullmatch(path.name), path) for path in directory.iterdir())
    return sorted((int(match[1]), path) for match, path in found if match)


def encode_head(position: Position) -> bytes:
    """What `head` holds: always as long."""
    return b"%016d %s\n" % (position.sequence, position.digest.encode())


def read_head(directory: Path) -> Position | None:
    """What `head` says, None if there is none or nothing in it; `ValueError` if it is damaged."""
    try:
        data = read_bytes(directory / HEAD)
    except FileNotFoundError:
        return None
    if not data:
        return None
    match = _HEAD.fullmatch(data)
    if not match:
        raise ValueError("is damaged")
    return Position(int(match[1]), match[2].decode())


def verify(directory: Path, anchors: Sequence[Position] = ()) -> Verified:
    """Read everything there is and follow the chain; `anchors` are records whose hashes are known from elsewhere."""
    verified = Verified()
    known = {anchor.sequence: anchor.digest for anchor in anchors}
    try:
        head = read_head(directory)  # before the files: those may only be further
    except ValueError as exc:
        head = None
        verified.found(HEAD, str(exc))
    else:
        if head is None:
            verified.found(HEAD, "is missing, so that nobody can tell whether the end was cut off")
        elif head != START:
            known.setdefault(head.sequence, head.digest)
    chain = _Chain(verified, known)
    for first, path in files(directory):
        chain.read(first, path)
        if len(verified.problems) >= PROBLEMS_MAX:
            return verified
    chain.end()
    return verified


class _Chain:
    """Follows records through files, and goes on after what is wrong."""

    def __init__(self, verified: Verified, known: Mapping[int, str]) -> None:
        self._verified = verified
        self._known = dict(known)
        self._removed_through = 0
        self._begun = False
        self._files: list[tuple[int, str]] = []
        self._last_where = ""

    def read(self, first: int, path: Path) -> None:
        """Follow the records of the next file, which should begin with record `first`."""
        verified = self._verified
        if verified.incomplete:
            verified.found(verified.incomplete, "has no end, and another file follows")
            verified.incomplete = ""
        expected = verified.last.sequence + 1
        if self._begun and first != expected:
            verified.found(path.name, f"begins with record {first}; {expected} should follow")
        verified.files += 1
        self._files.append((first, path.name))
        number = 0
        with open_binary(path) as file:
            for number, line in enumerate(file, 1):
                where = f"{path.name}:{number}"
                if not line.endswith(b"\n"):
                    verified.incomplete = where
                    return
                if number == 1:
                    self._begin(where, line, first)
                self._follow(where, line)
                if len(verified.problems) >= PROBLEMS_MAX:
                    return

    def end(self) -> None:
        """Look at what can be said only once everything was read."""
        verified = self._verified
        if verified.first > 1 and self._removed_through < verified.first - 1:
            verified.found(file_name(1), f"records 1 to {verified.first - 1} are missing, and no record says why")
        for sequence in self._known:
            if sequence > verified.last.sequence:
                where = verified.incomplete or self._last_where or HEAD
                missing = f"records {verified.last.sequence + 1} to {sequence} are missing after it: it was cut off"
                verified.found(where, missing)
            elif sequence >= verified.first:
                where = max((name for first, name in self._files if first <= sequence), default=HEAD)
                verified.found(where, f"record {sequence}, which is known from elsewhere, is missing")

    def _begin(self, where: str, line: bytes, first: int) -> None:
        """Take the first file's first record as the beginning."""
        if self._begun:
            return
        self._begun = True
        verified = self._verified
        verified.first = first
        if first == 1:
            return
        try:
            record = decode(line)
        except ValueError:
            verified.last = Position(first - 1, "")  # `_follow` says it
            return
        verified.last = Position(first - 1, record.previous)
        if record.position.sequence != first:
            verified.found(where, f"is record {record.position.sequence}, and the file's name says {first}")

    def _follow(self, where: str, line: bytes) -> None:
        verified = self._verified
        self._last_where = where
        try:
            record = decode(line)
        except ValueError as exc:
            verified.found(where, str(exc))
            verified.last = Position(verified.last.sequence + 1, "")
            return
        expected = verified.last.sequence + 1
        found = record.position.sequence
        if found > expected:
            verified.found(where, f"is record {found}; {expected} to {found - 1} are missing before it")
        elif found < expected:
            verified.found(where, f"is record {found}, after {expected - 1}: it was moved or repeated")
        elif verified.last.digest and record.previous != verified.last.digest:
            verified.found(where, f"does not follow record {expected - 1} as that is now")
        known = self._known.pop(found, record.position.digest)
        if known != record.position.digest:
            verified.found(where, f"record {found} is another than the one that is known from elsewhere")
        if record.fields.get("event") == REMOVED and isinstance(through := record.fields.get("through"), int):
            self._removed_through = max(self._removed_through, through)
        verified.records += 1
        verified.last = record.position


def newest_first(directory: Path, before: int = 0) -> Iterator[tuple[Path, bytes]]:
    """(file, line) of each whole line, last first; with `before`, from the file on that holds the record before it."""
    for first, path in reversed(files(directory)):
        if before and first >= before:
            continue
        for line in lines_backwards(path):
            yield path, line


def lines_backwards(path: Path) -> Iterator[bytes]:
    """The lines of a file that have an end, without it, last first."""
    with open_binary(path) as file:
        position = file.seek(0, os.SEEK_END)
        rest = b""
        whole = False  # what is behind the last line's end is no line
        while position:
            size = min(_BLOCK, position)
            position -= size
            file.seek(position)
            rest = file.read(size) + rest
            *lines, tail = rest.split(b"\n")
            if not lines:
                continue
            rest = lines[0]
            if whole:
                yield tail
            yield from reversed(lines[1:])
            whole = True
        if whole:
            yield rest
