"""The directory of bundles: which files there are, and what is in their sidecars.

    {bundle}.tar.zst   a bundle, whole and on disk          {bundle}.json   what it is
    {bundle}.part      one that is being written            {bundle}.new    a sidecar being written
    {bundle}-{n}.scratch   a part of it that is being read: a tar archive has each member's size before its bytes

A bundle is there when its sidecar has its name, which is the last thing that happens: whatever else an interruption
leaves is deleted at the next start. Names are 32 hexadecimal digits that nvmed made. Everything here blocks and raises
`OSError`.
"""

from __future__ import annotations

import json
import os
import re
from contextlib import suppress
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Final

from nvmed.disk.files import DAMAGED, TIME_MS_MAX, Folder, is_file, read_start

_NAME: Final = re.compile(
    r"(?P<bundle>[0-9a-f]{32})(?:-[0-9]{1,9})?\.(?P<kind>tar\.zst|part|json|new|scratch)", re.ASCII
)
_SHA256_HEX: Final = re.compile(r"[0-9a-f]{64}", re.ASCII)
_WHOLE: Final = frozenset({"json", "tar.zst"})


@dataclass(frozen=True, slots=True)
class Bundle:
    """A support bundle; times are milliseconds since the epoch. `controllers` is empty for the whole host.

    `subjects` is what its maker had to have `support.create` over. `sha256` is empty while it is being made.
    """

    id: str
    principal: str
    controllers: tuple[str, ...] = ()
    subjects: tuple[str, ...] = ()
    size_bytes: int = 0
    sha256: bytes = b""
    parts_complete: int = 0
    parts_missing: int = 0
    created_ms: int = 0
    expires_ms: int = 0

    @property
    def name(self) -> str:
        """Its resource name."""
        return f"supportBundles/{self.id}"


_LISTS: Final = ("controllers", "subjects")
_TEXTS: Final = ("id", "principal", "sha256")


def dump(bundle: Bundle) -> bytes:
    """The sidecar of a bundle."""
    return json.dumps(asdict(bundle) | {"sha256": bundle.sha256.hex()}).encode()


def load(text: bytes) -> Bundle | None:
    """The bundle of a sidecar; None if it is not one that nvmed wrote."""
    try:
        saved: dict[str, Any] = json.loads(text)
        values = {field.name: _checked(field.name, saved[field.name]) for field in fields(Bundle)}
        if not _SHA256_HEX.fullmatch(values["sha256"]):
            return None
        return Bundle(**values | {"sha256": bytes.fromhex(values["sha256"])})
    except DAMAGED:
        return None


def _checked(name: str, value: Any) -> Any:
    if name in _LISTS:
        if type(value) is not list:
            raise TypeError(f"{name} is no list")
        return tuple(_text(name, one) for one in value)
    if name in _TEXTS:
        return _text(name, value)
    if type(value) is not int or not 0 <= value <= (TIME_MS_MAX if name.endswith("_ms") else 2**63):
        raise ValueError(f"{name} is no number, or out of range")
    return value


def _text(name: str, value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{name} is no text")
    return value


@dataclass(frozen=True, slots=True)
class Content:
    """What a directory holds; `removed` are the files that an interruption had left."""

    bundles: tuple[Bundle, ...]
    removed: tuple[str, ...]


class BundleFolder(Folder):
    """The bundles' files by what they are."""

    def archive(self, bundle: str) -> Path:
        """The bytes of a bundle."""
        return self.path / f"{bundle}.tar.zst"

    def part(self, bundle: str) -> Path:
        """The bytes of one that is being written."""
        return self.path / f"{bundle}.part"

    def scratch(self, bundle: str, number: int) -> Path:
        """The bytes of a member that is being read."""
        return self.path / f"{bundle}-{number}.scratch"

    def begin(self, path: Path) -> int:
        """A descriptor of a new file."""
        return self.disk.create(path, os.O_EXCL)

    def publish(self, bundle: Bundle, descriptor: int) -> None:
        """Make a bundle of its part, all of which is written; if that fails nothing of it is there."""
        try:
            self.disk.sync(descriptor)
            self.disk.rename(self.part(bundle.id), self.archive(bundle.id))
            self.write_sidecar(bundle.id, dump(bundle))
        except OSError:
            with suppress(OSError):  # what cannot be deleted either is, at the next start
                self.forget(bundle.id)
            raise

    def forget(self, bundle: str) -> None:
        """Delete what there is of a bundle. The sidecar goes first: without it nothing is a bundle."""
        self.remove(
            self.sidecar(bundle),
            self.archive(bundle),
            self.part(bundle),
            *self.path.glob(f"{bundle}-*.scratch"),
        )

    def scan(self) -> Content:
        """What is there, after deleting what an interruption left; what is not nvmed's stays."""
        self.make()
        names: dict[str, dict[str, str]] = {}
        for entry in sorted(self.path.iterdir()):
            match = _NAME.fullmatch(entry.name)
            if match is not None and is_file(entry):
                names.setdefault(match["bundle"], {})[entry.name] = match["kind"]
        bundles: list[Bundle] = []
        removed: list[str] = []
        for name, files in names.items():
            bundle = self._load(name) if set(files.values()) >= _WHOLE else None
            bundles += [bundle] if bundle else []
            removed += [file for file, kind in files.items() if not (bundle and kind in _WHOLE)]
        removed.sort(key=lambda file: not file.endswith(".json"))
        self.remove(*(self.path / file for file in removed))
        return Content(tuple(bundles), tuple(removed))

    def _load(self, name: str) -> Bundle | None:
        bundle = load(read_start(self.sidecar(name)))
        if bundle is None or bundle.id != name or bundle.size_bytes != self.archive(name).stat().st_size:
            return None
        return bundle
