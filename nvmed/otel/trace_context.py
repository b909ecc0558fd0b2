"""Which trace something belongs to, as callers send it: W3C Trace Context, `traceparent` and `tracestate`."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

TRACESTATE_CHARACTERS_MAX: Final = 512
TRACESTATE_MEMBERS_MAX: Final = 32

_PARENT: Final = re.compile(
    r"(?P<version>[0-9a-f]{2})-(?P<trace>[0-9a-f]{32})-(?P<span>[0-9a-f]{16})-(?P<flags>[0-9a-f]{2})(?P<more>-.*)?"
)
_MEMBER: Final = re.compile(
    r"[a-z0-9][a-z0-9_*/@-]{0,255}=[\x20-\x2b\x2d-\x3c\x3e-\x7e]{0,255}[\x21-\x2b\x2d-\x3c\x3e-\x7e]"
)


@dataclass(frozen=True, slots=True)
class TraceContext:
    """A span by its trace and itself. `state` is what others keep in `tracestate`, passed on as it is."""

    trace_id: bytes
    span_id: bytes
    is_sampled: bool
    state: str = ""

    @property
    def text(self) -> str:
        """`traceparent`, and `tracestate` behind a blank if there is one."""
        parent = f"00-{self.trace_id.hex()}-{self.span_id.hex()}-{'01' if self.is_sampled else '00'}"
        return f"{parent} {self.state}" if self.state else parent


def parse(traceparent: str, tracestate: str = "") -> TraceContext | None:
    """What a caller sent; None for what is no context (W3C Trace Context, 3.2): then the trace begins here.

    A later version may say more behind what is known, and is read so far. A `tracestate` that is wrong is left out.
    """
    found = _PARENT.fullmatch(traceparent)
    if found is None or found["version"] == "ff" or (found["version"] == "00" and found["more"]):
        return None
    trace_id, span_id = bytes.fromhex(found["trace"]), bytes.fromhex(found["span"])
    if not any(trace_id) or not any(span_id):
        return None
    return TraceContext(trace_id, span_id, bool(int(found["flags"], 16) & 1), _state(tracestate))


def parse_text(text: str) -> TraceContext | None:
    """The inverse of `TraceContext.text`."""
    return parse(*text.split(" ", 1)) if text else None


def of_metadata(metadata: Iterable[tuple[str, str | bytes]] | None) -> TraceContext | None:
    """What the metadata of a call say; None if nothing, or `traceparent` more than once."""
    parents, states = [], []
    for name, value in metadata or ():
        if name == "traceparent":
            parents.append(value)
        elif name == "tracestate":
            states.append(value)
    if len(parents) != 1 or not isinstance(parents[0], str):
        return None
    return parse(parents[0], ",".join(state for state in states if isinstance(state, str)))


def _state(text: str) -> str:
    members = [member.strip(" \t") for member in text.split(",") if member.strip(" \t")]
    joined = ",".join(members)
    if len(joined) > TRACESTATE_CHARACTERS_MAX or len(members) > TRACESTATE_MEMBERS_MAX:
        return ""
    return joined if all(_MEMBER.fullmatch(member) for member in members) else ""
