"""How many bytes the spool holds for whom: counted as they arrive, not as they are announced."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection

from nvmed.errors import NvmedError
from nvmed.reasons import Reason, error


class Room:
    """The bytes of each image and upload, by name: at most `quota_bytes`, `principal_bytes` of them one principal's.

    An image is its uploader's. Those that an older version wrote are nobody's, and count in all alone.
    """

    def __init__(self, quota_bytes: int, principal_bytes: int) -> None:
        self._quota_bytes = quota_bytes
        self._principal_bytes = principal_bytes
        self._taken: dict[str, tuple[str, int]] = {}

    def put(self, name: str, principal: str, size_bytes: int) -> None:
        """Say how much a name holds now."""
        self._taken[name] = (principal, size_bytes)

    def free(self, name: str) -> None:
        """Say that a name holds nothing any more."""
        self._taken.pop(name, None)

    def held(self, name: str) -> int:
        """What a name holds."""
        return self._taken.get(name, ("", 0))[1]

    def owner(self, name: str) -> str:
        """Whose a name is, "" for nobody's."""
        return self._taken.get(name, ("", 0))[0]

    def refusal(self, principal: str, more_bytes: int, without: Collection[str] = ()) -> NvmedError | None:
        """Why `more_bytes` of a principal do not fit, if what is `without` gave way; None if they do."""
        taken: Counter[str] = Counter()
        for name, (owner, size_bytes) in self._taken.items():
            if name not in without:
                taken[owner] += size_bytes
        used, own = taken.total(), taken[principal]
        if principal and own + more_bytes > self._principal_bytes:
            return self._full(own, self._principal_bytes, more_bytes, f"images and uploads of {principal}")
        if used + more_bytes > self._quota_bytes:
            return self._full(used, self._quota_bytes, more_bytes, "images and uploads")
        return None

    def _full(self, used: int, limit: int, more: int, whose: str) -> NvmedError:
        return error(
            Reason.SPOOL_FULL,
            f"{whose} take {used} of {limit} bytes, {more} more do not fit; delete an image or abort an upload",
            used_bytes=used,
            quota_bytes=limit,
            size_bytes=more,
        )
