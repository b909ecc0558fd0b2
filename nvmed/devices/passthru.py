"""Passing a command through to a drive: what it may transfer there, whether it changes state there, and sending it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Final
from weakref import WeakKeyDictionary

from nvmed import limits
from nvmed.devices.controller import Device, Session
from nvmed.devices.logs import read_bytes
from nvmed.errors import NvmedError
from nvmed.nvme import identify
from nvmed.nvme.effects import EffectsLog
from nvmed.nvme.identify import IdentifyNamespace
from nvmed.nvme.layout import bit
from nvmed.nvme.logpage import get_log_page
from nvmed.nvme.opcodes import IDENTIFY_BYTES, LogPage
from nvmed.nvme.passthru import (
    Passthru,
    check_buffers,
    has_effects,
    require_length,
    transferred_block_bytes,
    transferred_bytes,
    transfers_blocks,
)
from nvmed.nvme.status import Queue
from nvmed.reasons import invalid_field

EFFECTS_LOG: Final = 1
"""Bit of LPA: whether there is a Commands Supported and Effects log."""


_EFFECTS: Final = partial(get_log_page, LogPage.COMMANDS_SUPPORTED_AND_EFFECTS)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a command that succeeded gave: dwords 0 and 1, and what was read."""

    result: int
    data: bytes
    metadata: bytes


class EffectsLogs:
    """The effects log of each controller, read once for each firmware revision that it runs."""

    def __init__(self) -> None:
        self._logs: WeakKeyDictionary[Device, tuple[str, EffectsLog | None]] = WeakKeyDictionary()

    async def changes_state(self, session: Session, passthru: Passthru) -> bool:
        """Whether the controller says of itself that the command changes anything; false where it says nothing."""
        log = await self._of(session)
        if log is None:
            return False
        opcode = passthru.command.opcode
        return has_effects(log.of_admin(opcode) if passthru.queue is Queue.ADMIN else log.of_io(opcode))

    async def _of(self, session: Session) -> EffectsLog | None:
        device, revision = session.device, session.device.node.firmware_revision
        known, log = self._logs.get(device, (None, None))
        if known != revision:
            log = await _read_effects(session)
            self._logs[device] = (revision, log)
        return log


async def _read_effects(session: Session) -> EffectsLog | None:
    """The log, None if there is none or the controller refuses it."""
    if not bit((await session.device.identify(session)).lpa, EFFECTS_LOG):
        return None
    try:
        data = await read_bytes(session, _EFFECTS, 0, EffectsLog.SIZE)
    except NvmedError as exc:
        if exc.nvme is None:
            raise
        return None
    return EffectsLog.parse(data)


async def check(session: Session, passthru: Passthru) -> None:
    """Raise INVALID_FIELD unless the drive can be sent the command without harm to this host.

    Its buffers must go the way that its opcode says, be no larger than what drive, kernel and nvmed take, and be as
    long as what the command transfers, where that is known. May identify controller and namespace.
    """
    check_buffers(passthru)
    await _check_limits(session, passthru)
    if transfers_blocks(passthru):
        namespace = await _identify_namespace(session, passthru.command.nsid)
        require_length(passthru, *transferred_block_bytes(passthru.command, namespace))
    elif (size := transferred_bytes(passthru)) is not None:
        require_length(passthru, size)


async def _check_limits(session: Session, passthru: Passthru) -> None:
    mdts_bytes = (await session.device.identify(session)).max_transfer_bytes
    known = (
        (mdts_bytes, "the controller's MDTS"),
        (session.device.node.max_transfer_bytes, "the kernel's queue limit"),
        (limits.PASSTHRU_DATA_BYTES_MAX, "nvmed's limit for passthrough"),
    )
    limit, name = min((limit, name) for limit, name in known if limit)
    if passthru.data_bytes > limit:
        raise invalid_field(
            passthru.data_field,
            f"has {passthru.data_bytes} bytes; {name} allows {limit} in one command: send several",
        )


async def _identify_namespace(session: Session, nsid: int) -> IdentifyNamespace:
    data = bytearray(IDENTIFY_BYTES)
    await session.admin(identify.identify_namespace(nsid), data)
    return IdentifyNamespace.parse(bytes(data))


async def execute(session: Session, passthru: Passthru, *, changes_state: bool) -> Answer:
    """Send the command and wait; one that changes state never beside another that does.

    Raises what `os_error` and `status.check` make of a failure.
    """
    command = passthru.command
    data = bytearray(passthru.data or passthru.read_bytes)
    metadata = bytearray(passthru.metadata or passthru.read_metadata_bytes)
    if changes_state:
        completion = await session.mutate(command, data or None, metadata or None, queue=passthru.queue)
    else:
        completion = await session.run(
            lambda: session.submit(command, data or None, metadata or None, queue=passthru.queue),
            timeout_ms=command.timeout_ms,
        )
    read = not command.is_write
    return Answer(completion.result, bytes(data) if read else b"", bytes(metadata) if read else b"")
