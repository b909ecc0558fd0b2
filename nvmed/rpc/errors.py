"""Domain errors as gRPC statuses: the one translation.

A status carries one `google.rpc.ErrorInfo`, whichever of NvmeStatus, OsError, BadRequest, PreconditionFailure and
RetryInfo the error has, and its remedy as google.rpc.Help. The client library does the reverse.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from google.protobuf import any_pb2
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.rpc import code_pb2, error_details_pb2, status_pb2

from nvmed.cut import cut
from nvmed.errors import DOMAIN, FieldViolation, GateViolation, NvmedError
from nvmed.v1 import errors_pb2

DOCUMENTATION = "https://github.com/nvmed/nvmed/blob/main/docs/errors.md"
"""Where remedies lead for more: every reason is there."""

MESSAGE_BYTES_MAX: Final = 1024
"""Of a status' message as it is sent, percent-encoded; it stands in the details as well."""

VALUE_BYTES_MAX: Final = 256
VALUES_MAX: Final = 6
STATUS_BYTES_MAX: Final = 5000
"""Of a status as it is sent; in base64, beside the message, that fits in the 8 KiB that clients take as metadata by
default. Violations have what the rest of it leaves.
"""
_DETAIL_BYTES: Final = 80
"""What a detail has beside its content: the name of its type above all."""


def to_status(error: NvmedError, request_id: str) -> status_pb2.Status:
    """The status of `error`; `request_id` is what the daemon's log has for the call."""
    details: list[Message] = [
        error_details_pb2.ErrorInfo(reason=error.reason, domain=DOMAIN, metadata=_metadata(error)),
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
        path = cut(os.path, VALUE_BYTES_MAX)
        details.append(errors_pb2.OsError(errno=os.errno, symbol=os.symbol, syscall=os.syscall, path=path))
    if error.retry_delay_ms is not None:
        delay = Duration()
        delay.FromMilliseconds(error.retry_delay_ms)
        details.append(error_details_pb2.RetryInfo(retry_delay=delay))
    if error.remedy:
        link = error_details_pb2.Help.Link(description=cut(error.remedy, 2 * VALUE_BYTES_MAX), url=DOCUMENTATION)
        details.append(error_details_pb2.Help(links=[link]))
    status = status_pb2.Status(code=code_pb2.Code.Value(error.code), message=_message(error.message))
    status.details.extend(_packed(detail) for detail in details)
    if error.fields:
        status.details.append(_packed(_bad_request(error.fields, _room(status))))
    if error.gates:
        status.details.append(_packed(_precondition_failure(error.gates, _room(status))))
    return status


def _room(status: status_pb2.Status) -> int:
    """Bytes that one more detail may have."""
    return STATUS_BYTES_MAX - int(status.ByteSize()) - _DETAIL_BYTES


def _message(text: str) -> str:
    """`text` as long as may be: gRPC sends it twice, once with three bytes for each that is not plain ASCII."""
    data = text.encode(errors="replace")
    tripled = sum(1 for byte in data if not 0x20 <= byte <= 0x7E or byte == 0x25)
    if len(data) + 2 * tripled <= MESSAGE_BYTES_MAX:
        return text
    return cut(text, MESSAGE_BYTES_MAX // 3 if tripled else MESSAGE_BYTES_MAX)


def _metadata(error: NvmedError) -> dict[str, str]:
    return {key: cut(value, VALUE_BYTES_MAX) for key, value in [*error.metadata.items()][:VALUES_MAX]}


def _bad_request(fields: Sequence[FieldViolation], room: int) -> error_details_pb2.BadRequest:
    answer = error_details_pb2.BadRequest()
    told = [(f.field, f.description) for f in fields]
    for field, description in _shown(told, ("", "{} more fields are wrong"), room):
        answer.field_violations.add(field=field, description=description)
    return answer


def _precondition_failure(gates: Sequence[GateViolation], room: int) -> error_details_pb2.PreconditionFailure:
    answer = error_details_pb2.PreconditionFailure()
    told = [(g.kind, g.subject, g.description) for g in gates]
    for kind, subject, description in _shown(told, ("", "", "{} more do not hold"), room):
        answer.violations.add(type=kind, subject=subject, description=description)
    return answer


def _shown(rows: Sequence[tuple[str, ...]], rest: tuple[str, ...], room: int) -> Iterator[tuple[str, ...]]:
    """As many of `rows` as there is room for, their texts cut, then `rest` with how many more there are."""
    room -= _DETAIL_BYTES  # of the last row
    for index, row in enumerate(rows):
        shown = tuple(cut(text, VALUE_BYTES_MAX) for text in row)
        room -= sum(len(text.encode()) for text in shown) + 16
        if room < 0:
            yield tuple(text.format(len(rows) - index) for text in rest)
            return
        yield shown


def _packed(message: Message) -> any_pb2.Any:
    packed = any_pb2.Any()
    packed.Pack(message)
    return packed
