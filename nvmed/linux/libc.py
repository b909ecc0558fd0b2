"""The C library, called thinly: one function per call, one way to an `OSError`.

Everything here goes through `ctypes.CDLL`, which releases the GIL around each call. `fcntl.ioctl` is not used: it keeps
the GIL whenever its buffer exceeds 1024 bytes, and one slow drive would then stop the whole daemon.
"""

from __future__ import annotations

import ctypes
import os
from typing import Final

_LIBC: Final = ctypes.CDLL(None, use_errno=True)
_LIBC.ioctl.argtypes = (ctypes.c_int, ctypes.c_ulong, ctypes.c_void_p)
_LIBC.ioctl.restype = ctypes.c_int


def ioctl(fd: int, request: int, argument: ctypes.Structure | ctypes.Array[ctypes.c_char] | None = None) -> int:
    """ioctl(2): its value, or minus the errno. Called once, whatever it returns; the GIL is free meanwhile."""
    address = None if argument is None else ctypes.addressof(argument)
    value: int = _LIBC.ioctl(fd, request, address)
    return value if value >= 0 else -ctypes.get_errno()


def oserror(number: int, call: str, path: str = "") -> OSError:
    """The `OSError` of a failed `call`, which is rendered as strace would: errno, its text, the call, the path."""
    return OSError(number, f"{os.strerror(number)}: {call}", path or None)
