"""Rotation of secrets for DH-HMAC-CHAP, against a double of the kernel's connections."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Sequence

import pytest

from nvmed.errors import NvmedError
from nvmed.keyring import rotation_dhchap
from nvmed.keyring.rotation_dhchap import DhchapRotation
from nvmed.keys.secret import Secret
from nvmed.linux.fabrics import DhchapSecrets
from nvmed.nvme.host import ControllerNode
from nvmed.operations.manager import Mutation
from nvmed.operations.records import Record, State
from nvmed.reasons import Reason, error
from tests.support.kernel_double import HOST, SUBSYSTEM, KernelDouble
from tests.support.operations import remembered
from tests.unit.keyring.rotating_daemon import Daemon, reached


def secrets(host: bytes | None, controller: bytes | None = None) -> DhchapSecrets:
    return DhchapSecrets(*(None if one is None else Secret(one) for one in (host, controller)))


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
    assert kernel.log[:2] == ["try nvme0", "try nvme1"]
    assert kernel.log[2:] == ["secrets nvme0", "reset nvme0", "secrets nvme1", "reset nvme1"]


async def test_secrets_that_the_subsystem_does_not_have_are_not_given(daemon: Daemon, kernel: KernelDouble) -> None:
    """The kernel would give the connection up for good."""
    for _ in range(2):
        kernel.connect(is_tls=False, secrets=secrets(b"a", b"b"))
    kernel.accepts_secrets = lambda found: found.host is not None and found.host.matches(b"a")
    record = await rotate_dhchap(daemon, secrets(b"c"))
    assert record.failure is not None
    assert record.failure["reason"] == "CONNECTION_NOT_MADE"
    assert kernel.log == ["try nvme0"]
    assert texts(kernel) == [(b"a", b"b")] * 2


async def test_a_connection_that_is_dropped_comes_up_with_the_new_secret(
    daemon: Daemon, kernel: KernelDouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    def busy(controller: ControllerNode) -> None:
        raise error(Reason.DEVICE_BUSY, "it connects already")

    kernel.connect(is_tls=False, secrets=secrets(b"a", b"b"))
    monkeypatch.setattr(kernel, "reset", busy)
    record = await rotate_dhchap(daemon, secrets(None, b"d"))
    assert record.failure is None
    assert texts(kernel) == [(b"a", b"d")]


async def test_one_secret_at_a_time(daemon: Daemon, kernel: KernelDouble) -> None:
    """Between two writes a real kernel authenticates with one of each kind, and may hang when that is refused."""
    kernel.connect(is_tls=False, secrets=secrets(b"a", b"b"))
    with pytest.raises(NvmedError) as refused:
        await rotate_dhchap(daemon, secrets(b"c", b"d"))
    assert (refused.value.reason, refused.value.metadata["field"]) == ("INVALID_FIELD", "controller_secret")
    assert (kernel.log, texts(kernel)) == ([], [(b"a", b"b")])


async def test_refused_secrets_are_taken_back(daemon: Daemon, kernel: KernelDouble) -> None:
    for _ in range(2):
        kernel.connect(is_tls=False, secrets=secrets(b"a", b"b"))
    asked = itertools.count()
    kernel.accepts_secrets = lambda found: found.host is None or not found.host.matches(b"c") or next(asked) < 3
    record = await rotate_dhchap(daemon, secrets(b"c"))
    assert record.failure is not None
    assert record.failure["reason"] == "KEY_ROTATION_UNDONE"
    assert texts(kernel) == [(b"a", b"b")] * 2
    assert {one.node.state for one in kernel.connections.values()} == {"live"}


async def test_secrets_that_cannot_be_put_back_are_told(daemon: Daemon, kernel: KernelDouble) -> None:
    kernel.connect(is_tls=False, secrets=secrets(b"a"))
    asked = itertools.count()
    kernel.accepts_secrets = lambda found: next(asked) < 1
    record = await rotate_dhchap(daemon, secrets(b"c"))
    assert record.failure is not None
    assert record.failure["reason"] == "KEY_ROTATION_INCOMPLETE"


async def test_what_authenticates_one_way_gets_no_secret_for_the_other(daemon: Daemon, kernel: KernelDouble) -> None:
    with pytest.raises(NvmedError) as missing:
        await rotate_dhchap(daemon, secrets(b"c"))
    assert missing.value.reason == "CONTROLLER_NOT_FOUND"
    kernel.connect(is_tls=False, secrets=secrets(b"a"))
    with pytest.raises(NvmedError) as refused:
        await rotate_dhchap(daemon, secrets(None, b"d"))
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
    (record,) = await remembered(successor.operations)
    assert record.state is State.NEEDS_ATTENTION
    assert record.failure is not None
    assert "controllers/nvmed-double-1" in record.failure["message"]
    kernel.release()
    await running
