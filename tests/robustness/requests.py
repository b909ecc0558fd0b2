"""Requests of any method, made from its descriptor by a seed: some that are right, some nearly, some nonsense.

What a field is called says what is put into it: names of things that are there, or were, or never will be; numbers at
the edges of what they may be. More than half are sane: nothing is in them that could not be right somewhere. A small
part is damaged after it was encoded.
"""

from __future__ import annotations

import random
import string
import uuid
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

from google.api import field_behavior_pb2
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

DEPTH_MAX: Final = 5
SANE: Final = 0.6
"""How many requests hold only what may be right."""

DAMAGED: Final = 0.02
"""How many requests have bits turned over, or end early."""

KINDS: Final = (
    "controllers",
    "images",
    "uploads",
    "operations",
    "captures",
    "supportBundles",
    "erasureRecords",
    "keys",
)
"""Collections whose names are kept as they come by in answers."""

TEXTS: Final = (
    "", "x", "nvme0", "nvme1", "nvme0n1", "controllers/-", "controllers/nvme0", "hosts/-", "nvme99", "..", "a" * 300,
    "nqn.2014-08.org.nvmexpress:uuid:00000000-0000-0000-0000-000000000001", "nqn.2026-01.dev.nvmed:drive",
    "state = 'RUNNING'", "name desc", "*", "\x00", "ü" * 40, "2026-01-01T00:00:00Z", "1.0", "SIM 1.0",
)  # fmt: skip
REALS: Final = (0.0, -1.0, 1.5, 1e300, float("nan"))
NODES: Final = ("", "nvme0", "nvme1", "nvme0", "nvme1", "SIM 1.0")
NAMING: Final = frozenset({"controller", "controllers", "name", "nsid", "namespace", "image", "upload", "operation"})
"""Fields that sane requests have."""

SMALL: Final = (0, 1, 1, 2, 512, 4096)
SIZES: Final = (0, 1, 3, 4, 16, 32, 64, 512, 4096, 5000)


def numbers(bits: int, *, signed: bool) -> tuple[int, ...]:
    """Small ones, and the edges of those that have so many bits."""
    top = 1 << (bits - signed)
    edges = {0, 1, 2, 3, 4, 7, 8, 255, 256, 512, 4096, 65535, 65536, 1 << 20, top - 1, top // 2}
    return tuple(sorted({edge for edge in edges if edge < top} | ({-1, -top} if signed else set())))


_NUMBERS: Final[Mapping[int, tuple[int, ...]]] = {
    FieldDescriptor.CPPTYPE_INT32: numbers(32, signed=True),
    FieldDescriptor.CPPTYPE_UINT32: numbers(32, signed=False),
    FieldDescriptor.CPPTYPE_INT64: numbers(64, signed=True),
    FieldDescriptor.CPPTYPE_UINT64: numbers(64, signed=False),
}


class Requests:
    """Makes them, and learns names from answers that it is shown."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._names: dict[str, deque[str]] = {kind: deque(maxlen=32) for kind in KINDS}
        self._is_sane = True
        self._request_ids: deque[str] = deque(maxlen=64)
        self._makers: dict[int, Callable[[FieldDescriptor, int], Any]] = {
            FieldDescriptor.CPPTYPE_BOOL: lambda _field, _depth: self._random.random() < 0.5,
            FieldDescriptor.CPPTYPE_DOUBLE: one_of(self._random, REALS),
            FieldDescriptor.CPPTYPE_FLOAT: one_of(self._random, REALS),
            FieldDescriptor.CPPTYPE_ENUM: self._enum,
            FieldDescriptor.CPPTYPE_STRING: self._string,
            FieldDescriptor.CPPTYPE_MESSAGE: lambda field, depth: self._message(field.message_type, depth + 1),
        } | {kind: self._number(values) for kind, values in _NUMBERS.items()}

    def make(self, descriptor: Descriptor) -> bytes:
        """The next request of that message."""
        self._is_sane = self._random.random() < SANE
        encoded = self._message(descriptor, 0).SerializeToString()
        return self._damage(encoded) if self._random.random() < DAMAGED else encoded

    def learn(self, answer: Message) -> None:
        """Keep the names in an answer, to ask for them later."""
        for name in names_in(answer):
            collection = name.partition("/")[0]
            if collection in self._names:
                self._names[collection].append(name)

    def _message(self, descriptor: Descriptor, depth: int) -> Message:
        made = GetMessageClass(descriptor)()
        fill = self._random.choice((0.0, 0.1, 0.3) if self._is_sane else (0.0, 0.3, 0.7, 0.9))
        for field in descriptor.fields:
            is_due = self._is_sane and (is_required(field) or field.name in NAMING)
            if (is_due or self._random.random() < fill) and depth < DEPTH_MAX:
                self._put(made, field, depth)
        return made

    def _put(self, made: Message, field: FieldDescriptor, depth: int) -> None:
        if field.message_type is not None and field.message_type.GetOptions().map_entry:
            for key in self._random.sample(string.ascii_lowercase, self._random.randrange(3)):
                value = self._value(field.message_type.fields_by_name["value"], depth)
                target = getattr(made, field.name)
                if isinstance(value, Message):
                    target[key].CopyFrom(value)
                else:
                    target[key] = value
        elif field.is_repeated:
            getattr(made, field.name).extend(
                self._value(field, depth) for _ in range(self._random.choice((0, 1, 1, 2, 5)))
            )
        elif field.message_type is not None:
            getattr(made, field.name).CopyFrom(self._value(field, depth))
        else:
            setattr(made, field.name, self._value(field, depth))

    def _value(self, field: FieldDescriptor, depth: int) -> Any:
        return self._makers[field.cpp_type](field, depth)

    def _number(self, edges: Sequence[int]) -> Callable[[FieldDescriptor, int], int]:
        return lambda _field, _depth: self._random.choice(SMALL if self._is_sane else edges)

    def _enum(self, field: FieldDescriptor, _depth: int) -> int:
        assert field.enum_type is not None
        known = [value.number for value in field.enum_type.values]
        return self._random.choice(known[1:] if self._is_sane and known[1:] else [*known, *known, 99, -1])

    def _string(self, field: FieldDescriptor, _depth: int) -> Any:
        if field.type == FieldDescriptor.TYPE_BYTES:
            return self._random.randbytes(self._random.choice(SIZES))
        if field.name == "request_id" and self._is_sane:
            return self._request_id()
        names = [*self._known(field.name)]
        if names and (self._is_sane or self._random.random() < 0.5):
            return self._random.choice(names)
        return self._random.choice(NODES if self._is_sane else TEXTS)

    def _known(self, field_name: str) -> Iterator[str]:
        """Names that fit a field by what it is called: those of its collection, or of all."""
        for kind, names in self._names.items():
            if kind.lower().startswith(field_name.rstrip("s").replace("_", "")) or field_name in ("name", "parent"):
                yield from names

    def _request_id(self) -> str:
        if self._request_ids and self._random.random() < 0.2:
            return self._random.choice(self._request_ids)
        made = str(uuid.UUID(int=self._random.getrandbits(128), version=4))
        self._request_ids.append(made)
        return made

    def _damage(self, encoded: bytes) -> bytes:
        if not encoded or self._random.random() < 0.5:
            return encoded[: len(encoded) // 2] + self._random.randbytes(8)
        damaged = bytearray(encoded)
        for _ in range(3):
            damaged[self._random.randrange(len(damaged))] ^= 1 << self._random.randrange(8)
        return bytes(damaged)


def one_of(drawn: random.Random, values: Sequence[float]) -> Callable[[FieldDescriptor, int], float]:
    """One of `values`, whatever the field."""
    return lambda _field, _depth: drawn.choice(values)


def is_required(field: FieldDescriptor) -> bool:
    """Whether the contract says that requests have it."""
    return field_behavior_pb2.REQUIRED in field.GetOptions().Extensions[field_behavior_pb2.field_behavior]


def names_in(message: Message) -> Iterator[str]:
    """Every text in a message and in what it holds that could be a resource's name."""
    for field, value in message.ListFields():
        values = value if field.is_repeated else (value,)
        if field.message_type is not None and not field.message_type.GetOptions().map_entry:
            for one in values:
                yield from names_in(one)
        elif field.type == FieldDescriptor.TYPE_STRING:
            yield from (one for one in values if "/" in one)
