"""Commands passed through to real drives: what comes back is what nvme-cli gets."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

import pytest
from nvmedctl import Client

from nvmed.errors import NvmedError
from nvmed.nvme.opcodes import AdminOpcode, IoOpcode
from nvmed.simulator.spec import MIB, DriveSpec, NamespaceSpec
from nvmed.simulator.subsystem import Subsystem
from nvmed.v1 import passthru_pb2 as pb
from nvmed.v1.passthru_pb2_grpc import PassthruServiceStub
from tests.vm import qemu, simulated
from tests.vm.daemon import Daemon
from tests.vm.guest import Guest
from tests.vm.test_vm_linux import named

if TYPE_CHECKING:
    from nvmed.v1.passthru_pb2_grpc import PassthruServiceAsyncStub

IDENTIFY = pb.PassthruCommand(opcode=AdminOpcode.IDENTIFY, cdw10=1, read_bytes=4096)
LOG = pb.PassthruCommand(
    opcode=AdminOpcode.GET_LOG_PAGE, nsid=0xFFFF_FFFF, cdw10=0x03 | 1 << 15 | 127 << 16, read_bytes=512
)
"""The firmware slot log: it does not change by itself."""


@pytest.fixture
async def client(daemon: Daemon) -> AsyncIterator[Client]:
    async with daemon.client() as connected:
        yield connected


@pytest.fixture
async def passthru(client: Client) -> PassthruServiceAsyncStub:
    stub: PassthruServiceAsyncStub = PassthruServiceStub(client.channel)
    return stub


async def admin(passthru: PassthruServiceAsyncStub, node: str, command: pb.PassthruCommand) -> pb.ExecuteAdminResponse:
    return await passthru.ExecuteAdmin(pb.ExecuteAdminRequest(controller=node, command=command))


@pytest.mark.parametrize("drive", qemu.CONTROLLERS, ids=lambda drive: drive.device)
async def test_identify_and_log_pages(guest: Guest, passthru: PassthruServiceAsyncStub, drive: qemu.Controller) -> None:
    node = guest.node(drive)
    found = await admin(passthru, node, IDENTIFY)
    assert found.data == guest.run("nvme", "id-ctrl", f"/dev/{node}", "-b").stdout
    assert (found.rule, found.changes_state) == ("identify", False)
    log = await admin(passthru, node, LOG)
    words = ["nvme", "admin-passthru", f"/dev/{node}", "--opcode=2", f"--cdw10={LOG.cdw10}", "-l512", "-r", "-b"]
    assert log.data == guest.run(*words, f"--namespace-id={LOG.nsid}").stdout


async def test_the_result_is_that_of_nvme_cli(guest: Guest, passthru: PassthruServiceAsyncStub) -> None:
    """Get Features, number of queues: a result without data."""
    node = guest.node(qemu.SOLO)
    found = await admin(passthru, node, pb.PassthruCommand(opcode=AdminOpcode.GET_FEATURES, cdw10=7))
    printed = guest.sh(f"nvme get-feature /dev/{node} -f 7")
    assert found.result > 0
    assert f"{found.result:#010x}" in printed or f"{found.result:#x}" in printed, printed


@pytest.mark.parametrize("kind", ["qemu", "simulated"])
async def test_blocks_written_and_read(guest: Guest, passthru: PassthruServiceAsyncStub, kind: str) -> None:
    if kind == "qemu":
        node = guest.node(qemu.SOLO)
        (namespace,) = named(guest, node)["namespaces"]
        await blocks_come_back(guest, passthru, namespace["node"])
        return
    subsystem = Subsystem(DriveSpec(serial="NVMED-PASSTHRU", namespaces=(NamespaceSpec(size_bytes=16 * MIB),)))
    with simulated.serving(guest, subsystem) as target, target.connected(guest, subsystem) as node:
        guest.wait(f"[ -b /dev/{node}n1 ]")
        await blocks_come_back(guest, passthru, f"{node}n1")


async def blocks_come_back(guest: Guest, passthru: PassthruServiceAsyncStub, namespace: str) -> None:
    """Written by nvmed they are read by the kernel and by nvme-cli, and the other way round."""
    data = os.urandom(8 * 512)
    write = pb.PassthruCommand(opcode=IoOpcode.WRITE, cdw10=16, cdw12=7, data=data)
    request = pb.ExecuteIoRequest(namespace=namespace, command=write)
    with pytest.raises(NvmedError) as failure:
        await passthru.ExecuteIo(request)
    assert failure.value.reason == "INVALID_FIELD"
    request.acknowledge_destructive = True
    assert (await passthru.ExecuteIo(request)).changes_state
    device = f"/dev/{namespace}"
    assert guest.run("dd", f"if={device}", "iflag=direct", "bs=512", "skip=16", "count=8").stdout == data
    assert guest.run("nvme", "read", device, "--start-block=16", "--block-count=7", "-z", "4096").stdout == data
    other = os.urandom(512)
    guest.sh(f"dd of={device} oflag=direct bs=512 seek=17 count=1 status=none", stdin=other)
    read = pb.PassthruCommand(opcode=IoOpcode.READ, cdw10=17, cdw12=0, read_bytes=512)
    assert (await passthru.ExecuteIo(pb.ExecuteIoRequest(namespace=namespace, command=read))).data == other


async def test_what_the_drive_refuses_and_what_policy_does(guest: Guest, passthru: PassthruServiceAsyncStub) -> None:
    node = guest.node(qemu.SOLO)
    unknown = pb.PassthruCommand(opcode=AdminOpcode.IDENTIFY, nsid=0x1000, cdw10=0, read_bytes=4096)
    with pytest.raises(NvmedError) as failure:
        await admin(passthru, node, unknown)
    assert failure.value.nvme is not None
    assert failure.value.nvme.raw & 0x7FF == 0x0B
    sanitize = pb.PassthruCommand(opcode=AdminOpcode.SANITIZE)
    with pytest.raises(NvmedError) as failure:
        await admin(passthru, node, sanitize)
    assert failure.value.reason == "POLICY_DENIED"
