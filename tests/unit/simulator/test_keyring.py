"""Simulated keyrings do what the kernel's do: what both have is asked of both, psk of the simulated ones alone."""

from __future__ import annotations

import errno
import itertools
import os
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import suppress
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nvmed.errors import NvmedError
from nvmed.keyring import calls, kernel
from nvmed.keyring.calls import UpdateOutcome
from nvmed.keyring.keyring import Keyring
from nvmed.keys.description import ExpiryState
from nvmed.keys.kernel import PROCESS_KEYRING, THREAD_KEYRING, USER_KEYRING, KeyService
from nvmed.keys.secret import Secret
from nvmed.linux import keyctl
from nvmed.linux.key_thread import KeyThread
from nvmed.simulator.keyring import COLLECTED_AFTER_S, KEYS_MAX, SimulatedKeyring
from nvmed.simulator.subsystem import ManualClock

_names = (f"nvmed-sim-{os.getpid()}-{number}" for number in itertools.count())
PSK = bytes(range(32))


def refusal(call: Callable[[], object]) -> str:
    """The errno's name with which a call was refused."""
    with pytest.raises(NvmedError) as raised:
        call()
    assert raised.value.os is not None
    return str(raised.value.os.symbol)


class KernelOfAThread:
    """The kernel's key service, called from a thread of its own: every thread that the main one starts would inherit
    the keyrings that calls made it, and possess what is in them.
    """

    def __init__(self, thread: Executor) -> None:
        self._thread = thread

    def __getattr__(self, name: str) -> Callable[..., object]:
        def call(*given: object, **more: object) -> object:
            answer = getattr(keyctl, name)(*given, **more)
            return [*answer] if isinstance(answer, Iterator) else answer

        return lambda *given, **more: self._thread.submit(call, *given, **more).result()


@pytest.fixture(params=["kernel", "simulated"])
def service(request: pytest.FixtureRequest) -> Iterator[KeyService]:
    """A key service, in whose process keyring a test may do what it likes."""
    if request.param == "simulated":
        yield SimulatedKeyring()
        return
    with ThreadPoolExecutor(1) as thread:
        kernel_service = KernelOfAThread(thread)
        try:
            kernel_service.get_keyring_id(PROCESS_KEYRING, create=True)
        except NvmedError as refused:
            pytest.skip(f"this kernel, or the sandbox, has no keyrings: {refused}")
        yield cast("KeyService", kernel_service)


@pytest.fixture
def ring(service: KeyService) -> Iterator[int]:
    serial = service.add_key("keyring", next(_names), Secret(b""), PROCESS_KEYRING)
    yield serial
    service.unlink(serial, PROCESS_KEYRING)


# -- what both do


def test_a_user_key_is_updated_in_place(service: KeyService, ring: int) -> None:
    serial = service.add_key("user", "a", Secret(b"1"), ring)
    service.set_timeout(serial, 1000)
    assert service.add_key("user", "a", Secret(b"2"), ring) == serial
    assert service.read(serial).matches(b"2")
    assert service.read_keyring(ring) == (serial,)
    assert str(service.describe(serial)) == f"user;{os.geteuid()};{os.getegid()};3f010000;a"
    expiry = next((key.expiry.state for key in service.proc_keys() if key.serial == serial), ExpiryState.PERMANENT)
    assert expiry is ExpiryState.PERMANENT


def test_what_is_displaced_and_held_by_nothing_is_gone(service: KeyService, ring: int) -> None:
    old = service.add_key("keyring", "r", Secret(b""), ring)
    assert service.add_key("keyring", "r", Secret(b""), ring) != old
    while old in (key.serial for key in service.proc_keys()):
        continue  # the kernel collects it a moment later
    assert refusal(lambda: service.describe(old)) == "ENOKEY"


def test_what_else_holds_it_lives(service: KeyService, ring: int) -> None:
    serial = service.add_key("user", "a", Secret(b"1"), ring)
    service.link(serial, THREAD_KEYRING)
    service.unlink(serial, ring)
    assert service.read_keyring(ring) == ()
    assert service.read(serial).matches(b"1")
    service.unlink(serial, THREAD_KEYRING)
    assert refusal(lambda: service.unlink(serial, THREAD_KEYRING)) in ("ENOKEY", "ENOENT")


def test_a_search_goes_through_the_tree_and_not_by_prefix(service: KeyService, ring: int) -> None:
    inner = service.add_key("keyring", "inner", Secret(b""), ring)
    serial = service.add_key("user", "nqn.x10", Secret(b"1"), inner)
    assert service.search(ring, "user", "nqn.x10") == serial
    assert refusal(lambda: service.search(ring, "user", "nqn.x1")) == "ENOKEY"
    assert refusal(lambda: service.search(serial, "user", "nqn.x10")) == "ENOTDIR"


def test_a_revoked_key_says_so_and_a_new_one_takes_its_place(service: KeyService, ring: int) -> None:
    old = service.add_key("user", "a", Secret(b"1"), ring)
    service.revoke(old)
    for call in (
        lambda: service.search(ring, "user", "a"),
        lambda: service.describe(old),
        lambda: service.read(old),
        lambda: service.revoke(old),
    ):
        assert refusal(call) == "EKEYREVOKED"
    assert service.add_key("user", "a", Secret(b"2"), ring) != old


def test_permissions(service: KeyService, ring: int) -> None:
    serial = service.add_key("user", "a", Secret(b"1"), ring)
    service.set_permissions(serial, 0x28000000)
    assert refusal(lambda: service.describe(serial)) == "EACCES"
    assert refusal(lambda: service.link(serial, THREAD_KEYRING)) == "EACCES"
    assert refusal(lambda: service.add_key("user", "a", Secret(b"2"), ring)) == "EACCES"
    assert service.search(ring, "user", "a") == serial
    assert service.read(serial).matches(b"1"), "what is possessed and may be searched may be read"
    assert refusal(lambda: service.set_permissions(serial, 0xFF000000)) == "EINVAL"
    service.set_permissions(serial, 0x20000000)
    for call in (
        lambda: service.search(ring, "user", "a"),
        lambda: service.read(serial),
        lambda: service.set_permissions(serial, 0x3F3F0000),  # what may not be searched is not possessed
    ):
        assert refusal(call) == "EACCES"


def test_no_keyring_contains_itself(service: KeyService, ring: int) -> None:
    inner = service.add_key("keyring", "inner", Secret(b""), ring)
    assert refusal(lambda: service.link(ring, inner)) == errno.errorcode[errno.EDEADLK]
    assert refusal(lambda: service.link(ring, ring)) == errno.errorcode[errno.EDEADLK]


@pytest.mark.parametrize(
    ("key_type", "description", "payload", "symbol"),
    [
        ("nvmed-none", "a", b"1", "ENODEV"),
        (".user", "a", b"1", "EPERM"),
        ("user", "a", b"", "EINVAL"),
        ("user", "a", bytes(32768), "EINVAL"),
        ("keyring", "a", b"1", "EINVAL"),
        ("keyring", ".a", b"", "EPERM"),
    ],
)
def test_what_cannot_be_a_key(
    service: KeyService, ring: int, key_type: str, description: str, payload: bytes, symbol: str
) -> None:
    assert refusal(lambda: service.add_key(key_type, description, Secret(payload), ring)) == symbol


def test_no_key_has_that_serial(service: KeyService) -> None:
    for call in (service.describe, service.read, service.revoke, service.read_keyring):
        assert refusal(lambda call=call: call(2**31 - 2)) == "ENOKEY"  # type: ignore[misc]


# -- what only a kernel with nvme-keyring has


@pytest.fixture
def simulated(clock: ManualClock) -> SimulatedKeyring:
    return SimulatedKeyring(clock)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


def nvme(service: SimulatedKeyring) -> int:
    return next(key.serial for key in service.proc_keys() if key.description.startswith(".nvme:"))


def test_a_psk_key_is_displaced_and_cannot_be_revoked_then(simulated: SimulatedKeyring) -> None:
    ring = nvme(simulated)
    simulated.link(ring, THREAD_KEYRING)
    old = simulated.add_key("psk", "NVMe1R01 a b", Secret(PSK), ring)
    new = simulated.add_key("psk", "NVMe1R01 a b", Secret(PSK), ring)
    assert (old != new, simulated.read_keyring(ring)) == (True, (new,))
    assert refusal(lambda: simulated.revoke(old)) == "ENOKEY"


def test_psk_keys_are_found_by_prefix(simulated: SimulatedKeyring) -> None:
    ring = nvme(simulated)
    simulated.link(ring, THREAD_KEYRING)
    longer = simulated.add_key("psk", "NVMe1R01 host nqn.x10", Secret(PSK), ring)
    assert simulated.search(ring, "psk", "NVMe1R01 host nqn.x1") == longer
    exact = simulated.add_key("psk", "NVMe1R01 host nqn.x1", Secret(PSK), ring)
    assert simulated.search(ring, "psk", "NVMe1R01 host nqn.x1") == longer, "the first that matches"
    simulated.revoke(longer)
    assert simulated.search(ring, "psk", "NVMe1R01 host nqn.x1") == exact


def test_only_who_possesses_the_keyring_reads_its_keys(simulated: SimulatedKeyring) -> None:
    ring = nvme(simulated)
    simulated.link(ring, THREAD_KEYRING)
    serial = simulated.add_key("psk", "NVMe1R01 a b", Secret(PSK), ring)
    simulated.unlink(ring, THREAD_KEYRING)
    assert refusal(lambda: simulated.read(serial)) == "EACCES"
    assert simulated.describe(serial).type == "psk", "its user may view it"
    assert refusal(lambda: simulated.revoke(serial)) == "EACCES"
    assert refusal(lambda: simulated.set_permissions(ring, 0x3F3F0000)) == "EACCES"


def test_time_ends_keys_and_what_is_left_of_them(simulated: SimulatedKeyring, clock: ManualClock) -> None:
    ring = nvme(simulated)
    simulated.link(ring, THREAD_KEYRING)
    serial = simulated.add_key("psk", "NVMe1R01 a b", Secret(PSK), ring)
    simulated.set_timeout(serial, 3 * 86_400)

    def expiry() -> object:
        return next((key.expiry for key in simulated.proc_keys() if key.serial == serial), None)

    seen = []
    for seconds in (0, 2 * 86_400, 82_800, 3_550, 50):
        clock.advance(seconds)
        seen.append(expiry())
    assert [str(getattr(one, "remaining_s", None)) for one in seen] == ["259200", "86400", "3600", "50", "0"]
    assert refusal(lambda: simulated.describe(serial)) == "EKEYEXPIRED"
    assert refusal(lambda: simulated.search(ring, "psk", "NVMe1R01 a b")) == "EKEYEXPIRED"
    clock.advance(COLLECTED_AFTER_S + 1)
    assert refusal(lambda: simulated.describe(serial)) == "ENOKEY"
    assert simulated.read_keyring(ring) == ()


def test_there_is_an_end_to_keys(simulated: SimulatedKeyring) -> None:
    for number in range(KEYS_MAX - 2):  # `.nvme` and the user's keyring are two
        simulated.add_key("user", str(number), Secret(PSK), USER_KEYRING)
    assert refusal(lambda: simulated.add_key("user", "one more", Secret(PSK), USER_KEYRING)) == "EDQUOT"


def test_an_errno_that_is_refused_never_shows_the_payload(simulated: SimulatedKeyring) -> None:
    with pytest.raises(NvmedError) as raised:
        simulated.add_key("other", "a", Secret(b"planted-secret"), PROCESS_KEYRING)
    assert "planted" not in f"{raised.value!r} {raised.value.__dict__}"
    assert raised.value.os is not None
    assert raised.value.os.errno == errno.ENODEV


async def test_trades_over_it_see_a_kernel(simulated: SimulatedKeyring) -> None:
    """Update, displacement and revocation as `nvmed.keyring` does them, all on the key thread."""
    thread = KeyThread(lambda: kernel.use(simulated))
    try:
        ring = Keyring(thread)
        first = await ring.update_key("psk", "NVMe1R01 a b", Secret(PSK))
        second = await ring.update_key("psk", "NVMe1R01 a b", Secret(b"y" * 32))
        assert (first.outcome, second.outcome) == (UpdateOutcome.CREATED, UpdateOutcome.REPLACED)
        assert second.previous_serial == first.serial
        assert await ring.lookup_key("psk", "NVMe1R01 a b", ".nvme") == second.serial
        with pytest.raises(NvmedError, match="a longer one"):
            await ring.lookup_key("psk", "NVMe1R01 a longer one", ".nvme")
        assert await ring.revoke_tls_key("NVMe1R01 a b") == second.serial
        with pytest.raises(NvmedError) as gone:
            await ring.revoke_tls_key("NVMe1R01 a b")
        assert gone.value.reason == "KEY_REVOKED"
        assert [key async for key in ring.scan_tls_keys()] == []
    finally:
        thread.close()
    assert kernel.kernel() is keyctl, "other threads keep theirs"
    assert calls.check_serial("serial", 5) == 5


SERIALS = st.one_of(st.integers(-5, 5), st.sampled_from([0, 1, 2, 3]).map(lambda index: -100 - index))
NAMES = st.sampled_from(["a", "ab", "NVMe1R01 x1", "NVMe1R01 x10", "", ".a"])
CALLS = st.lists(
    st.one_of(
        st.tuples(st.just("add_key"), st.sampled_from(["user", "psk", "keyring", "no"]), NAMES, st.binary(max_size=3)),
        st.tuples(st.sampled_from(["link", "unlink"]), SERIALS, SERIALS),
        st.tuples(st.sampled_from(["revoke", "describe", "read", "read_keyring"]), SERIALS),
        st.tuples(st.just("set_permissions"), SERIALS, st.integers(0, 0x3F3F3F3F)),
        st.tuples(st.just("search"), SERIALS, st.sampled_from(["user", "psk"]), NAMES),
        st.tuples(st.just("advance"), st.integers(0, 1000)),
    ),
    max_size=30,
)


@given(CALLS)
def test_whatever_is_called_ends_as_a_kernel_would(sequence: list[tuple[object, ...]]) -> None:
    """Every call succeeds or is refused with an errno, and ends: no keyring contains itself."""
    clock = ManualClock()
    service = SimulatedKeyring(clock)
    made: list[int] = [nvme(service)]
    for name, *given_values in sequence:
        if name == "advance":
            clock.advance(int(str(given_values[0])))
            continue
        values = [
            made[(-100 - one) % len(made)] if isinstance(one, int) and one <= -100 else one for one in given_values
        ]
        if name == "add_key":
            values = [values[0], values[1], Secret(bytes(values[2])), made[-1]]  # type: ignore[call-overload]
        with suppress(NvmedError):
            answer = getattr(service, str(name))(*values)
            if name == "add_key":
                made.append(answer)
    assert len([*service.proc_keys()]) <= len(sequence) + 6
