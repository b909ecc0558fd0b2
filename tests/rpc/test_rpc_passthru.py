"""Commands passed through, over the wire: what rules allow, what a drive would do with a buffer, what is done once."""

from __future__ import annotations

import asyncio
import errno
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

import grpc
import pytest
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from nvmed.config import Policy
from nvmed.nvme.identify import identify_controller
from nvmed.nvme.opcodes import AdminOpcode, IoOpcode
from nvmed.nvme.status import Queue
from nvmed.simulator.faults import Answer, Drop, Fail, Fault, Hang, Refuse
from nvmed.simulator.spec import LbaFormat, NamespaceSpec
from nvmed.v1 import errors_pb2
from nvmed.v1 import passthru_pb2 as pb
from nvmed.v1.passthru_pb2_grpc import PassthruServiceStub
from tests.rpc.harness import KIB, Daemon, StartDaemon, reason_of, small_drive

if TYPE_CHECKING:
    from nvmed.v1.passthru_pb2_grpc import PassthruServiceAsyncStub

ALL = """
include_shipped = false

[[rule]]
name = "no-sanitize"
effect = "deny"
queue = "admin"
opcodes = [0x84]
because = "never on this host"

[[rule]]
name = "reader"
effect = "allow"
queue = "admin"
opcodes = [0xC1]
changes_nothing = true

[[rule]]
name = "careful"
effect = "allow"
queue = "admin"
opcodes = [0x06]
acknowledge_destructive = true

[[rule]]
name = "admin"
effect = "allow"
queue = "admin"
opcodes = [[0x00, 0xFF]]

[[rule]]
name = "io"
effect = "allow"
queue = "io"
opcodes = [[0x00, 0xFF]]
"""

NAMESPACE = "nvme0n1"
IDENTIFY = pb.PassthruCommand(opcode=AdminOpcode.IDENTIFY, cdw10=1, read_bytes=4096)


def get_log(lid: int, size: int, *, rae: bool = True, lsp: int = 0) -> pb.PassthruCommand:
    numd = size // 4 - 1
    cdw10 = lid | lsp << 8 | rae << 15 | (numd & 0xFFFF) << 16
    return pb.PassthruCommand(opcode=AdminOpcode.GET_LOG_PAGE, cdw10=cdw10, cdw11=numd >> 16, read_bytes=size)


def read(blocks: int = 1, size: int | None = None, first: int = 0) -> pb.PassthruCommand:
    size = blocks * 512 if size is None else size
    return pb.PassthruCommand(opcode=IoOpcode.READ, cdw10=first, cdw12=blocks - 1, read_bytes=size)


def write(data: bytes, blocks: int = 1, **more: Any) -> pb.PassthruCommand:
    return pb.PassthruCommand(opcode=IoOpcode.WRITE, cdw12=blocks - 1, data=data, **more)


def service(daemon: Daemon) -> PassthruServiceAsyncStub:
    stub: PassthruServiceAsyncStub = PassthruServiceStub(daemon.channel)
    return stub


async def admin(daemon: Daemon, command: pb.PassthruCommand, **more: Any) -> pb.ExecuteAdminResponse:
    return await service(daemon).ExecuteAdmin(
        pb.ExecuteAdminRequest(**{"controller": "nvme0", "command": command, **more})
    )


async def io(daemon: Daemon, command: pb.PassthruCommand, **more: Any) -> pb.ExecuteIoResponse:
    return await service(daemon).ExecuteIo(pb.ExecuteIoRequest(**{"namespace": NAMESPACE, "command": command, **more}))


async def refused(call: Any) -> grpc.aio.AioRpcError:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    return caught.value


def nvme_status(failure: grpc.aio.AioRpcError) -> errors_pb2.NvmeStatus:
    status = rpc_status.from_call(failure)
    assert status is not None
    found = errors_pb2.NvmeStatus()
    assert any(detail.Unpack(found) for detail in status.details if detail.Is(found.DESCRIPTOR))
    return found


def metadata_of(failure: grpc.aio.AioRpcError) -> dict[str, str]:
    status = rpc_status.from_call(failure)
    assert status is not None
    info = error_details_pb2.ErrorInfo()
    status.details[0].Unpack(info)
    return dict(info.metadata)


@pytest.fixture
async def permissive(start_daemon: StartDaemon, tmp_path: Path) -> Daemon:
    """A drive of which everything may be asked."""
    return await with_rules(start_daemon, tmp_path, ALL, small_drive())


async def with_rules(start: StartDaemon, tmp_path: Path, rules: str, *specs: Any) -> Daemon:
    file = tmp_path / "passthru.toml"
    file.write_text(rules)
    return await start(*specs, policy=Policy(passthru_rules=str(file)))


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
    file.unlink()
    assert (await admin(daemon, IDENTIFY)).rule == "identify"


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


# -- what a drive would do with the buffer


@pytest.mark.parametrize(
    ("command", "field"),
    [
        (pb.PassthruCommand(opcode=AdminOpcode.IDENTIFY, cdw10=1), "read_bytes"),
        (pb.PassthruCommand(opcode=AdminOpcode.IDENTIFY, cdw10=1, read_bytes=512), "read_bytes"),
        (pb.PassthruCommand(opcode=AdminOpcode.IDENTIFY, cdw10=1, data=bytes(4096)), "data"),
        (pb.PassthruCommand(opcode=AdminOpcode.GET_LOG_PAGE, cdw10=0x03FF_8002, read_bytes=512), "read_bytes"),
        (pb.PassthruCommand(opcode=AdminOpcode.GET_FEATURES, cdw10=0x16), "read_bytes"),
        (pb.PassthruCommand(opcode=AdminOpcode.FIRMWARE_IMAGE_DOWNLOAD, cdw10=1023, data=bytes(512)), "data"),
        (pb.PassthruCommand(opcode=AdminOpcode.SET_FEATURES, cdw10=0x04, read_bytes=4), "read_bytes"),
        (pb.PassthruCommand(opcode=AdminOpcode.FORMAT_NVM, nsid=1, read_bytes=4), "read_bytes"),
        (pb.PassthruCommand(opcode=0xC2, read_metadata_bytes=8), "metadata"),
    ],
    ids=lambda value: f"{value.opcode:02x}" if isinstance(value, pb.PassthruCommand) else str(value),
)
async def test_a_buffer_is_as_long_as_what_is_transferred(
    permissive: Daemon, command: pb.PassthruCommand, field: str
) -> None:
    permissive.drive().journal.clear()
    failure = await refused(admin(permissive, command, acknowledge_destructive=True))
    assert (reason_of(failure), metadata_of(failure)["field"]) == ("INVALID_FIELD", field)
    assert permissive.drive().journal.commands(opcode=command.opcode) in ([], [identify_controller()])


@pytest.mark.parametrize(
    ("command", "field"),
    [
        (read(2, 512), "read_bytes"),
        (read(1, 4096), "read_bytes"),
        (read(1, 0), "read_bytes"),
        (write(bytes(1024)), "data"),
        (write(b""), "data"),
        (pb.PassthruCommand(opcode=IoOpcode.READ, read_bytes=512, read_metadata_bytes=8), "read_metadata_bytes"),
        (pb.PassthruCommand(opcode=IoOpcode.DATASET_MANAGEMENT, data=bytes(8)), "data"),
        (pb.PassthruCommand(opcode=IoOpcode.FLUSH, read_bytes=4), "read_bytes"),
    ],
    ids=str,
)
async def test_also_where_the_namespace_decides_how_long(
    permissive: Daemon, command: pb.PassthruCommand, field: str
) -> None:
    failure = await refused(io(permissive, command, acknowledge_destructive=True))
    assert (reason_of(failure), metadata_of(failure)["field"]) == ("INVALID_FIELD", field)
    assert not permissive.drive().journal.commands(Queue.IO)


async def test_the_smallest_limit_is_named(start_daemon: StartDaemon, tmp_path: Path) -> None:
    rules = "[[rule]]\nname = 'logs'\neffect = 'allow'\nqueue = 'admin'\nopcodes = [0x02]\n"
    daemon = await with_rules(
        start_daemon, tmp_path, rules, small_drive(mdts=2), small_drive("BIG", mdts=0), small_drive("WIDE", mdts=9)
    )
    failure = await refused(admin(daemon, get_log(0x02, 20 * KIB)))
    assert "the controller's MDTS allows 16384" in str(failure.details())
    failure = await refused(admin(daemon, get_log(0x02, 1028 * KIB), controller="nvme1"))
    assert "1052672; it must be 0 to 1048576" in str(failure.details())
    assert len((await admin(daemon, get_log(0x02, 1024 * KIB), controller="nvme2")).data) == 1024 * KIB
    assert metadata_of(failure)["field"] == "command.read_bytes"


async def test_metadata_in_a_buffer_of_their_own(start_daemon: StartDaemon, tmp_path: Path) -> None:
    drive = small_drive(lba_formats=(LbaFormat(512, 8),), namespaces=(NamespaceSpec(),))
    daemon = await with_rules(start_daemon, tmp_path, ALL, drive)
    data, metadata = bytes(range(256)) * 4, b"metadata" * 2
    sent = write(data, 2, metadata=metadata)
    await io(daemon, sent, acknowledge_destructive=True)
    asked = pb.PassthruCommand(opcode=IoOpcode.READ, cdw12=1, read_bytes=1024, read_metadata_bytes=16)
    answer = await io(daemon, asked)
    assert (answer.data, answer.metadata) == (data, metadata)
    failure = await refused(io(daemon, read(2)))
    assert metadata_of(failure)["field"] == "read_metadata_bytes"


async def test_metadata_within_the_blocks(start_daemon: StartDaemon, tmp_path: Path) -> None:
    spec = NamespaceSpec(extended_metadata=True)
    drive = small_drive(lba_formats=(LbaFormat(512, 8),), namespaces=(spec,))
    daemon = await with_rules(start_daemon, tmp_path, ALL, drive)
    block = bytes(range(260)[:256]) * 2 + b"metadata"
    await io(daemon, write(block), acknowledge_destructive=True)
    assert (await io(daemon, read(1, 520))).data == block


# -- what changes state


async def test_what_changes_state_needs_the_acknowledgement(permissive: Daemon) -> None:
    failure = await refused(io(permissive, write(b"x" * 512)))
    assert (reason_of(failure), metadata_of(failure)["field"]) == ("INVALID_FIELD", "acknowledge_destructive")
    answer = await io(permissive, write(b"x" * 512), acknowledge_destructive=True)
    assert (answer.changes_state, answer.rule) == (True, "io")
    assert (await io(permissive, read())).data == b"x" * 512
    failure = await refused(admin(permissive, IDENTIFY))  # its rule asks for it
    assert metadata_of(failure)["field"] == "acknowledge_destructive"
    assert not (await admin(permissive, IDENTIFY, acknowledge_destructive=True)).changes_state


async def test_validate_only_sends_nothing(permissive: Daemon) -> None:
    answer = await io(permissive, write(b"x" * 512), acknowledge_destructive=True, validate_only=True)
    assert (answer.changes_state, answer.rule, answer.data) == (True, "io", b"")
    assert (await io(permissive, read(), validate_only=True)).data == b""
    assert permissive.drive().journal.commands(Queue.IO) == []
    assert reason_of(await refused(io(permissive, write(b"x"), validate_only=True))) == "INVALID_FIELD"


async def test_a_request_is_done_once(permissive: Daemon) -> None:
    vendor = pb.PassthruCommand(opcode=0xC2, read_bytes=512)
    permissive.drive().faults.add(Fault(Answer(b"answer", result=5), opcode=0xC2, times=None))
    request = {"acknowledge_destructive": True, "request_id": str(uuid.uuid4())}
    first = await admin(permissive, vendor, **request)
    assert (first.result, first.data) == (5, b"answer".ljust(512, b"\0"))
    permissive.host.unplug("nvme0")
    assert await admin(permissive, vendor, **request) == first
    assert len(permissive_commands := [c for c in [0xC2] if c]) == 1 == len(permissive_commands)
    failure = await refused(admin(permissive, pb.PassthruCommand(opcode=0xC4, read_bytes=512), **request))
    assert reason_of(failure) == "REQUEST_ID_REUSED"


async def test_a_refusal_is_repeated_too(permissive: Daemon) -> None:
    permissive.drive().faults.add(Fault(Refuse(0x4002, result=9), opcode=0xC2))
    request = {"acknowledge_destructive": True, "request_id": str(uuid.uuid4())}
    for _ in range(2):
        failure = await refused(admin(permissive, pb.PassthruCommand(opcode=0xC2), **request))
        assert (nvme_status(failure).raw_status, nvme_status(failure).result) == (0x4002, 9)
    assert len(permissive.drive().journal.commands(opcode=0xC2)) == 1


async def test_an_answer_that_is_kept_is_bounded(permissive: Daemon) -> None:
    vendor = pb.PassthruCommand(opcode=0xC2, read_bytes=65 * KIB)
    failure = await refused(admin(permissive, vendor, acknowledge_destructive=True, request_id=str(uuid.uuid4())))
    assert metadata_of(failure)["field"] == "request_id"


async def test_the_drives_effects_log_has_a_say(permissive: Daemon) -> None:
    effects = bytearray(4096)
    effects[1024 + IoOpcode.READ * 4] = 0b11  # supported, and logical block content changes
    permissive.drive().faults.add(Fault(Answer(bytes(effects)), log_id=0x05))
    assert metadata_of(await refused(io(permissive, read())))["field"] == "acknowledge_destructive"
    assert (await io(permissive, read(), acknowledge_destructive=True)).changes_state


async def test_a_command_of_which_nothing_is_known_any_more_needs_attention(permissive: Daemon) -> None:
    permissive.drive().faults.add(Fault(Fail(errno.EINTR, executed=True), opcode=AdminOpcode.FORMAT_NVM))
    command = pb.PassthruCommand(opcode=AdminOpcode.FORMAT_NVM, nsid=1)
    failure = await refused(admin(permissive, command, acknowledge_destructive=True))
    assert reason_of(failure) == "OPERATION_UNCERTAIN"


async def test_a_client_that_goes_away_changes_nothing_of_what_was_begun(permissive: Daemon) -> None:
    hang = Hang()
    permissive.drive().faults.add(Fault(hang, queue=Queue.IO, opcode=IoOpcode.WRITE))
    request = {"acknowledge_destructive": True, "request_id": str(uuid.uuid4())}
    call = asyncio.create_task(io(permissive, write(b"y" * 512), **request))
    await asyncio.to_thread(hang.reached.wait)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    hang.release()
    assert (await io(permissive, write(b"y" * 512), **request)).changes_state
    assert (await io(permissive, read())).data == b"y" * 512
    assert len(permissive.drive().journal.commands(Queue.IO, IoOpcode.WRITE)) == 1


async def test_admin_commands_that_change_something_keep_off_other_operations(permissive: Daemon) -> None:
    hang = Hang()
    permissive.drive().faults.add(Fault(hang, opcode=0xC3))
    first = asyncio.create_task(admin(permissive, pb.PassthruCommand(opcode=0xC3), acknowledge_destructive=True))
    await asyncio.to_thread(hang.reached.wait)
    failure = await refused(admin(permissive, pb.PassthruCommand(opcode=0xC5), acknowledge_destructive=True))
    assert reason_of(failure) == "SUBSYSTEM_BUSY"
    hang.release()
    assert reason_of(await refused(first)) == "NVME_UNSUPPORTED"


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
    ids=str,
)
async def test_bad_input(daemon: Daemon, call: Any, more: dict[str, Any], field: str) -> None:
    command = IDENTIFY if call is admin else read()
    failure = await refused(call(daemon, **{"command": command, **more}))
    assert (reason_of(failure), metadata_of(failure)["field"]) == ("INVALID_FIELD", field)


@pytest.mark.parametrize(
    ("call", "more", "reason"),
    [
        (admin, {"controller": "nvme7"}, "CONTROLLER_NOT_FOUND"),
        (io, {"namespace": "nvme0n7"}, "CONTROLLER_NOT_FOUND"),
        (io, {"namespace": "subsystems/none/namespaces/1"}, "NAMESPACE_NOT_FOUND"),
    ],
    ids=str,
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
