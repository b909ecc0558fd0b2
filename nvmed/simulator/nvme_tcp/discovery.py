"""The discovery controller: says which subsystems this target exports, and where (Base 2.0, section 3.1.2.3)."""

from __future__ import annotations

import ipaddress
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import IntEnum, unique

from nvmed.nvme.opcodes import IDENTIFY_BYTES, AdminOpcode, FeatureId, IdentifyCns, LogPage
from nvmed.nvme.status import Queue
from nvmed.nvme.transport import Command, Completion
from nvmed.simulator.nvme_tcp.fabrics import CONTROLLER_ID_DYNAMIC, Status, refusal
from nvmed.simulator.state.drive import Change

VERSION = 0x2_0000

_TRANSPORT_TCP = 3
_ADDRESS_FAMILY = {4: 1, 6: 2}
_FLOW_CONTROL_OPTIONAL = 0x04
"""TREQ: hosts may switch submission queue flow control off; a secure channel is neither asked for nor offered."""
_ADMIN_QUEUE_ENTRIES = 32

_HEADER = struct.Struct("<QQH1006x")
_ENTRY = struct.Struct("<BBBBHHHH20x32s192x256s256s256x")


@unique
class SubsystemType(IntEnum):
    """SUBTYPE of a discovery log page entry (Base 2.0, figure 264)."""

    NVM = 2
    CURRENT_DISCOVERY = 3


@dataclass(frozen=True, slots=True)
class Place:
    """One entry: a subsystem, and an address that leads to it."""

    subsystem_nqn: str
    subsystem_type: SubsystemType
    host: str
    port: int
    port_id: int


def build_discovery_log(places: Sequence[Place], generation: int) -> bytes:
    """Log page 70h (Base 2.0, figure 263)."""
    return _HEADER.pack(generation, len(places), 0) + b"".join(
        _ENTRY.pack(
            _TRANSPORT_TCP,
            _ADDRESS_FAMILY[ipaddress.ip_address(place.host).version],
            place.subsystem_type,
            _FLOW_CONTROL_OPTIONAL,
            place.port_id,
            CONTROLLER_ID_DYNAMIC,
            _ADMIN_QUEUE_ENTRIES,
            0,
            str(place.port).encode().ljust(32),
            place.subsystem_nqn.encode(),
            place.host.encode().ljust(256),
        )
        for place in places
    )


def _identity() -> bytes:
    data = bytearray(IDENTIFY_BYTES)
    data[4:24] = b"nvmed-discovery".ljust(20)
    data[24:64] = b"nvmed discovery controller".ljust(40)
    data[64:72] = b"1.0".ljust(8)
    data[80:84] = VERSION.to_bytes(4, "little")
    data[111] = 2  # CNTRLTYPE: discovery
    data[259] = 3  # AERL
    data[261] = 1 << 2  # LPA: NUMDU, LPOL and LPOU of Get Log Page
    return bytes(data)


@dataclass(slots=True, eq=False)
class DiscoveryController:
    """What one host that discovers is connected to."""

    controller_id: int
    places: Sequence[Place]
    generation: int
    event_configuration: int = field(default=0, init=False)
    blocks: bool = field(default=False, init=False)

    def admin(
        self, command: Command, data: bytearray | memoryview | None = None, metadata: bytearray | None = None
    ) -> Completion:
        return self.execute(Queue.ADMIN, command, data)

    def io(
        self, command: Command, data: bytearray | memoryview | None = None, metadata: bytearray | None = None
    ) -> Completion:
        return self.execute(Queue.IO, command, data)

    def execute(
        self,
        queue: Queue,
        command: Command,
        data: bytearray | memoryview | None = None,
        metadata: bytearray | None = None,
    ) -> Completion:
        """Admin commands of a discovery controller (Base 2.0, section 3.1.2.3.3); it has no I/O queues."""
        if queue is Queue.IO:
            return refusal(Status.INVALID_OPCODE)
        view = memoryview(data if data is not None else b"")
        match command.opcode:
            case AdminOpcode.IDENTIFY if command.cdw10 & 0xFF == IdentifyCns.CONTROLLER:
                return _give(view, _identity())
            case AdminOpcode.GET_LOG_PAGE:
                return self._log_page(command, view)
            case AdminOpcode.SET_FEATURES if _is_event_configuration(command):
                self.event_configuration = command.cdw11
                return Completion()
            case AdminOpcode.GET_FEATURES if _is_event_configuration(command):
                return Completion(0, self.event_configuration)
            case AdminOpcode.IDENTIFY | AdminOpcode.SET_FEATURES | AdminOpcode.GET_FEATURES:
                return refusal(Status.INVALID_FIELD)
        return refusal(Status.INVALID_OPCODE)

    def _log_page(self, command: Command, view: memoryview) -> Completion:
        if command.cdw10 & 0xFF != LogPage.DISCOVERY:
            return refusal(Status.INVALID_LOG_PAGE)
        offset = command.cdw12 | command.cdw13 << 32
        log = build_discovery_log(self.places, self.generation)
        if offset % 4 or offset > len(log):
            return refusal(Status.INVALID_FIELD)
        length = 4 * ((command.cdw10 >> 16 | (command.cdw11 & 0xFFFF) << 16) + 1)
        return _give(view[:length], log[offset:])

    def reset(self) -> None:
        self.event_configuration = 0

    def subscribe_async_events(self, callback: Callable[[int], None]) -> Callable[[], None]:
        return _nothing

    def subscribe_changes(self, callback: Callable[[Change], None]) -> Callable[[], None]:
        return _nothing


def _nothing() -> None:
    """There is nothing to tell: what is exported does not change while the target runs."""


def _is_event_configuration(command: Command) -> bool:
    return command.cdw10 & 0xFF == FeatureId.ASYNCHRONOUS_EVENT_CONFIGURATION


def _give(view: memoryview, content: bytes) -> Completion:
    """Fill `view` with `content`, and zeros after its end."""
    given = min(len(view), len(content))
    view[:given] = content[:given]
    view[given:] = bytes(len(view) - given)
    return Completion()
