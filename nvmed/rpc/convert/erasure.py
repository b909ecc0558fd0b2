"""Erasures as messages."""

from __future__ import annotations

from typing import Any

from google.protobuf.json_format import MessageToDict

from nvmed import limits
from nvmed.devices.controller import Device
from nvmed.erasure import reverting as reverts
from nvmed.erasure.kit import NAMED
from nvmed.erasure.methods import DEFAULT, Method, Settings
from nvmed.erasure.records import Stored
from nvmed.erasure.sanitizing import Wanted
from nvmed.keys.secret import Secret
from nvmed.preconditions.erase_gates import check_overrides
from nvmed.rpc.convert.fitted import fitted, timestamp
from nvmed.v1 import erasure_pb2 as pb
from nvmed.v1 import operations_pb2

_METHOD, _OUTCOME, _FINDING = "ERASURE_METHOD_", "ERASURE_OUTCOME_", "SAMPLE_FINDING_"
_NOT_REQUESTED = ("controller", "request_id", "validate_only", "psid")


def sanitizing(device: Device, request: pb.SanitizeDriveRequest) -> Wanted:
    """What SanitizeDrive asks for."""
    methods = tuple(Method(pb.ErasureMethod.Name(one).removeprefix(_METHOD)) for one in request.methods)
    settings = Settings(
        methods=methods or DEFAULT,
        passes=request.overwrite.passes or 1,
        pattern=request.overwrite.pattern,
        invert=request.overwrite.invert,
        no_deallocate=request.no_deallocate,
        unrestricted_exit=request.allow_unrestricted_exit,
        media_verification=request.media_verification,
    )
    return Wanted(
        device,
        settings,
        samples=0 if request.skip_samples else request.samples_max or limits.ERASURE_SAMPLES_DEFAULT,
        stall_s=request.stall_timeout_seconds,
        overrides=_overrides(request),
        requested=_requested(request),
    )


def reverting(device: Device, request: pb.RevertDriveRequest) -> reverts.Wanted:
    """What RevertDrive asks for."""
    return reverts.Wanted(
        device,
        Secret.from_text(request.psid),
        samples=0 if request.skip_samples else request.samples_max or limits.ERASURE_SAMPLES_DEFAULT,
        overrides=_overrides(request),
        requested=_requested(request),
    )


def record(stored: Stored, *, whole: bool) -> pb.ErasureRecord:
    """A record; of one that is damaged, what its file's name says."""
    content = stored.content
    drive, standards = _part(content, "drive"), _part(content, "standards")
    why, findings = _part(content, "failure"), _part(content, "samples")
    return fitted(
        pb.ErasureRecord,
        name=NAMED + stored.id,
        sequence=stored.sequence,
        outcome=_named(pb.ErasureOutcome, _OUTCOME, content.get("outcome")),
        method=_named(pb.ErasureMethod, _METHOD, content.get("method")),
        controller=_text(drive, "controller"),
        serial_number=_text(drive, "serial_number"),
        model_number=_text(drive, "model_number"),
        principal=_text(_part(content, "operation"), "principal"),
        start_time=_moment(content.get("started_ms")),
        end_time=_moment(content.get("ended_ms")),
        ieee_2883=_text(standards, "ieee_2883_2022"),
        nist_800_88=_text(standards, "nist_sp_800_88"),
        sample_finding=_named(pb.SampleFinding, _FINDING, findings.get("finding")),
        failure_reason=_text(why, "reason"),
        failure_message=_text(why, "message"),
        key_id=stored.key_id,
        damage=stored.damage,
        envelope=stored.envelope if whole else b"",
        nsids=content.get("nsids", ()),
    )


def _overrides(request: pb.SanitizeDriveRequest | pb.RevertDriveRequest) -> frozenset[str]:
    """The gates to leave out; raises INVALID_FIELD for one that no request to erase may."""
    names = (operations_pb2.Gate.Name(one).removeprefix("GATE_") for one in request.override_gates)
    return check_overrides(frozenset(names))


def _requested(request: Any) -> dict[str, Any]:
    """A request in JSON without numbers that are none of integers, and without secrets, for what is signed."""
    found: dict[str, Any] = MessageToDict(request, preserving_proto_field_name=True)
    return {name: value for name, value in found.items() if name not in _NOT_REQUESTED}


def _part(content: Any, name: str) -> dict[str, Any]:
    found = content.get(name)
    return found if isinstance(found, dict) else {}


def _text(part: dict[str, Any], name: str) -> str:
    found = part.get(name)
    return found if isinstance(found, str) else ""


def _named(enum: Any, prefix: str, value: Any) -> int:
    number = dict(enum.items()).get(f"{prefix}{value}", 0)
    return int(number)


def _moment(value: Any) -> Any:
    return timestamp(int(value)) if isinstance(value, str) and value.isascii() and value.isdecimal() else None
