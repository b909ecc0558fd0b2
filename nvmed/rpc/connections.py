"""Connections of one TCP address: who has how many, and an end for those that are too many.

gRPC takes connections by itself, up to a number, and lets nobody count them; so 1,000 that say nothing would close the
port to all others. Here the process looks through its own sockets a few times a second, and ends with shutdown(2) what
is over a limit: gRPC then sees its client hang up. A connection is silent until a caller who is known has made a call
over it; whoever means well is that only while the handshake lasts. Where there are too many, the oldest silent ones go.
"""

from __future__ import annotations

import asyncio
import os
import socket
import stat
import time
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address
from typing import Any, Final

import structlog

from nvmed import config
from nvmed.reasons import Reason, error

LOOK_S: Final = 0.25
OPEN_FILES: Final = "/proc/self/fd"

log: Final = structlog.get_logger("nvmed.rpc")


@dataclass(frozen=True, slots=True)
class Connection:
    """One connection: its file descriptor, `peer` as gRPC names it, the address in it, and when it was first seen."""

    inode: int
    fd: int
    peer: str
    address: str
    seen: float


class Connections:
    """The connections to one port, on one event loop; `limits` are those in force."""

    def __init__(self, limits: Callable[[], config.Limits], clock: Callable[[], float] = time.monotonic) -> None:
        self._limits = limits
        self._clock = clock
        self._known: dict[int, Connection] = {}
        self._others: frozenset[int] = frozenset()
        self._callers: dict[str, str] = {}
        self._refused: set[str] = set()

    def called(self, peer: str, caller: str) -> None:
        """A call of `caller` comes over the connection `peer`; raises TOO_MANY_CALLS if the caller has too many."""
        if self._callers.get(peer) == caller:
            return
        limit = self._limits().connections_per_principal
        if sum(1 for other in self._callers.values() if other == caller) >= limit:
            self._refused.add(peer)
            raise error(
                Reason.TOO_MANY_CALLS,
                f"{caller} has reached connections_per_principal = {limit}; use the connections there are",
                retry_delay_ms=1000,
                limit="connections_per_principal",
                value=limit,
            )
        self._callers[peer] = caller

    @asynccontextmanager
    async def kept(self, port: int) -> AsyncIterator[None]:
        """Keep the limits inside."""

        async def look() -> None:
            while True:
                await asyncio.sleep(LOOK_S)
                self.look(port)

        looking = asyncio.create_task(look(), name="connections")
        try:
            yield
        finally:
            looking.cancel()
            await asyncio.wait([looking])

    def look(self, port: int) -> None:
        """See which connections there are to `port`, and end those that are too many."""
        self._see(port)
        ended = {one.inode: (one, limit) for limit, ones in self._surplus() for one in ones}
        for one, _ in ended.values():
            _end(one)
        for limit, number in Counter(limit for _, limit in ended.values()).items():
            addresses = sorted({one.address for one, because in ended.values() if because == limit})
            log.warning("connections_ended", limit=limit, ended=number, addresses=addresses)

    def _see(self, port: int) -> None:
        now = self._clock()
        known: dict[int, Connection] = {}
        others: set[int] = set()
        for inode, fd in _sockets():
            if inode in self._others:
                others.add(inode)
            elif inode in self._known:
                known[inode] = self._known[inode]
            elif (found := _connection(inode, fd, port, now)) is not None:
                known[inode] = found
            else:
                others.add(inode)
        self._known, self._others = known, frozenset(others)
        peers = {one.peer for one in known.values()}
        self._refused &= peers
        for peer in [*self._callers]:
            if peer not in peers:
                del self._callers[peer]

    def _surplus(self) -> Iterator[tuple[str, list[Connection]]]:
        """Which connections are too many, by the limit that says so."""
        limits = self._limits()
        connections = sorted(self._known.values(), key=lambda one: one.seen)
        yield "connections_per_principal", [one for one in connections if one.peer in self._refused]
        silent = [one for one in connections if one.peer not in self._callers]
        yield "connections_silent", silent[: max(0, len(silent) - limits.connections_silent)]
        by_address: dict[str, list[Connection]] = defaultdict(list)
        for one in connections:
            by_address[one.address].append(one)
        for ones in by_address.values():
            surplus = len(ones) - limits.connections_per_address
            if surplus > 0:  # the oldest silent ones, then the newest
                ones.sort(
                    key=lambda one: (one.peer in self._callers, one.seen * (-1 if one.peer in self._callers else 1))
                )
                yield "connections_per_address", ones[:surplus]


def counted(identify: Callable[[Any], tuple[str, ...]], connections: Connections) -> Callable[[Any], tuple[str, ...]]:
    """`identify`, which also tells `connections` of each call."""

    def identified(context: Any) -> tuple[str, ...]:
        identities = identify(context)
        connections.called(context.peer(), identities[0])
        return identities

    return identified


def _sockets() -> Iterator[tuple[int, int]]:
    """Inode and file descriptor of each socket that the process has."""
    for name in os.listdir(OPEN_FILES):  # noqa: PTH208  # names alone, a few times a second
        with suppress(OSError):  # it was closed meanwhile: gRPC does so in threads of its own
            found = os.fstat(int(name))
            if stat.S_ISSOCK(found.st_mode):
                yield found.st_ino, int(name)


def _connection(inode: int, fd: int, port: int, now: float) -> Connection | None:
    """The connection to `port` that the socket is; None if it is another one."""
    with suppress(OSError), socket.socket(fileno=os.dup(fd)) as own:
        if own.family not in (socket.AF_INET, socket.AF_INET6) or own.getsockname()[1] != port:
            return None
        host, from_port, *_ = own.getpeername()
        address = ip_address(host.partition("%")[0])
        if isinstance(address, IPv6Address):
            address = address.ipv4_mapped or address
        shown = f"ipv6:%5B{address}%5D" if address.version == 6 else f"ipv4:{address}"
        return Connection(inode, fd, f"{shown}:{from_port}", str(address), now)
    return None


def _end(one: Connection) -> None:
    """Shut the connection down, if its descriptor still is that."""
    with suppress(OSError), socket.socket(fileno=os.dup(one.fd)) as own:
        if os.fstat(own.fileno()).st_ino == one.inode:
            own.shutdown(socket.SHUT_RDWR)
