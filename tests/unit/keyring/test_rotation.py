"""Rotation on real keyrings, with keys of type user, against a double of the kernel's connections."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any

import pytest

from nvmed.errors import NvmedError
from nvmed.keys.psk import PskHash, derive_tls_key
from nvmed.keys.secret import Secret
from nvmed.linux import keyctl
from nvmed.operations.records import State
from nvmed.operations.running import Running
from tests.support.kernel_double import HOST, SUBSYSTEM, Connection, KernelDouble
from tests.support.operations import remembered
from tests.unit.keyring.rotating_daemon import NEW, OLD, Daemon, derived, reached, refusal, serials


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
    old = await daemon.add(derived(OLD))
    result = await daemon.rotate(derived(NEW))
    assert (result["connections"], [one["serial"] for one in result["retired_keys"]]) == ([], [old])
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
    await daemon.add(derived(OLD))
    serial = (await daemon.rotate(derived(NEW), timeout_s=7200))["key"]["serial"]
    if keyctl.PROC_KEYS.exists():
        assert (await daemon.keyring.describe_key(serial)).expiry.remaining_s > 0


async def test_nobody_to_rotate_for_is_refused_and_told_who_is_meant(daemon: Daemon, kernel: KernelDouble) -> None:
    with pytest.raises(NvmedError, match="InsertTlsKey makes a first one"):
        await daemon.rotations.check(daemon.wanted(derived(NEW)))
    with pytest.raises(NvmedError, match="InsertTlsKey makes a first one") as refused:
        await daemon.rotate(derived(NEW))
    assert refused.value.reason == "KEY_NOT_FOUND"
    await daemon.add(derived(OLD))
    shouting = derive_tls_key(
        Secret(NEW), HOST.replace("nvmexpress", "NVMexpress"), SUBSYSTEM, version=1, hash_=PskHash.SHA256
    )
    with pytest.raises(NvmedError, match=f"there is {HOST} and {SUBSYSTEM}, which differs in case"):
        await daemon.rotate(shouting)
    assert await daemon.ring() == [derived(OLD).identity]


async def test_checking_changes_nothing(daemon: Daemon, kernel: KernelDouble) -> None:
    old = await daemon.add(derived(OLD))
    kernel.connect(), kernel.connect(old)
    planned = await daemon.rotations.check(daemon.wanted(derived(NEW)))
    assert planned["key"]["serial"] == 0
    assert [one["method"] for one in planned["connections"]] == ["ROTATION_METHOD_RECONNECT", "ROTATION_METHOD_RESET"]
    assert [one["revoked"] for one in planned["retired_keys"]] == [False]
    assert (kernel.log, await daemon.ring(), await daemon.held()) == ([], [derived(OLD).identity], [])


@pytest.mark.parametrize("named", [False, True])
async def test_the_session_need_not_possess_its_users_keyring(
    daemon: Daemon, kernel: KernelDouble, named: bool
) -> None:
    """As systemd starts services (KeyringMode=private), and as it is once something was linked into the session."""
    await daemon.thread.run(keyctl.join_session_keyring)
    old = await daemon.add(derived(OLD))
    kernel.connect(old if named else 0)
    new = (await daemon.rotate(derived(NEW)))["key"]["serial"]
    assert serials(kernel) == [new]
    assert await daemon.is_dead(old)
    assert await daemon.held() == []


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
    record = (await remembered(daemon.operations))[0]
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
    subsystem = (await daemon.inventory.find("nvme0")).device.subsystem
    assert daemon.exclusion.holder(subsystem) == f"operations/{first.id}", "nor may firmware be written meanwhile"
    kernel.release()
    assert (await daemon.operations.wait(first.id)).state is State.SUCCEEDED
    assert daemon.exclusion.holder(subsystem) is None
