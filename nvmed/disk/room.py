"""How many bytes a store holds for whom: counted as they arrive, not as they are announced."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import dataclass

from nvmed.errors import NvmedError
from nvmed.reasons import Reason, error


@dataclass(frozen=True, slots=True)
class Words:
    """What a store that is full says: the reason, what it keeps, and what to do about it then."""

    reason: Reason
    kept: str
    remedy: Callable[[], str]


class Room:
    """The bytes of each thing in a store, by name: at most `quota_bytes`, `owner_bytes` of them one owner's.

    What is nobody's ("") counts in all alone.
    """

    def __init__(self, quota_bytes: int, owner_bytes: int, words: Words) -> None:
        self.quota_bytes = quota_bytes
        self._owner_bytes = owner_bytes
        self._words = words
        self._taken: dict[str, tuple[str, int]] = {}

    @property
    def used_bytes(self) -> int:
        """What all hold together."""
        return sum(size_bytes for _, size_bytes in self._taken.values())

    def put(self, name: str, owner: str, size_bytes: int) -> None:
        """Say how much a name holds now, and whose it is."""
        self._taken[name] = (owner, size_bytes)

    def free(self, name: str) -> None:
        """Say that a name holds nothing any more."""
        self._taken.pop(name, None)

    def held(self, name: str) -> int:
        """What a name holds."""
        return self._taken.get(name, ("", 0))[1]

    def owner(self, name: str) -> str:
        """Whose a name is, "" for nobody's."""
        return self._taken.get(name, ("", 0))[0]

    def refusal(self, owner: str, more_bytes: int, without: Collection[str] = ()) -> NvmedError | None:
        """Why `more_bytes` of an owner do not fit, if what is `without` gave way; None if they do."""
        taken: Counter[str] = Counter()
        for name, (whose, size_bytes) in self._taken.items():
            if name not in without:
                taken[whose] += size_bytes
        used, own = taken.total(), taken[owner]
        if owner and own + more_bytes > self._owner_bytes:
            return self._full(own, self._owner_bytes, more_bytes, f"{self._words.kept} of {owner}")
        if used + more_bytes > self.quota_bytes:
            return self._full(used, self.quota_bytes, more_bytes, self._words.kept)
        return None

    def _full(self, used: int, limit: int, more: int, whose: str) -> NvmedError:
        return error(
            self._words.reason,
            f"{whose} take {used} of {limit} bytes, {more} more do not fit; {self._words.remedy()}",
            used_bytes=used,
            quota_bytes=limit,
            size_bytes=more,
        )
