"""Lines of the log as journald's own fields (systemd's Journal Native Protocol): found by what is in them, as
`NVMED_EVENT=call`, without reading texts. The text stays the line as JSON.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final, TextIO

if TYPE_CHECKING:
    import structlog

SOCKET: Final = "/run/systemd/journal/socket"
PREFIX: Final = "NVMED_"
NAME_BYTES_MAX: Final = 64

PRIORITIES: Final = {"critical": 2, "error": 3, "warning": 4, "info": 6, "debug": 7}
"""Levels as syslog and sd-daemon(3) number them."""

NOT_FIELDS: Final = frozenset({"level", "timestamp", "exception"})
"""What journald has fields of its own for, and what nobody looks for."""


def priority(line: Mapping[str, Any]) -> int:
    """How grave a line is."""
    return PRIORITIES.get(str(line.get("level")), PRIORITIES["info"])


def datagram(line: Mapping[str, Any], text: str) -> bytes:
    """What journald takes: `text` as the message, and a field for each value of the line that is no object."""
    fields = [("MESSAGE", text), ("PRIORITY", str(priority(line))), ("SYSLOG_IDENTIFIER", "nvmed")]
    return b"".join(_encoded(name, value) for name, value in (*fields, *_fields(line)))


def _fields(line: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Name and value of each field; a list is as many values of one."""
    for key, value in line.items():
        name = (PREFIX + key.upper())[:NAME_BYTES_MAX]
        if key in NOT_FIELDS or not (name.isascii() and name.replace("_", "").isalnum()):
            continue
        for one in value if isinstance(value, list | tuple) else (value,):
            if isinstance(one, str | int | float):
                yield name, str(one)


def _encoded(name: str, value: str) -> bytes:
    """One field: with its length, as a value may have more than one line."""
    data = value.encode(errors="replace")
    return name.encode() + b"\n" + len(data).to_bytes(8, "little") + data + b"\n"


class Logger:
    """Sends each line to journald; where it does not take one at once, that goes to `instead`, which it reads too."""

    def __init__(self, instead: TextIO) -> None:
        self._instead = instead

    def msg(self, sent: bytes, text: str) -> None:
        """One line: as a datagram, and as it is without fields."""
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as to:
                to.sendto(sent, socket.MSG_DONTWAIT, SOCKET)
        except OSError:
            self._instead.write(text + "\n")
            self._instead.flush()

    debug = info = warning = error = critical = exception = msg


def rendering(render: structlog.typing.Processor) -> Callable[..., tuple[tuple[bytes, str], dict[str, Any]]]:
    """A processor that makes what `Logger` takes of a line, with the text that `render` makes of it.

    Without fields it has its priority before it, as journald takes it from a stream (`SyslogLevelPrefix=`).
    """

    def rendered(logger: Any, name: str, line: structlog.typing.EventDict) -> tuple[tuple[bytes, str], dict[str, Any]]:
        fields = dict(line)  # renderers take out what they show
        text = str(render(logger, name, line))
        return (datagram(fields, text), f"<{priority(fields)}>{text}"), {}

    return rendered
