"""Requests of every method, valid and not, beside one who works: the short form of `make soak`."""

from __future__ import annotations

import asyncio

import pytest

from nvmed.security.policy import METHODS
from tests.robustness.daemon import MIB, Target
from tests.robustness.soak import LIMITS, PRINCIPALS, settled, soak

REQUESTS, SEED = 10_000, 1
GROWTH = 96 * MIB
"""Over what it had once it was warm: caches of messages, and the journal's and the simulated drives' own memory."""


@pytest.mark.timeout(240)
@pytest.mark.parametrize("target", [(PRINCIPALS, LIMITS)], indirect=True)
def test_no_request_is_answered_by_a_fault_of_its_own(target: Target) -> None:
    outcome = asyncio.run(soak(target, REQUESTS, SEED))
    settled(target, outcome)
    warm, end = outcome.growth[1], outcome.growth[-1]
    print(f"seed {SEED}: {dict(outcome.by_code)}, {dict(outcome.worked)}, warm {warm}, end {end}")  # noqa: T201
    assert outcome.requests == REQUESTS
    assert {method.split("/")[1] for method in METHODS} == outcome.by_service.keys()
    assert outcome.faults == []
    assert '"bug"' not in target.log
    assert outcome.by_code["OK"] > REQUESTS // 10, "most were refused for their form: nothing was tried"
    assert outcome.worked["drives"] > 0
    assert outcome.worked["snapshots"] > 0
    assert end[1] - warm[1] <= GROWTH / MIB
    assert end[2] <= warm[2] + 8
    assert end[3] <= warm[3] + 32, "threads of lanes and disks come as they are needed, up to so many"
