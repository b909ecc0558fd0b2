"""The directory of captures: which files there are, and what is in their sidecars.

    {capture}.log     a capture, whole and on disk        {capture}.json    what it is
    {capture}.part    one that is being written           {capture}.new     a sidecar being written

A capture is there when its sidecar has its name, which is the last thing that happens: whatever else an interruption
leaves is deleted at the next start, for the log is the drive's to give again. Names are 32 hexadecimal digits that
nvmed made. Everything here blocks and raises `OSError`.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from nvmed.disk.files import DAMAGED, TIME_MS_MAX, Folder, is_file, read_start
from nvmed.nvme.telemetry import TelemetryLog

_NAME: Final = re.compile(r"(?P<capture>[0-9a-f]{32})\.(?P<kind>log|part|json|new)", re.ASCII)
_SHA256_HEX: Final = re.compile(r"[0-9a-f]{64}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Capture:
    """A telemetry log that was captured; times are milliseconds since the epoch.

    `controller` is a resource name; `model`, `serial` and `firmware_revision` are what its drive was then. An automatic
    one has no principal. `fingerprint` is the header's, `sha256` empty while it is being made.
    """

    id: str
    controller: str
    log: TelemetryLog
    area: int
    size_bytes: int
    generation: int
    sha256: bytes = b""
    has_generation: bool = False
    reason_identifier: bytes = b""
    fingerprint: str = ""
    model: str = ""
    serial: str = ""
    firmware_revision: str = ""
    created_ms: int = 0
    expires_ms: int = 0
    automatic: bool = False
    principal: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Its resource name."""
        return f"captures/{self.id}"

    @property
    def owner(self) -> str:
        """Whose share of the quota it takes: a controller's if it is automatic, else a principal's."""
        return self.controller if self.automatic else self.principal


_TEXTS: Final = ("id", "controller", "fingerprint", "model", "serial", "firmware_revision", "principal")
_NUMBERS: Final = ("area", "size_bytes", "generation")
_TIMES: Final = ("created_ms", "expires_ms")
_TRUTHS: Final = ("has_generation", "automatic")


def dump(capture: Capture) -> bytes:
    """The sidecar of a capture."""
    plain = {name: getattr(capture, name) for name in (*_TEXTS, *_NUMBERS, *_TIMES, *_TRUTHS)}
    special = {
        "log": int(capture.log),
        "sha256": capture.sha256.hex(),
        "reason_identifier": capture.reason_identifier.hex(),
        "labels": dict(capture.labels),
    }
    return json.dumps(plain | special).encode()


def load(text: bytes) -> Capture | None:
    """The capture of a sidecar; None if it is not one that nvmed wrote."""
    try:
        saved = json.loads(text)
        labels = saved["labels"]
        _require(str, [saved[name] for name in _TEXTS] + [*labels, *labels.values()])
        _require(int, [saved[name] for name in (*_NUMBERS, *_TIMES)])
        _require(bool, [saved[name] for name in _TRUTHS])
        if not _SHA256_HEX.fullmatch(saved["sha256"]) or min(saved[name] for name in (*_NUMBERS, *_TIMES)) < 0:
            return None
        return Capture(
            **{name: saved[name] for name in (*_TEXTS, *_NUMBERS, *_TRUTHS)},
            **{name: min(saved[name], TIME_MS_MAX) for name in _TIMES},
            sha256=bytes.fromhex(saved["sha256"]),
            log=TelemetryLog(saved["log"]),
            reason_identifier=bytes.fromhex(saved["reason_identifier"]),
            labels=labels,
        )
    except DAMAGED:
        return None


def _require(kind: type, values: list[Any]) -> None:
    if any(type(value) is not kind for value in values):
        raise TypeError(f"a value is no {kind.__name__}")


@dataclass(frozen=True, slots=True)
class Content:
    """What a directory holds; `removed` are the files that an interruption had left."""

    captures: tuple[Capture, ...]
    removed: tuple[str, ...]


class CaptureFolder(Folder):
    """The captures' files by what they are."""

    def log(self, capture: str) -> Path:
        """The bytes of a capture."""
        return self.path / f"{capture}.log"

    def part(self, capture: str) -> Path:
        """The bytes of one that is being written."""
        return self.path / f"{capture}.part"

    def begin(self, capture: str) -> int:
        """A descriptor of a new part."""
        return self.disk.create(self.part(capture), os.O_EXCL)

    def publish(self, capture: Capture, descriptor: int) -> None:
        """Make a capture of its part, all of which is written; if that fails nothing of it is there."""
        try:
            self.disk.sync(descriptor)
            self.disk.rename(self.part(capture.id), self.log(capture.id))
            self.write_sidecar(capture.id, dump(capture))
        except OSError:
            with suppress(OSError):  # what cannot be deleted either is, at the next start
                self.forget(capture.id)
            raise

    def forget(self, capture: str) -> None:
        """Delete what there is of a capture. The sidecar goes first: without it nothing is a capture."""
        self.remove(self.sidecar(capture), self.log(capture), self.part(capture))

    def scan(self) -> Content:
        """What is there, after deleting what an interruption left; what is not nvmed's stays."""
        self.make()
        names: dict[str, set[str]] = {}
        for entry in self.path.iterdir():
            match = _NAME.fullmatch(entry.name)
            if match is not None and is_file(entry):
                names.setdefault(match["capture"], set()).add(match["kind"])
        captures: list[Capture] = []
        removed: list[str] = []
        for name, kinds in sorted(names.items()):
            capture = self._load(name) if {"json", "log"} <= kinds else None
            left = kinds - {"json", "log"} if capture else kinds
            captures += [capture] if capture else []
            removed += [f"{name}.{kind}" for kind in sorted(left)]  # the sidecar before the log
        self.remove(*(self.path / name for name in removed))
        return Content(tuple(captures), tuple(removed))

    def _load(self, name: str) -> Capture | None:
        capture = load(read_start(self.sidecar(name)))
        if capture is None or capture.id != name or capture.size_bytes != self.log(name).stat().st_size:
            return None
        return capture
