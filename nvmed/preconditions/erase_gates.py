"""Preconditions of erasing a drive, beside those that every change has; evaluated and reported together with them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from nvmed.nvme.health import SanitizeState, SanitizeStatus
from nvmed.nvme.sanitize import is_restricted_failure, is_running
from nvmed.preconditions import gates
from nvmed.preconditions.gates import Answer, DriveState, Found, GateResult, Wanted
from nvmed.reasons import invalid_field


@dataclass(frozen=True, slots=True)
class EraseState:
    """A drive that is to be erased: `status` is None where it has no sanitize, `unknown` why others cannot be told.

    `elsewhere` is who, that is not on this host, has namespaces attached. `on_battery` is None where the host does not
    tell. `unrestricted_exit` is what the request asks for; `sanitizes` is whether it asks for a sanitize at all.
    """

    drive: DriveState
    status: SanitizeStatus | None
    elsewhere: tuple[str, ...] = ()
    unknown: str = ""
    on_battery: bool | None = None
    unrestricted_exit: bool = False
    sanitizes: bool = True


def _attached_elsewhere(state: EraseState) -> Answer:
    if state.elsewhere:
        return Found.VIOLATED, f"{'; '.join(state.elsewhere[:8])}: other hosts would lose their data"
    if state.unknown:
        return Found.NOT_APPLICABLE, state.unknown
    return Found.HOLDS, "no controller that is not on this host has a namespace attached"


def _power(state: EraseState) -> Answer:
    if state.on_battery is None:
        return Found.NOT_APPLICABLE, "the host does not tell how it is powered"
    if state.on_battery:
        return Found.VIOLATED, "the host runs on battery; connect it to mains"
    return Found.HOLDS, "the host runs on mains"


def _not_running(state: EraseState) -> Answer:
    if state.status is None:
        return Found.NOT_APPLICABLE, "the drive has no sanitize"
    if is_running(state.status):
        done = int(state.status.fraction_complete * 100)
        return Found.VIOLATED, f"the drive is sanitizing already, and {done} % are done; wait until it has ended"
    return Found.HOLDS, "no sanitize is running"


def _failure_mode(state: EraseState) -> Answer:
    if state.status is None:
        return Found.NOT_APPLICABLE, "the drive has no sanitize"
    if state.status.state != SanitizeState.FAILED:
        return Found.HOLDS, "the drive is not in failure mode"
    if not state.sanitizes:
        return Found.VIOLATED, "the last sanitize failed, and nothing but another one is the way out: SanitizeDrive"
    if is_restricted_failure(state.status) and state.unrestricted_exit:
        return Found.VIOLATED, (
            "the last sanitize failed in restricted mode, which only another one in restricted mode leaves; "
            "leave allow_unrestricted_exit out"
        )
    return Found.HOLDS, "the last sanitize failed, and another one is the way out"


@dataclass(frozen=True, slots=True)
class EraseGate:
    """A row of the table, as `gates.Gate`."""

    check: Callable[[EraseState], Answer]
    overridable: bool = False
    transient: bool = False


ERASE_GATES: Final[Mapping[str, EraseGate]] = {
    "ATTACHED_ELSEWHERE": EraseGate(_attached_elsewhere, overridable=True),
    "POWER": EraseGate(_power, overridable=True),
    "SANITIZE_RUNNING": EraseGate(_not_running, transient=True),
    "SANITIZE_FAILURE_MODE": EraseGate(_failure_mode),
}
"""By the name that each has in the contract's enum (`GATE_...`). Those of the host are never overridden here."""


def check_overrides(names: frozenset[str]) -> frozenset[str]:
    """`names` as overrides; raises INVALID_FIELD for a gate that no request to erase may leave out."""
    allowed = [name for name, gate in ERASE_GATES.items() if gate.overridable]
    for name in sorted(names - set(allowed)):
        raise invalid_field(
            "override_gates",
            f"GATE_{name} cannot be overridden; these can: {', '.join(f'GATE_{one}' for one in allowed)}",
        )
    return names


def evaluate(state: EraseState, overrides: frozenset[str]) -> tuple[GateResult, ...]:
    """Every gate of erasing, the host's first."""
    found = list(gates.evaluate(gates.HOST, state.drive, Wanted()))
    for name, gate in ERASE_GATES.items():
        verdict, description = gate.check(state)
        if verdict is Found.VIOLATED and name in overrides:
            verdict = Found.OVERRIDDEN
        found.append(GateResult(state.drive.controller, name, verdict, description, gate.transient))
    return tuple(found)
