"""Data structures of fixed layout as frozen dataclasses: each field says once where it lies and what it is.

    @dataclass(frozen=True, slots=True)
    class FirmwareSlots(Structure):
        SIZE = 512
        afi: int = at(0, U8)
        revisions: tuple[str, ...] = at(8, array(text(8), 7))

`parse` and `build` are made of that one table. NVMe is little endian throughout. Reserved bytes are ignored when read
and zero when built, so `parse(build(x)) == x`, while `build(parse(data))` keeps what has a name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, fields
from typing import Any, ClassVar, Generic, Self, TypeVar, cast

from nvmed.errors import NvmedError
from nvmed.reasons import Reason, error

T = TypeVar("T")

V1_2, V1_4, V2_1 = 0x0001_0200, 0x0001_0400, 0x0002_0100
"""VER of NVMe 1.2, before which controllers report none, of 1.4 and of 2.1."""

ANY_VERSION = 1 << 32
"""Later than any VER."""
Buffer = bytes | bytearray | memoryview


@dataclass(frozen=True, slots=True)
class Codec(Generic[T]):
    """How `size` bytes become a value and back; `zero` is the value of a field that nobody gave."""

    size: int
    zero: T
    decode: Callable[[bytes], T]
    encode: Callable[[T], bytes]


def uint(size: int) -> Codec[int]:
    """An unsigned integer. Building raises `OverflowError` when it does not fit."""
    return Codec(size, 0, lambda raw: int.from_bytes(raw, "little"), lambda value: value.to_bytes(size, "little"))


U8, U16, U24, U32, U64, U128 = (uint(size) for size in (1, 2, 3, 4, 8, 16))


def raw(size: int) -> Codec[bytes]:
    """Bytes as they are; shorter ones are filled up with zeros when built."""
    return Codec(size, bytes(size), bytes, lambda value: _fill(value, size, b"\0"))


def shown_text(data: bytes) -> str:
    """ASCII of a drive as people read it, from its structures and from sysfs alike: so that both can be compared.

    It ends at the first NUL, as the kernel prints it (`%.*s`), and is without the blanks that fill it up (Base 2.0,
    section 1.4.2). Drives that write other bytes lose none: those are read as Latin-1.
    """
    return data.split(b"\0", 1)[0].decode("latin-1").strip(" \t\n")


def text(size: int) -> Codec[str]:
    """A `shown_text`, filled up with blanks."""
    return Codec(
        size,
        "",
        shown_text,
        lambda value: _fill(value.encode("latin-1"), size, b" "),
    )


def zero_terminated(size: int) -> Codec[str]:
    """UTF-8 up to the first NUL, as NVMe qualified names are."""
    return Codec(
        size,
        "",
        lambda data: data.split(b"\0", 1)[0].decode("utf-8", "replace"),
        lambda value: _fill(value.encode(), size, b"\0"),
    )


def array(item: Codec[T], count: int) -> Codec[tuple[T, ...]]:
    """`count` items in a row; fewer are filled up with zero when built."""
    size = item.size

    def encode(values: tuple[T, ...]) -> bytes:
        if len(values) > count:
            raise ValueError(f"{len(values)} items where {count} fit")
        return b"".join(item.encode(value) for value in values).ljust(size * count, b"\0")

    def decode(data: bytes) -> tuple[T, ...]:
        return tuple(item.decode(data[at : at + size]) for at in range(0, size * count, size))

    return Codec(size * count, (item.zero,) * count, decode, encode)


def _fill(value: bytes, size: int, filler: bytes) -> bytes:
    if len(value) > size:
        raise ValueError(f"{len(value)} bytes where {size} fit")
    return value.ljust(size, filler)


def at(offset: int, codec: Codec[T], default: T | None = None, *, since: int = 0) -> T:
    """Declare a field of a `Structure`: where it lies, what it is, and its value when it is not given (else zero).

    `since` is the version (VER) that brought it: before, its bytes are reserved.
    """
    value = codec.zero if default is None else default
    return field(default=value, metadata={"offset": offset, "codec": codec, "since": since})


class Structure:
    """Base of dataclasses whose fields are declared with `at`. `SIZE` is the structure's length in bytes."""

    __slots__ = ()
    SIZE: ClassVar[int]

    @classmethod
    def parse(cls, data: Buffer, version: int = 0) -> Self:
        """Read the structure from the beginning of `data`; longer is fine, shorter raises NVME_DATA_INVALID.

        Zeros in what `version` (VER, 0 where it is not known) has no field for are reserved bytes and leave it at its
        default. What is there although it is newer than the controller says, as ratified proposals are, is read.
        """
        if len(data) < cls.SIZE:
            raise malformed(f"{cls.__name__} has {cls.SIZE} bytes, but only {len(data)} were read")
        view = bytes(data[: cls.SIZE])
        newer = _newer(cls, version)
        return cls(
            **{
                name: codec.decode(part)
                for name, start, codec in table(cls)
                if any(part := view[start : start + codec.size]) or name not in newer
            }
        )

    def build(self, version: int = ANY_VERSION) -> bytes:
        """The structure's `SIZE` bytes, as a controller of `version` writes them.

        `ValueError` or `OverflowError` if a value does not fit its field.
        """
        out = bytearray(self.SIZE)
        newer = _newer(type(self), version)
        for name, start, codec in table(type(self)):
            if name in newer:
                continue
            out[start : start + codec.size] = codec.encode(getattr(self, name))
        return bytes(out)


def record(cls: type[S]) -> Codec[S]:
    """A structure inside another."""
    return Codec(cls.SIZE, cls(), cls.parse, lambda value: value.build())


S = TypeVar("S", bound=Structure)


_tables: dict[type[Structure], tuple[tuple[str, int, Codec[Any]], ...]] = {}


def table(cls: type[Structure]) -> tuple[tuple[str, int, Codec[Any]], ...]:
    """The layout of a structure: (name, offset, codec) of each field."""
    if cls not in _tables:
        _tables[cls] = tuple(
            (item.name, item.metadata["offset"], item.metadata["codec"]) for item in fields(cast("Any", cls))
        )
    return _tables[cls]


_later: dict[type[Structure], tuple[tuple[str, int], ...]] = {}


def _newer(cls: type[Structure], version: int) -> frozenset[str]:
    """The fields that came after `version`."""
    if cls not in _later:
        all_fields = fields(cast("Any", cls))
        _later[cls] = tuple((item.name, since) for item in all_fields if (since := item.metadata["since"]))
    return frozenset(name for name, since in _later[cls] if since > version)


def malformed(what: str) -> NvmedError:
    """The error of data that a controller cannot have meant; `what` is a sentence without its full stop."""
    return error(Reason.NVME_DATA_INVALID, f"{what}.")


def collected(items: Iterator[T]) -> tuple[tuple[T, ...], NvmedError | None]:
    """The items of a list whose count a controller wrote, as far as they are there, and why the rest is not."""
    found: list[T] = []
    try:
        for item in items:
            found.append(item)  # noqa: PERF402  # those before one that is cut are wanted
    except NvmedError as exc:
        return tuple(found), exc
    return tuple(found), None


def bit(value: int, number: int) -> bool:
    """Whether a bit of a field is set."""
    return bool(value >> number & 1)


def bits(value: int, high: int, low: int) -> int:
    """The bits `high`:`low` of a field, as the specification writes ranges."""
    return value >> low & (1 << high - low + 1) - 1
