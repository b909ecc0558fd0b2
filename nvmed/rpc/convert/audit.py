"""Records of the audit and the policy as the contract has them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from nvmed import limits
from nvmed.audit_chain import Record
from nvmed.cut import cut
from nvmed.rpc.convert.fitted import fitted, timestamp_of
from nvmed.security.audit import Kind
from nvmed.security.bindings import Policy
from nvmed.security.policy import METHODS, ROLES, Audit
from nvmed.v1 import admin_pb2

AUDIT_RECORDS: Final = "auditRecords/"

_EVENTS: Final[Mapping[str, Any]] = {
    kind.value: admin_pb2.AuditRecord.Event.Value(f"EVENT_{kind.name}") for kind in Kind
}
_TEXTS: Final = ("method", "principal", "peer", "request_id", "operation", "code", "reason", "message")


TEXT_BYTES_MAX: Final = 4 * limits.KIB
PARAMETERS_BYTES_MAX: Final = 16 * limits.KIB
RESOURCES_MAX: Final = 65


def audit_record(record: Record) -> admin_pb2.AuditRecord:
    """A line of the audit; what another version wrote into it and this one does not know is left out.

    That one may have written texts of any length, too: they are cut here, and stay as they are in the file.
    """
    fields = record.fields
    texts: dict[str, Any] = {name: cut(str(fields[name]), TEXT_BYTES_MAX) for name in _TEXTS if name in fields}
    return fitted(
        admin_pb2.AuditRecord,
        name=f"{AUDIT_RECORDS}{record.position.sequence}",
        sequence=record.position.sequence,
        event=_EVENTS.get(str(fields.get("event")), admin_pb2.AuditRecord.EVENT_UNSPECIFIED),
        resources=[cut(str(name), TEXT_BYTES_MAX) for name in [*fields.get("resources", ())][:RESOURCES_MAX]],
        parameters=cut(json.dumps(fields["parameters"]), PARAMETERS_BYTES_MAX) if fields.get("parameters") else "",
        previous_hash=record.previous,
        hash=record.position.digest,
        time=timestamp_of(str(fields.get("time"))),
        **texts,
    )


def policy(found: Policy) -> admin_pb2.Policy:
    """The policy in force."""
    message = admin_pb2.Policy
    return fitted(
        message,
        etag=found.etag,
        roles=[
            fitted(message.Role, name=name, shipped=name in ROLES, permissions=sorted(permissions))
            for name, permissions in sorted(found.roles.items())
        ],
        bindings=[
            fitted(message.Binding, name=one.name, principals=one.principals, roles=one.roles, resources=one.resources)
            for one in found.bindings
        ],
        blocked=found.blocked,
        methods=[
            fitted(
                message.Method,
                name=name.removeprefix("/"),
                permission=rule.permission,
                resource_field=rule.resource_field,
                audited=rule.audit is not Audit.NO,
                also=[message.Also.Value(f"ALSO_{one.name}") for one in rule.also],
            )
            for name, rule in sorted(METHODS.items())
        ],
    )
