"""The UUID list: what is built is parsed, and an index is what a Get Log Page takes."""

from __future__ import annotations

from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from nvmed.nvme.uuid_list import (
    ENTRY_BYTES,
    OCP_UUID,
    UUID_INDEX_MAX,
    build_uuid_list,
    identify_uuid_list,
    index_of,
    parse_uuid_list,
)

UUIDS = st.lists(st.uuids().filter(lambda one: one.int), max_size=UUID_INDEX_MAX).map(tuple)


@given(UUIDS)
def test_what_is_built_is_parsed(uuids: tuple[UUID, ...]) -> None:
    data = build_uuid_list(uuids)
    assert (len(data), parse_uuid_list(data)) == (4096, uuids)


@given(st.binary(max_size=4096))
def test_any_bytes_are_a_list(data: bytes) -> None:
    found = parse_uuid_list(data)
    assert len(found) <= UUID_INDEX_MAX
    assert all(one.int for one in found)


def test_an_entry_lies_where_the_specification_has_it() -> None:
    data = build_uuid_list((UUID(int=1), OCP_UUID))
    assert data[2 * ENTRY_BYTES + 16 : 3 * ENTRY_BYTES].hex() == "c194d55be0944794a21d29998f56be6f"
    assert (identify_uuid_list().cdw10, identify_uuid_list().nsid) == (0x17, 0)


def test_an_index_begins_at_one() -> None:
    uuids = (UUID(int=1), OCP_UUID)
    assert [index_of(uuids, one) for one in (*uuids, UUID(int=2))] == [1, 2, 0]
