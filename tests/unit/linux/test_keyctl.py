"""The kernel's key service itself, with keys of type user: every call, every errno that can be provoked."""

from __future__ import annotations

import asyncio
import ctypes
import errno
import itertools
import os
import platform
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import ParamSpec, Protocol, TypeVar

import pytest

from nvmed.errors import FailedPrecondition, InvalidArgument, NotFound, NvmedError, ResourceExhausted, Unimplemented
from nvmed.keys.description import ExpiryState, KeyDescription
from nvmed.keys.secret import Secret
from nvmed.linux import keyctl
from nvmed.linux.key_thread import KeyThread

P = ParamSpec("P")
T = TypeVar("T")


class Run(Protocol):
    """Calls a function on the thread that possesses `ring`."""

    def __call__(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T: ...


NOBODY = 65534
_SETRESUID = {"x86_64": 117, "aarch64": 147}
_names = (f"nvmed-test-{os.getpid()}-{number}" for number in itertools.count())


@pytest.fixture(scope="module", autouse=True)
def _kernel_has_keyrings() -> None:
    with suppress(NvmedError):
        keyctl.get_keyring_id(keyctl.PROCESS_KEYRING, create=False)
        pytest.fail("a test before made the main thread keyrings, which every thread inherits: call from another one")
    with ThreadPoolExecutor(1) as executor:
        try:
            executor.submit(keyctl.get_keyring_id, keyctl.PROCESS_KEYRING, create=True).result()
        except NvmedError as refusal:
            pytest.skip(f"this kernel, or the sandbox, has no keyrings: {refusal}")


@pytest.fixture
def executor() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(1) as executor:
        yield executor


@pytest.fixture
def ring(executor: ThreadPoolExecutor) -> Iterator[int]:
    """A keyring in the process keyring of the executor's thread, where all of a test runs."""

    def make() -> int:
        return keyctl.add_key("keyring", next(_names), Secret(b""), keyctl.PROCESS_KEYRING)

    serial = executor.submit(make).result()
    yield serial
    executor.submit(keyctl.unlink, serial, keyctl.PROCESS_KEYRING).result()


@pytest.fixture
def run(executor: ThreadPoolExecutor, ring: int) -> Run:
    def call(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        return executor.submit(function, *args, **kwargs).result()

    return call


def refused(call: Callable[[], object], reason: str, cls: type[NvmedError], number: int) -> NvmedError:
    with pytest.raises(cls) as refusal:
        call()
    assert refusal.value.reason == reason
    assert refusal.value.os is not None
    assert (refusal.value.os.errno, refusal.value.os.symbol) == (number, errno.errorcode[number])
    assert errno.errorcode[number] in refusal.value.message
    return refusal.value


def test_a_key_from_birth_to_revocation(run: Run, ring: int) -> None:
    name = next(_names)
    serial = run(keyctl.add_key, "user", name, Secret(b"first"), ring)
    assert run(keyctl.search, ring, "user", name) == serial
    assert run(keyctl.describe, serial) == KeyDescription("user", os.geteuid(), os.getegid(), 0x3F010000, name)
    assert run(keyctl.read_keyring, ring) == (serial,)
    payload = run(keyctl.read, serial)
    assert payload.matches(b"first")
    assert run(keyctl.add_key, "user", name, Secret(b"in place"), ring) == serial
    run(keyctl.update, serial, Secret(b"updated"))
    changed = run(keyctl.read, serial)
    assert changed.matches(b"updated")
    run(keyctl.revoke, serial)
    calls: list[Callable[[int], object]] = [keyctl.describe, keyctl.read, keyctl.revoke]
    for call in calls:
        refused(partial(run, call, serial), "KEY_REVOKED", FailedPrecondition, errno.EKEYREVOKED)
    refused(lambda: run(keyctl.search, ring, "user", name), "KEY_REVOKED", FailedPrecondition, errno.EKEYREVOKED)


def test_invalidated_keys_are_gone_at_once(run: Run, ring: int) -> None:
    name = next(_names)
    serial = run(keyctl.add_key, "user", name, Secret(b"x"), ring)
    run(keyctl.set_permissions, serial, 0x3F3F0000)
    run(keyctl.invalidate, serial)
    refused(lambda: run(keyctl.describe, serial), "KEY_NOT_FOUND", NotFound, errno.ENOKEY)


@pytest.mark.parametrize("size", [1, 4096, 4097, keyctl.MAX_PAYLOAD_BYTES])
def test_payloads_of_any_size(run: Run, ring: int, size: int) -> None:
    quota = Path("/proc/sys/kernel/keys", "maxbytes" if os.getuid() else "root_maxbytes")
    if size > int(quota.read_text()):
        pytest.skip(f"the kernel's quota for this user's keys is smaller: {quota}")
    payload = os.urandom(size)
    serial = run(keyctl.add_key, "user", next(_names), Secret(payload), ring)
    read = run(keyctl.read, serial)
    assert read.matches(payload)


@pytest.mark.parametrize("description", ["a;b c", ";", "d" * keyctl.MAX_DESCRIPTION_BYTES, "é ü", "\udcff\udcfe"])
def test_descriptions_come_back_whole(run: Run, ring: int, description: str) -> None:
    serial = run(keyctl.add_key, "user", description, Secret(b"x"), ring)
    about = run(keyctl.describe, serial)
    assert about.description == description
    assert run(keyctl.search, ring, "user", description) == serial


def test_request_key_sees_what_the_thread_holds(run: Run, ring: int) -> None:
    name = next(_names)
    serial = run(keyctl.add_key, "user", name, Secret(b"x"), ring)
    assert run(keyctl.request_key, "user", name) == serial
    with ThreadPoolExecutor(1) as other:
        asking = other.submit(keyctl.request_key, "user", name)
        refused(asking.result, "KEY_NOT_FOUND", NotFound, errno.ENOKEY)


def test_links(run: Run, ring: int) -> None:
    name = next(_names)
    serial = run(keyctl.add_key, "user", name, Secret(b"x"), ring)
    inner = run(keyctl.add_key, "keyring", next(_names), Secret(b""), ring)
    run(keyctl.link, serial, inner)
    assert run(keyctl.read_keyring, inner) == (serial,)
    run(keyctl.unlink, serial, inner)
    assert run(keyctl.read_keyring, inner) == ()
    refused(lambda: run(keyctl.unlink, serial, inner), "KEY_NOT_FOUND", NotFound, errno.ENOENT)
    refused(lambda: run(keyctl.link, ring, inner), "KEYRING_LINK_INVALID", InvalidArgument, errno.EDEADLK)
    refused(lambda: run(keyctl.link, ring, serial), "KEYRING_LINK_INVALID", InvalidArgument, errno.ENOTDIR)
    refused(lambda: run(keyctl.link, 999999999, ring), "KEY_NOT_FOUND", NotFound, errno.ENOKEY)


def test_special_keyrings(run: Run) -> None:
    thread = run(keyctl.get_keyring_id, keyctl.THREAD_KEYRING, create=True)
    process = run(keyctl.get_keyring_id, keyctl.PROCESS_KEYRING, create=False)
    assert thread != process
    session = run(keyctl.join_session_keyring)
    assert run(keyctl.get_keyring_id, keyctl.SESSION_KEYRING, create=False) == session
    with ThreadPoolExecutor(1) as other:
        absent = other.submit(keyctl.get_keyring_id, keyctl.THREAD_KEYRING, create=False)
        refused(absent.result, "KEY_NOT_FOUND", NotFound, errno.ENOKEY)


async def test_expiry(run: Run, ring: int) -> None:
    name = next(_names)
    serial = run(keyctl.add_key, "user", name, Secret(b"x"), ring)

    def shown() -> ExpiryState | None:
        return next((key.expiry.state for key in keyctl.proc_keys() if key.serial == serial), None)

    if keyctl.PROC_KEYS.exists():
        assert run(shown) is ExpiryState.PERMANENT
    run(keyctl.set_timeout, serial, 90)
    if keyctl.PROC_KEYS.exists():
        assert run(shown) is ExpiryState.EXPIRES
    run(keyctl.set_timeout, serial, 1)

    def living() -> bool:
        try:
            run(keyctl.describe, serial)
        except NvmedError as refusal:
            return refusal.reason != "KEY_EXPIRED"
        return True

    async with asyncio.timeout(10):
        while living():  # noqa: ASYNC110 (the kernel tells nobody that a key expired)
            await asyncio.sleep(0.02)
    refused(lambda: run(keyctl.read, serial), "KEY_EXPIRED", FailedPrecondition, errno.EKEYEXPIRED)


@pytest.mark.parametrize("key_type", ["psk", "nvmed-no-such-type"])
def test_missing_types_name_the_module(run: Run, ring: int, key_type: str) -> None:
    def add() -> None:
        run(keyctl.add_key, key_type, next(_names), Secret(b"x" * 32), ring)
        pytest.skip(f"this kernel has type {key_type}: the error cannot be provoked")

    failure = refused(add, "KEYRING_TYPE_MISSING", FailedPrecondition, errno.ENODEV)
    assert "modprobe nvme-keyring" in failure.message
    assert failure.os is not None
    assert failure.os.syscall == "add_key"


def test_values_the_kernel_refuses(run: Run, ring: int) -> None:
    refused(
        lambda: run(keyctl.add_key, "user", next(_names), Secret(b""), ring),
        "KERNEL_REFUSED",
        FailedPrecondition,
        errno.EINVAL,
    )
    with pytest.raises(FailedPrecondition, match="NUL"):
        run(keyctl.add_key, "user", "a\0b", Secret(b"x"), ring)
    refused(
        lambda: run(keyctl.update, ring, Secret(b"x")),
        "KEY_OPERATION_UNSUPPORTED",
        Unimplemented,
        errno.EOPNOTSUPP,
    )
    # Only the kernel makes a keyring whose name begins with a dot: nobody plants another `.nvme`.
    refused(
        lambda: run(keyctl.add_key, "keyring", ".nvmed-test", Secret(b""), ring),
        "KEY_PERMISSION",
        FailedPrecondition,
        errno.EPERM,
    )


def test_permissions_shut_out(run: Run, ring: int) -> None:
    serial = run(keyctl.add_key, "user", next(_names), Secret(b"x"), ring)
    run(keyctl.set_permissions, serial, 0x01010000)
    failure = refused(lambda: run(keyctl.read, serial), "KEY_PERMISSION", FailedPrecondition, errno.EACCES)
    assert "DescribeKey" in failure.message


def as_nobody(function: Callable[[], T]) -> T:
    """Call `function` as another user: the raw call changes the uid of one thread, which then ends."""
    if os.geteuid() != 0 or platform.machine() not in _SETRESUID:
        pytest.skip("only uid 0 can try what another user may do")

    def call() -> T:
        libc = ctypes.CDLL(None, use_errno=True)
        number = ctypes.c_long(_SETRESUID[platform.machine()])
        assert libc.syscall(number, *[ctypes.c_long(NOBODY)] * 3) == 0
        return function()

    with ThreadPoolExecutor(1) as executor:
        return executor.submit(call).result()


def test_another_user_is_shut_out(run: Run, ring: int) -> None:
    serial = run(keyctl.add_key, "user", next(_names), Secret(b"x"), ring)
    calls: list[Callable[[int], object]] = [keyctl.describe, keyctl.read, keyctl.revoke]
    for call in calls:
        refused(partial(as_nobody, partial(call, serial)), "KEY_PERMISSION", FailedPrecondition, errno.EACCES)


def test_the_quota_of_a_user() -> None:
    """Users other than 0 have 20000 bytes by default (/proc/sys/kernel/keys/maxbytes)."""
    payload = Secret(bytes(keyctl.MAX_PAYLOAD_BYTES - 1))

    def fill() -> None:
        for _ in range(100):
            keyctl.add_key("user", next(_names), payload, keyctl.PROCESS_KEYRING)

    failure = refused(lambda: as_nobody(fill), "KEY_QUOTA", ResourceExhausted, errno.EDQUOT)
    assert "/proc/sys/kernel/keys" in failure.message


def test_an_architecture_without_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "machine", lambda: "vax")
    refused(lambda: keyctl.describe(1), "KERNEL_UNSUPPORTED", Unimplemented, errno.ENOSYS)


def test_proc_keys_that_cannot_be_read_are_none(tmp_path: Path) -> None:
    assert list(keyctl.proc_keys(tmp_path / "absent")) == []
    forged = tmp_path / "keys"
    forged.write_bytes(b"\xff garbage\n\n1d6ca5ce I--Q---     1 perm 0c030000     0 65534 keyring   .user_reg: 2\n")
    assert [key.serial for key in keyctl.proc_keys(forged)] == [0x1D6CA5CE]


def test_unknown_errnos_keep_their_number() -> None:
    failure = keyctl.key_error(12345, "keyctl(READ)", "key 1")
    assert (failure.reason, failure.metadata["errno"]) == ("KERNEL_REFUSED", "12345")


def test_every_meaning_ends_in_a_remedy_without_a_full_stop() -> None:
    for meaning in keyctl.MEANINGS.values():
        assert not meaning.sentence.endswith(".")


@pytest.fixture
async def thread() -> AsyncIterator[KeyThread]:
    thread = KeyThread()
    yield thread
    thread.close()


async def test_the_key_thread_is_one_and_keeps_what_it_links(thread: KeyThread) -> None:
    first = await thread.run(keyctl.get_keyring_id, keyctl.THREAD_KEYRING, create=True)
    assert await thread.run(keyctl.get_keyring_id, keyctl.THREAD_KEYRING, create=False) == first
    with pytest.raises(NotFound):
        await thread.run(keyctl.describe, 999999999)
