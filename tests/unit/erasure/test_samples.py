"""Which blocks are looked at, and what they show."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nvmed.erasure.samples import Finding, Sample, compare, draw, expected_filler
from nvmed.nvme.identify import IdentifyNamespace

SEED = bytes(16)
DATA, OTHER = "aa" * 16, "bb" * 16


@given(st.binary(min_size=16, max_size=16), st.integers(1, 2**40), st.integers(0, 64))
def test_places_are_within_and_can_be_drawn_again(seed: bytes, blocks: int, count: int) -> None:
    places = draw(seed, 1, blocks, count)
    assert places == draw(seed, 1, blocks, count)
    assert len(places) == len(set(places)) == min(count, blocks) if count > 1 else len(places) <= 1
    assert all(0 <= place < blocks for place in places)
    if count > 1:
        assert {0, blocks - 1} <= set(places)


def one(digest: str, filler: str = "") -> tuple[Sample, ...]:
    return (Sample(1, 0, digest, filler),)


@pytest.mark.parametrize(
    ("before", "after", "expected", "finding"),
    [
        (one(DATA), one(OTHER, "00"), ("00",), Finding.AS_EXPECTED),
        (one(OTHER, "00"), one(OTHER, "00"), ("00",), Finding.AS_EXPECTED),
        (one(DATA), one(OTHER, "ff"), ("00",), Finding.CONTRADICTED),
        (one(DATA), one(DATA), ("00",), Finding.CONTRADICTED),
        (one(DATA), one(DATA), (), Finding.CONTRADICTED),
        (one(DATA), one(OTHER), (), Finding.CHANGED),
        (one(OTHER, "00"), one(OTHER, "00"), (), Finding.INCONCLUSIVE),
        (one(""), one(OTHER), (), Finding.INCONCLUSIVE),
        (one(DATA), one(""), ("00",), Finding.INCONCLUSIVE),
        ((), (), ("00",), Finding.INCONCLUSIVE),
    ],
)
def test_what_samples_show(
    before: tuple[Sample, ...], after: tuple[Sample, ...], expected: tuple[str, ...], finding: Finding
) -> None:
    assert compare(SEED, before, after, {1: expected}).finding is finding


@pytest.mark.parametrize(
    ("dlfeat", "deallocated", "pattern", "inverted", "fillers"),
    [
        (1, True, None, False, ("00",)),
        (2, True, None, False, ("ff",)),
        (0, True, None, False, ()),
        (1, False, None, False, ()),
        (1, False, 0, False, ("00",)),
        (1, False, 0x01020304, True, ("04030201", "fbfcfdfe")),
    ],
)
def test_what_is_expected(
    dlfeat: int, deallocated: bool, pattern: int | None, inverted: bool, fillers: tuple[str, ...]
) -> None:
    namespace = IdentifyNamespace(dlfeat=dlfeat)
    assert expected_filler(namespace, is_deallocated=deallocated, pattern=pattern, inverted=inverted) == fillers
