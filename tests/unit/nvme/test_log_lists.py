"""Logs of endurance, capacity, power and partitions: what was built is read, and no count in them is believed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nvmed.errors import NvmedError
from nvmed.nvme import endurance
from nvmed.nvme.endurance import (
    CapacityConfiguration,
    ChannelConfiguration,
    ConfigurationHead,
    EnduranceGroupLog,
    EnduranceWarning,
    GroupConfiguration,
    GroupConfigurationHead,
    MediaUnit,
    MediaUnitHead,
    MediaUnitHeader,
    PredictableLatencyLog,
    RotationalMediaLog,
)
from nvmed.nvme.layout import Structure, collected
from nvmed.nvme.partitions import BootPartitionHeader, SanitizedNamespacesHeader, parse_sanitized_namespaces
from nvmed.nvme.power_measurement import PowerBin, PowerMeasurementLog, milliwatts, parse_bins

u16 = st.integers(0, 0xFFFF)
STRUCTURES: tuple[type[Structure], ...] = (
    EnduranceGroupLog, PredictableLatencyLog, RotationalMediaLog, PowerMeasurementLog, BootPartitionHeader,
    SanitizedNamespacesHeader, MediaUnitHead, ConfigurationHead, GroupConfigurationHead,
)  # fmt: skip


@pytest.mark.parametrize("structure", STRUCTURES)
@given(data=st.binary(max_size=512))
def test_any_bytes_are_read_and_what_was_built_is_the_same(structure: type[Structure], data: bytes) -> None:
    found = structure.parse(data.ljust(structure.SIZE, b"\xa5"))
    assert structure.parse(found.build()) == found


def test_an_endurance_group_in_its_own_units() -> None:
    log = EnduranceGroupLog(critical_warning=0b1101, data_units_written=4, media_units_written=6)
    assert log.warnings == tuple(EnduranceWarning)
    assert log.write_amplification == 1.5
    assert EnduranceGroupLog(media_units_written=6).write_amplification is None


media_units = st.lists(
    st.builds(
        lambda number, channels: MediaUnit(MediaUnitHead(number, channel_count=len(channels)), tuple(channels)),
        u16,
        st.lists(u16, max_size=9),
    ),
    max_size=9,
).map(tuple)


@given(media_units)
def test_media_units_survive_their_log(units: tuple[MediaUnit, ...]) -> None:
    log = endurance.build_media_units(units, 4, 1)
    header = MediaUnitHeader.parse(log)
    assert tuple(endurance.parse_media_units(log[MediaUnitHeader.SIZE :], header.count)) == units


@given(st.binary(max_size=400), u16)
def test_any_bytes_are_media_units_or_none(data: bytes, count: int) -> None:
    found, why = collected(endurance.parse_media_units(data, count))
    assert len(found) <= len(data) // MediaUnitHead.SIZE
    assert why is None or isinstance(why, NvmedError)


channels = st.lists(st.builds(ChannelConfiguration, u16, st.lists(u16, max_size=3).map(tuple)), max_size=3).map(tuple)
groups = st.builds(
    lambda number, sets, its: GroupConfiguration(GroupConfigurationHead(number, nvm_set_count=len(sets)), sets, its),
    u16,
    st.lists(u16, max_size=3).map(tuple),
    channels,
)
configurations = st.lists(
    st.builds(
        lambda number, its: CapacityConfiguration(ConfigurationHead(number, group_count=len(its)), tuple(its)),
        u16,
        st.lists(groups, max_size=3),
    ),
    max_size=4,
).map(tuple)


@given(configurations)
def test_configurations_survive_their_log(given_ones: tuple[CapacityConfiguration, ...]) -> None:
    log = endurance.build_capacity_configurations(given_ones)
    assert tuple(endurance.parse_capacity_configurations(log)) == given_ones
    for end in range(len(log)):
        found, _ = collected(endurance.parse_capacity_configurations(log[:end]))
        assert found == given_ones[: len(found)]


@given(st.binary(max_size=400))
def test_any_bytes_are_configurations_or_none(data: bytes) -> None:
    found, why = collected(endurance.parse_capacity_configurations(data))
    assert len(found) <= len(data) // ConfigurationHead.SIZE
    assert why is None or isinstance(why, NvmedError)


@given(st.lists(u16), st.integers(0, 2**64 - 1))
def test_an_aggregate_gives_what_is_counted_and_there(ids: list[int], count: int) -> None:
    data = count.to_bytes(8, "little") + b"".join(one.to_bytes(2, "little") for one in ids)
    assert list(endurance.parse_aggregate(data)) == ids[:count]
    if count > 0xFFFF:
        with pytest.raises(NvmedError):
            endurance.aggregate_bytes(data)
    else:
        assert endurance.aggregate_bytes(data) == 8 + 2 * count


@pytest.mark.parametrize(("value", "mw"), [(1 << 16 | 5, 0.5), (2 << 16 | 5, 50), (3 << 16 | 5, 5000), (5, None)])
def test_powers_have_a_scale(value: int, mw: float | None) -> None:
    assert milliwatts(value) == mw


@given(st.binary(max_size=100), u16, u16)
def test_any_bytes_are_a_histogram_or_none(data: bytes, count: int, size: int) -> None:
    found, why = collected(parse_bins(data, PowerMeasurementLog(bin_count=count, bin_bytes=size)))
    assert len(found) <= len(data) // PowerBin.SIZE
    assert why is None or isinstance(why, NvmedError)


@given(st.binary(max_size=100), st.integers(0, 2**64 - 1))
def test_any_bytes_are_a_list_of_namespaces(data: bytes, count: int) -> None:
    found, why = collected(parse_sanitized_namespaces(data, count))
    assert len(found) == min(count, len(data) // 4)
    assert (why is None) is (count <= len(data) // 4)


def test_a_boot_partition_in_units_of_128_kib() -> None:
    header = BootPartitionHeader(information=1 << 31 | 3)
    assert (header.active_id, header.size_bytes) == (1, 3 * 128 * 1024)
