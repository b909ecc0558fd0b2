"""What an answer lacks although the rest of it could be read: an optional question that a drive refused."""

from __future__ import annotations

from collections.abc import Awaitable
from dataclasses import dataclass
from typing import TypeVar

from nvmed.errors import NvmedError

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Omission:
    """`field` of the answer is not set, "" where something else was left undone; `reason` and `message` say why."""

    field: str
    reason: str
    message: str

    @classmethod
    def of(cls, field: str, why: NvmedError) -> Omission:
        return cls(field, why.reason, why.message)


async def unless_refused(field: str, question: Awaitable[T], otherwise: T, omissions: list[Omission]) -> T:
    """What `question` brings; `otherwise`, and a note in `omissions`, where it fails."""
    try:
        return await question
    except NvmedError as exc:
        omissions.append(Omission.of(field, exc))
        return otherwise
