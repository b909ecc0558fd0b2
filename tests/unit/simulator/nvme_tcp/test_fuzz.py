"""Whatever bytes come in, the target closes that connection, leaves nothing behind, and serves the next host."""

from __future__ import annotations

import asyncio
import contextlib

from hypothesis import given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from nvmed.nvme.transport import Command
from nvmed.simulator.nvme_tcp import Limits, NvmeTcpTarget, fabrics, pdu
from nvmed.simulator.nvme_tcp.pdu import PduType
from nvmed.simulator.spec import DriveSpec
from nvmed.simulator.subsystem import Subsystem
from tests.unit.simulator.nvme_tcp.initiator import HOST_ID, HOST_NQN, Initiator, connect_command, target_tasks

NQN = "nqn.2014-08.org.example:fuzzed"
LIMITS = Limits(termination_timeout_s=0.2)

byte = st.integers(0, 0xFF)
word = st.integers(0, 0xFFFF)
dword = st.integers(0, 0xFFFF_FFFF)

GREETING = pdu.build_initialize_request(pdu.InitializeRequest())


def _connect(queue_id: int = 0) -> bytes:
    data = fabrics.build_connect_data(HOST_ID, 0xFFFF if queue_id == 0 else 1, NQN, HOST_NQN)
    capsule = pdu.CapsuleCommand(connect_command(queue_id), 1, pdu.DataDescriptor(pdu.SGL_IN_CAPSULE, 0, len(data)))
    return pdu.build_capsule_command(capsule, data_offset=72, length=72 + len(data)) + data


def _enable() -> bytes:
    enable = Command(0x7F, 0, cdw11=fabrics.CC, cdw12=0x46_0001)
    return pdu.build_capsule_command(pdu.CapsuleCommand(enable, 2))


def _pdu(header: bytes, data: bytes, flags: int, offset: int | None, length: int | None) -> bytes:
    raw = bytearray(header + data)
    raw[1] = flags
    raw[3] = (len(header) if data else 0) if offset is None else offset
    raw[4:8] = (len(raw) if length is None else length).to_bytes(4, "little")
    return bytes(raw)


opcodes = st.one_of(byte, st.sampled_from([0x01, 0x02, 0x06, 0x09, 0x0A, 0x0C, 0x11, 0x18, 0x7F]))
commands = st.builds(Command, opcodes, st.one_of(st.just(1), dword), cdw10=dword, cdw11=dword, cdw12=dword)
descriptors = st.builds(
    pdu.DataDescriptor, st.sampled_from([0x01, 0x5A, 0x40]), st.integers(0, 1 << 64 - 1),
    st.one_of(st.integers(0, 8192), dword),
)  # fmt: skip
capsules = st.builds(pdu.CapsuleCommand, commands, word, descriptors, st.integers(0, 3)).map(pdu.build_capsule_command)
transfers = st.builds(pdu.DataTransfer, word, word, dword, dword)
data_pdus = st.builds(pdu.build_data_transfer, st.sampled_from([PduType.H2C_DATA, PduType.R2T]), transfers)
terminations = st.just(pdu.build_termination(PduType.H2C_TERMINATION, pdu.Termination(1)))
pdus = st.builds(
    _pdu,
    st.one_of(capsules, capsules, data_pdus, terminations),
    st.binary(max_size=300),
    st.one_of(st.just(0), byte),
    st.one_of(st.none(), byte),
    st.one_of(st.none(), st.integers(0, 400), dword),
)
beginnings = st.sampled_from([b"", GREETING, GREETING + _connect(), GREETING + _connect() + _enable()])


def throw(raw: bytes) -> None:
    """Send `raw`; the target neither breaks nor finds a bug in itself."""
    with capture_logs() as logs:
        asyncio.run(_throw(raw))
    assert [entry for entry in logs if entry["log_level"] == "error"] == []


async def _throw(raw: bytes) -> None:
    subsystem = Subsystem(DriveSpec(nqn=NQN))
    async with NvmeTcpTarget([subsystem], port=0, limits=LIMITS) as target:
        reader, writer = await asyncio.open_connection("127.0.0.1", target.port)
        writer.write(raw)
        writer.write_eof()
        with contextlib.suppress(ConnectionError):
            await reader.read()
        writer.close()
        await target.idle()
        async with Initiator(target.port) as initiator:
            await initiator.connect(NQN)
    assert target_tasks() == []


@given(st.binary(max_size=400))
@settings(max_examples=50, deadline=None)
def test_bytes(raw: bytes) -> None:
    throw(raw)


@given(beginnings, st.lists(pdus, max_size=8), st.binary(max_size=40))
@settings(max_examples=100, deadline=None)
def test_pdus(beginning: bytes, bodies: list[bytes], rest: bytes) -> None:
    throw(beginning + b"".join(bodies) + rest)
