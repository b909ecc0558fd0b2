"""The call being served, for whatever below needs to know who asked."""

from __future__ import annotations

from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field

from nvmed.operations.records import Record
from nvmed.rpc.budget import Lease
from nvmed.security.policy import denied, grant_of, may_see
from nvmed.security.principal import Principal


@dataclass(slots=True)
class Call:
    """One call: its full method name, who makes it from where, and the id that its log line has.

    `resources` is what it is about: by the name that the request has, the canonical one. `lease` is what it holds
    of the daemon's memory. `operation` is the one that it is about, as it was when the call began, None for none.
    """

    method: str
    principal: Principal
    peer: str
    request_id: str
    lease: Lease
    resources: Mapping[str, str] = field(default_factory=dict)
    operation: Record | None = None

    def require(self, permission: str) -> None:
        """Raise POLICY_DENIED unless the caller has `permission` over everything that the call is about.

        The error has the request's name: who may not know a drive is not told which one a node stands for.
        """
        if self.operation is not None:
            about = self.operation
            if not may_see(self.principal, permission, about.principal, about.subjects):
                raise denied(self.principal, permission, f"operations/{about.id}")
            return
        for asked, resource in self.resources.items():
            if grant_of(self.principal, permission, resource) is None:
                raise denied(self.principal, permission, asked)


current_call: ContextVar[Call] = ContextVar("current_call")
"""Set once a call is admitted; each call has a context of its own, as each runs in a task of its own."""
