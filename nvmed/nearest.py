"""What somebody meant who wrote a name that there is not."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def nearest(word: str, known: Iterable[str]) -> str:
    """`; did you mean "name"?` for the known name that is most like `word`, "" where none is like it."""
    likes = {one.replace("_", "-"): one for one in known}
    found = difflib.get_close_matches(word[:64].lower().replace("_", "-"), likes, 1)
    return f'; did you mean "{likes[found[0]]}"?' if found else ""
