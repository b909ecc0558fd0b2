"""A failed call as an error of `nvmed.errors`: the daemon's tree on the caller's side.

Whatever a daemon says arrives as one `google.rpc.Status`: its code gives the class, `ErrorInfo` the reason, and the
other details the rest. A reason that this version does not know stays as it is, in the class of its code. A status
without `ErrorInfo` is not nvmed's: it comes from gRPC itself or from something on the way.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import grpc
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.message import DecodeError, Message
from google.rpc import code_pb2, error_details_pb2, status_pb2
from grpc_status import rpc_status

from nvmed.errors import CLASSES, DOMAIN, FieldViolation, GateViolation, NvmedError, NvmeStatus, OsFailure
from nvmed.reasons import Reason, error
from nvmed.v1 import errors_pb2

_FOREIGN_REASONS = {
    grpc.StatusCode.UNAVAILABLE: Reason.CONNECTION_FAILED,
    grpc.StatusCode.DEADLINE_EXCEEDED: Reason.CALL_TIMEOUT,
    grpc.StatusCode.CANCELLED: Reason.CALL_CANCELLED,
    grpc.StatusCode.UNIMPLEMENTED: Reason.METHOD_UNKNOWN,
    grpc.StatusCode.RESOURCE_EXHAUSTED: Reason.LIMIT_EXCEEDED,
    grpc.StatusCode.UNAUTHENTICATED: Reason.UNKNOWN_PRINCIPAL,
    grpc.StatusCode.PERMISSION_DENIED: Reason.POLICY_DENIED,
    grpc.StatusCode.DATA_LOSS: Reason.TRANSFER_CORRUPTED,
    grpc.StatusCode.INTERNAL: Reason.BUG,
    grpc.StatusCode.UNKNOWN: Reason.BUG,
}
"""The reason of a status without ErrorInfo; codes that gRPC never makes by itself are missing."""


def _error_info(info: error_details_pb2.ErrorInfo) -> dict[str, Any]:
    return {"reason": info.reason, "metadata": dict(info.metadata)} if info.domain == DOMAIN else {}


def _nvme_status(status: errors_pb2.NvmeStatus) -> dict[str, Any]:
    return {"nvme": NvmeStatus(status.raw_status, status.mnemonic, status.opcode, status.nsid, status.result)}


def _os_error(failure: errors_pb2.OsError) -> dict[str, Any]:
    return {"os": OsFailure(failure.errno, failure.symbol, failure.syscall, failure.path)}


def _bad_request(bad: error_details_pb2.BadRequest) -> dict[str, Any]:
    return {"fields": [FieldViolation(v.field, v.description) for v in bad.field_violations]}


def _precondition_failure(failure: error_details_pb2.PreconditionFailure) -> dict[str, Any]:
    return {"gates": [GateViolation(v.type, v.subject, v.description) for v in failure.violations]}


def _request_info(info: error_details_pb2.RequestInfo) -> dict[str, Any]:
    return {"request_id": info.request_id}


def _help(info: error_details_pb2.Help) -> dict[str, Any]:
    return {"remedy": info.links[0].description} if info.links else {}


def _retry_info(info: error_details_pb2.RetryInfo) -> dict[str, Any]:
    return {"retry_delay_ms": info.retry_delay.ToMilliseconds()}


_READERS: tuple[tuple[type[Message], Callable[[Any], dict[str, Any]]], ...] = (
    (error_details_pb2.ErrorInfo, _error_info),
    (errors_pb2.NvmeStatus, _nvme_status),
    (errors_pb2.OsError, _os_error),
    (error_details_pb2.BadRequest, _bad_request),
    (error_details_pb2.PreconditionFailure, _precondition_failure),
    (error_details_pb2.RetryInfo, _retry_info),
    (error_details_pb2.Help, _help),
    (error_details_pb2.RequestInfo, _request_info),
)
_DETAILS = {kind.DESCRIPTOR.full_name: (kind, read) for kind, read in _READERS}
"""What each detail adds to `NvmedError`'s arguments. A detail of another type is left alone."""


def _decode(detail: AnyMessage) -> dict[str, Any]:
    kind, read = _DETAILS.get(detail.TypeName(), (None, None))
    if kind is None or read is None:
        return {}
    try:
        return read(kind.FromString(detail.value))
    except DecodeError:
        return {}


def _status(failure: grpc.aio.AioRpcError) -> status_pb2.Status | None:
    """The details of `failure`; None if there are none, or if they are damaged or contradict it."""
    try:
        return rpc_status.from_call(failure)
    except (ValueError, DecodeError):
        return None


def from_rpc(failure: grpc.aio.AioRpcError, address: str) -> NvmedError:
    """The error that `failure`, of a call to `address`, stands for; what the daemon's log calls it is in `metadata`."""
    status = _status(failure)
    arguments = _arguments(status) if status else {}
    message = failure.details() or ""
    if "reason" not in arguments:
        return _foreign(failure.code(), message, address)
    return CLASSES.get(failure.code().name, NvmedError)(message=message, **arguments)


def from_status(status: status_pb2.Status) -> NvmedError:
    """The error that an operation ended with."""
    code = code_pb2.Code.Name(status.code) if status.code in code_pb2.Code.values() else "UNKNOWN"
    arguments = {"reason": code, **_arguments(status)}
    return CLASSES.get(code, NvmedError)(message=status.message, **arguments)


def _arguments(status: status_pb2.Status) -> dict[str, Any]:
    """What the details of a status add to an error."""
    arguments: dict[str, Any] = {}
    for detail in status.details:
        arguments |= _decode(detail)
    if request_id := arguments.pop("request_id", ""):
        arguments["metadata"] = {**arguments.get("metadata", {}), "request_id": request_id}
    return arguments


def _foreign(code: grpc.StatusCode, message: str, address: str) -> NvmedError:
    reason = _FOREIGN_REASONS.get(code)
    text = f"{address}: {message or code.name}"
    if reason is None:
        return CLASSES.get(code.name, NvmedError)(code.name, text, metadata={"address": address})
    return error(reason, text, address=address)
