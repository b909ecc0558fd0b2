"""A drive that lives: its temperature and counters follow from its clock, its work and its seed alone."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nvmed.nvme import features
from nvmed.nvme.features import AsyncEventConfiguration
from nvmed.nvme.opcodes import FeatureId
from nvmed.nvme.status import Queue
from nvmed.simulator.drives import drive
from nvmed.simulator.spec import MIB, DriveSpec, NamespaceSpec
from nvmed.simulator.state.thermal import DRIFTS, HEAT_MAX_KELVIN, Thermal
from nvmed.simulator.subsystem import ManualClock, Subsystem

LIFE = st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 1 << 33)), max_size=20)


@given(LIFE, st.text(max_size=5))
def test_the_same_life_gives_the_same_temperatures_within_bounds(life: list[tuple[int, int]], seed: str) -> None:
    def live(*, lives: bool = True) -> list[int]:
        clock = ManualClock()
        thermal = Thermal(310, clock, seed, lives=lives)
        seen = [thermal.kelvin]
        for seconds, size in life:
            clock.advance(seconds)
            thermal.work(size)
            seen.append(thermal.kelvin)
        return seen

    first = live()
    assert first == live()
    assert first[0] == 310
    drift = 2 * sum(high for high, _, _ in DRIFTS)
    assert all(310 - drift - 1 <= kelvin <= 310 + drift + HEAT_MAX_KELVIN + 1 for kelvin in first)
    assert set(live(lives=False)) == {310}


def test_work_warms_and_rest_cools() -> None:
    clock = ManualClock()
    thermal = Thermal(310, clock, "", lives=True)
    thermal.work(1 << 40)
    assert thermal.kelvin == 340
    clock.advance(3600)
    assert thermal.kelvin <= 316
    thermal.held_kelvin = 300
    assert thermal.kelvin == 300


def test_counters_move_with_what_is_done() -> None:
    clock = ManualClock()
    spec = DriveSpec(capacity_bytes=MIB, namespaces=(NamespaceSpec(MIB),), endurance_writes=2)
    controller = Subsystem(spec, clock).controller
    before = controller.health.smart_log()
    controller.health.host_write(MIB)
    controller.health.host_read(512_000)
    clock.advance(7200)
    controller.disappear()
    controller.reappear()
    now = controller.health.smart_log()
    assert now.percentage_used == 50
    assert (now.data_units_written, now.data_units_read) == (3, 1)
    assert (now.host_write_commands, now.host_read_commands) == (1, 1)
    assert now.power_on_hours - before.power_on_hours == 2
    assert (now.power_cycles, now.unsafe_shutdowns) == (before.power_cycles + 1, 1)
    controller.health.host_write(MIB * 10)
    assert controller.health.smart_log().percentage_used == 255


def test_a_drive_that_gets_too_warm_says_so() -> None:
    """Feature 04h is compared when the temperature moves, not only when it is set."""
    clock, told = ManualClock(), list[int]()
    controller = Subsystem(DriveSpec(lives=True), clock).controller
    controller.subscribe_async_events(told.append)
    enabled = features.set_features(FeatureId.ASYNCHRONOUS_EVENT_CONFIGURATION, AsyncEventConfiguration(0x02))
    threshold = features.set_features(FeatureId.TEMPERATURE_THRESHOLD, 330)
    for command in (enabled, threshold):
        assert controller.execute(Queue.ADMIN, command).status == 0
    controller.health.thermal.work(1 << 40)
    with controller.lock:
        controller.compare_temperature()
    assert told == [0x020101]


@pytest.mark.parametrize("number", [1, 2])
def test_the_drives_that_are_served_live(number: int) -> None:
    assert drive(number).lives
