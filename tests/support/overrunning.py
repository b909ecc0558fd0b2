"""Drives that transfer multiples of 4 KiB whatever they are asked for, behind nvmed's own way into the kernel.

The commands of `LinuxTransport` reach a simulated drive instead of the kernel; what was read is followed by bytes up
to the end of its last page, as drives do by DMA where the kernel maps the caller's memory.
"""

from __future__ import annotations

import ctypes
import mmap
from typing import Any, Self

from nvmed.linux.ioctl import Ioctl, LinuxTransport
from nvmed.nvme import memory
from nvmed.nvme.host import ControllerNode
from nvmed.nvme.memory import PAGE_BYTES, page_round
from nvmed.nvme.transport import Command, Transport
from nvmed.simulator.host import SimulatedHost

OVERRUN = 0xA5
_FIELDS = (
    "opcode", "nsid", "cdw2", "cdw3", "cdw10", "cdw11", "cdw12", "cdw13", "cdw14", "cdw15", "timeout_ms", "flags",
)  # fmt: skip
_NOTHING_ALLOWED = 0
_libc = ctypes.CDLL(None, use_errno=True)


class Guarded:
    """Stands in for `memory.pages`: what it gives lies between two pages that nobody may touch (SIGSEGV)."""

    def __init__(self) -> None:
        self.given: list[tuple[int, int]] = []
        self._kept: list[Any] = []

    def __call__(self, size_bytes: int) -> memoryview:
        size = page_round(size_bytes)
        whole = mmap.mmap(-1, size + 2 * PAGE_BYTES, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        start = ctypes.addressof(ctypes.c_char.from_buffer(whole))
        for guard in (start, start + PAGE_BYTES + size):
            if _libc.mprotect(ctypes.c_void_p(guard), ctypes.c_size_t(PAGE_BYTES), _NOTHING_ALLOWED):
                raise OSError(ctypes.get_errno(), "mprotect")
        self.given.append((start + PAGE_BYTES, size))
        self._kept.append(whole)  # an address that is used again would hide what is used too late
        return memoryview(whole)[PAGE_BYTES : PAGE_BYTES + size]

    def holds(self, address: int, size: int) -> bool:
        """Whether all of that was given by this."""
        return any(start <= address and address + size <= start + length for start, length in self.given)


class OverrunningHandle:
    """Stands in for `ioctl.Handle`: hands each command to `transport`, and then writes to the end of the page."""

    path = "nvme0"

    def __init__(self, transport: Transport, guarded: Guarded) -> None:
        self._transport = transport
        self._guarded = guarded
        self.escaped: list[str] = []

    def ioctl(self, request: int, structure: Any = None) -> int:
        if structure is None:
            return 0
        command = Command(**{name: getattr(structure, name) for name in _FIELDS})
        data, metadata = (
            self._buffer(command, address, size)
            for address, size in ((structure.addr, structure.data_len), (structure.metadata, structure.metadata_len))
        )
        submit = self._transport.admin if request == Ioctl.NVME_IOCTL_ADMIN64_CMD else self._transport.io
        try:
            completion = submit(command, data, None if metadata is None else bytearray(metadata))
        except OSError as exc:
            return -int(exc.errno or 0)
        if not command.is_write:
            for address, size in (
                (structure.addr, structure.data_len),
                (structure.metadata, structure.metadata_len),
            ):
                if size and self._guarded.holds(address, page_round(size)):
                    ctypes.memset(address + size, OVERRUN, page_round(size) - size)
        structure.result = completion.result
        return completion.status

    def close(self) -> None:
        self._transport.close()

    def _buffer(self, command: Command, address: int, size: int) -> memoryview | None:
        if not size:
            return None
        is_whole = not size % PAGE_BYTES  # and of the caller's: then nothing is written behind it
        if address % PAGE_BYTES or not (is_whole or self._guarded.holds(address, page_round(size))):
            self.escaped.append(f"opcode {command.opcode:#x}: {size} bytes at byte {address % PAGE_BYTES} of a page")
        return memoryview((ctypes.c_char * size).from_address(address)).cast("B")


class OverrunningHost(SimulatedHost):
    """A host whose drives all do that; `escaped` lists what they would have written beside its memory."""

    guarded = Guarded()

    def guard(self, monkeypatch: Any) -> Self:
        self.guarded = Guarded()
        self.handles: list[OverrunningHandle] = []
        monkeypatch.setattr(memory, "pages", self.guarded)
        return self

    def open(self, controller: ControllerNode, node: str = "") -> Transport:
        handle = OverrunningHandle(super().open(controller, node), self.guarded)
        self.handles.append(handle)
        return over(handle)

    @property
    def escaped(self) -> list[str]:
        return [one for handle in self.handles for one in handle.escaped]


def over(handle: OverrunningHandle) -> LinuxTransport:
    """nvmed's transport, whose node is `handle`."""
    transport = LinuxTransport.__new__(LinuxTransport)
    transport._handle = handle  # type: ignore[assignment]
    transport._narrow = set()
    return transport
