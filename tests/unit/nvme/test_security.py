"""Level 0 discovery: what is built is read, and any bytes are read within their bounds."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nvmed.errors import NvmedError
from nvmed.nvme.security import (
    BLOCK_SID,
    LOCKING,
    Discovery,
    Feature,
    build_discovery,
    build_protocols,
    parse_discovery,
    parse_protocols,
    receive,
)

features = st.builds(Feature, st.integers(0, 0xFFFF), st.integers(0, 15), st.binary(max_size=255))
discoveries = st.builds(
    Discovery, st.integers(0, 2**32 - 1), st.lists(features, max_size=8).map(tuple), st.binary(min_size=32, max_size=32)
)


@given(discoveries, st.integers(0, 64))
def test_what_is_built_is_read(discovery: Discovery, padding: int) -> None:
    assert parse_discovery(build_discovery(discovery) + bytes(padding)) == discovery


@given(st.binary(max_size=600))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    try:
        found = parse_discovery(data)
    except NvmedError:
        assert len(data) < 48
        return
    assert sum(4 + len(one.data) for one in found.features) <= len(data) - 48
    assert found.flag(LOCKING, 2) in (None, False, True)
    assert isinstance(found.classes, tuple)


@given(st.binary(max_size=100))
def test_any_list_of_protocols_is_read_or_refused(data: bytes) -> None:
    try:
        assert len(parse_protocols(data)) <= len(data)
    except NvmedError:
        assert len(data) < 8


@given(st.binary(max_size=40))
def test_protocols(protocols: bytes) -> None:
    assert parse_protocols(build_protocols(protocols) + bytes(9)) == tuple(protocols)


@pytest.mark.parametrize("cut", [1, 4, 15])
def test_what_is_cut_says_so(cut: int) -> None:
    whole = build_discovery(Discovery(1, (Feature(LOCKING, 1, b"\x07" + bytes(11)), Feature(BLOCK_SID, 1, bytes(12)))))
    found = parse_discovery(whole[:-cut])
    assert found.is_cut
    assert (found.flag(LOCKING, 2), found.flag(BLOCK_SID, 1)) == (True, None)


def test_the_command() -> None:
    command = receive(1, 1, 512)
    assert (command.opcode, command.cdw10, command.cdw11) == (0x82, 0x0100_0100, 512)
