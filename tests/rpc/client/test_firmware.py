"""nvmedctl firmware and resets against a real daemon: an update from upload to roll back, and what it asks first."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from nvmed.config import Fetch, Firmware
from nvmed.nvme.opcodes import AdminOpcode
from nvmed.simulator.firmware_image import build_image
from tests.rpc.client.command_line import nvmedctl, run, shown
from tests.rpc.firmware_calls import MIB, begun, content
from tests.rpc.harness import Daemon, StartDaemon, small_drive
from tests.rpc.namespace_calls import sent
from tests.support.image_server import ImageServer, serves

pytestmark = pytest.mark.timeout(120)
"""Each command is a process of its own, and a machine may have much to do besides."""

IMAGE = build_image("2.0.0", 8 * 1024)
SHA256 = hashlib.sha256(IMAGE).hexdigest()
ACK = "--acknowledge-disruption"


@pytest.fixture
async def drives(start_daemon: StartDaemon) -> Daemon:
    return await start_daemon(small_drive(), small_drive("OTHER"))


@pytest.fixture
async def uploaded(drives: Daemon, tmp_path: Path) -> Daemon:
    """The image is in the spool."""
    (tmp_path / "fw.bin").write_bytes(IMAGE)
    code, found, _ = await nvmedctl(drives, "firmware", "upload", str(tmp_path / "fw.bin"), "--revision", "2.0.0")
    assert (code, found["name"]) == (0, f"images/{SHA256}")
    return drives


async def test_an_upload_that_was_left_is_seen_and_given_up(uploaded: Daemon) -> None:
    name = await begun(uploaded, content(MIB), MIB // 2)
    code, found, _ = await nvmedctl(uploaded, "firmware", "uploads")
    assert (code, [(one["name"], one["received_bytes"]) for one in found["uploads"]]) == (0, [(name, str(MIB // 2))])
    assert await shown(uploaded, "firmware", "abort-upload", name[:16], "--dry-run") == f"{name} would be given up\n"
    assert await shown(uploaded, "firmware", "abort-upload", name[:16]) == f"{name} given up\n"
    code, _, failed = await nvmedctl(uploaded, "firmware", "abort-upload", name)
    assert (code, failed["error"]["reason"]) == (3, "UPLOAD_NOT_FOUND")


async def test_an_update_from_stage_to_roll_back(uploaded: Daemon) -> None:
    firmware = ("firmware",)
    stage = (*firmware, "stage", "/dev/nvme0", "nvme1", "--image", SHA256)
    rows = [line.split() for line in (await shown(uploaded, *stage)).splitlines()]
    assert rows[0] == ["CONTROLLER", "OUTCOME", "SLOT", "HOLDS", "RUNS"]
    assert [row[1:] for row in rows[1:]] == [["staged", "2", "2.0.0", "1.0.0"]] * 2
    activate = (*firmware, "activate", "nvme0", "--slot", "2", "--mode", "on-next-reset")
    code, done, _ = await nvmedctl(uploaded, *activate)
    assert (code, done["outcome"], done["running_revision"]) == (0, "FIRMWARE_OUTCOME_PENDING_RESET", "1.0.0")
    assert await shown(uploaded, "controllers", "reset", "nvme0", ACK) == (
        "controllers/nvmed1-1 was reset and runs 2.0.0; before, 1.0.0 ran\n"
    )
    code, _, _ = await nvmedctl(uploaded, *firmware, "verify", "nvme0", "--revision", "2.0.0", "--slot", "2")
    assert code == 0
    code, done, _ = await nvmedctl(uploaded, *firmware, "rollback", "nvme0", "--slot", "1", "--mode", "immediate", ACK)
    assert (code, done["running_revision"]) == (0, "1.0.0")
    code, found, _ = await nvmedctl(uploaded, *firmware, "history", "nvme0")
    assert code == 0
    assert [row["method"].rpartition("/")[2] for row in found["records"]] == [
        "RollbackFirmware", "ResetController", "ActivateFirmware", "StageFirmware",
    ]  # fmt: skip


async def test_every_gate_is_shown_before_anything_is_done(uploaded: Daemon) -> None:
    stage = ("firmware", "stage", "nvme0", "--image", SHA256, "--dry-run")
    rows = [line.split() for line in (await shown(uploaded, *stage)).splitlines()]
    assert rows[:2] == [["controllers/nvmed1-1"], ["GATE", "STATE", "FOUND"]]
    assert {row[1] for row in rows[2:]} <= {"holds", "not-applicable"}
    code, out, err = await run(uploaded, *stage, "--expect-revision", "9.9.9")
    assert (code, "GATE_FAILED" in err) == (5, True)
    violated = [line for line in out.splitlines() if "VIOLATED" in line]
    assert len(violated) == 1
    assert "9.9.9" in violated[0]
    assert sent(uploaded.drive(), AdminOpcode.FIRMWARE_IMAGE_DOWNLOAD) == 0


async def test_resets(drives: Daemon) -> None:
    code, _, err = await nvmedctl(drives, "controllers", "reset", "nvme0")
    assert (code, err["error"]["reason"]) == (5, "GATE_FAILED")
    drives.host.occupy(drives.host.scan()[0].namespaces[0].node)
    code, _, err = await nvmedctl(drives, "controllers", "reset", "nvme0", ACK)
    assert (code, err["error"]["precondition_violations"][0]["type"]) == (5, "IN_USE")
    code, done, _ = await nvmedctl(drives, "controllers", "reset", "nvme0", ACK, "--override", "in-use")
    assert (code, done["controller"], done["running_revision"]) == (0, "controllers/nvmed1-1", "1.0.0")
    _, listed, _ = await nvmedctl(drives, "subsystems", "list", "--filter", 'serial_number = "OTHER"')
    name = listed["subsystems"][0]["name"]
    code, begun, _ = await nvmedctl(drives, "subsystems", "reset", name, ACK, "--no-wait")
    assert code == 0
    code, done, _ = await nvmedctl(drives, "operations", "wait", begun["name"])
    assert (code, done["response"]["subsystem"]) == (0, name)


async def test_an_image_is_fetched(start_daemon: StartDaemon, tmp_path: Path) -> None:
    async with ImageServer(tmp_path / "server").serving() as server:
        server.answers["/fw.bin"] = serves(IMAGE)
        allowed = Fetch(allow=(server.root,), ca=server.ca)
        daemon = await start_daemon(firmware=Firmware(fetch=allowed))
        asked = ("firmware", "fetch", f"{server.root}fw.bin", "--sha256", SHA256, "--size", str(len(IMAGE)))
        assert await shown(daemon, *asked, "--dry-run") == f"images/{SHA256} may be fetched\n"
        done = await shown(daemon, *asked, "--revision", "2.0.0")
        assert done == f"images/{SHA256}: {len(IMAGE)} of {len(IMAGE)} bytes fetched (8.0 KiB)\n"
        assert await shown(daemon, *asked) == f"images/{SHA256} is there already\n"
        code, _, told = await run(daemon, *asked[:3], "--sha256", "abc", "--size", "4")
        assert (code, "64 hexadecimal digits" in told) == (2, True)
        code, _, told = await run(daemon, *asked[:2], "https://elsewhere.example/fw.bin", *asked[3:])
        assert (code != 0, "FETCH_NOT_ALLOWED" in told) == (True, True)
