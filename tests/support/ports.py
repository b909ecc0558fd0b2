"""Ports of loopback for what a test starts."""

from __future__ import annotations

import random
import socket
from contextlib import ExitStack

FIRST, LAST = 20_000, 32_000
"""Below those that the kernel gives to connections (ip_local_port_range), which would take one away again."""


def free_ports(count: int = 1) -> int:
    """The first of `count` ports in a row that nobody has now."""
    while True:
        first = random.randrange(FIRST, LAST - count)
        with ExitStack() as stack:
            try:
                for port in range(first, first + count):
                    probe = stack.enter_context(socket.socket())
                    probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return first
