"""Pages and filters of List methods (AIP-158, AIP-160), for messages that are all in memory anyway."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Sequence
from typing import Any, TypeVar

from google.protobuf.message import Message

from nvmed import limits
from nvmed.reasons import invalid_field
from nvmed.rpc.filters import Test, parse

M = TypeVar("M", bound=Message)


def page(items: Sequence[M], request: Any, kind: type[M]) -> tuple[Sequence[M], str]:
    """The page that `request` asks for of `items`, all of `kind`, which are ordered by name, and the token of the next.

    The token names the last item shown, so that pages stay right while things come and go; it is bound to the filter.
    """
    tests = parse_filter(request.filter, kind)
    size = min(request.page_size or limits.PAGE_SIZE_DEFAULT, limits.PAGE_SIZE_MAX)
    after = decode_token(request.page_token, request.filter)
    rest = [item for item in items if name_of(item) > after and all(test(item) for test in tests)]
    shown = rest[:size]
    more = len(rest) > len(shown)
    return shown, encode_token(name_of(shown[-1]), request.filter) if more else ""


def name_of(item: Any) -> str:
    """The resource name of a resource."""
    return str(item.name)


def parse_filter(text: str, kind: type[Message] | None = None) -> list[Test]:
    """What a filter asks of messages of `kind`: as `filters.parse`, as a list of tests that all have to hold."""
    return [parse(text, kind)] if text.strip() else []


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
