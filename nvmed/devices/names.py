"""The names of controllers and NVM subsystems: once given, a name denotes the same one for ever.

A name is made of the serial number, for people to read. That is not unique, so what decides is remembered: `Names` is a
table of each name with the identity of who has it (`nvmed.nvme.host.identity_of`), in a file of the state directory.
Who has a name never loses it; a newcomer whose name is taken gets one with a suffix.

Two controllers may even say all the same of themselves. While they are there, they are told apart by the kernel's
devices for them, which also outlast a restart of the daemon. What that leaves open is decided so that no name can pass
from one to the other, even if one of them gets another name instead:

- Connections that come when none with their options is there have the names of those that went: the options are all
  that a connection is known by, and lead to the same subsystem at the same address.
- A device that comes back where one of that name went is that one, if none of the others can be it, or after a boot.
- Else it is a newcomer.
"""

from __future__ import annotations

import hashlib
import json
import re
import secrets
import sqlite3
import threading
import time
import zlib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import structlog

from nvmed import limits
from nvmed.nvme.host import ControllerNode, identity_of, instance_of
from nvmed.reasons import Reason, error

FILE_NAME: Final = "names.sqlite"
SCHEMA_VERSION: Final = 1

SERIAL_CHARACTERS: Final = 40
"""Of a serial number in a name; NVMe has 20."""

_SCHEMA: Final = """
CREATE TABLE names (
    name TEXT PRIMARY KEY, identity TEXT NOT NULL, instance TEXT NOT NULL, place TEXT NOT NULL,
    subsystem TEXT NOT NULL, seen_ms INTEGER NOT NULL, crc32 INTEGER NOT NULL
) STRICT;
"""

log: Final = structlog.get_logger("nvmed.devices")


@dataclass(frozen=True, slots=True)
class Entry:
    """A name and who has it: `instance` and `place` are where it was last, `subsystem` is its subsystem's name."""

    name: str
    identity: tuple[str, ...]
    instance: str = ""
    place: str = ""
    subsystem: str = ""
    seen_ms: int = 0


@dataclass(frozen=True, slots=True)
class Named:
    """A controller that is there, with its name and its subsystem's.

    `alias` is the name that it had before the kernel had identified it, "" for none.
    """

    name: str
    subsystem: str
    node: ControllerNode
    alias: str = ""


def slug(text: str) -> str:
    """`text` as a resource name's segment (AIP-122): lower-case letters, digits and single hyphens."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")


def short_hash(*parts: str) -> str:
    """Eight hexadecimal digits that stand for `parts`."""
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()[:8]


def base_name(node: ControllerNode) -> str:
    """`{serial}-{controller id}`: the name of whoever is the first to want it."""
    serial = _serial(node) or short_hash(node.subsystem_nqn, node.model)
    return serial if node.controller_id < 0 else f"{serial}-{node.controller_id}"


def subsystem_base(node: ControllerNode) -> str:
    """`{serial}-{hash of the NQN}`: a NQN may be 223 bytes of nearly anything, its serial is what people know."""
    return "-".join(filter(None, (_serial(node), short_hash(node.subsystem_nqn))))


def _serial(node: ControllerNode) -> str:
    return slug(node.serial)[:SERIAL_CHARACTERS].strip("-")


class Names:
    """The table, in the file `path`, or in memory only. One thread assigns; any may close, also meanwhile.

    Raises STATE_NOT_WRITABLE if the file cannot be used when it is opened. What cannot be written later is written
    with what comes next: the name holds meanwhile.
    """

    def __init__(self, path: Path | None = None, *, names_max: int = limits.NAMES_MAX) -> None:
        self._file = NamesFile(path) if path else None
        self._lock = threading.Lock()
        """Held while names are given: a scan that its caller left goes on when the daemon closes the file."""
        self._names_max = names_max
        self._entries = {entry.name: entry for entry in (self._file.read() if self._file else ())}
        self._of: dict[tuple[str, ...], list[str]] = defaultdict(list)
        for entry in self._entries.values():
            self._of[entry.identity].append(entry.name)
        self._present: frozenset[str] = frozenset()
        self._provisional: dict[str, str] = {}
        """By instance, of those that are there and were not identified when they came."""

    def close(self) -> None:
        """Close the file; idempotent. What is given afterwards is not kept."""
        with self._lock:
            if self._file:
                self._file.close()
            self._file = None

    def assign(self, nodes: Sequence[ControllerNode]) -> tuple[Named, ...]:
        """Everyone's name, in the order of `nodes`, which are all there are now. Blocks: writes what is new."""
        with self._lock:
            return self._assign(nodes)

    def _assign(self, nodes: Sequence[ControllerNode]) -> tuple[Named, ...]:
        given: dict[int, str] = {}
        provisional: dict[str, str] = {}
        groups: dict[tuple[str, ...], list[int]] = defaultdict(list)
        for index, node in enumerate(nodes):
            known = self._provisional.get(instance_of(node), "")
            if not node.is_identified:
                known = given[index] = known or f"unidentified-{secrets.token_hex(4)}"
            else:
                groups[identity_of(node)].append(index)
            if known:
                provisional[instance_of(node)] = known
        self._provisional = provisional
        for identity, indices in groups.items():
            given |= self._of_one_identity(identity, {index: nodes[index] for index in indices})
        subsystems = self._subsystems(nodes, given)
        self._remember({given[index]: (node, subsystems[index]) for index, node in enumerate(nodes)})
        aliases = (provisional.get(instance_of(node), "") if node.is_identified else "" for node in nodes)
        return tuple(
            Named(given[index], subsystems[index], node, alias)
            for (index, node), alias in zip(enumerate(nodes), aliases, strict=True)
        )

    # -- controllers

    def _of_one_identity(self, identity: tuple[str, ...], nodes: Mapping[int, ControllerNode]) -> dict[int, str]:
        """Names of all that say the same of themselves: those they had, else new ones."""
        entries = [self._entries[name] for name in self._of[identity]]
        by_instance = {entry.instance: entry for entry in entries if entry.instance}
        given = {
            index: by_instance[instance_of(node)].name
            for index, node in nodes.items()
            if instance_of(node) in by_instance
        }
        free = [entry for entry in entries if entry.name not in given.values()]
        left = {index: node for index, node in nodes.items() if index not in given}
        given |= _returned(free, left, are_all=len(free) == len(entries))
        for index, node in left.items():
            if index not in given:
                given[index] = self._new(identity, node)
        return given

    def _new(self, identity: tuple[str, ...], node: ControllerNode) -> str:
        """A name that nobody has and nobody had."""
        base = base_name(node)
        suffixed = f"{base}-{short_hash(*identity)}"
        # Once some had to be forgotten, a name without the identity in it may be one of those.
        wanted = [suffixed] if len(self._entries) >= self._names_max else [base, suffixed]
        wanted.append(f"{base}-{short_hash(*identity, instance_of(node))}")
        name = next((one for one in wanted if one not in self._entries), "")
        while not name or name in self._entries:
            name = f"{base}-{secrets.token_hex(4)}"
        self._entries[name] = Entry(name, identity)
        self._of[identity].append(name)
        return name

    # -- subsystems

    def _subsystems(self, nodes: Sequence[ControllerNode], given: Mapping[int, str]) -> list[str]:
        """The name of each controller's subsystem: one for each of the kernel's."""
        members: dict[str, list[int]] = defaultdict(list)
        for index, node in enumerate(nodes):
            alone = given[index] if node.is_discovery or not node.is_identified else subsystem_base(node)
            members[node.subsystem_node or alone].append(index)
        found: dict[int, str] = {}
        groups = sorted(members.values(), key=lambda group: not any(self._subsystem_of(given[one]) for one in group))
        for group in groups:  # those that have a name first
            taken = frozenset(found.values())
            known = sorted({self._subsystem_of(given[index]) for index in group} - {""} - taken)
            name = known[0] if known else self._new_subsystem([nodes[i] for i in group], given[group[0]], taken)
            found |= dict.fromkeys(group, name)
        return [found[index] for index in range(len(nodes))]

    def _subsystem_of(self, name: str) -> str:
        entry = self._entries.get(name)
        return entry.subsystem if entry else ""

    def _new_subsystem(self, nodes: Sequence[ControllerNode], controller: str, taken: Iterable[str]) -> str:
        """A subsystem none of whose controllers was there before has that of its NQN, if the NQN tells it.

        It does not where there are twins, nor for discovery: all discovery subsystems have the same well-known one.
        """
        first = nodes[0]
        base = subsystem_base(first)
        is_told = first.is_identified and not first.is_discovery and len(self._of.get(identity_of(first), ())) <= 1
        own = f"{base}-{short_hash(controller)}"
        return base if is_told and base not in taken else own

    # -- memory

    def _remember(self, there: Mapping[str, tuple[ControllerNode, str]]) -> None:
        """Write who came, moved or went."""
        now = time.time_ns() // 1_000_000
        present = frozenset(there)
        for name, (node, subsystem) in there.items():
            entry = self._entries.get(name)
            if entry is None:  # not identified
                continue
            is_here = replace(entry, instance=instance_of(node), place=_place(node), subsystem=subsystem)
            if is_here != entry or name not in self._present:
                self._put(replace(is_here, seen_ms=now))
        for name in self._present - present:
            if name in self._entries:
                self._put(replace(self._entries[name], seen_ms=now))
        self._present = present
        self._forget()
        if self._file:
            self._file.flush()

    def _put(self, entry: Entry) -> None:
        self._entries[entry.name] = entry
        if self._file:
            self._file.put(entry)

    def _forget(self) -> None:
        """Let go of those that were away longest, if there are too many."""
        excess = len(self._entries) - self._names_max
        if excess <= 0:
            return
        away = [entry for entry in self._entries.values() if entry.name not in self._present]
        for entry in sorted(away, key=lambda one: (one.seen_ms, one.name))[:excess]:
            del self._entries[entry.name]
            self._of[entry.identity].remove(entry.name)
            if not self._of[entry.identity]:
                del self._of[entry.identity]
            if self._file:
                self._file.forget(entry.name)


def _returned(free: Sequence[Entry], nodes: Mapping[int, ControllerNode], *, are_all: bool) -> dict[int, str]:
    """Which of `nodes` has which of the names that are `free`, all of one identity; `are_all` if nobody has another."""
    if not free or not nodes:
        return {}
    if are_all and len(free) == len(nodes) == 1:
        return {next(iter(nodes)): free[0].name}
    if next(iter(nodes.values())).is_connection:
        return {index: entry.name for index, entry in zip(nodes, free, strict=False)} if are_all else {}
    found = {}
    places = [_place(node) for node in nodes.values()]
    for index, node in nodes.items():
        fits = [one for one in free if one.place == _place(node)]
        is_only = len(free) == len(nodes) == 1 or (fits and _boot(fits[0].instance) != _boot(instance_of(node)))
        if len(fits) == 1 == places.count(_place(node)) and is_only:
            found[index] = fits[0].name
    return found


def _place(node: ControllerNode) -> str:
    """Where a device is plugged in."""
    return "" if node.is_connection else node.address


def _boot(instance: str) -> str:
    boot, colon, _ = instance.partition(":")
    return boot if colon else ""


class NamesFile:
    """Where entries are kept: SQLite, each change there after kill -9 and after power loss once `flush` is done."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._waiting: dict[str, Entry | None] = {}
        self._is_failing = False
        try:
            self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        except sqlite3.Error as exc:
            raise self._unusable(str(exc)) from exc
        try:
            self._db.execute("PRAGMA journal_mode = DELETE")
            self._db.execute("PRAGMA synchronous = EXTRA")
            if self._db.execute("PRAGMA user_version").fetchone()[0] == 0:
                self._db.executescript(f"BEGIN; {_SCHEMA} PRAGMA user_version = {SCHEMA_VERSION}; COMMIT;")
        except (sqlite3.Error, UnicodeError) as exc:  # it quotes what it finds, and that may be no text
            self._db.close()
            raise self._unusable(str(exc)) from exc

    def close(self) -> None:
        """Write what waits, and close; idempotent."""
        self.flush()
        self._db.close()

    def read(self) -> tuple[Entry, ...]:
        """Every entry, oldest first. Raises STATE_NOT_WRITABLE for a file that is damaged, or of another version."""
        try:
            version = self._db.execute("PRAGMA user_version").fetchone()[0]
            if version != SCHEMA_VERSION:
                raise self._unusable(f"it has schema {version}, this version of nvmed has {SCHEMA_VERSION}")
            damage = self._db.execute("PRAGMA quick_check(1)").fetchone()[0]
            if damage != "ok":
                raise self._unusable(damage)
            with closing(self._db.execute("SELECT * FROM names ORDER BY rowid")) as rows:
                return tuple(_entry(row) for row in rows)
        except (sqlite3.Error, ValueError) as exc:
            raise self._unusable(str(exc)) from exc

    def put(self, entry: Entry) -> None:
        """Write an entry with the next `flush`."""
        self._waiting[entry.name] = entry

    def forget(self, name: str) -> None:
        """Delete one with the next `flush`."""
        self._waiting[name] = None

    def flush(self) -> None:
        """Write what waits, all or nothing; what cannot be written goes on waiting."""
        if not self._waiting:
            return
        try:
            with self._db:
                self._db.execute("BEGIN IMMEDIATE")
                for name, entry in self._waiting.items():
                    self._write(name, entry)
        except sqlite3.Error as exc:
            if not self._is_failing:  # once, and not at each look at the host
                log.warning("names_not_written", path=str(self._path), message=str(exc))
            self._is_failing = True
            return
        self._is_failing = False
        self._waiting.clear()

    def _write(self, name: str, entry: Entry | None) -> None:
        if entry is None:
            self._db.execute("DELETE FROM names WHERE name = ?", (name,))
            return
        values = (name, json.dumps(entry.identity), entry.instance, entry.place, entry.subsystem, entry.seen_ms)
        self._db.execute(
            "INSERT INTO names VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (name) DO UPDATE SET"
            " identity = excluded.identity, instance = excluded.instance, place = excluded.place,"
            " subsystem = excluded.subsystem, seen_ms = excluded.seen_ms, crc32 = excluded.crc32",
            (*values, _crc32(values)),
        )

    def _unusable(self, why: str) -> Exception:
        return error(
            Reason.STATE_NOT_WRITABLE,
            f"{self._path}, which remembers which controller has which name, cannot be used ({why}); restore it, or "
            "move it away: names are then given anew, and may be others where serial numbers are not unique",
            path=self._path,
        )


_NAME: Final = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


def _entry(row: Sequence[str | int]) -> Entry:
    """`ValueError` for a row that is no entry."""
    name, identity, instance, place, subsystem, seen_ms, crc32 = row
    if crc32 != _crc32(row[:-1]):
        raise ValueError(f"the row of {name!r} is damaged")
    parts = json.loads(str(identity))
    if not isinstance(parts, list) or not all(isinstance(part, str) for part in parts) or not parts:
        raise ValueError(f"{name}: {identity} is no identity")
    if not _NAME.fullmatch(str(name)):
        raise ValueError(f"{name!r} is no name")
    return Entry(str(name), tuple(parts), str(instance), str(place), str(subsystem), int(seen_ms))


def _crc32(values: Sequence[str | int]) -> int:
    return zlib.crc32(json.dumps(values).encode())
