"""Who is calling: what the transport proved, never what a request says."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Principal:
    """A caller. `name` is what rules and logs use: `unix:admin`, `loopback`, `spiffe://fleet/controller`."""

    name: str
    roles: frozenset[str]


ADMIN_SOCKET = Principal("unix:admin", frozenset({"admin"}))
"""Whoever may connect to the socket of mode 0600: Python's gRPC shows no peer credentials, so the socket is the
identity and the file's owner and mode are the proof."""

LOOPBACK = Principal("loopback", frozenset({"admin"}))
"""Whoever connects to the plain TCP port, which exists only where an operator asked for it by name, for tests."""
