"""Pages of lists in memory: whole, without repetition, in the order that was asked for."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from hypothesis import given
from hypothesis import strategies as st

from nvmed.errors import NvmedError
from nvmed.rpc.listing import decode_token, encode_token, page
from nvmed.v1.firmware_pb2 import Image
from nvmed.v1.resources_pb2 import Controller

images = st.lists(
    st.builds(
        lambda name, size, model, seconds: Image(
            name=f"images/{name}", size_bytes=size, model_number=model, create_time=Timestamp(seconds=seconds)
        ),
        st.text("ab", min_size=1, max_size=3), st.integers(0, 3), st.sampled_from("xyz"), st.integers(0, 3),
    ),
    max_size=20,
    unique_by=lambda image: image.name,
)  # fmt: skip


def asked(order_by: str = "", page_size: int = 0, page_token: str = "", text: str = "") -> Any:
    return SimpleNamespace(order_by=order_by, page_size=page_size, page_token=page_token, filter=text)


def pages(items: Sequence[Image], order_by: str, size: int) -> list[Image]:
    found: list[Image] = []
    token = ""
    while True:
        shown, token = page(items, asked(order_by, size, token), Image)
        assert len(shown) <= size
        found += shown
        if not token:
            return found


@given(images, st.integers(1, 7))
def test_pages_together_are_the_whole_list_in_order(items: list[Image], size: int) -> None:
    by_name = sorted(items, key=lambda one: one.name)
    assert pages(items, "", size) == by_name
    by_size = sorted(by_name, key=lambda one: one.size_bytes, reverse=True)
    expected = sorted(by_size, key=lambda one: one.model_number)
    assert pages(items, " model_number ,size_bytes desc", size) == expected
    assert pages(items, "create_time desc", size) == sorted(
        by_name, key=lambda one: one.create_time.seconds, reverse=True
    )


@given(images, st.data())
def test_what_comes_and_goes_moves_nothing_else(items: list[Image], data: st.DataObject) -> None:
    shown, token = page(items, asked("size_bytes desc", 3), Image)
    gone = data.draw(st.sampled_from(items)) if items else None
    left = [one for one in items if one != gone]
    if token:
        rest, _ = page(left, asked("size_bytes desc", 500, token), Image)
        assert {one.name for one in rest} == {one.name for one in left} - {one.name for one in shown}


@pytest.mark.parametrize(
    ("order_by", "said"),
    [
        ("nope", "Controller has no field nope"),
        ("name up", "'name up' is no field"),
        ("name,,state", "'' is no field"),
        ("namespaces", "not one value"),
        ("name.x", "Controller has no field name.x"),
        (",".join(["name"] * 9), "at most 8"),
    ],
)
def test_an_order_that_cannot_be_is_refused(order_by: str, said: str) -> None:
    with pytest.raises(NvmedError) as refused:
        page([Controller(name="controllers/a")], asked(order_by), Controller)
    assert refused.value.fields[0].field == "order_by"
    assert said in refused.value.fields[0].description


@pytest.mark.parametrize("after", ["[]", '["a", "b"]', "{}", "7", "x", '[null, "images/a"]'])
def test_a_forged_token_is_refused(after: str) -> None:
    token = encode_token(after, "\0size_bytes")
    with pytest.raises(NvmedError) as refused:
        page([Image(name="images/a"), Image(name="images/b")], asked("size_bytes", 1, token), Image)
    assert refused.value.fields[0].field == "page_token"


def test_a_token_belongs_to_its_filter_and_order() -> None:
    items = [Image(name=f"images/{name}") for name in "abc"]
    _, token = page(items, asked("size_bytes", 1), Image)
    for other in (asked("", 1, token), asked("size_bytes", 1, token, "size_bytes = 0")):
        with pytest.raises(NvmedError, match="another filter or order"):
            page(items, other, Image)
    with pytest.raises(NvmedError, match="damaged"):
        decode_token("x", "")
