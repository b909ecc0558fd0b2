"""What two scans of a host amount to: events that make of the one view the other."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from nvmed.events.host_changes import CONTROLLER_FIELDS, NAMESPACE_FIELDS, View, changes
from nvmed.events.kinds import ControllerState, Event, Kind, NamespaceState, PathState
from nvmed.nvme.host import ControllerNode, NamespaceNode
from nvmed.v1 import resources_pb2

NODE = ControllerNode("nvme0", "A", "M", "1", 1, "nqn.a", "nvme-subsys0", "pcie", "0000:01:00.0", "live")
SPACE = NamespaceNode("nvme0n1", "ng0n1", 1, 4096, 512, uuid="u")


def controller(name: str, **fields: Any) -> ControllerState:
    stalled = fields.pop("is_stalled", False)
    return ControllerState(name, replace(NODE, **fields), stalled)


def namespace(name: str, paths: tuple[tuple[str, str], ...] = (), **fields: Any) -> NamespaceState:
    return NamespaceState(name, replace(SPACE, **fields), tuple(PathState(*path) for path in paths))


def view(*states: ControllerState | NamespaceState) -> View:
    return View(
        {state.name: state for state in states if isinstance(state, ControllerState)},
        {state.name: state for state in states if isinstance(state, NamespaceState)},
    )


CONTROLLERS = st.builds(
    controller,
    st.sampled_from(["controllers/a-1", "controllers/b-1", "controllers/c-1"]),
    node=st.sampled_from(["nvme0", "nvme1"]),
    firmware_revision=st.sampled_from(["1", "2"]),
    is_stalled=st.booleans(),
)
NAMESPACES = st.builds(
    namespace,
    st.sampled_from(["subsystems/a/namespaces/1", "subsystems/a/namespaces/2"]),
    paths=st.sampled_from(
        [(), (("controllers/a-1", ""),), (("controllers/a-1", "optimized"), ("controllers/b-1", ""))]
    ),
    uuid=st.sampled_from(["u", "v"]),
    size_bytes=st.sampled_from([512, 1024]),
)
VIEWS = st.lists(CONTROLLERS | NAMESPACES, max_size=6).map(lambda states: view(*states))


def applied(before: View, events: list[Event]) -> View:
    """What a client makes of a view and the events after it; nothing comes that is there, nothing goes that is not."""
    controllers, namespaces = dict(before.controllers), dict(before.namespaces)
    for event in events:
        is_namespace = isinstance(event.detail, NamespaceState)
        name = event.namespace if is_namespace else event.controller
        known: dict[str, Any] = namespaces if is_namespace else controllers
        assert (name in known) is not event.kind.value.endswith("_ADDED")
        if event.kind.value.endswith("_REMOVED"):
            assert known.pop(name) == event.detail
        else:
            known[name] = event.detail
    return View(controllers, namespaces)


@given(before=VIEWS, after=VIEWS, went=st.sets(st.sampled_from(["nvme0", "nvme1", "nvme0n1"])))
def test_events_make_of_one_view_the_next(before: View, after: View, went: set[str]) -> None:
    assert applied(before, list(changes(before, after, went))) == after


def test_a_controller_that_went_and_came_between_two_scans_did_both() -> None:
    before, after = (view(controller("controllers/a-1", instance=f"boot:{number}")) for number in (1, 2))
    kinds = [event.kind for event in changes(before, after, ())]
    assert kinds == [Kind.CONTROLLER_REMOVED, Kind.CONTROLLER_ADDED]


@given(now=VIEWS)
def test_a_snapshot_makes_it_of_nothing_and_nothing_more_happens(now: View) -> None:
    assert applied(View(), list(now.events())) == now
    assert list(changes(now, now, ())) == []


def kinds(events: list[Event]) -> list[str]:
    return [event.kind.value for event in events]


def test_what_changed_is_named_by_the_contract() -> None:
    old, new = controller("controllers/a-1"), controller("controllers/a-1", state="resetting", firmware_revision="2")
    (event,) = changes(view(old), view(new), ())
    assert (event.kind, event.changed_fields) == (Kind.CONTROLLER_CHANGED, ("firmware_revision", "state"))
    assert event.detail == new


def test_a_stalled_lane_is_a_change() -> None:
    old, new = controller("controllers/a-1"), controller("controllers/a-1", is_stalled=True)
    (event,) = changes(view(old), view(new), ())
    assert event.changed_fields == ("lane_state",)


def test_what_went_and_is_there_again_went_and_came() -> None:
    now = view(controller("controllers/a-1"), namespace("subsystems/a/namespaces/1"))
    assert kinds(list(changes(now, now, {"nvme0", "nvme0n1"}))) == [
        "NAMESPACE_REMOVED",
        "CONTROLLER_REMOVED",
        "CONTROLLER_ADDED",
        "NAMESPACE_ADDED",
    ]


def test_another_namespace_of_the_same_number_is_another() -> None:
    old, new = namespace("subsystems/a/namespaces/1"), namespace("subsystems/a/namespaces/1", uuid="v")
    assert kinds(list(changes(view(old), view(new), ()))) == ["NAMESPACE_REMOVED", "NAMESPACE_ADDED"]


def test_every_field_of_the_contract_is_compared() -> None:
    for fields, message in ((CONTROLLER_FIELDS, resources_pb2.Controller), (NAMESPACE_FIELDS, resources_pb2.Namespace)):
        assert set(fields) == set(message.DESCRIPTOR.fields_by_name) - {"name", "omissions"}
