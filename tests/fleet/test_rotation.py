"""Rotation of keys at both ends, on a real engine: moved, revoked, taken back; no secret where it is kept."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import msgspec
import pytest
from nvmed_fleet import rotation, secrets
from nvmed_fleet.rotation import Pair, RotationPlan
from nvmed_fleet.temporal import batches
from nvmed_fleet.temporal.engine import Engine, session
from nvmedctl.hosts import Host, Inventory

from nvmed.errors import NvmedError
from nvmed.v1 import key_pb2 as pb
from tests.rpc.key_ring import NAMES, TEXT, Ring, derived
from tests.rpc.rotating_host import RotatingHost, rotating
from tests.support import served_hosts
from tests.support.served_hosts import Served

OLD = bytes(32)
OPTIONS = rotation.Options(acknowledge_disruption=True)


@dataclass
class Ends:
    """A host whose connections are a double's, and a target; each with a keyring of this kernel."""

    host: RotatingHost
    target: Served
    target_ring: Ring
    psk_file: Path

    def plan(self, **changes: Any) -> RotationPlan:
        pair = Pair(
            host="h1",
            target="t1",
            psk=f"file:{self.psk_file}",
            host_keyring=self.host.ring.name,
            target_keyring=self.target_ring.name,
            key_type="user",
            **NAMES,
        )
        inventory = Inventory((Host("h1", self.host.daemon.address, "h1"), self.target.host))
        return rotation.make("r", [msgspec.structs.replace(pair, **changes)], inventory, OPTIONS)

    async def at_target(self) -> list[str]:
        """The identities at the target."""
        async with self.target.host.client() as client:
            where = pb.ScanTlsKeysRequest(keyring=pb.KeyringRef(serial=self.target_ring.serial), key_type="user")
            return sorted([part.key.description async for part in client.keys.ScanTlsKeys(where)])


@pytest.fixture
async def ends(place: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Ends]:
    ours, theirs = await Ring.make(), await Ring.make()
    old = derived(key=OLD)
    serial, _ = [await ring.add(old.identity, old.psk.reveal()) for ring in (ours, theirs)]
    psk = place / "psk"
    psk.touch(mode=0o600)
    psk.write_text(TEXT + "\n")
    async with served_hosts.hosts(place, "t1") as served, rotating(ours, place, monkeypatch) as host:
        host.kernel.connect()
        host.kernel.connect(serial)
        yield Ends(host, served["t1"], theirs, psk)
    await ours.close()
    await theirs.close()


async def test_both_ends_have_the_new_key_and_the_old_one_is_gone(ends: Ends) -> None:
    plan = ends.plan()
    (name,) = plan.pairs
    assert await rotation.rotate(plan, name) == rotation.Rotated("done")
    assert await ends.at_target() == [derived().identity]
    first, second = ends.host.serials
    assert first == second
    assert await rotation.rotate(plan, name) == rotation.Rotated("done")  # as a worker that takes over does


async def test_what_was_done_is_found_by_another_rotation(ends: Ends) -> None:
    plan = ends.plan()
    (name,) = plan.pairs
    assert await rotation.rotate(plan, name) == rotation.Rotated("done")
    again = replace(plan, rotation="r2")
    assert await rotation.rotate(again, name) == rotation.Rotated("done")
    assert await ends.at_target() == [derived().identity]
    first, second = ends.host.serials
    assert first == second


async def test_what_the_host_refuses_is_taken_back_from_the_target(ends: Ends) -> None:
    plan = ends.plan(host_keyring="no-such-keyring")
    found = await rotation.rotate(plan, *plan.pairs)
    assert (found.verdict, found.reason) == ("failed", "KEYRING_NOT_FOUND")
    assert await ends.at_target() == [derived(key=OLD).identity]


async def test_no_secret_is_in_the_engine_or_the_store(ends: Ends, place: Path) -> None:
    engine, plan = Engine(place / "state"), ends.plan()
    async with session(engine) as client:
        await batches.begin(client, "rotation", "r", engine.store.put(msgspec.json.encode(plan)))
        ended = await batches.ended(client, "rotation", "r")
        assert (ended.state, ended.good, ended.failed) == ("done", 1, [])
        kept = [path for path in (place / "state").rglob("*") if path.is_file()]
        content = b"".join(path.read_bytes() for path in kept)
    assert any(path.name.endswith((".db", ".sqlite")) for path in kept), kept
    assert str(ends.psk_file).encode() in content  # the reference is
    middle = TEXT.split(":")[2].encode()
    assert middle not in content
    assert derived().psk.reveal() not in content


@pytest.mark.parametrize("reference", ["", "planted-secret", "file:relative", "exec:", "vault:x", "exec:/a 'b"])
def test_what_is_no_reference_is_not_repeated(tmp_path: Path, reference: str) -> None:
    path = tmp_path / "pairs.toml"
    path.write_text(f'[[pair]]\nhost = "h"\nhost_nqn = "n"\nsubsystem_nqn = "s"\npsk = "{reference}"\n')
    with pytest.raises(NvmedError) as caught:
        rotation.load(path)
    assert caught.value.reason == "INVALID_FIELD"
    assert "planted" not in caught.value.message


async def test_providers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEY_OF_H", "one")
    file, command = tmp_path / "key", tmp_path / "give"
    file.touch(mode=0o600)
    file.write_text("two\nmore\n")
    command.write_text('#!/bin/sh\n[ "$1" = h ] && echo "three-$NVMED_ROTATION" || { echo leaked; exit 3; }\n')
    command.chmod(0o700)
    for reference, secret in (("env:KEY_OF_H", b"one"), (f"file:{file}", b"two"), (f"exec:{command} h", b"three-r")):
        assert (await secrets.reveal(reference, "r")).reveal() == secret
    os.chmod(file, 0o644)  # noqa: PTH101
    for reference in ("env:NOBODY", f"file:{file}", f"file:{tmp_path}/none", f"exec:{command} x", "exec:/no/such"):
        with pytest.raises(NvmedError) as caught:
            await secrets.reveal(reference, "r")
        assert (caught.value.reason, "leaked" in caught.value.message) == ("SECRET_MISSING", False)


def test_pairs_that_cannot_be(tmp_path: Path) -> None:
    host = Host("h", "/h")
    pair = Pair("h", "n", "s", "env:X")
    for pairs, options in (
        ([msgspec.structs.replace(pair, host="other")], OPTIONS),
        ([msgspec.structs.replace(pair, target="other")], OPTIONS),
        ([pair, pair], OPTIONS),
        ([pair], rotation.Options(in_flight=0)),
        ([pair], rotation.Options(failure_budget=0)),
    ):
        with pytest.raises(NvmedError) as caught:
            rotation.make("r", pairs, Inventory((host,)), options)
        assert caught.value.reason == "INVALID_FIELD"
    (tmp_path / "none.toml").touch()
    with pytest.raises(NvmedError, match="no pair"):
        rotation.load(tmp_path / "none.toml")
