"""Writes operations to the audit, with the calls that began them."""

from __future__ import annotations

from nvmed.operations.records import Record
from nvmed.rpc.call import current_call
from nvmed.rpc.convert.operations import OPERATIONS
from nvmed.security.audit import Audit, Event, Kind


class OperationAudit:
    """A `manager.OperationListener`: no operation runs that is not in the audit."""

    def __init__(self, audit: Audit) -> None:
        self._audit = audit

    async def began(self, record: Record) -> None:
        """Raises AUDIT_UNAVAILABLE."""
        await self._audit.write(_event(Kind.OPERATION_BEGAN, record))

    async def ended(self, record: Record) -> None:
        await self._audit.settle(_event(Kind.OPERATION_ENDED, record))


def _event(kind: Kind, record: Record) -> Event:
    call = current_call.get(None)  # none for what is settled after a restart
    failure = record.failure or {}
    return Event(
        kind,
        method=f"/{record.kind}",
        principal=record.principal,
        peer=call.peer if call else "",
        request_id=call.request_id if call else "",
        resources=record.subjects,
        operation=OPERATIONS + record.id,
        code="" if record.state.is_open else record.state.value,
        reason=str(failure.get("reason", "")),
        message=str(failure.get("message", "")),
        parameters=record.parameters if kind is Kind.OPERATION_BEGAN else {},
    )
