"""nvmed itself in the guest, and a way to it from outside.

It runs as the unit that hosts get, `systemd/nvmed.service`, confined as that says: what the tests see works in there.
It serves its Unix socket, as on a storage host; a socket unit of systemd's own proxy leads there.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from nvmedctl import Client

from tests.vm.guest import PATIENCE_S, Guest, Unit

SOCKET = "/run/nvmed/admin.sock"
PORT = 50051
SYSTEMD = Path(__file__).parents[2] / "systemd"
RULES = "/etc/nvmed/passthru.toml"

CONFIGURATION = f"""\
log_level = "debug"

[policy]
passthru_rules = "{RULES}"

[events]
poll_interval_s = 10
"""
"""In front of what ships, which has tables of tables at its end."""

PASSTHRU_RULES = """\
[[rule]]
name = "lab-blocks"
effect = "allow"
queue = "io"
opcodes = [0x01, 0x02]

[[rule]]
name = "lab-get-features"
effect = "allow"
queue = "admin"
opcodes = [0x0a]
"""

DROP_IN = f"""\
[Service]
TimeoutStartSec={PATIENCE_S}
WatchdogSec={PATIENCE_S}
IPAddressAllow=127.0.0.1
"""
"""Emulation is slow, and no test of the watchdog. The connections made to rotate go to the kernel's own target."""


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
def proxy_socket(guest: Guest) -> Iterator[str]:
    """Lead from a port of the host's 127.0.0.1 to the daemon's socket: the address for clients."""
    proxy = f"/usr/lib/systemd/systemd-socket-proxyd {SOCKET}"
    guest.sh(f"systemd-run -q --unit=nvmed-proxy --socket-property=ListenStream=10.0.2.15:{PORT} {proxy}")
    try:
        yield f"127.0.0.1:{guest.forward(PORT)}"
    finally:
        guest.run("systemctl", "stop", "nvmed-proxy.socket", "nvmed-proxy.service")
        guest.run("systemctl", "reset-failed", "nvmed-proxy.socket", "nvmed-proxy.service")


def install(guest: Guest) -> None:
    """Put the unit and what belongs to it where a package does."""
    unit = "/etc/systemd/system/nvmed.service"
    files = {
        unit: (SYSTEMD / "nvmed.service").read_text(),
        f"{unit}.d/lab.conf": DROP_IN,
        "/etc/nvmed/nvmed.toml": CONFIGURATION + (SYSTEMD / "nvmed.toml").read_text(),
        RULES: PASSTHRU_RULES,
        "/usr/lib/sysusers.d/nvmed.conf": (SYSTEMD / "sysusers.conf").read_text(),
        "/usr/lib/tmpfiles.d/nvmed.conf": (SYSTEMD / "tmpfiles.conf").read_text(),
    }
    for path, text in files.items():
        guest.put(path, text.encode())
    guest.sh("""
        ln -sf /usr/local/bin/nvmed /usr/bin/nvmed
        systemd-sysusers nvmed.conf
        systemd-tmpfiles --create nvmed.conf
        systemctl daemon-reload
    """)


@contextlib.contextmanager
def running(guest: Guest) -> Iterator[Daemon]:
    """The daemon that manages the guest's drives while the block lasts. Its state outlives it."""
    install(guest)
    guest.sh("systemctl start nvmed", timeout_s=2 * PATIENCE_S)
    unit = Unit(guest, "nvmed")
    try:
        with proxy_socket(guest) as address:
            yield Daemon(guest, unit, address)
    finally:
        unit.stop()
