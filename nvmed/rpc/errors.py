"""Domain errors as gRPC statuses: the one translation.

A status carries one `google.rpc.ErrorInfo`, whichever of NvmeStatus, OsError, BadRequest, PreconditionFailure and
RetryInfo the error has, and its remedy as google.rpc.Help. The client library does the reverse.
"""

from __future__ import annotations

from google.protobuf import any_pb2
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.rpc import code_pb2, error_details_pb2, status_pb2

from nvmed.errors import DOMAIN, NvmedError
from nvmed.v1 import errors_pb2

DOCUMENTATION = "https://github.com/nvmed/nvmed/blob/main/docs/errors.md"
"""Where remedies lead for more: every reason is there."""


def to_status(error: NvmedError, request_id: str) -> status_pb2.Status:
    """The status of `error`; `request_id` is what the daemon's log has for the call."""
    details: list[Message] = [
        error_details_pb2.ErrorInfo(reason=error.reason, domain=DOMAIN, metadata=error.metadata),
        error_details_pb2.RequestInfo(request_id=request_id),
    ]
    if nvme := error.nvme:
        details.append(
            errors_pb2.NvmeStatus(
                status_code_type=nvme.status_code_type,
                status_code=nvme.status_code,
                do_not_retry=nvme.do_not_retry,
                more=nvme.more,
                command_retry_delay=nvme.command_retry_delay,
                raw_status=nvme.raw,
                result=nvme.result,
                opcode=nvme.opcode,
                nsid=nvme.nsid,
                mnemonic=nvme.mnemonic,
            )
        )
    if os := error.os:
        details.append(errors_pb2.OsError(errno=os.errno, symbol=os.symbol, syscall=os.syscall, path=os.path))
    if error.fields:
        violation = error_details_pb2.BadRequest.FieldViolation
        details.append(
            error_details_pb2.BadRequest(
                field_violations=[violation(field=f.field, description=f.description) for f in error.fields]
            )
        )
    if error.gates:
        gate = error_details_pb2.PreconditionFailure.Violation
        details.append(
            error_details_pb2.PreconditionFailure(
                violations=[gate(type=g.kind, subject=g.subject, description=g.description) for g in error.gates]
            )
        )
    if error.retry_delay_ms is not None:
        delay = Duration()
        delay.FromMilliseconds(error.retry_delay_ms)
        details.append(error_details_pb2.RetryInfo(retry_delay=delay))
    if error.remedy:
        link = error_details_pb2.Help.Link(description=error.remedy, url=DOCUMENTATION)
        details.append(error_details_pb2.Help(links=[link]))
    return status_pb2.Status(
        code=code_pb2.Code.Value(error.code), message=error.message, details=[_packed(detail) for detail in details]
    )


def _packed(message: Message) -> any_pb2.Any:
    packed = any_pb2.Any()
    packed.Pack(message)
    return packed
