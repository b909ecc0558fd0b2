"""nvmed.v1.AdminService."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import msgspec

import nvmed
from nvmed import limits
from nvmed.audit_chain import decode, newest_first
from nvmed.devices.lane import Lane
from nvmed.reasons import Reason, error, invalid_field
from nvmed.rpc.admission import AdmissionControl
from nvmed.rpc.call import current_call
from nvmed.rpc.convert import audit as convert
from nvmed.rpc.listing import decode_token, encode_token, parse_filter
from nvmed.security.patterns import HOST
from nvmed.security.policy import METHODS, PERMISSIONS, SEE_POLICY, grant_of
from nvmed.v1 import admin_pb2, admin_pb2_grpc

FEATURES: Final = (
    "inventory",
    "telemetry",
    "telemetry.resume",
    "telemetry.acknowledge",
    "operations",
    "firmware",
    "firmware.upload",
    "firmware.download",
    "inventory.reset",
    "keys",
    "logs",
    "passthru",
    "namespaces",
    "events",
    "policy",
    "audit",
    "support",
)
"""What clients may rely on: append-only."""


@dataclass(frozen=True, slots=True)
class HostIdentity:
    """What a fleet knows a host by: a UUID that stays with the installation, and its NQN or ""."""

    host_id: str
    host_nqn: str


PAGE_BYTES_MAX: Final = limits.MIB
"""Of a page, but for the record that goes beyond it."""

SCANNED_MAX: Final = 20_000
"""Records that are looked at for one page: where few pass the filter, the page has fewer."""


class AdminService(admin_pb2_grpc.AdminServiceServicer):
    """Tells about the daemon, who may do what with it, and what was done."""

    def __init__(
        self, control: AdmissionControl, audit_reader: Lane, identity: HostIdentity, *, simulated: bool
    ) -> None:
        self._control = control
        self._reader = audit_reader
        self._identity = identity
        self._simulated = simulated

    async def GetServerInfo(self, request: admin_pb2.GetServerInfoRequest, context: Any) -> admin_pb2.ServerInfo:
        system = os.uname()
        return admin_pb2.ServerInfo(
            version=nvmed.__version__,
            api_versions=["nvmed.v1"],
            kernel_release=system.release,
            host_name=system.nodename,
            simulated=self._simulated,
            features=FEATURES,
            limits={**limits.PUBLISHED, **msgspec.structs.asdict(self._control.throttle.limits)},
            principal=current_call.get().principal.name,
            host_id=self._identity.host_id,
            host_nqn=self._identity.host_nqn,
        )

    async def GetPolicy(self, request: admin_pb2.GetPolicyRequest, context: Any) -> admin_pb2.Policy:
        return convert.policy(self._control.policy)

    async def TestPermission(
        self, request: admin_pb2.TestPermissionRequest, context: Any
    ) -> admin_pb2.TestPermissionResponse:
        call = current_call.get()
        permission = _permission(request)
        principal = call.principal
        if request.principals:
            call.require(SEE_POLICY)
            principal = self._control.policy.principal(tuple(request.principals))
        resource = request.resource or HOST
        operation = await self._control.resources.operation_of_name(request.resource)
        subjects = operation.subjects if operation else (await self._control.resources.canonical(request.resource),)
        if operation and operation.principal == principal.name:
            grant = next((one for one in principal.grants if permission in one.permissions), None)
        else:
            grants = [grant_of(principal, permission, subject) for subject in subjects]
            grant = None if None in grants else grants[0]
        if grant is None:
            why = f"no binding gives {principal.name} {permission} on {resource}"
        else:
            why = f"{grant.binding} gives {principal.name} the role {grant.role}, which has {permission}"
        return admin_pb2.TestPermissionResponse(
            allowed=grant is not None,
            principal=principal.name,
            permission=permission,
            resource=resource,
            binding=grant.binding if grant else "",
            role=grant.role if grant else "",
            explanation=why,
        )

    async def ListAuditRecords(
        self, request: admin_pb2.ListAuditRecordsRequest, context: Any
    ) -> admin_pb2.ListAuditRecordsResponse:
        tests = parse_filter(request.filter, admin_pb2.AuditRecord)
        after = decode_token(request.page_token, request.filter)
        if after and not (after.isdecimal() and len(after) <= 16):
            raise invalid_field("page_token", "is damaged; start again without it")
        await self._control.audit.flush()
        try:
            return await self._reader.run(partial(self._read, request, tests, int(after or 0)))
        except OSError as exc:
            raise error(Reason.AUDIT_UNAVAILABLE, f"the audit cannot be read: {exc.strerror}") from exc

    def _read(
        self, request: admin_pb2.ListAuditRecordsRequest, tests: list[Callable[[Any], bool]], before: int
    ) -> admin_pb2.ListAuditRecordsResponse:
        """The page of records that are older than number `before`, 0 for all."""
        size = min(request.page_size or limits.PAGE_SIZE_DEFAULT, limits.PAGE_SIZE_MAX)
        start_ns = request.start_time.ToNanoseconds() if request.HasField("start_time") else 0
        answer = admin_pb2.ListAuditRecordsResponse()
        scanned = size_bytes = 0
        last = before
        for path, line in newest_first(self._control.audit.directory, before):
            try:
                record = decode(line)
                shown = convert.audit_record(record)
            except (ValueError, TypeError) as exc:
                raise error(
                    Reason.AUDIT_DAMAGED, f"a record of {path} {exc}, or is none that was written", path=path
                ) from None
            if before and record.position.sequence >= before:
                continue
            if shown.time.ToNanoseconds() < start_ns:
                return answer
            if len(answer.audit_records) == size or scanned == SCANNED_MAX or size_bytes > PAGE_BYTES_MAX:
                answer.next_page_token = encode_token(str(last), request.filter)
                return answer
            scanned += 1
            last = record.position.sequence
            if all(test(shown) for test in tests):
                answer.audit_records.append(shown)
                size_bytes += shown.ByteSize()
        return answer


def _permission(request: admin_pb2.TestPermissionRequest) -> str:
    """The permission that is asked about; raises INVALID_FIELD."""
    if bool(request.permission) == bool(request.method):
        raise invalid_field("permission", "give either it or method")
    if request.method:
        rule = METHODS.get("/" + request.method.removeprefix("/"))
        if rule is None:
            raise invalid_field("method", f"there is no {request.method!r}; GetPolicy shows those there are")
        return rule.permission
    if request.permission not in PERMISSIONS:
        raise invalid_field("permission", f"there is no {request.permission!r}; GetPolicy shows those there are")
    return request.permission
