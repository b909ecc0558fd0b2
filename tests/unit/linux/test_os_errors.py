"""Every errno becomes one reason, with the system call attached."""

from __future__ import annotations

import errno

import pytest

from nvmed.errors import Aborted, DeadlineExceeded, FailedPrecondition, NotFound, NvmedError, Unavailable, Unimplemented
from nvmed.os_errors import BY_CALL, MEANINGS, os_error

ADMIN = "ioctl(NVME_IOCTL_ADMIN64_CMD)"


@pytest.mark.parametrize(
    ("number", "syscall", "reason", "cls"),
    [
        (errno.ENODEV, ADMIN, "DEVICE_GONE", Unavailable),
        (errno.ENODEV, "open", "CONTROLLER_NOT_FOUND", NotFound),
        (errno.ENOENT, "open", "CONTROLLER_NOT_FOUND", NotFound),
        (errno.ENXIO, ADMIN, "DEVICE_GONE", Unavailable),
        (errno.EAGAIN, "open", "DEVICE_GONE", Unavailable),
        (errno.EAGAIN, ADMIN, "DEVICE_BUSY", Unavailable),
        (errno.ELOOP, "open", "DEVICE_IDENTITY_CHANGED", Aborted),
        (errno.EACCES, ADMIN, "DAEMON_PRIVILEGE", FailedPrecondition),
        (errno.EPERM, "open", "DAEMON_PRIVILEGE", FailedPrecondition),
        (errno.ETIMEDOUT, ADMIN, "COMMAND_TIMEOUT", DeadlineExceeded),
        (errno.EINTR, ADMIN, "COMMAND_TIMEOUT", DeadlineExceeded),
        (errno.EBUSY, "open", "DEVICE_IN_USE", FailedPrecondition),
        (errno.EBUSY, "ioctl(NVME_IOCTL_RESET)", "DEVICE_BUSY", Unavailable),
        (errno.ENOTTY, ADMIN, "KERNEL_UNSUPPORTED", Unimplemented),
        (errno.ENOTTY, "ioctl(NVME_IOCTL_SUBSYS_RESET)", "NVME_UNSUPPORTED", Unimplemented),
        (errno.EINVAL, ADMIN, "KERNEL_REFUSED", FailedPrecondition),
        (errno.ECHILD, ADMIN, "KERNEL_REFUSED", FailedPrecondition),
    ],
)
def test_reasons(number: int, syscall: str, reason: str, cls: type[NvmedError]) -> None:
    failure = os_error(OSError(number, "x"), syscall, "/dev/nvme0", controller="c1")
    assert failure.reason == reason
    assert type(failure) is cls
    assert failure.os is not None
    assert (failure.os.errno, failure.os.symbol) == (number, errno.errorcode[number])
    assert (failure.os.syscall, failure.os.path) == (syscall, "/dev/nvme0")
    assert failure.metadata == {
        "errno": errno.errorcode[number],
        "syscall": syscall,
        "path": "/dev/nvme0",
        "controller": "c1",
    }
    assert errno.errorcode[number] in failure.message


def test_errors_without_a_number() -> None:
    assert os_error(TimeoutError("late"), "recv").reason == "COMMAND_TIMEOUT"
    nameless = os_error(OSError("odd"), "recv")
    assert nameless.os is not None
    assert (nameless.reason, nameless.os.symbol, nameless.os.errno) == ("KERNEL_REFUSED", "0", 0)


def test_every_sentence_names_a_remedy_or_the_refusal() -> None:
    for meaning in [*MEANINGS.values(), *BY_CALL.values()]:
        assert not meaning.sentence.endswith(".")
        assert meaning.sentence[0].islower()
