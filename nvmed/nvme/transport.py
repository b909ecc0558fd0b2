"""A command, its completion, and how to submit one: the interface to whatever executes commands.

`nvmed.linux` implements `Transport` with ioctls, `nvmed.simulator` with a controller in software; nothing above knows
which of them it has.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Command:
    """A submission queue entry as Linux passes it through (`struct nvme_passthru_cmd64`), without its pointers.

    The low bit of `opcode` gives the direction of data, as it does for the kernel: set, the host sends.
    `timeout_ms` 0 means the kernel's default (60 s for admin commands).
    """

    opcode: int
    nsid: int = 0
    cdw2: int = 0
    cdw3: int = 0
    cdw10: int = 0
    cdw11: int = 0
    cdw12: int = 0
    cdw13: int = 0
    cdw14: int = 0
    cdw15: int = 0
    timeout_ms: int = 0
    flags: int = 0

    @property
    def is_write(self) -> bool:
        """Whether data goes from the host to the controller."""
        return bool(self.opcode & 1)


@dataclass(frozen=True, slots=True)
class Completion:
    """What the controller answered.

    `status` is the 15-bit status field without the phase bit (SC 7:0, SCT 10:8, CRD 12:11, More 13, DNR 14), 0 for
    success; `result` is dword 0 and, above it, dword 1. A refusal is a value here: `status.check` raises.
    """

    status: int = 0
    result: int = 0


class Transport(Protocol):
    """An open controller or namespace.

    Every method blocks until the drive answered, so only a lane's thread calls it, and several threads may call at
    once. A call that never reached a controller raises `OSError` with the kernel's errno. `data` and `metadata` are
    filled in place or sent, as the opcode says; their length is the length of the transfer.
    """

    def admin(
        self,
        command: Command,
        data: bytearray | memoryview | None = None,
        metadata: bytearray | None = None,
    ) -> Completion:
        """Submit to the admin queue."""
        ...

    def io(
        self,
        command: Command,
        data: bytearray | memoryview | None = None,
        metadata: bytearray | None = None,
    ) -> Completion:
        """Submit to an I/O queue."""
        ...

    def reset_controller(self) -> None:
        """NVME_IOCTL_RESET: disable and enable this controller; returns when it is live again."""
        ...

    def reset_subsystem(self) -> None:
        """NVME_IOCTL_SUBSYS_RESET: NVM subsystem reset, which resets every controller of the subsystem."""
        ...

    def rescan(self) -> None:
        """NVME_IOCTL_RESCAN: let the kernel look for namespaces."""
        ...

    def close(self) -> None:
        """Release the handle; idempotent."""
        ...
