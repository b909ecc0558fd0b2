"""A command and its buffers, as handlers get them."""

from __future__ import annotations

from dataclasses import dataclass

from nvmed.nvme.transport import Command
from nvmed.simulator.refusal import Refused, Sc


@dataclass(frozen=True, slots=True)
class Request:
    """A command with the caller's buffers: `data` is read or filled in place, and empty where there is none."""

    command: Command
    data: memoryview
    metadata: memoryview

    def fill(self, content: bytes, length: int | None = None) -> None:
        """Give the host `content`, padded with zeros to `length` (default: what it is). Refuses a smaller buffer."""
        wanted = len(content) if length is None else length
        self.need(wanted)
        give = min(len(content), wanted)
        self.data[:give] = content[:give]
        self.data[give:wanted] = bytes(wanted - give)

    def take(self, length: int) -> bytes:
        """The first `length` bytes that the host sends. Refuses if it sends fewer."""
        self.need(length)
        return bytes(self.data[:length])

    def need(self, length: int) -> None:
        """Refuse, as a controller with SGLs does, a buffer that is smaller than the transfer."""
        if len(self.data) < length:
            raise Refused(Sc.DATA_LENGTH_INVALID)
