"""OCP's log pages through real ioctls: what a simulated drive over NVMe/TCP counts, and what nvme-cli reads of it."""

from __future__ import annotations

from nvmedctl import Client

from nvmed.nvme.opcodes import IoOpcode
from nvmed.nvme.status import Queue
from nvmed.simulator.faults import Delay, Fault
from nvmed.simulator.spec import MIB, DriveSpec, NamespaceSpec
from nvmed.simulator.subsystem import Subsystem
from nvmed.v1 import log_pages_pb2, ocp_pb2
from tests.vm import simulated
from tests.vm.daemon import Daemon
from tests.vm.guest import Guest

BOOT = b"\x5a" * 128 * 1024, b"\xa5" * 128 * 1024
SLOW_MS = 120


async def test_the_latency_monitor_counts_what_a_kernel_waits_for(guest: Guest, daemon: Daemon) -> None:
    subsystem = Subsystem(DriveSpec(serial="NVMED-OCP", namespaces=(NamespaceSpec(size_bytes=16 * MIB),)))
    async with daemon.client() as client:
        with simulated.serving(guest, subsystem) as target, target.connected(guest, subsystem) as node:
            await count_and_configure(guest, client, subsystem, node)


async def count_and_configure(guest: Guest, client: Client, subsystem: Subsystem, node: str) -> None:
    subsystem.controller.faults.add(Fault(Delay(SLOW_MS), opcode=IoOpcode.READ, queue=Queue.IO, times=3))
    for block in range(3):
        guest.run("dd", f"if=/dev/{node}n1", "of=/dev/null", "bs=4096", "count=1", f"skip={block}", "iflag=direct")
    request = ocp_pb2.GetLatencyMonitorLogRequest(controller=node, include_raw=True)
    log = await client.logs.GetLatencyMonitorLog(request)
    slow = [bucket for bucket in log.active_buckets if bucket.read.count]
    assert sum(bucket.read.count for bucket in slow) >= 3
    assert all(bucket.from_ms >= 100 for bucket in slow)
    assert all(bucket.read.measurement.latency_ms >= SLOW_MS for bucket in slow)
    words = ["nvme", "get-log", f"/dev/{node}", "-i", "0xc3", "-l", "512", "-b", "--rae"]
    assert guest.run(*words).stdout == log.raw
    configure = ocp_pb2.ConfigureLatencyMonitorRequest(controller=node, threshold_a_ms=50, timer_threshold_minutes=60)
    assert (await client.logs.ConfigureLatencyMonitor(configure)).buckets_reset
    after = await client.logs.GetLatencyMonitorLog(request)
    assert [bucket.from_ms for bucket in after.active_buckets] == [50, 100, 155, 235]
    assert after.timer_threshold_minutes == 60
    assert guest.run(*words).stdout[6] == 50 // 5 - 1


async def test_other_pages_of_a_drive_that_has_them(guest: Guest, daemon: Daemon) -> None:
    spec = DriveSpec(
        serial="NVMED-PAGES", namespaces=(NamespaceSpec(size_bytes=16 * MIB),), endurance_groups=1,
        boot_partitions=BOOT, capacity_management=True,
    )  # fmt: skip
    subsystem = Subsystem(spec)
    async with daemon.client() as client:
        with simulated.serving(guest, subsystem) as target, target.connected(guest, subsystem) as node:
            group = log_pages_pb2.GetEnduranceGroupLogRequest(controller=node, endurance_group_id=1, include_raw=True)
            log = await client.logs.GetEnduranceGroupLog(group)
            assert log.total_capacity_bytes == spec.capacity_bytes
            shown = guest.json(f"nvme endurance-log /dev/{node} -g 1 -o json")
            assert int(shown["avl_spare"]) == log.available_spare_percent
            boot = await client.logs.GetBootPartition(log_pages_pb2.GetBootPartitionRequest(controller=node))
            assert (boot.size_bytes, boot.active_partition_id) == (128 * 1024, 0)
            units = await client.logs.GetMediaUnitStatusLog(log_pages_pb2.GetMediaUnitStatusLogRequest(controller=node))
            assert len(units.media_units) == units.media_unit_count == 8
            health = guest.json(f"nvme ocp smart-add-log /dev/{node} -o json")
            assert health
