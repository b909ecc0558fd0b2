"""What a simulation did and saw, in order: what validators judge, and what a digest of tells two runs apart.

Each entry is a JSON line. Times are milliseconds since the simulation began; a drive is known by its identity.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec


class Entry(msgspec.Struct, frozen=True, tag=True, omit_defaults=True, kw_only=True):
    """Something that happened. `life` counts the daemon's starts."""

    at_ms: int = 0
    life: int = 0


class Opened(Entry, frozen=True):
    """A daemon serves, with all settled that had been interrupted; `run` is that of its events."""

    run: str


class Died(Entry, frozen=True):
    """It was killed, or the power went (`is_cut`), at `where`; or it `stopped` as asked."""

    is_cut: bool = False
    stopped: bool = False
    where: str = ""


class Bug(Entry, frozen=True):
    """Something that must never be: an error that nobody foresaw, a daemon that does not start."""

    text: str


class Named(Entry, frozen=True):
    """A controller was given its name, or has it still."""

    name: str
    drive: str


# -- operations, as the journal has them: written when what they tell is on disk


class Began(Entry, frozen=True):
    operation: str
    kind: str
    target: str
    principal: str
    request_id: str
    parent: str


class Intended(Entry, frozen=True):
    operation: str
    step: int
    name: str


class Settled(Entry, frozen=True):
    operation: str
    step: int
    ok: bool


class Ended(Entry, frozen=True):
    operation: str
    state: str
    result: dict[str, Any] = {}
    reason: str = ""


class Audited(Entry, frozen=True):
    """A record of the audit is on disk."""

    kind: str
    operation: str


# -- drives


class Sent(Entry, frozen=True):
    """A command that changes a drive was on its way to it, now. Drives are known by their identity."""

    drive: str
    what: str


class Took(Entry, frozen=True):
    """The drive did it: `detail` says what. Whether anybody heard is another question."""

    drive: str
    what: str
    detail: dict[str, Any] = {}


# -- what clients asked and were told


class Told(Entry, frozen=True):
    """A client was told of an operation, when it asked for it or later; "" is that there is none."""

    principal: str
    request_id: str
    operation: str
    state: str = ""


class Committed(Entry, frozen=True):
    """A client was told how much of its upload is committed: while it sent it, or when it went on (`found`)."""

    upload: str
    size_bytes: int
    found: bool = False


class Dropped(Entry, frozen=True):
    """An upload, an image or a capture went as somebody asked, or may have."""

    name: str


class Kept(Entry, frozen=True):
    """A client was told that an image or a capture is there."""

    name: str
    sha256: str
    until_ms: int


class Listed(Entry, frozen=True):
    """What is there, of `kind`, by name: the digest it should have, the one its bytes have, and that of a log's data.

    It was begun to be looked at `since_ms`.
    """

    kind: str
    since_ms: int
    there: dict[str, tuple[str, str, str]]


class Raised(Entry, frozen=True):
    """A drive has a new telemetry log: the digest of its data, which follow its header."""

    drive: str
    sha256: str


class Published(Entry, frozen=True):
    """The daemon tells an event; `operation` and `state` are those of an operation that it is about."""

    run: str
    number: int
    kind: str
    operation: str = ""
    state: str = ""


class Watched(Entry, frozen=True):
    """A watcher read events of a run, or was told that so many are `missing`; where it `begins` it has read the one."""

    watcher: str
    run: str
    numbers: tuple[int, ...]
    missing: int = 0
    begins: bool = False


Known = (
    Opened | Died | Bug | Named | Began | Intended | Settled | Ended | Audited | Sent | Took | Told | Committed
    | Dropped | Kept | Listed | Raised | Published | Watched
)  # fmt: skip


def line(entry: Entry) -> str:
    """An entry as a line of JSON."""
    return msgspec.json.encode(entry, order="deterministic").decode()


def digest(entries: Iterable[Entry]) -> str:
    """What is the same for two histories that are the same."""
    found = hashlib.sha256()
    for entry in entries:
        found.update(line(entry).encode() + b"\n")
    return found.hexdigest()


def save(entries: Iterable[Entry], path: Path) -> None:
    """Keep a history."""
    path.write_text("".join(line(entry) + "\n" for entry in entries))


def load(path: Path) -> list[Entry]:
    """A history that was kept."""
    decoder = msgspec.json.Decoder(Known)
    return [decoder.decode(text) for text in path.read_text().splitlines()]
