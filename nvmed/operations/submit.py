"""A command that changes a drive, inside a step of an operation."""

from __future__ import annotations

from nvmed.devices.controller import Session
from nvmed.devices.lane import NOT_STARTED
from nvmed.errors import NvmedError
from nvmed.nvme.transport import Command, Completion
from nvmed.operations.running import Running


async def submit(running: Running, session: Session, command: Command, data: bytes = b"") -> Completion:
    """Submit a command that changes the drive; where nobody knows whether it did, the drive is asked in the end."""
    try:
        return await session.mutate(command, bytearray(data) if data else None)
    except NvmedError as exc:
        if exc.nvme is None and exc.reason not in NOT_STARTED:
            running.uncertain()
        raise
