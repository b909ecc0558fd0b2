"""Bytes that must not be seen: the one type in which nvmed holds key material and the texts that carry it."""

from __future__ import annotations

import hmac
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, Never, SupportsIndex, final


@final
class Secret:
    """Bytes that show themselves only to who asks by name: `reveal` or `borrow`.

    `repr` and `str` give the length alone. Formatting, pickling, copying, comparing with `==` and hashing raise
    TypeError: each is a way for a secret to get into a log, a file or a cache, or to leak through timing.

    The bytes lie in a buffer of its own that is overwritten by `wipe`, at the end of a `with` block, and when the last
    reference is dropped. That is as far as Python goes: what `reveal` returns, and what libraries make of the bytes,
    stays in memory until it is reused. Using a wiped secret raises ValueError.
    """

    __slots__ = ("__buffer", "__wiped")

    def __init__(self, data: bytes | bytearray | memoryview) -> None:
        self.__wiped: bool = False
        self.__buffer: Final = bytearray(data)

    @classmethod
    def from_text(cls, text: str) -> Secret:
        """The UTF-8 bytes of `text`, for texts that come from a message or a file."""
        return cls(text.encode())

    @classmethod
    def random(cls, size_bytes: int) -> Secret:
        """`size_bytes` fresh bytes from the kernel's random source."""
        return cls(os.urandom(size_bytes))

    def reveal(self) -> bytes:
        """A copy that nothing wipes: for texts that leave nvmed, not for computing."""
        return bytes(self._open())

    def reveal_text(self) -> str:
        """The same as ASCII text; raises ValueError, without the text, if it is not ASCII."""
        data = self._open()
        if not data.isascii():
            raise ValueError("this secret is not ASCII text")
        return data.decode("ascii")

    @contextmanager
    def borrow(self) -> Iterator[memoryview]:
        """The bytes themselves, read-only, for the length of a `with` block and without a copy."""
        with memoryview(self._open()).toreadonly() as view:
            yield view

    def matches(self, other: Secret | bytes | bytearray | memoryview) -> bool:
        """Whether both are the same bytes, in a time that depends on the lengths alone."""
        theirs = other._open() if isinstance(other, Secret) else other
        return hmac.compare_digest(self._open(), theirs)

    def wipe(self) -> None:
        """Overwrite the bytes; idempotent. Later use raises ValueError."""
        self.__wiped = True
        wipe(self.__buffer)

    def _open(self) -> bytearray:
        if self.__wiped:
            raise ValueError("this secret was wiped")
        return self.__buffer

    def __len__(self) -> int:
        return len(self.__buffer)

    def __bool__(self) -> bool:
        return bool(self.__buffer)

    def __enter__(self) -> Secret:
        return self

    def __exit__(self, *_: object) -> None:
        self.wipe()

    def __del__(self) -> None:
        try:
            wipe(self.__buffer)
        except AttributeError:  # __init__ failed before there was a buffer
            return

    def __repr__(self) -> str:
        return f"<Secret {len(self)} bytes{', wiped' if self.__wiped else ''}>"

    def __format__(self, spec: str, /) -> Never:
        raise TypeError("a secret is not formatted; reveal() it where it may be seen")

    def __eq__(self, other: object) -> Never:
        raise TypeError("secrets are compared with matches(), in constant time")

    def __hash__(self) -> Never:
        raise TypeError("secrets are not hashed: a set or a cache would keep them")

    def __reduce_ex__(self, protocol: SupportsIndex, /) -> Never:
        raise TypeError("secrets are neither pickled nor copied")


def wipe(buffer: bytearray | memoryview) -> None:
    """Overwrite a buffer in place; its length stays, so views of it stay valid and see zeros."""
    buffer[:] = bytes(len(buffer))
