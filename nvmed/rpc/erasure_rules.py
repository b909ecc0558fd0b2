"""The rules about fields of DriveService's requests to erase: part of `nvmed.rpc.drive_rules`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from nvmed import limits
from nvmed.rpc.field_rules import (
    DATA_LOSS,
    MUTATION,
    NAME,
    ORDERED,
    OVERRIDES,
    Rule,
    anything,
    items,
    nested,
    number,
    pattern,
)
from nvmed.v1 import erasure_pb2

_SANITIZING: Final = Rule(
    lambda value: (
        ""
        if value in erasure_pb2.ErasureMethod.values()[1:] and value != erasure_pb2.ERASURE_METHOD_REVERT
        else "must be a way of sanitizing or formatting; a revert has a method of its own"
    )
)

ERASURE: Final[Mapping[str, Mapping[str, Rule]]] = {
    "GetErasureKeyRequest": {},
    "GetSecurityStateRequest": {"controller": NAME, "include_raw": anything()},
    "ListErasureRecordsRequest": ORDERED,
    "GetErasureRecordRequest": {
        "name": pattern(r"erasureRecords/[0-9a-f]{32}", "must be erasureRecords/ and 32 hexadecimal digits")
    },
    "OverwriteSettings": {
        "passes": number(1, 16, zero=True),
        "pattern": anything(),
        "invert": anything(),
    },
    "SanitizeDriveRequest": {
        "controller": NAME,
        "methods": items(_SANITIZING, len(erasure_pb2.ErasureMethod.values())),
        "overwrite": nested(),
        "no_deallocate": anything(),
        "allow_unrestricted_exit": anything(),
        "media_verification": anything(),
        "samples_max": number(1, limits.ERASURE_SAMPLES_MAX, zero=True),
        "skip_samples": anything(),
        "stall_timeout_seconds": number(60, limits.STALL_S_MAX, zero=True),
        "override_gates": OVERRIDES,
        "acknowledge_data_loss": DATA_LOSS,
        **MUTATION,
    },
    "RevertDriveRequest": {
        "controller": NAME,
        "psid": pattern("[!-~]{1,32}", "must be the PSID as the label has it: 1 to 32 printable ASCII characters"),
        "samples_max": number(1, limits.ERASURE_SAMPLES_MAX, zero=True),
        "skip_samples": anything(),
        "override_gates": OVERRIDES,
        "acknowledge_data_loss": DATA_LOSS,
        **MUTATION,
    },
    "ExitSanitizeFailureModeRequest": {"controller": NAME, **MUTATION},
}
