"""What kernels write about a link and a path, read; what they cannot have written, left out."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nvmed.nvme.surroundings import COUNTERS_MAX, Link, parse_block_statistics, parse_counters, parse_speed


@pytest.mark.parametrize(
    ("text", "speed"),
    [
        ("2.5 GT/s PCIe", 2_500),
        ("5.0 GT/s PCIe", 5_000),
        ("16.0 GT/s PCIe", 16_000),
        ("32.0 GT/s PCIe", 32_000),
        ("8 GT/s", 8_000),
        ("Unknown", None),
        ("Unknown speed", None),
        ("", None),
        ("-1 GT/s", None),
    ],
)
def test_a_speed_is_read(text: str, speed: int | None) -> None:
    assert parse_speed(text) == speed


@given(st.text())
def test_no_text_is_too_odd_for_a_speed(text: str) -> None:
    found = parse_speed(text)
    assert found is None or found >= 0


def test_counters_are_read_without_their_total() -> None:
    text = "RxErr 2\nBadTLP 0\nRollover 1\nTOTAL_ERR_COR 3\n"
    assert parse_counters(text) == {"RxErr": 2, "BadTLP": 0, "Rollover": 1}


@given(st.dictionaries(st.from_regex(r"[A-Za-z][A-Za-z0-9_]{0,20}", fullmatch=True)
                       .filter(lambda name: not name.startswith("TOTAL_ERR_")),
                       st.integers(0, 2**64 - 1), max_size=COUNTERS_MAX))  # fmt: skip
def test_counters_that_were_written_are_read(counters: dict[str, int]) -> None:
    assert parse_counters("".join(f"{name} {count}\n" for name, count in counters.items())) == counters


@given(st.text(max_size=2000))
def test_no_text_is_too_odd_for_counters(text: str) -> None:
    assert len(parse_counters(text)) <= COUNTERS_MAX


def test_a_block_device_statistics_are_read() -> None:
    found = parse_block_statistics("  10  0  80  5  20  0  160  9  3  14  14 0 0 0 0 0 0\n")
    assert found is not None
    assert (found.reads, found.bytes_read, found.writes, found.bytes_written) == (10, 80 * 512, 20, 160 * 512)
    assert found.in_flight == 3


@given(st.text(max_size=200))
def test_no_text_is_too_odd_for_statistics(text: str) -> None:
    parse_block_statistics(text)


@pytest.mark.parametrize(
    ("link", "degraded"),
    [
        (Link(16_000, 4, 16_000, 4), False),
        (Link(8_000, 4, 16_000, 4), True),
        (Link(16_000, 2, 16_000, 4), True),
    ],
)
def test_a_link_is_degraded_that_could_be_better(link: Link, degraded: bool) -> None:
    assert link.is_degraded is degraded
