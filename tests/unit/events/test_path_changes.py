"""Paths that are lost, come back, or take over: as two scans show it."""

from __future__ import annotations

import pytest

from nvmed.events.host_changes import View
from nvmed.events.kinds import Kind, PathChanged
from nvmed.events.path_changes import path_changes
from tests.unit.events.test_host_changes import controller, namespace, view

SPACE = "subsystems/s/namespaces/1"


def host(**paths: str) -> View:
    """A namespace whose path by each controller is in an ANA state; `state:ana` if the controller is not live."""
    states = {name: text.rpartition(":")[0] or "live" for name, text in paths.items()}
    controllers = [controller(f"controllers/{name}", node=name, state=state) for name, state in states.items()]
    found = tuple((f"controllers/{name}", text.rpartition(":")[2]) for name, text in paths.items())
    return view(*controllers, namespace(SPACE, found))


LOST, RESTORED, OVER = Kind.PATH_LOST, Kind.PATH_RESTORED, Kind.PATH_FAILED_OVER


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ({"a": ""}, {"a": ""}, []),
        ({"a": ""}, {"a": "resetting:"}, []),
        ({"a": ""}, {"a": "connecting:"}, [(LOST, "a", 0)]),
        ({"a": "resetting:"}, {"a": "connecting:"}, [(LOST, "a", 0)]),
        ({"a": "connecting:"}, {"a": ""}, [(RESTORED, "a", 1)]),
        ({"a": "", "b": ""}, {"b": ""}, [(LOST, "a", 1)]),
        ({"b": ""}, {"a": "", "b": ""}, [(RESTORED, "a", 2)]),
        ({"a": "optimized", "b": "optimized"}, {"a": "inaccessible", "b": "optimized"}, [(LOST, "a", 1)]),
        (
            {"a": "optimized", "b": "non-optimized"},
            {"a": "persistent-loss", "b": "non-optimized"},
            [(LOST, "a", 1), (OVER, "b", 1)],
        ),
        ({"a": "optimized", "b": "non-optimized"}, {"a": "non-optimized", "b": "optimized"}, [(OVER, "b", 2)]),
        ({"a": "optimized", "b": "inaccessible"}, {"a": "change", "b": "inaccessible"}, [(LOST, "a", 0)]),
        ({"a": "optimized"}, {"a": "non-optimized"}, []),
        ({"a": "", "b": ""}, {"b": "", "c": ""}, [(LOST, "a", 2), (RESTORED, "c", 2)]),
    ],
)
def test_what_becomes_of_paths(
    before: dict[str, str], after: dict[str, str], told: list[tuple[Kind, str, int]]
) -> None:
    found = []
    for event in path_changes(host(**before), host(**after)):
        assert isinstance(event.detail, PathChanged)
        assert (event.namespace, event.controller) == (SPACE, event.detail.path.controller)
        assert event.device_node == event.controller.removeprefix("controllers/")
        found.append((event.kind, event.device_node, event.detail.usable))
    assert found == told


def test_a_namespace_that_comes_or_goes_is_told_as_that() -> None:
    assert [*path_changes(view(), host(a=""))] == [*path_changes(host(a=""), view())] == []
