"""What functions that run in the guest share: the harness puts this module there, and only this one of the tests."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import fcntl
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from nvmed.linux.ioctl import Ioctl
from nvmed.linux.sysfs import LinuxHost
from nvmed.nvme.host import ControllerNode
from nvmed.nvme.transport import Transport


def found(node: str) -> ControllerNode:
    """The controller that the kernel now calls `node`."""
    return next(controller for controller in LinuxHost().scan() if controller.node == node)


@contextmanager
def opened(node: str, namespace: str = "") -> Iterator[Transport]:
    """A controller, or a namespace of it, opened as nvmed does."""
    transport = LinuxHost().open(found(node), namespace)
    try:
        yield transport
    finally:
        transport.close()


def be_an_old_kernel(node: str) -> None:
    """From now on a filter answers ENOTTY to this process's 64-bit ioctls, as kernels before 5.4 do."""
    load, jump_if_equal, finish = 0x20, 0x15, 0x06  # BPF_LD|W|ABS, BPF_JMP|JEQ|K, BPF_RET|K
    number, request = 0, 24  # where struct seccomp_data has the call's number and its second argument
    refuse, allow = 0x0005_0000 | errno.ENOTTY, 0x7FFF_0000  # SECCOMP_RET_ERRNO, SECCOMP_RET_ALLOW
    program = [
        (load, 0, 0, number),
        (jump_if_equal, 0, 4, 16),  # x86-64's ioctl
        (load, 0, 0, request),
        (jump_if_equal, 1, 0, Ioctl.NVME_IOCTL_ADMIN64_CMD),
        (jump_if_equal, 0, 1, Ioctl.NVME_IOCTL_IO64_CMD),
        (finish, 0, 0, refuse),
        (finish, 0, 0, allow),
    ]
    code = ctypes.create_string_buffer(b"".join(struct.pack("<HBBI", *line) for line in program))
    filters = ctypes.create_string_buffer(struct.pack("<HxxxxxxQ", len(program), ctypes.addressof(code)))
    libc = ctypes.CDLL(None, use_errno=True)
    assert libc.prctl(38, 1, 0, 0, 0) == 0  # PR_SET_NO_NEW_PRIVS
    assert libc.prctl(22, 2, filters) == 0, ctypes.get_errno()  # PR_SET_SECCOMP, SECCOMP_MODE_FILTER
    with Path(f"/dev/{node}").open("rb") as file, contextlib.suppress(OSError):
        fcntl.ioctl(file, Ioctl.NVME_IOCTL_ADMIN64_CMD, bytes(80))
        raise AssertionError("the filter lets the 64-bit ioctl through")
