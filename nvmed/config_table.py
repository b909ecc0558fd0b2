"""What the tables of the configuration are made of."""

from __future__ import annotations

from typing import Annotated, Final

import msgspec
from msgspec import Meta

NAME_PATTERN: Final = "^[a-z][a-z0-9-]{0,62}$"
MODE_PATTERN: Final = "^0?[0-7]{3}$"
URL_FOLDER_PATTERN: Final = "^https://[^?#@]+/$"

AbsolutePath = Annotated[str, Meta(pattern="^/")]
OptionalPath = Annotated[str, Meta(pattern="^(/|$)")]
UrlFolder = Annotated[str, Meta(pattern=URL_FOLDER_PATTERN)]
Name = Annotated[str, Meta(pattern=NAME_PATTERN)]
Mode = Annotated[str, Meta(pattern=MODE_PATTERN)]
Count = Annotated[int, Meta(ge=1, le=1_000_000)]


class Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A table of the file."""
