"""Requests are checked before anything else sees them.

`nvmed.rpc.rules` has a row for each field of each request message; a test refuses a field without one. A message that
breaks rules is refused with all of them named (google.rpc.BadRequest), before its handler runs and so before any drive
is touched. Rules that need to know the drive stand where the drive is known.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from google.protobuf.descriptor import FieldDescriptor as Descriptor
from google.protobuf.message import Message

from nvmed.errors import FieldViolation
from nvmed.reasons import Reason, error
from nvmed.rpc.field_rules import Rule
from nvmed.rpc.rules import RULES
from nvmed.rpc.wire import ReceivedChunk


def validate(request: Message | ReceivedChunk) -> None:
    """Raise INVALID_FIELD with every violation of `request`; a message without rules is a library's (health).

    Chunks that are not protobuf objects are checked where they are used, with what was received before.
    """
    if isinstance(request, ReceivedChunk):
        return
    violations = tuple(_violations(request, ""))
    if violations:
        summary = "; ".join(f"{v.field} {v.description}" for v in violations)
        raise error(Reason.INVALID_FIELD, summary, fields=violations, field=violations[0].field)


def _violations(message: Message, prefix: str) -> Iterator[FieldViolation]:
    rules = RULES.get(message.DESCRIPTOR.full_name, {})
    for name, rule in rules.items():
        field = message.DESCRIPTOR.fields_by_name[name]
        value = getattr(message, name)
        path = prefix + name
        if rule.required and not _given(message, field, value):
            yield FieldViolation(path, "is required")
        elif field.is_repeated:
            yield from _of_repeated(rule, field, value, path)
        elif field.type == Descriptor.TYPE_MESSAGE:
            if message.HasField(name):
                yield from _violations(value, f"{path}.")
        elif not (field.has_presence and not message.HasField(name)) and (wrong := rule.check(value)):
            yield FieldViolation(path, wrong)


def _of_repeated(rule: Rule, field: Any, values: Any, path: str) -> Iterator[FieldViolation]:
    if rule.items_max and len(values) > rule.items_max:
        yield FieldViolation(path, f"has {len(values)} items; at most {rule.items_max} are allowed")
        return
    is_map = field.message_type is not None and field.message_type.GetOptions().map_entry
    for index, value in enumerate(values.items() if is_map else values):
        if isinstance(value, Message):
            yield from _violations(value, f"{path}[{index}].")
        elif wrong := rule.check(value):
            yield FieldViolation(f"{path}[{index}]", wrong)


def _given(message: Message, field: Any, value: Any) -> bool:
    if field.has_presence:
        return message.HasField(field.name)
    return bool(value)
