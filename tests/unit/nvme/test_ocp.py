"""OCP's log pages: layouts by the specification's bytes, and no page that a drive may write breaks a parser."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nvmed.errors import NvmedError
from nvmed.nvme import ocp
from nvmed.nvme.hardware_components import (
    Component,
    ComponentHead,
    ComponentKind,
    ComponentsHeader,
    build_components,
    parse_components,
)
from nvmed.nvme.health import OCP_2_5, OcpSmartLog, SmartLog
from nvmed.nvme.latency_config import LatencyMonitorConfig
from nvmed.nvme.latency_monitor import (
    LatencyMonitorLog,
    MonitoredCommand,
    config_of,
    set_latency_monitor,
)
from nvmed.nvme.layout import Structure, collected
from nvmed.nvme.ocp import (
    DeviceCapabilities,
    ErrorRecoveryLog,
    FirmwareActivation,
    FirmwareActivationHistory,
    TcgActivity,
    TcgConfigurationLog,
    UnsupportedRequirements,
)
from nvmed.nvme.ocp_telemetry import StringsHeader

PAGES: tuple[type[Structure], ...] = (
    ErrorRecoveryLog, FirmwareActivationHistory, LatencyMonitorLog, DeviceCapabilities, UnsupportedRequirements,
    TcgConfigurationLog, OcpSmartLog, LatencyMonitorConfig, TcgActivity, StringsHeader, ComponentsHeader,
)  # fmt: skip


@pytest.mark.parametrize("page", PAGES)
@given(data=st.data())
def test_any_bytes_are_a_page_and_what_was_built_is_read(page: type[Structure], data: st.DataObject) -> None:
    found = page.parse(data.draw(st.binary(max_size=64)).ljust(page.SIZE, b"\xff"))
    assert page.parse(found.build()) == found


def test_guids_are_where_and_what_the_specification_writes() -> None:
    assert ErrorRecoveryLog().build()[496:][::-1].hex().upper() == "5A1983BA3DFD4DABAE3430FE2131D944"
    assert UnsupportedRequirements().build()[4080:][::-1].hex().upper() == "C7BB98B7D0324863BB2C23990E9C722F"
    assert len(set(ocp.GUIDS.values())) == len(ocp.GUIDS) == 9


# -- C0h


def test_an_older_page_is_written_without_what_came_later() -> None:
    log = OcpSmartLog(version=OCP_2_5, lowest_permitted_firmware_revision=7, total_media_dies=64)
    assert log.build(OCP_2_5)[208:218] == b"\x07" + bytes(9)
    assert log.build()[216] == 64


def test_what_follows_from_the_counters() -> None:
    log = OcpSmartLog(
        physical_media_bytes_written=3_000_000, physical_media_bytes_read=512_000, endurance_estimate_bytes=30_000_000,
        bad_user_nand_blocks_normalized=98, bad_system_nand_blocks=(1 << 48) - 1,
        bad_system_nand_blocks_normalized=0xFFFF, capacitor_health_percent=0xFFFF,
    )  # fmt: skip
    derived = ocp.derive(log, SmartLog(data_units_written=2, data_units_read=1))
    assert derived.write_amplification == pytest.approx(3_000_000 / 1_024_000)
    assert (derived.read_amplification, derived.endurance_used_percent) == (1.0, 10.0)
    assert (derived.user_spare_percent, derived.system_spare_percent, derived.capacitor_health_percent) == (
        98,
        None,
        None,
    )
    alone = ocp.derive(OcpSmartLog(), None)
    assert (alone.write_amplification, alone.endurance_used_percent) == (None, None)


# -- C2h


@given(st.integers(0, 2**32 - 1))
def test_a_history_has_at_most_twenty_entries_newest_first(count: int) -> None:
    entries = tuple(FirmwareActivation(activation_count=20 + number if number < 5 else number) for number in range(20))
    found = FirmwareActivationHistory(valid_entries=count, entries=entries).activations
    assert len(found) == min(count, 20)
    assert [one.activation_count for one in found] == sorted((one.activation_count for one in found), reverse=True)


# -- C3h


def test_counters_of_the_first_bucket_are_first_and_measurements_of_it_last() -> None:
    data = bytearray(LatencyMonitorLog().build())
    data[0x2C:0x30] = (5).to_bytes(4, "little")  # bucket 0, read
    data[0xB8:0xC0] = (1_000).to_bytes(8, "little")
    data[0xD6:0xD8] = (42).to_bytes(2, "little")
    log = LatencyMonitorLog.parse(data)
    assert log.active.count(0, MonitoredCommand.READ) == 5
    assert log.active.measured(0, MonitoredCommand.READ) == (42, 1_000)
    assert log.active.measured(3, MonitoredCommand.READ) is None
    assert log.static.count(0, MonitoredCommand.READ) == 0


def test_what_set_the_monitor_is_read_from_its_log() -> None:
    log = LatencyMonitorLog(status=7, timer_threshold=2016, thresholds=(5, 19, 30, 46), minimum_window=10)
    assert log.thresholds_ms == (30, 100, 155, 235)
    config = config_of(log)
    assert (config.enabled, config.timer_threshold, config.thresholds) == (1, 2016, (5, 19, 30, 46))
    command = set_latency_monitor(3, save=True)
    assert (command.cdw10, command.cdw14, len(config.build())) == (0x8000_00C5, 3, 4096)


# -- C4h and C5h


def test_power_states_that_are_valid() -> None:
    states = tuple(0x80 | 2 if watts in (8, 25) else 3 for watts in range(128))
    assert DeviceCapabilities(power_states=states).valid_power_states == ((8, 2), (25, 2))


def test_requirements_are_those_that_are_named() -> None:
    log = UnsupportedRequirements(count=0xFFFF, entries=("SEC-22", "", "TEL-1"))
    assert log.requirement_ids == ("SEC-22", "TEL-1")


# -- C6h


@given(st.lists(st.tuples(st.sampled_from([1, 2, 9, 0x8000]), st.binary(max_size=8), st.binary(max_size=9))))
def test_components_survive_their_log(parts: list[tuple[int, bytes, bytes]]) -> None:
    log = build_components([(kind, maker, lot, b"") for kind, maker, lot in parts])
    header = ComponentsHeader.parse(log)
    assert header.size_bytes == len(log)
    found = [*parse_components(log[ComponentsHeader.SIZE :])]
    assert [(one.head.kind, one.head.manufacturer, one.lot_code.rstrip(b"\0")) for one in found] == [
        (kind, maker.ljust(8, b"\0"), lot.rstrip(b"\0")) for kind, maker, lot in parts
    ]


@given(st.binary(max_size=300))
def test_any_bytes_are_components_or_none(data: bytes) -> None:
    found, why = collected(parse_components(data))
    assert sum(ComponentHead.SIZE + len(one.lot_code) + len(one.more) for one in found) <= len(data)
    assert why is None or isinstance(why, NvmedError)


def test_a_component_that_claims_more_than_there_is_costs_only_itself() -> None:
    good = ComponentHead(kind=ComponentKind.NAND).build()
    hostile = ComponentHead(lot_dwords=2**64 - 1, more_dwords=2**64 - 1).build()
    found, why = collected(parse_components(good + hostile))
    assert found == (Component(ComponentHead(kind=ComponentKind.NAND)),)
    assert why is not None
    assert "impossible lengths" in str(why)


def test_version_1_counts_dwords() -> None:
    assert ComponentsHeader(version=1, size=180).size_bytes == 720
    assert ComponentsHeader(version=2, size=720).size_bytes == 720


def test_history_is_cleared_by_bit_31() -> None:
    command = ocp.clear_firmware_history(2)
    assert (command.cdw10, command.cdw11, command.cdw14) == (0xC1, 1 << 31, 2)
