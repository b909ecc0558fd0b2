"""What a service says to systemd and hears from it: sd_notify(3), sd_watchdog_enabled(3), credentials.

The protocol is a datagram of `KEY=value` lines to a unix socket and a few environment variables, stable by systemd's
promise; a library would be larger than this.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final

_SEND_TIMEOUT_S: Final = 2.0
"""A service manager that is itself stuck must not stop the daemon for long."""


def notify(*assignments: str, environ: Mapping[str, str] = os.environ) -> bool:
    """Send `assignments` (`READY=1`) in one datagram; False if no service manager listens.

    `OSError` if it does and the datagram cannot be sent. An address is a path, or abstract if it begins with `@`.
    """
    address = environ.get("NOTIFY_SOCKET", "")
    if not address:
        return False
    if address[0] not in "/@":
        raise OSError(f"NOTIFY_SOCKET={address}: neither a path nor an abstract address")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
        sender.settimeout(_SEND_TIMEOUT_S)
        sender.connect("\0" + address[1:] if address[0] == "@" else address)
        sender.sendall("\n".join(assignments).encode())
    return True


def ready(status: str = "", *, environ: Mapping[str, str] = os.environ) -> bool:
    """Started, or done with reloading."""
    return notify("READY=1", *_status(status), environ=environ)


def reloading(status: str = "", *, environ: Mapping[str, str] = os.environ) -> bool:
    """Reloading begins; `ready` ends it. systemd 253 and later match the time against their signal (notify-reload)."""
    now_us = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
    return notify("RELOADING=1", f"MONOTONIC_USEC={now_us}", *_status(status), environ=environ)


def stopping(status: str = "", *, environ: Mapping[str, str] = os.environ) -> bool:
    """Shutting down begins."""
    return notify("STOPPING=1", *_status(status), environ=environ)


def status(text: str, *, environ: Mapping[str, str] = os.environ) -> bool:
    """What `systemctl status` shows: one line."""
    return notify(*_status(text), environ=environ)


def alive(*, environ: Mapping[str, str] = os.environ) -> bool:
    """Feed the watchdog."""
    return notify("WATCHDOG=1", environ=environ)


def watchdog_interval_s(environ: Mapping[str, str] = os.environ) -> float | None:
    """Seconds between calls of `alive`, half of what systemd allows; None if it watches nobody, or another process."""
    if environ.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return None
    allowed_us = environ.get("WATCHDOG_USEC", "")
    if not allowed_us.isascii() or not allowed_us.isdigit() or not int(allowed_us):
        return None
    return int(allowed_us) / 2_000_000


def credentials_directory(environ: Mapping[str, str] = os.environ) -> Path | None:
    """Where `LoadCredential=` puts its files, readable by this service alone; None without credentials."""
    directory = environ.get("CREDENTIALS_DIRECTORY", "")
    return Path(directory) if directory.startswith("/") else None


def _status(text: str) -> tuple[str, ...]:
    """A newline would begin another assignment."""
    return (f"STATUS={' '.join(text.split())}",) if text else ()
