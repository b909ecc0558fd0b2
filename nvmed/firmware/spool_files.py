"""The spool's directory: which files there are, what is in their sidecars, and every write to them.

    {sha256}.image    an image, whole and on disk         {sha256}.json    what it is; its mtime is its last use
    {upload}.part     what arrived of one                 {upload}.json    what it will be, and how much is on disk
    *.new             a sidecar being written

Names are 64 or 32 hexadecimal digits that nvmed made or checked: nothing that a client says becomes a path. Everything
here blocks and raises `OSError`.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from nvmed.disk.files import DAMAGED, TIME_MS_MAX, Folder, is_file, modified_ms, read_start

SHA256_HEX: Final = re.compile(r"[0-9a-f]{64}", re.ASCII)
UPLOAD_HEX: Final = re.compile(r"[0-9a-f]{32}", re.ASCII)
_HALF: Final = re.compile(r"(?:[0-9a-f]{64}|[0-9a-f]{32})\.new", re.ASCII)
"""A sidecar that was not finished."""
_NAME: Final = re.compile(r"(?:(?P<sha256>[0-9a-f]{64})|(?P<upload>[0-9a-f]{32}))\.(?P<kind>image|part|json)", re.ASCII)

_COMMITTED_HEAD: Final = b'{"committed_bytes": '
_COMMITTED_WIDTH: Final = 16


@dataclass(frozen=True, slots=True)
class Image:
    """A complete image. `used_ms` is when it was last uploaded or staged; times are milliseconds since the epoch."""

    sha256: str
    size_bytes: int
    firmware_revision: str = ""
    model_number: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    created_ms: int = 0
    used_ms: int = 0
    principal: str = ""


@dataclass(frozen=True, slots=True)
class Upload:
    """An image that is not complete: `image` is what it will be, `committed_bytes` of it are on disk."""

    id: str
    principal: str
    image: Image
    committed_bytes: int = 0
    updated_ms: int = 0


# -- sidecars


def dump_image(image: Image) -> bytes:
    """The sidecar of an image."""
    return json.dumps(_facts(image)).encode()


def load_image(text: bytes) -> Image | None:
    """The image of a sidecar; None if it is not one that nvmed wrote."""
    try:
        return _image(json.loads(text))
    except DAMAGED:
        return None


def committed_field(committed_bytes: int) -> bytes:
    """The beginning of an upload's sidecar, always of the same length, so that it can be replaced in place."""
    return _COMMITTED_HEAD + str(committed_bytes).encode().rjust(_COMMITTED_WIDTH)


def dump_upload(upload: Upload) -> bytes:
    """The sidecar of an upload."""
    rest = json.dumps({"id": upload.id, "principal": upload.principal, "image": _facts(upload.image)}).encode()
    return committed_field(upload.committed_bytes) + b", " + rest[1:]


def load_upload(text: bytes) -> Upload | None:
    """The upload of a sidecar; None if it is not one that nvmed wrote."""
    try:
        saved = json.loads(text)
        image, committed = _image(saved["image"]), saved["committed_bytes"]
        if not UPLOAD_HEX.fullmatch(saved["id"]) or not isinstance(saved["principal"], str):
            return None
        if type(committed) is not int or not 0 <= committed <= image.size_bytes:
            return None
        return Upload(saved["id"], saved["principal"], image, committed)
    except DAMAGED:
        return None


def _facts(image: Image) -> dict[str, Any]:
    return {
        "sha256": image.sha256,
        "size_bytes": image.size_bytes,
        "firmware_revision": image.firmware_revision,
        "model_number": image.model_number,
        "labels": dict(image.labels),
        "created_ms": image.created_ms,
        "principal": image.principal,
    }


def _image(saved: Mapping[str, Any]) -> Image:
    labels = saved["labels"]
    texts = (
        saved["sha256"],
        saved["firmware_revision"],
        saved["model_number"],
        saved.get("principal", ""),
        *labels,
        *labels.values(),
    )
    if not all(isinstance(text, str) for text in texts) or not SHA256_HEX.fullmatch(saved["sha256"]):
        raise TypeError("a text is none")
    numbers = (saved["size_bytes"], saved["created_ms"])
    if not all(type(number) is int and number >= 0 for number in numbers) or saved["created_ms"] > TIME_MS_MAX:
        raise TypeError("a number is none, or no time")
    return Image(
        sha256=saved["sha256"],
        size_bytes=saved["size_bytes"],
        firmware_revision=saved["firmware_revision"],
        model_number=saved["model_number"],
        labels=labels,
        created_ms=saved["created_ms"],
        principal=saved.get("principal", ""),
    )


# -- the directory


@dataclass(frozen=True, slots=True)
class Content:
    """What a directory holds; `removed` are the files that an interruption had left of no use."""

    images: tuple[Image, ...]
    uploads: tuple[Upload, ...]
    removed: tuple[str, ...]


class SpoolFolder(Folder):
    """The spool's files by what they are. A sidecar is named by an image's SHA-256 or an upload's id."""

    def image(self, sha256: str) -> Path:
        """The bytes of an image."""
        return self.path / f"{sha256}.image"

    def part(self, upload: str) -> Path:
        """The bytes of an upload."""
        return self.path / f"{upload}.part"

    def touch(self, image: Image) -> None:
        """Keep when an image was last used, as its sidecar's mtime."""
        os.utime(self.sidecar(image.sha256), ns=(image.used_ms * 10**6,) * 2)

    def scan(self) -> Content:
        """What is there, after removing what an interruption left of no use; what is not nvmed's stays."""
        self.make()
        removed = [entry.name for entry in self.path.iterdir() if _HALF.fullmatch(entry.name) and is_file(entry)]
        images: list[Image] = []
        uploads: list[Upload] = []
        for entry in sorted(self.path.iterdir()):
            match = _NAME.fullmatch(entry.name)
            if match is None or not is_file(entry):
                continue
            if match["kind"] != "json":
                if not self.sidecar(entry.stem).exists():
                    removed.append(entry.name)
            elif match["sha256"] and (image := self._load_image(entry, match["sha256"])):
                images.append(image)
            elif match["upload"] and (upload := self._load_upload(entry, match["upload"])):
                uploads.append(upload)
            else:
                removed += [entry.name, f"{entry.stem}.image", f"{entry.stem}.part"]
        finished = {image.sha256 for image in images}
        for upload in uploads:
            if upload.image.sha256 in finished:  # stopped between giving the image its name and forgetting the upload
                removed += [f"{upload.id}.json", f"{upload.id}.part"]
        self.remove(*(self.path / name for name in removed))
        unfinished = tuple(upload for upload in uploads if upload.image.sha256 not in finished)
        return Content(tuple(images), unfinished, tuple(removed))

    def _load_image(self, sidecar: Path, sha256: str) -> Image | None:
        image = load_image(read_start(sidecar))
        try:
            size = self.image(sha256).stat().st_size
        except FileNotFoundError:
            return None
        if image is None or image.sha256 != sha256 or image.size_bytes != size:
            return None
        return replace(image, used_ms=modified_ms(sidecar.stat()))

    def _load_upload(self, sidecar: Path, name: str) -> Upload | None:
        upload = load_upload(read_start(sidecar))
        if upload is None or upload.id != name:
            return None
        part = self.part(name)
        present = part.stat() if part.exists() else None
        return replace(
            upload,
            committed_bytes=min(upload.committed_bytes, present.st_size if present else 0),
            updated_ms=modified_ms(present or sidecar.stat()),
        )
