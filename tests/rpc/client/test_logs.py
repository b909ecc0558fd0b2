"""nvmedctl logs against a real daemon: every log as the drive has it, and pages to files."""

from __future__ import annotations

import base64
import hashlib
import os
import uuid
from pathlib import Path

import pytest

from nvmed.nvme.ana import AnaState
from nvmed.nvme.identify import IdentifyController
from nvmed.nvme.logpage import get_log_page
from nvmed.nvme.opcodes import AdminOpcode, LogPage
from nvmed.nvme.status import Queue
from nvmed.nvme.transport import Command
from nvmed.simulator.spec import DriveSpec
from tests.rpc.client.command_line import nvmedctl, shown
from tests.rpc.harness import Daemon, StartDaemon
from tests.rpc.log_calls import reads

pytestmark = pytest.mark.timeout(120)
"""Each command is a process of its own, and a machine may have much to do besides."""

CONTROLLER = "controllers/nvmed1-1"


def page(daemon: Daemon, lid: int, size: int) -> bytes:
    """A page as the drive gives it, past the daemon."""
    data = bytearray(size)
    assert daemon.drive().execute(Queue.ADMIN, get_log_page(lid, size, rae=True), data).status == 0
    return bytes(data)


async def test_health(daemon: Daemon) -> None:
    daemon.drive().set_critical_warning(0b101)
    code, log, _ = await nvmedctl(daemon, "logs", "smart", "/dev/nvme0", "--include-raw")
    assert (code, log["controller"], log["temperature_celsius"]) == (0, CONTROLLER, 38)
    assert [warning.removeprefix("CRITICAL_WARNING_") for warning in log["critical_warnings"]] == [
        "SPARE_BELOW_THRESHOLD",
        "RELIABILITY_DEGRADED",
    ]
    assert base64.b64decode(log["raw"])[0] == 0b101
    rows = dict(line.split(maxsplit=1) for line in (await shown(daemon, "logs", "smart", "nvme0")).splitlines())
    assert rows["critical_warnings"] == "spare-below-threshold, reliability-degraded"
    assert rows["temperature_celsius"] == "38 °C"
    assert "raw" not in rows


async def test_an_event_is_cleared_by_who_says_so(daemon: Daemon) -> None:
    again = ("--request-id", str(uuid.uuid4()))
    _, log, _ = await nvmedctl(daemon, "logs", "smart", "nvme0")
    assert log["async_event_retained"]
    for _ in range(2):
        code, log, _ = await nvmedctl(daemon, "logs", "smart", "nvme0", "--clear-event", *again)
        assert (code, log["async_event_retained"]) == (0, False)
    cleared = [not read.rae for read in reads(daemon.drive(), LogPage.SMART_HEALTH_INFORMATION)]
    assert cleared.count(True) == 1


async def test_ana(daemon: Daemon, tmp_path: Path) -> None:
    daemon.drive().set_ana_state(2, AnaState.INACCESSIBLE)
    code, log, _ = await nvmedctl(daemon, "logs", "ana", "nvme0")
    assert code == 0
    assert [(group["group_id"], group["state"], group["nsids"]) for group in log["groups"]] == [
        (1, "ANA_STATE_OPTIMIZED", [1]),
        (2, "ANA_STATE_INACCESSIBLE", []),
    ]
    *_, first, second = (await shown(daemon, "logs", "ana", "nvme0", "--groups-only")).splitlines()
    assert (first.split(), second.split()) == (["1", "optimized", "0", "-"], ["2", "inaccessible", "1", "-"])
    _, size, _ = await nvmedctl(daemon, "logs", "ana-size", "nvme0")
    assert size["size_bytes"] == str(16 + 2 * 32 + 32 * 4)
    (tmp_path / "identify").write_bytes(IdentifyController(nanagrpid=3, mnan=32).build())
    _, size, _ = await nvmedctl(
        daemon, "logs", "ana-size", "--identify-file", str(tmp_path / "identify"), "--groups-only"
    )
    assert size["size_bytes"] == str(16 + 3 * 32)


async def test_blocks_that_may_be_lost(daemon: Daemon) -> None:
    daemon.drive().mark_unreadable(1, 100, 5)
    _, log, _ = await nvmedctl(daemon, "logs", "lba-status", "nvme0")
    assert log["elements"][0]["ranges"] == [{"start_lba": "100", "block_count": 5}]
    *_, row = (await shown(daemon, "logs", "lba-status", "nvme0")).splitlines()
    assert row.split() == ["1", "100", "5", "11h"]


async def test_errors_effects_and_pages(daemon: Daemon) -> None:
    drive = daemon.drive()
    assert drive.execute(Queue.ADMIN, Command(AdminOpcode.IDENTIFY, nsid=99, cdw10=0), bytearray(4096)).status
    code, log, _ = await nvmedctl(daemon, "logs", "errors", "nvme0", "--max", "1")
    (entry,) = log["error_log_entries"]
    assert (code, entry["nsid"], entry["status_mnemonic"]) == (0, 99, "NVME_SC_INVALID_NS")
    rows = [line.split() for line in (await shown(daemon, "logs", "effects", "nvme0")).splitlines()]
    assert ["admin", "80h", "FORMAT_NVM"] in [row[:3] for row in rows]
    rows = [line.split() for line in (await shown(daemon, "logs", "supported", "nvme0")).splitlines()]
    assert {"02h", "0eh", "c0h"} <= {row[0] for row in rows}
    _, log, _ = await nvmedctl(daemon, "logs", "ocp-smart", "nvme0")
    assert (log["specification_version"], log["capacitor_health_percent"]) == ("2.6", 100)
    _, log, _ = await nvmedctl(daemon, "logs", "sanitize", "nvme0")
    assert (log["state"], log["crypto_erase_seconds"]) == ("STATE_NEVER_SANITIZED", 60)


async def test_a_self_test_from_start_to_result(start_daemon: StartDaemon) -> None:
    daemon = await start_daemon(DriveSpec(serial="TEST", extended_self_test_min=30))
    test = ("logs", "self-test")
    sentence = await shown(daemon, *test, "start", "nvme0", "extended", "--dry-run")
    assert sentence == "controllers/test-1: extended self-test would be started, takes 30 min\n"
    assert daemon.drive().journal.commands(opcode=AdminOpcode.DEVICE_SELF_TEST) == []
    code, _, _ = await nvmedctl(daemon, *test, "start", "nvme0", "extended")
    assert code == 0
    code, _, err = await nvmedctl(daemon, *test, "start", "nvme0", "short")
    assert (code, err["error"]["reason"]) == (6, "NVME_BUSY")
    _, log, _ = await nvmedctl(daemon, *test, "show", "nvme0")
    assert log["running"] == "SELF_TEST_EXTENDED"
    assert await shown(daemon, *test, "start", "nvme0", "abort") == "controllers/test-1: self-test aborted\n"
    *_, row = (await shown(daemon, *test, "show", "nvme0")).splitlines()
    assert row.split()[:2] == ["extended", "aborted-by-command"]


async def test_what_happened_to_a_drive(daemon: Daemon) -> None:
    code, log, _ = await nvmedctl(daemon, "logs", "persistent-events", "nvme0", "--max", "1")
    assert (code, len(log["events"]), log["complete"]) == (0, 1, log["total_events"] == 1)
    *_, row = (await shown(daemon, "logs", "persistent-events", "nvme0", "--max", "1")).splitlines()
    assert log["events"][0]["type"].removeprefix("TYPE_").lower().replace("_", "-") in row.split()
    assert "firmware_revision 1.0.0, controllers[0].controller_id 1" in row


async def test_a_page_to_a_file(daemon: Daemon, tmp_path: Path) -> None:
    expected = page(daemon, 0xC0, 512)
    target = tmp_path / "page"
    target.write_bytes(b"older")
    code, told, err = await nvmedctl(
        daemon, "logs", "raw", "nvme0", "0xc0", "--length", "0x1fc", "--offset", "4", "-f", str(target)
    )
    assert (code, err, target.read_bytes()) == (0, None, expected[4:])
    assert told == {
        "controller": CONTROLLER,
        "log_page": 0xC0,
        "offset_bytes": 4,
        "path": str(target),
        "size_bytes": 508,
        "sha256": hashlib.sha256(expected[4:]).hexdigest(),
        "async_event_retained": True,
        "attempts": 1,
    }


async def test_a_page_in_many_chunks(daemon: Daemon, tmp_path: Path) -> None:
    expected = page(daemon, LogPage.TELEMETRY_HOST_INITIATED, 8 * 1024)
    arguments = ("logs", "raw", "nvme0", "7", "--length", "8192", "--chunk", "4096", "--max-transfer", "512")
    assert "8192 bytes (8.0 KiB), log page 07h" in await shown(daemon, *arguments, "-f", str(tmp_path / "page"))
    assert (tmp_path / "page").read_bytes() == expected


async def test_every_field_reaches_the_drive(daemon: Daemon, tmp_path: Path) -> None:
    fields = ("--lsp", "5", "--lsi", "0x1234", "--uuid-index", "3", "--command-set", "0", "--nsid", "0xffffffff")
    await nvmedctl(daemon, "logs", "raw", "nvme0", "2", "--length", "512", *fields, "-f", str(tmp_path / "page"))
    (read,) = reads(daemon.drive(), 2)
    assert (read.lsp, read.lsi, read.uuid_index, read.nsid) == (5, 0x1234, 3, 0xFFFFFFFF)


async def test_a_page_that_cannot_be_read_leaves_no_file(daemon: Daemon, tmp_path: Path) -> None:
    code, out, err = await nvmedctl(
        daemon, "logs", "raw", "nvme0", "0xdd", "--length", "512", "-f", str(tmp_path / "page")
    )
    assert (code, out, [name for name in os.listdir(tmp_path) if "page" in name]) == (5, None, [])  # noqa: PTH208
    assert err["error"]["nvme_status"]["mnemonic"] == "NVME_SC_INVALID_LOG_PAGE"


@pytest.mark.parametrize(
    ("arguments", "code", "reason"),
    [
        ("logs smart nvme7", 3, "CONTROLLER_NOT_FOUND"),
        ("logs smart nvme0 --nsid 1", 5, "NVME_UNSUPPORTED"),
        ("logs raw nvme0 2 --length 0 -f page", 2, "INVALID_FIELD"),
        ("logs raw nvme0 2 --length 510 -f page", 2, "INVALID_FIELD"),
        ("logs raw nvme0 2 --length 0x100000004 -f page", 2, "INVALID_FIELD"),
        ("logs raw nvme0 7 --lsp 1 --length 512 -f page", 2, "INVALID_FIELD"),
        ("logs ana nvme0 --request-id none", 2, "INVALID_FIELD"),
    ],
)
async def test_a_refusal_has_its_reason_and_exit_code(
    daemon: Daemon, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: str, code: int, reason: str
) -> None:
    monkeypatch.chdir(tmp_path)
    got, out, err = await nvmedctl(daemon, *arguments.split())
    assert (got, out, err["error"]["reason"]) == (code, None, reason)
    assert not (tmp_path / "page").exists()
