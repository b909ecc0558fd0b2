"""Paths to namespaces that were lost, came back, or took over, as two scans of the host show it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from nvmed.events.host_changes import View
from nvmed.events.kinds import Event, Kind, NamespaceState, PathChanged, PathState

_RANKS: Final[Mapping[str, int]] = {"optimized": 0, "": 0, "non-optimized": 1}
"""ANA states whose paths I/O may take, the best first; "" of what has no ANA."""

_CONNECTED: Final = frozenset({"live", "resetting"})
"""States of a controller that has its drive: a reset alone is no loss, and Linux goes on from it."""


def path_changes(before: View, after: View) -> Iterator[Event]:
    """What became of the paths to each namespace that both scans have: losses first, then what is back, then a change
    of the best.
    """
    for name in sorted(before.namespaces.keys() & after.namespaces.keys()):
        old, new = before.namespaces[name], after.namespaces[name]
        was, now = _usable(before, old), _usable(after, new)
        known = {path.controller: path for path in (*old.paths, *new.paths)}
        for controller in sorted(was.keys() - now.keys()):
            yield _event(Kind.PATH_LOST, before, name, known[controller], len(now))
        for controller in sorted(now.keys() - was.keys()):
            yield _event(Kind.PATH_RESTORED, after, name, known[controller], len(now))
        best, best_before = _best(now), _best(was)
        if best and best_before and not set(best) & set(best_before):
            yield _event(Kind.PATH_FAILED_OVER, after, name, known[best[0]], len(now))


def _usable(view: View, namespace: NamespaceState) -> Mapping[str, int]:
    """The controllers that I/O to a namespace may go by, with their ranks."""
    found = {}
    for path in namespace.paths:
        controller = view.controllers.get(path.controller)
        if controller and controller.node.state in _CONNECTED and path.ana_state in _RANKS:
            found[path.controller] = _RANKS[path.ana_state]
    return found


def _best(ranks: Mapping[str, int]) -> list[str]:
    return sorted(name for name, rank in ranks.items() if rank == min(ranks.values()))


def _event(kind: Kind, view: View, namespace: str, path: PathState, usable: int) -> Event:
    shown = view.controllers.get(path.controller)
    return Event(
        kind,
        controller=path.controller,
        device_node=shown.node.node if shown else "",
        namespace=namespace,
        detail=PathChanged(path, usable),
    )
