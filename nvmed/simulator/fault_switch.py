"""Faults of a simulated host, switched while it runs: what a file of faults says, done to its drives, and undone.

A fault that is removed leaves the drive as it would be without it: what hangs is answered, what is unplugged is back.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Final

from nvmed.nvme.ana import AnaState
from nvmed.nvme.health import CriticalWarning
from nvmed.nvme.opcodes import AdminOpcode, LogPage
from nvmed.nvme.surroundings import Surroundings
from nvmed.simulator import fault_file, faults
from nvmed.simulator.controller import Controller
from nvmed.simulator.fault_file import FAULTS_MAX, FaultRow, kind_of, named
from nvmed.simulator.faults import Fault, NewGeneration
from nvmed.simulator.host import SimulatedHost
from nvmed.simulator.state.health import SPARE_THRESHOLD_PERCENT
from nvmed.trusted import invalid

KELVIN: Final = 273
Undo = Callable[[], None]


@dataclass(frozen=True, slots=True)
class _Target:
    """A controller that a fault is about, at the node that it had when it was switched on."""

    host: SimulatedHost
    node: str
    controller: Controller


@dataclass(slots=True)
class _On:
    """A fault that is switched on: how to end it, and what strikes commands for it."""

    row: FaultRow
    nodes: frozenset[str]
    undo: list[Undo] = field(default_factory=list)
    striking: list[Fault] = field(default_factory=list)

    @property
    def struck(self) -> int:
        return sum(one.struck for one in self.striking)


class FaultSwitch:
    """The faults of a host that are switched on. Thread-safe; `source` names who asks, in errors."""

    def __init__(self, host: SimulatedHost) -> None:
        self._host = host
        self._lock = threading.Lock()
        self._on: dict[str, _On] = {}

    def add(self, rows: Iterable[FaultRow], source: str) -> tuple[str, ...]:
        """Switch faults on, all or none; their names. CONFIG_INVALID says which cannot be, and why."""
        with self._lock:
            wanted = named(rows, source, self._on)
            if len(self._on) + len(wanted) > FAULTS_MAX:
                raise invalid(source, "faults", f"there may be {FAULTS_MAX} at once; remove some")
            begun: list[_On] = []
            try:
                for row in wanted:
                    begun.append(self._begin(row, source, [*self._on.values(), *begun]))
            except Exception:
                for one in reversed(begun):
                    _end(one)
                raise
            self._on.update({one.row.name: one for one in begun})
            return tuple(one.row.name for one in begun)

    def remove(self, names: Iterable[str], source: str) -> None:
        """Switch faults off, all or none; CONFIG_INVALID names one that there is not."""
        with self._lock:
            wanted = [*dict.fromkeys(names)]
            for name in wanted:
                if name not in self._on:
                    raise invalid(
                        source, "name", f"there is no fault {name!r}; there are {', '.join(self._on) or 'none'}"
                    )
            for name in wanted:
                _end(self._on.pop(name))

    def listed(self) -> str:
        """The faults that are on, as a file of them; a comment says how many commands each struck."""
        with self._lock:
            tables = []
            for one in self._on.values():
                struck = f"# struck so far: {one.struck}\n" if one.striking else ""
                tables.append(struck + fault_file.written(one.row))
            return "\n".join(tables)

    def close(self) -> None:
        """Switch all of them off, the last one first."""
        with self._lock:
            for one in reversed(self._on.values()):
                _end(one)
            self._on.clear()

    def _begin(self, row: FaultRow, source: str, on: Sequence[_On]) -> _On:
        targets = self._targets(row, source)
        begun = _On(row, frozenset(target.node for target in targets))
        apply = _COMMANDS.get(type(row))
        if apply is not None:
            for target in targets:
                made = target.controller.faults.add(apply(row, begun))
                begun.striking.append(made)
                begun.undo.append(partial(target.controller.faults.remove, made))
            return begun
        other = next((one for one in on if type(one.row) is type(row) and one.nodes & begun.nodes), None)
        if other is not None:
            raise invalid(
                source, row.name, f"{kind_of(row)} of that drive is {other.row.name} already; remove it first"
            )
        try:
            for target in targets:
                begun.undo.append(_STATES[type(row)](row, target, source))
        except Exception:
            _end(begun)
            raise
        return begun

    def _targets(self, row: FaultRow, source: str) -> list[_Target]:
        """The controllers that a fault is about: CONFIG_INVALID if there is none."""
        nodes = self._host.scan()
        found = []
        for node in nodes:
            if row.controller in ("", node.node, node.serial):
                with suppress(KeyError):  # it went since
                    found.append(_Target(self._host, node.node, self._host.controller(node.node)))
        if not found:
            there = ", ".join(f"{node.node} ({node.serial})" for node in nodes) or "none"
            raise invalid(
                source, f"{row.name}.controller", f"there is no {row.controller or 'drive'!r}; there are {there}"
            )
        return found


def _end(one: _On) -> None:
    for undo in reversed(one.undo):
        undo()


# what strikes commands


def _matching(row: Any, action: faults.Action, **more: Any) -> Fault:
    return Fault(
        action,
        queue=fault_file.queue_of(row),
        opcode=fault_file.opcode_of(row),
        log_id=fault_file.log_page_of(row),
        feature_id=row.feature,
        nsid=row.nsid,
        skip=row.after,
        times=row.count or None,
        **more,
    )


def _status(row: fault_file.Status, on: _On) -> Fault:
    return _matching(row, faults.Refuse(row.status))


def _latency(row: fault_file.Latency, on: _On) -> Fault:
    return _matching(row, faults.Delay(row.milliseconds))


def _hang(row: fault_file.Hang, on: _On) -> Fault:
    hang = faults.Hang(executed=row.executed)
    on.undo.append(hang.release)
    return _matching(row, hang)


def _torn(row: fault_file.TornTelemetry, on: _On) -> Fault:
    host = row.source == "host"
    page = LogPage.TELEMETRY_HOST_INITIATED if host else LogPage.TELEMETRY_CONTROLLER_INITIATED
    return Fault(
        NewGeneration(host=host),
        opcode=AdminOpcode.GET_LOG_PAGE,
        log_id=page,
        where=lambda command: bool(command.cdw12 or command.cdw13),  # not its header, which begins it
        skip=row.after,
        times=row.count or None,
    )


_COMMANDS: Final[Mapping[type[FaultRow], Callable[[Any, _On], Fault]]] = {
    fault_file.Status: _status,
    fault_file.Latency: _latency,
    fault_file.Hang: _hang,
    fault_file.TornTelemetry: _torn,
}


# what a drive is


def _unplug(row: fault_file.Unplug, target: _Target, source: str) -> Undo:
    target.controller.disappear()
    return target.controller.reappear


def _link_down(row: fault_file.LinkDown, target: _Target, source: str) -> Undo:
    target.host.cut(target.node)

    def up() -> None:
        with suppress(KeyError):  # unplugged since
            target.host.reconnect(target.node)

    return up


def _warn(row: fault_file.CriticalWarning, target: _Target, source: str) -> Undo:
    bits = sum(1 << CriticalWarning[name.upper().replace("-", "_")] for name in dict.fromkeys(row.warnings))
    return _warning(target.controller, bits)


def _warning(controller: Controller, bits: int) -> Undo:
    new = bits & ~controller.health.held_warning
    controller.hold_warning(controller.health.held_warning | new)
    return lambda: controller.hold_warning(controller.health.held_warning & ~new)


def _wear(row: fault_file.Wear, target: _Target, source: str) -> Undo:
    health = target.controller.health
    before = health.percentage_used, health.available_spare
    health.percentage_used, health.available_spare = row.percentage_used, row.available_spare
    low = row.available_spare < SPARE_THRESHOLD_PERCENT
    warned = _warning(target.controller, 1 << CriticalWarning.SPARE_BELOW_THRESHOLD if low else 0)

    def undo() -> None:
        health.percentage_used, health.available_spare = before
        warned()

    return undo


def _media_errors(row: fault_file.MediaErrors, target: _Target, source: str) -> Undo:
    controller = target.controller
    bad = range(row.lba, row.lba + row.blocks)
    if row.blocks:
        try:
            controller.mark_unreadable(row.nsid, row.lba, row.blocks)
        except KeyError:
            raise invalid(source, f"{row.name}.nsid", f"{target.node} has no namespace {row.nsid}") from None
    controller.health.media_errors += row.errors

    def undo() -> None:
        controller.health.media_errors -= row.errors
        with controller.lock:
            namespace = controller.subsystem.namespaces.get(row.nsid) if row.blocks else None
            if namespace is not None:
                namespace.bad_blocks.difference_update(bad)

    return undo


def _temperature(row: fault_file.Temperature, target: _Target, source: str) -> Undo:
    target.controller.set_temperature(row.celsius + KELVIN)
    return partial(target.controller.set_temperature, None)


def _ana(row: fault_file.AnaState, target: _Target, source: str) -> Undo:
    controller, state = target.controller, AnaState[row.state.upper().replace("-", "_")]
    before = controller.ana.state(row.group)
    try:
        controller.set_ana_state(row.group, state)
    except KeyError:
        raise invalid(source, f"{row.name}.group", f"{target.node} has no ANA group {row.group}") from None
    return partial(controller.set_ana_state, row.group, before)


def _link(row: fault_file.Link, target: _Target, source: str) -> Undo:
    before = _around(target, row, source).link
    if before is None:
        raise invalid(source, f"{row.name}.controller", f"{target.node} has no link of its own")
    worse = replace(before, speed_mts=min(row.speed_mts, before.max_speed_mts), width=min(row.width, before.max_width))
    return _surround(target, {"link": worse}, {"link": before})


def _aer(row: fault_file.Aer, target: _Target, source: str) -> Undo:
    before = _around(target, row, source).errors
    if before is None:
        raise invalid(source, f"{row.name}.controller", f"{target.node} has no error counters of its own")
    counters = dict(getattr(before, row.severity))
    counters[row.error] = counters.get(row.error, 0) + row.errors
    return _surround(target, {"errors": replace(before, **{row.severity: counters})}, {})


def _around(target: _Target, row: fault_file.FaultRow, source: str) -> Surroundings:
    node = next((one for one in target.host.scan() if one.node == target.node), None)
    if node is None:
        raise invalid(source, f"{row.name}.controller", f"{target.node} went meanwhile")
    return target.host.surroundings(node)


def _surround(target: _Target, during: Mapping[str, Any], after: Mapping[str, Any]) -> Undo:
    target.host.surround(target.node, **during)

    def undo() -> None:
        with suppress(KeyError):  # unplugged since
            target.host.surround(target.node, **after)

    return undo


_STATES: Final[Mapping[type[FaultRow], Callable[[Any, _Target, str], Undo]]] = {
    fault_file.Unplug: _unplug,
    fault_file.LinkDown: _link_down,
    fault_file.CriticalWarning: _warn,
    fault_file.Wear: _wear,
    fault_file.MediaErrors: _media_errors,
    fault_file.Temperature: _temperature,
    fault_file.AnaState: _ana,
    fault_file.Link: _link,
    fault_file.Aer: _aer,
}
