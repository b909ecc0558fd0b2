"""A keyring of this kernel that a test may fill through a daemon in the same process."""

from __future__ import annotations

import itertools
import os
from dataclasses import dataclass
from typing import Any

import pytest

from nvmed.errors import NvmedError
from nvmed.keys.secret import Secret
from nvmed.linux import keyctl
from nvmed.linux.key_thread import KeyThread
from nvmed.v1 import key_pb2

_names = (f"nvmed-rpc-{os.getpid()}-{number}" for number in itertools.count())


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
