"""The audit of a daemon that is killed, and nvmedctl, which reads its files without a daemon."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest

from nvmed.v1.admin_pb2 import AuditRecord, ListAuditRecordsRequest
from nvmed.v1.admin_pb2_grpc import AdminServiceStub
from nvmed.v1.inventory_pb2 import ListControllersRequest, ResetControllerRequest
from nvmed.v1.inventory_pb2_grpc import InventoryServiceStub
from tests.process.conftest import StartProcess


def nvmedctl(*arguments: str | Path) -> tuple[int, Any, Any]:
    """(exit code, JSON of standard output, JSON of standard error), None for nothing."""
    command = [sys.executable, "-m", "nvmedctl", "--output", "json", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    out, err = (json.loads(text) if text else None for text in (done.stdout, done.stderr))
    return done.returncode, out, err


def reset(address: str) -> None:
    """A change that is attempted and fails: there is no such drive."""
    with grpc.insecure_channel(address) as channel, pytest.raises(grpc.RpcError, match="NOT_FOUND"):
        InventoryServiceStub(channel).ResetController(ResetControllerRequest(name="nvme7"))


def test_what_was_answered_survives_kill_9(start_process: StartProcess, tmp_path: Path) -> None:
    directory = tmp_path / "state/audit"
    for round_ in range(1, 4):
        daemon = start_process("--simulate", "1")
        reset(daemon.address)
        daemon.process.kill()
        daemon.process.wait()
        code, found, _ = nvmedctl("audit", "verify", directory)
        assert (code, found["problems"], found["records"]) == (0, [], 3 * round_)
    daemon = start_process("--simulate", "1")
    code, found, _ = nvmedctl("--address", daemon.address, "audit", "list", "--filter", "event = OUTCOME")
    assert code == 0
    assert [record["reason"] for record in found["audit_records"]] == ["CONTROLLER_NOT_FOUND"] * 3
    assert len({record["request_id"] for record in found["audit_records"]}) == 3


def test_each_record_goes_to_the_log_as_well(start_process: StartProcess, tmp_path: Path) -> None:
    """With its number and hash, by which its file can be held to it."""
    daemon = start_process("--simulate", "1", "--log-level", "error")
    reset(daemon.address)
    lines = [json.loads(line) for line in daemon.log.read_text().splitlines() if line.startswith("{")]
    copies = [line for line in lines if line["event"] == "audit"]
    assert [line["about"]["event"] for line in copies] == ["started", "attempt", "outcome"]
    anchors = [f"{line['sequence']}:{line['hash']}" for line in copies]
    options = [option for anchor in anchors for option in ("--anchor", anchor)]
    assert nvmedctl("audit", "verify", tmp_path / "state/audit", *options)[0] == 0


def test_verify_finds_what_was_done_to_files(start_process: StartProcess, tmp_path: Path) -> None:
    daemon = start_process("--simulate", "1")
    reset(daemon.address)
    with grpc.insecure_channel(daemon.address) as channel:
        last = AdminServiceStub(channel).ListAuditRecords(ListAuditRecordsRequest(page_size=1)).audit_records[0]
    daemon.process.terminate()
    assert daemon.process.wait() == 0
    anchor = f"{last.sequence}:{last.hash}"
    directory = tmp_path / "state/audit"
    assert nvmedctl("audit", "verify", directory, "--anchor", anchor)[0] == 0
    (path,) = directory.glob("audit-*.jsonl")
    lines = path.read_bytes().splitlines(keepends=True)
    for damaged in (
        lines[:1] + lines[2:],
        lines[:2],
        lines[::-1],
        [lines[0].replace(b"started", b"stopped"), *lines[1:]],
    ):
        path.write_bytes(b"".join(damaged))
        code, found, err = nvmedctl("audit", "verify", directory)
        assert (code, err["error"]["reason"]) == (7, "AUDIT_DAMAGED")
        assert found["problems"]
    assert nvmedctl("audit", "verify", tmp_path / "nothing")[2]["error"]["reason"] == "LOCAL_FILE"
    assert nvmedctl("server", "test-permission", "log.read", "--address", daemon.address)[0] == 6


def test_the_policy_from_the_command_line(start_process: StartProcess) -> None:
    daemon = start_process("--simulate", "1")
    code, found, _ = nvmedctl("server", "policy", "--address", daemon.address)
    assert (code, found["bindings"][0]["roles"]) == (0, ["admin"])
    asked = ("server", "test-permission", "--address", daemon.address)
    code, found, _ = nvmedctl(*asked, "firmware.stage", "--resource", "nvme0")
    assert (code, found["allowed"], found["role"]) == (0, True, "admin")
    code, found, _ = nvmedctl(*asked, "nvmed.v1.KeyService/ReadKey", "--principal", "dns:other.example.org")
    assert (code, found["allowed"], found["permission"]) == (0, False, "keys.read")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 128 KiB."""
    folder = tmp_path / "small"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=128k", "tmpfs", folder], check=False)
    if mounted.returncode:
        pytest.skip("only root can mount a small file system, and not everywhere")
    yield folder
    subprocess.run(["umount", "--lazy", folder], check=True)


def test_a_full_disk_stops_changes_until_there_is_room(
    start_process: StartProcess, tmp_path: Path, small_disk: Path
) -> None:
    """No change is answered that is not in the audit, no record is half there, and what is read is read."""
    file = tmp_path / "nvmed.toml"
    file.write_text(f'[audit]\ndirectory = "{small_disk}/audit"\n')
    filler = small_disk / "filler"
    filler.write_bytes(bytes(64 * 1024))
    daemon = start_process("--simulate", "1", "--config", str(file))
    request = ResetControllerRequest(name="controllers/" + "x" * 450)
    reasons = []
    with grpc.insecure_channel(daemon.address) as channel:
        inventory, admin = InventoryServiceStub(channel), AdminServiceStub(channel)
        while "UNAVAILABLE" not in reasons:
            reasons.append(code_of(inventory, request))
        assert reasons[:3] == ["NOT_FOUND"] * 3
        listed = inventory.ListControllers(ListControllersRequest())
        assert listed.controllers
        assert code_of(inventory, request) == "UNAVAILABLE"
        attempts = [
            record
            for record in admin.ListAuditRecords(ListAuditRecordsRequest(page_size=500)).audit_records
            if record.event == AuditRecord.EVENT_ATTEMPT
        ]
        assert len(attempts) == reasons.count("NOT_FOUND")
        filler.unlink()
        assert code_of(inventory, request) == "NOT_FOUND"
    code, found, _ = nvmedctl("audit", "verify", small_disk / "audit")
    assert (code, found["problems"], found["incomplete"]) == (0, [], "")


def code_of(inventory: InventoryServiceStub, request: ResetControllerRequest) -> str:
    """The code that a change fails with."""
    with pytest.raises(grpc.RpcError) as failure:
        inventory.ResetController(request)
    return str(failure.value.code().name)
