"""Patterns of principals and resources: `*` stands for anything within a segment, `**` for anything at all.

Segments of a DNS name end with a dot, those of everything else with a slash. There is nothing else: no classes, no
alternatives, so that a pattern can be read aloud and nobody needs to know regular expressions to grant a role.
"""

from __future__ import annotations

import re
from typing import Final

from nvmed.security.glob import Glob

HOST: Final = "host"
"""The resource of calls that are about the whole host."""

COLLECTIONS: Final = (
    "controllers",
    "subsystems",
    "images",
    "uploads",
    "captures",
    "operations",
    "erasureRecords",
    "supportBundles",
)
"""What resource names begin with."""

ANYTHING: Final = "**"

_PRINCIPAL: Final = re.compile(r"(uri:[^\s]+|dns:[a-z0-9_.*-]+|unix:[a-z0-9*-]+|loopback)")
_RESOURCE: Final = re.compile(rf"host|\*\*|({'|'.join(COLLECTIONS)})/[A-Za-z0-9_.*/-]+")


def compiled(pattern: str) -> Glob:
    """What matches `pattern`."""
    return Glob(pattern, "." if pattern.startswith("dns:") else "/")


def wrong_principal(pattern: str) -> str:
    """Why `pattern` cannot be one of principals, "" if it can."""
    if _PRINCIPAL.fullmatch(pattern):
        return ""
    return f"{pattern!r} is no pattern of uri:..., dns:... (lower case), unix:... or loopback"


def wrong_resource(pattern: str) -> str:
    """Why `pattern` cannot be one of resources, "" if it can."""
    if _RESOURCE.fullmatch(pattern):
        return ""
    return f"{pattern!r} is neither host, ** nor a pattern of {', '.join(f'{name}/...' for name in COLLECTIONS)}"
