"""Keys that a host needs after every boot, put into the keyring at start, and again whenever the keyring is a new one.

The keyring of TLS keys comes with a kernel module and goes with it, so a boot and a reload of the module both begin
with an empty one. Each key is inserted into a keyring once: what the daemon inserted before and does not find any more
was revoked, replaced or has expired since, and a restart of the daemon must not bring it back. The note of what was
inserted holds identities, which are no secrets, and digests that only this host can make.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractContextManager, asynccontextmanager, suppress
from dataclasses import dataclass
from enum import Enum, unique
from functools import partial
from pathlib import Path
from typing import Any, Final

import structlog

from nvmed.background import running
from nvmed.errors import NvmedError
from nvmed.files import read_bytes, write_whole
from nvmed.keyring import calls
from nvmed.keyring import files as key_files
from nvmed.keyring.calls import DEFAULT_KEYRING, KeyringRef
from nvmed.keyring.files import KeyFile, KeySources
from nvmed.keyring.keyring import TLS_KEY_TYPE, Keyring
from nvmed.keys.keyfile import KeyFileEntry
from nvmed.linux.uevent import RESCAN, Uevent, UeventReader
from nvmed.operations.request_digest import RequestDigests
from nvmed.reasons import Reason

log: Final = structlog.get_logger("nvmed.keys")

NOTE_NAME: Final = "inserted-keys.json"
BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")

APPEARS_WITHIN_S: Final = 5.0
"""Kernels before 5.19 tell of a module before it has made its keyring."""

POLL_S: Final = 0.1

Entry = tuple[Path, int, KeyFileEntry]
"""A key, by the file and the line that it is from."""

Hints = Callable[[], AbstractContextManager[AsyncIterator[object]]]
"""Makes what says that there may be a keyring now."""


@unique
class Outcome(Enum):
    """What became of a key of a file.

    PRESENT: it was there already, whatever it holds. GONE: it was inserted before, and taken away since. SUPERSEDED: a
    line behind it has the same identity, and the last one counts, as for nvme-cli.
    """

    INSERTED = "inserted"
    PRESENT = "present"
    GONE = "gone"
    SUPERSEDED = "superseded"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class StoredKey:
    """A line of a file, and what became of it. `problem` says why it, or the file (`line` 0), was refused."""

    file: Path
    line: int
    outcome: Outcome
    identity: str = ""
    serial: int = 0
    problem: NvmedError | None = None


def is_keyring_module(event: Uevent) -> bool:
    """Whether the module that makes the keyring was loaded."""
    return (event.subsystem, event.action, event.name) == ("module", "add", "nvme_keyring")


class KeyStore:
    """Puts the keys of `sources` into `ring`, inside `async with store.serving()`."""

    def __init__(
        self,
        keyring: Keyring,
        sources: KeySources,
        state_dir: Path,
        *,
        ring: KeyringRef = DEFAULT_KEYRING,
        key_type: str = TLS_KEY_TYPE,
        hints: Hints = lambda: UeventReader(is_keyring_module),
        patience_s: float = APPEARS_WITHIN_S,
    ) -> None:
        self._keyring = keyring
        self._sources = sources
        self._note = Note(state_dir / NOTE_NAME)
        self._state_dir = state_dir
        self._ring = ring
        self._key_type = key_type
        self._hints = hints
        self._patience_s = patience_s
        self._filled = 0
        self._problem: NvmedError | None = None

    async def check_files(self) -> None:
        """Raise the first thing that kept a key of a file out of the keyring when it was last looked."""
        if self._problem is not None:
            raise self._problem.copy()

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[None]:
        """Insert the keys, and again whenever there is another keyring. Nothing that is wrong with them is raised."""
        if not self._sources:
            yield
            return
        try:
            hints = self._hints()
        except OSError as failure:
            log.warning("module_not_watched", message=f"keys are inserted at start alone: {failure}")
            await self.insert()
            yield
            return
        with hints as heard:  # before the first look, so that nothing falls between
            await self.insert()
            async with running(partial(self._watch, heard)):
                yield

    async def insert(self) -> tuple[StoredKey, ...]:
        """Insert every key that belongs into the keyring, if there is one; what became of each, which is logged too."""
        files = await asyncio.to_thread(key_files.read, self._sources)
        refused = _refused(files)
        self._problem = next((key.problem for key in refused), None)
        for key in refused:
            _tell(key)
        entries = [(file.path, line.number, line.entry) for file in files for line in file.lines if line.entry]
        if not entries:
            return refused
        try:
            ring = await self._keyring.resolve_keyring(self._ring)
            before = await asyncio.to_thread(self._note.read, ring)
            notes = await asyncio.to_thread(self._notes, entries)
            done = await self._keyring.possessing(ring, _insert, self._key_type, entries, before, notes)
        except NvmedError as failure:
            log.warning("keys_wait", keys=len(entries), reason=failure.reason, message=failure.message)
            return refused
        self._filled = ring
        for key in done:
            _tell(key)
        noted = (Outcome.INSERTED, Outcome.PRESENT)
        known = before | {notes[key.identity] for key in done if key.outcome in noted}
        await asyncio.to_thread(self._note.write, ring, known)
        return (*refused, *done)

    def _notes(self, entries: Sequence[Entry]) -> dict[str, str]:
        """What is noted of each identity, by the last line that has it.

        An identity of version 1 has a digest of its key. To one of version 0, which stays when the key is replaced, is
        added one that only this host can make.
        """
        keyed = RequestDigests(self._state_dir).keyed
        found = {}
        for _, _, entry in entries:
            identity = found[str(entry.identity)] = str(entry.identity)
            if entry.identity.version == 0:
                with entry.psk.borrow() as key:
                    digest = keyed(hashlib.sha256(b"TLS key %s" % key).digest())
                found[identity] = f"{identity} {digest.hex()}"
        return found

    async def _watch(self, heard: AsyncIterator[object]) -> None:
        try:
            async for hint in heard:
                await self._look(0 if hint is RESCAN else self._patience_s)
        except OSError as failure:
            log.warning("module_not_watched", message=f"no more keys are inserted until a restart: {failure}")

    async def _look(self, patience_s: float) -> None:
        """Insert the keys into another keyring, if there is one by then."""
        until = time.monotonic() + patience_s
        while not await self._is_another():
            if time.monotonic() >= until:
                return
            await asyncio.sleep(POLL_S)
        await self.insert()

    async def _is_another(self) -> bool:
        """Whether there is a keyring that the keys were not put into."""
        with suppress(NvmedError):
            return await self._keyring.resolve_keyring(self._ring) != self._filled
        return False


def _refused(files: Sequence[KeyFile]) -> tuple[StoredKey, ...]:
    """What is wrong with files, and with their lines."""
    return tuple(
        StoredKey(file.path, number, Outcome.REFUSED, problem=problem)
        for file in files
        for number, problem in ((0, file.problem), *((line.number, line.problem) for line in file.lines))
        if problem is not None
    )


def _insert(
    ring: int, key_type: str, entries: Sequence[Entry], before: frozenset[str], notes: Mapping[str, str]
) -> list[StoredKey]:
    """On the key thread: each entry into the possessed keyring; raises only what concerns all of them.

    `before` is what was noted, `notes` what will be of each identity. Older notes have identities alone.
    """
    calls.check_type_is_there(ring, key_type)
    last = {str(entry.identity): (path, line) for path, line, entry in entries}
    done = []
    for path, line, entry in entries:
        identity = str(entry.identity)
        if last[identity] != (path, line):
            done.append(StoredKey(path, line, Outcome.SUPERSEDED, identity))
            continue
        try:
            with entry.psk as psk:
                serial = _find(ring, key_type, identity)
                outcome = Outcome.PRESENT
                if not serial:
                    is_same = notes[identity] in before or identity in before
                    outcome = Outcome.GONE if is_same else Outcome.INSERTED
                if outcome is Outcome.INSERTED:
                    serial = calls.add_key(ring, key_type, identity, psk, None)
            done.append(StoredKey(path, line, outcome, identity, serial))
        except NvmedError as problem:
            done.append(StoredKey(path, line, Outcome.REFUSED, identity, problem=problem))
    return done


def _find(ring: int, key_type: str, identity: str) -> int:
    """The serial of the living key of that identity, 0 if there is none."""
    try:
        return calls.find_key(ring, key_type, identity) or 0
    except NvmedError as failure:
        if failure.reason not in calls.GONE:
            raise
        return 0


def _tell(key: StoredKey) -> None:
    about: dict[str, Any] = {"file": str(key.file), "line": key.line, "identity": key.identity}
    if key.problem is not None:
        log.error("key_refused", **about, reason=key.problem.reason, message=key.problem.message)
    elif key.outcome is Outcome.INSERTED:
        log.info("key_inserted", **about, serial=key.serial)
    elif key.outcome is Outcome.SUPERSEDED:
        log.warning("key_superseded", **about, message="a later line has the same identity, and that one counts")
    elif key.outcome is Outcome.GONE:
        log.warning("key_left_out", **about, message="it was inserted before and taken away since; see to the file")


class Note:
    """Which keys were put into which keyring of which boot, each by what tells it from others."""

    def __init__(self, path: Path, boot_id: Path = BOOT_ID) -> None:
        self._path = path
        self._boot_id = boot_id

    def read(self, ring: int) -> frozenset[str]:
        """The keys that were put into this keyring; none if the note is of another, or is no note."""
        try:
            found = json.loads(read_bytes(self._path))
            if (found["boot"], found["keyring"]) == (self._boot(), ring):
                return frozenset(str(key) for key in found["identities"])
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            pass
        return frozenset()

    def write(self, ring: int, keys: frozenset[str]) -> None:
        """Replace the note. A disk that is full keeps no key out: that is logged, and a restart may insert again."""
        content = {"boot": self._boot(), "keyring": ring, "identities": sorted(keys)}
        try:
            write_whole(self._path, json.dumps(content).encode())
        except OSError as failure:
            log.error(
                "keys_not_noted", reason=Reason.STATE_NOT_WRITABLE.name, message=f"{self._path}: {failure.strerror}"
            )

    def _boot(self) -> str:
        try:
            return read_bytes(self._boot_id).decode("ascii", "replace").strip()
        except OSError:
            return ""
