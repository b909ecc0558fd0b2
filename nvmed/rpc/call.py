"""The call being served, for whatever below needs to know who asked."""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass

from nvmed.security.policy import authorise
from nvmed.security.principal import Principal


@dataclass(slots=True)
class Call:
    """One call: its full method name, who makes it from where, and the id that its log line has.

    `resources` is what it is about, by canonical names, whatever names the request used.
    """

    method: str
    principal: Principal
    peer: str
    request_id: str
    resources: tuple[str, ...] = ()

    def require(self, permission: str) -> None:
        """Raise POLICY_DENIED unless the caller has `permission` over everything that the call is about."""
        for resource in self.resources:
            authorise(self.principal, permission, resource)


current_call: ContextVar[Call] = ContextVar("current_call")
"""Set once a call is admitted; each call has a context of its own, as each runs in a task of its own."""
