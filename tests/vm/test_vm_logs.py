"""Logs through real ioctls: byte for byte what nvme-cli reads from the same controller, and decoded as it decodes."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Awaitable, Iterator
from typing import TYPE_CHECKING, Any

import pytest
from nvmedctl import Client

from nvmed.errors import NvmedError
from nvmed.nvme.ana import AnaState
from nvmed.simulator.spec import MIB, DriveSpec, NamespaceSpec
from nvmed.simulator.subsystem import Subsystem
from nvmed.v1 import log_pb2 as pb
from nvmed.v1.log_pb2_grpc import LogServiceStub
from tests.vm import nvmet, qemu, simulated
from tests.vm.daemon import Daemon
from tests.vm.guest import Guest
from tests.vm.nvmet import Namespace, Port, Target

if TYPE_CHECKING:
    from nvmed.v1.log_pb2_grpc import LogServiceAsyncStub

NQN = "nqn.2026-01.dev.nvmed:logs"
KELVIN = 273


@pytest.fixture
async def client(daemon: Daemon) -> AsyncIterator[Client]:
    async with daemon.client() as connected:
        yield connected


@pytest.fixture
async def logs(client: Client) -> LogServiceAsyncStub:
    stub: LogServiceAsyncStub = LogServiceStub(client.channel)
    return stub


@contextlib.contextmanager
def connected(guest: Guest) -> Iterator[tuple[Subsystem, str]]:
    """A simulated drive, and its node."""
    subsystem = Subsystem(DriveSpec(serial="NVMED-LOGS", namespaces=(NamespaceSpec(size_bytes=16 * MIB),)))
    with simulated.serving(guest, subsystem) as target, target.connected(guest, subsystem) as node:
        yield subsystem, node


def raw(guest: Guest, node: str, lid: int, size: int, *options: str) -> bytes:
    """A log page as `nvme get-log` reads it; the asynchronous event stays."""
    words = ["nvme", "get-log", f"/dev/{node}", "-i", str(lid), "-l", str(size), "-b", "--rae", *options]
    data = guest.run(*words).stdout
    assert len(data) == size
    return data


def ana_by_nvme_cli(guest: Guest, node: str) -> list[tuple[int, str, list[int]]]:
    """Each group with its state and namespaces, as `nvme ana-log` tells them."""
    log = guest.json(f"nvme ana-log /dev/{node} -o json")
    return [
        (group["grpid"], group["state"], [one["nsid"] for one in group.get("NSIDS", [])])
        for group in log["ANA DESC LIST "]
    ]


def told(log: pb.AnaLog) -> list[tuple[int, str, list[int]]]:
    """The same of nvmed's answer, in nvme-cli's words."""
    names = {pb.ANA_STATE_PERSISTENT_LOSS: "persistent-loss", pb.ANA_STATE_NON_OPTIMIZED: "non-optimized"}
    return [
        (
            group.group_id,
            names.get(group.state, pb.AnaState.Name(group.state).removeprefix("ANA_STATE_").lower()),
            list(group.nsids),
        )
        for group in log.groups
    ]


@pytest.mark.parametrize("transport", ["tcp", "loop"])
async def test_ana_of_the_kernels_target(guest: Guest, logs: LogServiceAsyncStub, transport: str) -> None:
    """Read, and read again once the kernel heard of a change."""
    port = Port(transport, 4420, ana={1: "optimized", 2: "inaccessible"})
    target = Target(NQN, namespaces=[Namespace(1), Namespace(2, ana_group=2)], ports=[port])
    with nvmet.serving(guest, target), nvmet.connected(guest, target) as node:
        request = pb.GetAnaLogRequest(controller=node, include_raw=True)
        before = await logs.GetAnaLog(request)
        assert before.raw == raw(guest, node, 0x0C, len(before.raw))
        assert told(before) == ana_by_nvme_cli(guest, node)
        states = {group.group_id: group.state for group in before.groups}
        assert (states[1], states[2]) == (pb.ANA_STATE_OPTIMIZED, pb.ANA_STATE_INACCESSIBLE)
        size = await logs.GetAnaLogSize(pb.GetAnaLogSizeRequest(controller=node))
        assert (size.supported, size.size_bytes >= len(before.raw)) == (True, True)
        identify = guest.run("nvme", "id-ctrl", f"/dev/{node}", "-b").stdout
        computed = await logs.GetAnaLogSize(pb.GetAnaLogSizeRequest(identify_controller=identify))
        assert computed.size_bytes == size.size_bytes

        nvmet.set_ana_state(guest, target, port, 2, "non-optimized")
        nvmet.wait_ana_state(guest, node, 2, "non-optimized")
        after = await logs.GetAnaLog(request)
        assert told(after) == ana_by_nvme_cli(guest, node)
        assert after.change_count > before.change_count
        assert {group.group_id: group.state for group in after.groups}[2] == pb.ANA_STATE_NON_OPTIMIZED


async def test_ana_of_a_simulated_drive(guest: Guest, logs: LogServiceAsyncStub) -> None:
    with connected(guest) as (subsystem, node):
        subsystem.set_ana_state(2, AnaState.PERSISTENT_LOSS)
        log = await logs.GetAnaLog(pb.GetAnaLogRequest(controller=node, include_raw=True))
        assert log.raw == raw(guest, node, 0x0C, len(log.raw))
        assert told(log) == ana_by_nvme_cli(guest, node)
        assert told(log)[1][:2] == (2, "persistent-loss")


@pytest.mark.parametrize("kind", ["qemu", "simulated"])
async def test_health_is_what_nvme_cli_says(guest: Guest, logs: LogServiceAsyncStub, kind: str) -> None:
    with contextlib.ExitStack() as stack:
        if kind == "qemu":
            node = guest.node(qemu.SOLO)
            guest.critical_warning(qemu.SOLO, 0x04)
            stack.callback(guest.critical_warning, qemu.SOLO, 0)
        else:
            subsystem, node = stack.enter_context(connected(guest))
            subsystem.controller.set_critical_warning(0x04)
        log = await logs.GetSmartLog(pb.GetSmartLogRequest(controller=node, include_raw=True))
        smart = guest.json(f"nvme smart-log /dev/{node} -o json")
        assert same_but_for_reads(log.raw, raw(guest, node, 2, 512))
    assert list(log.critical_warnings) == [pb.SmartLog.CRITICAL_WARNING_RELIABILITY_DEGRADED]
    assert smart["critical_warning"] == 0x04
    ours = {
        "temperature": log.temperature_celsius + KELVIN,
        "avail_spare": log.available_spare_percent,
        "spare_thresh": log.available_spare_threshold_percent,
        "percent_used": log.percentage_used,
        "data_units_written": log.data_units_written,
        "host_write_commands": log.host_write_commands,
        "power_cycles": log.power_cycles,
        "power_on_hours": log.power_on_hours,
        "unsafe_shutdowns": log.unsafe_shutdowns,
        "media_errors": log.media_errors,
        "num_err_log_entries": log.error_log_entries,
    }
    assert ours == {name: int(smart[name]) for name in ours}


def same_but_for_reads(one: bytes, other: bytes) -> bool:
    """Whether two SMART logs are equal but for what udev reads meanwhile: data units and commands read."""
    counted = (slice(32, 48), slice(64, 80))
    blank = [bytearray(log) for log in (one, other)]
    for log in blank:
        for part in counted:
            log[part] = bytes(16)
    return blank[0] == blank[1]


async def test_errors_are_those_of_nvme_cli(guest: Guest, logs: LogServiceAsyncStub) -> None:
    with connected(guest) as (_, node):
        assert guest.run("nvme", "admin-passthru", f"/dev/{node}", "--opcode=0x7d", "--namespace-id=5").returncode
        found = await logs.ListErrorLogEntries(pb.ListErrorLogEntriesRequest(controller=node, include_raw=True))
        assert found.raw == raw(guest, node, 1, len(found.raw))
        newest = found.error_log_entries[0]
        assert (newest.opcode, newest.nsid, newest.status_mnemonic) == (0x7D, 5, "NVME_SC_INVALID_OPCODE")
        (entry, *_) = guest.json(f"nvme error-log /dev/{node} -e 1 -o json")["errors"]
        assert (entry["error_count"], entry["nsid"], entry["status_field"]) == (
            newest.error_count, newest.nsid, newest.raw_status,
        )  # fmt: skip


async def test_lba_status(guest: Guest, logs: LogServiceAsyncStub) -> None:
    with connected(guest) as (subsystem, node):
        guest.wait(f"[ -b /dev/{node}n1 ]")
        subsystem.controller.mark_unreadable(1, 1000, 24)
        log = await logs.GetLbaStatusLog(pb.GetLbaStatusLogRequest(controller=node, include_raw=True))
        assert log.raw == raw(guest, node, 0x0E, log.size_bytes)
        (element,) = log.elements
        assert (element.nsid, [(one.start_lba, one.block_count) for one in element.ranges]) == (1, [(1000, 24)])
        read = guest.run("dd", f"if=/dev/{node}n1", "iflag=direct", "bs=512", "skip=1000", "count=1", "of=/dev/null")
        assert read.returncode, "the kernel read what cannot be read"


PAGES = ((0x00, 1024), (0x01, 128), (0x03, 512), (0x05, 4096), (0x06, 564), (0x81, 512))


async def test_pages_as_bytes(guest: Guest, logs: LogServiceAsyncStub) -> None:
    """ReadLogPage, in pieces and from an offset, against `nvme get-log`."""
    with connected(guest) as (_, node):
        for lid, size in PAGES:
            assert await page(logs, node, log_page=lid, length_bytes=size) == raw(guest, node, lid, size)
        pieces = await page(logs, node, log_page=5, length_bytes=2048, offset_bytes=1024, max_transfer_bytes=512)
        assert pieces == raw(guest, node, 5, 4096)[1024:3072]
        effects = await logs.GetEffectsLog(pb.GetEffectsLogRequest(controller=node, include_raw=True))
        assert effects.raw == raw(guest, node, 5, 4096)
        tests = await logs.GetSelfTestLog(pb.GetSelfTestLogRequest(controller=node, include_raw=True))
        assert tests.raw == raw(guest, node, 6, 564)
        sanitize = await logs.GetSanitizeStatus(pb.GetSanitizeStatusRequest(controller=node, include_raw=True))
        assert sanitize.raw == raw(guest, node, 0x81, 512)


async def page(logs: LogServiceAsyncStub, node: str, **fields: int) -> bytes:
    """A page by ReadLogPage."""
    request = pb.ReadLogPageRequest(controller=node, **fields)  # type: ignore[arg-type]
    return b"".join([part.chunk.data async for part in logs.ReadLogPage(request) if part.HasField("chunk")])


async def test_a_self_test_is_seen_by_nvme_cli(guest: Guest, logs: LogServiceAsyncStub) -> None:
    with connected(guest) as (_, node):
        await logs.StartSelfTest(pb.StartSelfTestRequest(controller=node, test=pb.SELF_TEST_SHORT))
        assert raw(guest, node, 6, 564)[0] & 0xF == pb.SELF_TEST_SHORT
        log = await logs.GetSelfTestLog(pb.GetSelfTestLogRequest(controller=node))
        assert log.running == pb.SELF_TEST_SHORT
        await logs.StartSelfTest(pb.StartSelfTestRequest(controller=node, test=pb.SELF_TEST_ABORT))
        assert raw(guest, node, 6, 564)[0] & 0xF == 0


async def test_logs_that_qemu_does_not_have(guest: Guest, logs: LogServiceAsyncStub) -> None:
    node = guest.node(qemu.SOLO)
    which: dict[str, Any] = {"controller": node}
    capabilities_tell: list[Awaitable[Any]] = [
        logs.GetAnaLog(pb.GetAnaLogRequest(**which)),
        logs.GetSelfTestLog(pb.GetSelfTestLogRequest(**which)),
        logs.GetSanitizeStatus(pb.GetSanitizeStatusRequest(**which)),
    ]
    the_drive_tells: list[Awaitable[Any]] = [
        logs.GetLbaStatusLog(pb.GetLbaStatusLogRequest(**which)),
        logs.GetOcpSmartLog(pb.GetOcpSmartLogRequest(**which)),
    ]
    assert [await refused(call) for call in capabilities_tell] == ["NVME_UNSUPPORTED"] * 3
    assert [await refused(call) for call in the_drive_tells] == ["NVME_INVALID_FIELD"] * 2


async def refused(call: Awaitable[Any]) -> str:
    with pytest.raises(NvmedError) as failure:
        await call
    return failure.value.reason
