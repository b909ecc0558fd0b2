"""Pages and filters of List methods (AIP-158, AIP-160), for messages that are all in memory anyway."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final, TypeVar

from google.protobuf.message import Message

from nvmed import limits
from nvmed.errors import invalid_field

M = TypeVar("M", bound=Message)

_COMPARISON: Final = re.compile(
    r"""\s*(?P<field>[a-z][a-z0-9_]*)\s*(?P<operator>!=|=|:)\s*(?:"(?P<quoted>(?:[^"\\]|\\.)*)"|(?P<bare>[^\s"]+))"""
)
_AND: Final = re.compile(r"\s+AND\s+|\s+(?=\S)")


def page(items: Sequence[M], request: Any) -> tuple[Sequence[M], str]:
    """The page that `request` asks for of `items`, which are ordered by name, and the token of the next.

    The token names the last item shown, so that pages stay right while things come and go; it is bound to the filter.
    """
    chosen = select(items, request.filter)
    size = min(request.page_size or limits.PAGE_SIZE_DEFAULT, limits.PAGE_SIZE_MAX)
    after = decode_token(request.page_token, request.filter)
    rest = [item for item in chosen if name_of(item) > after]
    shown = rest[:size]
    more = len(rest) > len(shown)
    return shown, encode_token(name_of(shown[-1]), request.filter) if more else ""


def name_of(item: Any) -> str:
    """The resource name of a resource."""
    return str(item.name)


def select(items: Iterable[M], text: str) -> list[M]:
    """The `items` for which `text` holds: comparisons (`=`, `!=`, `:`) joined by AND."""
    tests = parse_filter(text)
    return [item for item in items if all(test(item) for test in tests)]


def parse_filter(text: str) -> list[Callable[[Any], bool]]:
    """The comparisons of a filter; raises INVALID_FIELD where it is not understood."""
    tests: list[Callable[[Any], bool]] = []
    position = 0
    while position < len(text.rstrip()):
        if tests:
            joint = _AND.match(text, position)
            if not joint:
                raise _misunderstood(text, position)
            position = joint.end()
        match = _COMPARISON.match(text, position)
        if not match:
            raise _misunderstood(text, position)
        value = match["bare"] if match["quoted"] is None else re.sub(r"\\(.)", r"\1", match["quoted"])
        tests.append(_comparison(match["field"], match["operator"], value))
        position = match.end()
    return tests


def _comparison(field: str, operator: str, wanted: str) -> Callable[[Any], bool]:
    def holds(item: Any) -> bool:
        descriptor = item.DESCRIPTOR.fields_by_name.get(field)
        if descriptor is None or (descriptor.message_type is not None):
            raise invalid_field("filter", f"{field!r} is not a field of {item.DESCRIPTOR.name} that can be compared")
        value = getattr(item, field)
        texts = [_as_text(descriptor, one) for one in (value if descriptor.is_repeated else [value])]
        if operator == ":":
            return any(wanted.lower() in text.lower() for text in texts)
        return any(_same(descriptor, text, wanted) for text in texts) == (operator == "=")

    return holds


def _as_text(descriptor: Any, value: Any) -> str:
    if descriptor.enum_type is not None:
        known = descriptor.enum_type.values_by_number.get(value)
        return known.name if known else str(value)
    return str(value).lower() if isinstance(value, bool) else str(value)


def _same(descriptor: Any, text: str, wanted: str) -> bool:
    """Enum values match by their full name and without the prefix of their enum: STATE_LIVE and LIVE."""
    return text == wanted or (descriptor.enum_type is not None and text.endswith("_" + wanted))


def _misunderstood(text: str, position: int) -> Exception:
    return invalid_field(
        "filter",
        f"is not understood at character {position + 1} of {text!r}; "
        'write comparisons joined by AND, for example transport = "tcp" AND state = LIVE',
    )


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def encode_token(after: str, filter_text: str) -> str:
    """A page token: the next page begins after the item that `after` names, in a list of this filter."""
    return base64.urlsafe_b64encode(json.dumps([after, _digest(filter_text)]).encode()).decode()


def decode_token(token: str, filter_text: str) -> str:
    """What `encode_token` was given, "" for no token; raises INVALID_FIELD."""
    if not token:
        return ""
    try:
        after, digest = json.loads(base64.urlsafe_b64decode(token.encode()))
    except (ValueError, TypeError):
        raise invalid_field("page_token", "is damaged; start again without it") from None
    if digest != _digest(filter_text) or not isinstance(after, str):
        raise invalid_field("page_token", "belongs to another filter; start again without it")
    return after
