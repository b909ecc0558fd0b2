"""nvmedctl drive and erasure: a drive is erased, and its record verified where no daemon is."""

from __future__ import annotations

from pathlib import Path

import pytest

from nvmed.erasure import watch
from nvmed.simulator.spec import TcgSpec
from tests.rpc.client.command_line import nvmedctl, run, shown
from tests.rpc.harness import StartDaemon, small_drive


@pytest.fixture(autouse=True)
def _eager(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "POLL_S", 0.01)


async def test_from_the_drive_to_the_certificate(start_daemon: StartDaemon, tmp_path: Path) -> None:
    daemon = await start_daemon(small_drive(sanitize_s=0.01))
    plan = await shown(daemon, "drive", "sanitize", "nvme0", "--dry-run", "--acknowledge-data-loss")
    assert "attached-elsewhere" in plan
    assert "erasureRecords/" not in plan
    done = await shown(
        daemon, "drive", "sanitize", "nvme0", "--method", "overwrite", "--pattern", "0xff", "--acknowledge-data-loss"
    )
    name = done.splitlines()[-1]
    digits = name.removeprefix("erasureRecords/")[:12]
    assert digits in await shown(daemon, "erasure", "list")
    record, key = tmp_path / "record.json", tmp_path / "host.pem"
    await shown(daemon, "erasure", "show", digits, "--file", str(record))
    key.write_text(await shown(daemon, "erasure", "key"))
    verify = ("erasure", "verify", str(record), "--public-key", str(key))
    assert "ERASED" in await shown(daemon, *verify)
    code, content, _ = await nvmedctl(daemon, *verify)
    assert (code, content["method"], content["outcome"]) == (0, "SANITIZE_OVERWRITE", "ERASED")
    record.write_bytes(record.read_bytes().replace(b'"payload":"ey', b'"payload":"eY'))
    code, _, err = await nvmedctl(daemon, *verify)
    assert (code, err["error"]["reason"]) == (7, "ERASURE_RECORD_INVALID")
    key.write_text("no key")
    assert (await run(daemon, *verify))[0] == 2


async def test_a_drive_is_reverted_by_a_psid_from_a_file(start_daemon: StartDaemon, tmp_path: Path) -> None:
    psid = "PLANTED9PSID8OF7THIS6LABEL5AAAA4"
    tcg = TcgSpec(sid_owned=True, psid=psid)
    daemon = await start_daemon(small_drive(optional_admin_commands=0x21F, tcg=tcg))
    label = tmp_path / "label"
    label.write_text(f"{psid}\n")
    asked = ("drive", "revert", "nvme0", "--psid-file", str(label), "--acknowledge-data-loss")
    assert "attached-elsewhere" in await shown(daemon, *asked, "--dry-run")
    done = await shown(daemon, *asked)
    assert "is reverted; its keys are new" in done
    digits = done.splitlines()[-1].removeprefix("erasureRecords/")[:12]
    assert digits in await shown(daemon, "erasure", "list")
    label.write_text("X" * 32)
    code, out, err = await nvmedctl(daemon, *asked)
    assert (code, err["error"]["reason"]) == (2, "PSID_REFUSED")
    assert "XXXX" not in f"{out}{err}"


async def test_a_failure_is_left_from_the_command_line(start_daemon: StartDaemon) -> None:
    daemon = await start_daemon(small_drive(sanitize_s=0.01))
    daemon.drive().subsystem.sanitizer.fail_next = True
    code, _, err = await run(
        daemon, "drive", "sanitize", "nvme0", "--allow-unrestricted-exit", "--acknowledge-data-loss"
    )
    assert code != 0
    assert "failure mode" in err
    assert "failed" in await shown(daemon, "drive", "sanitize-status", "nvme0")
    assert "has left" in await shown(daemon, "drive", "exit-failure-mode", "nvme0")
