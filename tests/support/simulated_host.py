"""A daemon in a process of its own, as clients find one: two simulated drives, sockets, and TLS with certificates.

`Host.home` is for who uses it, and has

    ca.pem operator.pem operator.key viewer.pem viewer.key      certificates: who may change firmware, who may look
    prometheus.pem prometheus.key                               and who may scrape
    3.0.0.bin                                                   an image for the drives
"""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from nvmed.security import dev_ca
from nvmed.simulator.firmware_image import build_image
from tests.support.ports import free_ports

READY_S = 60

CONFIG = """
state_dir = "{place}/state"

[host]
simulate = 2
simulate_keyring = true

[[listen.unix]]
path = "{place}/admin.sock"
roles = ["admin"]

[[listen.unix]]
path = "{place}/nvmed.sock"
principal = "viewers"
roles = ["viewer"]

[[listen.tls]]
address = "127.0.0.1:0"
certificate = "{place}/tls/server.pem"
key = "{place}/tls/server.key"
client_ca = "{place}/tls/ca.pem"

[metrics]
sample_interval_s = 5

[[metrics.tls]]
address = "127.0.0.1:{metrics_port}"
certificate = "{place}/tls/server.pem"
key = "{place}/tls/server.key"
client_ca = "{place}/tls/ca.pem"

[[policy.bindings]]
principals = ["uri:spiffe://example.org/prometheus"]
roles = ["metrics"]
resources = ["host"]

[[policy.bindings]]
principals = ["uri:spiffe://example.org/operator"]
roles = ["operator", "firmware"]

[[policy.bindings]]
principals = ["uri:spiffe://example.org/viewer"]
roles = ["viewer"]
"""


@dataclass(slots=True)
class Host:
    """A daemon that runs; its files, and the home directory of who uses it, are in `place`."""

    place: Path
    port: int
    metrics_port: int
    daemon: subprocess.Popen[bytes]
    spare_port: int = field(default_factory=free_ports)
    """Of loopback, for what is started beside it."""

    @property
    def home(self) -> Path:
        return self.place / "home"

    @property
    def tls_address(self) -> str:
        return f"localhost:{self.port}"

    def socket(self, name: str = "admin") -> str:
        """The path of `admin`'s socket, or of `nvmed`, which viewers may open."""
        return f"{self.place}/{name}.sock"


@contextmanager
def serving(place: Path) -> Iterator[Host]:
    """A host whose files are in `place`."""
    clients = ("operator", "viewer", "prometheus")
    dev_ca.prepare(place / "tls", ["localhost"], [f"spiffe://example.org/{name}" for name in clients])
    (place / "home").mkdir()
    for name in ("ca.pem", *(f"{client}.{kind}" for client in clients for kind in ("pem", "key"))):
        (place / "home" / name).write_bytes((place / "tls" / name).read_bytes())
    (place / "home/3.0.0.bin").write_bytes(build_image("3.0.0", 1 << 20))
    metrics_port = free_ports()
    (place / "nvmed.toml").write_text(CONFIG.format(place=place, metrics_port=metrics_port))
    log = place / "nvmed.log"
    with log.open("w") as stderr:
        command = [sys.executable, "-m", "nvmed", "--config", str(place / "nvmed.toml")]
        daemon = subprocess.Popen(command, stderr=stderr)
    try:
        yield Host(place, _port(daemon, log), metrics_port, daemon)
    finally:
        daemon.terminate()
        daemon.wait()


def _port(daemon: subprocess.Popen[bytes], log: Path) -> int:
    """The one it listens at, once it does."""
    gives_up = time.monotonic() + READY_S
    while not (found := re.search(r"^nvmed: serving on .* 127\.0\.0\.1:(\d+)$", log.read_text(), re.MULTILINE)):
        if daemon.poll() is not None or time.monotonic() > gives_up:
            raise AssertionError(f"the daemon did not start: {log.read_text()}")
        time.sleep(0.02)  # leave the processor to it
    return int(found[1])
