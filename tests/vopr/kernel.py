"""The kernel under a simulated daemon, as far as it has keys and a connection that uses one: it outlives the daemon."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, Protocol

from nvmed.keyring import calls
from nvmed.keyring import kernel as answering
from nvmed.keyring.keyring import TLS_KEY_TYPE
from nvmed.keys.kernel import PROCESS_KEYRING, SESSION_KEYRING, THREAD_KEYRING
from nvmed.keys.psk import DerivedTlsKey, PskHash, derive_tls_key
from nvmed.keys.secret import Secret
from nvmed.linux.fabrics import ConnectionOptions
from nvmed.nvme.host import ControllerNode
from nvmed.simulator.keyring import NVME_KEYRING, SimulatedKeyring
from tests.support.kernel_double import HOST, SUBSYSTEM, Connection, KernelDouble
from tests.vopr.clock import CLOCK
from tests.vopr.history import Entry, Sent, Took

KEYS: Final = "keys#0"
"""What the connection is known by in a history: its drive is another host's."""

KEY_BYTES: Final = 32
FIRST_NUMBER: Final = 100
"""Of the connection's node, behind those of the drives."""


class Scene(Protocol):
    """What the kernel needs of the simulation."""

    def note(self, entry: Entry) -> None: ...

    def reached(self, where: str, *, is_act: bool = False) -> None: ...


def derived(configured: bytes) -> DerivedTlsKey:
    """The key of the connection that a configured one gives."""
    return derive_tls_key(Secret(configured), HOST, SUBSYSTEM, version=1, hash_=PskHash.SHA256)


class SteppedKeyring(SimulatedKeyring):
    """A kernel's keyrings; every change to them is a step."""

    scene: Scene

    def add_key(self, key_type: str, description: str, payload: Secret, keyring: int) -> int:
        """As of a `KeyService`."""
        return int(
            self._step("add_key", lambda: super(SteppedKeyring, self).add_key(key_type, description, payload, keyring))
        )

    def revoke(self, key: int) -> None:
        """As of a `KeyService`."""
        self._step("revoke", lambda: super(SteppedKeyring, self).revoke(key))

    def unlink(self, key: int, keyring: int) -> None:
        """As of a `KeyService`."""
        self._step("unlink", lambda: super(SteppedKeyring, self).unlink(key, keyring))

    def forget_task(self) -> None:
        """The task that used it has ended: what was its own is gone."""
        for special in (THREAD_KEYRING, PROCESS_KEYRING, SESSION_KEYRING):
            self._special.pop(special, None)

    def _step(self, what: str, change: Callable[[], Any]) -> Any:
        self.scene.reached(f"before {what}", is_act=True)
        done = change()
        self.scene.reached(f"after {what}", is_act=True)
        return done


class _AtOnce:
    """A thread that is none: what it is given is done, and `result` gives it."""

    def submit(self, function: Callable[[], Any]) -> _AtOnce:
        self._done = function()
        return self

    def result(self) -> Any:
        return self._done


class SteppedKernel(KernelDouble):
    """One connection over TLS, whose key can be rotated; every change to it is a step."""

    def __init__(self, scene: Scene, seed: int) -> None:
        self.scene = scene
        self.keyring = SteppedKeyring(CLOCK.steady, seed)
        self.keyring.scene = scene
        answering.use(self.keyring)
        super().__init__(calls.find_keyring(NVME_KEYRING))
        self._keys = _AtOnce()  # type: ignore[assignment]
        self._number = FIRST_NUMBER
        key = derived(seed.to_bytes(KEY_BYTES, "big"))
        with calls.possessing(self.ring):
            calls.update_key(self.ring, TLS_KEY_TYPE, key.identity, key.psk)
        self.connect()

    def is_of(self, controller: ControllerNode) -> bool:
        """Whether a node is one of its connections."""
        return controller.node in self.connections

    def connect_like(self, controller: ControllerNode, tls_key: int, options: ConnectionOptions) -> str:
        """As of `Fabrics`."""
        return str(self._step("connect", lambda: super(SteppedKernel, self).connect_like(controller, tls_key, options)))

    def disconnect(self, controller: ControllerNode) -> None:
        """As of `Fabrics`."""
        self._step("disconnect", lambda: super(SteppedKernel, self).disconnect(controller))

    def reset(self, controller: ControllerNode) -> None:
        """As of `Fabrics`."""
        self._step("reset", lambda: super(SteppedKernel, self).reset(controller))

    def states(self) -> dict[str, tuple[str, str, str]]:
        """Each connection as a listing has it: live, and how it is."""
        readable = self._readable()
        return {
            f"connections/{node}": ("live", one.node.state if one.tls_key in readable else "without its key", "")
            for node, one in self.connections.items()
        }

    def _step(self, what: str, change: Callable[[], Any]) -> Any:
        self.scene.note(Sent(drive=KEYS, what=what))
        self.scene.reached(f"before {what}", is_act=True)
        done = change()
        self.scene.reached(f"after {what}", is_act=True)
        return done

    def _set_up(self, connection: Connection) -> None:
        super()._set_up(connection)
        self.scene.note(Took(drive=KEYS, what="handshake", detail={"key": connection.tls_key}))
