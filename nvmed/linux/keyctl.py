"""The kernel's key retention service: add_key(2), request_key(2), keyctl(2), and /proc/keys.

Thin: one function a call, by number through `syscall`, since libc wraps none of them and libkeyutils would be one more
library in a privileged process. Each raises the error of the errno (`nvmed.keys.kernel`), with the call attached.

Keys belong to the calling thread's credentials: special keyrings, possession and so permissions differ from thread to
thread. Call these functions on one thread, the `KeyThread`, and on no other.
"""

from __future__ import annotations

import ctypes
import errno
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from nvmed.files import open_text
from nvmed.keys.description import KeyDescription, ProcKey, parse_description, parse_proc_line
from nvmed.keys.kernel import MAX_DESCRIPTION_BYTES as MAX_DESCRIPTION_BYTES
from nvmed.keys.kernel import MAX_PAYLOAD_BYTES as MAX_PAYLOAD_BYTES
from nvmed.keys.kernel import MEANINGS as MEANINGS
from nvmed.keys.kernel import PROCESS_KEYRING as PROCESS_KEYRING
from nvmed.keys.kernel import SESSION_KEYRING as SESSION_KEYRING
from nvmed.keys.kernel import THREAD_KEYRING as THREAD_KEYRING
from nvmed.keys.kernel import USER_KEYRING as USER_KEYRING
from nvmed.keys.kernel import key_error as key_error
from nvmed.keys.secret import Secret, wipe
from nvmed.reasons import Reason, error

PROC_KEYS: Final = Path("/proc/keys")
_NUMBERS: Final = {
    "x86_64": {"add_key": 248, "request_key": 249, "keyctl": 250},
    "aarch64": {"add_key": 217, "request_key": 218, "keyctl": 219},
}
"""System call numbers by architecture: arch/x86/entry/syscalls/syscall_64.tbl, include/uapi/asm-generic/unistd.h."""

# include/uapi/linux/keyctl.h
_GET_KEYRING_ID: Final = 0
_JOIN_SESSION_KEYRING: Final = 1
_UPDATE: Final = 2
_REVOKE: Final = 3
_SETPERM: Final = 5
_DESCRIBE: Final = 6
_LINK: Final = 8
_UNLINK: Final = 9
_SEARCH: Final = 10
_READ: Final = 11
_SET_TIMEOUT: Final = 15
_INVALIDATE: Final = 21


_libc: Final = ctypes.CDLL(None, use_errno=True)
_syscall: Final = _libc.syscall
_syscall.restype = ctypes.c_long

_Argument = int | bytes | ctypes.Array[ctypes.c_char] | None


def _call(which: str, name: str, about: str, *arguments: _Argument) -> int:
    """System call `which`; raises the error of its errno, which ctypes keeps apart for each thread."""
    numbers = _NUMBERS.get(platform.machine())
    if numbers is None:
        raise key_error(errno.ENOSYS, name, about)
    result: int = _syscall(ctypes.c_long(numbers[which]), *(_argument(value) for value in arguments))
    if result < 0:
        raise key_error(ctypes.get_errno(), name, about)
    return result


def _argument(value: _Argument) -> object:
    """As wide as a register: `syscall` is variadic, and a plain int would pass as 32 bits with the rest undefined."""
    if isinstance(value, int):
        return ctypes.c_long(value)
    if isinstance(value, bytes):
        return ctypes.c_char_p(value)
    return value


def _keyctl(operation: int, name: str, about: str, *arguments: _Argument) -> int:
    return _call("keyctl", f"keyctl({name})", about, operation, *arguments)


def _text(value: str) -> bytes:
    """A C string: surrogates become the bytes they stand for; a NUL would end it early."""
    data = value.encode("utf-8", "surrogateescape")
    if b"\0" in data:
        raise error(Reason.KERNEL_REFUSED, "the kernel takes no NUL in a key's type or description")
    return data


@contextmanager
def _staged(payload: Secret) -> Iterator[ctypes.Array[ctypes.c_char] | None]:
    """The payload where the kernel can read it, wiped afterwards; None for an empty one."""
    if not len(payload):
        yield None
        return
    buffer = (ctypes.c_char * len(payload))()
    try:
        with payload.borrow() as view:
            memoryview(buffer).cast("B")[:] = view
        yield buffer
    finally:
        ctypes.memset(buffer, 0, len(buffer))


def add_key(key_type: str, description: str, payload: Secret, keyring: int) -> int:
    """Make a key in `keyring`, or update the one of this type and description; returns its serial.

    Types that can be updated (user) keep the serial; others (psk) get a new key that displaces the old one. Keyrings
    are made with an empty payload. New keys have permissions 0x3f010000: all for who possesses it, view for its user.
    """
    about = f"{key_type} {description!r}"
    with _staged(payload) as buffer:
        return _call("add_key", "add_key", about, _text(key_type), _text(description), buffer, len(payload), keyring)


def request_key(key_type: str, description: str) -> int:
    """The serial of a key in the caller's thread, process and session keyrings; never calls out to make one."""
    return _call(
        "request_key", "request_key", f"{key_type} {description!r}", _text(key_type), _text(description), None, 0
    )


def get_keyring_id(special: int, *, create: bool) -> int:
    """The serial of a special keyring; `create` makes it where the thread has none yet."""
    return _keyctl(_GET_KEYRING_ID, "GET_KEYRING_ID", f"keyring {special}", special, int(create))


def join_session_keyring() -> int:
    """Give the calling thread a new, anonymous session keyring, and return its serial.

    The other threads keep theirs, and the process's children get the one of the thread that starts them.
    """
    return _keyctl(_JOIN_SESSION_KEYRING, "JOIN_SESSION_KEYRING", "session keyring", None)


def update(key: int, payload: Secret) -> None:
    """Replace a key's payload in place, where its type can."""
    with _staged(payload) as buffer:
        _keyctl(_UPDATE, "UPDATE", f"key {key}", key, buffer, len(payload))


def revoke(key: int) -> None:
    """Make a key unusable: who looks it up gets EKEYREVOKED, until it is collected."""
    _keyctl(_REVOKE, "REVOKE", f"key {key}", key)


def invalidate(key: int) -> None:
    """Make a key disappear from every keyring at once: who looks it up gets ENOKEY."""
    _keyctl(_INVALIDATE, "INVALIDATE", f"key {key}", key)


def set_permissions(key: int, permissions: int) -> None:
    """Set the four permission bytes of `KeyDescription.permissions`."""
    _keyctl(_SETPERM, "SETPERM", f"key {key}", key, permissions)


def set_timeout(key: int, timeout_s: int) -> None:
    """Let a key expire after `timeout_s` seconds; 0 lets it live."""
    _keyctl(_SET_TIMEOUT, "SET_TIMEOUT", f"key {key}", key, timeout_s)


def link(key: int, keyring: int) -> None:
    """Put a key, or a keyring, into a keyring; one of the same type and description there is displaced."""
    _keyctl(_LINK, "LINK", f"key {key}", key, keyring)


def unlink(key: int, keyring: int) -> None:
    """Take a key out of a keyring (KEY_NOT_FOUND if it is not in there); what nothing holds is collected."""
    _keyctl(_UNLINK, "UNLINK", f"key {key}", key, keyring)


def search(keyring: int, key_type: str, description: str) -> int:
    """The serial of a key in the tree of `keyring`.

    What matches is for the type to say: psk compares prefixes (`nvme_tls_psk_match`), so the key found for `..x1` may
    be the one for `..x10`. A revoked key that matches gives KEY_REVOKED unless a living one does too.
    """
    about = f"{key_type} {description!r}"
    return _keyctl(_SEARCH, "SEARCH", about, keyring, _text(key_type), _text(description), 0)


def _read_sized(operation: int, name: str, key: int, size: int) -> bytearray:
    """What DESCRIBE and READ copy out: the kernel returns the size it has, and copies only what fits."""
    while True:
        data = bytearray(size)
        buffer = (ctypes.c_char * size).from_buffer(data)
        length = _keyctl(operation, name, f"key {key}", key, buffer, size)
        del buffer
        if length <= size:
            del data[length:]
            return data
        wipe(data)
        size = length


def describe(key: int) -> KeyDescription:
    """Type, owner, permissions and the whole description of a key."""
    text = _read_sized(_DESCRIBE, "DESCRIBE", key, 4096 + 64).removesuffix(b"\0")
    return parse_description(text.decode("utf-8", "surrogateescape"))


def read(key: int) -> Secret:
    """The payload of a key; of a keyring, see `read_keyring`."""
    data = _read_sized(_READ, "READ", key, 4096)
    try:
        return Secret(data)
    finally:
        wipe(data)


def read_keyring(keyring: int) -> tuple[int, ...]:
    """The serials that are in a keyring itself, not in keyrings within it."""
    return tuple(memoryview(_read_sized(_READ, "READ", keyring, 4096)).cast("i"))


def proc_keys(path: Path = PROC_KEYS) -> Iterator[ProcKey]:
    """The keys that /proc/keys shows to the calling thread: those it may view. Nothing where /proc hides the file.

    Lines can be forged through a key's name: check what matters with `describe`.
    """
    try:
        with open_text(path, errors="surrogateescape") as lines:
            for line in lines:
                parsed = parse_proc_line(line)
                if parsed is not None:
                    yield parsed
    except (FileNotFoundError, PermissionError):
        return
