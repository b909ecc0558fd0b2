"""OCP's log pages over gRPC, of drives of each version and of drives that are not OCP's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from nvmed.nvme.feature_table_ocp import LATENCY_MONITOR
from nvmed.nvme.latency_monitor import MonitoredCommand
from nvmed.nvme.opcodes import AdminOpcode
from nvmed.simulator.faults import Fault, Patch, Refuse
from nvmed.simulator.spec import DriveSpec, OcpSpec
from nvmed.v1 import log_pb2, ocp_pb2
from tests.rpc.harness import Daemon, StartDaemon
from tests.rpc.log_calls import reads, refused, stub

PAGES = {
    0xC0: ("GetOcpSmartLog", log_pb2.GetOcpSmartLogRequest),
    0xC1: ("GetOcpErrorRecoveryLog", ocp_pb2.GetOcpErrorRecoveryLogRequest),
    0xC2: ("GetOcpFirmwareActivationHistory", ocp_pb2.GetOcpFirmwareActivationHistoryRequest),
    0xC3: ("GetLatencyMonitorLog", ocp_pb2.GetLatencyMonitorLogRequest),
    0xC4: ("GetOcpDeviceCapabilities", ocp_pb2.GetOcpDeviceCapabilitiesRequest),
    0xC5: ("GetOcpUnsupportedRequirements", ocp_pb2.GetOcpUnsupportedRequirementsRequest),
    0xC6: ("GetOcpHardwareComponents", ocp_pb2.GetOcpHardwareComponentsRequest),
    0xC7: ("GetOcpTcgConfigurationLog", ocp_pb2.GetOcpTcgConfigurationLogRequest),
    0xC9: ("GetOcpTelemetryStrings", ocp_pb2.GetOcpTelemetryStringsRequest),
}
GUID_AT = {0xC0: 496, 0xC1: 496, 0xC2: 4080, 0xC3: 496, 0xC4: 4080, 0xC5: 4080, 0xC6: 16, 0xC7: 496, 0xC9: 16}


def get(daemon: Daemon, lid: int, **fields: Any) -> Any:
    method, request = PAGES[lid]
    call: Callable[[Any], Any] = getattr(stub(daemon), method)
    return call(request(controller="nvme0", **fields))


@pytest.mark.parametrize("lid", PAGES)
async def test_another_vendors_page_is_an_error(daemon: Daemon, lid: int) -> None:
    assert (await get(daemon, lid)).controller.startswith("controllers/")
    daemon.drive().faults.add(Fault(Patch(GUID_AT[lid], b"another vendor's"), log_id=lid))
    assert await refused(get(daemon, lid)) == "NVME_UNSUPPORTED"


async def test_what_a_drive_does_not_list_is_not_asked_for(start_daemon: StartDaemon) -> None:
    daemon = await start_daemon(DriveSpec(serial="NO-OCP", ocp=None))
    for lid in PAGES:
        assert await refused(get(daemon, lid)) == "NVME_UNSUPPORTED"
        assert reads(daemon.drive(), lid) == []
    assert len(reads(daemon.drive(), 0)) == 1
    old = await start_daemon(DriveSpec(serial="OLD", ocp=OcpSpec((2, 0))))
    assert [lid for lid in PAGES if lid >= 0xC6 and await refused(get(old, lid)) != "NVME_UNSUPPORTED"] == []


async def test_a_list_of_pages_that_cannot_be_read_is_none(daemon: Daemon) -> None:
    daemon.drive().faults.add(Fault(Refuse(0x2), log_id=0))
    assert (await get(daemon, 0xC4)).pcie_ports == 1


@pytest.mark.parametrize(("version", "page"), [((2, 0), 3), ((2, 5), 4), ((2, 6), 5), ((2, 7), 6)])
async def test_c0_by_version(start_daemon: StartDaemon, version: tuple[int, int], page: int) -> None:
    log = await get(await start_daemon(DriveSpec(serial="VERSION", ocp=OcpSpec(version))), 0xC0)
    assert (log.specification_version, log.log_page_version) == (f"{version[0]}.{version[1]}", page)
    assert log.HasField("lowest_permitted_firmware_revision") is (page >= 4)
    assert log.HasField("total_media_dies") is log.HasField("dssd_firmware_revision") is (page >= 5)
    assert log.HasField("form_factor") is (page >= 6)


async def test_health_says_what_follows_from_it(daemon: Daemon) -> None:
    health = daemon.drive().health
    health.bytes_written, health.bytes_read = 2 * 512_000, 512_000
    derived = (await get(daemon, 0xC0)).derived
    assert (derived.write_amplification, derived.read_amplification, derived.host_bytes_written) == (1, 1, 1_024_000)
    assert (derived.user_spare_percent, derived.capacitor_health_percent) == (100, 100)
    daemon.drive().faults.add(Fault(Refuse(0x6), log_id=2))
    log = await get(daemon, 0xC0)
    assert not log.derived.HasField("write_amplification")
    assert [one.field for one in log.omissions] == ["derived.write_amplification"]
    assert log.capacitor_health_percent == 100


async def test_a_panic_and_what_to_do_with_it(daemon: Daemon) -> None:
    with daemon.drive().lock:
        daemon.drive().subsystem.ocp.panic(0xABC, reset_action=0b11, recovery_action=0b10)
        daemon.drive().subsystem.ocp.panic(0xDEF, reset_action=0b10000, recovery_action=0b10001)
    log = await get(daemon, 0xC1)
    kind = ocp_pb2.OcpErrorRecoveryLog
    assert (log.panic_id, log.panic_count, list(log.previous_panic_ids)) == (0xDEF, 2, [0xABC])
    assert list(log.reset_actions) == [kind.RESET_ACTION_POWER_CYCLE]
    assert list(log.recovery_actions) == [kind.RECOVERY_ACTION_NONE_REQUIRED, kind.RECOVERY_ACTION_REPLACE]


async def test_firmware_activations_and_clearing_them_once(daemon: Daemon) -> None:
    firmware = daemon.drive().subsystem.firmware
    firmware.slots[1] = "2.0.0"
    firmware.wait_for_reset(2, firmware.spec.activation)
    daemon.drive().reset()
    log = await get(daemon, 0xC2)
    assert [(one.previous_revision, one.new_revision, one.slot) for one in log.activations] == [("1.0.0", "2.0.0", 2)]
    assert log.activations[0].status_mnemonic == "NVME_SC_SUCCESS"
    request = ocp_pb2.ClearOcpFirmwareActivationHistoryRequest(controller="nvme0", validate_only=True)
    assert (await stub(daemon).ClearOcpFirmwareActivationHistory(request)).cleared_activations == 1
    assert len((await get(daemon, 0xC2)).activations) == 1
    request.validate_only, request.request_id = False, "6f2b1f2e-3f5c-4a63-9d0c-9f0f9d6c2a11"
    for _ in range(2):
        assert (await stub(daemon).ClearOcpFirmwareActivationHistory(request)).cleared_activations == 1
    assert len((await get(daemon, 0xC2)).activations) == 0
    assert len(sets(daemon)) == 1


def sets(daemon: Daemon) -> list[Any]:
    return daemon.drive().journal.commands(opcode=AdminOpcode.SET_FEATURES)


async def test_the_latency_monitor_counts_and_is_set(daemon: Daemon) -> None:
    drive = daemon.drive()
    with drive.lock:
        for ms in (29, 30, 99, 100, 500):
            drive.latency_monitor.observe(MonitoredCommand.READ, ms)
    log = await get(daemon, 0xC3)
    assert [bucket.from_ms for bucket in log.active_buckets] == [30, 100, 155, 235]
    assert [bucket.read.count for bucket in log.active_buckets] == [2, 1, 0, 1]
    assert log.active_buckets[0].read.measurement.latency_ms == 99
    assert (log.timer_threshold_minutes, log.minimum_window_ms, log.enabled) == (7 * 24 * 60, 1000, True)
    configure = ocp_pb2.ConfigureLatencyMonitorRequest(controller="nvme0", threshold_a_ms=50, validate_only=True)
    assert (await stub(daemon).ConfigureLatencyMonitor(configure)).buckets_reset
    assert sets(daemon) == []
    configure.validate_only = False
    await stub(daemon).ConfigureLatencyMonitor(configure)
    log = await get(daemon, 0xC3)
    assert [bucket.from_ms for bucket in log.active_buckets] == [50, 100, 155, 235]
    assert [bucket.read.count for bucket in log.active_buckets] == [0, 0, 0, 0]
    assert [command.cdw10 for command in sets(daemon)] == [1 << 31 | LATENCY_MONITOR]


async def test_the_debug_log_alone_is_discarded_without_emptying_buckets(daemon: Daemon) -> None:
    with daemon.drive().lock:
        daemon.drive().latency_monitor.observe(MonitoredCommand.WRITE, 300)
    request = ocp_pb2.ConfigureLatencyMonitorRequest(controller="nvme0", discard_debug_log=True)
    assert not (await stub(daemon).ConfigureLatencyMonitor(request)).buckets_reset
    assert (await get(daemon, 0xC3)).active_buckets[3].write.count == 1


@pytest.mark.parametrize(
    "fields", [{"threshold_a_ms": 100}, {"threshold_d_ms": 30}, {"threshold_b_ms": 7}, {"minimum_window_ms": 150},
               {"timer_threshold_minutes": 3}, {"latency_mode_bits": 0x1000}, {"threshold_a_ms": 0}],
)  # fmt: skip
async def test_what_cannot_be_set_is_refused_before_the_drive_is_asked(daemon: Daemon, fields: dict[str, int]) -> None:
    request = ocp_pb2.ConfigureLatencyMonitorRequest(controller="nvme0", **fields)  # type: ignore[arg-type]
    assert await refused(stub(daemon).ConfigureLatencyMonitor(request)) == "INVALID_FIELD"
    assert sets(daemon) == []


async def test_capabilities_requirements_components_and_locking(start_daemon: StartDaemon) -> None:
    spec = OcpSpec((2, 7), unsupported_requirements=("TEL-3", "SEC-22"))
    daemon = await start_daemon(DriveSpec(serial="PARTS", ocp=spec))
    capabilities = await get(daemon, 0xC4)
    assert capabilities.sanitize.crypto_erase
    assert capabilities.write_uncorrectable.single_block
    assert [one.watts for one in capabilities.power_states] == [*range(5, 26)]
    assert list((await get(daemon, 0xC5)).requirement_ids) == ["SEC-22", "TEL-3"]
    parts = (await get(daemon, 0xC6)).components
    assert [(one.kind, one.additional_information) for one in parts] == [(1, b""), (2, b""), (9, b"PARTS")]
    assert (await get(daemon, 0xC7)).locking_objects == 16
    strings = await get(daemon, 0xC9)
    assert (len(strings.data), strings.firmware_revision) == (strings.size_bytes, "1.0.0")
    assert b"Host write commands" in strings.data


async def test_components_that_make_no_sense_cost_only_themselves(daemon: Daemon) -> None:
    daemon.drive().faults.add(Fault(Patch(64 + 44 + 8, b"\xff" * 8), log_id=0xC6, times=2))
    log = await get(daemon, 0xC6)
    assert [one.field for one in log.omissions] == ["components"]
    assert len(log.components) < 3
