"""nvmedctl passthru against a real daemon: commands as they are given, data from and to files, and what rules say."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from nvmed.nvme.identify import identify_controller
from nvmed.nvme.opcodes import AdminOpcode, IoOpcode
from nvmed.nvme.status import Queue
from nvmed.simulator.faults import Answer, Fault, Refuse
from nvmed.simulator.spec import LbaFormat, NamespaceSpec
from tests.rpc.client.command_line import nvmedctl, run, shown
from tests.rpc.harness import Daemon, StartDaemon, small_drive
from tests.rpc.passthru_calls import ALL, with_rules

pytestmark = pytest.mark.timeout(120)
"""Each command is a process of its own, and a machine may have much to do besides."""

ADMIN = ("passthru", "admin", "nvme0", "--opcode")
IO = ("passthru", "io", "/dev/nvme0n1", "--opcode")
IDENTIFY = ("0x06", "--cdw10", "1", "--read", "4096")
ACK = "--acknowledge-destructive"


@pytest.fixture
async def permissive(start_daemon: StartDaemon, tmp_path: Path) -> Daemon:
    """A drive of which everything may be asked, whose namespace has 8 bytes of metadata for each block."""
    drive = small_drive(lba_formats=(LbaFormat(512, 8),), namespaces=(NamespaceSpec(),))
    return await with_rules(start_daemon, tmp_path, ALL, drive)


def identity(daemon: Daemon) -> bytes:
    data = bytearray(4096)
    assert daemon.drive().execute(Queue.ADMIN, identify_controller(), data).status == 0
    return bytes(data)


async def test_data_are_shown_or_saved(daemon: Daemon, tmp_path: Path) -> None:
    expected = identity(daemon)
    code, answer, _ = await nvmedctl(daemon, *ADMIN, *IDENTIFY)
    assert (code, base64.b64decode(answer["data"]), answer["rule"]) == (0, expected, "identify")
    first, second, *_, last = (await shown(daemon, *ADMIN, *IDENTIFY)).splitlines()
    assert first == "result 0x0, allowed by rule identify"
    assert second == f"00000000  {expected[:16].hex(' ')}  {second[-16:]}"
    assert second[-12:] == expected[4:16].decode()  # the serial number begins at byte 4
    assert last.startswith("00000ff0  ")
    target = tmp_path / "identify"
    code, answer, _ = await nvmedctl(daemon, *ADMIN, *IDENTIFY, "-f", str(target))
    assert (code, answer["data"], target.read_bytes()) == (0, "", expected)
    assert f"{target}: 4096 bytes of data" in await shown(daemon, *ADMIN, *IDENTIFY, "-f", str(target))


async def test_every_dword_reaches_the_drive(permissive: Daemon) -> None:
    dwords = ("cdw2", "cdw3", "cdw10", "cdw11", "cdw12", "cdw13", "cdw14", "cdw15")
    values = {name: 0xF000_0000 + number for number, name in enumerate(dwords)}
    permissive.drive().faults.add(Fault(Answer(b"", result=0x1_0000_0002), opcode=0xC0))
    options = [part for name, value in values.items() for part in (f"--{name}", hex(value))]
    code, answer, _ = await nvmedctl(
        permissive, *ADMIN, "0xc0", "--nsid", "1", "--command-timeout", "12", *options, ACK
    )
    assert (code, answer["result"]) == (0, str(0x1_0000_0002))
    (command,) = permissive.drive().journal.commands(opcode=0xC0)
    assert {name: getattr(command, name) for name in dwords} == values
    assert (command.nsid, command.timeout_ms) == (1, 12_000)


async def test_data_and_metadata_from_and_to_files(permissive: Daemon, tmp_path: Path) -> None:
    data, metadata = bytes(range(256)) * 4, b"metadata" * 2
    for name, content in (("data", data), ("metadata", metadata)):
        (tmp_path / name).write_bytes(content)
    sent = ("1", "--cdw12", "1", "--data", "-", "--metadata", str(tmp_path / "metadata"), ACK)
    code, answer, _ = await nvmedctl(permissive, *IO, *sent, stdin=data)
    assert (code, answer["changes_state"]) == (0, True)
    back = ("2", "--cdw12", "1", "--read", "1024", "--read-metadata", "16")
    files = ("-f", str(tmp_path / "read"), "--metadata-file", str(tmp_path / "read.metadata"))
    code, _, _ = await nvmedctl(permissive, *IO, *back, *files)
    assert (code, (tmp_path / "read").read_bytes(), (tmp_path / "read.metadata").read_bytes()) == (0, data, metadata)


async def test_what_changes_state_is_acknowledged_and_may_be_tried(permissive: Daemon) -> None:
    code, _, err = await nvmedctl(permissive, *ADMIN, "0xc0")
    assert (code, err["error"]["field_violations"][0]["field"]) == (2, "acknowledge_destructive")
    assert await shown(permissive, *ADMIN, "0xc0", ACK, "--dry-run") == "would be sent, allowed by rule admin\n"
    assert permissive.drive().journal.commands(opcode=0xC0) == []


async def test_a_refusal_by_the_drive_has_status_and_result(permissive: Daemon) -> None:
    refuse = Fault(Refuse(0x4002, result=0xABCD), opcode=0xC0, times=None)
    permissive.drive().faults.add(refuse)
    _, _, err = await nvmedctl(permissive, *ADMIN, "0xc0", ACK)
    status = err["error"]["nvme_status"]
    assert (status["mnemonic"], status["result"], status["do_not_retry"]) == ("NVME_SC_INVALID_FIELD", 0xABCD, True)
    _, _, text = await run(permissive, *ADMIN, "0xc0", ACK)
    assert "result abcdh" in text


async def test_the_verdict_of_the_rules(daemon: Daemon) -> None:
    code, verdict, _ = await nvmedctl(daemon, "passthru", "test", "admin", "nvme0", "--opcode", *IDENTIFY)
    assert (code, verdict["allowed"], verdict["rule"]) == (0, True, "identify")
    _, verdict, _ = await nvmedctl(daemon, "passthru", "test", "io", "nvme0n1", "--opcode", "1", "--data", "-")
    assert (verdict["allowed"], verdict["rule"], verdict["changes_state"]) == (False, "default", True)
    assert "allowed" in await shown(daemon, "passthru", "test", "admin", "nvme0", "--opcode", "0x80")
    assert daemon.drive().journal.commands(opcode=AdminOpcode.FORMAT_NVM) == []


async def test_a_refusal_has_its_reason_and_exit_code(daemon: Daemon, tmp_path: Path) -> None:
    for arguments, code, reason in (
        ((*ADMIN, "0x80", ACK), 4, "POLICY_DENIED"),
        ((*IO, str(int(IoOpcode.WRITE)), "--data", "-", ACK), 4, "POLICY_DENIED"),
        ((*ADMIN, "6", "--cdw10", "1", "--read", "512"), 2, "INVALID_FIELD"),
        ((*ADMIN, "6", "--cdw10", "1", "--read", "0x200000"), 2, "INVALID_FIELD"),
        (("passthru", "admin", "nvme0n1", "--opcode", *IDENTIFY), 2, "INVALID_FIELD"),
        (("passthru", "io", "nvme0", "--opcode", "2", "--read", "512"), 2, "INVALID_FIELD"),
    ):
        got, out, err = await nvmedctl(daemon, *arguments, "-f", str(tmp_path / "out"), stdin=bytes(512))
        assert (got, out, err["error"]["reason"]) == (code, None, reason), arguments
    assert not (tmp_path / "out").exists()
