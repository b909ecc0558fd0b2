"""Commands passed through: what a drive would do with a buffer, what changes state, and what is done only once."""

from __future__ import annotations

import asyncio
import errno
import uuid
from pathlib import Path

import pytest

from nvmed.nvme.identify import identify_controller
from nvmed.nvme.opcodes import AdminOpcode, IoOpcode
from nvmed.nvme.status import Queue
from nvmed.simulator.faults import Answer, Fail, Fault, Hang, Refuse
from nvmed.simulator.spec import LbaFormat, NamespaceSpec
from nvmed.v1 import passthru_pb2 as pb
from tests.rpc.harness import KIB, Daemon, StartDaemon, reason_of, small_drive
from tests.rpc.passthru_calls import (
    ALL,
    IDENTIFY,
    admin,
    get_log,
    io,
    metadata_of,
    nvme_status,
    read,
    refused,
    with_rules,
    write,
)

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
