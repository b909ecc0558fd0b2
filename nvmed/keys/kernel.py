"""The kernel's key retention service as nvmed sees it: its calls, its special keyrings, and what its errnos mean.

`nvmed.linux.keyctl` makes the calls of the kernel that nvmed runs on, `nvmed.simulator.keyring` those of one that is
simulated. Each raises the error of the errno (`MEANINGS`), with the call attached.
"""

from __future__ import annotations

import errno
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Protocol

from nvmed.errors import NvmedError, OsFailure
from nvmed.keys.description import KeyDescription, ProcKey
from nvmed.keys.secret import Secret
from nvmed.reasons import Reason, error

THREAD_KEYRING: Final = -1
PROCESS_KEYRING: Final = -2
"""Of the calling thread and those it starts, whatever the name: a thread that ran before has another (keyrings(7))."""
SESSION_KEYRING: Final = -3
USER_KEYRING: Final = -4

MAX_DESCRIPTION_BYTES: Final = 4095
MAX_PAYLOAD_BYTES: Final = 32767
"""Of types user and psk (`user_preparse`)."""


@dataclass(frozen=True, slots=True)
class Meaning:
    """What an errno of a key call says: the reason, and a sentence with the remedy."""

    reason: Reason
    sentence: str


_SHUT_OUT: Final = Meaning(
    Reason.KEY_PERMISSION,
    "its permissions shut the daemon out; DescribeKey shows owner and permissions, and `.nvme` opens to uid 0 alone",
)
_LINK_INVALID: Final = Meaning(
    Reason.KEYRING_LINK_INVALID, "the keyring would contain itself, or too many levels; link it elsewhere"
)
_QUOTA: Final = Meaning(
    Reason.KEY_QUOTA,
    "no room is left for keys of this user; revoke unused ones, or raise the limits in /proc/sys/kernel/keys",
)

MEANINGS: Final[dict[int, Meaning]] = {
    errno.ENOKEY: Meaning(Reason.KEY_NOT_FOUND, "there is no such key; ScanTlsKeys shows those there are"),
    errno.ENOENT: Meaning(Reason.KEY_NOT_FOUND, "the key is not in that keyring"),
    errno.EKEYREVOKED: Meaning(Reason.KEY_REVOKED, "the key was revoked; insert a new one"),
    errno.EKEYEXPIRED: Meaning(Reason.KEY_EXPIRED, "the key has expired; insert a new one"),
    errno.EKEYREJECTED: Meaning(Reason.KEY_REVOKED, "the key was rejected when it was asked for; insert a new one"),
    errno.EACCES: _SHUT_OUT,
    errno.EPERM: _SHUT_OUT,
    errno.EDQUOT: _QUOTA,
    errno.ENFILE: Meaning(Reason.KEY_QUOTA, "the keyring is full; revoke keys that nobody uses"),
    errno.ENOMEM: Meaning(Reason.KEY_QUOTA, "the kernel has no memory for it; free some"),
    errno.ENODEV: Meaning(
        Reason.KEYRING_TYPE_MISSING,
        "the kernel has no such key type; psk comes with the module nvme-keyring: modprobe nvme-keyring, or nvme-tcp",
    ),
    errno.ENOTDIR: Meaning(Reason.KEYRING_LINK_INVALID, "that is a key, not a keyring; name a keyring"),
    errno.EDEADLK: _LINK_INVALID,
    errno.ELOOP: _LINK_INVALID,
    errno.EOPNOTSUPP: Meaning(Reason.KEY_OPERATION_UNSUPPORTED, "keys of this type cannot do that"),
    errno.ENOSYS: Meaning(
        Reason.KERNEL_UNSUPPORTED, "this kernel has no key retention service; use one with CONFIG_KEYS"
    ),
    errno.EINVAL: Meaning(Reason.KERNEL_REFUSED, "the kernel refused a value: type, description or payload do not fit"),
}
"""What each errno means. One that is missing is KERNEL_REFUSED."""

_REFUSED: Final = Meaning(Reason.KERNEL_REFUSED, "the kernel refused the call")


def key_error(number: int, syscall: str, about: str) -> NvmedError:
    """The error that errno `number` of `syscall` means; `about` is the serial or the type and description."""
    meaning = MEANINGS.get(number, _REFUSED)
    symbol = errno.errorcode.get(number, str(number))
    return error(
        meaning.reason,
        f"{about}: {syscall} failed with {symbol}: {meaning.sentence}",
        os=OsFailure(number, symbol, syscall),
        errno=symbol,
        syscall=syscall,
        key=about,
    )


class KeyService(Protocol):
    """The calls that nvmed makes; `nvmed.linux.keyctl` says of each what it does. All on one thread."""

    def add_key(self, key_type: str, description: str, payload: Secret, keyring: int) -> int: ...

    def request_key(self, key_type: str, description: str) -> int: ...

    def revoke(self, key: int) -> None: ...

    def set_permissions(self, key: int, permissions: int) -> None: ...

    def set_timeout(self, key: int, timeout_s: int) -> None: ...

    def link(self, key: int, keyring: int) -> None: ...

    def unlink(self, key: int, keyring: int) -> None: ...

    def search(self, keyring: int, key_type: str, description: str) -> int: ...

    def describe(self, key: int) -> KeyDescription: ...

    def read(self, key: int) -> Secret: ...

    def read_keyring(self, keyring: int) -> tuple[int, ...]: ...

    def proc_keys(self) -> Iterator[ProcKey]: ...
