"""What of a daemon rotates keys, on real keyrings with keys of type user, for the tests of rotation."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from nvmed.devices.inventory import Inventory
from nvmed.errors import NvmedError
from nvmed.keyring import rotation_calls, rotation_dhchap, rotation_recovery
from nvmed.keyring.keyring import Keyring
from nvmed.keyring.paths import Paths
from nvmed.keyring.rotation import TlsRotation, TlsRotations
from nvmed.keyring.rotation_dhchap import DhchapRotations
from nvmed.keyring.rotation_recovery import ROTATE_TLS_KEY
from nvmed.keys.psk import DerivedTlsKey, PskHash, derive_tls_key
from nvmed.keys.secret import Secret
from nvmed.linux.key_thread import KeyThread
from nvmed.operations import failure
from nvmed.operations.journal import Journal
from nvmed.operations.manager import Manager, Mutation
from nvmed.operations.records import Record
from nvmed.operations.running import Result
from nvmed.preconditions.exclusion import Exclusion
from tests.support.kernel_double import HOST, SUBSYSTEM, KernelDouble

OLD, NEW = bytes(32), bytes(range(32))


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


def serials(kernel: KernelDouble) -> list[int]:
    return [connection.tls_key for connection in kernel.connections.values()]


async def refusal(daemon: Daemon, key: DerivedTlsKey, **more: Any) -> NvmedError:
    with pytest.raises(NvmedError) as raised:
        await daemon.rotate(key, **more)
    return raised.value


async def reached(kernel: KernelDouble) -> None:
    """The kernel hangs where it was told to."""
    await asyncio.to_thread(kernel.hangs.wait)
