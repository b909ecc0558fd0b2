"""What a record of an erasure says: plain facts, in one form for every way of erasing."""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum, unique
from typing import Any, Final

from nvmed import __version__
from nvmed.erasure.evidence import Evidence
from nvmed.erasure.methods import STANDINGS, Method
from nvmed.erasure.samples import Findings
from nvmed.operations import failure
from nvmed.operations.records import Record, now_ms

SCHEMA: Final = 1


@unique
class Outcome(Enum):
    """How an erasure ended; the names are those of the contract's `ErasureOutcome`."""

    ERASED = "ERASED"
    FAILED = "FAILED"
    CONTRADICTED = "CONTRADICTED"
    UNCONFIRMED = "UNCONFIRMED"


@dataclass(frozen=True, slots=True)
class HostFacts:
    """Who this host is."""

    host_id: str = ""
    host_nqn: str = ""


@dataclass(frozen=True, slots=True)
class Certificate:
    """All that a record is made of. `log_after` is hexadecimal, "" where the drive was not asked any more.

    `nsids` are the namespaces that were to be erased, none for all that the drive has. `security` is what a drive that
    was reverted said of itself before and after.
    """

    operation: Record
    evidence: Evidence
    requested: Mapping[str, Any]
    tried: Sequence[Mapping[str, Any]]
    method: Method | None
    outcome: Outcome
    log_after: str = ""
    findings: Findings | None = None
    media_findings: Findings | None = None
    why: Mapping[str, Any] = field(default_factory=dict)
    nsids: Sequence[int] = ()
    security: Mapping[str, Any] | None = None

    def content(self, host: HostFacts) -> dict[str, Any]:
        """The record's object, but for its number and its link."""
        standing = STANDINGS[self.method] if self.method and self.outcome is Outcome.ERASED else None
        why = failure.load(self.why) if self.why else None
        return {
            "schema": SCHEMA,
            "id": self.operation.id,
            "nvmed_version": __version__,
            "host": {"id": host.host_id, "nqn": host.host_nqn, "name": platform.node()},
            "operation": {
                "method": self.operation.kind,
                "principal": self.operation.principal,
                "request_id": self.operation.request_id,
            },
            "drive": dict(self.evidence.drive),
            "nsids": [*self.nsids],
            "requested": dict(self.requested),
            "tried": [dict(one) for one in self.tried],
            "method": self.method.value if self.method else "",
            "technique": standing.technique if standing else "",
            "standards": {
                "ieee_2883_2022": standing.ieee_2883 if standing else "",
                "nist_sp_800_88": standing.nist_800_88 if standing else "",
            },
            "started_ms": str(self.evidence.started_ms),
            "ended_ms": str(now_ms()),
            "outcome": self.outcome.value,
            **({} if self.security is None else {"security": dict(self.security)}),
            "failure": {"reason": why.reason, "message": why.message} if why else None,
            "sanitize_log_before": self.evidence.log,
            "sanitize_log_after": self.log_after,
            "samples_before": [{"nsid": one.nsid, "lba": one.lba, "digest": one.digest, "filler": one.filler}
                               for one in self.evidence.samples],
            "media_samples": self.media_findings.content() if self.media_findings else None,
            "samples": self.findings.content() if self.findings else None,
        }  # fmt: skip
