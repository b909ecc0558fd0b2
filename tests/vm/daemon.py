"""nvmed itself in the guest, and a way to it from outside.

The daemon serves its Unix socket, as it will on a storage host; a socket unit of systemd's own proxy leads there.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass

from nvmedctl import Client

from tests.vm.guest import Guest, Unit

SOCKET = "/run/nvmed/admin.sock"
STATE = "/var/lib/nvmed"
PORT = 50051


@dataclass(frozen=True, slots=True)
class Daemon:
    """A daemon that serves; `address` is where clients on the host find it."""

    guest: Guest
    unit: Unit
    address: str

    def client(self) -> Client:
        """A client for the running event loop: `async with daemon.client() as client`."""
        return Client(self.address)

    def ctl(self, *argv: str) -> str:
        """Run nvmedctl in the guest, where the daemon is local, and return what it printed."""
        return self.guest.sh(f"nvmedctl {' '.join(argv)}")


@contextlib.contextmanager
def door(guest: Guest) -> Iterator[str]:
    """Lead from a port of the host's 127.0.0.1 to the daemon's socket: the address for clients."""
    proxy = f"/usr/lib/systemd/systemd-socket-proxyd {SOCKET}"
    guest.sh(f"systemd-run -q --unit=door --socket-property=ListenStream=10.0.2.15:{PORT} {proxy}")
    try:
        yield f"127.0.0.1:{guest.forward(PORT)}"
    finally:
        guest.run("systemctl", "stop", "door.socket", "door.service")
        guest.run("systemctl", "reset-failed", "door.socket", "door.service")


@contextlib.contextmanager
def running(guest: Guest, *options: str) -> Iterator[Daemon]:
    """A daemon that manages the guest's drives while the block lasts. Its state outlives it: see `forget`."""
    command = ["/usr/local/bin/nvmed", "--socket", SOCKET, "--state-dir", STATE, *options]
    properties = ["Type=notify", "RuntimeDirectory=nvmed", "StateDirectory=nvmed"]
    with guest.unit("nvmed", *command, properties=properties) as unit, door(guest) as address:
        yield Daemon(guest, unit, address)


def forget(guest: Guest) -> None:
    """Remove what daemons that ran before kept."""
    guest.sh(f"rm -rf {STATE}")
