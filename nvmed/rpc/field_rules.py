"""What a field of a request may be: the kinds of rules that `nvmed.rpc.rules` is made of."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from nvmed import limits


@dataclass(frozen=True, slots=True)
class Rule:
    """What a field must be.

    `check` gets its value (each item's, of a repeated field) and says what is wrong, or "". `required` refuses a field
    that is not set: for one without presence, empty or zero.
    """

    check: Callable[[Any], str]
    required: bool = False
    items_max: int = 0


def text(max_bytes: int = limits.NAME_BYTES_MAX, *, required: bool = False) -> Rule:
    """A string of at most `max_bytes` in UTF-8, without NUL."""

    def check(value: str) -> str:
        if (size := len(value.encode())) > max_bytes:
            return f"has {size} bytes; at most {max_bytes} are allowed"
        return "must not contain NUL" if "\0" in value else ""

    return Rule(check, required)


def pattern(expression: str, wanted: str, *, required: bool = False) -> Rule:
    """A string that is a full match of `expression`; `wanted` says so in words."""
    compiled = re.compile(expression)
    return Rule(lambda value: "" if compiled.fullmatch(value) else wanted, required)


def number(low: int, high: int, *, multiple_of: int = 1, zero: bool = False) -> Rule:
    """An integer from `low` to `high`, a multiple of `multiple_of`; `zero` allows 0 for a default as well."""

    def check(value: int) -> str:
        if (zero and value == 0) or (low <= value <= high and value % multiple_of == 0):
            return ""
        step = f" and a multiple of {multiple_of}" if multiple_of > 1 else ""
        return f"is {value}; it must be {low} to {high}{step}" + (", or 0 for the default" if zero else "")

    return Rule(check)


def choice(enum: Any, *, required: bool = False) -> Rule:
    """A value that the enum has; `required` refuses its 0, UNSPECIFIED."""

    def check(value: int) -> str:
        if value not in enum.values():
            return f"is {value}, which this version does not know"
        return ""

    return Rule(check, required)


def items(rule: Rule, at_most: int) -> Rule:
    """A repeated field of at most `at_most` items, each of which obeys `rule`."""
    return replace(rule, items_max=at_most)


def nested(*, required: bool = False) -> Rule:
    """A message, whose fields have rules of their own."""
    return Rule(lambda _: "", required)


def data(max_bytes: int, *, required: bool = False) -> Rule:
    """At most `max_bytes` bytes."""
    return Rule(
        lambda value: f"has {len(value)} bytes; at most {max_bytes} are allowed" if len(value) > max_bytes else "",
        required,
    )


def anything() -> Rule:
    """Every value is fine: booleans, and numbers that use their whole range."""
    return Rule(lambda _: "")
