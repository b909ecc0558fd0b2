"""What happened in a round of random traffic, as a list that is judged afterwards, and a file that can be judged again.

`at_s` is CLOCK_MONOTONIC, which all processes of a host share and no step of the clock moves. The entries say what was
done and seen, not why: validators know nothing of who drew it.
"""

from __future__ import annotations

import gzip
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TypeVar

import msgspec


class Entry(msgspec.Struct, frozen=True, tag_field="what", omit_defaults=True, kw_only=True):
    """One thing that happened."""

    at_s: float = msgspec.field(default_factory=time.monotonic)


class Started(Entry, frozen=True, kw_only=True, tag="started"):
    """A daemon serves; `viewers` may change nothing."""

    viewers: tuple[str, ...] = ()


class Died(Entry, frozen=True, kw_only=True, tag="died"):
    """A daemon is no more: `kill`, `power-cut`, or `exit N` by itself."""

    how: str


class Fault(Entry, frozen=True, kw_only=True, tag="fault"):
    """A fault begins, or is over. `drive` is a serial number, "" where it is the host's."""

    kind: str
    is_on: bool
    drive: str = ""


class Answered(Entry, frozen=True, kw_only=True, tag="answered"):
    """A call ended. `drive` is the controller that it was about."""

    method: str
    principal: str
    took_s: float
    code: str = "OK"
    reason: str = ""
    drive: str = ""
    message: str = ""


class Operation(Entry, frozen=True, kw_only=True, tag="operation"):
    """What a client was told of an operation, in a call that began at `began_s`: it was so at some time in between.

    `is_last` is what the journal has at the end of the round, when nothing runs any more.
    """

    name: str
    principal: str
    request_id: str
    state: str
    method: str = ""
    target: str = ""
    reason: str = ""
    began_s: float = float("inf")
    running_revision: str = ""
    is_last: bool = False


class Step(msgspec.Struct, frozen=True, array_like=True):
    """A step under way: of which operation and method, about what, and by whose request.

    `request` is the operation that was asked for, of which `operation` may be a part.
    """

    operation: str
    method: str
    target: str
    principal: str
    request: str


class Command(Entry, frozen=True, kw_only=True, tag="command"):
    """A drive was given a command that changes it, just before and again just after; or was reset.

    `open_steps` are the steps that the journal says are under way and `audited` the number of the audit's last record,
    as another process finds them in files. `is_changed` is None before; `runs` is the firmware that runs then.
    """

    drive: str
    opcode: str
    open_steps: tuple[Step, ...] = ()
    audited: int = 0
    is_changed: bool | None = None
    runs: str = ""


class Named(Entry, frozen=True, kw_only=True, tag="named"):
    """A name was shown with the drive that has it."""

    name: str
    drive: str


class Window(Entry, frozen=True, kw_only=True, tag="window"):
    """Bytes of a telemetry log: the checksum of those from `offset` to its next multiple of 64 KiB, or the end."""

    drive: str
    source: str
    generation: int
    offset: int
    size_bytes: int
    crc32: int


class Trailer(Entry, frozen=True, kw_only=True, tag="trailer"):
    """A log, capture or image was said to be whole: what its hash is by what was said, and by what was received."""

    name: str
    said: str
    received: str


class Committed(Entry, frozen=True, kw_only=True, tag="committed"):
    """So much of an upload was said to be committed; `is_end` when it has become an image or was given up."""

    upload: str
    size_bytes: int
    is_end: bool = False


class Kept(Entry, frozen=True, kw_only=True, tag="kept"):
    """Something was said to be kept, or (`is_kept` false) to be there no more; `is_last` as found at the end."""

    name: str
    is_kept: bool = True
    is_last: bool = False


class Event(Entry, frozen=True, kw_only=True, tag="event"):
    """A watcher got an event."""

    watcher: str
    run: str
    sequence: int


class Missed(Entry, frozen=True, kw_only=True, tag="missed"):
    """A watcher was told that events are missing: how many, 0 where that is not known."""

    watcher: str
    count: int


class Memory(Entry, frozen=True, kw_only=True, tag="memory"):
    """What a daemon holds; `is_idle` after everybody has left it."""

    resident_bytes: int
    threads: int
    is_idle: bool = False


class Attempt(msgspec.Struct, frozen=True, array_like=True):
    """A record of the audit: its number, and who was about to do what."""

    number: int
    principal: str
    method: str


class Audited(Entry, frozen=True, kw_only=True, tag="audited"):
    """What is wrong with the audit's chain at the end, and its records of attempts."""

    problems: tuple[str, ...] = ()
    attempts: tuple[Attempt, ...] = ()


class Leaked(Entry, frozen=True, kw_only=True, tag="leaked"):
    """A secret was found where it must not be."""

    secret: str
    place: str


class Bug(Entry, frozen=True, kw_only=True, tag="bug"):
    """A line of the log that says that nvmed has a bug."""

    line: str


Any = (
    Started | Died | Fault | Answered | Operation | Command | Named | Window | Trailer | Committed | Kept | Event
    | Missed | Memory | Audited | Leaked | Bug
)  # fmt: skip
History = list[Any]
E_co = TypeVar("E_co", bound=Entry)

_ENCODER = msgspec.json.Encoder()
_DECODER = msgspec.json.Decoder(Any)


def of(history: Iterable[Entry], kind: type[E_co]) -> Iterator[E_co]:
    """The entries of a kind."""
    return (entry for entry in history if isinstance(entry, kind))


def encoded(entry: Entry) -> bytes:
    """As a line."""
    return _ENCODER.encode(entry) + b"\n"


def parse(lines: Iterable[bytes]) -> History:
    """The entries of lines; `msgspec.ValidationError` for what is none. A last line that was cut off is left out."""
    found: History = []
    for line in lines:
        if line.endswith(b"\n"):
            found.append(_DECODER.decode(line))
    return found


def write(history: Iterable[Entry], file: Path) -> None:
    """Keep a history for later."""
    with gzip.open(file, "wb", compresslevel=9) as kept:
        kept.writelines(map(encoded, history))


def read(file: Path) -> History:
    """A history that was kept."""
    with gzip.open(file, "rb") as kept:
        return parse(kept)
