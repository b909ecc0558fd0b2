"""Every status becomes one error, and what the controller says about trying again is believed."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nvmed.errors import (
    Aborted,
    DataLoss,
    FailedPrecondition,
    InvalidArgument,
    NotFound,
    NvmedError,
    PermissionDenied,
    Unavailable,
    Unimplemented,
)
from nvmed.nvme import status, status_table
from nvmed.nvme.firmware import CommitAction, commit
from nvmed.nvme.identify import IdentifyController, identify_controller, identify_namespace
from nvmed.nvme.status import Queue, RequiredReset
from nvmed.nvme.transport import Command, Completion
from nvmed.reasons import Reason

ALL = {**status.STATUSES, **status.FABRICS_STATUSES, **{code: row for (_, code), row in status.OPCODE_STATUSES.items()}}
TABLES = [
    status_table.GENERIC,
    status_table.COMMAND_SPECIFIC,
    status_table.FABRICS,
    status_table.MEDIA_ERRORS,
    status_table.PATH_ERRORS,
]
any_status = st.integers(1, status.STATUS_MASK).filter(lambda raw: raw & status.CODE_MASK)
commands = st.builds(Command, opcode=st.integers(0, 255), nsid=st.integers(0, 2**32 - 1))
queues = st.sampled_from(Queue)


@pytest.mark.parametrize("rows", TABLES)
def test_codes_ascend_and_names_are_libnvmes(rows: tuple[status_table.Row, ...]) -> None:
    codes = [code for code, *_ in rows]
    assert codes == sorted(set(codes))
    assert all(re.fullmatch(r"NVME_SC_[A-Z0-9_]+", mnemonic) for _, mnemonic, *_ in rows)


def test_no_mnemonic_has_two_meanings() -> None:
    names = [mnemonic for rows in TABLES for _, mnemonic, *_ in rows]
    assert len(names) == len(set(names))


def test_descriptions_are_sentences_without_full_stop() -> None:
    assert all(text[0].isupper() and not text.endswith(".") for rows in TABLES for _, _, text, _ in rows)


@pytest.mark.parametrize(
    ("raw", "mnemonic", "cls"),
    [
        (0x0001, "NVME_SC_INVALID_OPCODE", Unimplemented),
        (0x4002, "NVME_SC_INVALID_FIELD", InvalidArgument),
        (0x400B, "NVME_SC_INVALID_NS", NotFound),
        (0x0106, "NVME_SC_FIRMWARE_SLOT", FailedPrecondition),
        (0x4107, "NVME_SC_FIRMWARE_IMAGE", InvalidArgument),
        (0x4109, "NVME_SC_INVALID_LOG_PAGE", Unimplemented),
        (0x0112, "NVME_SC_FW_NEEDS_MAX_TIME", FailedPrecondition),
        (0x0113, "NVME_SC_FW_ACTIVATE_PROHIBITED", PermissionDenied),
        (0x0114, "NVME_SC_OVERLAPPING_RANGE", Aborted),
        (0x0281, "NVME_SC_READ_ERROR", DataLoss),
        (0x0302, "NVME_SC_ANA_INACCESSIBLE", Unavailable),
        (0x0303, "NVME_SC_ANA_TRANSITION", Unavailable),
        (0x001D, "NVME_SC_SANITIZE_IN_PROGRESS", Unavailable),
    ],
)
def test_statuses_become_the_errors_they_should(raw: int, mnemonic: str, cls: type[NvmedError]) -> None:
    problem = status.status_error(identify_controller(), Completion(raw))
    assert type(problem) is cls
    assert problem.nvme is not None
    assert problem.nvme.mnemonic == mnemonic
    assert mnemonic in str(problem)


def test_the_error_tells_the_whole_story() -> None:
    problem = status.status_error(identify_namespace(7), Completion(0x6002, result=0x1_0000_0005))
    assert problem.nvme is not None
    assert problem.nvme.raw == 0x6002
    assert (problem.nvme.opcode, problem.nvme.nsid, problem.nvme.result) == (0x06, 7, 0x1_0000_0005)
    assert problem.nvme.do_not_retry
    assert problem.nvme.more
    assert problem.metadata == {"command": "IDENTIFY", "mnemonic": "NVME_SC_INVALID_FIELD", "status": "0x6002"}
    assert str(problem) == (
        "IDENTIFY: A field of the command is reserved or not supported "
        "(NVME_SC_INVALID_FIELD, status 6002h, do not retry)."
    )


@given(commands, any_status, queues, st.integers(0, 2**64 - 1))
def test_every_status_becomes_an_error_of_its_command(command: Command, raw: int, queue: Queue, result: int) -> None:
    completion = Completion(raw, result)
    with pytest.raises(NvmedError) as caught:
        status.check(command, completion, queue)
    assert caught.value.nvme == status.describe(command, completion, queue)
    assert caught.value.reason in Reason.__members__
    assert not isinstance(caught.value, Unavailable) or not raw & status.DO_NOT_RETRY


@given(commands, st.sampled_from([0, 0x2000, 0x4000, 0x1800]), queues)
def test_success_is_handed_through(command: Command, flags: int, queue: Queue) -> None:
    completion = Completion(flags, 5)
    assert status.check(command, completion, queue) is completion


@pytest.mark.parametrize("entry", [row for row in ALL.values() if row is not status.SUCCESS], ids=lambda e: e.mnemonic)
def test_do_not_retry_is_believed(entry: status.StatusEntry) -> None:
    problem = status.status_error(identify_controller(), Completion(entry.code | status.DO_NOT_RETRY))
    assert not isinstance(problem, Unavailable)
    assert problem.retry_delay_ms is None


@pytest.mark.parametrize("raw", [0x0021, 0x0106, 0x0303])
def test_a_retry_delay_is_handed_on_and_makes_any_status_one_to_try_again_after(raw: int) -> None:
    delays = IdentifyController(crdt1=5, crdt2=0, crdt3=40).command_retry_delays_ms
    for crd, expected in ((0, None), (1, 500), (2, None), (3, 4000)):
        problem = status.status_error(identify_controller(), Completion(raw | crd << 11), retry_delays_ms=delays)
        assert problem.retry_delay_ms == expected
        assert isinstance(problem, Unavailable) or crd == 0
    assert status.status_error(identify_controller(), Completion(raw | 1 << 11)).retry_delay_ms is None


def test_fabrics_commands_have_their_own_codes() -> None:
    assert status.lookup(0x0182).mnemonic == "NVME_SC_READ_ONLY"
    assert status.lookup(0x0182, 0x7F).mnemonic == "NVME_SC_CONNECT_INVALID_PARAM"
    assert status.lookup(0x0182, 0x7F, Queue.IO).mnemonic == "NVME_SC_CONNECT_INVALID_PARAM"
    assert status.lookup(0x0109, 0x7F).mnemonic == "NVME_SC_INVALID_LOG_PAGE"


def test_one_code_means_something_else_after_sanitize_namespace() -> None:
    assert status.lookup(0x0112, 0x10).mnemonic == "NVME_SC_FW_NEEDS_MAX_TIME"
    assert status.lookup(0x0112, 0x8C).mnemonic == "NVME_SC_EXCEEDS_MAX_NS_SANITIZE"
    assert status.lookup(0x0112, 0x8C, Queue.IO).mnemonic == "NVME_SC_FW_NEEDS_MAX_TIME"


@pytest.mark.parametrize(
    ("raw", "mnemonic", "reason"),
    [
        (0x007F, "NVME_SC_0_7F", Reason.NVME_REFUSED),
        (0x00C5, "NVME_SC_0_C5", Reason.NVME_VENDOR),
        (0x017F, "NVME_SC_1_7F", Reason.NVME_REFUSED),
        (0x02A0, "NVME_SC_2_A0", Reason.NVME_MEDIA),
        (0x0305, "NVME_SC_3_05", Reason.NVME_PATH),
        (0x0401, "NVME_SC_4_01", Reason.NVME_REFUSED),
        (0x0701, "NVME_SC_7_01", Reason.NVME_VENDOR),
    ],
)
def test_unknown_statuses_fall_back_by_type(raw: int, mnemonic: str, reason: Reason) -> None:
    entry = status.lookup(raw)
    assert (entry.mnemonic, entry.reason, entry.code) == (mnemonic, reason, raw)
    assert (entry.status_code_type, entry.status_code) == (raw >> 8, raw & 0xFF)


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (0x010B, RequiredReset.CONVENTIONAL),
        (0x0110, RequiredReset.SUBSYSTEM),
        (0x4111, RequiredReset.CONTROLLER),
        (0x0112, None),
        (0x000B, None),
        (0, None),
    ],
)
def test_needs_reset_is_an_outcome(raw: int, expected: RequiredReset | None) -> None:
    assert status.required_reset(raw) is expected


def test_commands_are_called_by_name() -> None:
    assert status.command_name(commit(CommitAction.REPLACE)) == "FIRMWARE_COMMIT"
    assert status.command_name(Command(0x02), Queue.IO) == "READ"
    assert status.command_name(Command(0xC1)) == "admin command C1h"
    assert status.command_name(Command(0xC1), Queue.IO) == "io command C1h"
