"""RevertDrive: by PSID to the factory state, whoever owns the drive; looked at where its answer is lost."""

from __future__ import annotations

import json
import uuid
from typing import Any

import grpc
import pytest
from google.longrunning import operations_pb2 as longrunning
from google.rpc import error_details_pb2

from nvmed.devices import tcg
from nvmed.erasure import watch
from nvmed.erasure_record import PublicKey, parse, signed_by
from nvmed.nvme.opcodes import AdminOpcode
from nvmed.nvme.tcg_session import Status
from nvmed.nvme.transport import Command, Completion
from nvmed.simulator.faults import Data, Fail, Fault, Refuse
from nvmed.simulator.refusal import Sc
from nvmed.simulator.spec import NamespaceSpec, TcgSpec
from nvmed.simulator.state.drive import ControllerState
from nvmed.simulator.state.tper import Tper
from nvmed.v1 import erasure_pb2 as pb
from nvmed.v1.drive_pb2_grpc import DriveServiceStub
from tests.rpc.erase_calls import ended, record, records
from tests.rpc.harness import Daemon, StartDaemon, reason_of, small_drive

PSID = "PLANTED9PSID8OF7THIS6LABEL5AAAA4"
OWNED = TcgSpec(locking_enabled=True, sid_owned=True, psid=PSID)
FRESH = TcgSpec(psid=PSID)
ERASED, UNCONFIRMED = pb.ERASURE_OUTCOME_ERASED, pb.ERASURE_OUTCOME_UNCONFIRMED


@pytest.fixture(autouse=True)
def _eager(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "POLL_S", 0.01)
    monkeypatch.setattr(tcg, "PAUSE_S", 0.0)


async def start(start_daemon: StartDaemon, spec: TcgSpec | None = OWNED, **more: Any) -> Daemon:
    """A daemon with a drive that is full of what nobody may read."""
    namespaces = (NamespaceSpec(1 << 20),)
    daemon = await start_daemon(small_drive(namespaces=namespaces, optional_admin_commands=0x21F, tcg=spec), **more)
    fill(daemon)
    return daemon


def fill(daemon: Daemon) -> None:
    for namespace in daemon.drive().subsystem.namespaces:
        namespace.storage.write(0, memoryview(b"secrets of the last owner" * 41_943))


def tper(daemon: Daemon) -> Tper:
    found = daemon.drive().subsystem.tper
    assert found is not None
    return found


class PowerLoss:
    """A drive that did what it was told, and went before it could say so."""

    def before(self, controller: ControllerState, command: Command, data: Data) -> Completion | None:
        return None

    def after(self, controller: ControllerState, command: Command, data: Data) -> None:
        controller.disappear()


async def revert(daemon: Daemon, **asked: Any) -> longrunning.Operation:
    fields = {
        "controller": "nvme0", "psid": PSID, "acknowledge_data_loss": True, "request_id": str(uuid.uuid4()), **asked,
    }  # fmt: skip
    return await DriveServiceStub(daemon.channel).RevertDrive(pb.RevertDriveRequest(**fields))


async def reverted(daemon: Daemon, **asked: Any) -> pb.RevertDriveResponse:
    operation = await ended(daemon, await revert(daemon, **asked))
    answer = pb.RevertDriveResponse()
    assert operation.response.Unpack(answer), operation.error
    return answer


async def reason(daemon: Daemon, **asked: Any) -> str:
    """Why it did not end well."""
    operation = await ended(daemon, await revert(daemon, **asked))
    info = error_details_pb2.ErrorInfo()
    assert any(one.Unpack(info) for one in operation.error.details), operation
    return str(info.reason)


async def test_a_drive_that_somebody_owns_is_reverted_and_it_is_written_down(start_daemon: StartDaemon) -> None:
    daemon = await start(start_daemon)
    tper(daemon).slow = 3
    answer = await reverted(daemon)
    assert (answer.outcome, answer.media_encryption) == (ERASED, True)
    assert answer.sample_finding == pb.SAMPLE_FINDING_CHANGED
    assert (tper(daemon).reverts, tper(daemon).sid_owned, tper(daemon).locking_enabled) == (1, False, False)
    found, content = await record(daemon, answer.erasure_record)
    key = await DriveServiceStub(daemon.channel).GetErasureKey(pb.GetErasureKeyRequest())
    assert signed_by(parse(found.envelope), PublicKey(key.public_key))
    assert (found.outcome, found.method, found.ieee_2883, found.nist_800_88) == (
        ERASED, pb.ERASURE_METHOD_REVERT, "", "",
    )  # fmt: skip
    assert "cryptographic erase" in content["technique"]
    said = content["security"]
    assert said["media_encryption"]
    assert len(said["discovery_before"]) == len(said["discovery_after"]) > 96
    assert said["discovery_before"] != said["discovery_after"]


async def test_the_psid_is_seen_nowhere(start_daemon: StartDaemon, capfd: pytest.CaptureFixture[str]) -> None:
    daemon = await start(start_daemon)
    wrong = PSID[::-1]
    assert await reason(daemon, psid=wrong) == "PSID_REFUSED"
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await revert(daemon, psid=PSID + " " + wrong)
    assert PSID not in str(caught.value)
    await reverted(daemon)
    await daemon.stop()
    said = capfd.readouterr()
    everywhere = said.out + said.err
    for path in daemon.state_dir.rglob("*"):
        if path.is_file():
            everywhere += path.read_bytes().decode("latin-1")
    assert PSID not in everywhere
    assert wrong not in everywhere
    assert PSID.encode().hex() not in everywhere


async def test_a_wrong_psid_does_no_harm_and_few_are_taken(start_daemon: StartDaemon) -> None:
    daemon = await start(start_daemon, TcgSpec(sid_owned=True, psid=PSID, psid_tries=2))
    for expected in ("PSID_REFUSED", "PSID_REFUSED", "PSID_LOCKED_OUT"):
        assert await reason(daemon, psid="X" * 32) == expected
    assert await reason(daemon) == "PSID_LOCKED_OUT"
    assert (tper(daemon).reverts, await records(daemon)) == (0, [])
    daemon.drive().subsystem.power_cycle()
    assert (await reverted(daemon)).outcome == ERASED


async def test_a_dry_run_shows_the_gates_and_tries_no_psid(start_daemon: StartDaemon) -> None:
    daemon = await start(start_daemon)
    operation = await revert(daemon, psid="X", validate_only=True)
    answer = pb.RevertDriveResponse()
    assert operation.response.Unpack(answer)
    assert (answer.media_encryption, answer.erasure_record, answer.outcome) == (True, "", 0)
    assert {"IN_USE", "BOOT", "SUBSYSTEM_BUSY"} & {gate_name(one) for one in answer.gates}
    assert daemon.drive().journal.commands(opcode=AdminOpcode.SECURITY_SEND) == []


def gate_name(result: Any) -> str:
    return str(type(result).DESCRIPTOR.fields_by_name["gate"].enum_type.values_by_number[result.gate].name)[5:]


@pytest.mark.parametrize(
    ("spec", "more"),
    [(None, {}), (TcgSpec(), {}), (OWNED, {"optional_admin_commands": 0x21E})],
)
async def test_a_drive_that_has_none_of_it_says_so(
    start_daemon: StartDaemon, spec: TcgSpec | None, more: dict[str, Any]
) -> None:
    daemon = await start_daemon(small_drive(**{"optional_admin_commands": 0x21F, "tcg": spec, **more}))
    assert await reason(daemon) == "TCG_UNSUPPORTED"
    assert await records(daemon) == []


async def test_gates_are_those_of_a_sanitize(start_daemon: StartDaemon) -> None:
    daemon = await start(start_daemon)
    daemon.drive().subsystem.sanitizer.stall_at = 0.5
    daemon.drive().subsystem.sanitizer.start(2, 0)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await revert(daemon, validate_only=True)
    assert "the drive is sanitizing already" in str(caught.value)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await revert(daemon, acknowledge_data_loss=False)
    assert "acknowledge_data_loss" in str(caught.value)


async def test_what_does_not_encrypt_is_not_said_to_be_erased(start_daemon: StartDaemon) -> None:
    daemon = await start(start_daemon, TcgSpec(sid_owned=True, psid=PSID, encrypts=False))
    assert await reason(daemon) == "ERASURE_CONTRADICTED"
    assert (await reverted(daemon, skip_samples=True)).outcome == UNCONFIRMED
    assert [one.outcome for one in await records(daemon)] == [pb.ERASURE_OUTCOME_CONTRADICTED, UNCONFIRMED]


async def test_a_locked_drive_is_reverted_although_nothing_can_be_read_before(start_daemon: StartDaemon) -> None:
    daemon = await start(start_daemon, TcgSpec(locking_enabled=True, locked=True, sid_owned=True, psid=PSID))
    answer = await reverted(daemon)
    assert (answer.outcome, answer.sample_finding) == (ERASED, pb.SAMPLE_FINDING_INCONCLUSIVE)


async def test_a_drive_that_fails_or_refuses_is_written_down(start_daemon: StartDaemon) -> None:
    daemon = await start(start_daemon)
    tper(daemon).fail_next = Status.TPER_MALFUNCTION
    assert await reason(daemon) == "TCG_REFUSED"
    daemon.drive().subsystem.power_cycle()
    refuse = Fault(Refuse(Sc.INVALID_FIELD | 0x4000), opcode=AdminOpcode.SECURITY_SEND, skip=1)
    daemon.drive().faults.add(refuse)
    assert await reason(daemon) == "NVME_INVALID_FIELD"
    assert {one.outcome for one in await records(daemon)} == {pb.ERASURE_OUTCOME_FAILED}
    assert await reason(daemon) == "TCG_REFUSED"  # the session that was left open
    assert len(await records(daemon)) == 2


@pytest.mark.parametrize("spec", [OWNED, FRESH])
async def test_without_an_answer_the_drive_is_looked_at(start_daemon: StartDaemon, spec: TcgSpec) -> None:
    daemon = await start(start_daemon, spec)
    tper(daemon).mute = True
    assert (await reverted(daemon)).outcome == ERASED
    fill(daemon)
    daemon.drive().faults.add(Fault(Fail(110, executed=True), opcode=AdminOpcode.SECURITY_SEND, skip=1))
    assert (await reverted(daemon)).outcome == ERASED


@pytest.mark.parametrize("spec", [OWNED, FRESH])
async def test_a_revert_that_never_arrived_is_unconfirmed(start_daemon: StartDaemon, spec: TcgSpec) -> None:
    daemon = await start(start_daemon, spec)
    daemon.drive().faults.add(Fault(Fail(110), opcode=AdminOpcode.SECURITY_SEND, skip=1))
    operation = await ended(daemon, await revert(daemon))
    assert "it was not reverted" in operation.error.message
    assert [one.outcome for one in await records(daemon)] == [UNCONFIRMED]


async def test_what_nothing_shows_is_said_not_to_be_known(start_daemon: StartDaemon) -> None:
    daemon = await start(start_daemon, FRESH)
    tper(daemon).mute = True
    operation = await ended(daemon, await revert(daemon, skip_samples=True))
    assert "nothing of it shows whether it was reverted" in operation.error.message


async def test_power_that_is_lost_meanwhile_leaves_what_the_drive_says(start_daemon: StartDaemon) -> None:
    daemon = await start(start_daemon)
    drive = daemon.drive()
    drive.faults.add(Fault(PowerLoss(), opcode=AdminOpcode.SECURITY_SEND, skip=1))
    operation = await revert(daemon)
    while drive.present:
        await records(daemon)
    drive.reappear()
    operation = await ended(daemon, operation)
    assert operation.HasField("response"), operation.error


async def test_a_daemon_that_is_restarted_looks_what_came_of_it(start_daemon: StartDaemon) -> None:
    daemon = await start(start_daemon)
    tper(daemon).mute = True
    operation = await revert(daemon)
    while tper(daemon).reverts == 0:
        await records(daemon)
    again = await start_daemon(state_dir=daemon.state_dir, host=daemon.host)
    operation = await ended(again, operation)
    answer = pb.RevertDriveResponse()
    assert operation.response.Unpack(answer), operation.error
    found, content = await record(again, answer.erasure_record)
    assert (found.outcome, len(await records(again))) == (ERASED, 1)
    assert json.dumps(content).count(PSID) == 0
    assert tper(daemon).reverts == 1


async def test_the_same_request_is_done_once(start_daemon: StartDaemon) -> None:
    daemon = await start(start_daemon)
    request_id = str(uuid.uuid4())
    first = await reverted(daemon, request_id=request_id)
    assert await reverted(daemon, request_id=request_id) == first
    assert tper(daemon).reverts == 1
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await revert(daemon, request_id=request_id, psid="X")
    assert reason_of(caught.value) == "REQUEST_ID_REUSED"
