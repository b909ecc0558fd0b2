"""RunSelfTest over the wire: results, cancelling, restarts, limits, and drives that fall over."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from google.longrunning import operations_pb2 as longrunning

from nvmed.config import SelfTests
from nvmed.nvme.opcodes import AdminOpcode
from nvmed.simulator.faults import Fail, Fault
from nvmed.v1 import event_pb2, log_pb2
from nvmed.v1 import self_test_pb2 as pb
from nvmed.v1.drive_pb2_grpc import DriveServiceStub
from nvmed.v1.event_pb2_grpc import EventServiceStub
from nvmed.v1.log_pb2 import SelfTestResult
from nvmed.v1.log_pb2_grpc import LogServiceStub
from tests.rpc.harness import Daemon, StartDaemon, small_drive
from tests.rpc.namespace_calls import refused, sent
from tests.rpc.operation_calls import ask, failed, state, steps, succeeded, wait

if TYPE_CHECKING:
    from nvmed.v1.drive_pb2_grpc import DriveServiceAsyncStub

SHORT, EXTENDED = log_pb2.SELF_TEST_SHORT, log_pb2.SELF_TEST_EXTENDED
QUICK: dict[str, Any] = {"short_self_test_s": 0.1}
NEVER: dict[str, Any] = {"short_self_test_s": 3600.0}


def stub(daemon: Daemon) -> DriveServiceAsyncStub:
    return DriveServiceStub(daemon.channel)


async def begin(daemon: Daemon, test: log_pb2.SelfTest = SHORT, **more: Any) -> longrunning.Operation:
    return await stub(daemon).RunSelfTest(pb.RunSelfTestRequest(controller="nvme0", test=test, **more))


async def result(daemon: Daemon, **more: Any) -> pb.RunSelfTestResponse:
    return await succeeded(daemon, await begin(daemon, **more), pb.RunSelfTestResponse)


async def until_running(daemon: Daemon) -> None:
    """Once the drive's log says that a test runs."""
    logs, request = LogServiceStub(daemon.channel), log_pb2.GetSelfTestLogRequest(controller="nvme0")
    while not (await logs.GetSelfTestLog(request)).running:
        pass


# -- results


async def test_a_test_that_passes_has_its_result_and_an_event(start_daemon: StartDaemon) -> None:
    daemon = await start_daemon(small_drive(**QUICK))
    planned = await begin(daemon, validate_only=True)
    assert planned.done
    assert sent(daemon.drive(), AdminOpcode.DEVICE_SELF_TEST) == 0
    done = await result(daemon)
    assert (done.result.outcome, done.test, done.nsid) == (SelfTestResult.OUTCOME_PASSED, SHORT, 0xFFFF_FFFF)
    again = await result(daemon, nsid=1)
    assert (again.result.outcome, again.nsid) == (SelfTestResult.OUTCOME_PASSED, 1)
    events = await EventServiceStub(daemon.channel).ListEvents(event_pb2.ListEventsRequest(page_size=500))
    ended = [one for one in events.events if one.kind == event_pb2.EVENT_KIND_SELF_TEST_ENDED]
    assert [one.self_test_ended.result.outcome for one in ended] == [SelfTestResult.OUTCOME_PASSED] * 2


async def test_a_failure_is_a_result_with_segment_block_and_status(start_daemon: StartDaemon) -> None:
    daemon = await start_daemon(small_drive(**QUICK))
    test = daemon.drive().self_test
    test.failing_lba, test.failing_segment, test.failing_status = 4711, 3, (2, 0x81)
    found = (await result(daemon, nsid=1)).result
    assert (found.outcome, found.segment, found.failing_lba) == (SelfTestResult.OUTCOME_FAILED_SEGMENT, 3, 4711)
    assert (found.nsid, found.raw_status) == (1, 0x281)


async def test_a_drive_that_breaks_it_off_says_how(start_daemon: StartDaemon) -> None:
    daemon = await start_daemon(small_drive(**QUICK))
    daemon.drive().self_test.fatal = True
    assert (await result(daemon)).result.outcome == SelfTestResult.OUTCOME_FATAL_ERROR


async def test_a_test_that_leaves_no_result_is_told(start_daemon: StartDaemon) -> None:
    daemon = await start_daemon(small_drive(**QUICK))
    daemon.drive().self_test.forgets = True
    assert (await failed(daemon, await begin(daemon)))[1] == "NVME_DATA_INVALID"


async def test_a_drive_that_refuses_all_namespaces_is_given_its_only_one(start_daemon: StartDaemon) -> None:
    daemon = await start_daemon(small_drive(self_test_of_all=False, **QUICK))
    assert (await result(daemon)).nsid == 1
    assert (await result(daemon)).nsid == 1  # known by now, so it is not asked in vain
    assert sent(daemon.drive(), AdminOpcode.DEVICE_SELF_TEST) == 3


async def test_a_refresh_runs_where_the_controller_has_it(start_daemon: StartDaemon) -> None:
    refresh = log_pb2.SELF_TEST_HOST_INITIATED_REFRESH
    daemon = await start_daemon(small_drive(self_test_options=3, extended_self_test_min=0), small_drive("OTHER"))
    assert (await result(daemon, test=refresh)).result.test == refresh
    other = pb.RunSelfTestRequest(controller="nvme1", test=refresh)
    assert (await failed(daemon, await stub(daemon).RunSelfTest(other)))[1] == "NVME_UNSUPPORTED"


# -- stopping


async def test_cancelling_aborts_the_drives_test(start_daemon: StartDaemon) -> None:
    daemon = await start_daemon(small_drive(**NEVER))
    operation = await begin(daemon)
    await until_running(daemon)
    await ask(daemon, "CancelOperation", name=operation.name)
    done = await wait(daemon, operation)
    assert state(done) == "CANCELLED"
    assert steps(done) == ["self_test", "watch", "abort"]
    assert daemon.drive().self_test.running is None
    assert (await result(daemon, validate_only=True)).controller  # nothing is left that keeps the next from running


async def test_a_test_that_hangs_is_aborted_when_it_has_had_its_time(start_daemon: StartDaemon) -> None:
    daemon = await start_daemon(small_drive(**QUICK))
    daemon.drive().self_test.hangs = True
    assert await failed(daemon, await begin(daemon, timeout_ms=1000)) == ("FAILED", "COMMAND_TIMEOUT")
    assert daemon.drive().self_test.running is None


async def test_a_restart_goes_on_watching(start_daemon: StartDaemon) -> None:
    """The test runs in the drive while no daemon does; the next one has its result, under the same name."""
    first = await start_daemon(small_drive(**NEVER))
    operation = await begin(first)
    await until_running(first)
    second = await start_daemon(state_dir=first.state_dir, host=first.host)
    assert not (await ask(second, "GetOperation", name=operation.name)).done
    assert await refused(begin(second, validate_only=True)) == "NVME_BUSY"
    third = await start_daemon(state_dir=first.state_dir, host=first.host)
    first.host.controller("nvme0").self_test.abort()
    done = await succeeded(third, operation, pb.RunSelfTestResponse)
    assert done.result.outcome == SelfTestResult.OUTCOME_ABORTED_BY_COMMAND


async def test_a_reset_ends_a_short_test_and_not_an_extended_one(start_daemon: StartDaemon) -> None:
    daemon = await start_daemon(small_drive(**NEVER))
    operation = await begin(daemon)
    await until_running(daemon)
    daemon.drive().reset()
    done = await succeeded(daemon, operation, pb.RunSelfTestResponse)
    assert done.result.outcome == SelfTestResult.OUTCOME_ABORTED_BY_RESET
    operation = await begin(daemon, test=EXTENDED)
    await until_running(daemon)
    daemon.drive().subsystem.power_cycle()  # the drive goes on when it has power again
    assert daemon.drive().self_test.running is not None
    assert not (await ask(daemon, "GetOperation", name=operation.name)).done
    await ask(daemon, "CancelOperation", name=operation.name)
    assert state(await wait(daemon, operation)) == "CANCELLED"


async def test_a_start_without_an_answer_is_watched_if_the_drive_runs_it(start_daemon: StartDaemon) -> None:
    daemon = await start_daemon(small_drive(**QUICK))
    faults = daemon.drive().faults
    faults.add(Fault(Fail(5, executed=True), opcode=AdminOpcode.DEVICE_SELF_TEST))
    assert (await result(daemon)).result.outcome == SelfTestResult.OUTCOME_PASSED
    faults.add(Fault(Fail(5), opcode=AdminOpcode.DEVICE_SELF_TEST))
    assert (await failed(daemon, await begin(daemon)))[0] == "FAILED"


# -- how many


async def test_one_test_of_a_drive_and_so_many_of_a_host(start_daemon: StartDaemon) -> None:
    two = (small_drive(**NEVER, controllers=2), small_drive("OTHER", **NEVER))
    daemon = await start_daemon(*two, self_test=SelfTests(concurrent_max=1))
    operation = await begin(daemon)
    await until_running(daemon)
    same = pb.RunSelfTestRequest(controller="nvme1", test=SHORT, validate_only=True)
    assert await refused(stub(daemon).RunSelfTest(same)) == "NVME_BUSY"  # DSTO: one in the subsystem
    other = pb.RunSelfTestRequest(controller="nvme2", test=SHORT, validate_only=True)
    assert await refused(stub(daemon).RunSelfTest(other)) == "LIMIT_EXCEEDED"
    await ask(daemon, "CancelOperation", name=operation.name)
    await wait(daemon, operation)
    assert (await stub(daemon).RunSelfTest(other)).done


async def test_a_test_that_somebody_else_started_is_not_disturbed(start_daemon: StartDaemon) -> None:
    daemon = await start_daemon(small_drive(**NEVER))
    daemon.drive().self_test.start(1, 1)  # type: ignore[arg-type]
    assert await refused(begin(daemon, validate_only=True)) == "NVME_BUSY"
    assert await refused(begin(daemon, test=log_pb2.SELF_TEST_ABORT)) == "INVALID_FIELD"


async def test_a_drive_without_self_tests_is_told_so(start_daemon: StartDaemon) -> None:
    daemon = await start_daemon(small_drive(optional_admin_commands=0))
    assert await refused(begin(daemon, validate_only=True)) == "NVME_UNSUPPORTED"
