"""What a field of a request may be: the kinds of rules that `nvmed.rpc.rules` is made of."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final

from nvmed import limits
from nvmed.rpc.annotations import UUID4, format_of, is_required
from nvmed.v1 import operations_pb2


@dataclass(frozen=True, slots=True)
class Rule:
    """What a field must be.

    `check` gets its value (each item's, of a repeated field) and says what is wrong, or "". `required` refuses a field
    that is not set: for one without presence, empty or zero.
    """

    check: Callable[[Any], str]
    required: bool = False
    items_max: int = 0


def text(max_bytes: int = limits.NAME_BYTES_MAX) -> Rule:
    """A string of at most `max_bytes` in UTF-8, without NUL."""

    def check(value: str) -> str:
        if (size := len(value.encode())) > max_bytes:
            return f"has {size} bytes; at most {max_bytes} are allowed"
        return "must not contain NUL" if "\0" in value else ""

    return Rule(check)


def pattern(expression: str, wanted: str) -> Rule:
    """A string that is a full match of `expression`; `wanted` says so in words."""
    compiled = re.compile(expression)
    return Rule(lambda value: "" if compiled.fullmatch(value) else wanted)


def number(low: int, high: int, *, multiple_of: int = 1, zero: bool = False) -> Rule:
    """An integer from `low` to `high`, a multiple of `multiple_of`; `zero` allows 0 for a default as well."""

    def check(value: int) -> str:
        if (zero and value == 0) or (low <= value <= high and value % multiple_of == 0):
            return ""
        step = f" and a multiple of {multiple_of}" if multiple_of > 1 else ""
        return f"is {value}; it must be {low} to {high}{step}" + (", or 0 for the default" if zero else "")

    return Rule(check)


def choice(enum: Any) -> Rule:
    """A value that the enum has."""

    def check(value: int) -> str:
        if value not in enum.values():
            return f"is {value}, which this version does not know"
        return ""

    return Rule(check)


def items(rule: Rule, at_most: int) -> Rule:
    """A repeated field of at most `at_most` items, each of which obeys `rule`."""
    return replace(rule, items_max=at_most)


def nested() -> Rule:
    """A message, whose fields have rules of their own."""
    return Rule(lambda _: "")


def data(max_bytes: int) -> Rule:
    """At most `max_bytes` bytes."""
    return Rule(
        lambda value: f"has {len(value)} bytes; at most {max_bytes} are allowed" if len(value) > max_bytes else ""
    )


def anything() -> Rule:
    """Every value is fine: booleans, and numbers that use their whole range."""
    return Rule(lambda _: "")


_UUID: Final = pattern(
    r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}|", "must be a UUID, or empty"
)
"""Of whatever version: a client that makes the id of what it asks for (version 5) asks once, too."""


def annotated(rule: Rule, field: Any) -> Rule:
    """`rule`, and what the annotations of its field say: REQUIRED, and the format UUID4."""
    rule = replace(rule, required=is_required(field))
    return replace(rule, check=_UUID.check) if format_of(field) == UUID4 else rule


# -- fields that many requests have

PAGE: Final = {
    "page_size": number(0, 2**31 - 1),  # AIP-158: too large is lowered, not refused
    "page_token": text(limits.TOKEN_BYTES_MAX),
    "filter": text(limits.FILTER_BYTES_MAX),
}
ORDERED: Final = {**PAGE, "order_by": text(limits.FILTER_BYTES_MAX)}
"""Those of lists that are all in memory, and ordered as is asked for."""
NAME: Final = text()
REQUEST_ID: Final = anything()  # that it is a UUID is what its annotation says
MUTATION: Final = {"request_id": REQUEST_ID, "validate_only": anything()}
"""The fields of every request that changes something."""
DATA_LOSS: Final = Rule(lambda value: "" if value else "must be true: data are lost with what is asked for")
OVERRIDES: Final = items(choice(operations_pb2.Gate), len(operations_pb2.Gate.values()))
