"""The target: listens, and connects hosts to the controllers of the subsystems that it exports.

async with NvmeTcpTarget([Subsystem()], port=0) as target:
    ...  # nvme connect -t tcp -a 127.0.0.1 -s {target.port} -n {subsystem.nqn}
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Coroutine, Iterable, Sequence
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Self

import structlog

from nvmed.reasons import invalid_field
from nvmed.simulator.controller import Controller
from nvmed.simulator.nvme_tcp import fabrics
from nvmed.simulator.nvme_tcp.association import Association, Exported
from nvmed.simulator.nvme_tcp.connection import Connection
from nvmed.simulator.nvme_tcp.discovery import DiscoveryController, Place, SubsystemType
from nvmed.simulator.nvme_tcp.fabrics import Connect, ConnectRefused, Status, refusal
from nvmed.simulator.nvme_tcp.limits import Limits
from nvmed.simulator.nvme_tcp.stream import Stream
from nvmed.simulator.subsystem import Subsystem

log = structlog.get_logger(__name__)

HostKey = tuple[str, bytes]
"""Host NQN and host identifier."""


@dataclass(frozen=True, slots=True)
class Port:
    """A listening socket. `index` decides which controllers it leads to."""

    index: int
    listener: socket.socket

    @property
    def number(self) -> int:
        return int(self.listener.getsockname()[1])


class NvmeTcpTarget:
    """Exports `subsystems` at `host`:`port` (0: any free port), with a discovery subsystem besides.

    `paths` listens on as many ports, numbered on from `port`; the k-th controller of a subsystem is reached through
    port k modulo `paths`, so that every connection of a multipath host finds the same controller again. Through one
    port, hosts get the controllers they had before, or free ones. A controller belongs to one host at a time.
    `advertise_host` is the IP address that discovery tells instead of the one by which a host came. INVALID_FIELD if
    it is none, or if two subsystems have one NQN.

    Controllers keep their state from one host to the next, as those of the static model do (Base 2.0, section 3.1.2):
    a connection that breaks is no reset. With `DriveSpec.dynamic_controllers` a host gets any controller that is free,
    by another identifier at each association.

    Everything runs in the event loop that entered it.
    """

    def __init__(
        self,
        subsystems: Iterable[Subsystem],
        *,
        host: str = "127.0.0.1",
        port: int = 4420,
        paths: int = 1,
        limits: Limits | None = None,
        advertise_host: str | None = None,
    ) -> None:
        self.subsystems: dict[str, Subsystem] = {}
        for subsystem in subsystems:
            if self.subsystems.setdefault(subsystem.nqn, subsystem) is not subsystem:
                raise invalid_field("drives", f"two have the NQN {subsystem.nqn}; give each its own serial or nqn")
        self.host = host
        self.limits = limits or Limits()
        self._first_port = port
        self._paths = paths
        self._advertise_host = None if advertise_host is None else _address(advertise_host)
        self._ports: list[Port] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._connections: set[Connection] = set()
        self._associations: dict[tuple[str, int], Association] = {}
        self._last_host: dict[tuple[str, int], HostKey] = {}
        self._discoveries = 0
        self._idle = asyncio.Event()
        self._idle.set()

    # -- life

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.stop()

    async def start(self) -> None:
        """Listen; OSError if an address is taken."""
        try:
            for index in range(self._paths):
                wanted = self._first_port + index if self._first_port else 0
                self._ports.append(Port(index, _listen(self.host, wanted)))
        except OSError:
            await self.stop()
            raise
        for port in self._ports:
            self._spawn(self._accept(port))

    async def stop(self) -> None:
        """Stop listening and end every connection, as a target that dies does; a second call does nothing."""
        for task in tuple(self._tasks):
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
        for port in self._ports:
            port.listener.close()
        self._ports.clear()

    def drop_connections(self, subsystem_nqn: str | None = None) -> None:
        """Cut every connection, or those to one subsystem; the target goes on listening and hosts may come back."""
        if subsystem_nqn is None:
            for connection in tuple(self._connections):
                connection.drop()
        else:
            for (nqn, _), association in tuple(self._associations.items()):
                if nqn == subsystem_nqn:
                    association.close()

    async def idle(self) -> None:
        """Wait until no host is connected."""
        await self._idle.wait()

    @property
    def port(self) -> int:
        """The first port."""
        return self._ports[0].number

    @property
    def ports(self) -> tuple[int, ...]:
        return tuple(port.number for port in self._ports)

    @property
    def associations(self) -> tuple[Association, ...]:
        """Who holds which controller now."""
        return tuple(self._associations.values())

    @property
    def connections(self) -> int:
        """How many sockets are open."""
        return len(self._connections)

    async def _accept(self, port: Port) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                sock, _ = await loop.sock_accept(port.listener)
            except OSError as failure:  # out of file descriptors, say: others still are served
                log.warning("nvme_tcp.accept_failed", errno=failure.errno)
                await asyncio.sleep(0.1)
                continue
            self._spawn(self._serve(port, sock))

    async def _serve(self, port: Port, sock: socket.socket) -> None:
        with sock:
            stream = Stream(sock)
            connection = Connection(stream, _PortBroker(self, port, stream.local_address()), self.limits)
            self._connections.add(connection)
            self._idle.clear()
            try:
                await connection.run()
            except Exception:  # a bug here ends one connection, and is heard of
                log.exception("nvme_tcp.connection_failed", port=port.number)
            finally:
                self._connections.discard(connection)
                if not self._connections:
                    self._idle.set()

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # -- who gets what

    def connect_admin(self, port: Port, address: tuple[str, int], queue: Connection, connect: Connect) -> Association:
        """A new association; raises `ConnectRefused`."""
        if connect.subsystem_nqn == fabrics.DISCOVERY_NQN:
            controller: Exported = self._discovery_controller(address)
            is_dynamic = True
            limits, reset = replace(self.limits, io_queues=0), controller.reset
        else:
            controller = self._choose(port, connect)
            subsystem = self.subsystems[connect.subsystem_nqn]
            limits, reset = self.limits, subsystem.reset
            if is_dynamic := subsystem.spec.dynamic_controllers:
                subsystem.renumber(controller)
        host = connect.host_nqn, connect.host_id
        key = connect.subsystem_nqn, controller.controller_id
        association = Association(
            controller,
            connect.subsystem_nqn,
            host,
            limits,
            reset_subsystem=reset,
            ended=lambda: self._associations.pop(key, None),
        )
        self._associations[key] = association
        if not is_dynamic:
            self._last_host[key] = host
        association.open(queue, connect)
        return association

    def _discovery_controller(self, address: tuple[str, int]) -> DiscoveryController:
        self._discoveries = self._discoveries % 0xFFEF + 1
        host = self._advertise_host or address[0]
        own = Place(fabrics.DISCOVERY_NQN, SubsystemType.CURRENT_DISCOVERY, host, address[1], 1)
        places = [
            Place(nqn, SubsystemType.NVM, host, port.number, port.index + 1)
            for nqn, subsystem in self.subsystems.items()
            for port in self._ports
            if self._reachable(port, subsystem)
        ]
        return DiscoveryController(self._discoveries, [own, *places], generation=1)

    def _reachable(self, port: Port, subsystem: Subsystem) -> Sequence[Controller]:
        """The controllers that `port` leads to."""
        ordered = tuple(subsystem.controllers.values())
        return ordered[port.index :: len(self._ports)]

    def _choose(self, port: Port, connect: Connect) -> Controller:
        """The controller that is asked for, or the best that is free: the host's own of last time comes first."""
        subsystem = self.subsystems.get(connect.subsystem_nqn)
        candidates = [] if subsystem is None else self._reachable(port, subsystem)
        if not candidates:
            raise fabrics.invalid_parameter(fabrics.IN_DATA_SUBSYSTEM_NQN, in_data=True)
        is_dynamic = candidates[0].subsystem.spec.dynamic_controllers
        if is_dynamic and connect.controller_id != fabrics.CONTROLLER_ID_DYNAMIC:
            raise fabrics.invalid_parameter(fabrics.IN_DATA_CONTROLLER_ID, in_data=True)
        if connect.controller_id not in (fabrics.CONTROLLER_ID_DYNAMIC, fabrics.CONTROLLER_ID_STATIC):
            candidates = [one for one in candidates if one.controller_id == connect.controller_id]
            if not candidates:
                raise fabrics.invalid_parameter(fabrics.IN_DATA_CONTROLLER_ID, in_data=True)
        nqn, host = connect.subsystem_nqn, (connect.host_nqn, connect.host_id)
        free = [one for one in candidates if one.present and (nqn, one.controller_id) not in self._associations]
        if not free:
            raise ConnectRefused(refusal(Status.CONNECT_CONTROLLER_BUSY, retry=True))

        def reluctance(controller: Controller) -> tuple[int, int]:
            last = self._last_host.get((nqn, controller.controller_id))
            return 0 if last == host else 1 if last is None else 2, controller.controller_id

        return min(free, key=reluctance)

    def connect_io(self, queue: Connection, connect: Connect) -> Association:
        """The association that an I/O queue belongs to; raises `ConnectRefused`."""
        association = self._associations.get((connect.subsystem_nqn, connect.controller_id))
        if association is None:
            known = connect.subsystem_nqn in self.subsystems
            wrong = fabrics.IN_DATA_CONTROLLER_ID if known else fabrics.IN_DATA_SUBSYSTEM_NQN
            raise fabrics.invalid_parameter(wrong, in_data=True)
        if association.host != (connect.host_nqn, connect.host_id):
            raise fabrics.invalid_parameter(fabrics.IN_DATA_HOST_NQN, in_data=True)
        association.add(queue, connect)
        return association


@dataclass(frozen=True, slots=True)
class _PortBroker:
    """Answers the Connect of one connection: through which port it came decides what it reaches."""

    target: NvmeTcpTarget
    port: Port
    address: tuple[str, int]

    def connect(self, queue: Connection, connect: Connect) -> Association:
        if connect.queue_id == 0:
            return self.target.connect_admin(self.port, self.address, queue, connect)
        return self.target.connect_io(queue, connect)


def _address(text: str) -> str:
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        raise invalid_field("advertise_host", f"{text!r} is no IP address; discovery tells no names") from None


def _listen(host: str, port: int) -> socket.socket:
    family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
    listener = socket.create_server((host, port), family=family, backlog=128)
    listener.setblocking(False)
    return listener
