"""What a daemon raises is what its client raises."""

from __future__ import annotations

import grpc
import pytest
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.wrappers_pb2 import StringValue
from google.rpc import error_details_pb2, status_pb2
from grpc.aio import AioRpcError, Metadata
from grpc_status.rpc_status import GRPC_DETAILS_METADATA_KEY
from hypothesis import given
from hypothesis import strategies as st
from nvmedctl.errors import from_rpc

from nvmed import errors
from nvmed.errors import DOMAIN, FieldViolation, GateViolation, NvmedError, NvmeStatus, OsFailure
from nvmed.reasons import Reason, error
from nvmed.rpc.errors import to_status

ADDRESS = "unix:/run/nvmed/nvmed.sock"


DETAILS = (
    "google.rpc.ErrorInfo",
    "google.rpc.RetryInfo",
    "google.rpc.BadRequest",
    "google.rpc.PreconditionFailure",
    "google.rpc.RequestInfo",
    "nvmed.v1.NvmeStatus",
    "nvmed.v1.OsError",
)


def failure(code: grpc.StatusCode, message: str, details: bytes | None = None) -> AioRpcError:
    """A failed call as grpc.aio raises it."""
    trailing = Metadata() if details is None else Metadata((GRPC_DETAILS_METADATA_KEY, details))
    return AioRpcError(code, Metadata(), trailing, details=message)


def across(raised: NvmedError) -> NvmedError:
    """`raised` on the other side of the wire."""
    status = to_status(raised, "request-1")
    return from_rpc(failure(grpc.StatusCode[raised.code], raised.message, status.SerializeToString()), ADDRESS)


@pytest.mark.parametrize("reason", Reason, ids=lambda reason: reason.name)
def test_every_reason_crosses_the_wire(reason: Reason) -> None:
    got = across(error(reason, "What happened.", controller="nvme0"))
    assert type(got) is reason.cls
    assert (got.reason, str(got)) == (reason.name, "What happened.")
    assert got.metadata == {"controller": "nvme0", "request_id": "request-1"}


def test_every_detail_crosses_the_wire() -> None:
    sent = error(
        Reason.NVME_BUSY,
        "Busy.",
        nvme=NvmeStatus(0x4006, "NVME_SC_INTERNAL", opcode=0x02, nsid=0xFFFFFFFF, result=1 << 40),
        os=OsFailure(13, "EACCES", "open", "/dev/nvme0"),
        fields=[FieldViolation("controller", "names no controller"), FieldViolation("offset", "is odd")],
        gates=[GateViolation("IN_USE", "nvme0n1", "is mounted on /srv")],
        retry_delay_ms=1500,
    )
    got = across(sent)
    for attribute in ("nvme", "os", "fields", "gates", "retry_delay_ms"):
        assert getattr(got, attribute) == getattr(sent, attribute)
    assert got.nvme is not None
    assert got.nvme.do_not_retry


def test_a_newer_daemons_reason_keeps_its_name_and_the_class_of_its_code() -> None:
    got = across(errors.ResourceExhausted("SPOOL_FULL_OF_TOMORROW", "Full.", metadata={"bytes": "1"}))
    assert type(got) is errors.ResourceExhausted
    assert (got.reason, got.metadata["bytes"]) == ("SPOOL_FULL_OF_TOMORROW", "1")


def test_a_detail_that_nobody_knows_is_left_alone() -> None:
    status = to_status(error(Reason.CONTROLLER_NOT_FOUND, "None."), "")
    unknown = AnyMessage(type_url="type.googleapis.com/nvmed.v2.Tomorrow", value=b"\xff\xff")
    known = AnyMessage()
    known.Pack(StringValue(value="x"))
    status.details.extend([unknown, known])
    got = from_rpc(failure(grpc.StatusCode.NOT_FOUND, "None.", status.SerializeToString()), ADDRESS)
    assert (got.reason, got.metadata) == ("CONTROLLER_NOT_FOUND", {})


def test_the_reason_of_another_domain_is_not_ours() -> None:
    info = AnyMessage()
    info.Pack(error_details_pb2.ErrorInfo(reason="CONTROLLER_NOT_FOUND", domain="example.com"))
    status = status_pb2.Status(code=14, message="Proxy.", details=[info])
    got = from_rpc(failure(grpc.StatusCode.UNAVAILABLE, "Proxy.", status.SerializeToString()), ADDRESS)
    assert got.reason == Reason.CONNECTION_FAILED.name


@pytest.mark.parametrize("code", [code for code in grpc.StatusCode if code is not grpc.StatusCode.OK])
def test_a_status_of_grpc_itself_names_the_address(code: grpc.StatusCode) -> None:
    got = from_rpc(failure(code, "socket closed"), ADDRESS)
    assert got.code == ("INTERNAL" if code is grpc.StatusCode.UNKNOWN else code.name)
    assert str(got) == f"{ADDRESS}: socket closed"
    assert got.metadata["address"] == ADDRESS


def test_details_that_contradict_the_status_are_not_believed() -> None:
    status = to_status(error(Reason.CONTROLLER_NOT_FOUND, "None."), "").SerializeToString()
    got = from_rpc(failure(grpc.StatusCode.UNAVAILABLE, "None.", status), ADDRESS)
    assert got.reason == Reason.CONNECTION_FAILED.name


@given(st.sampled_from(list(grpc.StatusCode)), st.binary())
def test_any_bytes_for_details_still_make_an_error(code: grpc.StatusCode, details: bytes) -> None:
    assert isinstance(from_rpc(failure(code, "x", details), ADDRESS), NvmedError)


@given(st.lists(st.tuples(st.sampled_from(DETAILS), st.binary())))
def test_any_bytes_for_a_detail_still_make_an_error(details: list[tuple[str, bytes]]) -> None:
    info = AnyMessage()
    info.Pack(error_details_pb2.ErrorInfo(reason="DEVICE_GONE", domain=DOMAIN))
    damaged = [AnyMessage(type_url=f"type.googleapis.com/{name}", value=value) for name, value in details]
    status = status_pb2.Status(code=14, message="x", details=[*damaged, info])
    got = from_rpc(failure(grpc.StatusCode.UNAVAILABLE, "x", status.SerializeToString()), ADDRESS)
    assert got.reason == "DEVICE_GONE"
