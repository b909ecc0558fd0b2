"""A kernel's connections, with real keyrings: stands in for nvme-tcp where there is none, and fails on demand.

It follows `nvme_tcp_setup_ctrl` of Linux 6.12: a connection made with `tls_key=` uses that key as long as it can be
read through the keyring, any other takes the first of `nvme_tls_psk_prio` that the keyring has. Whether the subsystem
accepts a key is the test's to say. What it cannot show (handshakes, timing, sysfs) is shown in the guest.
"""

from __future__ import annotations

import errno
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace

from nvmed.errors import NvmedError, OsFailure
from nvmed.keyring import calls as keyring_calls
from nvmed.linux.fabrics import ConnectionOptions, DhchapSecrets, Security
from nvmed.nvme.host import ControllerNode, HostEvents, NamespaceNode, Usage, require_same
from nvmed.nvme.kernel_log import KernelLine
from nvmed.nvme.surroundings import Indicator, Surroundings
from nvmed.nvme.transport import Transport
from nvmed.reasons import Reason, error

HOST = "nqn.2014-08.org.nvmexpress:uuid:f8131ac0-cdef-4165-866b-5998c1e67890"
SUBSYSTEM = "nqn.2024-01.io.example:subsys1"
PRIORITY = ("NVMe1R02", "NVMe1R01", "NVMe0R02", "NVMe0R01")


@dataclass(slots=True)
class Connection:
    """One controller of the double; `named_key` is that of `tls_key=`."""

    node: ControllerNode
    named_key: int = 0
    tls_key: int = 0
    is_tls: bool = True
    secrets: DhchapSecrets = field(default_factory=DhchapSecrets)


class KernelDouble:
    """Fulfils `Host` and `Fabrics`. `ring` is its `.nvme`."""

    def __init__(self, ring: int) -> None:
        self.ring = ring
        self.connections: dict[str, Connection] = {}
        self.log: list[str] = []
        self.accepts: Callable[[str], bool] = lambda description: True
        self.accepts_secrets: Callable[[DhchapSecrets], bool] = lambda secrets: True
        self.hang_at = ""
        self.hangs = threading.Event()
        self._go_on = threading.Event()
        self.namespaces: tuple[NamespaceNode, ...] = (NamespaceNode("nvme0n1", "ng0n1", 1, 1 << 20, 512),)
        self._keys = ThreadPoolExecutor(1)
        self._number = 0

    def close(self) -> None:
        self.release()
        self._keys.shutdown()

    def release(self) -> None:
        """Let what hangs go on, in a daemon that nobody hears any more."""
        self._go_on.set()

    def connect(self, tls_key: int = 0, *, is_tls: bool = True, secrets: DhchapSecrets | None = None) -> Connection:
        """A new connection: by name with `tls_key`, by default look-up without."""
        node = ControllerNode(
            node=f"nvme{self._number}", serial="NVMED-DOUBLE", model="double", firmware_revision="1",
            controller_id=self._number + 1, subsystem_nqn=SUBSYSTEM, subsystem_node="nvme-subsys0", transport="tcp",
            address="traddr=127.0.0.1,trsvcid=4420", state="live", host_nqn=HOST, namespaces=self.namespaces,
        )  # fmt: skip
        made = Connection(node, tls_key, 0, is_tls, secrets or DhchapSecrets())
        self._number += 1
        self._set_up(made)
        self.connections[node.node] = made
        return made

    # -- Host

    def scan(self) -> tuple[ControllerNode, ...]:
        return tuple(connection.node for connection in self.connections.values())

    def open(self, controller: ControllerNode, node: str = "") -> Transport:
        raise OSError(errno.ENODEV, "the double has no drives")

    def check(self, controller: ControllerNode) -> None:
        found = self.connections.get(controller.node)
        require_same(controller, found.node if found else None, controller.node)

    def on_battery(self) -> bool | None:
        return None

    def kernel_log(self) -> Sequence[KernelLine]:
        return ()

    def usage(self, node: str) -> Usage:
        return Usage(node, False, (), False)

    def surroundings(self, controller: ControllerNode) -> Surroundings:
        return Surroundings()

    def set_indicator(self, controller: ControllerNode, indicator: Indicator, is_on: bool) -> None:
        raise OSError(errno.ENOENT, "the double has no lights")

    def watch(self) -> HostEvents:
        raise OSError(errno.EAFNOSUPPORT, "the double tells of nothing")

    # -- Fabrics

    def security(self, controller: ControllerNode) -> Security:
        found = self._find(controller)
        return Security(
            is_tls=found.is_tls,
            tls_key=found.tls_key,
            tls_configured_key=found.named_key,
            has_host_secret=found.secrets.host is not None,
            has_controller_secret=found.secrets.controller is not None,
        )

    def connect_like(self, controller: ControllerNode, tls_key: int, options: ConnectionOptions) -> str:
        self._note(f"connect like {controller.node}")
        return self.connect(tls_key, secrets=self._find(controller).secrets).node.node

    def disconnect(self, controller: ControllerNode) -> None:
        self._note(f"disconnect {controller.node}")
        self._find(controller)
        del self.connections[controller.node]

    def reset(self, controller: ControllerNode) -> None:
        self._note(f"reset {controller.node}")
        found = self._find(controller)
        try:
            self._set_up(found)
        except NvmedError as refusal:
            found.node = replace(found.node, state="connecting")
            found.tls_key = 0
            raise error(Reason.DEVICE_GONE, "the controller was reset and did not come back live") from refusal
        found.node = replace(found.node, state="live")

    def try_secrets(self, controller: ControllerNode, secrets: DhchapSecrets) -> None:
        self._note(f"try {controller.node}")
        found = self._find(controller).secrets
        if not self.accepts_secrets(DhchapSecrets(secrets.host or found.host, secrets.controller or found.controller)):
            raise _refused(errno.EKEYREJECTED)

    def read_secrets(self, controller: ControllerNode) -> DhchapSecrets:
        return self._find(controller).secrets

    def write_secrets(self, controller: ControllerNode, secrets: DhchapSecrets) -> None:
        self._note(f"secrets {controller.node}")
        found = self._find(controller)
        found.secrets = DhchapSecrets(
            secrets.host or found.secrets.host, secrets.controller or found.secrets.controller
        )

    # -- inside

    def _note(self, what: str) -> None:
        self.log.append(what)
        if self.hang_at == what:
            self.hang_at = ""  # who comes later does not
            self.hangs.set()
            self._go_on.wait()

    def _find(self, controller: ControllerNode) -> Connection:
        if controller.node not in self.connections:
            raise error(Reason.DEVICE_GONE, f"{controller.node} is gone")
        return self.connections[controller.node]

    def _set_up(self, connection: Connection) -> None:
        """Shake hands; raises CONNECTION_NOT_MADE if there is no key, or the subsystem does not take it."""
        if connection.is_tls:
            keys = self._keys.submit(self._readable).result()
            serial = connection.named_key or self._default(keys)
            if serial not in keys or not self.accepts(keys[serial]):
                raise _refused(errno.ENOKEY if serial not in keys else errno.EACCES)
            connection.tls_key = serial
        if not self.accepts_secrets(connection.secrets):
            raise _refused(errno.EKEYREJECTED)

    def _readable(self) -> dict[int, str]:
        """The keys that tlshd, which possesses the keyring, could read now."""
        with keyring_calls.possessing(self.ring):
            return {serial: about.description for serial, about in keyring_calls.walk(self.ring)}

    def _default(self, keys: dict[int, str]) -> int:
        for prefix in PRIORITY:
            for serial, description in keys.items():
                if description.startswith(f"{prefix} {HOST} {SUBSYSTEM}"):
                    return serial
        return 0


def _refused(number: int) -> NvmedError:
    symbol = errno.errorcode[number]
    return error(Reason.CONNECTION_NOT_MADE, f"refused with {symbol}", os=OsFailure(number, symbol, "write"))
