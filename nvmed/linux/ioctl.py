"""NVMe commands through ioctl (linux/nvme_ioctl.h): `LinuxTransport` implements `Transport`.

What was learnt about the kernel:

- The structure carries a pointer to the data, so the argument is 72 or 80 bytes however much is transferred.
- The kernel returns a negative errno if the command never completed, else the controller's 15-bit status, and copies
  the result for every completion, refused ones included.
- EINTR is no signal: passthrough waits uninterruptibly. It says that the kernel gave the command up (timeout, reset,
  removal), which the controller may have executed nevertheless (nvme_execute_rq, NVME_REQ_CANCELLED). So it is raised
  like every errno and nothing here is ever sent twice.
- Where a buffer is aligned to dwords the kernel lets the drive write into the caller's memory itself, and a drive that
  transfers more than it was asked for writes into what lies behind it. So a command works on whole pages of its own:
  the caller's where they are, else on such that are copied from or to, once (`nvmed.nvme.memory`).
- ENOTTY from a 64-bit ioctl means a kernel before 5.4 (or a node that has none): that handle then uses the 32-bit one,
  whose result is dword 0 alone. The command did not run, so this is no repetition.
"""

from __future__ import annotations

import ctypes
import dataclasses
import errno
import os
import platform
import threading
import warnings
from enum import IntEnum, unique
from typing import Final

from nvmed.linux import libc
from nvmed.nvme import memory
from nvmed.nvme.opcodes import AdminOpcode
from nvmed.nvme.transport import Command, Completion
from nvmed.reasons import invalid_field

_U8: Final = ctypes.c_uint8
_U16: Final = ctypes.c_uint16
_U32: Final = ctypes.c_uint32
_U64: Final = ctypes.c_uint64

_COMMON: Final = [
    ("opcode", _U8),
    ("flags", _U8),
    ("rsvd1", _U16),
    ("nsid", _U32),
    ("cdw2", _U32),
    ("cdw3", _U32),
    ("metadata", _U64),
    ("addr", _U64),
    ("metadata_len", _U32),
    ("data_len", _U32),
    ("cdw10", _U32),
    ("cdw11", _U32),
    ("cdw12", _U32),
    ("cdw13", _U32),
    ("cdw14", _U32),
    ("cdw15", _U32),
    ("timeout_ms", _U32),
]


class Passthru32(ctypes.Structure):
    """`struct nvme_passthru_cmd`, 72 bytes."""

    result: int
    _fields_ = [*_COMMON, ("result", _U32)]


class Passthru64(ctypes.Structure):
    """`struct nvme_passthru_cmd64`, 80 bytes."""

    result: int
    _fields_ = [*_COMMON, ("rsvd2", _U32), ("result", _U64)]


_MAGIC: Final = ord("N") << 8
_OWN_LAYOUT: Final = ("alpha", "mips", "ppc", "sparc")
"""Machines whose asm/ioctl.h says "no argument" with a bit; with a structure both ways all machines agree."""


def _io(number: int, machine: str = platform.machine()) -> int:
    return (0x2000_0000 if machine.startswith(_OWN_LAYOUT) else 0) | _MAGIC | number


def _iowr(number: int, structure: type[ctypes.Structure]) -> int:
    return 0xC000_0000 | ctypes.sizeof(structure) << 16 | _MAGIC | number


@unique
class Ioctl(IntEnum):
    """Requests of linux/nvme_ioctl.h, by their names there."""

    NVME_IOCTL_ADMIN_CMD = _iowr(0x41, Passthru32)
    NVME_IOCTL_IO_CMD = _iowr(0x43, Passthru32)
    NVME_IOCTL_RESET = _io(0x44)
    NVME_IOCTL_SUBSYS_RESET = _io(0x45)
    NVME_IOCTL_RESCAN = _io(0x46)
    NVME_IOCTL_ADMIN64_CMD = _iowr(0x47, Passthru64)
    NVME_IOCTL_IO64_CMD = _iowr(0x48, Passthru64)


if [Ioctl.NVME_IOCTL_ADMIN_CMD, Ioctl.NVME_IOCTL_IO_CMD, Ioctl.NVME_IOCTL_ADMIN64_CMD, Ioctl.NVME_IOCTL_IO64_CMD] != [
    0xC048_4E41,
    0xC048_4E43,
    0xC050_4E47,
    0xC050_4E48,
]:
    raise ImportError("ctypes lays the NVMe passthrough structures out unlike the kernel on this platform")


class Handle:
    """An open file that several threads use at once, and that any of them may close.

    `close` makes further calls fail with EBADF, and the last thread to come back from an ioctl closes the file: the
    number of a file closed too early would soon be another file's. The lock guards the three fields, never a call.
    """

    __slots__ = ("_closed", "_fd", "_lock", "_users", "path")

    def __init__(self, fd: int, path: str = "") -> None:
        self._lock = threading.Lock()
        self._fd = fd
        self._users = 0
        self._closed = False
        self.path = path

    def ioctl(self, request: int, argument: ctypes.Structure | ctypes.Array[ctypes.c_char] | None = None) -> int:
        """`libc.ioctl` of this file: its value or minus the errno, EBADF if closed."""
        with self._lock:
            if self._closed:
                return -errno.EBADF
            self._users += 1
        try:
            return libc.ioctl(self._fd, request, argument)
        finally:
            self._leave()

    def _leave(self) -> None:
        with self._lock:
            self._users -= 1
            is_last = self._closed and not self._users
        if is_last:
            os.close(self._fd)

    def close(self) -> None:
        """Close now, or when the last ioctl returns; idempotent, never blocks."""
        with self._lock:
            is_last = not self._closed and not self._users
            self._closed = True
        if is_last:
            os.close(self._fd)

    def __del__(self) -> None:
        if not self._closed:
            warnings.warn(f"unclosed handle of {self.path or self._fd}", ResourceWarning, stacklevel=2, source=self)
            self.close()


@dataclasses.dataclass(frozen=True, slots=True)
class _Queue:
    wide: Ioctl
    narrow: Ioctl


_COMMAND_FIELDS: Final = tuple(field.name for field in dataclasses.fields(Command))
_ADMIN: Final = _Queue(Ioctl.NVME_IOCTL_ADMIN64_CMD, Ioctl.NVME_IOCTL_ADMIN_CMD)
_IO: Final = _Queue(Ioctl.NVME_IOCTL_IO64_CMD, Ioctl.NVME_IOCTL_IO_CMD)


class LinuxTransport:
    """`Transport` of an open `/dev/nvmeN`, `/dev/nvmeNnM` or `/dev/ngNnM`, which it owns from now on.

    Thread-safe without a lock of its own: commands of several threads are in the kernel at once. Every failure is an
    `OSError` naming the call and the path; EBADF after `close`.
    """

    __slots__ = ("_handle", "_narrow")

    def __init__(self, fd: int, path: str = "") -> None:
        self._handle = Handle(fd, path)
        self._narrow: set[_Queue] = set()
        """The queues whose 64-bit ioctl this node turned out not to have: a node may have one and not the other."""

    def admin(
        self,
        command: Command,
        data: bytearray | memoryview | None = None,
        metadata: bytearray | None = None,
    ) -> Completion:
        return self._submit(_ADMIN, command, data, metadata)

    def io(
        self,
        command: Command,
        data: bytearray | memoryview | None = None,
        metadata: bytearray | None = None,
    ) -> Completion:
        return self._submit(_IO, command, data, metadata)

    def reset_controller(self) -> None:
        self._call(Ioctl.NVME_IOCTL_RESET)

    def reset_subsystem(self) -> None:
        self._call(Ioctl.NVME_IOCTL_SUBSYS_RESET)

    def rescan(self) -> None:
        self._call(Ioctl.NVME_IOCTL_RESCAN)

    def close(self) -> None:
        """Idempotent, and safe while other threads are in commands: the file closes when the last one returns."""
        self._handle.close()

    def _call(self, request: Ioctl) -> None:
        value = self._handle.ioctl(request)
        if value < 0:
            raise libc.oserror(-value, f"ioctl({request.name})", self._handle.path)

    def _submit(
        self,
        queue: _Queue,
        command: Command,
        data: bytearray | memoryview | None,
        metadata: bytearray | None,
    ) -> Completion:
        own_data, own_metadata = _own(data, command.is_write), _own(metadata, command.is_write)
        request = queue.narrow if queue in self._narrow else queue.wide
        while True:
            if request is queue.narrow and command.opcode == AdminOpcode.FABRICS:
                # The fabrics command set returns 64-bit properties, which the narrow result would cut in half.
                raise libc.oserror(errno.EOPNOTSUPP, _render(request, command, own_data), self._handle.path)
            structure = Passthru32() if request is queue.narrow else Passthru64()
            _fill(structure, command, own_data, own_metadata)
            value = self._handle.ioctl(request, structure)
            if value >= 0:
                for own in (own_data, own_metadata):
                    if own and not command.is_write:
                        own.bring_back()
                return Completion(value, structure.result)
            if value != -errno.ENOTTY or request is queue.narrow:
                raise libc.oserror(-value, _render(request, command, own_data), self._handle.path)
            self._narrow.add(queue)
            request = queue.narrow


@dataclasses.dataclass(frozen=True, slots=True)
class _Own:
    """What one command transfers: `given` is the caller's memory, `worked_on` what the kernel is shown, whole pages.

    Both are exported buffers as long as this lives, so that neither can be resized or released until the ioctl returns.
    """

    given: memoryview
    worked_on: memoryview
    pin: ctypes.c_char

    @property
    def address(self) -> int:
        return ctypes.addressof(self.pin)

    def bring_back(self) -> None:
        """Give the caller what was read, where it is not in the caller's memory already."""
        if self.worked_on is not self.given:
            self.given[:] = self.worked_on[: self.given.nbytes]


def _own(buffer: bytearray | memoryview | None, is_write: bool) -> _Own | None:
    """`buffer` itself if it is whole pages; else pages for it, which hold a copy if it is to be sent."""
    view = memoryview(buffer or b"")
    if not view.nbytes:
        return None
    is_plain = view.c_contiguous and not view.readonly
    if not is_plain and not is_write:
        raise TypeError("a command that reads needs a writable, contiguous buffer")
    if is_plain:
        view = view.cast("B")
        pin = ctypes.c_char.from_buffer(view)
        if not (ctypes.addressof(pin) % memory.PAGE_BYTES or view.nbytes % memory.PAGE_BYTES):
            return _Own(view, view, pin)
    own = memory.pages(view.nbytes)
    if is_write:
        own[: view.nbytes] = view if view.c_contiguous else view.tobytes()
    return _Own(view, own, ctypes.c_char.from_buffer(own))


def _fill(structure: Passthru32 | Passthru64, command: Command, data: _Own | None, metadata: _Own | None) -> None:
    """Copy `command` and the addresses into `structure`; a value too wide is an error: ctypes would cut it silently."""
    for name in _COMMAND_FIELDS:
        value = getattr(command, name)
        setattr(structure, name, value)
        if getattr(structure, name) != value:
            bits = 8 * getattr(type(structure), name).size
            raise invalid_field(name, f"{value:#x} does not fit {bits} bits; give 0 to {(1 << bits) - 1:#x}")
    if data:
        structure.addr, structure.data_len = data.address, data.given.nbytes
    if metadata:
        structure.metadata, structure.metadata_len = metadata.address, metadata.given.nbytes


def _render(request: Ioctl, command: Command, data: _Own | None) -> str:
    """The call for people: what was not zero, and never data."""
    fields = (f"{name}={value:#x}" for name in _COMMAND_FIELDS[1:] if (value := getattr(command, name)))
    parts = [request.name, f"opcode={command.opcode:#04x}", *fields]
    if data:
        parts.append(f"data_len={data.given.nbytes}")
    return f"ioctl({', '.join(parts)})"
