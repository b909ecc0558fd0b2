"""What a drive tells and lets be done, over NVMe/TCP as in process: every log, namespaces, self-tests."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from nvmed.nvme import identify, logpage, namespace
from nvmed.nvme.ana import AnaState, parse_ana_log, parse_lba_status_log
from nvmed.nvme.effects import SupportedLogPages
from nvmed.nvme.health import SelfTestLog
from nvmed.nvme.namespace import NamespaceSettings
from nvmed.nvme.opcodes import AdminOpcode, LogPage
from nvmed.nvme.status import Queue
from nvmed.nvme.transport import Command
from nvmed.simulator.nvme_tcp import NvmeTcpTarget
from nvmed.simulator.spec import DriveSpec
from nvmed.simulator.subsystem import Subsystem
from tests.unit.simulator.nvme_tcp.initiator import Initiator

PAGE_BYTES = 4096
ESTABLISH = 1


@pytest.fixture
def subsystem() -> Subsystem:
    return Subsystem(DriveSpec(short_self_test_s=0))


@pytest.fixture
async def initiator(subsystem: Subsystem) -> AsyncIterator[Initiator]:
    async with NvmeTcpTarget([subsystem], port=0) as target, Initiator(target.port) as initiator:
        await initiator.connect(subsystem.nqn)
        yield initiator


async def read(initiator: Initiator, lid: int, size: int = PAGE_BYTES, *, lsp: int = 0) -> bytes:
    command = logpage.get_log_page(lid, size, lsp=lsp, rae=True)
    completion, data = await initiator.admin.submit(command, read_bytes=size)
    assert completion.status == 0, hex(completion.status)
    return data


async def change(initiator: Initiator, command: Command, data: bytes = b"") -> int:
    """The result of a command that is done."""
    completion, _ = await initiator.admin.submit(command, data)
    assert completion.status == 0, hex(completion.status)
    return completion.result


async def test_every_log_that_there_is(initiator: Initiator, subsystem: Subsystem) -> None:
    drive = subsystem.controller
    drive.mark_unreadable(1, 100, 5)
    drive.set_ana_state(2, AnaState.INACCESSIBLE)
    pages = SupportedLogPages.parse(await read(initiator, LogPage.SUPPORTED_LOG_PAGES, 1024)).identifiers
    assert {
        LogPage.ERROR_INFORMATION,
        LogPage.SMART_HEALTH_INFORMATION,
        LogPage.FIRMWARE_SLOT_INFORMATION,
        LogPage.COMMANDS_SUPPORTED_AND_EFFECTS,
        LogPage.DEVICE_SELF_TEST,
        LogPage.ASYMMETRIC_NAMESPACE_ACCESS,
        LogPage.PERSISTENT_EVENT,
        LogPage.LBA_STATUS_INFORMATION,
        LogPage.SANITIZE_STATUS,
        LogPage.OCP_SMART_EXTENDED,
    } <= set(pages)
    for lid in pages:
        received = await read(initiator, lid, lsp=ESTABLISH if lid == LogPage.PERSISTENT_EVENT else 0)
        expected = bytearray(PAGE_BYTES)
        command = logpage.get_log_page(lid, PAGE_BYTES, rae=True)
        assert drive.execute(Queue.ADMIN, command, expected).status == 0, hex(lid)
        assert received == expected, hex(lid)
    assert parse_lba_status_log(await read(initiator, LogPage.LBA_STATUS_INFORMATION, 48)).elements[0].nsid == 1
    states = [group.state for group in parse_ana_log(await read(initiator, LogPage.ASYMMETRIC_NAMESPACE_ACCESS)).groups]
    assert states == [AnaState.OPTIMIZED, AnaState.INACCESSIBLE]


async def test_a_namespace_is_made_attached_and_unmade(initiator: Initiator) -> None:
    async def attached() -> tuple[int, ...]:
        _, data = await initiator.admin.submit(identify.identify_namespace_list(0), read_bytes=PAGE_BYTES)
        return identify.parse_namespace_list(data)

    before = await attached()
    nsid = await change(initiator, *namespace.create(NamespaceSettings(nsze=2048, ncap=2048)))
    assert (nsid in before, await attached()) == (False, before)
    await change(initiator, *namespace.attach(nsid, (1,)))
    assert await attached() == tuple(sorted((*before, nsid)))
    await change(initiator, *namespace.detach(nsid, (1,)))
    await change(initiator, namespace.delete(nsid))
    assert await attached() == before


async def test_a_self_test_ends_in_its_log(initiator: Initiator) -> None:
    await change(initiator, Command(AdminOpcode.DEVICE_SELF_TEST, nsid=0xFFFF_FFFF, cdw10=1))
    log = SelfTestLog.parse(await read(initiator, LogPage.DEVICE_SELF_TEST, 564))
    assert [(result.code, result.result) for result in log.finished] == [(1, 0)]
