"""Rotation on real keyrings, with keys of type user, against a double of the kernel's connections."""

from __future__ import annotations

import asyncio
import itertools
import os
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from nvmed.devices.inventory import Inventory
from nvmed.errors import NvmedError
from nvmed.keys.psk import DerivedTlsKey, PskHash, derive_tls_key
from nvmed.keys.secret import Secret
from nvmed.linux import keyctl
from nvmed.linux.fabrics import DhchapSecrets
from nvmed.linux.key_thread import KeyThread
from nvmed.operations import failure, rotation_calls, rotation_dhchap, rotation_recovery
from nvmed.operations.exclusion import Exclusion
from nvmed.operations.journal import Journal, Record, State
from nvmed.operations.keyring import Keyring
from nvmed.operations.manager import Manager, Mutation
from nvmed.operations.paths import Paths
from nvmed.operations.rotation import TlsRotation, TlsRotations
from nvmed.operations.rotation_dhchap import DhchapRotation, DhchapRotations
from nvmed.operations.rotation_recovery import ROTATE_TLS_KEY
from nvmed.operations.running import Result, Running
from tests.unit.kernel_double import HOST, SUBSYSTEM, Connection, KernelDouble

OLD, NEW = bytes(32), bytes(range(32))
_names = (f"nvmed-rotation-test-{os.getpid()}-{number}" for number in itertools.count())


def derived(key: bytes, version: int = 1) -> DerivedTlsKey:
    return derive_tls_key(Secret(key), HOST, SUBSYSTEM, version=version, hash_=PskHash.SHA256)


@dataclass
class Daemon:
    """What of a daemon rotates keys; several of them may share a host, one after the other."""

    kernel: KernelDouble
    journal: Path
    thread: KeyThread = field(default_factory=KeyThread)
    exclusion: Exclusion = field(default_factory=Exclusion)

    def __post_init__(self) -> None:
        self.keyring = Keyring(self.thread)
        self.inventory = Inventory(self.kernel)
        self.paths = Paths(self.inventory, self.kernel, patience_s=0)
        self.rotations = TlsRotations(self.keyring, self.paths, self.exclusion)
        self.dhchap = DhchapRotations(self.paths, self.exclusion)
        reconcilers = {**rotation_recovery.reconcilers(self.keyring, self.paths), **rotation_dhchap.reconcilers()}
        self.operations = Manager(Journal(self.journal), reconcilers)

    def wanted(self, key: DerivedTlsKey, **more: Any) -> TlsRotation:
        return TlsRotation(key, self.kernel.ring, key_type="user", **{"is_disruption_acknowledged": True, **more})

    async def begin(self, wanted: TlsRotation) -> Record:
        """As the service does."""
        parameters = {
            "host_nqn": HOST,
            "subsystem_nqn": SUBSYSTEM,
            "key_type": "user",
            "identity": wanted.key.identity,
            "planned": await self.rotations.check(wanted),
        }
        mutation = Mutation(ROTATE_TLS_KEY, "keyrings/test", "unix:admin", "", b"", parameters)
        return await self.operations.start(mutation, lambda running: self.rotations.run(running, wanted))

    async def rotate(self, key: DerivedTlsKey, **more: Any) -> Result:
        """The response; raises what the operation failed with."""
        record = await self.operations.wait((await self.begin(self.wanted(key, **more))).id)
        if record.failure:
            raise failure.load(record.failure)
        assert record.result is not None
        return record.result

    async def add(self, key: DerivedTlsKey) -> int:
        return (await self.keyring.update_key("user", key.identity, key.psk, self.kernel.ring)).serial

    async def ring(self) -> list[str]:
        """The descriptions of the keys that can be found."""
        keys = [one async for one in self.keyring.scan_tls_keys(self.kernel.ring, key_type="user")]
        return sorted(one.about.description for one in keys)

    async def is_dead(self, serial: int) -> bool:
        try:
            await self.keyring.describe_key(serial)
        except NvmedError as gone:
            return gone.reason in {"KEY_REVOKED", "KEY_NOT_FOUND"}
        return False

    async def held(self) -> list[str]:
        return [name for name, _ in await self.thread.run(lambda: list(rotation_calls.holders()))]

    async def steps(self, record: Record) -> list[str]:
        return [step.name for step in await self.operations.steps(record.id)]

    async def close(self) -> None:
        await self.operations.close()
        self.paths.close()
        self.inventory.close()
        self.thread.close()


@pytest.fixture
async def kernel() -> AsyncIterator[KernelDouble]:
    thread = KeyThread()

    def make() -> int:
        serial = keyctl.add_key("keyring", next(_names), Secret(b""), keyctl.PROCESS_KEYRING)
        keyctl.set_permissions(serial, 0x3F3F0000)
        return serial

    try:
        double = KernelDouble(await thread.run(make))
    except NvmedError as refusal:
        thread.close()
        pytest.skip(f"this kernel, or the sandbox, has no keyrings: {refusal}")
    yield double
    double.close()
    for name, holder in await thread.run(lambda: list(rotation_calls.holders())):
        assert name
        await thread.run(rotation_calls.release, holder)
    thread.close()


@pytest.fixture
async def start(kernel: KernelDouble, tmp_path: Path) -> AsyncIterator[Callable[[], Daemon]]:
    started: list[Daemon] = []

    def begin() -> Daemon:
        started.append(Daemon(kernel, tmp_path / "journal.sqlite"))
        return started[-1]

    yield begin
    kernel.release()
    for daemon in started:
        await daemon.close()


@pytest.fixture
def daemon(start: Callable[[], Daemon]) -> Daemon:
    return start()


def serials(kernel: KernelDouble) -> list[int]:
    return [connection.tls_key for connection in kernel.connections.values()]


async def refusal(daemon: Daemon, key: DerivedTlsKey, **more: Any) -> NvmedError:
    with pytest.raises(NvmedError) as raised:
        await daemon.rotate(key, **more)
    return raised.value


async def test_connections_that_look_up_are_reset_one_by_one(daemon: Daemon, kernel: KernelDouble) -> None:
    old = await daemon.add(derived(OLD))
    kernel.connect(), kernel.connect()
    assert serials(kernel) == [old, old]
    result = await daemon.rotate(derived(NEW), is_disruption_acknowledged=False)
    new = result["key"]["serial"]
    assert serials(kernel) == [new, new]
    assert kernel.log == ["reset nvme0", "reset nvme1"]
    assert await daemon.ring() == [derived(NEW).identity]
    assert await daemon.is_dead(old)
    assert [(one["method"], one["previous_serial"], one["serial"]) for one in result["connections"]] == [
        ("ROTATION_METHOD_RESET", old, new)
    ] * 2
    assert result["retired_keys"] == [
        {"serial": old, "description": derived(OLD).identity, "revoked": True, "controllers": []}
    ]
    assert await daemon.held() == []


async def test_connections_that_name_their_key_are_made_anew(daemon: Daemon, kernel: KernelDouble) -> None:
    old = await daemon.add(derived(OLD))
    kernel.connect(old), kernel.connect(old)
    result = await daemon.rotate(derived(NEW), is_disruption_acknowledged=False)
    new = result["key"]["serial"]
    assert kernel.log == [
        "connect like nvme0", "disconnect nvme0", "connect like nvme1", "disconnect nvme1",
    ]  # fmt: skip
    assert [(one.named_key, one.tls_key) for one in kernel.connections.values()] == [(new, new)] * 2
    assert [(one["previous_controller"], one["controller"]) for one in result["connections"]] == [
        ("controllers/nvmed-double-1", "controllers/nvmed-double-3"),
        ("controllers/nvmed-double-2", "controllers/nvmed-double-4"),
    ]
    assert await daemon.is_dead(old)


async def test_both_kinds_and_those_without_tls(daemon: Daemon, kernel: KernelDouble) -> None:
    old = await daemon.add(derived(OLD))
    kernel.connect(), kernel.connect(old), kernel.connect(is_tls=False)
    new = (await daemon.rotate(derived(NEW)))["key"]["serial"]
    assert kernel.log == ["connect like nvme1", "disconnect nvme1", "reset nvme0"]
    assert sorted(serials(kernel)) == [0, new, new]


async def test_a_key_that_would_be_found_before_the_new_one_is_retired_too(
    daemon: Daemon, kernel: KernelDouble
) -> None:
    """Version 1 comes first for the kernel, whichever is newer."""
    first, second = await daemon.add(derived(OLD)), await daemon.add(derived(OLD, 0))
    kernel.connect()
    assert serials(kernel) == [first]
    result = await daemon.rotate(derived(NEW, 0))
    assert serials(kernel) == [result["key"]["serial"]]
    assert result["key"]["previous_serial"] == second
    assert await daemon.is_dead(first)
    assert await daemon.is_dead(second)


@pytest.mark.parametrize("named", [False, True])
async def test_a_new_key_of_the_same_name(daemon: Daemon, kernel: KernelDouble, named: bool) -> None:
    old = await daemon.add(derived(OLD, 0))
    kernel.connect(old if named else 0)
    new = (await daemon.rotate(derived(NEW, 0)))["key"]["serial"]
    assert new != old
    assert serials(kernel) == [new]
    assert await daemon.is_dead(old)


async def test_keys_of_others_are_left_alone(daemon: Daemon, kernel: KernelDouble) -> None:
    other = derive_tls_key(Secret(OLD), HOST, f"{SUBSYSTEM}0", version=0, hash_=PskHash.SHA256)
    kept = await daemon.add(other)
    result = await daemon.rotate(derived(NEW))
    assert (result["connections"], result["retired_keys"]) == ([], [])
    assert await daemon.ring() == sorted([other.identity, derived(NEW).identity])
    assert not await daemon.is_dead(kept)


async def test_an_old_key_that_somebody_uses_still_is_not_revoked(daemon: Daemon, kernel: KernelDouble) -> None:
    old = await daemon.add(derived(OLD))
    other = kernel.connect(old)
    other.node = _of_another_subsystem(other)
    result = await daemon.rotate(derived(NEW))
    assert result["retired_keys"][0]["controllers"] == ["controllers/nvmed-double-1"]
    assert result["retired_keys"][0]["revoked"] is False
    assert not await daemon.is_dead(old)
    assert len(await daemon.held()) == 1


def _of_another_subsystem(connection: Connection) -> Any:
    return replace(connection.node, subsystem_nqn="nqn.2024-01.io.example:another")


async def test_the_new_key_expires_as_asked(daemon: Daemon, kernel: KernelDouble) -> None:
    serial = (await daemon.rotate(derived(NEW), timeout_s=7200))["key"]["serial"]
    if keyctl.PROC_KEYS.exists():
        assert (await daemon.keyring.describe_key(serial)).expiry.remaining_s > 0


async def test_checking_changes_nothing(daemon: Daemon, kernel: KernelDouble) -> None:
    old = await daemon.add(derived(OLD))
    kernel.connect(), kernel.connect(old)
    planned = await daemon.rotations.check(daemon.wanted(derived(NEW)))
    assert planned["key"]["serial"] == 0
    assert [one["method"] for one in planned["connections"]] == ["ROTATION_METHOD_RECONNECT", "ROTATION_METHOD_RESET"]
    assert [one["revoked"] for one in planned["retired_keys"]] == [False]
    assert (kernel.log, await daemon.ring(), await daemon.held()) == ([], [derived(OLD).identity], [])


# -- what goes wrong


@pytest.mark.parametrize("named", [False, True])
@pytest.mark.parametrize("refused", [1, 2])
async def test_a_key_that_the_subsystem_refuses_is_taken_back(
    daemon: Daemon, kernel: KernelDouble, named: bool, refused: int
) -> None:
    """By the first connection, or by the second: then the first is moved back."""
    old = await daemon.add(derived(OLD))
    kernel.connect(old if named else 0), kernel.connect(old if named else 0)
    asked = itertools.count(1)
    kernel.accepts = lambda description: description != derived(NEW).identity or next(asked) < refused
    undone = await refusal(daemon, derived(NEW))
    assert undone.reason == "KEY_ROTATION_UNDONE"
    assert serials(kernel) == [old, old]
    assert {one.node.state for one in kernel.connections.values()} == {"live"}
    assert await daemon.ring() == [derived(OLD).identity]
    assert await daemon.held() == []
    record = (await daemon.operations.list())[0]
    outcomes = [step.outcome or {} for step in await daemon.operations.steps(record.id) if step.name == "insert"]
    assert await daemon.is_dead(outcomes[0]["serial"])


@pytest.mark.parametrize("named", [False, True])
async def test_a_refused_key_of_the_same_name_is_taken_back(daemon: Daemon, kernel: KernelDouble, named: bool) -> None:
    old = await daemon.add(derived(OLD, 0))
    kernel.connect(old if named else 0)
    asked = itertools.count()
    kernel.accepts = lambda description: next(asked) > 0
    assert (await refusal(daemon, derived(NEW, 0))).reason == "KEY_ROTATION_UNDONE"
    assert serials(kernel) == [old]
    assert (await daemon.keyring.read_key(old, kernel.ring)).matches(derived(OLD, 0).psk)


async def test_a_connection_without_all_namespaces_is_no_replacement(daemon: Daemon, kernel: KernelDouble) -> None:
    """Without multipath the new connection has block devices of its own, and removing the old one would end theirs."""
    old = await daemon.add(derived(OLD))
    kernel.connect(old)
    kernel.namespaces = tuple(replace(one, node="nvme1n1") for one in kernel.namespaces)
    undone = await refusal(daemon, derived(NEW))
    assert undone.reason == "KEY_ROTATION_UNDONE"
    assert "nvme1n1" in undone.message
    assert list(kernel.connections) == ["nvme0"]


async def test_what_cannot_be_put_back_is_told_and_finished_by_the_next(daemon: Daemon, kernel: KernelDouble) -> None:
    old = await daemon.add(derived(OLD))
    kernel.connect(), kernel.connect()
    moved = iter([True])
    kernel.accepts = lambda _: next(moved, False)
    stuck = await refusal(daemon, derived(NEW))
    assert stuck.reason == "KEY_ROTATION_INCOMPLETE"
    assert str(old) in stuck.metadata["keys"]
    assert not await daemon.is_dead(old)
    assert len(await daemon.held()) == 1
    kernel.accepts = lambda _: True
    for connection in kernel.connections.values():
        kernel.reset(connection.node)
    assert serials(kernel) == [old, old]
    third = derived(bytes(31) + b"3")
    new = (await daemon.rotate(third))["key"]["serial"]
    assert serials(kernel) == [new, new]
    assert await daemon.ring() == [third.identity]
    assert await daemon.held() == []


async def test_gates(daemon: Daemon, kernel: KernelDouble) -> None:
    await daemon.add(derived(OLD))
    connection = kernel.connect()
    for alone, more in ((True, {"is_disruption_acknowledged": False}), (False, {})):
        if not alone:
            connection.node = replace(connection.node, state="connecting")
        refused = await refusal(daemon, derived(NEW), **more)
        assert refused.reason == "GATE_FAILED"
        kind = "DISRUPTION_ACKNOWLEDGED" if alone else "CONNECTION_LIVE"
        assert [(gate.kind, gate.subject) for gate in refused.gates] == [(kind, "controllers/nvmed-double-1")]
    assert await daemon.ring() == [derived(OLD).identity]


async def test_a_key_that_could_not_be_revoked_is_told_first(daemon: Daemon, kernel: KernelDouble) -> None:
    old = await daemon.add(derived(OLD))
    await daemon.keyring.possessing(kernel.ring, lambda _: keyctl.set_permissions(old, 0x1B1B0000))
    assert (await refusal(daemon, derived(NEW))).reason == "KEY_PERMISSION"
    assert await daemon.held() == []


async def test_the_same_two_are_rotated_once_at_a_time(daemon: Daemon, kernel: KernelDouble) -> None:
    await daemon.add(derived(OLD))
    kernel.connect()
    kernel.hang_at = "reset nvme0"
    first = await daemon.begin(daemon.wanted(derived(NEW)))
    await reached(kernel)
    with pytest.raises(NvmedError) as busy:
        await daemon.rotations.run(Running(first, daemon.operations), daemon.wanted(derived(bytes(31) + b"3")))
    assert busy.value.reason == "SUBSYSTEM_BUSY"
    kernel.release()
    assert (await daemon.operations.wait(first.id)).state is State.SUCCEEDED


# -- stopped in the middle


async def reached(kernel: KernelDouble) -> None:
    """The kernel hangs where it was told to."""
    await asyncio.to_thread(kernel.hangs.wait)


@pytest.mark.parametrize("named", [False, True])
async def test_a_cancelled_rotation_is_undone(daemon: Daemon, kernel: KernelDouble, named: bool) -> None:
    old = await daemon.add(derived(OLD))
    kernel.connect(old if named else 0), kernel.connect(old if named else 0)
    kernel.hang_at = "connect like nvme0" if named else "reset nvme0"
    record = await daemon.begin(daemon.wanted(derived(NEW)))
    await reached(kernel)
    await daemon.operations.cancel(record.id)
    kernel.release()
    assert (await daemon.operations.wait(record.id)).state is State.CANCELLED
    assert serials(kernel) == [old, old]
    assert await daemon.ring() == [derived(OLD).identity]


async def crashed(start: Callable[[], Daemon], daemon: Daemon, kernel: KernelDouble, at: str) -> tuple[Daemon, Record]:
    """Begin a rotation, kill the daemon `at` some call to the kernel, start another: it, and the operation as it is."""
    kernel.hang_at = at
    record = await daemon.begin(daemon.wanted(derived(NEW)))
    await reached(kernel)
    successor = start()
    return successor, record


async def recovered(daemon: Daemon, record: Record) -> Record:
    await daemon.operations.recover()
    return await daemon.operations.get(record.id)


@pytest.mark.parametrize("named", [False, True])
async def test_a_crash_before_anything_was_moved_is_undone(
    start: Callable[[], Daemon], daemon: Daemon, kernel: KernelDouble, named: bool
) -> None:
    old = await daemon.add(derived(OLD))
    kernel.connect(old if named else 0)
    successor, record = await crashed(start, daemon, kernel, "connect like nvme0" if named else "reset nvme0")
    assert (await recovered(successor, record)).state is State.SAFE_TO_RETRY
    assert await successor.ring() == [derived(OLD).identity]
    assert await successor.held() == []
    assert serials(kernel) == [old]
    assert not await successor.is_dead(old)


async def test_a_crash_between_two_connections_is_left_to_somebody_and_finished_by_the_next(
    start: Callable[[], Daemon], daemon: Daemon, kernel: KernelDouble
) -> None:
    old = await daemon.add(derived(OLD))
    kernel.connect(), kernel.connect()
    successor, record = await crashed(start, daemon, kernel, "reset nvme1")
    found = await recovered(successor, record)
    assert found.state is State.NEEDS_ATTENTION
    assert found.failure is not None
    assert "controllers/nvmed-double-1 use the new key" in found.failure["message"]
    assert "controllers/nvmed-double-2 the old one" in found.failure["message"]
    assert not await successor.is_dead(old)
    again = await successor.rotate(derived(NEW))
    assert serials(kernel) == [again["key"]["serial"]] * 2
    assert await successor.is_dead(old)
    assert await successor.held() == []


async def test_a_crash_after_the_last_connection_is_finished(
    start: Callable[[], Daemon], daemon: Daemon, kernel: KernelDouble
) -> None:
    old = await daemon.add(derived(OLD))
    kernel.connect(old)
    successor, record = await crashed(start, daemon, kernel, "disconnect nvme0")
    del kernel.connections["nvme0"]  # the kernel was told, and did it
    found = await recovered(successor, record)
    assert found.state is State.SUCCEEDED
    assert found.result is not None
    new = found.result["key"]["serial"]
    assert serials(kernel) == [new]
    assert found.result["connections"][0]["controller"] == "controllers/nvmed-double-2"
    assert found.result["retired_keys"][0]["revoked"]
    assert await successor.is_dead(old)
    assert await successor.held() == []


# -- DH-HMAC-CHAP


def secrets(host: bytes, controller: bytes | None = None) -> DhchapSecrets:
    return DhchapSecrets(Secret(host), None if controller is None else Secret(controller))


async def rotate_dhchap(daemon: Daemon, new: DhchapSecrets, *, acknowledged: bool = True) -> Record:
    wanted = DhchapRotation(HOST, SUBSYSTEM, new, acknowledged)
    await daemon.dhchap.check(wanted)
    mutation = Mutation(rotation_dhchap.ROTATE_DHCHAP_KEY, "keys", "unix:admin", "", b"")
    started = await daemon.operations.start(mutation, lambda running: daemon.dhchap.run(running, wanted))
    return await daemon.operations.wait(started.id)


def texts(kernel: KernelDouble) -> Sequence[tuple[bytes, bytes]]:
    return [
        tuple(b"" if one is None else one.reveal() for one in (found.secrets.host, found.secrets.controller))  # type: ignore[misc]
        for found in kernel.connections.values()
    ]


async def test_secrets_are_given_to_each_connection(daemon: Daemon, kernel: KernelDouble) -> None:
    kernel.connect(is_tls=False, secrets=secrets(b"a", b"b"))
    kernel.connect(is_tls=False, secrets=secrets(b"a", b"b"))
    record = await rotate_dhchap(daemon, secrets(b"c"), acknowledged=False)
    assert record.result == {"controllers": ["controllers/nvmed-double-1", "controllers/nvmed-double-2"]}
    assert texts(kernel) == [(b"c", b"b")] * 2
    assert kernel.log == ["secrets nvme0", "reset nvme0", "secrets nvme1", "reset nvme1"]


async def test_refused_secrets_are_taken_back(daemon: Daemon, kernel: KernelDouble) -> None:
    for _ in range(2):
        kernel.connect(is_tls=False, secrets=secrets(b"a", b"b"))
    asked = itertools.count()
    kernel.accepts_secrets = lambda found: found.host is None or not found.host.matches(b"c") or next(asked) == 0
    record = await rotate_dhchap(daemon, secrets(b"c", b"d"))
    assert record.failure is not None
    assert record.failure["reason"] == "KEY_ROTATION_UNDONE"
    assert texts(kernel) == [(b"a", b"b")] * 2
    assert {one.node.state for one in kernel.connections.values()} == {"live"}


async def test_secrets_that_cannot_be_put_back_are_told(daemon: Daemon, kernel: KernelDouble) -> None:
    kernel.connect(is_tls=False, secrets=secrets(b"a"))
    kernel.accepts_secrets = lambda found: False
    record = await rotate_dhchap(daemon, secrets(b"c"))
    assert record.failure is not None
    assert record.failure["reason"] == "KEY_ROTATION_INCOMPLETE"


async def test_what_authenticates_one_way_gets_no_secret_for_the_other(daemon: Daemon, kernel: KernelDouble) -> None:
    with pytest.raises(NvmedError) as missing:
        await rotate_dhchap(daemon, secrets(b"c"))
    assert missing.value.reason == "CONTROLLER_NOT_FOUND"
    kernel.connect(is_tls=False, secrets=secrets(b"a"))
    with pytest.raises(NvmedError) as refused:
        await rotate_dhchap(daemon, secrets(b"c", b"d"))
    assert [gate.kind for gate in refused.value.gates] == ["AUTHENTICATED_BOTH_WAYS"]


async def test_a_crash_leaves_secrets_to_the_next(
    start: Callable[[], Daemon], daemon: Daemon, kernel: KernelDouble
) -> None:
    kernel.connect(is_tls=False, secrets=secrets(b"a"))
    kernel.hang_at = "reset nvme0"
    running = asyncio.create_task(rotate_dhchap(daemon, secrets(b"c")))
    await reached(kernel)
    successor = start()
    await successor.operations.recover()
    (record,) = await successor.operations.list()
    assert record.state is State.NEEDS_ATTENTION
    assert record.failure is not None
    assert "controllers/nvmed-double-1" in record.failure["message"]
    kernel.release()
    await running
