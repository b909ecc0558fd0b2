"""Pages, filters and order of List methods (AIP-158, AIP-160, AIP-132), for messages that are all in memory anyway."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from nvmed import limits
from nvmed.reasons import invalid_field
from nvmed.rpc.filters import Test, parse

M = TypeVar("M", bound=Message)

Position = str | int | list[int]
"""Where an item stands in its list if nothing else is asked for: no two have the same, and it stays while others go."""

_TERM: Final = re.compile(r"([a-z][a-z0-9_]*(?:\.[a-z][a-z0-9_]*)*)(?:\s+(asc|desc))?")
_TIMES: Final = (Timestamp.DESCRIPTOR.full_name, Duration.DESCRIPTOR.full_name)


def name_of(item: Any) -> str:
    """The resource name of a resource."""
    return str(item.name)


def page(
    items: Sequence[M],
    request: Any,
    kind: type[M],
    position: Callable[[M], Position] = name_of,
    *,
    size_default: int = limits.PAGE_SIZE_DEFAULT,
) -> tuple[Sequence[M], str]:
    """The page that `request` asks for of `items`, all of `kind`, and the token of the next.

    They are ordered by the request's `order_by`, then by `position`. The token says where the last item shown stands,
    so that pages stay right while things come and go; it is bound to filter and order.
    """
    tests = parse_filter(request.filter, kind)
    terms = parse_order(request.order_by, kind)
    bound = f"{request.filter}\0{request.order_by}"
    size = min(request.page_size or size_default, limits.PAGE_SIZE_MAX)
    found = [(_key(item, terms, position), item) for item in items if all(test(item) for test in tests)]
    found.sort(key=lambda one: one[0])
    if token := decode_token(request.page_token, bound):
        try:
            after = _Key(terms, json.loads(token))
            found = [one for one in found if after < one[0]]
        except (ValueError, TypeError):
            raise invalid_field("page_token", "is damaged; start again without it") from None
    shown = found[:size]
    more = len(found) > len(shown)
    return [item for _, item in shown], encode_token(json.dumps(shown[-1][0].values), bound) if more else ""


@dataclass(frozen=True, slots=True)
class Term:
    """One field of `order_by`."""

    path: tuple[str, ...]
    is_descending: bool

    def value(self, item: Any) -> Any:
        """What `item` has there: a text, a number, a truth; times in nanoseconds, which JSON keeps whole."""
        for name in self.path:
            item = getattr(item, name)
        return item.ToNanoseconds() if isinstance(item, Timestamp | Duration) else item


@dataclass(frozen=True, slots=True)
class _Key:
    """Where an item stands: the values of the terms, then its position."""

    terms: Sequence[Term]
    values: list[Any]

    def __lt__(self, other: _Key) -> bool:
        if len(self.values) != len(self.terms) + 1:
            raise ValueError
        for term, mine, theirs in zip(self.terms, self.values, other.values, strict=False):
            if mine != theirs:
                return bool(theirs < mine if term.is_descending else mine < theirs)
        return bool(self.values[-1] < other.values[-1])


def _key(item: Any, terms: Sequence[Term], position: Callable[[Any], Position]) -> _Key:
    return _Key(terms, [*(term.value(item) for term in terms), position(item)])


def parse_order(text: str, kind: type[Message]) -> Sequence[Term]:
    """What `order_by` asks for (AIP-132): fields of `kind` apart by commas, each ascending unless `desc` follows."""
    if not text.strip():
        return ()
    terms = text.split(",")
    if len(terms) > limits.ORDER_FIELDS_MAX:
        raise invalid_field("order_by", f"names {len(terms)} fields; at most {limits.ORDER_FIELDS_MAX} are allowed")
    return tuple(_term(term.strip(), kind) for term in terms)


def _term(text: str, kind: type[Message]) -> Term:
    match = _TERM.fullmatch(text)
    if match is None:
        raise invalid_field("order_by", f"{text!r} is no field, nor one with desc behind it")
    path = tuple(match[1].split("."))
    descriptor: Any = kind.DESCRIPTOR
    for index, name in enumerate(path):
        field = descriptor.fields_by_name.get(name) if descriptor is not None else None
        if field is None:
            raise invalid_field("order_by", f"{kind.DESCRIPTOR.name} has no field {'.'.join(path[: index + 1])}")
        descriptor = field.message_type
        if field.is_repeated or field.type == FieldDescriptor.TYPE_BYTES:
            raise invalid_field("order_by", f"{'.'.join(path)} is not one value that could be ordered by")
    if descriptor is not None and descriptor.full_name not in _TIMES:
        raise invalid_field("order_by", f"{match[1]} has fields of its own; name one of them")
    return Term(path, match[2] == "desc")


def parse_filter(text: str, kind: type[Message] | None = None) -> list[Test]:
    """What a filter asks of messages of `kind`: as `filters.parse`, as a list of tests that all have to hold."""
    return [parse(text, kind)] if text.strip() else []


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def encode_token(after: str, bound: str) -> str:
    """A page token: the next page begins after what `after` names, in a list of this filter (and order)."""
    return base64.urlsafe_b64encode(json.dumps([after, _digest(bound)]).encode()).decode()


def decode_token(token: str, bound: str) -> str:
    """What `encode_token` was given, "" for no token; raises INVALID_FIELD."""
    if not token:
        return ""
    try:
        after, digest = json.loads(base64.urlsafe_b64decode(token.encode()))
    except (ValueError, TypeError):
        raise invalid_field("page_token", "is damaged; start again without it") from None
    if digest != _digest(bound) or not isinstance(after, str):
        raise invalid_field("page_token", "belongs to another filter or order; start again without it")
    return after
