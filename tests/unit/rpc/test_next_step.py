"""What an operation's metadata say is to be done now: never nothing where somebody has to look."""

from __future__ import annotations

import pytest

from nvmed.operations import failure
from nvmed.operations.records import Record, State
from nvmed.reasons import Reason, error
from nvmed.rpc.convert.operations import RESPONSES, next_step
from nvmed.v1.operations_pb2 import OperationMetadata

KINDS = (*RESPONSES, "nvmed.v1.PassthruService/ExecuteAdmin", "nvmed.v1.KeyService/InsertTlsKey")


def record(kind: str, state: State, reason: Reason | None = None, named: str = "") -> Record:
    why = failure.dump(error(reason, next_step=named)) if reason else None
    return Record("1", kind, "controllers/a-1", "p", "", b"", state=state, failure=why)


@pytest.mark.parametrize("kind", KINDS)
def test_every_uncertain_end_says_where_to_look(kind: str) -> None:
    step = OperationMetadata.NextStep.Name(next_step(record(kind, State.NEEDS_ATTENTION, Reason.OPERATION_UNCERTAIN)))
    assert step.startswith("NEXT_STEP_CHECK_")
    service = kind.partition("/")[0]
    assert (step == "NEXT_STEP_CHECK_FIRMWARE") is (service == "nvmed.v1.FirmwareService")
    assert (step == "NEXT_STEP_CHECK_KEYS") is (service == "nvmed.v1.KeyService")
    known = record(kind, State.NEEDS_ATTENTION, Reason.OPERATION_UNCERTAIN, named="RESET")
    assert OperationMetadata.NextStep.Name(next_step(known)) == "NEXT_STEP_RESET"


@pytest.mark.parametrize(
    ("state", "reason", "again"),
    [
        (State.SAFE_TO_RETRY, Reason.OPERATION_INTERRUPTED, True),
        (State.FAILED, Reason.SUBSYSTEM_BUSY, True),
        (State.FAILED, Reason.AUDIT_UNAVAILABLE, True),
        (State.FAILED, Reason.DEVICE_GONE, False),
        (State.FAILED, Reason.NVME_FAILED, False),
        (State.FAILED, Reason.GATE_FAILED, False),
        (State.FAILED, Reason.COMMAND_TIMEOUT, False),
        (State.CANCELLED, Reason.OPERATION_CANCELLED, False),
        (State.SUCCEEDED, None, False),
        (State.RUNNING, None, False),
    ],
)
def test_only_what_passes_by_itself_is_asked_for_again(state: State, reason: Reason | None, again: bool) -> None:
    step = next_step(record(KINDS[0], state, reason))
    assert OperationMetadata.NextStep.Name(step) == ("NEXT_STEP_REQUEST_AGAIN" if again else "NEXT_STEP_UNSPECIFIED")
