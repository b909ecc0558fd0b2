"""Field masks for answers (AIP-157): the metadata `x-goog-fieldmask` names what a caller wants of an answer.

It is read here for every method that answers with one message, so that no request needs a field for it. A path goes
through repeated fields: `controllers.name` is the name of each. Streams are sent whole.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from google.protobuf import descriptor_pool
from google.protobuf.message import Message

from nvmed import limits
from nvmed.reasons import invalid_field

KEY: Final = "x-goog-fieldmask"
KEPT: Final = "next_page_token"
"""Always there: a list whose token was masked away would seem to end."""

Tree = Mapping[str, "Tree"]
"""The fields that are wanted, with those of each; none for all of it."""


def mask_of(metadata: Iterable[tuple[str, str | bytes]] | None, method: str) -> Tree:
    """What the metadata of a call of `/package.Service/Method` ask for, empty for all; raises INVALID_FIELD."""
    given = [value for key, value in metadata or () if key == KEY]
    if not given:
        return {}
    paths = [path.strip() for value in given for path in str(value).split(",")]
    if len(paths) > limits.MASK_PATHS_MAX:
        raise invalid_field(KEY, f"names {len(paths)} fields; at most {limits.MASK_PATHS_MAX} are allowed")
    if "*" in paths:
        return {}
    service, _, name = method[1:].partition("/")
    answer = descriptor_pool.Default().FindServiceByName(service).methods_by_name[name].output_type
    tree: dict[str, Any] = {}
    for path in paths:
        _add(tree, path, answer)
    return tree


def _add(tree: dict[str, Any], path: str, message: Any) -> None:
    names, descriptor = path.split("."), message
    for index, name in enumerate(names):
        field = descriptor.fields_by_name.get(name) if descriptor is not None else None
        if field is None:
            raise invalid_field(KEY, f"{message.name} has no field {'.'.join(names[: index + 1])!a}")
        descriptor = field.message_type
        if descriptor is not None and descriptor.GetOptions().map_entry:
            descriptor = None
        if index == len(names) - 1:
            tree[name] = {}
        elif name in tree and not tree[name]:
            return  # all of it is wanted already
        else:
            tree = tree.setdefault(name, {})


def trim(message: Message, tree: Tree) -> None:
    """Clear what is not in `tree`, which is not empty."""
    for field, value in message.ListFields():
        below = tree.get(field.name)
        if below is None:
            if field.name != KEPT:
                message.ClearField(field.name)
        elif below:
            for one in value if field.is_repeated else (value,):
                trim(one, below)
