"""A recorded drive: what it answered is answered again, whose it was is not told, and no file does harm."""

from __future__ import annotations

import json
import zlib
from base64 import b64encode
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from nvmed.__main__ import main
from nvmed.errors import NvmedError
from nvmed.nvme import features, identify, logpage
from nvmed.nvme.identify import IdentifyController, parse_namespace_descriptors
from nvmed.nvme.opcodes import AdminOpcode, FeatureId, LogPage
from nvmed.nvme.status import Queue
from nvmed.nvme.telemetry import TelemetryLog
from nvmed.nvme.transport import Command
from nvmed.simulator import recorder, recording
from nvmed.simulator.faults import Answer, Fail, Fault, Patch, Refuse
from nvmed.simulator.host import SimulatedHost
from nvmed.simulator.masking import masked
from nvmed.simulator.recorder import Wanted, record
from nvmed.simulator.recording import Recording, build, parse
from nvmed.simulator.replay import replayed
from nvmed.simulator.spec import DriveSpec, NamespaceSpec, TelemetrySpec
from nvmed.simulator.subsystem import Subsystem
from nvmed.simulator.transport import SimulatedTransport

SERIAL, NQN = "QX7-PLANTED-1234", "nqn.2019-05.com.planted:storage:qx7"
SPEC = DriveSpec(
    serial=SERIAL, model="Odd 3000", nqn=NQN, controllers=1, first_controller_id=65, nvme_version=0x0001_0400,
    namespaces=(NamespaceSpec(), NamespaceSpec(format_index=1)),
    telemetry=TelemetrySpec.of_sizes(4096, 8192, 8192),
)  # fmt: skip


def opened(*subsystems: Subsystem) -> SimulatedTransport:
    host = SimulatedHost(subsystems)
    transport = host.open(host.scan()[0])
    assert isinstance(transport, SimulatedTransport)
    return transport


def odd_drive() -> Subsystem:
    """A drive that is like no book: it refuses, fails, and answers nonsense."""
    drive = Subsystem(SPEC)
    for fault in (
        Fault(Patch(260, b"\xff\xff"), opcode=AdminOpcode.IDENTIFY, where=lambda c: c.cdw10 == 1, times=None),
        Fault(Answer(b"\xa5" * 4096), log_id=LogPage.COMMANDS_SUPPORTED_AND_EFFECTS, times=None),
        Fault(Refuse(0x4006), log_id=LogPage.DEVICE_SELF_TEST, times=None),
        Fault(Refuse(0x0002, result=7), feature_id=FeatureId.ARBITRATION, times=None),
        Fault(Fail(4), log_id=LogPage.SANITIZE_STATUS, times=None),
        Fault(Patch(0, SERIAL.encode()), log_id=LogPage.ERROR_INFORMATION, times=None),
    ):
        drive.controller.faults.add(fault)
    return drive


def test_a_drive_that_is_replayed_answers_as_the_one_that_was_recorded() -> None:
    wanted = Wanted(telemetry=True, vendor_data=True)
    first = record(opened(odd_drive()), wanted)
    again = parse(build(first), "file")
    assert again.answers == first.answers
    second = record(opened(replayed(again, "file")), wanted)
    never = {key for key in second.answers if key not in first.answers}
    assert {key[2] for key in never} == {LogPage.SANITIZE_STATUS}, "what was not answered is refused"
    assert {key: one for key, one in second.answers.items() if key not in never} == first.answers
    statuses = {status for status, _, _ in first.answers.values()}
    assert {0, 0x4006, 0x0002} <= statuses
    assert len(first.answers) > 100


def test_recording_only_reads() -> None:
    drive = odd_drive()
    created = drive.controller.telemetry.generation(TelemetryLog.HOST_INITIATED)
    record(opened(drive), Wanted(telemetry=True, vendor_data=True))
    sent = drive.controller.journal.records
    assert {one.command.opcode for one in sent} == {
        AdminOpcode.IDENTIFY,
        AdminOpcode.GET_LOG_PAGE,
        AdminOpcode.GET_FEATURES,
    }
    logs = [logpage.decode(one.command) for one in sent if one.command.opcode == AdminOpcode.GET_LOG_PAGE]
    assert all(log.rae for log in logs)
    assert all(log.lsp == 0 for log in logs if log.lid != LogPage.ASYMMETRIC_NAMESPACE_ACCESS)
    assert drive.controller.telemetry.generation(TelemetryLog.HOST_INITIATED) == created


def test_whose_it_was_is_replaced_everywhere_and_by_the_same() -> None:
    plain = record(opened(odd_drive()))
    hidden = masked(plain, b"secret")
    assert parse(build(hidden), "file").masked
    about = [IdentifyController.parse(one.data(identify.identify_controller())) for one in (plain, hidden)]
    assert about[0].sn == SERIAL
    assert (about[1].mn, about[1].fr, about[1].cntlid) == (about[0].mn, about[0].fr, about[0].cntlid)
    assert len(about[1].sn) == len(SERIAL)
    assert [letter.isdigit() for letter in about[1].sn] == [letter.isdigit() for letter in SERIAL]
    assert about[1].subnqn.startswith("nqn.2019-05.")
    names = [one.data(identify.identify_namespace_descriptors(1)) for one in (plain, hidden)]
    uuids = [parse_namespace_descriptors(name).uuid for name in names]
    assert None not in uuids
    assert uuids[0] != uuids[1]
    for trace in (SERIAL.encode(), b"planted", about[0].fguid, uuids[0].bytes):  # type: ignore[union-attr]
        assert any(trace in data for _, _, data in plain.answers.values())
        assert not any(trace in data for _, _, data in hidden.answers.values())
    errors = hidden.data(logpage.get_log_page(LogPage.ERROR_INFORMATION, 4))
    assert errors.startswith(about[1].sn.encode()), "the same name in another place is the same again"
    assert masked(plain, b"another").answers != hidden.answers
    assert masked(plain, b"secret").answers == hidden.answers


def test_what_is_the_vendors_own_is_left_out_unless_asked_for() -> None:
    drive = Subsystem(SPEC)
    drive.controller.faults.add(Fault(Patch(3072, b"vendor"), opcode=AdminOpcode.IDENTIFY, times=None))
    plain = record(opened(drive))
    assert b"vendor" in plain.data(identify.identify_controller())
    assert b"vendor" not in masked(plain, b"").data(identify.identify_controller())
    assert b"vendor" in masked(plain, b"", vendor_data=True).data(identify.identify_controller())
    logs = {key[2] for key in plain.answers if key[0] == AdminOpcode.GET_LOG_PAGE}
    assert logs.isdisjoint({LogPage.TELEMETRY_HOST_INITIATED, LogPage.TELEMETRY_CONTROLLER_INITIATED, 0xC0})


def test_a_drive_that_is_gone_is_no_recording() -> None:
    drive = Subsystem(SPEC)
    transport = opened(drive)
    drive.controller.disappear()
    with pytest.raises(OSError, match="No such device"):
        record(transport)


def test_what_was_not_recorded_is_refused_and_nothing_is_changed() -> None:
    controller = replayed(record(opened(odd_drive())), "file").controller
    for queue, command, size in (
        (Queue.ADMIN, Command(AdminOpcode.FORMAT_NVM, 1), 0),
        (Queue.ADMIN, features.set_features(FeatureId.ARBITRATION, 1), 0),
        (Queue.IO, Command(1, 1), 512),
        (Queue.ADMIN, logpage.get_log_page(0xD5, 512), 512),
        (Queue.ADMIN, logpage.get_log_page(LogPage.FIRMWARE_SLOT_INFORMATION, 512, 4096), 512),
    ):
        assert controller.execute(queue, command, bytearray(size)).status & 0x7FF


def test_a_recording_without_identify_is_none() -> None:
    with pytest.raises(NvmedError, match="file: answers: have no Identify Controller"):
        replayed(Recording(), "file")


def answer(**more: object) -> str:
    whole = {"format": "nvmed-drive-recording", "version": 1, "masked": True, "answers": [{"opcode": 6, **more}]}
    return json.dumps(whole)


BOMB = b64encode(zlib.compress(bytes(1 << 20))).decode()


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("{", "is no JSON"),
        ("[]", "expected `object`, got `array`"),
        ('{"format": "other", "version": 1, "masked": true, "answers": []}', "format: invalid enum value 'other'"),
        ('{"format": "nvmed-drive-recording", "version": 2, "masked": true, "answers": []}', "version: invalid enum"),
        (answer(data="eA=="), "answers[0].data: is no zlib of at most 0 bytes"),
        (answer(size=1000, data=BOMB), "answers[0].data: is no zlib of at most 1000 bytes"),
        (answer(size=1 << 30), "answers[0].size: expected `int` <="),
        (answer(opcod=1), "answers[0]: object contains unknown field `opcod`"),
        (answer().replace('{"opcode": 6}', '{"opcode": 6}, {"opcode": 6}'), "answers[1]: is of a command that another"),
        (answer().replace('{"opcode": 6}', ", ".join(['{"opcode": 6, "size": 16777216}'] * 9)), "have more than"),
    ],
)  # fmt: skip
def test_a_file_that_is_wrong_is_refused_by_its_place(text: str, problem: str) -> None:
    with pytest.raises(NvmedError) as refused:
        parse(text.encode(), "file")
    assert refused.value.reason == "CONFIG_INVALID"
    assert problem in refused.value.message


def test_a_file_that_is_too_large_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recording, "FILE_BYTES_MAX", 10)
    with pytest.raises(NvmedError, match="larger than 10 bytes"):
        parse(answer().encode(), "file")


WHOLE = build(record(opened(Subsystem(SPEC))))
DATA = st.binary(max_size=5000)
ANSWERS = st.dictionaries(
    st.tuples(st.integers(0, 255), *[st.integers(0, 0xFFFF_FFFF)] * 4),
    st.tuples(st.integers(0, 0x7FFF), st.integers(0, 1 << 61), DATA),
    max_size=5,
)


@given(ANSWERS, st.booleans())
def test_what_is_written_is_read_back(answers: dict[recording.Key, tuple[int, int, bytes]], is_masked: bool) -> None:
    made = Recording(masked=is_masked)
    made.answers.update(answers)
    again = parse(build(made), "file")
    assert (again.answers, again.masked) == (made.answers, is_masked)
    assert len(masked(made, b"secret").answers) == len(answers)


@given(st.one_of(st.binary(), st.tuples(st.integers(0, len(WHOLE)), st.binary(max_size=8)).map(
    lambda change: WHOLE[: change[0]] + change[1] + WHOLE[change[0] + len(change[1]) :]
)))  # fmt: skip
def test_any_file_is_a_drive_or_refused(content: bytes) -> None:
    """Whatever it says, a drive made of it can be listed and asked."""
    try:
        host = SimulatedHost([replayed(parse(content, "file"), "file")])
    except NvmedError as refused:
        reason = refused.reason
    else:
        reason = ""
        for node in host.scan():
            controller = host.controller(node.node)
            controller.execute(Queue.ADMIN, identify.identify_controller(), bytearray(4096))
    assert reason in ("", "CONFIG_INVALID")


@settings(max_examples=8)
@given(DATA.map(lambda data: data.ljust(4096, b"\xff")[:4096]))
def test_any_identify_is_recorded_masked_and_replayed(data: bytes) -> None:
    drive = Subsystem(DriveSpec())
    drive.controller.faults.add(Fault(Answer(data), opcode=AdminOpcode.IDENTIFY, times=None))
    made = masked(record(opened(drive)), b"secret")
    SimulatedHost([replayed(parse(build(made), "file"), "file")]).scan()


# -- the commands


def test_the_command_records_and_the_daemon_replays(tmp_path: Path) -> None:
    file, again = tmp_path / "drive.json", tmp_path / "again.json"
    done = CliRunner().invoke(main, ["simulator", "record", "--simulate", "2", "--controller", "nvme1", str(file)])
    assert done.exit_code == 0, done.output
    assert "NVMED SIM BOOT 960GB" in done.output
    assert b"SIM00002NVD960G" not in file.read_bytes()
    made = parse(file.read_bytes(), "file")
    options = ["--simulate-from", str(file), "--keep-identifiers", "--controller", "0000:01:00.0", str(again)]
    done = CliRunner().invoke(main, ["simulator", "record", *options])
    assert done.exit_code == 0, done.output
    replay = parse(again.read_bytes(), "file")
    assert not replay.masked
    assert replay.answers == made.answers


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (["--simulate", "1", "--controller", "nvme7"], "there is no nvme7; there are nvme0"),
        (["--simulate-from", "/dev/null", "--controller", "nvme0"], "/dev/null"),
        (["--sysfs-root", "/nonexistent", "--controller", "nvme0"], "there is no nvme0; there are none"),
    ],
)
def test_what_cannot_be_recorded_is_said(tmp_path: Path, options: list[str], problem: str) -> None:
    done = CliRunner().invoke(main, ["simulator", "record", *options, str(tmp_path / "x")])
    assert done.exit_code == 1
    assert problem in done.output
    assert not (tmp_path / "x").exists()


def test_times_of_commands_are_short() -> None:
    assert recorder.TIMEOUT_MS <= 10_000
