"""The file of headers that a collector asks for: a token, most often, so it is read as a key is."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from nvmed import limits
from nvmed.keys.secret import Secret
from nvmed.trusted import invalid, read_trusted

_LINE: Final = re.compile(r"(?P<name>[A-Za-z0-9][A-Za-z0-9_.-]{0,127}):[ \t]*(?P<value>[\x20-\x7e]+)")
_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO
HEADERS_MAX: Final = 32

Headers = Sequence[tuple[str, Secret]]


def read(path: Path) -> Headers:
    """The headers in a file; raises CONFIG_INVALID, which names lines and never what they hold."""
    text = read_trusted(path, limits.KEY_FILE_BYTES_MAX)
    if (mode := stat.S_IMODE(os.stat(path).st_mode)) & _OTHERS:  # noqa: PTH116 - links are followed, as above
        raise invalid(str(path), "", f"is open to others (mode {mode:04o}); chmod go-rwx")
    return parse(text, str(path))


def parse(text: str, source: str) -> Headers:
    """`name: value` on a line each; empty lines and such that begin with `#` are none."""
    found: list[tuple[str, Secret]] = []
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip() or line.startswith("#"):
            continue
        match = _LINE.fullmatch(line.rstrip())
        name = match["name"].lower() if match else ""
        if match is None or name.startswith("grpc-") or name.endswith("-bin"):
            raise invalid(source, "", f"line {number} is no header; it is `name: value`, in ASCII")
        found.append((name, Secret.from_text(match["value"].strip())))
    if len(found) > HEADERS_MAX:
        raise invalid(source, "", f"has {len(found)} headers; at most {HEADERS_MAX} are sent")
    return tuple(found)
