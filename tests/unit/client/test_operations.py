"""Waiting for operations: across failures that pass, and no longer than was said."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

import nvmedctl.blocking
import pytest
from google.longrunning.operations_pb2 import Operation, WaitOperationRequest
from nvmedctl import RetryPolicy, operations
from nvmedctl.cli import progress

from nvmed.errors import DeadlineExceeded, NotFound, NvmedError, Unavailable
from nvmed.reasons import Reason, error
from nvmed.v1.firmware_pb2 import StageFirmwareResponse
from nvmed.v1.operations_pb2 import OperationMetadata

PATIENT = RetryPolicy(attempts=3, first_delay=0.001)
BEGUN = Operation(name="operations/1")
GONE = error(Reason.CONNECTION_FAILED, "gone")


@dataclass
class Stub:
    """What WaitOperation answers, call for call; once that is used up it waits for ever."""

    answers: list[NvmedError | Operation]
    requests: list[WaitOperationRequest] = field(default_factory=list)

    async def WaitOperation(self, request: WaitOperationRequest) -> Operation:  # noqa: N802  # the contract's
        self.requests.append(request)
        if not self.answers:
            await asyncio.Event().wait()
        answer = self.answers.pop(0)
        if isinstance(answer, NvmedError):
            raise answer
        return answer


def done(response: StageFirmwareResponse | OperationMetadata) -> Operation:
    found = Operation(name="operations/1", done=True)
    found.response.Pack(response)
    return found


async def test_it_goes_on_after_what_passes() -> None:
    """Failures with an answer in between are not in a row."""
    cut = error(Reason.CALL_CANCELLED, "cut")
    stub = Stub([GONE, cut, BEGUN, GONE, GONE, done(StageFirmwareResponse())])
    assert await operations.result(stub, BEGUN, StageFirmwareResponse, retry=PATIENT) == StageFirmwareResponse()
    assert {request.name for request in stub.requests} == {"operations/1"}


async def test_it_gives_up_after_so_many_failures_in_a_row() -> None:
    stub = Stub([GONE, BEGUN, GONE, GONE, GONE])
    with pytest.raises(Unavailable):
        await operations.wait(stub, BEGUN, retry=PATIENT)
    assert len(stub.requests) == 5


async def test_what_does_not_pass_is_raised_at_once() -> None:
    stub = Stub([error(Reason.OPERATION_NOT_FOUND, "no such operation")])
    with pytest.raises(NotFound):
        await operations.wait(stub, BEGUN, retry=PATIENT)


async def test_it_waits_no_longer_than_was_said() -> None:
    with pytest.raises(DeadlineExceeded, match=r"operations/1 is not done after 0\.01 s; it goes on") as raised:
        await operations.wait(Stub([BEGUN]), BEGUN, timeout=0.01)
    assert raised.value.reason == "CALL_TIMEOUT"


async def test_progress_is_told_of_each_answer() -> None:
    told: list[OperationMetadata] = []
    stub = Stub([GONE, BEGUN, done(StageFirmwareResponse())])
    await operations.wait(stub, BEGUN, told.append, retry=PATIENT)
    assert len(told) == 2
    assert stub.requests[0].timeout.ToMilliseconds() < 1000


async def test_an_answer_of_another_kind_is_an_error() -> None:
    with pytest.raises(NvmedError, match=r"ended with nvmed\.v1\.OperationMetadata"):
        await operations.result(Stub([]), done(OperationMetadata()), StageFirmwareResponse)


@pytest.mark.parametrize("client", [nvmedctl.Client, nvmedctl.blocking.Client])
def test_nothing_that_a_client_offers_is_of_any_type(client: type[object]) -> None:
    assert "Any" not in client.__annotations__.values()


@pytest.mark.parametrize("stub", [operations.BlockingStub, operations.AsyncStub])
def test_the_types_of_operations_are_those_of_its_calls(stub: type[object]) -> None:
    async def connect() -> set[str]:
        async with nvmedctl.Client("unix:/nobody") as client:
            return set(vars(client.operations))

    assert stub.__annotations__.keys() == asyncio.run(connect())


def test_what_has_no_bytes_is_told_in_percent(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(progress, "_is_watched", lambda: True)
    with progress.operation() as tell:
        assert tell
        tell(OperationMetadata(target="nvme0", phase="reset", percent_complete=40))
    shown = capsys.readouterr().err
    assert "nvme0 reset" in shown
    assert "40 %" in shown
    assert "bytes" not in shown
