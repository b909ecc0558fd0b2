"""SanitizeDrive: by what the drive can, watched, looked at and written down; refused before anything is lost."""

from __future__ import annotations

from typing import Any

import grpc
import pytest
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from nvmed.erasure import watch
from nvmed.erasure_record import PublicKey, parse, signed_by
from nvmed.nvme.opcodes import AdminOpcode, IoOpcode
from nvmed.nvme.transport import Command
from nvmed.simulator.faults import Fault, Refuse
from nvmed.simulator.refusal import Sc
from nvmed.simulator.spec import NamespaceSpec
from nvmed.v1 import erasure_pb2 as pb
from nvmed.v1 import operations_pb2
from nvmed.v1.drive_pb2_grpc import DriveServiceStub
from tests.rpc.erase_calls import V2_1, record, records, response_of, sanitize, sanitized
from tests.rpc.harness import Daemon, StartDaemon, reason_of, small_drive

SMALL = {"namespaces": (NamespaceSpec(1 << 20), NamespaceSpec(1 << 20, format_index=1)), "nvme_version": V2_1}
BLOCK, CRYPTO, OVERWRITE, FORMAT = (
    pb.ERASURE_METHOD_SANITIZE_BLOCK_ERASE,
    pb.ERASURE_METHOD_SANITIZE_CRYPTO_ERASE,
    pb.ERASURE_METHOD_SANITIZE_OVERWRITE,
    pb.ERASURE_METHOD_FORMAT_USER_DATA,
)


@pytest.fixture(autouse=True)
def _eager(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "POLL_S", 0.01)


async def start(start_daemon: StartDaemon, **spec: Any) -> Daemon:
    """A daemon with a drive that is full of what nobody may read."""
    daemon = await start_daemon(small_drive(**{**SMALL, "sanitize_s": 0.05, **spec}))
    drive = daemon.drive()
    for namespace in drive.subsystem.namespaces:
        namespace.storage.write(0, memoryview(b"secrets of the last owner" * 41_943))
    return daemon


def gates_of(call_error: grpc.aio.AioRpcError) -> list[str]:
    status = rpc_status.from_call(call_error)
    assert status is not None
    for detail in status.details:
        failure = error_details_pb2.PreconditionFailure()
        if detail.Unpack(failure):
            return [violation.type for violation in failure.violations]
    return []


@pytest.mark.parametrize(
    ("asked", "method", "finding"),
    [
        ({}, BLOCK, pb.SAMPLE_FINDING_AS_EXPECTED),
        ({"methods": [CRYPTO]}, CRYPTO, pb.SAMPLE_FINDING_AS_EXPECTED),
        ({"methods": [CRYPTO], "no_deallocate": True}, CRYPTO, pb.SAMPLE_FINDING_CHANGED),
        ({"methods": [BLOCK], "no_deallocate": True}, BLOCK, pb.SAMPLE_FINDING_CHANGED),
        (
            {"methods": [OVERWRITE], "no_deallocate": True, "overwrite": {"pattern": 0xABCD1234, "passes": 3}},
            OVERWRITE,
            pb.SAMPLE_FINDING_AS_EXPECTED,
        ),
        ({"methods": [FORMAT]}, FORMAT, pb.SAMPLE_FINDING_AS_EXPECTED),
        ({"skip_samples": True}, BLOCK, pb.SAMPLE_FINDING_INCONCLUSIVE),
    ],
)
async def test_a_drive_is_erased_and_it_is_written_down(
    start_daemon: StartDaemon, asked: dict[str, Any], method: pb.ErasureMethod, finding: pb.SampleFinding
) -> None:
    daemon = await start(start_daemon)
    answer = response_of(await sanitized(daemon, **asked))
    assert (answer.method, answer.sample_finding) == (method, finding)
    found, content = await record(daemon, answer.erasure_record)
    key = await DriveServiceStub(daemon.channel).GetErasureKey(pb.GetErasureKeyRequest())
    assert signed_by(parse(found.envelope), PublicKey(key.public_key))
    assert (found.outcome, found.method, found.damage) == (pb.ERASURE_OUTCOME_ERASED, method, "")
    assert found.ieee_2883 == found.nist_800_88 == ("clear" if method == FORMAT else "purge")
    assert content["drive"]["serial_number"] == "NVMED1"
    assert [one["nsid"] for one in content["drive"]["namespaces"]] == [1, 2]
    assert all(one["uuid"] and one["nguid"] and one["eui64"] for one in content["drive"]["namespaces"])
    assert content["operation"]["principal"] == "unix:admin"
    assert content["tried"][-1] == {"method": content["method"], "refused": ""}
    assert b"secrets" not in found.envelope
    assert [one.name for one in await records(daemon, filter='serial_number = "NVMED1"')] == [answer.erasure_record]


async def test_what_the_drive_lacks_or_refuses_falls_back(start_daemon: StartDaemon) -> None:
    daemon = await start(start_daemon, sanitize_capabilities=0b101)
    refuse = Fault(Refuse(Sc.INVALID_FIELD | 0x4000), opcode=AdminOpcode.SANITIZE)
    daemon.drive().faults.add(refuse)
    answer = response_of(await sanitized(daemon, methods=[BLOCK, CRYPTO, OVERWRITE]))
    assert answer.method == OVERWRITE
    _, content = await record(daemon, answer.erasure_record)
    assert [one["method"] for one in content["tried"]] == ["SANITIZE_CRYPTO_ERASE", "SANITIZE_OVERWRITE"]
    assert "SANITIZE" in content["tried"][0]["refused"]


async def test_media_are_looked_at_before_they_are_deallocated(start_daemon: StartDaemon) -> None:
    daemon = await start(start_daemon, sanitize_capabilities=0xF)
    asked: dict[str, Any] = {"methods": [OVERWRITE], "overwrite": {"pattern": 7}, "media_verification": True}
    _, content = await record(daemon, response_of(await sanitized(daemon, **asked)).erasure_record)
    assert (content["media_samples"]["finding"], content["media_samples"]["expected"]) == ("AS_EXPECTED", "07000000")
    assert (content["samples"]["finding"], content["samples"]["expected"]) == ("AS_EXPECTED", "00")


async def test_a_drive_that_says_so_and_did_not_is_contradicted(start_daemon: StartDaemon) -> None:
    daemon = await start(start_daemon)
    subsystem = daemon.drive().subsystem
    subsystem.sanitizer._erased = lambda how: None  # it only says so
    operation = await sanitized(daemon)
    assert "not what they must be" in operation.error.message
    (only,) = await records(daemon)
    assert (only.outcome, only.failure_reason) == (pb.ERASURE_OUTCOME_CONTRADICTED, "ERASURE_CONTRADICTED")
    assert (only.ieee_2883, only.nist_800_88) == ("", "")


async def test_a_failure_is_written_down_and_left_by_its_own_call(start_daemon: StartDaemon) -> None:
    daemon = await start(start_daemon)
    drives = DriveServiceStub(daemon.channel)
    daemon.drive().subsystem.sanitizer.fail_next = True
    operation = await sanitized(daemon, allow_unrestricted_exit=True)
    assert "failure mode" in operation.error.message
    (only,) = await records(daemon)
    assert (only.outcome, only.failure_reason) == (pb.ERASURE_OUTCOME_FAILED, "ERASURE_FAILED")
    request = pb.ExitSanitizeFailureModeRequest()
    for validate_only in (True, False):
        request = pb.ExitSanitizeFailureModeRequest(controller="nvme0", validate_only=validate_only)
        assert (await drives.ExitSanitizeFailureMode(request)).controller == only.controller
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await drives.ExitSanitizeFailureMode(request)
    assert reason_of(caught.value) == "SANITIZE_NOT_FAILED"


async def test_a_restricted_failure_is_left_by_another_sanitize(start_daemon: StartDaemon) -> None:
    daemon = await start(start_daemon)
    daemon.drive().subsystem.sanitizer.fail_next = True
    await sanitized(daemon)
    request = pb.ExitSanitizeFailureModeRequest(controller="nvme0")
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await DriveServiceStub(daemon.channel).ExitSanitizeFailureMode(request)
    assert reason_of(caught.value) == "ERASURE_FAILED"
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await sanitize(daemon, allow_unrestricted_exit=True, validate_only=True)
    assert gates_of(caught.value) == ["SANITIZE_FAILURE_MODE"]
    assert response_of(await sanitized(daemon)).method == BLOCK
    assert [one.outcome for one in await records(daemon)].count(pb.ERASURE_OUTCOME_ERASED) == 1


@pytest.mark.parametrize(
    ("spec", "asked", "reason"),
    [
        ({"sanitize_capabilities": 0}, {}, "ERASURE_METHOD_UNSUPPORTED"),
        ({"sanitize_capabilities": 1}, {"methods": [BLOCK, OVERWRITE]}, "ERASURE_METHOD_UNSUPPORTED"),
        ({}, {"media_verification": True}, "ERASURE_METHOD_UNSUPPORTED"),
        ({"sanitize_capabilities": 7 | 1 << 29}, {"no_deallocate": True}, "ERASURE_METHOD_UNSUPPORTED"),
        ({}, {"methods": [BLOCK, BLOCK]}, "INVALID_FIELD"),
        ({}, {"methods": [pb.ERASURE_METHOD_REVERT]}, "INVALID_FIELD"),
        ({}, {"methods": [0]}, "INVALID_FIELD"),
        ({}, {"overwrite": {"passes": 17}}, "INVALID_FIELD"),
        ({}, {"acknowledge_data_loss": False}, "INVALID_FIELD"),
        ({}, {"override_gates": [operations_pb2.GATE_IN_USE]}, "INVALID_FIELD"),
        ({}, {"samples_max": 257}, "INVALID_FIELD"),
        ({}, {"stall_timeout_seconds": 1}, "INVALID_FIELD"),
    ],
)
async def test_what_cannot_be_is_refused_before_the_drive_is_told(
    start_daemon: StartDaemon, spec: dict[str, Any], asked: dict[str, Any], reason: str
) -> None:
    daemon = await start(start_daemon, **spec)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await sanitize(daemon, **asked, validate_only=True)
    assert reason_of(caught.value) == reason
    assert not daemon.drive().journal.commands(opcode=AdminOpcode.SANITIZE)
    assert await records(daemon) == []


async def test_every_gate_that_does_not_hold_is_named(start_daemon: StartDaemon) -> None:
    daemon = await start(start_daemon, controllers=1, sanitize_s=3600)
    daemon.host.occupy("nvme0n1", "/boot")
    daemon.host.battery = True
    daemon.drive().admin(Command(AdminOpcode.SANITIZE, cdw10=2))
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await sanitize(daemon, validate_only=True)
    assert reason_of(caught.value) == "GATE_FAILED"
    assert gates_of(caught.value) == ["BOOT_DEVICE", "IN_USE", "POWER", "SANITIZE_RUNNING"]


async def test_namespaces_of_other_hosts_are_not_taken_from_them(start_daemon: StartDaemon) -> None:
    daemon = await start(start_daemon)
    subsystem = daemon.drive().subsystem
    next(iter(subsystem.namespaces)).controllers.add(99)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await sanitize(daemon, validate_only=True)
    assert gates_of(caught.value) == ["ATTACHED_ELSEWHERE"]
    overridden = await sanitize(daemon, validate_only=True, override_gates=[operations_pb2.GATE_ATTACHED_ELSEWHERE])
    states = {gate.gate: gate.state for gate in response_of(overridden).gates}
    assert states[operations_pb2.GATE_ATTACHED_ELSEWHERE] == operations_pb2.GateResult.STATE_OVERRIDDEN
    assert response_of(overridden).erasure_record == ""


async def test_data_are_there_after_validation(start_daemon: StartDaemon) -> None:
    daemon = await start(start_daemon, sanitize_s=30)
    answer = response_of(await sanitize(daemon, validate_only=True))
    assert (answer.method, answer.estimated_seconds) == (BLOCK, 30)
    data = bytearray(512)
    daemon.drive().io(Command(IoOpcode.READ, 1), data)
    assert data.startswith(b"secrets")
