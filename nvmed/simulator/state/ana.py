"""Asymmetric Namespace Access: how well each group of namespaces is reached through a controller."""

from __future__ import annotations

from nvmed.nvme.ana import AnaGroup, AnaLog, AnaState, build_ana_log
from nvmed.simulator.refusal import Refused, Sc
from nvmed.simulator.state.namespaces import Namespace

BLOCKED: dict[AnaState, Sc] = {
    AnaState.INACCESSIBLE: Sc.ANA_INACCESSIBLE,
    AnaState.PERSISTENT_LOSS: Sc.ANA_PERSISTENT_LOSS,
    AnaState.CHANGE: Sc.ANA_TRANSITION,
}
"""States in which I/O commands are refused, and with what."""


class AnaGroups:
    """The states of all groups, as one controller sees them. Called with the subsystem's lock held."""

    def __init__(self, count: int) -> None:
        self._states = dict.fromkeys(range(1, count + 1), AnaState.OPTIMIZED)
        self._changes = dict.fromkeys(range(1, count + 1), 0)
        self._change_count = 0

    def state(self, group: int) -> AnaState:
        """The state of a group; optimized on a drive that has no groups."""
        return self._states.get(group, AnaState.OPTIMIZED)

    def set(self, group: int, state: AnaState) -> bool:
        """Give a group another state, and return whether that was a change. `KeyError` if there is no such group."""
        if self._states[group] is state:
            return False
        self._states[group] = state
        self.changed(group)
        return True

    def changed(self, group: int) -> None:
        """State or members of a group changed: count it."""
        if group in self._changes:
            self._change_count += 1
            self._changes[group] = self._change_count

    def check(self, group: int) -> None:
        """Refuse I/O to a namespace of a group that cannot be reached now."""
        status = BLOCKED.get(self.state(group))
        if status is not None:
            raise Refused(status)

    def log(self, attached: list[Namespace], *, groups_only: bool) -> bytes:
        """The ANA log, of the namespaces attached to this controller."""
        groups = tuple(
            AnaGroup(group, self._changes[group], state, tuple(one.nsid for one in attached if one.ana_group == group))
            for group, state in self._states.items()
        )
        return build_ana_log(AnaLog(self._change_count, groups), groups_only=groups_only)
