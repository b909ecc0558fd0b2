"""A telemetry log that was cut short: `FILE.part`, and beside it what it takes to go on from there."""

from __future__ import annotations

import base64
import hashlib
import json
from pathlib import Path

from google.protobuf.message import DecodeError

from nvmed.v1.telemetry_pb2 import TelemetryHeader
from nvmedctl.files import AtomicFile

NOTE_BYTES_MAX = 64 << 10
"""No note is longer."""

_DAMAGED = (ValueError, TypeError, KeyError, RecursionError, DecodeError)


def part_of(target: Path) -> Path:
    """Where the bytes are that have arrived of `target`."""
    return target.with_name(f"{target.name}.part")


class Part:
    """What is kept of one file. Blocks; raises `OSError`.

    The header has the token by which the daemon goes on, which it refuses if the log is another one by now. Size and
    SHA-256 are noted, because a daemon's own does not cover bytes that it sent before.
    """

    def __init__(self, target: Path) -> None:
        self.path: Path = part_of(target)
        self._note: Path = self.path.with_name(f"{self.path.name}.json")

    def keep(self, file: AtomicFile, header: TelemetryHeader, size_bytes: int, sha256: bytes) -> None:
        """Keep what `file` has."""
        note = {"header": base64.b64encode(header.SerializeToString()).decode()}
        self._note.write_text(json.dumps({**note, "size_bytes": size_bytes, "sha256": sha256.hex()}))
        file.keep(self.path)

    def take(self, file: AtomicFile) -> tuple[TelemetryHeader, Path] | None:
        """Give what was kept to `file`: the header, and where the bytes are now; None if there is nothing of use."""
        try:
            with self._note.open("rb") as note:
                noted = json.loads(note.read(NOTE_BYTES_MAX))
            header = TelemetryHeader.FromString(base64.b64decode(noted["header"]))
            with self.path.open("rb") as content:
                found = hashlib.file_digest(content, "sha256").hexdigest()
        except FileNotFoundError:
            return None
        except _DAMAGED:
            self.forget()
            return None
        if found != noted["sha256"] or self.path.stat().st_size != noted["size_bytes"]:
            self.forget()
            return None
        self._note.unlink()
        return header, file.take(self.path)

    def forget(self) -> None:
        """Remove what was kept, if anything was."""
        for each in (self.path, self._note):
            each.unlink(missing_ok=True)
