"""What a failed system call means: errno to reason, in one table.

Ground floor, next to `nvmed.errors`: `linux` fails with an errno of the kernel, `simulator` with one of its own making,
and `devices` translates both without knowing which it has.
"""

from __future__ import annotations

import errno
from dataclasses import dataclass
from typing import Final

from nvmed.errors import NvmedError, OsFailure
from nvmed.reasons import Reason


@dataclass(frozen=True, slots=True)
class Meaning:
    """What an errno says about a drive or a host: the reason, and a sentence with the remedy."""

    reason: Reason
    sentence: str


_GONE: Final = Meaning(Reason.DEVICE_GONE, "the drive disappeared or its connection is down; try again once it is back")
_NOT_LIVE: Final = Meaning(
    Reason.DEVICE_GONE, "the controller is not live (resetting or reconnecting); try again once it is"
)
_NO_NODE: Final = Meaning(Reason.CONTROLLER_NOT_FOUND, "there is no such node; list the controllers again")
_NOT_A_NODE: Final = Meaning(
    Reason.DEVICE_IDENTITY_CHANGED, "the node is not the device that was meant; list the controllers again"
)
_PRIVILEGE: Final = Meaning(
    Reason.DAEMON_PRIVILEGE,
    "the kernel asks for a privilege the daemon lacks; run it as uid 0 with CAP_SYS_ADMIN and access to the NVMe nodes",
)
_IN_USE: Final = Meaning(Reason.DEVICE_IN_USE, "the device is in use; unmount or stop what uses it")
_BUSY: Final = Meaning(Reason.DEVICE_BUSY, "the kernel is busy with this device; try again")
_NO_INTERFACE: Final = Meaning(
    Reason.KERNEL_UNSUPPORTED, "this kernel has no such interface for the node; use a newer kernel"
)
_REFUSED: Final = Meaning(Reason.KERNEL_REFUSED, "the kernel refused the call")
_LIMIT: Final = Meaning(Reason.LIMIT_EXCEEDED, "the host has none left of what the call needs; raise its limits")

MEANINGS: Final[dict[int, Meaning]] = {
    errno.ENODEV: _GONE,
    errno.ENXIO: _GONE,
    errno.EIO: _GONE,
    errno.ESHUTDOWN: _GONE,
    errno.ENOTCONN: _GONE,
    errno.ECONNRESET: _GONE,
    errno.ECONNREFUSED: _GONE,
    errno.EPIPE: _GONE,
    errno.EBADF: Meaning(Reason.DEVICE_GONE, "the handle was closed meanwhile; try again"),
    errno.ENETRESET: Meaning(Reason.DEVICE_GONE, "the controller was reset and did not come back live; examine it"),
    errno.ENOENT: Meaning(Reason.DEVICE_GONE, "the file vanished with its device; list the controllers again"),
    errno.EACCES: _PRIVILEGE,
    errno.EPERM: _PRIVILEGE,
    errno.ETIMEDOUT: Meaning(
        Reason.COMMAND_TIMEOUT, "the drive did not answer in time; raise the timeout or examine the drive"
    ),
    errno.EINTR: Meaning(
        Reason.COMMAND_TIMEOUT,
        "the kernel gave the command up (timeout, reset or removal); the drive may have carried it out, so it was not "
        "repeated: examine the drive before trying again",
    ),
    errno.EBUSY: _IN_USE,
    errno.ETXTBSY: _IN_USE,
    errno.EAGAIN: _BUSY,
    errno.ENOTTY: _NO_INTERFACE,
    errno.ENOSYS: _NO_INTERFACE,
    errno.EOPNOTSUPP: _NO_INTERFACE,
    errno.EINVAL: Meaning(
        Reason.KERNEL_REFUSED,
        "the kernel refused the command: its transfer is larger than the queue's limit or not aligned, or flags or "
        "namespace do not fit the node; use a smaller transfer",
    ),
    errno.EFAULT: Meaning(Reason.BUG, "nvmed gave the kernel a bad address; report it"),
    errno.ENOMEM: _LIMIT,
    errno.EMFILE: _LIMIT,
    errno.ENFILE: _LIMIT,
    errno.ENOBUFS: _LIMIT,
    errno.ENOSPC: _LIMIT,
    errno.EDQUOT: _LIMIT,
    errno.EROFS: _REFUSED,
}
"""What each errno means, whatever the call. One that is missing is KERNEL_REFUSED."""

BY_CALL: Final[dict[tuple[str, int], Meaning]] = {
    ("open", errno.ENOENT): _NO_NODE,
    ("open", errno.ENODEV): _NO_NODE,
    ("open", errno.ENXIO): _NO_NODE,
    # nvme_dev_open returns EWOULDBLOCK unless the controller is live.
    ("open", errno.EAGAIN): _NOT_LIVE,
    # O_NOFOLLOW met a link, or O_DIRECTORY something else: nobody but an intruder puts one there.
    ("open", errno.ELOOP): _NOT_A_NODE,
    ("open", errno.ENOTDIR): _NOT_A_NODE,
    # nvme_reset_ctrl: another reset is running, or the controller is being removed.
    ("ioctl(NVME_IOCTL_RESET)", errno.EBUSY): _BUSY,
    ("write(reset_controller)", errno.EBUSY): _BUSY,
    # nvme_reset_subsystem: CAP.NSSRS is 0.
    ("ioctl(NVME_IOCTL_SUBSYS_RESET)", errno.ENOTTY): Meaning(
        Reason.NVME_UNSUPPORTED, "the controller has no NVM subsystem reset; reset the controller instead"
    ),
}
"""What an errno means for one call (`open`, `ioctl(NVME_IOCTL_RESET)`), where that differs."""


def os_error(exc: OSError, syscall: str, path: str = "", **metadata: object) -> NvmedError:
    """The error that `exc`, raised by `syscall` on `path`, means.

    `syscall` is a name, with what tells its variants apart in brackets: `open`, `ioctl(NVME_IOCTL_RESET)`. A
    `TimeoutError` without an errno is ETIMEDOUT. Never for keyrings, where ENODEV and EACCES say other things.
    """
    number = exc.errno or (errno.ETIMEDOUT if isinstance(exc, TimeoutError) else 0)
    symbol = errno.errorcode.get(number, str(number))
    meaning = (
        BY_CALL.get((syscall, number)) or BY_CALL.get((syscall.partition("(")[0], number)) or MEANINGS.get(number)
    ) or _REFUSED
    subject = f"{path}: " if path else ""
    parts: dict[str, object] = {"errno": symbol, "syscall": syscall, "path": path, **metadata}
    return meaning.reason.cls(
        meaning.reason.name,
        f"{subject}{syscall} failed with {symbol}: {meaning.sentence}",
        os=OsFailure(number, symbol, syscall, path),
        metadata={key: str(value) for key, value in parts.items()},
    )
