"""How gates were found, as the journal and the contract have it."""

from __future__ import annotations

from collections.abc import Iterable

from nvmed.preconditions.gates import GateResult


def gate_results(results: Iterable[GateResult]) -> list[dict[str, str]]:
    """`GateResult`s of the contract."""
    return [
        {
            "controller": result.controller,
            "gate": f"GATE_{result.gate}",
            "state": f"STATE_{result.found.value}",
            "description": result.description,
        }
        for result in results
    ]
