"""A sanitize goes on whatever becomes of the daemon, the host's view of the drive, or the power: and is seen to end."""

from __future__ import annotations

from typing import Any

import pytest

from nvmed.erasure import watch
from nvmed.nvme.opcodes import AdminOpcode
from nvmed.simulator.faults import Fail, Fault
from nvmed.v1 import erasure_pb2 as pb
from nvmed.v1 import operations_pb2
from tests.rpc.erase_calls import ended, record, records, response_of, sanitize, sanitized
from tests.rpc.harness import Daemon, StartDaemon, small_drive
from tests.rpc.operation_calls import ask

EVERY_S = watch.POLL_S


@pytest.fixture(autouse=True)
def _eager(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "POLL_S", 0.01)


def metadata(operation: Any) -> operations_pb2.OperationMetadata:
    found = operations_pb2.OperationMetadata()
    assert operation.metadata.Unpack(found)
    return found


async def begun(start_daemon: StartDaemon, **spec: Any) -> tuple[Daemon, Any]:
    """A daemon whose drive stands at half of a sanitize."""
    daemon = await start_daemon(small_drive(sanitize_s=0.01, **spec))
    daemon.drive().subsystem.sanitizer.stall_at = 0.5
    operation = await sanitize(daemon)
    while True:
        shown = metadata(await ask(daemon, "GetOperation", name=operation.name))
        if shown.percent_complete > 49:
            assert shown.HasField("remaining_seconds")
            return daemon, operation


async def test_a_daemon_that_is_restarted_watches_on(start_daemon: StartDaemon) -> None:
    daemon, operation = await begun(start_daemon)
    again = await start_daemon(state_dir=daemon.state_dir, host=daemon.host)
    assert not (await ask(again, "GetOperation", name=operation.name)).done
    assert await records(again) == []
    daemon.drive().subsystem.sanitizer.stall_at = None
    answer = response_of(await ended(again, operation))
    found, content = await record(again, answer.erasure_record)
    assert (found.outcome, len(await records(again))) == (pb.ERASURE_OUTCOME_ERASED, 1)
    assert content["tried"] == [{"method": "SANITIZE_BLOCK_ERASE", "refused": ""}]
    assert len(daemon.drive().journal.commands(opcode=AdminOpcode.SANITIZE)) == 1


async def test_a_drive_that_is_away_meanwhile_is_waited_for(start_daemon: StartDaemon) -> None:
    daemon, operation = await begun(start_daemon)
    drive = daemon.drive()
    daemon.host.unplug("nvme0")
    drive.subsystem.sanitizer.stall_at = None
    drive.reappear()
    assert response_of(await ended(daemon, operation)).method == pb.ERASURE_METHOD_SANITIZE_BLOCK_ERASE


async def test_a_drive_that_stays_away_is_unconfirmed(
    start_daemon: StartDaemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "GONE_S", 0)
    daemon, operation = await begun(start_daemon)
    daemon.host.unplug("nvme0")
    done = await ended(daemon, operation)
    assert "was not seen to end" in done.error.message
    (only,) = await records(daemon)
    assert (only.outcome, only.failure_reason) == (pb.ERASURE_OUTCOME_UNCONFIRMED, "ERASURE_UNCONFIRMED")
    assert only.serial_number == "NVMED1"


async def test_a_drive_that_stands_still_is_not_waited_for_for_ever(
    start_daemon: StartDaemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "STALL_S_MIN", 0.05)
    daemon, operation = await begun(start_daemon)
    assert "stands at 50%" in (await ended(daemon, operation)).error.message
    (only,) = await records(daemon)
    assert (only.outcome, only.failure_reason) == (pb.ERASURE_OUTCOME_UNCONFIRMED, "ERASURE_STALLED")


async def test_cancelling_ends_the_watching_and_says_so(start_daemon: StartDaemon) -> None:
    daemon, operation = await begun(start_daemon)
    await ask(daemon, "CancelOperation", name=operation.name)
    assert metadata(await ended(daemon, operation)).state == operations_pb2.OperationMetadata.STATE_CANCELLED
    (only,) = await records(daemon)
    assert (only.outcome, only.failure_reason) == (pb.ERASURE_OUTCOME_UNCONFIRMED, "OPERATION_CANCELLED")


async def test_a_command_without_an_answer_is_followed_by_its_log(start_daemon: StartDaemon) -> None:
    daemon = await start_daemon(small_drive(sanitize_s=0.01))

    daemon.drive().faults.add(Fault(Fail(110, executed=True), opcode=AdminOpcode.SANITIZE))
    assert response_of(await sanitized(daemon)).sample_finding == pb.SAMPLE_FINDING_AS_EXPECTED


async def test_a_command_that_never_arrived_is_unconfirmed(start_daemon: StartDaemon) -> None:
    daemon = await start_daemon(small_drive(sanitize_s=0.01))
    daemon.drive().faults.add(Fault(Fail(110), opcode=AdminOpcode.SANITIZE))
    assert "nothing shows that it was told" in (await sanitized(daemon)).error.message
    assert [one.outcome for one in await records(daemon)] == [pb.ERASURE_OUTCOME_UNCONFIRMED]


async def test_a_look_is_one_command(start_daemon: StartDaemon) -> None:
    assert EVERY_S >= 10
    daemon, operation = await begun(start_daemon)
    drive = daemon.drive()
    drive.journal.clear()
    while len(drive.journal.records) < 5:
        await ask(daemon, "GetOperation", name=operation.name)
    assert {one.opcode for one in drive.journal.commands()} == {AdminOpcode.GET_LOG_PAGE}
    drive.subsystem.sanitizer.stall_at = None
    await ended(daemon, operation)
