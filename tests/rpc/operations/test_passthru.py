"""Commands passed through, over the wire: what rules allow, what a drive would do with a buffer, what is done once."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import grpc
import pytest

from nvmed.nvme.identify import identify_controller
from nvmed.nvme.opcodes import AdminOpcode, IoOpcode
from nvmed.nvme.status import Queue
from nvmed.simulator.faults import Answer, Drop, Fault, Refuse
from nvmed.v1 import passthru_pb2 as pb
from tests.rpc.harness import Daemon, StartDaemon, reason_of, small_drive
from tests.rpc.passthru_calls import (
    IDENTIFY,
    NAMESPACE,
    admin,
    get_log,
    io,
    metadata_of,
    nvme_status,
    read,
    refused,
    service,
    with_rules,
    write,
)

# -- what ships


async def test_identify_is_what_the_drive_says(daemon: Daemon) -> None:
    expected = bytearray(4096)
    daemon.drive().execute(Queue.ADMIN, identify_controller(), expected)
    answer = await admin(daemon, IDENTIFY)
    assert (answer.data, answer.rule, answer.changes_state) == (bytes(expected), "identify", False)
    assert answer.controller == "controllers/nvmed1-1"
    assert await admin(daemon, IDENTIFY, controller="controllers/nvmed1-1") == answer


async def test_logs_features_and_blocks_can_be_read(daemon: Daemon) -> None:
    assert len((await admin(daemon, get_log(0x02, 512))).data) == 512
    temperature = pb.PassthruCommand(opcode=AdminOpcode.GET_FEATURES, cdw10=0x04)
    assert (await admin(daemon, temperature)).result > 0
    answer = await io(daemon, read(8))
    assert (answer.data, answer.rule) == (bytes(4096), "blocks")
    for name in (answer.namespace, "ng0n1"):
        assert await io(daemon, read(8), namespace=name) == answer


async def test_a_result_has_64_bits(daemon: Daemon) -> None:
    daemon.drive().faults.add(Fault(Answer(b"", result=0x1122_3344_5566_7788), opcode=AdminOpcode.GET_FEATURES))
    answer = await admin(daemon, pb.PassthruCommand(opcode=AdminOpcode.GET_FEATURES, cdw10=0x07))
    assert answer.result == 0x1122_3344_5566_7788


async def test_a_refusal_carries_status_and_result(daemon: Daemon) -> None:
    daemon.drive().faults.add(Fault(Refuse(0x4002, result=0xAABB_0000_CCDD), opcode=AdminOpcode.IDENTIFY, nsid=7))
    command = pb.PassthruCommand(opcode=AdminOpcode.IDENTIFY, nsid=7, read_bytes=4096)
    failure = await refused(admin(daemon, command))
    status = nvme_status(failure)
    assert (reason_of(failure), status.raw_status, status.result) == ("NVME_INVALID_FIELD", 0x4002, 0xAABB_0000_CCDD)
    assert (status.opcode, status.nsid, status.mnemonic) == (0x06, 7, "NVME_SC_INVALID_FIELD")


@pytest.mark.parametrize("nsid", [0, 0xFFFF_FFFE])
async def test_a_namespace_that_is_not_there_is_for_the_drive_to_refuse(daemon: Daemon, nsid: int) -> None:
    command = pb.PassthruCommand(opcode=AdminOpcode.IDENTIFY, nsid=nsid, read_bytes=4096)
    assert reason_of(await refused(admin(daemon, command))) == "NAMESPACE_NOT_FOUND"


@pytest.mark.parametrize(
    "command",
    [
        get_log(0x02, 512, rae=False),
        get_log(0x07, 512, lsp=1),
        get_log(0x04, 4096),
        get_log(0x0D, 512, lsp=1),
        get_log(0xC0, 512),
        pb.PassthruCommand(opcode=AdminOpcode.SET_FEATURES, cdw10=0x04),
        pb.PassthruCommand(opcode=AdminOpcode.FORMAT_NVM, nsid=1),
        pb.PassthruCommand(opcode=AdminOpcode.FIRMWARE_COMMIT),
        pb.PassthruCommand(opcode=0xC2, read_bytes=512),
        pb.PassthruCommand(opcode=AdminOpcode.GET_FEATURES, cdw10=0xC0),
    ],
    ids=lambda command: f"{command.opcode:02x}-{command.cdw10:08x}",
)
async def test_the_rules_that_ship_allow_nothing_that_may_change_state(
    daemon: Daemon, command: pb.PassthruCommand
) -> None:
    daemon.drive().journal.clear()
    failure = await refused(admin(daemon, command, acknowledge_destructive=True))
    assert (failure.code(), reason_of(failure)) == (grpc.StatusCode.PERMISSION_DENIED, "POLICY_DENIED")
    assert metadata_of(failure)["rule"] == "default"
    assert daemon.drive().journal.records == ()


@pytest.mark.parametrize("opcode", [IoOpcode.WRITE, IoOpcode.WRITE_ZEROES, IoOpcode.FLUSH, IoOpcode.DATASET_MANAGEMENT])
async def test_nor_any_write(daemon: Daemon, opcode: int) -> None:
    failure = await refused(io(daemon, pb.PassthruCommand(opcode=opcode), acknowledge_destructive=True))
    assert reason_of(failure) == "POLICY_DENIED"


# -- rules


@pytest.mark.parametrize(
    "command",
    [
        pb.PassthruCommand(opcode=AdminOpcode.FABRICS),
        pb.PassthruCommand(opcode=AdminOpcode.CREATE_IO_SUBMISSION_QUEUE, data=b"1234"),
        pb.PassthruCommand(opcode=AdminOpcode.ASYNCHRONOUS_EVENT_REQUEST),
        pb.PassthruCommand(opcode=AdminOpcode.DOORBELL_BUFFER_CONFIG),
        pb.PassthruCommand(opcode=AdminOpcode.SET_FEATURES, cdw10=0x8000_000D),
    ],
    ids=lambda command: f"{command.opcode:02x}",
)
async def test_no_rule_allows_what_would_harm_the_host(permissive: Daemon, command: pb.PassthruCommand) -> None:
    failure = await refused(admin(permissive, command, acknowledge_destructive=True))
    assert (reason_of(failure), metadata_of(failure)["rule"]) == ("POLICY_DENIED", "built-in")
    fabrics = pb.PassthruCommand(opcode=IoOpcode.FABRICS)
    assert reason_of(await refused(io(permissive, fabrics, acknowledge_destructive=True))) == "POLICY_DENIED"


async def test_the_first_rule_that_matches_decides(permissive: Daemon) -> None:
    sanitize = pb.PassthruCommand(opcode=AdminOpcode.SANITIZE, cdw10=2)
    failure = await refused(admin(permissive, sanitize, acknowledge_destructive=True))
    assert metadata_of(failure)["rule"] == "no-sanitize"
    assert "never on this host" in str(failure.details())


async def test_a_verdict_without_a_command(permissive: Daemon) -> None:
    async def verdict(command: pb.PassthruCommand, **more: Any) -> pb.TestPassthruResponse:
        request = {"queue": pb.PASSTHRU_QUEUE_ADMIN, "resource": "nvme0", "command": command, **more}
        return await service(permissive).TestPassthru(pb.TestPassthruRequest(**request))

    permissive.drive().journal.clear()
    shown = await verdict(pb.PassthruCommand(opcode=AdminOpcode.SANITIZE))
    assert (shown.allowed, shown.rule, shown.changes_state) == (False, "no-sanitize", True)
    shown = await verdict(IDENTIFY)
    assert (shown.allowed, shown.rule) == (True, "careful")
    assert (shown.changes_state, shown.needs_acknowledgement) == (False, True)
    shown = await verdict(pb.PassthruCommand(opcode=0xC1))
    assert (shown.rule, shown.changes_state, shown.needs_acknowledgement) == ("reader", False, False)
    shown = await verdict(pb.PassthruCommand(opcode=0x7F))
    assert (shown.allowed, shown.rule) == (False, "built-in")
    shown = await verdict(write(bytes(512)), queue=pb.PASSTHRU_QUEUE_IO, resource=NAMESPACE)
    assert (shown.allowed, shown.rule, shown.needs_acknowledgement) == (True, "io", True)
    assert permissive.drive().journal.records == ()


async def test_a_denial_says_what_would_have_been_allowed(daemon: Daemon) -> None:
    request = pb.TestPassthruRequest(
        queue=pb.PASSTHRU_QUEUE_ADMIN, resource="nvme0", command=get_log(0x02, 512, rae=False)
    )
    shown = await service(daemon).TestPassthru(request)
    assert (shown.allowed, shown.rule) == (False, "default")
    assert "rule log-pages" in shown.description
    assert "CDW10 masked with 00008000h" in shown.description


async def test_rules_are_read_anew_and_wrong_ones_stop_everything(start_daemon: StartDaemon, tmp_path: Path) -> None:
    daemon = await with_rules(start_daemon, tmp_path, "include_shipped = false\n", small_drive())
    assert reason_of(await refused(admin(daemon, IDENTIFY))) == "POLICY_DENIED"
    file = tmp_path / "passthru.toml"
    file.write_text("[[rule]]\nname = 'x'\n")
    failure = await refused(admin(daemon, IDENTIFY))
    assert reason_of(failure) == "PASSTHRU_RULES_INVALID"
    assert "effect" in str(failure.details())
    file.write_text("")
    assert (await admin(daemon, IDENTIFY)).rule == "identify"
    file.unlink()
    assert reason_of(await refused(admin(daemon, IDENTIFY))) == "PASSTHRU_RULES_INVALID"


async def test_rules_are_about_models_and_callers(start_daemon: StartDaemon, tmp_path: Path) -> None:
    rule = "[[rule]]\nname = '{0}'\neffect = 'allow'\nqueue = 'admin'\nopcodes = [0xC1]\n{1}\nchanges_nothing = true\n"
    rules = rule.format("model", "models = ['ACME *']") + rule.format("caller", "principals = ['unix:somebody']")
    rules += rule.format("both", "models = ['nvmed *']\nroles = ['admin']\nprincipals = ['unix:admin']")
    daemon = await with_rules(start_daemon, tmp_path, rules, small_drive(), small_drive("A", model="ACME DC1"))
    for node, expected in (("nvme0", "both"), ("nvme1", "model")):
        request = pb.TestPassthruRequest(
            queue=pb.PASSTHRU_QUEUE_ADMIN, resource=node, command=pb.PassthruCommand(opcode=0xC1)
        )
        assert (await service(daemon).TestPassthru(request)).rule == expected


# -- bad input


@pytest.mark.parametrize(
    ("call", "more", "field"),
    [
        (admin, {"controller": "nvme0n1"}, "controller"),
        (admin, {"controller": "ng0n1"}, "controller"),
        (io, {"namespace": "nvme0"}, "namespace"),
        (io, {"namespace": "controllers/nvmed1-1"}, "namespace"),
        (admin, {"controller": ""}, "controller"),
        (admin, {"controller": "nvme0/../x"}, "controller"),
        (io, {"namespace": "nvme0n1p1"}, "namespace"),
        (admin, {"command": None}, "command"),
        (admin, {"command": pb.PassthruCommand(opcode=256)}, "command.opcode"),
        (admin, {"command": pb.PassthruCommand(opcode=6, timeout_ms=9999)}, "command.timeout_ms"),
        (admin, {"command": pb.PassthruCommand(opcode=6, read_bytes=2**20 + 1)}, "command.read_bytes"),
        (admin, {"request_id": "no-uuid"}, "request_id"),
        (io, {"command": pb.PassthruCommand(opcode=2, nsid=2, read_bytes=512)}, "command.nsid"),
        (io, {"command": pb.PassthruCommand(opcode=2, nsid=0xFFFF_FFFF, read_bytes=512)}, "command.nsid"),
    ],
)
async def test_bad_input(daemon: Daemon, call: Any, more: dict[str, Any], field: str) -> None:
    command = IDENTIFY if call is admin else read()
    failure = await refused(call(daemon, **{"command": command, **more}))
    assert (reason_of(failure), metadata_of(failure)["field"]) == ("INVALID_FIELD", field)


@pytest.mark.parametrize(
    ("call", "more", "reason"),
    [
        (admin, {"controller": "nvme7"}, "CONTROLLER_NOT_FOUND"),
        (io, {"namespace": "nvme0n7"}, "NAMESPACE_NOT_FOUND"),
        (io, {"namespace": "subsystems/none/namespaces/1"}, "NAMESPACE_NOT_FOUND"),
    ],
)
async def test_what_is_not_there(daemon: Daemon, call: Any, more: dict[str, Any], reason: str) -> None:
    failure = await refused(call(daemon, **{"command": IDENTIFY if call is admin else read(), **more}))
    assert reason_of(failure) == reason


async def test_a_command_that_is_lost_times_out(daemon: Daemon) -> None:
    drop = Drop()
    daemon.drive().faults.add(Fault(drop, opcode=AdminOpcode.GET_FEATURES))
    call = asyncio.create_task(admin(daemon, pb.PassthruCommand(opcode=AdminOpcode.GET_FEATURES, cdw10=0x07)))
    await asyncio.to_thread(drop.reached.wait)
    drop.expire()
    assert reason_of(await refused(call)) == "COMMAND_TIMEOUT"
