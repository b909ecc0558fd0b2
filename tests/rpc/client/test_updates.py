"""nvmedctl firmware, operations and resets against a real daemon, as people and as programs read them."""

from __future__ import annotations

import asyncio
import hashlib
import re
import uuid
from pathlib import Path

import pytest

from nvmed.nvme.opcodes import AdminOpcode
from nvmed.simulator.faults import Fault, Hang
from nvmed.simulator.firmware_image import build_image
from nvmed.simulator.spec import Activation, FirmwareSpec
from tests.rpc.client.command_line import nvmedctl, run
from tests.rpc.firmware_calls import commits, downloads, put
from tests.rpc.harness import KIB, Daemon, StartDaemon, small_drive

A, B = "controllers/a-1", "controllers/b-1"
IMAGE = build_image("2.0.0", 64 * KIB)
SHA256 = hashlib.sha256(IMAGE).hexdigest()


def rows(text: str) -> list[list[str]]:
    """The cells of a table, without its header."""
    return [re.split(r" {2,}", line.strip()) for line in text.splitlines()[1:]]


def gates(text: str) -> list[list[str]]:
    """The cells of each gate, behind the controller that they are below."""
    found: list[list[str]] = []
    for part in text.strip().split("\n\n"):
        controller, table = part.split("\n", 1)
        found += [[controller, *cells] for cells in rows(table)]
    return found


@pytest.fixture
async def pair(start_daemon: StartDaemon) -> Daemon:
    """Two drives that run 1.0.0, and the image 2.0.0 in the spool."""
    daemon = await start_daemon(small_drive("A"), small_drive("B"))
    await put(daemon)
    return daemon


async def test_an_update_from_a_file_to_the_running_drive(start_daemon: StartDaemon, tmp_path: Path) -> None:
    daemon = await start_daemon(small_drive("A"), small_drive("B"))
    (tmp_path / "image.bin").write_bytes(IMAGE)
    code, out, _ = await run(daemon, "firmware", "upload", str(tmp_path / "image.bin"), "--revision", "2.0.0")
    assert (code, out) == (0, f"images/{SHA256}: 65536 bytes (64.0 KiB)\n")
    code, out, _ = await run(daemon, "firmware", "images")
    assert rows(out)[0][:4] == [SHA256[:12], "64.0 KiB", "2.0.0", "-"]
    code, out, err = await run(daemon, "firmware", "stage", "/dev/nvme0", "nvme1", "--image", SHA256[:6])
    assert (code, err) == (0, "")
    assert rows(out) == [[A, "staged", "2", "2.0.0", "1.0.0"], [B, "staged", "2", "2.0.0", "1.0.0"]]
    code, out, _ = await run(
        daemon, "firmware", "activate", "nvme0", "--slot", "2", "--mode", "controller-reset",
        "--acknowledge-disruption", "--revision", "2.0.0", "--expect-revision", "1.0.0",
    )  # fmt: skip
    assert (code, out) == (0, f"{A}: slot 2 (2.0.0) activated, 2.0.0 runs\n")
    code, out, _ = await run(daemon, "firmware", "verify", "nvme0", "--revision", "2.0.0", "--slot", "2")
    assert code == 0
    assert re.search(r"^running_revision:? +2\.0\.0$", out, re.MULTILINE)
    code, out, _ = await run(daemon, "firmware", "slots", "nvme0")
    assert rows(out.partition("\n\n")[2]) == [["1", "1.0.0", "-"], ["2", "2.0.0", "runs"], ["3", "-", "-"]]
    code, out, _ = await run(
        daemon, "firmware", "rollback", "nvme0", "--slot", "1", "--mode", "controller-reset", "--acknowledge-disruption"
    )
    assert (code, out) == (0, f"{A}: slot 1 (1.0.0) activated, 1.0.0 runs\n")
    code, out, _ = await run(daemon, "firmware", "history", "nvme0")
    assert [row[2] for row in rows(out)] == ["rollback", "activate", "stage"]
    code, out, _ = await run(daemon, "firmware", "history")
    assert [row[1] for row in rows(out)].count(B) == 1


async def test_every_gate_is_printed(pair: Daemon) -> None:
    code, out, err = await run(pair, "firmware", "stage", "nvme0", "nvme1", "--image", SHA256, "--dry-run")
    assert (code, err) == (0, "")
    found = gates(out)
    assert len(found) == 26
    assert {row[1] for row in found} >= {"supported", "image", "slot-writable", "in-use", "boot-device"}
    assert {row[2] for row in found} <= {"holds", "not-applicable"}
    assert [A, "slot-writable", "holds", "slot 2 is chosen"] in found
    pair.host.occupy("nvme1n1", "/")
    code, out, err = await run(pair, "firmware", "stage", "nvme0", "nvme1", "--image", SHA256, "--dry-run")
    assert code == 5
    found = gates(out)
    assert [row[:3] for row in found if row[2] == "VIOLATED"] == [
        [B, "boot-device", "VIOLATED"], [B, "in-use", "VIOLATED"],
    ]  # fmt: skip
    assert {"supported", "image", "transition"} <= {row[1] for row in found if row[2] == "holds"}
    assert "GATE_FAILED" in err
    code, answer, _ = await nvmedctl(
        pair, "firmware", "stage", "nvme1", "--image", SHA256, "--dry-run", "--override", "in-use",
        "--override", "boot-device",
    )  # fmt: skip
    overridden = [gate["gate"] for gate in answer["gates"] if gate["state"] == "STATE_OVERRIDDEN"]
    assert (code, overridden) == (0, ["GATE_BOOT_DEVICE", "GATE_IN_USE"])
    assert (downloads(pair), downloads(pair, "nvme1")) == (0, 0)


async def test_an_activation_and_a_reset_are_only_evaluated(pair: Daemon) -> None:
    pair.drive().subsystem.firmware.slots[1] = "2.0.0"
    code, out, err = await run(pair, "firmware", "activate", "nvme0", "--slot", "2", "--mode", "immediate", "--dry-run")
    assert code == 5
    assert {row[1] for row in gates(out) if row[2] == "VIOLATED"} == {"disruption-acknowledged"}
    assert len(gates(out)) == 11
    code, out, err = await run(
        pair, "firmware", "rollback", "nvme0", "--expect-revision", "1.0.0", "--mode", "on-next-reset", "--dry-run"
    )
    assert (code, len(gates(out)), err) == (0, 11, "")
    code, out, err = await run(pair, "controllers", "reset", "nvme0", "--acknowledge-disruption", "--dry-run")
    assert (code, {row[1] for row in gates(out)}) == (
        0, {"boot-device", "in-use", "subsystem-busy", "disruption-acknowledged"},
    )  # fmt: skip
    assert commits(pair) == []


async def test_what_is_left_to_itself_is_followed_later(pair: Daemon) -> None:
    hang = Hang()
    pair.drive().faults.add(Fault(hang, opcode=AdminOpcode.FIRMWARE_IMAGE_DOWNLOAD, skip=2))
    code, out, _ = await run(pair, "firmware", "stage", "nvme0", "nvme1", "--image", SHA256, "--no-wait")
    name = out.split()[0]
    short = name.removeprefix("operations/")[:12]
    assert (code, out) == (0, f"{name} has begun\n")
    await asyncio.to_thread(hang.reached.wait)
    code, out, _ = await run(pair, "operations", "list", "--filter", f"target = images/{SHA256}")
    assert rows(out)[0][:4] == [short, "StageFirmware", f"images/{SHA256[:12]}", "running stage_drives"]
    waiting = asyncio.create_task(run(pair, "operations", "wait", name.removeprefix("operations/")))
    code, out, _ = await run(pair, "operations", "cancel", short)
    assert (code, "StageFirmware" in out) == (0, True)
    hang.release()
    code, out, err = await waiting
    assert (code, out) == (6, "")
    assert "cancelled on" in err
    code, out, _ = await run(pair, "operations", "show", name)
    assert (code, A in out, B in out) == (0, True, True)
    assert "error: " in out
    assert commits(pair) == []


async def test_a_request_id_given_twice_is_done_once(pair: Daemon) -> None:
    again = str(uuid.uuid4())
    stage = ("firmware", "stage", "nvme0", "--image", SHA256, "--request-id", again)
    first = await run(pair, *stage)
    assert (first[0], await run(pair, *stage)) == (0, first)
    assert commits(pair) == [(0, 2)]
    code, _, err = await nvmedctl(pair, *stage, "--slot", "3")
    assert (code, err["error"]["reason"]) == (2, "REQUEST_ID_REUSED")


async def test_what_needs_a_reset_says_which_and_gets_it(start_daemon: StartDaemon) -> None:
    firmware = FirmwareSpec(("1.0.0", "2.0.0"), activation=Activation.SUBSYSTEM_RESET)
    daemon = await start_daemon(small_drive("A", firmware=firmware))
    code, out, _ = await run(daemon, "firmware", "activate", "nvme0", "--slot", "2", "--mode", "on-next-reset")
    assert (code, out) == (0, f"{A}: slot 2 (2.0.0) pending-reset, 1.0.0 runs; needs a subsystem reset\n")
    code, out, _ = await run(daemon, "controllers", "reset", "nvme0", "--acknowledge-disruption")
    assert (code, out) == (0, f"{A} was reset and runs 1.0.0\n")
    code, found, _ = await nvmedctl(daemon, "subsystems", "list")
    name = found["subsystems"][0]["name"]
    code, out, _ = await run(daemon, "subsystems", "reset", name, "--acknowledge-disruption")
    assert (code, out) == (0, f"{name} was reset and runs 2.0.0; before, 1.0.0 ran\n")


@pytest.mark.parametrize(
    ("arguments", "code", "reason"),
    [
        (f"firmware stage nvme9 --image {SHA256}", 3, "CONTROLLER_NOT_FOUND"),
        (f"firmware stage nvme0 --image {'0' * 64}", 3, "IMAGE_NOT_FOUND"),
        ("firmware stage nvme0 --image nonsense", 2, "INVALID_FIELD"),
        (f"firmware stage nvme0 nvme0 --image {SHA256}", 2, "INVALID_FIELD"),
        (f"firmware stage nvme0 --image {SHA256} --override slot-writable", 2, "INVALID_FIELD"),
        (f"firmware stage nvme0 --image {SHA256} --slot 7", 5, "GATE_FAILED"),
        (f"firmware stage nvme0 --image {SHA256} --request-id 7", 2, "INVALID_FIELD"),
        ("firmware activate nvme0 --slot 2 --mode on-next-reset", 5, "GATE_FAILED"),
        ("firmware activate nvme0 --slot 1 --mode on-next-reset --revision 9", 5, "GATE_FAILED"),
        ("firmware rollback nvme0 --slot 2 --mode on-next-reset", 5, "GATE_FAILED"),
        ("firmware rollback nvme0 --mode on-next-reset", 2, "INVALID_FIELD"),
        ("firmware verify nvme0 --revision 2.0.0", 5, "FIRMWARE_NOT_VERIFIED"),
        ("firmware slots nvme9", 3, "CONTROLLER_NOT_FOUND"),
        ("firmware history controllers/never-1", 3, "CONTROLLER_NOT_FOUND"),
        ("controllers reset nvme0", 5, "GATE_FAILED"),
        ("subsystems reset subsystems/none --acknowledge-disruption", 3, "SUBSYSTEM_NOT_FOUND"),
        (f"operations show {'0' * 32}", 3, "OPERATION_NOT_FOUND"),
        (f"operations wait {'0' * 32}", 3, "OPERATION_NOT_FOUND"),
        (f"operations cancel {'0' * 32}", 3, "OPERATION_NOT_FOUND"),
        ("operations list --filter nonsense", 2, "INVALID_FIELD"),
    ],
)
async def test_a_refusal_has_its_reason_and_exit_code(pair: Daemon, arguments: str, code: int, reason: str) -> None:
    got, out, err = await nvmedctl(pair, *arguments.split())
    assert (got, out, err["error"]["reason"]) == (code, None, reason)


@pytest.mark.parametrize(
    "arguments",
    [
        "firmware stage nvme0",
        f"firmware stage --image {SHA256}",
        f"firmware stage nvme0 --image {SHA256} --slot 0",
        f"firmware stage nvme0 --image {SHA256} --slot 8",
        f"firmware stage nvme0 --image {SHA256} --override nothing",
        "firmware activate nvme0 --slot 2",
        "firmware activate nvme0 --mode on-next-reset",
        "firmware activate nvme0 --slot 2 --mode at-once",
        "firmware verify nvme0",
        "operations show",
    ],
)
async def test_what_cannot_be_meant_is_a_usage_error(pair: Daemon, arguments: str) -> None:
    code, out, err = await run(pair, *arguments.split())
    assert (code, out) == (2, "")
    assert "Usage: " in err
