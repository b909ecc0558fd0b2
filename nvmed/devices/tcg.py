"""Sessions with a drive's trusted peripheral, by Security Send and Receive: a call is sent, its answer asked for."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

from nvmed.devices.controller import Session
from nvmed.errors import NvmedError
from nvmed.keys.secret import Secret, wipe
from nvmed.nvme import security, tcg_session
from nvmed.nvme.tcg_session import Called, Status
from nvmed.reasons import Reason, error

PAUSE_S: Final = 0.02
PAUSE_S_MAX: Final = 1.0
ASKED_MAX: Final = 330
"""How often an answer is asked for, with pauses that double: about five minutes. A revert takes some seconds."""

SILENT_MAX: Final = 10
"""How often a TPer may say that it has no answer and will have none."""

Wait = Callable[[float], Awaitable[object]]
"""Sleeps so many seconds; what it raises ends the asking."""


async def open_session(session: Session, com_id: int, psid: Secret, wait: Wait) -> int:
    """Open a session with the Admin SP as the PSID's authority; the TPer's number of it.

    Raises PSID_REFUSED, PSID_LOCKED_OUT, TCG_UNSUPPORTED, TCG_REFUSED, COMMAND_TIMEOUT.
    """
    with psid.borrow() as challenge:
        message = tcg_session.start_session(com_id, challenge)
    await session.mutate(security.send(security.TCG_PROTOCOL, com_id, len(message)), message)
    wipe(message)  # not where it fails: a thread may still be sending it, and drops it when it is through
    called = await answer(session, com_id, wait)
    number = None if called is None else tcg_session.session_of(called)
    if number is None:
        raise refused(None if called is None else called.status)
    return number


async def send_revert(session: Session, com_id: int, number: int) -> None:
    """Tell the TPer, in the session of that number, to revert; it has heard once this returns."""
    message = tcg_session.revert(com_id, number)
    await session.mutate(security.send(security.TCG_PROTOCOL, com_id, len(message)), message)


async def answer(session: Session, com_id: int, wait: Wait) -> Called | None:
    """What the TPer answers, once it does; None if it says that it will not. Raises COMMAND_TIMEOUT, and what `wait`
    does.
    """
    silent, pause_s = 0, PAUSE_S
    for _ in range(ASKED_MAX):
        raw = bytearray(tcg_session.MESSAGE_BYTES)
        await session.admin(security.receive(security.TCG_PROTOCOL, com_id, len(raw)), raw)
        message = tcg_session.parse(raw)
        if message.payload:
            return tcg_session.read(message.payload)
        silent += not message.outstanding_bytes
        if silent > SILENT_MAX:
            return None
        await wait(pause_s)
        pause_s = min(2 * pause_s, PAUSE_S_MAX)
    raise error(Reason.COMMAND_TIMEOUT, f"the drive's security subsystem did not answer {ASKED_MAX} times")


def refused(status: int | None) -> NvmedError:
    """The error of a status that is no success, None for no answer at all."""
    if status == Status.NOT_AUTHORIZED:
        return error(Reason.PSID_REFUSED)
    if status == Status.AUTHORITY_LOCKED_OUT:
        return error(Reason.PSID_LOCKED_OUT)
    if status == Status.INVALID_PARAMETER:
        return error(Reason.TCG_UNSUPPORTED, "the drive knows no authority that has a PSID: it is not reverted by one")
    if status is None:
        return error(Reason.TCG_REFUSED, "the drive's security subsystem does not answer")
    name = Status(status).name.replace("_", " ").lower() if status in set(Status) else "a status that is not known"
    return error(
        Reason.TCG_REFUSED, f"the drive's security subsystem refused: {name} ({status:#04x})", status=f"{status:#04x}"
    )
