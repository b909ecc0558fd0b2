"""What tests of keys over the wire use: a keyring of this kernel that they may fill, a key, and who may read it."""

from __future__ import annotations

import itertools
import os
from dataclasses import dataclass
from typing import Any

import pytest

from nvmed import config
from nvmed.errors import NvmedError
from nvmed.keys.interchange import export_psk
from nvmed.keys.psk import Derivation, DerivedTlsKey, PskHash, derive_tls_key
from nvmed.keys.secret import Secret
from nvmed.linux import keyctl
from nvmed.linux.key_thread import KeyThread
from nvmed.v1 import key_pb2

HOST = "nqn.2014-08.org.nvmexpress:uuid:f8131ac0-cdef-4165-866b-5998c1e67890"
SUBSYSTEM = "nqn.2024-01.io.example:subsys1"
NAMES: dict[str, Any] = {"host_nqn": HOST, "subsystem_nqn": SUBSYSTEM}
KEY = bytes(range(32))
TEXT = export_psk(Secret(KEY), PskHash.SHA256).reveal_text()

KEY_READER = config.Policy(
    roles={"key-reader": config.Role(permissions=("keys.read",))},
    bindings=(config.Binding(principals=("unix:admin",), roles=("key-reader",)),),
)
"""A policy that was configured to let the admin socket read keys."""

_names = (f"nvmed-rpc-{os.getpid()}-{number}" for number in itertools.count())


def derived(version: int = 1, derivation: Derivation = Derivation.RFC8446, key: bytes = KEY) -> DerivedTlsKey:
    """The TLS PSK of `key` between HOST and SUBSYSTEM."""
    return derive_tls_key(Secret(key), HOST, SUBSYSTEM, version=version, hash_=PskHash.SHA256, derivation=derivation)


@dataclass(frozen=True, slots=True)
class Ring:
    """A keyring, held by a thread that is not the daemon's."""

    thread: KeyThread
    serial: int
    name: str

    @classmethod
    async def make(cls) -> Ring:
        """A new one, with the permissions of `.nvme`: all for its user. Skips the test where there are no keyrings."""
        thread = KeyThread()
        name = next(_names)

        def add() -> int:
            serial = keyctl.add_key("keyring", name, Secret(b""), keyctl.PROCESS_KEYRING)
            keyctl.set_permissions(serial, 0x3F3F0000)
            return serial

        try:
            return cls(thread, await thread.run(add), name)
        except NvmedError as refusal:
            thread.close()
            pytest.skip(f"this kernel, or the sandbox, has no keyrings: {refusal}")

    async def close(self) -> None:
        await self.thread.run(keyctl.invalidate, self.serial)  # also where a test linked it
        self.thread.close()

    @property
    def where(self) -> dict[str, Any]:
        """The fields of a request that say where, and as what."""
        return {"keyring": key_pb2.KeyringRef(serial=self.serial), "key_type": "user"}

    async def add(self, description: str, payload: bytes) -> int:
        return await self.thread.run(keyctl.add_key, "user", description, Secret(payload), self.serial)

    async def read(self, serial: int) -> bytes:
        return (await self.thread.run(keyctl.read, serial)).reveal()

    async def serials(self) -> tuple[int, ...]:
        return await self.thread.run(keyctl.read_keyring, self.serial)
