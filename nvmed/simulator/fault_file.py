"""Faults of simulated drives as a TOML file: what can be wrong, how it is written, and what is refused.

    [[faults]]
    kind = "status"
    controller = "nvme0"
    opcode = "get-log-page"
    log_page = "smart-health-information"
    sc = 0x06
    count = 3

`KINDS` has every kind with its fields; `docs/simulator.md` shows them. A file that has anything else in it is refused
as a whole, by the place that is wrong, and with what it may have meant.
"""

from __future__ import annotations

import difflib
import json
import tomllib
from collections.abc import Iterable, Mapping
from enum import IntEnum
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta

from nvmed import trusted
from nvmed.nvme.opcodes import AdminOpcode, IoOpcode, LogPage
from nvmed.nvme.status import DO_NOT_RETRY, Queue

FAULTS_MAX: Final = 256
TEXT_BYTES_MAX: Final = 256 * 1024
_NAME: Final = "^([a-z0-9][a-z0-9-]{0,62})?$"
_CONTROLLER: Final = "^[ -~]{0,64}$"
_WORDS: Final = {
    f"`str` matching regex '{_NAME}'": "a name of lower-case letters, digits and hyphens",
    f"`str` matching regex '{_CONTROLLER}'": "a node such as nvme0, or a serial number",
}

Number = Annotated[int, Meta(ge=0, le=0xFFFF_FFFF)]
Byte = Annotated[int, Meta(ge=0, le=0xFF)]
Named = str | Byte
"""A number of NVMe, or its name."""


class FaultRow(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What every fault has: `name` tells it from the others, and `controller` is a node or a serial, "" for all."""

    name: Annotated[str, Meta(pattern=_NAME)] = ""
    controller: Annotated[str, Meta(pattern=_CONTROLLER)] = ""


class _Commands(FaultRow, frozen=True, kw_only=True):
    """A fault of commands, those that agree with all that is given. `after` so many pass first; `count` 0 is always."""

    opcode: Named | None = None
    queue: Literal["admin", "io"] | None = None
    log_page: Named | None = None
    feature: Byte | None = None
    nsid: Number | None = None
    after: Number = 0
    count: Number = 0


class Status(_Commands, frozen=True, kw_only=True):
    """The drive refuses the command with a status."""

    sct: Annotated[int, Meta(ge=0, le=7)] = 0
    sc: Byte
    dnr: bool = False

    @property
    def status(self) -> int:
        """The raw status of 15 bits."""
        return self.sct << 8 | self.sc | (DO_NOT_RETRY if self.dnr else 0)


class Latency(_Commands, frozen=True, kw_only=True):
    """The drive takes longer over the command."""

    milliseconds: Annotated[int, Meta(ge=1, le=600_000)]


class Hang(_Commands, frozen=True, kw_only=True):
    """The drive does not answer until the fault is removed; `executed`: it does what was asked, and then is silent."""

    executed: bool = False


class TornTelemetry(FaultRow, frozen=True, kw_only=True):
    """A telemetry log is replaced by another while it is read: the generation at its end is not that at its start."""

    source: Literal["host", "controller"] = "host"
    after: Annotated[int, Meta(ge=0, le=0xFFFF_FFFF)] = 0
    count: Number = 1


class Unplug(FaultRow, frozen=True, kw_only=True):
    """The drive is gone from its slot until the fault is removed."""


class LinkDown(FaultRow, frozen=True, kw_only=True):
    """Nothing gets through to the controller until the fault is removed; the kernel tries to connect again."""


class CriticalWarning(FaultRow, frozen=True, kw_only=True):
    """The drive warns."""

    warnings: Annotated[
        tuple[
            Literal[
                "spare-below-threshold",
                "temperature",
                "reliability-degraded",
                "read-only",
                "volatile-memory-backup-failed",
                "persistent-memory-read-only",
            ],
            ...,
        ],
        Meta(min_length=1, max_length=6),
    ]


class Wear(FaultRow, frozen=True, kw_only=True):
    """The drive is worn; a spare under its threshold of 10 % warns too."""

    percentage_used: Annotated[int, Meta(ge=0, le=255)] = 100
    available_spare: Annotated[int, Meta(ge=0, le=100)] = 100


class MediaErrors(FaultRow, frozen=True, kw_only=True):
    """The drive has had errors of its medium; with `blocks`, so many of a namespace from `lba` on cannot be read."""

    errors: Number = 1
    nsid: Number = 1
    lba: Annotated[int, Meta(ge=0, lt=1 << 62)] = 0
    blocks: Annotated[int, Meta(ge=0, le=65_536)] = 0


class Temperature(FaultRow, frozen=True, kw_only=True):
    """The drive has this composite temperature."""

    celsius: Annotated[int, Meta(ge=-60, le=200)]


class AnaState(FaultRow, frozen=True, kw_only=True):
    """A group of namespaces is reached less well through this controller, or not at all."""

    group: Annotated[int, Meta(ge=1, le=0xFFFF_FFFF)] = 1
    state: Literal["non-optimized", "inaccessible", "persistent-loss", "change"] = "inaccessible"


class Link(FaultRow, frozen=True, kw_only=True):
    """The link of the drive came up slower or narrower than it could."""

    speed_mts: Annotated[int, Meta(ge=2500, le=64_000)] = 2500
    width: Annotated[int, Meta(ge=1, le=16)] = 1


class Aer(FaultRow, frozen=True, kw_only=True):
    """The kernel has met so many errors on the drive's link, of one kind."""

    severity: Literal["correctable", "nonfatal", "fatal"] = "correctable"
    error: Annotated[str, Meta(pattern="^[A-Za-z0-9_]{1,64}$")] = "BadTLP"
    errors: Number = 1000


KINDS: Final[Mapping[str, type[FaultRow]]] = {
    "status": Status,
    "latency": Latency,
    "hang": Hang,
    "torn-telemetry": TornTelemetry,
    "unplug": Unplug,
    "link-down": LinkDown,
    "critical-warning": CriticalWarning,
    "wear": Wear,
    "media-errors": MediaErrors,
    "temperature": Temperature,
    "ana-state": AnaState,
    "link": Link,
    "aer": Aer,
}
"""What can be wrong with a simulated drive, by `kind`."""

_KIND_OF: Final = {row: kind for kind, row in KINDS.items()}


def kind_of(row: FaultRow) -> str:
    """The `kind` of a fault."""
    return _KIND_OF[type(row)]


def parse(text: str, source: str) -> tuple[FaultRow, ...]:
    """The faults of a file, each with a name; `source` names it in errors. Raises CONFIG_INVALID."""
    if len(text.encode("utf-8", "surrogatepass")) > TEXT_BYTES_MAX:
        raise trusted.invalid(source, "", f"is larger than {TEXT_BYTES_MAX} bytes")
    try:
        content = trusted.toml(text)
    except tomllib.TOMLDecodeError as exc:
        raise trusted.invalid(source, "", f"is no TOML: {exc}") from None
    for key in content:
        if key != "faults":
            raise trusted.invalid(source, key, f"there is no such table{_meant(key, ['faults'])}")
    tables = content.get("faults", [])
    if not isinstance(tables, list) or not all(isinstance(one, dict) for one in tables):
        raise trusted.invalid(source, "faults", "must be tables: write [[faults]]")
    if len(tables) > FAULTS_MAX:
        raise trusted.invalid(source, "faults", f"are {len(tables)}; there may be {FAULTS_MAX}")
    return named([row(table, source, f"faults[{index}]") for index, table in enumerate(tables)], source)


def parse_words(kind: str, fields: Iterable[str]) -> FaultRow:
    """A fault by its kind and `FIELD=VALUE` each; a value is TOML's, and else a text. Raises CONFIG_INVALID."""
    table: dict[str, Any] = {"kind": kind}
    for word in fields:
        field, separator, value = word.partition("=")
        if not separator:
            raise trusted.invalid("fault", field, "is not FIELD=VALUE")
        try:
            table[field] = trusted.toml(f"value = {value}")["value"]
        except (tomllib.TOMLDecodeError, KeyError):
            table[field] = value
    return row(table, "fault", kind)


def row(table: Mapping[str, Any], source: str, where: str) -> FaultRow:
    """The fault that a table is; CONFIG_INVALID says what of it is wrong."""
    fields = dict(table)
    kind = fields.pop("kind", None)
    if not isinstance(kind, str) or kind not in KINDS:
        what = "is missing" if kind is None else f"{kind!r} is none"
        raise trusted.invalid(source, f"{where}.kind", f"{what}{_meant(kind, KINDS)}; kinds are {', '.join(KINDS)}")
    known = KINDS[kind].__struct_fields__
    for field in fields:
        if field not in known:
            raise trusted.invalid(
                source, f"{where}.{field}", f"{kind} has no such field{_meant(field, known)}; it has {', '.join(known)}"
            )
    try:
        made = msgspec.convert(fields, KINDS[kind])
    except msgspec.ValidationError as exc:
        place, sentence = trusted.explained(exc, _WORDS)
        raise trusted.invalid(source, f"{where}.{place}" if place else where, sentence) from None
    if isinstance(made, _Commands):
        _check_numbers(made, source, where)
    return made


def named(rows: Iterable[FaultRow], source: str, taken: Iterable[str] = ()) -> tuple[FaultRow, ...]:
    """`rows` with a name each: what has none gets one of its kind. CONFIG_INVALID if two have the same."""
    found, used = [*rows], {*taken}
    for one in found:
        if one.name and one.name in used:
            raise trusted.invalid(source, "name", f"{one.name!r} is the name of another fault")
        used.add(one.name)
    result = []
    for one in found:
        name, number = one.name or kind_of(one), 1
        while not one.name and name in used:
            number += 1
            name = f"{kind_of(one)}-{number}"
        used.add(name)
        result.append(msgspec.structs.replace(one, name=name))
    return tuple(result)


def written(one: FaultRow) -> str:
    """The table of a fault: what `parse` reads back."""
    lines = ["[[faults]]", f"kind = {json.dumps(kind_of(one))}"]
    defaults = dict(zip(reversed(one.__struct_fields__), reversed(one.__struct_defaults__), strict=False))
    for field in one.__struct_fields__:
        value = getattr(one, field)
        if value is not None and (field not in defaults or value != defaults[field]):
            lines.append(f"{field} = {json.dumps(value)}")
    return "\n".join(lines) + "\n"


def opcode_of(one: _Commands) -> int | None:
    """The opcode that is meant."""
    return _number(one.opcode, _OPCODES[queue_of(one) or Queue.ADMIN])


def queue_of(one: _Commands) -> Queue | None:
    """The queue that is meant: an opcode's, or admin's where a number leaves it open."""
    if one.queue is not None:
        return Queue.IO if one.queue == "io" else Queue.ADMIN
    if one.opcode is None:
        return None
    is_io = isinstance(one.opcode, str) and one.opcode not in _OPCODES[Queue.ADMIN]
    return Queue.IO if is_io else Queue.ADMIN


def log_page_of(one: _Commands) -> int | None:
    """The log page that is meant."""
    return _number(one.log_page, _LOG_PAGES)


def _names(numbers: type[IntEnum]) -> dict[str, int]:
    return {one.name.lower().replace("_", "-"): int(one) for one in numbers}


_OPCODES: Final = {Queue.ADMIN: _names(AdminOpcode), Queue.IO: _names(IoOpcode)}
_LOG_PAGES: Final = _names(LogPage)


def _number(value: str | int | None, names: Mapping[str, int]) -> int | None:
    return names[value] if isinstance(value, str) else value


def _check_numbers(one: _Commands, source: str, where: str) -> None:
    opcodes = {**_OPCODES[Queue.IO], **_OPCODES[Queue.ADMIN]}
    if one.queue is not None:
        opcodes = _OPCODES[Queue.IO if one.queue == "io" else Queue.ADMIN]
    for field, value, names in (("opcode", one.opcode, opcodes), ("log_page", one.log_page, _LOG_PAGES)):
        if isinstance(value, str) and value not in names:
            raise trusted.invalid(
                source,
                f"{where}.{field}",
                f"there is no {value!r}{_meant(value, names)}; a number from 0 to 255 will do too",
            )


def _meant(word: object, known: Iterable[str]) -> str:
    """What was meant by a word that is not known, if anything is like it."""
    close = difflib.get_close_matches(str(word)[:64], list(known), 1)
    return f" (did you mean {close[0]}?)" if close else ""
