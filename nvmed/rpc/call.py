"""The call being served, for whatever below needs to know who asked."""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass

from nvmed.security.principal import Principal


@dataclass(slots=True)
class Call:
    """One call: its full method name, who makes it from where, and the id that its log line has."""

    method: str
    principal: Principal
    peer: str
    request_id: str
    resource: str = ""


current_call: ContextVar[Call] = ContextVar("current_call")
"""Set once a call is admitted; each call has a context of its own, as each runs in a task of its own."""
