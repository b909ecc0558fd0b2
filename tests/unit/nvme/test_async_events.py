"""Names of asynchronous events."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nvmed.nvme.async_event import name_of
from nvmed.nvme.features import AsyncEvent


@pytest.mark.parametrize(
    ("dword", "name"),
    [
        (0x0001_0300, "ERROR/PERSISTENT_INTERNAL_ERROR"),
        (0x0002_0101, "SMART_HEALTH/TEMPERATURE"),
        (0x0007_0202, "NOTICE/TELEMETRY_LOG_CHANGED"),
        (0x0070_F002, "NOTICE/DISCOVERY_LOG_CHANGED"),
        (0x0000_0003, "IMMEDIATE/NORMAL_SUBSYSTEM_SHUTDOWN"),
        (0x0081_0106, "IO_COMMAND_SPECIFIC/SANITIZE_COMPLETED"),
        (0x00C0_1207, "VENDOR_SPECIFIC/0x12"),
        (0x0000_0005, "TYPE_5/0x00"),
        (0x0002_FF01, "SMART_HEALTH/0xff"),
    ],
)
def test_names(dword: int, name: str) -> None:
    assert name_of(AsyncEvent.parse(dword)) == name


@given(st.integers(0, 2**32 - 1))
def test_every_event_has_a_name(dword: int) -> None:
    kind, _, information = name_of(AsyncEvent.parse(dword)).partition("/")
    assert kind
    assert information
