"""A drive's trusted peripheral: who owns and locks it, and sessions that revert it (TCG Opal SSC 2.02, PSID 1.00)."""

from __future__ import annotations

import hmac
from collections.abc import Callable
from typing import Final

from nvmed.errors import NvmedError
from nvmed.nvme import tcg_session as tcg
from nvmed.nvme.security import BLOCK_SID, LOCKING, TPER, Discovery, Feature
from nvmed.nvme.tcg_session import Called, Mark, Message, Status
from nvmed.simulator.spec import TcgSpec

OPAL_2: Final = 0x0203
BASE_COM_ID: Final = 0x07FE
_ENDS: Final = (Mark.END_LIST, Mark.END_OF_DATA, Mark.START_LIST)


class Tper:
    """The TPer of a subsystem. Lock held throughout; `reverted` is called when its data are to go.

    `fail_next` is the status that the next Revert ends with. `slow` is how often an answer is asked for in vain before
    it is there. `mute` loses the answer of the next Revert, as a TPer does that aborts the session at once.
    """

    def __init__(self, spec: TcgSpec, reverted: Callable[[], None]) -> None:
        self.spec = spec
        self.locking_enabled, self.locked = spec.locking_enabled, spec.locked
        self.mbr_enabled, self.mbr_done = spec.mbr_enabled, spec.mbr_done
        self.sid_owned, self.sid_blocked = spec.sid_owned, spec.sid_blocked
        self.tries_left = spec.psid_tries
        self.reverts = 0
        self.fail_next: Status | None = None
        self.slow = 0
        self.mute = False
        self._reverted = reverted
        self._sessions = 0
        self._session: int | None = None
        self._answer: Message | None = None
        self._waits = 0

    def discovery(self) -> Discovery:
        """What it says to everybody."""
        locking = (1, self.locking_enabled, self.locked, self.spec.encrypts, self.mbr_enabled, self.mbr_done)
        opal = BASE_COM_ID.to_bytes(2, "big") + (1).to_bytes(2, "big") + bytes(12)
        return Discovery(
            revision=1,
            features=(
                Feature(TPER, 1, bytes((0b10001,)) + bytes(11)),
                Feature(LOCKING, 1, bytes((sum(bit << number for number, bit in enumerate(locking)),)) + bytes(11)),
                Feature(OPAL_2, 1, opal),
                Feature(BLOCK_SID, 1, bytes((self.sid_owned | self.sid_blocked << 1,)) + bytes(11)),
            ),
        )

    def power_cycle(self) -> None:
        """Power was lost: no session and no answer outlives it, tries begin anew, what locks is locked."""
        self._session = self._answer = None
        self.tries_left = self.spec.psid_tries
        self.sid_blocked = self.mbr_done = False
        self.locked = self.locking_enabled

    def send(self, data: bytes) -> None:
        """A ComPacket arrived: answer it; what is none is dropped, as the specification has it."""
        try:
            message = tcg.parse(data)
            called = tcg.read(message.payload)
        except NvmedError:
            return
        self._waits = self.slow
        if called.invoking == tcg.SESSION_MANAGER and called.method == tcg.START_SESSION:
            self._answer = self._start_session(called)
        elif message.tper_session == self._session and called.method == tcg.REVERT:
            self._answer = self._revert(message, called)
        else:
            self._answer = self._ended(message, Status.INVALID_PARAMETER)

    def receive(self) -> bytes:
        """The answer to what was sent, once; before that, that there will be one."""
        answer = self._answer
        if answer is None:
            return bytes(tcg.build(Message(BASE_COM_ID)))
        if self._waits:
            self._waits -= 1
            return bytes(tcg.build(Message(BASE_COM_ID, outstanding_bytes=1)))
        self._answer = None
        return bytes(tcg.build(answer))

    def _start_session(self, called: Called) -> Message:
        status = self._opens(called)
        numbers: tuple[int, ...] = ()
        if status is Status.SUCCESS:
            self._sessions += 1
            self._session = 0x1000 + self._sessions
            numbers = (tcg.HOST_SESSION, self._session)
        payload = tcg.encode(
            Mark.CALL, tcg.SESSION_MANAGER, tcg.SYNC_SESSION, Mark.START_LIST, *numbers, *_ENDS, status, 0, 0,
            Mark.END_LIST,
        )  # fmt: skip
        return Message(BASE_COM_ID, payload=payload)

    def _opens(self, called: Called) -> Status:
        challenge = tcg.named(called.values, tcg.HOST_CHALLENGE)
        authority = tcg.named(called.values, tcg.HOST_SIGNING_AUTHORITY)
        if called.values[1:3] != (tcg.ADMIN_SP, 1) or authority != tcg.PSID or not self.spec.psid:
            return Status.INVALID_PARAMETER
        if self._session is not None:
            return Status.SP_BUSY
        if not self.tries_left:
            return Status.AUTHORITY_LOCKED_OUT
        if not isinstance(challenge, bytes) or not hmac.compare_digest(challenge, self.spec.psid.encode()):
            self.tries_left -= 1
            return Status.NOT_AUTHORIZED
        return Status.SUCCESS

    def _revert(self, message: Message, called: Called) -> Message | None:
        """All keys are new, nobody owns it, and the session is over: once its answer was fetched, if there is one."""
        if called.invoking != tcg.ADMIN_SP:
            return self._ended(message, Status.NOT_AUTHORIZED)
        if self.fail_next is not None:
            status, self.fail_next = self.fail_next, None
            return self._ended(message, status)
        self._session = None
        self.reverts += 1
        self.locking_enabled = self.locked = self.mbr_enabled = self.mbr_done = self.sid_owned = False
        if self.spec.encrypts:
            self._reverted()
        mute, self.mute = self.mute, False
        return None if mute else self._ended(message, Status.SUCCESS)

    def _ended(self, message: Message, status: Status) -> Message:
        payload = tcg.encode(Mark.START_LIST, *_ENDS, status, 0, 0, Mark.END_LIST)
        return Message(BASE_COM_ID, message.tper_session, message.host_session, payload)
