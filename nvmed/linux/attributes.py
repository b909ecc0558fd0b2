"""Attributes in sysfs: read from a directory that stays that of the device it was opened for."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from nvmed.files import open_descriptor

_ATTRIBUTE_BYTES: Final = 4096
"""An attribute is at most a page."""

_UNKNOWN: Final = ("(efault)", "(null)")
"""What printk makes of a pointer to nothing: a controller's serial and model before the kernel has identified it (seen
on Linux 6.12 with nvme-tcp, right after the event that it was added)."""


@contextmanager
def opened_directory(path: Path) -> Iterator[int]:
    """A descriptor of the directory. It stays that of the device it was opened for, even if the kernel gives the name
    to another one meanwhile: attributes of two drives are never mixed."""
    fd = open_descriptor(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield fd
    finally:
        os.close(fd)


def names_in(directory: Path | int) -> list[str]:
    """The names in a directory, none if it is missing or vanishes."""
    try:
        return os.listdir(directory)  # noqa: PTH208  (pathlib takes no descriptors)
    except OSError:
        return []


def _utf8(data: bytes) -> str:
    return data.split(b"\0", 1)[0].decode("utf-8", "replace").strip(" \t\n")


def read_attribute(directory: int, name: str, as_text: Callable[[bytes], str] = _utf8) -> str:
    """An attribute stripped of padding, "" if it is missing, unreadable, unknown yet, or of a device that is going."""
    try:
        fd = open_descriptor(name, os.O_RDONLY, directory=directory)
    except OSError:
        return ""
    try:
        text = as_text(os.read(fd, _ATTRIBUTE_BYTES))
        return "" if text in _UNKNOWN else text
    except OSError:
        return ""
    finally:
        os.close(fd)


def number_in(directory: int, name: str, default: int) -> int:
    """A decimal attribute, or `default`; the kernel writes nothing negative but -1 for what there is none of."""
    text = read_attribute(directory, name)
    return int(text) if re.fullmatch(r"[0-9]{1,20}", text) else default


def attribute(path: Path) -> str:
    """As `read_attribute`, by its path."""
    try:
        with opened_directory(path.parent) as directory:
            return read_attribute(directory, path.name)
    except OSError:
        return ""
