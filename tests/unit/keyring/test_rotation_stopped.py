"""Rotations that are cancelled, or whose daemon is killed in the middle."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import pytest

from nvmed.operations.records import Record, State
from tests.support.kernel_double import KernelDouble
from tests.unit.keyring.rotating_daemon import NEW, OLD, Daemon, derived, reached, serials


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


async def test_nothing_stops_a_rotation_of_which_all_connections_have_the_new_key(
    daemon: Daemon, kernel: KernelDouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = await daemon.add(derived(OLD))
    kernel.connect(), kernel.connect()
    using = daemon.paths.using
    begun: list[str] = []

    async def cancel_first(wanted: Iterable[int]) -> Mapping[int, tuple[str, ...]]:
        if begun and old not in serials(kernel):
            await daemon.operations.cancel(begun[0])
        return await using(wanted)

    monkeypatch.setattr(daemon.paths, "using", cancel_first)
    kernel.hang_at = "reset nvme0"
    begun.append((await daemon.begin(daemon.wanted(derived(NEW)))).id)
    await reached(kernel)
    kernel.release()
    assert (await daemon.operations.wait(begun[0])).state is State.SUCCEEDED
    assert await daemon.is_dead(old)


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
