"""Filters of List methods (AIP-160): parsed once, checked against the fields there are, then asked of each message.

    matches = parse('transport = "tcp" AND (state = LIVE OR size_bytes >= 1000000)', Controller)

Comparisons `=`, `!=`, `<`, `<=`, `>`, `>=` and `:` (has) of a field and a value, joined by AND, which may be left out,
OR, which binds more tightly, NOT or `-`, and parentheses. `paths.ana_state` is a field of a field, `labels.rack` the
value of a key. Of a repeated field, one element that fits is enough; `!=` says that none does.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from nvmed.errors import NvmedError
from nvmed.reasons import invalid_field

Test: TypeAlias = Callable[[Any], bool]

DEPTH_MAX: Final = 16
"""Parentheses in parentheses."""

_SPACE: Final = re.compile(r"\s*")
_WORD: Final = re.compile(r"(AND|OR|NOT)(?=[\s(]|$)")
_RESTRICTION: Final = re.compile(
    r"""(?P<path>[a-z][a-z0-9_]*(?:\.[A-Za-z0-9_-]+)*)\s*(?P<operator><=|>=|!=|=|<|>|:)\s*
        (?:"(?P<quoted>(?:[^"\\]|\\.)*)"|(?P<bare>[^\s"()]+))""",
    re.VERBOSE,
)
_ORDERS: Final = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}
_TIMES: Final[dict[str, type[Timestamp | Duration]]] = {
    kind.DESCRIPTOR.full_name: kind for kind in (Timestamp, Duration)
}


@dataclass(frozen=True, slots=True)
class Sql:
    """A condition of SQL, and the values of its question marks.

    Everything that fits a filter fits it; unless it `is_exact`, other things may fit it as well.
    """

    text: str
    values: tuple[object, ...] = ()
    is_exact: bool = True


@dataclass(frozen=True, slots=True)
class Restriction:
    """One comparison of a filter, of messages of `kind`."""

    path: str
    sign: str
    wanted: str
    test: Test
    kind: type[Message]


@dataclass(frozen=True, slots=True)
class Condition:
    """What a filter, or a part of it, asks for: of a message, and of a row; None where that cannot be said."""

    test: Test | None = None
    sql: Sql | None = None


Translate: TypeAlias = Callable[[Restriction], Sql | None]
"""A restriction as a condition on columns, None where no column has that field."""


def parse(text: str, kind: type[Message] | None = None) -> Test:
    """The test that `text` is; every message passes an empty one.

    Raises INVALID_FIELD where it is not understood, and where `kind` has no such field or it cannot have such a value;
    without `kind` that is raised by the test.
    """
    return compiled(text, kind).test or _everything


def compiled(text: str, kind: type[Message] | None = None, translate: Translate | None = None) -> Condition:
    """What `text` asks for, as `parse` reads it; with `translate`, of rows too."""
    parser = _Parser(text, kind, translate)
    condition = parser.expression(0) if text.strip() else Condition(_everything)
    if not parser.at_end():
        raise parser.misunderstood()
    return condition


def _everything(_item: Any) -> bool:
    return True


def _all(conditions: Sequence[Condition]) -> Condition:
    if len(conditions) == 1:
        return conditions[0]
    tests = [condition.test or _everything for condition in conditions]
    known = [condition.sql for condition in conditions if condition.sql is not None]
    exact = len(known) == len(conditions) and all(sql.is_exact for sql in known)
    return Condition(lambda item: all(test(item) for test in tests), _joined(known, " AND ", exact))


def _any(conditions: Sequence[Condition]) -> Condition:
    if len(conditions) == 1:
        return conditions[0]
    tests = [condition.test or _everything for condition in conditions]
    known = [condition.sql for condition in conditions if condition.sql is not None]
    if len(known) < len(conditions):
        known = []
    exact = all(sql.is_exact for sql in known)
    return Condition(lambda item: any(test(item) for test in tests), _joined(known, " OR ", exact))


def _none(condition: Condition) -> Condition:
    test, sql = condition.test or _everything, condition.sql
    turned = Sql(f"NOT ({sql.text})", sql.values) if sql and sql.is_exact else None
    return Condition(lambda item: not test(item), turned)


def _joined(parts: Sequence[Sql], word: str, is_exact: bool) -> Sql | None:
    if not parts:
        return None
    return Sql(
        word.join(f"({part.text})" for part in parts), tuple(value for part in parts for value in part.values), is_exact
    )


class _Parser:
    """A position in a filter of messages of a kind."""

    def __init__(self, text: str, kind: type[Message] | None, translate: Translate | None) -> None:
        self._text = text
        self._kind = kind
        self._translate = translate
        self._position = 0

    def at_end(self) -> bool:
        self._space()
        return self._position == len(self._text)

    def misunderstood(self) -> NvmedError:
        return invalid_field(
            "filter",
            f"is not understood at character {self._position + 1} of {self._text!r}; "
            'write comparisons joined by AND and OR, for example transport = "tcp" AND state = LIVE',
        )

    def expression(self, depth: int) -> Condition:
        """Factors joined by AND, or by a space."""
        factors = [self._factor(depth)]
        while True:
            spaced = self._space()
            if self.at_end() or self._text[self._position] == ")":
                return _all(factors)
            if not spaced:
                raise self.misunderstood()
            self._word("AND")
            factors.append(self._factor(depth))

    def _factor(self, depth: int) -> Condition:
        """Terms joined by OR."""
        terms = [self._term(depth)]
        while True:
            before = self._position
            if not (self._space() and self._word("OR")):
                self._position = before
                return _any(terms)
            terms.append(self._term(depth))

    def _term(self, depth: int) -> Condition:
        self._space()
        if self._word("NOT") or self._take("-"):
            return _none(self._simple(depth))
        return self._simple(depth)

    def _simple(self, depth: int) -> Condition:
        self._space()
        if not self._take("("):
            return self._restriction()
        if depth == DEPTH_MAX:
            raise invalid_field("filter", f"has more than {DEPTH_MAX} parentheses in each other")
        inner = self.expression(depth + 1)
        self._space()
        if not self._take(")"):
            raise self.misunderstood()
        return inner

    def _restriction(self) -> Condition:
        match = _RESTRICTION.match(self._text, self._position)
        if match is None:
            raise self.misunderstood()
        self._position = match.end()
        value = match["bare"] if match["quoted"] is None else re.sub(r"\\(.)", r"\1", match["quoted"])
        test = _comparison(match["path"], match["operator"], value)
        if self._kind is None:
            return Condition(test)
        test(self._kind())  # raises what is wrong with it
        read = Restriction(match["path"], match["operator"], value, test, self._kind)
        return Condition(test, self._translate(read) if self._translate else None)

    def _space(self) -> bool:
        """Skip space, if there is any."""
        before = self._position
        match = _SPACE.match(self._text, self._position)
        self._position = match.end() if match else before
        return self._position > before

    def _word(self, word: str) -> bool:
        match = _WORD.match(self._text, self._position)
        return match is not None and match[1] == word and self._take(word)

    def _take(self, token: str) -> bool:
        if not self._text.startswith(token, self._position):
            return False
        self._position += len(token)
        return True


def _comparison(path: str, sign: str, wanted: str) -> Test:
    """The test of one restriction."""

    def holds(item: Any) -> bool:
        field = _field(item.DESCRIPTOR, path)
        values = _values(item, path.split("."))
        if sign == ":" and wanted == "*":
            return any(_is_there(value) for value in values)
        if sign == ":":
            return any(wanted.lower() in _text(field, value).lower() for value in values)
        compare = _compared(field, path, sign, wanted)
        return any(compare(value) for value in values) == (sign != "!=")

    return holds


def _field(descriptor: Any, path: str) -> Any:
    """The descriptor of the field that `path` leads to: the last one, or that of the values of a map."""
    names = path.split(".")
    field: Any = None
    for number, name in enumerate(names):
        field = descriptor.fields_by_name.get(name) if descriptor else None
        if field is None:
            raise invalid_field("filter", f"{path!r} is not a field that can be compared")
        message = field.message_type
        if message is not None and message.GetOptions().map_entry:
            keyed = names[number + 1 :]
            if len(keyed) > 1:
                raise invalid_field("filter", f"{path!r} is not a field that can be compared")
            return message.fields_by_name["value" if keyed else "key"]
        descriptor = message
    return field


def _values(item: Any, names: list[str]) -> Iterator[Any]:
    """What is set there: each element of repeated fields, the keys of a map or the value of one."""
    name, *rest = names
    field = item.DESCRIPTOR.fields_by_name[name]
    value = getattr(item, name)
    if field.message_type is not None and field.message_type.GetOptions().map_entry:
        yield from [value[rest[0]]] if rest and rest[0] in value else () if rest else value
        return
    if not field.is_repeated and field.has_presence and not item.HasField(name):
        return
    for one in value if field.is_repeated else (value,):
        if rest:
            yield from _values(one, rest)
        else:
            yield one


def _is_there(value: Any) -> bool:
    return isinstance(value, Message) or bool(value)


def _text(field: Any, value: Any) -> str:
    if field.enum_type is not None:
        known = field.enum_type.values_by_number.get(value)
        return known.name if known else str(value)
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, Timestamp | Duration):
        return value.ToJsonString()
    if isinstance(value, Message):
        raise invalid_field("filter", f"{field.name!r} is not a field that can be compared")
    return str(value).lower() if isinstance(value, bool) else str(value)


def _compared(field: Any, path: str, sign: str, wanted: str) -> Callable[[Any], bool]:
    """Whether a value of `field` compares with `wanted` as `sign` says; `!=` as `=`, for the caller to turn round."""
    convert, is_ordered = _conversion(field, path)
    if sign in _ORDERS:
        if not is_ordered:
            raise invalid_field("filter", f"{path!r} has no order: compare it with =, != or :")
        order, limit = _ORDERS[sign], _number(convert, path, wanted)
        return lambda value: order(_key(value), limit)
    if field.cpp_type == field.CPPTYPE_STRING or not is_ordered:
        return lambda value: _same(field, _text(field, value), wanted)
    number = _number(convert, path, wanted)
    return lambda value: bool(_key(value) == number)


def _conversion(field: Any, path: str) -> tuple[Callable[[str], Any], bool]:
    """How a value is read from a filter, and whether such values have an order."""
    if field.message_type is not None:
        time = _TIMES.get(field.message_type.full_name)
        if time is None:
            raise invalid_field("filter", f"{path!r} is not a field that can be compared")
        return lambda text: _time(time, text), True
    if field.enum_type is not None or field.cpp_type == field.CPPTYPE_BOOL or field.type == field.TYPE_BYTES:
        return str, False
    if field.cpp_type == field.CPPTYPE_STRING:
        return str, True
    if field.cpp_type in (field.CPPTYPE_FLOAT, field.CPPTYPE_DOUBLE):
        return float, True
    return lambda text: int(text, 0) if text.lower().startswith("0x") else int(text), True


def _time(kind: type[Timestamp | Duration], text: str) -> tuple[int, int]:
    value = kind()
    value.FromJsonString(text)
    return value.seconds, value.nanos


def _key(value: Any) -> Any:
    return (value.seconds, value.nanos) if isinstance(value, Timestamp | Duration) else value


def _number(convert: Callable[[str], Any], path: str, wanted: str) -> Any:
    try:
        return convert(wanted)
    except (ValueError, OverflowError):
        raise invalid_field("filter", f"{path!r} cannot be compared with {wanted!r}: it has other values") from None


def _same(field: Any, text: str, wanted: str) -> bool:
    """Whether values are equal; `*` begins or ends what any text may begin or end with.

    Enum values match by their full name and without the prefix of their enum: STATE_LIVE and LIVE.
    """
    if field.enum_type is not None:
        return text == wanted or text.endswith("_" + wanted)
    if field.type == field.TYPE_BYTES:
        return text == wanted.lower()
    if len(wanted) > 1 and wanted[0] == wanted[-1] == "*":
        return wanted[1:-1] in text
    if wanted.endswith("*"):
        return text.startswith(wanted[:-1])
    if wanted.startswith("*"):
        return text.endswith(wanted[1:])
    return text == wanted
