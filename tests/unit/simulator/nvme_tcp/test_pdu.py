"""PDUs of NVMe/TCP: sizes and offsets as the specification has them, and nothing but MalformedPdu for garbage."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nvmed.nvme.transport import Command, Completion
from nvmed.simulator.nvme_tcp import pdu
from nvmed.simulator.nvme_tcp.digest import crc32c
from nvmed.simulator.nvme_tcp.pdu import FatalError, MalformedPdu, PduType

byte = st.integers(0, 0xFF)
word = st.integers(0, 0xFFFF)
dword = st.integers(0, 0xFFFF_FFFF)
qword = st.integers(0, 0xFFFF_FFFF_FFFF_FFFF)

commands = st.builds(
    Command, byte, dword, dword, dword, dword, dword, dword, dword, dword, dword, flags=st.integers(0, 0x3F)
)
capsules = st.builds(
    pdu.CapsuleCommand, commands, word, st.builds(pdu.DataDescriptor, byte, qword, dword), st.integers(0, 3)
)
transfers = st.builds(pdu.DataTransfer, word, word, dword, dword)


@given(capsules)
def test_capsule_command_round_trip(capsule: pdu.CapsuleCommand) -> None:
    raw = pdu.build_capsule_command(capsule)
    assert len(raw) == pdu.parse_common_header(raw[:8]).length == 72
    assert pdu.parse_capsule_command(raw) == capsule


@given(st.builds(pdu.CapsuleResponse, st.builds(Completion, st.integers(0, 0x7FFF), qword), word, word))
def test_capsule_response_round_trip(response: pdu.CapsuleResponse) -> None:
    raw = pdu.build_capsule_response(response)
    assert len(raw) == 24
    assert pdu.parse_capsule_response(raw) == response


@given(transfers, st.sampled_from([PduType.R2T, PduType.H2C_DATA, PduType.C2H_DATA]))
def test_data_transfer_round_trip(transfer: pdu.DataTransfer, type_: PduType) -> None:
    raw = pdu.build_data_transfer(type_, transfer)
    assert len(raw) == 24
    assert raw[0] == type_
    assert pdu.parse_data_transfer(raw) == transfer


@given(st.builds(pdu.InitializeRequest, st.just(0), st.integers(0, 31), st.booleans(), st.booleans(), dword))
def test_initialize_request_round_trip(request: pdu.InitializeRequest) -> None:
    raw = pdu.build_initialize_request(request)
    assert len(raw) == 128
    assert pdu.parse_initialize_request(raw) == request


@given(st.builds(pdu.InitializeResponse, word, byte, st.booleans(), st.booleans(), dword))
def test_initialize_response_round_trip(response: pdu.InitializeResponse) -> None:
    raw = pdu.build_initialize_response(response)
    assert len(raw) == 128
    assert pdu.parse_initialize_response(raw) == response


@given(st.builds(pdu.Termination, word, dword, st.binary(max_size=128)))
def test_termination_round_trip(termination: pdu.Termination) -> None:
    raw = pdu.build_termination(PduType.C2H_TERMINATION, termination)
    assert pdu.parse_common_header(raw[:8]).length == len(raw)
    assert pdu.parse_termination(raw) == termination


def test_termination_carries_at_most_128_bytes_of_the_offender() -> None:
    raw = pdu.build_termination(PduType.C2H_TERMINATION, pdu.Termination(1, 0, bytes(500)))
    assert len(raw) == 24 + 128


def test_fields_stand_where_the_specification_puts_them() -> None:
    descriptor = pdu.DataDescriptor(pdu.SGL_TRANSPORT, 0, 0x1000)
    raw = pdu.build_capsule_command(pdu.CapsuleCommand(Command(0x02, 1, cdw10=0x03FF0007), 0x1234, descriptor))
    assert raw[:8] == bytes.fromhex("0400480048000000")
    assert raw[8:16] == bytes.fromhex("0240341201000000")  # PSDT 01b: SGLs
    assert raw[32:48] == bytes.fromhex("0000000000000000001000000000005a")
    assert raw[48:52] == bytes.fromhex("0700ff03")
    raw = pdu.build_capsule_response(pdu.CapsuleResponse(Completion(0x4002, 7), 0x1234, 5))
    assert raw[8:] == bytes.fromhex("07000000000000000500000034120480")


@given(st.binary(min_size=8, max_size=8))
def test_arbitrary_common_headers(raw: bytes) -> None:
    with contextlib.suppress(MalformedPdu):
        header = pdu.parse_common_header(raw)
        assert header.header_bytes == pdu.HEADER_BYTES[header.type]
        assert header.header_bytes <= header.length


@given(st.binary(min_size=128, max_size=128))
def test_arbitrary_bodies(raw: bytes) -> None:
    pdu.parse_capsule_command(raw[:72])
    pdu.parse_capsule_response(raw[:24])
    pdu.parse_data_transfer(raw[:24])
    pdu.parse_termination(raw)
    pdu.parse_initialize_response(raw)
    with contextlib.suppress(MalformedPdu):
        pdu.parse_initialize_request(raw)


@pytest.mark.parametrize(
    ("raw", "offset"),
    [("0a00180018000000", 0), ("0400470048000000", 2), ("0400480040000000", 4), ("0400484048000000", 3),
     ("0400484948000000", 3)],
)  # fmt: skip
def test_the_wrong_field_is_named(raw: str, offset: int) -> None:
    with pytest.raises(MalformedPdu) as caught:
        pdu.parse_common_header(bytes.fromhex(raw))
    assert caught.value.status is FatalError.INVALID_HEADER_FIELD
    assert caught.value.information == offset


def test_versions_and_alignments_that_do_not_exist() -> None:
    with pytest.raises(MalformedPdu, match="unsupported parameter"):
        pdu.parse_initialize_request(pdu.build_initialize_request(pdu.InitializeRequest(version=1)))
    with pytest.raises(MalformedPdu, match="invalid header field"):
        pdu.parse_initialize_request(pdu.build_initialize_request(pdu.InitializeRequest(data_alignment=32)))


@pytest.mark.parametrize(
    ("opcode", "nsid", "from_host", "to_host"),
    [(0x01, 1, True, False), (0x02, 1, False, True), (0x00, 1, False, False), (0x06, 0, False, True),
     (0x7F, 0x01, True, False), (0x7F, 0x04, False, False), (0x7F, 0x06, False, True)],
)  # fmt: skip
def test_direction(opcode: int, nsid: int, from_host: bool, to_host: bool) -> None:
    command = Command(opcode, nsid)
    assert (pdu.is_from_host(command), pdu.is_to_host(command)) == (from_host, to_host)


@pytest.mark.parametrize(
    ("data", "crc"),
    [
        (b"123456789", 0xE306_9283),
        (bytes(32), 0x8A91_36AA),  # RFC 3720, appendix B.4
        (b"\xff" * 32, 0x62A8_AB43),
        (bytes(range(32)), 0x46DD_794E),
        (b"", 0),
    ],
)
def test_crc32c(data: bytes, crc: int) -> None:
    assert crc32c(data) == crc


@given(st.binary(max_size=300))
def test_crc32c_of_data_and_its_crc_is_one_constant(data: bytes) -> None:
    assert crc32c(memoryview(data + crc32c(data).to_bytes(4, "little"))) == 0x4867_4BC7
