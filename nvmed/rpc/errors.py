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
VIOLATIONS_BYTES_MAX: Final = 1024
"""What all of it needs, in base64, beside the message, fits in the 8 KiB that clients take as metadata by default."""


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
    if error.fields:
        details.append(_bad_request(error.fields))
    if error.gates:
        details.append(_precondition_failure(error.gates))
    if error.retry_delay_ms is not None:
        delay = Duration()
        delay.FromMilliseconds(error.retry_delay_ms)
        details.append(error_details_pb2.RetryInfo(retry_delay=delay))
    if error.remedy:
        link = error_details_pb2.Help.Link(description=cut(error.remedy, 2 * VALUE_BYTES_MAX), url=DOCUMENTATION)
        details.append(error_details_pb2.Help(links=[link]))
    return status_pb2.Status(
        code=code_pb2.Code.Value(error.code),
        message=_message(error.message),
        details=[_packed(detail) for detail in details],
    )


def _message(text: str) -> str:
    """`text` as long as may be: gRPC sends it twice, once with three bytes for each that is not plain ASCII."""
    data = text.encode(errors="replace")
    tripled = sum(1 for byte in data if not 0x20 <= byte <= 0x7E or byte == 0x25)
    if len(data) + 2 * tripled <= MESSAGE_BYTES_MAX:
        return text
    return cut(text, MESSAGE_BYTES_MAX // 3 if tripled else MESSAGE_BYTES_MAX)


def _metadata(error: NvmedError) -> dict[str, str]:
    return {key: cut(value, VALUE_BYTES_MAX) for key, value in [*error.metadata.items()][:VALUES_MAX]}


def _bad_request(fields: Sequence[FieldViolation]) -> error_details_pb2.BadRequest:
    answer = error_details_pb2.BadRequest()
    for field, description in _shown([(f.field, f.description) for f in fields], ("", "{} more fields are wrong")):
        answer.field_violations.add(field=field, description=description)
    return answer


def _precondition_failure(gates: Sequence[GateViolation]) -> error_details_pb2.PreconditionFailure:
    answer = error_details_pb2.PreconditionFailure()
    told = [(g.kind, g.subject, g.description) for g in gates]
    for kind, subject, description in _shown(told, ("", "", "{} more do not hold")):
        answer.violations.add(type=kind, subject=subject, description=description)
    return answer


def _shown(rows: Sequence[tuple[str, ...]], rest: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """As many of `rows` as there is room for, their texts cut, then `rest` with how many more there are."""
    room = VIOLATIONS_BYTES_MAX
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
