"""AIP-160 filters: precedence, every type of field, and what is refused before anything is looked at."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nvmed.errors import InvalidArgument
from nvmed.rpc.filters import DEPTH_MAX, parse
from nvmed.v1.firmware_pb2 import Image
from nvmed.v1.log_pb2 import SanitizeStatus, SmartLog
from nvmed.v1.operations_pb2 import OperationMetadata
from nvmed.v1.resources_pb2 import Controller, Namespace

CONTROLLER = Controller(
    name="controllers/d1-1",
    serial_number="D1",
    model_number='Say "hi" (9)',
    state=Controller.STATE_LIVE,
    controller_id=65,
    numa_node=-1,
    transport="tcp",
    namespaces=["subsystems/a/namespaces/1", "subsystems/a/namespaces/2"],
)
NAMESPACE = Namespace(
    nsid=1,
    size_bytes=2**40,
    paths=[
        Namespace.Path(controller="controllers/a-1", ana_state="optimized"),
        Namespace.Path(controller="controllers/a-2", ana_state="inaccessible"),
    ],
)
IMAGE = Image(name="images/0", sha256=b"\xab\xcd", size_bytes=4096, labels={"rack": "r7", "for-what": "test"})
IMAGE.create_time.FromJsonString("2026-03-01T12:00:00Z")
SMART = SmartLog(temperature_celsius=0, critical_warnings=[SmartLog.CRITICAL_WARNING_READ_ONLY])


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("", True),
        ("  ", True),
        ('serial_number = "D1"', True),
        ("serial_number=D1", True),
        ("serial_number != D1", False),
        ("serial_number = d1", False),
        ("serial_number : d", True),
        ("serial_number = D*", True),
        ("serial_number = *1", True),
        ('model_number = "*hi*"', True),
        ("serial_number = *2", False),
        (r'model_number = "Say \"hi\" (9)"', True),
        ('serial_number > "C" serial_number < "E"', True),
        ("state = LIVE", True),
        ("state = STATE_LIVE", True),
        ("state = DEAD", False),
        ("controller_id = 65", True),
        ("controller_id = 0x41", True),
        ("controller_id >= 65 AND controller_id <= 65", True),
        ("controller_id > 65 OR controller_id < 65", False),
        ("numa_node = -1", True),
        ("numa_node < 0", True),
        ("namespaces : namespaces/2", True),
        ("namespaces = subsystems/a/namespaces/2", True),
        ("namespaces != subsystems/a/namespaces/2", False),
        ("namespaces != subsystems/a/namespaces/3", True),
        ("namespaces:*", True),
        ("host_nqn:*", False),
        ("NOT state = DEAD", True),
        ("-state = LIVE", False),
        ("transport = tcp AND NOT (state = DEAD OR state = NEW)", True),
        ("(transport = tcp)(state = LIVE)", None),
        ("((transport = tcp) AND (state = LIVE))", True),
        # OR binds more tightly than AND: (pcie or tcp) and dead
        ("transport = pcie OR transport = tcp AND state = DEAD", False),
        ("transport = pcie OR transport = tcp state = LIVE", True),
        ("state = DEAD AND transport = pcie OR transport = tcp", False),
    ],
)
def test_filters(text: str, holds: bool | None) -> None:
    if holds is None:
        with pytest.raises(InvalidArgument):
            parse(text, Controller)
    else:
        assert parse(text, Controller)(CONTROLLER) is holds


@pytest.mark.parametrize(
    ("item", "text", "holds"),
    [
        (NAMESPACE, "paths.ana_state = inaccessible", True),
        (NAMESPACE, "paths.ana_state : opt", True),
        (NAMESPACE, "paths.ana_state = change", False),
        (NAMESPACE, "NOT paths.ana_state != optimized", True),
        (NAMESPACE, "paths:*", True),
        (Namespace(), "paths:*", False),
        (Namespace(), "paths.ana_state:*", False),
        (NAMESPACE, "size_bytes >= 1000000000000", True),
        (NAMESPACE, "size_bytes > 1e9", None),
        (IMAGE, "labels.rack = r7", True),
        (IMAGE, "labels.rack = r8", False),
        (IMAGE, "labels.row = r7", False),
        (IMAGE, "labels.for-what = test", True),
        (IMAGE, "labels : rack", True),
        (IMAGE, "labels : row", False),
        (IMAGE, "sha256 = ABCD", True),
        (IMAGE, "sha256 : bc", True),
        (IMAGE, "create_time > 2026-01-01T00:00:00Z", True),
        (IMAGE, 'create_time < "2026-01-01T00:00:00Z"', False),
        (IMAGE, "create_time = 2026-03-01T13:00:00+01:00", True),
        (IMAGE, "create_time > yesterday", None),
        (Image(), "create_time > 1970-01-01T00:00:00Z", False),
        (Image(), "create_time:*", False),
        (SMART, "critical_warnings = READ_ONLY", True),
        (SMART, "temperature_celsius < 1", True),
        (SmartLog(), "temperature_celsius < 1", False),
        (SmartLog(), "temperature_celsius:*", False),
        (SanitizeStatus(fraction_complete=0.5), "fraction_complete > 0.25", True),
        (SanitizeStatus(fraction_complete=0.5), "global_data_erased = false", True),
        (SanitizeStatus(fraction_complete=0.5), "fraction_complete > half", None),
    ],
)
def test_fields_of_every_type(item: Any, text: str, holds: bool | None) -> None:
    if holds is None:
        with pytest.raises(InvalidArgument):
            parse(text, type(item))
    else:
        assert parse(text, type(item))(item) is holds


@pytest.mark.parametrize(
    "text",
    [
        "serial_number",
        "serial_number =",
        "= D1",
        "serial_number == D1 AND",
        "AND",
        "OR transport = tcp",
        "transport = tcp OR",
        "transport = tcp AND AND state = LIVE",
        'serial_number = "open',
        "(transport = tcp",
        "transport = tcp)",
        "()",
        "NOT",
        "no_such_field = 1",
        "serial_number.x = 1",
        "state > LIVE",
        "controller_id = many",
        "controller_id = 1.5",
        "transport = tcp OR no_such_field = 1",
        "transport = pcie AND no_such_field = 1",
        "(" * (DEPTH_MAX + 1) + "transport = tcp" + ")" * (DEPTH_MAX + 1),
        "(" * 4000,
    ],
)
def test_what_is_not_understood_is_refused_before_anything_is_looked_at(text: str) -> None:
    with pytest.raises(InvalidArgument) as refused:
        parse(text, Controller)
    assert [violation.field for violation in refused.value.fields] == ["filter"]


def test_parentheses_as_deep_as_they_may_be() -> None:
    text = "(" * DEPTH_MAX + "transport = tcp" + ")" * DEPTH_MAX
    assert parse(text, Controller)(CONTROLLER)


def test_messages_and_their_maps_have_no_value_of_their_own() -> None:
    for text in ("steps = 1", "paths > 1", "labels.a.b = 1"):
        with pytest.raises(InvalidArgument):
            parse(text, Image if "labels" in text else OperationMetadata)


ATOMS = st.sampled_from(["transport = tcp", "transport = pcie", "state = LIVE", "controller_id > 70"])
TRUE = {"transport = tcp", "state = LIVE"}


@given(st.recursive(
    ATOMS.map(lambda text: (text, text in TRUE)),
    lambda inner: st.one_of(
        inner.map(lambda one: (f"NOT ({one[0]})", not one[1])),
        st.tuples(inner, inner).map(lambda two: (f"({two[0][0]}) AND ({two[1][0]})", two[0][1] and two[1][1])),
        st.tuples(inner, inner).map(lambda two: (f"({two[0][0]}) OR ({two[1][0]})", two[0][1] or two[1][1])),
    ),
    max_leaves=8,
))  # fmt: skip
def test_what_is_composed_holds_as_its_parts_do(composed: tuple[str, bool]) -> None:
    text, holds = composed
    assert parse(text, Controller)(CONTROLLER) is holds


@given(st.text(alphabet='ab_=!<>:().-"* \\\nANDORT019é', max_size=60) | st.text(max_size=30))
def test_any_text_is_a_filter_or_refused(text: str) -> None:
    try:
        test = parse(text, Controller)
    except InvalidArgument:
        return
    assert test(CONTROLLER) in (True, False)
