"""The commands of a simulated drive, by opcode: who executes each, and what it needs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from nvmed.nvme.opcodes import AdminOpcode, IoOpcode
from nvmed.nvme.status import Queue
from nvmed.simulator.commands import (
    features,
    firmware,
    identify,
    lba_status,
    logs,
    namespaces,
    nvm,
    sanitize,
    security,
    self_test,
)
from nvmed.simulator.commands.request import Request
from nvmed.simulator.refusal import Refused, Sc
from nvmed.simulator.spec import DriveSpec
from nvmed.simulator.state.drive import ControllerState, Supported

Handler = Callable[[ControllerState, Request], int]
"""Executes a command and gives its dwords 0 and 1, or raises `Refused`. Called with the subsystem's lock held."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A command that controllers may support: who executes it, and which bits of OACS and SANICAP it needs.

    `effects` is its entry of the Commands Supported and Effects log, `media` whether it needs the drive's media, which
    a running or failed sanitize operation takes away.
    """

    handler: Handler
    capability: int = 0
    effects: int = 0
    media: bool = False
    sanitize_capability: int = 0

    def is_supported(self, spec: DriveSpec) -> bool:
        """Whether a drive has the command: all bits of OACS, and any of those of SANICAP."""
        return self.capability & spec.optional_admin_commands == self.capability and (
            not self.sanitize_capability or bool(self.sanitize_capability & spec.sanitize_capabilities)
        )


CSUPP, LBCC, NCC, NIC, CCC = 1 << 0, 1 << 1, 1 << 2, 1 << 3, 1 << 4
"""Effects: supported; changes logical block content, namespace capabilities, namespace inventory, controller's."""

SUBMISSION_ALONE = 2 << 16
"""CSE: no other command to any namespace may be outstanding."""


def _keep_alive(controller: ControllerState, request: Request) -> int:
    return 0


def _abort(controller: ControllerState, request: Request) -> int:
    """Best effort, says the specification: dword 0 bit 0 set, the command was not aborted."""
    return 1


def _asynchronous_event_request(controller: ControllerState, request: Request) -> int:
    """The host's own business: a kernel and the NVMe/TCP target subscribe, so no slot is left for anyone else."""
    raise Refused(Sc.ASYNC_EVENT_LIMIT)


ADMIN_COMMANDS: Mapping[int, Entry] = {
    AdminOpcode.GET_LOG_PAGE: Entry(logs.get_log_page),
    AdminOpcode.IDENTIFY: Entry(identify.identify),
    AdminOpcode.ABORT: Entry(_abort),
    AdminOpcode.SET_FEATURES: Entry(features.set_features, effects=CCC),
    AdminOpcode.GET_FEATURES: Entry(features.get_features),
    AdminOpcode.ASYNCHRONOUS_EVENT_REQUEST: Entry(_asynchronous_event_request),
    AdminOpcode.NAMESPACE_MANAGEMENT: Entry(namespaces.manage, 1 << 3, NIC, media=True),
    AdminOpcode.FIRMWARE_COMMIT: Entry(firmware.commit, 1 << 2, CCC | SUBMISSION_ALONE, media=True),
    AdminOpcode.FIRMWARE_IMAGE_DOWNLOAD: Entry(firmware.download, 1 << 2, media=True),
    AdminOpcode.DEVICE_SELF_TEST: Entry(self_test.device_self_test, 1 << 4, media=True),
    AdminOpcode.NAMESPACE_ATTACHMENT: Entry(namespaces.attach_or_detach, 1 << 3, NIC, media=True),
    AdminOpcode.KEEP_ALIVE: Entry(_keep_alive),
    AdminOpcode.FORMAT_NVM: Entry(namespaces.format_nvm, 1 << 1, LBCC | NCC | SUBMISSION_ALONE, media=True),
    AdminOpcode.SANITIZE: Entry(sanitize.sanitize, 0, LBCC | SUBMISSION_ALONE, sanitize_capability=7),
    AdminOpcode.SECURITY_SEND: Entry(security.security_send, 1 << 0),
    AdminOpcode.SECURITY_RECEIVE: Entry(security.security_receive, 1 << 0),
    AdminOpcode.GET_LBA_STATUS: Entry(lba_status.get_lba_status, 1 << 9, media=True),
}
"""By opcode; any other is refused with Invalid Opcode."""

IO_COMMANDS: Mapping[int, Entry] = {
    IoOpcode.FLUSH: Entry(nvm.flush, media=True),
    IoOpcode.WRITE: Entry(nvm.write, effects=LBCC, media=True),
    IoOpcode.READ: Entry(nvm.read, media=True),
    IoOpcode.WRITE_UNCORRECTABLE: Entry(nvm.write_uncorrectable, effects=LBCC, media=True),
    IoOpcode.COMPARE: Entry(nvm.compare, media=True),
    IoOpcode.WRITE_ZEROES: Entry(nvm.write_zeroes, effects=LBCC, media=True),
    IoOpcode.DATASET_MANAGEMENT: Entry(nvm.dataset_management, effects=LBCC, media=True),
}
"""The NVM command set, by opcode."""

COMMANDS: Mapping[Queue, Mapping[int, Entry]] = {Queue.ADMIN: ADMIN_COMMANDS, Queue.IO: IO_COMMANDS}


def supported_commands(spec: DriveSpec) -> Supported:
    """What a controller of a drive supports, as `ControllerState.supported`."""
    return {
        queue: {opcode: CSUPP | entry.effects for opcode, entry in commands.items() if entry.is_supported(spec)}
        for queue, commands in COMMANDS.items()
    }
