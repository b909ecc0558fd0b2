"""Records of erasures on disk: one file each, signed, numbered and chained, and never deleted by nvmed.

    DIRECTORY/0000000000000001-OPERATION.json

Each has its number and the SHA-256 of the file before it in what is signed: what is changed, or missing between two, is
found by who reads them, on the host or where copies were taken to. What is missing at the end only a copy can tell.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from nvmed.erasure.signing import Signer
from nvmed.erasure_record import (
    ENVELOPE_BYTES_MAX,
    BadRecord,
    Envelope,
    PublicKey,
    Signature,
    canonical,
    parse,
    signed_by,
)
from nvmed.files import make_directory, read_regular, write_whole
from nvmed.reasons import Reason, error

NAME: Final = "erasures"
NONE_BEFORE: Final = "0" * 64
_FILE: Final = re.compile(r"([0-9]{16})-([0-9a-f]{32})\.json")


@dataclass(frozen=True, slots=True)
class Stored:
    """A record as it is on disk. `content` is empty where `damage` says that it cannot be read."""

    id: str
    sequence: int
    envelope: bytes
    content: Mapping[str, Any]
    key_id: str = ""
    damage: str = ""


class Records:
    """The records in `directory`. Every method blocks on the disk: for one thread alone."""

    def __init__(self, directory: Path, signer: Signer) -> None:
        self._directory = directory
        self._signer = signer
        self.written: Counter[str] = Counter()
        """How many were written by this daemon, by outcome."""

    def write(self, id: str, content: Mapping[str, Any]) -> Stored:  # noqa: A002  # it is the record's
        """Sign and keep a record, once for each id: the one that is there is returned.

        Raises STATE_NOT_WRITABLE, ERASURE_KEY_DAMAGED.
        """
        try:
            make_directory(self._directory)
            paths = self._paths()
            for path in paths:
                if _id_of(path) == id:
                    return self._load(path)
            last = paths[-1] if paths else None
            whole = {
                **content,
                "sequence": _number_of(last) + 1 if last else 1,
                "previous": hashlib.sha256(read_regular(last, ENVELOPE_BYTES_MAX)).hexdigest() if last else NONE_BEFORE,
            }
            unsigned = Envelope(canonical(whole), ())
            signature = Signature(self._signer.public_key().id, self._signer.sign(unsigned.signed_bytes))
            path = self._directory / f"{whole['sequence']:016}-{id}.json"
            write_whole(path, Envelope(unsigned.payload, (signature,)).build())
            self.written[str(content.get("outcome", ""))] += 1
            return self._load(path)
        except (OSError, ValueError) as exc:
            raise error(
                Reason.STATE_NOT_WRITABLE, f"the record of erasure {id} cannot be written to {self._directory}: {exc}"
            ) from exc

    def all(self) -> tuple[Stored, ...]:
        """Every record in order, each with what is wrong with it; the chain is followed from file to file."""
        found: list[Stored] = []
        key: PublicKey | None = None
        expected, previous = 1, NONE_BEFORE
        for path in self._paths():
            key = key or self._signer.public_key()
            stored = self._load(path, key)
            missing = stored.sequence != expected
            broken = bool(stored.content) and stored.content.get("previous") != previous
            if not stored.damage and missing:
                stored = _damaged(stored, f"records {expected} to {stored.sequence - 1} before it are missing")
            elif not stored.damage and broken:
                stored = _damaged(stored, "the record before it is not the one that was there when it was written")
            expected, previous = stored.sequence + 1, hashlib.sha256(stored.envelope).hexdigest()
            found.append(stored)
        return tuple(found)

    def find(self, id: str) -> Stored:  # noqa: A002
        """The record of that id; raises ERASURE_RECORD_NOT_FOUND."""
        for stored in self.all():
            if stored.id == id:
                return stored
        raise error(Reason.ERASURE_RECORD_NOT_FOUND, f"there is no record of an erasure {id!r}", name=id)

    def _paths(self) -> list[Path]:
        try:
            return sorted(path for path in self._directory.iterdir() if _FILE.fullmatch(path.name))
        except FileNotFoundError:
            return []
        except OSError as exc:
            raise error(Reason.STATE_NOT_WRITABLE, f"{self._directory} cannot be read: {exc.strerror}") from exc

    def _load(self, path: Path, key: PublicKey | None = None) -> Stored:
        """What is in a file; with `key`, whether that signed it."""
        known = Stored(_id_of(path), _number_of(path), b"", {})
        try:
            data = read_regular(path, ENVELOPE_BYTES_MAX)
        except (OSError, ValueError) as exc:
            return _damaged(known, f"it cannot be read: {exc}")
        try:
            envelope = parse(data)
            stored = Stored(known.id, known.sequence, data, envelope.content, envelope.signatures[0].key_id)
            if (stored.content.get("id"), stored.content.get("sequence")) != (known.id, known.sequence):
                raise BadRecord("it is another record than its file's name says")
            if key is not None and not signed_by(envelope, key):
                if stored.key_id != key.id:
                    return stored  # an earlier key's: whoever pinned that can tell
                raise BadRecord("its signature does not fit what it says")
        except BadRecord as exc:
            return Stored(known.id, known.sequence, data, {}, damage=str(exc))
        return stored


def _damaged(stored: Stored, what: str) -> Stored:
    return Stored(stored.id, stored.sequence, stored.envelope, stored.content, stored.key_id, what)


def _id_of(path: Path) -> str:
    return path.stem.partition("-")[2]


def _number_of(path: Path) -> int:
    return int(path.name[:16])
