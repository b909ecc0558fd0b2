"""Captures at the command line and by the library: what is saved is the log, over connections that break."""

from __future__ import annotations

import hashlib
from pathlib import Path

from nvmedctl import Client, RetryPolicy

from nvmed.simulator.spec import TelemetrySpec
from nvmed.v1 import telemetry_pb2 as pb
from tests.rpc.client.command_line import nvmedctl, shown
from tests.rpc.cutting_proxy import CuttingProxy
from tests.rpc.harness import KIB, StartDaemon, small_drive

LARGE = TelemetrySpec.of_sizes(256 * KIB, 256 * KIB, 1024 * KIB)


async def test_from_the_drive_to_a_file(start_daemon: StartDaemon, tmp_path: Path) -> None:
    daemon = await start_daemon(small_drive())
    assert "a new log would be captured" in await shown(
        daemon, "telemetry", "capture", "nvme0", "--create", "--dry-run"
    )
    _, done, _ = await nvmedctl(daemon, "telemetry", "capture", "nvme0", "--create", "--label", "a=b", "--ttl", "100")
    _, listed, _ = await nvmedctl(daemon, "captures", "list", "--controller", "nvme0")
    name = done["capture"]
    assert [one["name"] for one in listed["captures"]] == [name]
    assert "unix:admin" in await shown(daemon, "captures", "list", "--output", "wide")
    digits = name.removeprefix("captures/")[:12]
    assert digits in await shown(daemon, "captures", "list")
    _, found, _ = await nvmedctl(daemon, "captures", "show", digits)
    assert (found["labels"], found["sha256"]) == ({"a": "b"}, done["sha256"])
    said = await shown(daemon, "captures", "save", name, str(tmp_path / "log"))
    assert hashlib.sha256((tmp_path / "log").read_bytes()).hexdigest() in said
    assert "would be deleted" in await shown(daemon, "captures", "delete", name, "--dry-run")
    await shown(daemon, "captures", "delete", name)
    code, _, failure = await nvmedctl(daemon, "captures", "show", name)
    assert (code != 0, "CAPTURE_NOT_FOUND" in str(failure)) == (True, True)


async def test_a_connection_that_breaks_is_gone_on_from(start_daemon: StartDaemon, tmp_path: Path) -> None:
    daemon = await start_daemon(small_drive(telemetry=LARGE))
    cuts = [600 * KIB, 20 * KIB, 500 * KIB]
    async with Client(daemon.address) as client:
        begun = await client.telemetry.CaptureTelemetry(
            pb.CaptureTelemetryRequest(controller="nvme0", source=pb.TELEMETRY_SOURCE_HOST, create=True)
        )
        made = await client.result(begun, pb.CaptureTelemetryResponse)
    proxy = CuttingProxy(Path(daemon.address.removeprefix("unix:")), cuts)
    async with proxy.listening(tmp_path / "proxy.sock") as address, Client(address) as client:
        saved = await client.save_capture(made.capture, tmp_path / "log", retry=RetryPolicy(first_delay=0.01))
    assert saved.attempts == 4
    assert hashlib.sha256((tmp_path / "log").read_bytes()).digest() == made.sha256 == saved.capture.sha256
