"""What callers send as their trace: everything is read, and what is none begins a new one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nvmed.otel.trace_context import TraceContext, of_metadata, parse, parse_text

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
GOOD = f"00-{TRACE}-{SPAN}-01"

members = st.from_regex(r"[a-z0-9][a-z0-9_*/@-]{0,10}=[!-+\--<>-~]{1,10}", fullmatch=True)
contexts = st.builds(
    TraceContext,
    trace_id=st.binary(min_size=16, max_size=16).filter(any),
    span_id=st.binary(min_size=8, max_size=8).filter(any),
    is_sampled=st.booleans(),
    state=st.lists(members, max_size=5).map(",".join),
)


@given(contexts)
def test_what_is_written_is_read(context: TraceContext) -> None:
    assert parse_text(context.text) == context


@given(st.text(), st.text())
def test_nothing_is_too_odd_to_be_read(parent: str, state: str) -> None:
    assert parse(parent, state) is None
    found = parse(GOOD, state)
    assert found is not None
    assert len(found.state) <= 512
    assert parse_text(found.text) == found


@pytest.mark.parametrize(
    "wrong",
    [
        "",
        GOOD.upper(),
        GOOD + "-",
        GOOD + "-more",
        GOOD[:-1],
        GOOD.replace("00-", "ff-", 1),
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        GOOD + "\n",
    ],
)
def test_what_is_no_traceparent_is_none(wrong: str) -> None:
    assert parse(wrong) is None


def test_a_later_version_is_read_as_far_as_it_is_known() -> None:
    found = parse(f"cc-{TRACE}-{SPAN}-03-what-the-future-brings")
    assert found == TraceContext(bytes.fromhex(TRACE), bytes.fromhex(SPAN), True)
    assert found.text == GOOD


@pytest.mark.parametrize("wrong", ["novalue", "a=b,=c", "A=b", "a=b,c=d=e", "k=" + "v" * 600, ",".join(["a=b"] * 33)])
def test_a_tracestate_that_is_wrong_is_left_out(wrong: str) -> None:
    found = parse(GOOD, wrong)
    assert found is not None
    assert found.state == ""


def test_metadata_have_one_traceparent_or_none() -> None:
    assert of_metadata(None) is None
    assert of_metadata([("traceparent", GOOD), ("traceparent", GOOD)]) is None
    assert of_metadata([("traceparent", GOOD.encode())]) is None
    found = of_metadata([("tracestate", "a=1"), ("traceparent", GOOD), ("tracestate", "b=2"), ("other", "x")])
    assert found is not None
    assert found.state == "a=1,b=2"
