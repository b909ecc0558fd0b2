"""Warnings of TLS keys that expire, on the kernel's own keyrings."""

from __future__ import annotations

import asyncio
import itertools
import os
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from nvmed.errors import NvmedError
from nvmed.events.events import Events
from nvmed.events.key_expiry import KeyExpiry
from nvmed.events.kinds import KeyExpiring, Kind
from nvmed.keyring.keyring import Keyring
from nvmed.keys.secret import Secret
from nvmed.linux import keyctl
from nvmed.linux.key_thread import KeyThread

IDENTITY = "NVMe1R01 nqn.2014-08.org.example:host nqn.2014-08.org.example:subsystem A"
HOUR_S = 3600
_names = (f"nvmed-expiry-{os.getpid()}-{number}" for number in itertools.count())

pytestmark = pytest.mark.skipif(not Path("/proc/keys").exists(), reason="/proc/keys is hidden, which says what expires")


@dataclass
class Ring:
    """A keyring with a watch on it that warns an hour and a minute before."""

    thread: KeyThread
    serial: int
    events: Events = field(default_factory=Events)

    def __post_init__(self) -> None:
        self.watch = KeyExpiry(
            Keyring(self.thread), self.events, 60, (60, HOUR_S), keyring=self.serial, key_type="user"
        )

    async def add(self, ttl_s: int, description: str = IDENTITY) -> int:
        key = await self.thread.run(keyctl.add_key, "user", description, Secret(b"secret"), self.serial)
        await self.expire(key, ttl_s)
        return key

    async def expire(self, key: int, ttl_s: int) -> None:
        await self.thread.run(keyctl.set_timeout, key, ttl_s)

    async def told(self) -> list[KeyExpiring]:
        """What another look brings to light."""
        before = self.events.last
        await self.watch.look()
        found = self.events.since(before).events
        assert all(event.kind is Kind.KEY_EXPIRING for event in found)
        return [event.detail for event in found if isinstance(event.detail, KeyExpiring)]


@pytest.fixture
async def ring() -> AsyncIterator[Ring]:
    thread = KeyThread()

    def make() -> int:
        serial = keyctl.add_key("keyring", next(_names), Secret(b""), keyctl.PROCESS_KEYRING)
        keyctl.set_permissions(serial, 0x3F3F0000)
        return serial

    try:
        serial = await thread.run(make)
    except NvmedError as refusal:
        thread.close()
        pytest.skip(f"this kernel, or the sandbox, has no keyrings: {refusal}")
    yield Ring(thread, serial)
    await thread.run(keyctl.unlink, serial, keyctl.PROCESS_KEYRING)
    thread.close()


async def test_a_key_is_told_of_once_for_each_distance(ring: Ring) -> None:
    key = await ring.add(30 * HOUR_S)
    assert await ring.told() == []
    await ring.expire(key, HOUR_S - 60)
    (first,) = await ring.told()
    assert (first.keyring, first.serial, first.identity) == (str(ring.serial), key, IDENTITY)
    assert first.resolution_s == 60
    assert 0 < first.expires_ms - time.time() * 1000 <= (HOUR_S - 60) * 1000
    assert await ring.told() == []
    await ring.expire(key, 50)
    (second,) = await ring.told()
    assert second.resolution_s == 1
    assert await ring.told() == []


async def test_a_key_whose_life_was_extended_is_told_of_again(ring: Ring) -> None:
    key = await ring.add(50)
    assert len(await ring.told()) == 1
    await ring.expire(key, HOUR_S - 60)
    assert await ring.told() == [], "it was nearer before: nobody needs to hear that it is farther"
    await ring.expire(key, 50)
    assert len(await ring.told()) == 1


async def test_what_does_not_expire_or_is_no_tls_key_is_not_told_of(ring: Ring) -> None:
    await ring.add(0)
    await ring.add(50, "some other program's")
    assert await ring.told() == []


async def test_a_watch_without_interval_or_distances_ends(ring: Ring) -> None:
    keys = Keyring(ring.thread)
    await KeyExpiry(keys, ring.events, 0, (60,), keyring=ring.serial, key_type="user").run()
    await KeyExpiry(keys, ring.events, 60, (), keyring=ring.serial, key_type="user").run()


async def test_a_keyring_that_comes_later_is_found(ring: Ring) -> None:
    await ring.add(50)
    name = next(_names)
    watching = asyncio.create_task(
        KeyExpiry(Keyring(ring.thread), ring.events, 0.01, (60,), keyring=name, key_type="user").run()
    )
    try:
        await asyncio.sleep(0)
        serial = await ring.thread.run(keyctl.add_key, "keyring", name, Secret(b""), ring.serial)
        await ring.thread.run(keyctl.add_key, "user", IDENTITY, Secret(b"secret"), serial)
        inner = await ring.thread.run(keyctl.search, serial, "user", IDENTITY)
        await ring.expire(inner, 50)
        with ring.events.watch(lambda _: True, 0) as watcher:
            (event,) = (await watcher.read(60)).events
        assert isinstance(event.detail, KeyExpiring)
        assert (event.detail.keyring, event.detail.serial) == (name, inner)
    finally:
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
