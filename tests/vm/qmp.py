"""QEMU's machine protocol, as far as the lab needs it: commands, and events to wait for."""

from __future__ import annotations

import json
import socket
import time
from pathlib import Path
from typing import Any


class QmpError(Exception):
    """QEMU refused a command."""


class Qmp:
    """A connection to QEMU's control socket; not for several threads."""

    def __init__(self, path: Path, timeout_s: float = 30) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(timeout_s)
        self._socket.connect(str(path))
        self._lines = self._socket.makefile("rb")
        self._events: list[dict[str, Any]] = []
        self._lines.readline()  # the greeting
        self("qmp_capabilities")

    def __call__(self, command: str, **arguments: Any) -> Any:
        """Execute `command`; underscores in the names of arguments stand for hyphens. Raises QmpError."""
        named = {name.replace("_", "-"): value for name, value in arguments.items()}
        request = {"execute": command, "arguments": named}
        self._socket.sendall(json.dumps(request).encode() + b"\n")
        while True:
            reply = self._receive()
            if "return" in reply:
                return reply["return"]
            if "error" in reply:
                raise QmpError(f"{command}: {reply['error']['desc']}")

    def wait_event(self, name: str, timeout_s: float = 30, **data: Any) -> dict[str, Any]:
        """The first event `name` since it was last waited for whose data has these values; TimeoutError without."""
        deadline = time.monotonic() + timeout_s
        while True:
            for event in self._events:
                found = event.get("data", {})
                if event["event"] == name and all(found.get(key) == value for key, value in data.items()):
                    self._events.remove(event)
                    return event
            self._socket.settimeout(max(0.01, deadline - time.monotonic()))
            self._receive()

    def hmp(self, line: str) -> str:
        """A command of QEMU's human monitor, for what QMP cannot: user network port forwarding."""
        return str(self("human-monitor-command", command_line=line))

    def close(self) -> None:
        self._lines.close()
        self._socket.close()

    def _receive(self) -> dict[str, Any]:
        line = self._lines.readline()
        if not line:
            raise QmpError("QEMU closed its control socket")
        message: dict[str, Any] = json.loads(line)
        if "event" in message:
            self._events.append(message)
        return message
