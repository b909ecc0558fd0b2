"""The passthrough ABI and its threading, against a real kernel's system call path.

No NVMe driver is needed: the thread that submits puts itself under a seccomp filter that hands its NVMe ioctls to
a listener (seccomp_unotify(2)), so the very system call that nvmed makes enters the kernel, blocks there, and returns
what the test answers. `tests/vm` runs the same code on drives.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import struct
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Generic, TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nvmed.errors import InvalidArgument
from nvmed.linux import libc
from nvmed.linux.ioctl import Handle, Ioctl, LinuxTransport, Passthru32, Passthru64, _io
from nvmed.nvme.transport import Command, Completion

LAYOUT32 = struct.Struct("<BBHIIIQQII6III")
LAYOUT64 = struct.Struct("<BBHIIIQQII6IIIQ")
T = TypeVar("T")
SYSCALLS = {"x86_64": (16, 317), "aarch64": (29, 277)}
"""Numbers of ioctl and seccomp."""

NOTIF_RECV, NOTIF_SEND = 0xC0502100, 0xC0182101
ALLOW, USER_NOTIF = 0x7FFF0000, 0x7FC00000


@dataclass(frozen=True)
class Trapped:
    """One NVMe ioctl that the kernel holds until `answer`."""

    listener: int
    ident: int
    request: int
    address: int

    @property
    def fields(self) -> tuple[int, ...]:
        layout = LAYOUT64 if self.request >> 16 & 0x3FFF == 80 else LAYOUT32
        return layout.unpack(ctypes.string_at(self.address, layout.size))

    @property
    def data(self) -> bytes:
        return ctypes.string_at(self.fields[7], self.fields[9])

    @property
    def metadata(self) -> bytes:
        return ctypes.string_at(self.fields[6], self.fields[8])

    def answer(self, value: int = 0, *, result: int | None = None, data: bytes = b"") -> None:
        """Return `value` (minus an errno if negative) after writing `result` and `data` as the kernel does."""
        if result is not None:
            wide = self.request >> 16 & 0x3FFF == 80
            ctypes.memmove(
                self.address + (72 if wide else 68), struct.pack("<Q" if wide else "<I", result), 4 + 4 * wide
            )
        if data:
            ctypes.memmove(self.fields[7], data, len(data))
        reply = ctypes.create_string_buffer(struct.pack("=QqiI", self.ident, max(value, 0), min(value, 0), 0), 24)
        assert libc.ioctl(self.listener, NOTIF_SEND, reply) == 0


class Call(Generic[T]):
    """`call`, running in a thread of its own whose NVMe ioctls are trapped."""

    def __init__(self, call: Callable[[], T]) -> None:
        self._installed: Future[int] = Future()
        self._outcome: Future[T] = Future()
        self._call = call
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        self.listener = self._installed.result(10)

    def _run(self) -> None:
        try:
            self._installed.set_result(trap_nvme_ioctls())
        except OSError as exc:
            self._installed.set_exception(exc)
            return
        try:
            self._outcome.set_result(self._call())
        except BaseException as exc:
            self._outcome.set_exception(exc)

    def trapped(self) -> Trapped:
        """Wait in the kernel until the thread is in an NVMe ioctl."""
        notification = ctypes.create_string_buffer(80)
        assert libc.ioctl(self.listener, NOTIF_RECV, notification) == 0
        ident, _pid, _flags, _number, _machine, _ip, _fd, request, address, *_ = struct.unpack(
            "=QIIiIQ6Q", notification.raw
        )
        return Trapped(self.listener, ident, request, address)

    @property
    def is_running(self) -> bool:
        return not self._outcome.done()

    def result(self) -> T:
        return self._outcome.result(10)

    def finish(self) -> None:
        """Closing the listener fails what is still trapped with ENOSYS."""
        os.close(self.listener)
        self._thread.join(10)


def trap_nvme_ioctls() -> int:
    """Put the calling thread under a filter for ioctls of type 'N', for good; returns the listener (seccomp(2))."""
    ioctl_number, seccomp_number = SYSCALLS[platform.machine()]
    program = [
        (0x20, 0, 0, 0),  # load the system call's number
        (0x15, 0, 4, ioctl_number),
        (0x20, 0, 0, 24),  # load the request
        (0x54, 0, 0, 0xFF00),
        (0x15, 0, 1, ord("N") << 8),
        (0x06, 0, 0, USER_NOTIF),
        (0x06, 0, 0, ALLOW),
    ]
    code = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *row) for row in program))
    filter_ = ctypes.create_string_buffer(struct.pack("@HP", len(program), ctypes.addressof(code)))
    system = ctypes.CDLL(None, use_errno=True)
    new_privileges, filter_mode, new_listener = 38, 1, 8
    if system.prctl(new_privileges, 1, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl")
    listener: int = system.syscall(seccomp_number, filter_mode, new_listener, ctypes.byref(filter_))
    if listener < 0:
        raise OSError(ctypes.get_errno(), "seccomp")
    return listener


Start = Callable[[Callable[[], T]], Call[T]]


@pytest.fixture
def start() -> Iterator[Start[Completion | None]]:
    calls: list[Call[Completion | None]] = []

    def begin(call: Callable[[], Completion | None]) -> Call[Completion | None]:
        try:
            calls.append(Call(call))
        except (OSError, KeyError) as exc:
            pytest.skip(f"no seccomp listener here: {exc!r}")
        return calls[-1]

    yield begin
    for call in calls:
        call.finish()


@pytest.fixture
def transport() -> Iterator[LinuxTransport]:
    opened = LinuxTransport(os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC), os.devnull)
    yield opened
    opened.close()


def test_numbers_are_those_of_the_header() -> None:
    assert {item.name: hex(item) for item in Ioctl if item & 0xC000_0000} == {
        "NVME_IOCTL_ADMIN_CMD": "0xc0484e41",
        "NVME_IOCTL_IO_CMD": "0xc0484e43",
        "NVME_IOCTL_ADMIN64_CMD": "0xc0504e47",
        "NVME_IOCTL_IO64_CMD": "0xc0504e48",
    }


@pytest.mark.parametrize(("machine", "number"), [("x86_64", 0x4E44), ("aarch64", 0x4E44), ("ppc64le", 0x20004E44)])
def test_numbers_without_an_argument(machine: str, number: int) -> None:
    assert _io(0x44, machine) == number


@given(st.lists(st.integers(0, 255), min_size=19, max_size=19), st.integers(0, 2**64 - 1))
def test_layouts(values: list[int], result: int) -> None:
    assert bytes(Passthru32(*values[:17], result & 0xFFFF_FFFF)) == LAYOUT32.pack(*values[:17], result & 0xFFFF_FFFF)
    assert bytes(Passthru64(*values[:18], result)) == LAYOUT64.pack(*values[:18], result)


def test_read_fills_the_buffer_and_returns_all_of_the_result(
    start: Start[Completion | None], transport: LinuxTransport
) -> None:
    data, metadata = bytearray(8192), bytearray(4)
    command = Command(0x02, 1, 2, 3, 10, 11, 12, 13, 14, 15, timeout_ms=99)
    call = start(lambda: transport.admin(command, data, metadata))
    trapped = call.trapped()
    assert trapped.request == Ioctl.NVME_IOCTL_ADMIN64_CMD
    opcode, flags, _, nsid, cdw2, cdw3, _, _, metadata_len, data_len, *rest, timeout_ms, _, _ = trapped.fields
    assert (opcode, flags, nsid, cdw2, cdw3, metadata_len, data_len) == (2, 0, 1, 2, 3, 4, 8192)
    assert (rest, timeout_ms) == ([10, 11, 12, 13, 14, 15], 99)
    assert [address % 4096 for address in trapped.fields[6:8]] == [0, 0]
    trapped.answer(result=0x1122_3344_5566_7788, data=b"log page")
    assert call.result() == Completion(0, 0x1122_3344_5566_7788)
    assert data == b"log page" + bytes(8184)


def test_refusal_is_a_completion_with_its_result(start: Start[Completion | None], transport: LinuxTransport) -> None:
    call = start(lambda: transport.io(Command(0x02, 1)))
    trapped = call.trapped()
    assert trapped.request == Ioctl.NVME_IOCTL_IO64_CMD
    assert trapped.fields[6:10] == (0, 0, 0, 0)
    trapped.answer(0x4002, result=7)
    assert call.result() == Completion(0x4002, 7)


@pytest.mark.parametrize("make", [lambda: memoryview(b"image"), lambda: memoryview(b"i.m.a.g.e")[::2]])
def test_whatever_memory_holds_it_is_sent(
    start: Start[Completion | None], transport: LinuxTransport, make: Callable[[], memoryview]
) -> None:
    call = start(lambda: transport.admin(Command(0x11), make()))
    trapped = call.trapped()
    assert trapped.data == b"image"
    trapped.answer()
    call.result()


def test_a_slice_is_filled_and_nothing_beside_it(start: Start[Completion | None], transport: LinuxTransport) -> None:
    log = bytearray(12)
    call = start(lambda: transport.admin(Command(0x02), memoryview(log)[4:8]))
    call.trapped().answer(data=b"WXYZ")
    call.result()
    assert log == b"\0\0\0\0WXYZ\0\0\0\0"


def test_reading_into_read_only_memory_is_refused(transport: LinuxTransport) -> None:
    with pytest.raises(TypeError, match="writable"):
        transport.admin(Command(0x02), memoryview(b"constant"))


def test_a_value_too_wide_is_refused_rather_than_cut(transport: LinuxTransport) -> None:
    with pytest.raises(InvalidArgument, match="cdw10: 0x100000000 does not fit 32 bits"):
        transport.admin(Command(0x02, cdw10=1 << 32))
    with pytest.raises(InvalidArgument, match="opcode"):
        transport.admin(Command(-1))


def test_the_gil_is_free_and_the_memory_pinned_during_an_ioctl(
    start: Start[Completion | None], transport: LinuxTransport
) -> None:
    data = bytearray(1 << 20)  # fcntl.ioctl would keep the GIL above 1024 bytes, and this test never end
    call = start(lambda: transport.admin(Command(0x02), data))
    trapped = call.trapped()
    counted = Call(lambda: sum(1 for _ in range(100_000)))
    try:
        assert counted.result() == 100_000
    finally:
        counted.finish()
    with pytest.raises(BufferError):
        data.extend(b"moves")
    assert call.is_running
    trapped.answer()
    assert call.result() == Completion()
    data.extend(b"moves")


def test_several_threads_are_in_the_kernel_at_once(start: Start[Completion | None], transport: LinuxTransport) -> None:
    calls = [start(lambda nsid=nsid: transport.admin(Command(0x06, nsid))) for nsid in (1, 2, 3)]  # type: ignore[misc]
    trapped = [call.trapped() for call in calls]
    for one in reversed(trapped):
        one.answer(result=one.fields[3])
    assert [call.result() for call in calls] == [Completion(0, nsid) for nsid in (1, 2, 3)]


def test_close_waits_for_the_last_ioctl_without_blocking(start: Start[Completion | None]) -> None:
    fd = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
    transport = LinuxTransport(fd, os.devnull)
    first, second = (start(lambda: transport.admin(Command(0x06))) for _ in range(2))
    held = [first.trapped(), second.trapped()]
    transport.close()
    transport.close()
    with pytest.raises(OSError, match="ioctl") as caught:
        transport.rescan()
    assert caught.value.errno == errno.EBADF
    held[0].answer()
    first.result()
    os.fstat(fd)
    held[1].answer()
    second.result()
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(fd)


def test_an_interrupted_command_is_never_repeated(start: Start[Completion | None], transport: LinuxTransport) -> None:
    call = start(lambda: transport.admin(Command(0x10, cdw10=9)))
    call.trapped().answer(-errno.EINTR)
    with pytest.raises(InterruptedError) as caught:
        call.result()
    assert caught.value.errno == errno.EINTR
    assert str(caught.value) == (
        "[Errno 4] Interrupted system call: ioctl(NVME_IOCTL_ADMIN64_CMD, opcode=0x10, cdw10=0x9): '/dev/null'"
    )


def test_old_kernels_get_the_narrow_ioctl_from_then_on(
    start: Start[Completion | None], transport: LinuxTransport
) -> None:
    def both() -> Completion:
        transport.admin(Command(0x06, 1))
        return transport.admin(Command(0x06, 2))

    call = start(both)
    call.trapped().answer(-errno.ENOTTY)
    again = call.trapped()
    assert (again.request, again.fields[3]) == (Ioctl.NVME_IOCTL_ADMIN_CMD, 1)
    again.answer(0x4002, result=5)
    sticky = call.trapped()
    assert (sticky.request, sticky.fields[3]) == (Ioctl.NVME_IOCTL_ADMIN_CMD, 2)
    sticky.answer(result=0xFFFF_FFFF)
    assert call.result() == Completion(0, 0xFFFF_FFFF)
    with pytest.raises(OSError, match="NVME_IOCTL_ADMIN_CMD, opcode=0x7f") as caught:
        transport.admin(Command(0x7F))
    assert caught.value.errno == errno.EOPNOTSUPP
    other = start(lambda: transport.io(Command(0x02, 1)))
    wide = other.trapped()
    assert wide.request == Ioctl.NVME_IOCTL_IO64_CMD
    wide.answer()
    other.result()


@pytest.mark.parametrize("number", [errno.EINVAL, errno.EACCES, errno.ENODEV])
def test_no_other_errno_falls_back(start: Start[Completion | None], transport: LinuxTransport, number: int) -> None:
    call = start(lambda: transport.admin(Command(0x06)))
    call.trapped().answer(-number)
    with pytest.raises(OSError, match="ADMIN64") as caught:
        call.result()
    assert caught.value.errno == number


@pytest.mark.parametrize("name", ["reset_controller", "reset_subsystem", "rescan"])
def test_plain_requests(start: Start[Completion | None], transport: LinuxTransport, name: str) -> None:
    requests = {"reset_controller": 0x44, "reset_subsystem": 0x45, "rescan": 0x46}
    call = start(getattr(transport, name))
    trapped = call.trapped()
    assert trapped.request == _io(requests[name])
    trapped.answer()
    assert call.result() is None
    failing = start(getattr(transport, name))
    failing.trapped().answer(-errno.EBUSY)
    with pytest.raises(OSError, match="NVME_IOCTL_") as caught:
        failing.result()
    assert caught.value.errno == errno.EBUSY


def test_a_node_that_is_no_drive(transport: LinuxTransport) -> None:
    with pytest.raises(OSError, match="NVME_IOCTL_ADMIN_CMD") as caught:
        transport.admin(Command(0x06), bytearray(4096))
    assert (caught.value.errno, caught.value.filename) == (errno.ENOTTY, os.devnull)


def test_a_forgotten_handle_warns_and_closes() -> None:
    fd = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
    handle = Handle(fd, "forgotten")
    with pytest.warns(ResourceWarning, match="forgotten"):
        del handle
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(fd)
