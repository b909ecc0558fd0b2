"""The driver of the clients' conformance scenario believes no client that says less, more or other than it must."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from clients.conformance.daemon import Call, Wrong
from clients.conformance.scenario import FAILURES, PRINCIPAL, STEPS, STREAM, UPLOAD, WATCH, check_calls, parse_reports

REPORTS = {step: {"request_id": step} for step in FAILURES}

CALLS = [
    *(Call(failure.method, PRINCIPAL, step, failure.code.name, failure.reason) for step, failure in FAILURES.items()),
    Call(UPLOAD, PRINCIPAL, "0", "CANCELLED", ""),
    Call(UPLOAD, PRINCIPAL, "1", "ok", ""),
    Call(STREAM, PRINCIPAL, "2", "CANCELLED", ""),
    Call(STREAM, PRINCIPAL, "3", "CANCELLED", ""),
    Call(STREAM, PRINCIPAL, "4", "ok", ""),
    Call(STREAM, PRINCIPAL, "5", "ok", ""),
    Call(STREAM, "unix:admin", "6", "ok", ""),
    Call(WATCH, PRINCIPAL, "7", "CANCELLED", ""),
    Call(WATCH, PRINCIPAL, "8", "CANCELLED", ""),
    Call(WATCH, PRINCIPAL, "9", "CANCELLED", ""),
]
"""What the daemon logs of a client that did everything, and of the driver."""


def test_the_scenario_has_each_step_once() -> None:
    assert len(STEPS) == len(set(STEPS)) == 17
    assert set(FAILURES) < set(STEPS)


def test_reports_are_names_and_values() -> None:
    lines = [f"ok {step} a=1 b=x=y" for step in STEPS]
    assert parse_reports("\n".join(lines) + "\n") == {step: {"a": "1", "b": "x=y"} for step in STEPS}


@pytest.mark.parametrize(
    "lines",
    [
        [],
        [f"ok {step} a=1" for step in STEPS[:-1]],
        [f"ok {step} a=1" for step in reversed(STEPS)],
        [f"ok {step} a=1" for step in (*STEPS, "more")],
        [f"ok {step}" for step in STEPS[:-1]] + [f"failed {STEPS[-1]}: no"],
        [f"ok {step} a" for step in STEPS],
        [f"ok {step} a=a value" for step in STEPS],
    ],
)
def test_what_is_no_report_of_every_step_in_order_is_wrong(lines: list[str]) -> None:
    with pytest.raises(Wrong):
        parse_reports("\n".join(lines))


def test_the_daemons_log_agrees() -> None:
    check_calls(REPORTS, CALLS)


def without(request_id: str) -> list[Call]:
    return [call for call in CALLS if call.request_id != request_id]


@pytest.mark.parametrize(
    ("reports", "calls"),
    [
        pytest.param({**REPORTS, "error-not-found": {"request_id": "made-up"}}, CALLS, id="an id nobody knows"),
        pytest.param({**REPORTS, "error-not-found": {}}, CALLS, id="no id"),
        pytest.param({**REPORTS, "error-not-found": {"request_id": "error-bad-field"}}, CALLS, id="another's id"),
        pytest.param(REPORTS, [*CALLS, Call(STREAM, "", "10", "UNAUTHENTICATED", "")], id="a call without a principal"),
        pytest.param(REPORTS, without("2"), id="a cut too few"),
        pytest.param(REPORTS, [*CALLS, Call(STREAM, PRINCIPAL, "10", "ok", "")], id="a stream too many"),
        pytest.param(REPORTS, without("0"), id="an upload that was not cut"),
        pytest.param(REPORTS, without("8"), id="events that were not watched again"),
        pytest.param(
            REPORTS, [*without("1"), Call(UPLOAD, PRINCIPAL, "1", "CANCELLED", "")], id="an upload broken off"
        ),
    ],
)
def test_a_log_that_says_otherwise_is_wrong(reports: Mapping[str, Mapping[str, str]], calls: list[Call]) -> None:
    with pytest.raises(Wrong):
        check_calls(reports, calls)
