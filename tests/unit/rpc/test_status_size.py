"""Whatever an error says, its status reaches a client that takes 8 KiB of metadata."""

from __future__ import annotations

from base64 import b64encode
from urllib.parse import quote

from google.rpc import error_details_pb2
from hypothesis import given, settings
from hypothesis import strategies as st

from nvmed.cut import cut
from nvmed.errors import FieldViolation, GateViolation, NvmeStatus, OsFailure
from nvmed.limits import METADATA_BYTES_MAX
from nvmed.reasons import Reason, error
from nvmed.rpc.errors import to_status
from nvmed.v1 import errors_pb2

PLAIN = "".join(chr(code) for code in range(0x20, 0x7F) if code != 0x25)
"""What gRPC sends in a message as it is."""

OVERHEAD = 32
"""Of each entry, as HTTP/2 counts it (RFC 9113, section 6.5.2)."""

texts = st.one_of(st.text(max_size=20), st.builds(str.__mul__, st.sampled_from("aé😀\0%"), st.integers(1, 9000)))
violations = st.builds(FieldViolation, texts, texts)


@settings(deadline=None, max_examples=40)  # texts of 9,000 letters take their time
@given(
    texts,
    st.lists(violations, max_size=4),
    st.lists(st.builds(GateViolation, st.just("IN_USE"), texts, texts), max_size=4),
    st.dictionaries(st.sampled_from("abcdefghijkl"), texts, max_size=8),
    texts,
)
def test_a_status_fits(
    message: str, fields: list[FieldViolation], gates: list[GateViolation], metadata: dict[str, str], path: str
) -> None:
    fields, gates = fields * 20, gates * 20
    failure = error(
        Reason.NVME_BUSY,
        message,
        nvme=NvmeStatus(0x7FFF, "NVME_SC_INVALID_FIELD", 255, 2**32 - 1, 2**64 - 1),
        os=OsFailure(5, "EIO", "ioctl", path),
        fields=fields,
        gates=gates,
        retry_delay_ms=1 << 40,
        **metadata,
    )
    status = to_status(failure, "0" * 32)
    head = ("grpc-status", "14", "grpc-message", quote(status.message, safe=PLAIN), "grpc-status-details-bin")
    details = b64encode(status.SerializeToString())
    assert sum(map(len, head)) + len(details) + 3 * OVERHEAD + 200 <= METADATA_BYTES_MAX
    assert status.details[0].Is(error_details_pb2.ErrorInfo.DESCRIPTOR)


def test_what_is_cut_says_so() -> None:
    failure = error(Reason.INVALID_FIELD, "x" * 9000, fields=[FieldViolation(f"f{n}", "y" * 300) for n in range(64)])
    status = to_status(failure, "id")
    assert status.message.endswith("... (9000 bytes)")
    bad = error_details_pb2.BadRequest()
    assert any(detail.Unpack(bad) for detail in status.details)
    *shown, last = bad.field_violations
    assert all(violation.description.endswith("... (300 bytes)") for violation in shown)
    assert last.description == f"{64 - len(shown)} more fields are wrong"


@given(st.text(), st.integers(0, 200))
def test_a_cut_text_is_no_longer_than_it_may_be(text: str, bytes_max: int) -> None:
    shown = cut(text, bytes_max)
    assert shown == text or len(shown.encode()) <= max(bytes_max, len("... ( bytes)") + 20)


def test_the_contract_names_every_detail_that_a_status_has() -> None:
    failure = error(
        Reason.NVME_BUSY,
        "busy",
        nvme=NvmeStatus(1, "NVME_SC_INVALID_OPCODE", 2, 1),
        os=OsFailure(5, "EIO", "ioctl", "/dev/nvme0"),
        fields=(FieldViolation("name", "is required"),),
        gates=(GateViolation("IN_USE", "nvme0", "is mounted"),),
        retry_delay_ms=1,
    )
    told = [detail.type_url.rpartition("/")[2] for detail in to_status(failure, "1").details]
    named = [field.message_type.full_name for field in errors_pb2.ErrorDetails.DESCRIPTOR.fields if field.message_type]
    assert sorted(told) == sorted(named)
