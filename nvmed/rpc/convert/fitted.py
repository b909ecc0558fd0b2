"""Messages of values that a drive, a kernel or a file gave: the one place where these are made to fit their fields.

    fitted(log_pb2.SmartLog, percentage_used=log.percentage_used, ...)

protobuf refuses a number that its field does not hold, and with it the whole answer, of all drives in it. Here such a
number is left unset, but for counters: a field of 64 bits stops at its largest value. Texts lose what is no Unicode,
enumerations know what this version knows, and a moment beyond the year 9999 is none.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final, TypeVar

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.json_format import ParseDict, ParseError
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from nvmed.devices.omission import Omission
from nvmed.nvme.layout import bits
from nvmed.reasons import Reason
from nvmed.v1 import common_pb2

M = TypeVar("M", bound=Message)

TIMESTAMP_MS_MAX: Final = 253_402_300_799_999
"""The last millisecond of the year 9999 (google.protobuf.Timestamp)."""

OMISSIONS: Final = "omissions"
"""The field of answers that names what they lack: also what did not fit."""

_RANGES: Final = {
    FieldDescriptor.CPPTYPE_INT32: (-(1 << 31), (1 << 31) - 1),
    FieldDescriptor.CPPTYPE_UINT32: (0, (1 << 32) - 1),
    FieldDescriptor.CPPTYPE_INT64: (-(1 << 63), (1 << 63) - 1),
    FieldDescriptor.CPPTYPE_UINT64: (0, (1 << 64) - 1),
}
_COUNTERS: Final = (FieldDescriptor.CPPTYPE_INT64, FieldDescriptor.CPPTYPE_UINT64)


def fitted(kind: type[M], /, **fields: Any) -> M:
    """A message of `fields` (None is not set), each made to fit."""
    known = _fields(kind)
    given = {name: (value, _fit(known[name], value)) for name, value in fields.items() if value is not None}
    message = kind(**{name: fit for name, (_, fit) in given.items() if fit is not None})
    if OMISSIONS in known:
        unfit = (
            Omission(name, Reason.NVME_DATA_INVALID.name, f"{value} does not fit this field")
            for name, (value, fit) in given.items()
            if fit is None
        )
        message.MergeFrom(kind(**{OMISSIONS: omissions(unfit)}))
    return message


def fitted_dict(kind: type[M], fields: Mapping[str, Any]) -> M:
    """A message of the fields of a JSON object; those that do not fit, or that this version does not know, are left
    out."""
    message = kind()
    for name, value in fields.items():
        try:
            message.MergeFrom(ParseDict({name: value}, kind(), ignore_unknown_fields=True))
        except ParseError:
            continue
    return message


def timestamp(ms: int) -> Timestamp | None:
    """Milliseconds since the epoch; None where no calendar has them."""
    if not 0 <= ms <= TIMESTAMP_MS_MAX:
        return None
    stamp = Timestamp()
    stamp.FromMilliseconds(ms)
    return stamp


HOST_SET: Final = 1
"""Origin of a drive's timestamp, bits 51:49: a host set the clock, and it counts from 1970 (Base 2.0, figure 327)."""


def timestamp_fields(value: int) -> dict[str, Any]:
    """`timestamp_ms`, and `event_time` where a host had set the clock, of a timestamp as the feature has it."""
    ms = bits(value, 47, 0)
    return {"timestamp_ms": ms, "event_time": timestamp(ms) if bits(value, 51, 49) == HOST_SET else None}


def timestamp_of(text: str) -> Timestamp | None:
    """A moment as RFC 3339 writes it; None for any other text."""
    moment = Timestamp()
    try:
        moment.FromJsonString(text)
    except ValueError:
        return None
    return moment


def omissions(found: Iterable[Omission]) -> list[common_pb2.Omission]:
    """What an answer lacks."""
    return [fitted(common_pb2.Omission, field=one.field, reason=one.reason, message=one.message) for one in found]


_known: dict[type[Message], Mapping[str, Any]] = {}


def _fields(kind: type[Message]) -> Mapping[str, Any]:
    """The descriptors of a message's fields, by name."""
    if kind not in _known:
        _known[kind] = {field.name: field for field in kind.DESCRIPTOR.fields}
    return _known[kind]


def _fit(field: Any, value: Any) -> Any:
    if field.message_type is not None:
        return _fit_map(field, value) if field.message_type.GetOptions().map_entry else value
    if field.is_repeated:
        return [one for each in value if (one := _fit_one(field, each)) is not None]
    return _fit_one(field, value)


def _fit_map(field: Any, value: Mapping[Any, Any]) -> Any:
    """A map without the values that do not fit."""
    content = field.message_type.fields_by_name["value"]
    return {key: fit for key, each in value.items() if (fit := _fit(content, each)) is not None}


def _fit_one(field: Any, value: Any) -> Any:
    """The value as the field takes it; None, which sets nothing, where it does not fit."""
    if field.enum_type is not None:
        known = isinstance(value, str) or (value < 1 << 31 and value in field.enum_type.values_by_number)
        return value if known else 0
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if field.cpp_type not in _RANGES:
        return value
    low, high = _RANGES[field.cpp_type]
    if value > high and field.cpp_type in _COUNTERS:
        return high
    return int(value) if low <= value <= high else None
