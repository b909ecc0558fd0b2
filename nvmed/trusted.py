"""Files that decide what the daemon does: read if nobody else may write them, and refused by their name if not."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

from nvmed import files, limits
from nvmed.errors import NvmedError
from nvmed.reasons import Reason, error

FILE_BYTES_MAX: Final = limits.MIB

_WHERE: Final = re.compile(r" - at (?P<key>`key` in )?`\$\.?(?P<path>[^`]*)`$")


def read_trusted(path: Path, bytes_max: int = FILE_BYTES_MAX) -> str:
    """The text of a file that decides what the daemon does: raises CONFIG_INVALID if others may write or replace it."""
    if why := files.distrust(path):
        raise invalid(str(path), "", why)
    try:
        data = files.read_regular(path, bytes_max)
    except OSError as exc:
        raise invalid(str(path), "", f"cannot be read: {exc.strerror}") from None
    except ValueError as exc:
        raise invalid(str(path), "", str(exc)) from None
    if len(data) > bytes_max:
        raise invalid(str(path), "", f"is larger than {bytes_max} bytes")
    try:
        return data.decode()
    except UnicodeDecodeError as exc:
        raise invalid(str(path), "", f"is not UTF-8 at byte {exc.start}") from None


def toml(text: str) -> dict[str, Any]:
    """What TOML holds; raises TOMLDecodeError, also for what is nested deeper than anybody means."""
    try:
        return tomllib.loads(text)
    except RecursionError:
        raise tomllib.TOMLDecodeError("it is nested too deeply") from None


def why(exc: Exception) -> str:
    """What kept a file from being used, in words."""
    return str(exc.strerror) if isinstance(exc, OSError) and exc.strerror else str(exc)


def invalid(source: str, where: str, sentence: str) -> NvmedError:
    """The error of one wrong place: the file, the path of the field in it, and what is wrong."""
    place = f"{source}: {where}: " if where else f"{source}: "
    return error(Reason.CONFIG_INVALID, f"{place}{sentence}", file=source, field=where)


def explained(exc: msgspec.ValidationError, words: Mapping[str, str]) -> tuple[str, str]:
    """Where and what is wrong, with `words` in the place of technical ones."""
    text = str(exc)
    found = _WHERE.search(text)
    sentence = text[: found.start()] if found else text
    for technical, plain in words.items():
        sentence = sentence.replace(technical, plain)
    sentence = sentence[:1].lower() + sentence[1:]
    if found and found["key"]:
        sentence = f"a name in it is wrong: {sentence}"
    return (found["path"] if found else ""), sentence
