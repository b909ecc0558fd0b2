"""Formatting namespaces over the wire: what it takes, what it does, and what must not be formatted."""

from __future__ import annotations

from typing import Any

import grpc
import pytest

from nvmed.nvme.namespace import decode_format
from nvmed.nvme.opcodes import AdminOpcode
from nvmed.simulator.controller import Controller
from nvmed.simulator.faults import Fault, Patch
from nvmed.simulator.spec import MIB, DriveSpec, NamespaceSpec
from nvmed.v1 import namespace_pb2 as pb
from tests.rpc.harness import Daemon, StartDaemon
from tests.rpc.namespace_calls import PAIR, ended, gates_of, refused, sent, stub, wait


@pytest.fixture
async def pair(start_daemon: StartDaemon) -> Daemon:
    return await start_daemon(PAIR)


async def test_format_to_another_block_size(pair: Daemon) -> None:
    request = pb.FormatNamespaceRequest(controller="nvme1", nsid=3, logical_block_bytes=4096)
    assert await refused(stub(pair).FormatNamespace(request)) == "INVALID_FIELD"
    request.acknowledge_data_loss = True
    done = await ended(pair, await stub(pair).FormatNamespace(request), pb.FormatNamespaceResponse)
    assert (list(done.nsids), done.lba_format, done.logical_block_bytes) == ([3], 1, 4096)
    assert done.host_view == pb.HOST_VIEW_SHOWN
    shown = [one.logical_block_bytes for one in pair.host.scan()[1].namespaces if one.nsid == 3]
    assert shown == [4096]


async def test_format_keeps_the_format_unless_told(pair: Daemon) -> None:
    request = pb.FormatNamespaceRequest(
        controller="nvme0", nsid=1, secure_erase=pb.SECURE_ERASE_CRYPTOGRAPHIC, acknowledge_data_loss=True
    )
    done = await ended(pair, await stub(pair).FormatNamespace(request), pb.FormatNamespaceResponse)
    assert (done.lba_format, done.logical_block_bytes) == (0, 512)
    (command,) = pair.drive().journal.commands(opcode=AdminOpcode.FORMAT_NVM)
    assert decode_format(command).secure_erase == 2
    assert command.timeout_ms == 600_000


async def test_a_namespace_in_use_is_not_formatted(pair: Daemon) -> None:
    pair.host.occupy(pair.host.scan()[0].namespaces[0].node, "/")
    request = pb.FormatNamespaceRequest(controller="nvme0", nsid=1, acknowledge_data_loss=True, validate_only=True)
    with pytest.raises(grpc.aio.AioRpcError) as failure:
        await stub(pair).FormatNamespace(request)
    assert gates_of(failure.value) == ["BOOT_DEVICE", "IN_USE"]
    other = pb.FormatNamespaceRequest(controller="nvme1", nsid=3, acknowledge_data_loss=True, validate_only=True)
    assert (await stub(pair).FormatNamespace(other)).done
    everything = pb.FormatNamespaceRequest(
        controller="nvme1", all_namespaces=True, acknowledge_data_loss=True, validate_only=True
    )
    assert await refused(stub(pair).FormatNamespace(everything)) == "GATE_FAILED"
    assert sent(pair.drive(), AdminOpcode.FORMAT_NVM) == 0


def says_fna(drive: Controller, fna: int) -> None:
    """Let Identify Controller have another FNA, byte 524."""
    controller_cns = Fault(
        Patch(524, bytes([fna])),
        opcode=AdminOpcode.IDENTIFY,
        where=lambda command: command.cdw10 & 0xFF == 1,
        times=None,
    )
    drive.faults.add(controller_cns)


async def test_a_drive_that_can_only_format_everything_must_be_told_so(pair: Daemon) -> None:
    says_fna(pair.drive(), 0b101)
    one = pb.FormatNamespaceRequest(controller="nvme0", nsid=1, acknowledge_data_loss=True)
    waited = await wait(pair, await stub(pair).FormatNamespace(one))
    assert "all_namespaces" in waited.error.message
    everything = pb.FormatNamespaceRequest(controller="nvme0", all_namespaces=True, acknowledge_data_loss=True)
    done = await ended(pair, await stub(pair).FormatNamespace(everything), pb.FormatNamespaceResponse)
    assert list(done.nsids) == [1]
    assert [command.nsid for command in pair.drive().journal.commands(opcode=AdminOpcode.FORMAT_NVM)] == [0xFFFF_FFFF]


async def test_what_a_drive_cannot_erase_is_refused(pair: Daemon) -> None:
    says_fna(pair.drive(), 0b1000)
    request = pb.FormatNamespaceRequest(
        controller="nvme0", nsid=1, secure_erase=pb.SECURE_ERASE_CRYPTOGRAPHIC, acknowledge_data_loss=True,
        validate_only=True,
    )  # fmt: skip
    assert await refused(stub(pair).FormatNamespace(request)) == "NVME_UNSUPPORTED"
    everything = pb.FormatNamespaceRequest(
        controller="nvme0", all_namespaces=True, acknowledge_data_loss=True, validate_only=True
    )
    assert await refused(stub(pair).FormatNamespace(everything)) == "NVME_UNSUPPORTED"


@pytest.mark.parametrize(
    "fields",
    [{}, {"nsid": 1, "all_namespaces": True}, {"nsid": 1, "lba_format": 9}, {"nsid": 1, "timeout_ms": 1}],
    ids=str,
)
async def test_formats_that_make_no_sense(pair: Daemon, fields: dict[str, Any]) -> None:
    request = pb.FormatNamespaceRequest(controller="nvme0", acknowledge_data_loss=True, validate_only=True, **fields)
    assert await refused(stub(pair).FormatNamespace(request)) == "INVALID_FIELD"


async def test_a_format_goes_on_until_the_drive_is_done(start_daemon: StartDaemon) -> None:
    daemon = await start_daemon(DriveSpec(serial="SLOW", format_s=0.3))
    request = pb.FormatNamespaceRequest(controller="nvme0", nsid=1, acknowledge_data_loss=True)
    await ended(daemon, await stub(daemon).FormatNamespace(request), pb.FormatNamespaceResponse)
    shown = await stub(daemon).GetNamespaceIdentity(pb.GetNamespaceIdentityRequest(controller="nvme0", nsid=1))
    assert shown.format_remaining_percent == 0


TWO = DriveSpec(serial="TWO", namespaces=(NamespaceSpec(size_bytes=16 * MIB), NamespaceSpec(size_bytes=16 * MIB)))


async def test_all_keep_their_format_if_it_is_the_same_and_else_it_must_be_named(start_daemon: StartDaemon) -> None:
    daemon = await start_daemon(TWO)
    everything = pb.FormatNamespaceRequest(controller="nvme0", all_namespaces=True, acknowledge_data_loss=True)
    done = await ended(daemon, await stub(daemon).FormatNamespace(everything), pb.FormatNamespaceResponse)
    assert (list(done.nsids), done.lba_format) == ([1, 2], 0)
    second = pb.FormatNamespaceRequest(controller="nvme0", nsid=2, lba_format=1, acknowledge_data_loss=True)
    await ended(daemon, await stub(daemon).FormatNamespace(second), pb.FormatNamespaceResponse)
    everything.validate_only = True
    with pytest.raises(grpc.aio.AioRpcError) as failure:
        await stub(daemon).FormatNamespace(everything)
    assert "lba_format: is required" in (failure.value.details() or "")
    assert "namespace 1: format 0; namespace 2: format 1" in (failure.value.details() or "")
    everything.lba_format = 1
    assert (await stub(daemon).FormatNamespace(everything)).done
