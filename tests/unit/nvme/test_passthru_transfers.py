"""How much commands transfer that a client composes: what the specification allows passes, and no more."""

from __future__ import annotations

import pytest

from nvmed.errors import NvmedError
from nvmed.nvme.opcodes import AdminOpcode, FeatureId
from nvmed.nvme.passthru import Passthru, check_buffers, refusal, require_length, transferred_bytes
from nvmed.nvme.status import Queue
from nvmed.nvme.transport import Command


def admin(opcode: int, **more: int) -> Passthru:
    return Passthru(Queue.ADMIN, Command(opcode, **more))


@pytest.mark.parametrize(
    ("opcode", "directive", "operation", "size"),
    [
        (AdminOpcode.DIRECTIVE_SEND, 0, 1, 0),
        (AdminOpcode.DIRECTIVE_SEND, 1, 1, 0),
        (AdminOpcode.DIRECTIVE_SEND, 1, 2, 0),
        (AdminOpcode.DIRECTIVE_RECEIVE, 1, 3, 0),
        (AdminOpcode.DIRECTIVE_RECEIVE, 0, 1, 4),
        (AdminOpcode.DIRECTIVE_RECEIVE, 1, 1, 4),
    ],
)
def test_directives_without_data(opcode: AdminOpcode, directive: int, operation: int, size: int) -> None:
    command = admin(opcode, cdw11=directive << 8 | operation)
    assert transferred_bytes(command) == size


def test_a_host_memory_buffer_is_taken_back_and_not_given() -> None:
    off, on = (admin(AdminOpcode.SET_FEATURES, cdw10=FeatureId.HOST_MEMORY_BUFFER, cdw11=enabled) for enabled in (0, 1))
    assert refusal(off) == ""
    require_length(off, transferred_bytes(off) or 0)
    assert "addresses in host memory" in refusal(on)


@pytest.mark.parametrize("bits", range(4))
def test_the_low_bits_of_an_opcode_say_where_data_go(bits: int) -> None:
    opcode = 0xC0 | bits
    check_buffers(admin(opcode))
    sends, reads = Passthru(Queue.ADMIN, Command(opcode), data=b"1234"), Passthru(Queue.ADMIN, Command(opcode), b"", 4)
    right, wrong = (sends, reads) if bits & 1 else (reads, sends)
    check_buffers(right)
    with pytest.raises(NvmedError, match=f"bits {bits:02b}b"):
        check_buffers(wrong)
