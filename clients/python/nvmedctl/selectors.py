"""Which hosts: `rack = r7 and (model ~ "X.*" or group = canary) and not name ~ "db-.*"`.

A selector is read once by `parse` and then asked of each host. A key is a label, or `name`, `group` (any of the host's
groups) or `domain`. `=` and `!=` compare whole values, `~` and `!~` match a regular expression with the whole value. A
host that lacks the label has the empty value.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from nvmed.reasons import invalid_field

LENGTH_MAX = 2000
"""Characters of a selector."""

DEPTH_MAX = 50
"""Brackets and `not` within each other."""

Values = Callable[[str], Sequence[str]]
"""The values that a host has for a key: several for its groups, none for a label that it lacks."""

Selector = Callable[[Values], bool]

_TOKEN = re.compile(r"""\s*(?:(?P<symbol>!=|!~|=|~|\(|\))|"(?P<quoted>[^"]*)"|(?P<word>[^\s"=~!()]+))""")


@dataclass(slots=True)
class _Reader:
    """The tokens of a selector and how far it is read: (kind, text)."""

    tokens: list[tuple[str, str]]
    at: int = 0
    depth: int = 0

    def peek(self) -> tuple[str, str]:
        return self.tokens[self.at] if self.at < len(self.tokens) else ("end", "")

    def take(self) -> tuple[str, str]:
        token = self.peek()
        self.at += 1
        return token

    def takes(self, word: str) -> bool:
        """Whether this keyword or bracket comes next; if so it is read."""
        kind, text = self.peek()
        if kind == "quoted" or text != word:
            return False
        self.at += 1
        return True


def parse(text: str) -> Selector:
    """The selector that `text` says, the empty one for all hosts; INVALID_FIELD says where it cannot be read."""
    if len(text) > LENGTH_MAX:
        raise _wrong(f"has {len(text)} characters; {LENGTH_MAX} at most.")
    reader = _Reader(list(_tokens(text)))
    if not reader.tokens:
        return lambda values: True
    selector = _either(reader)
    if reader.peek()[0] != "end":
        raise _wrong(f"cannot go on with {reader.peek()[1]!r}; join terms by `and` or `or`.")
    return selector


def _tokens(text: str) -> Iterator[tuple[str, str]]:
    at = 0
    while text[at:].strip():
        match = _TOKEN.match(text, at)
        if match is None or match.lastgroup is None:
            raise _wrong(f"cannot be read from {text[at:].strip()[:20]!r} on.")
        yield match.lastgroup, match[match.lastgroup]
        at = match.end()


def _either(reader: _Reader) -> Selector:
    terms = [_both(reader)]
    while reader.takes("or"):
        terms.append(_both(reader))
    return terms[0] if len(terms) == 1 else lambda values: any(term(values) for term in terms)


def _both(reader: _Reader) -> Selector:
    terms = [_term(reader)]
    while reader.takes("and"):
        terms.append(_term(reader))
    return terms[0] if len(terms) == 1 else lambda values: all(term(values) for term in terms)


def _term(reader: _Reader) -> Selector:
    reader.depth += 1
    if reader.depth > DEPTH_MAX:
        raise _wrong(f"is nested deeper than {DEPTH_MAX}.")
    try:
        if reader.takes("not"):
            inner = _term(reader)
            return lambda values: not inner(values)
        if reader.takes("("):
            selector = _either(reader)
            if not reader.takes(")"):
                raise _wrong("lacks a closing bracket.")
            return selector
        return _comparison(reader)
    finally:
        reader.depth -= 1


def _comparison(reader: _Reader) -> Selector:
    (kind, key), (_, operator), (value_kind, value) = reader.take(), reader.take(), reader.take()
    if kind == "symbol" or kind == "end" or operator not in ("=", "!=", "~", "!~"):
        raise _wrong(f"{key or 'the end'!r} is no comparison; write KEY = VALUE, or != ~ !~ in the place of =.")
    if value_kind not in ("word", "quoted"):
        raise _wrong(f'{key} {operator} lacks its value; the empty one is "".')
    if operator in ("=", "!="):
        return _asks(key, lambda found: found == value, negated=operator == "!=")
    try:
        pattern = re.compile(value)
    except re.error as failure:
        raise _wrong(f"{value!r} is no regular expression: {failure}.") from failure
    return _asks(key, lambda found: pattern.fullmatch(found) is not None, negated=operator == "!~")


def _asks(key: str, holds: Callable[[str], bool], *, negated: bool) -> Selector:
    return lambda values: any(holds(found) for found in values(key) or ("",)) is not negated


def _wrong(what: str) -> Exception:
    return invalid_field("select", what)
