"""The rules about fields of DriveService's requests: part of `nvmed.rpc.rules`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from nvmed import limits
from nvmed.nvme.opcodes import NSID_MAX
from nvmed.rpc.erasure_rules import ERASURE
from nvmed.rpc.field_rules import (
    MUTATION,
    NAME,
    ORDERED,
    OVERRIDES,
    Rule,
    anything,
    choice,
    data,
    items,
    nested,
    number,
    pattern,
    text,
)
from nvmed.v1 import firmware_pb2, log_pb2

_FEATURE_FIELDS: Final = items(anything(), limits.FEATURE_FIELDS_MAX)

_RUNNABLE: Final = (log_pb2.SELF_TEST_SHORT, log_pb2.SELF_TEST_EXTENDED, log_pb2.SELF_TEST_HOST_INITIATED_REFRESH)
_SELF_TEST: Final = Rule(
    lambda value: (
        ""
        if value in _RUNNABLE
        else "must be SELF_TEST_SHORT, SELF_TEST_EXTENDED or SELF_TEST_HOST_INITIATED_REFRESH; CancelOperation aborts"
    )
)

DRIVE: Final[Mapping[str, Mapping[str, Rule]]] = {
    **ERASURE,
    "FeatureFieldValue": {"name": text(64), "value": anything(), "text": text(0)},
    "ListFeaturesRequest": {"controller": NAME, "nsid": number(1, NSID_MAX), **ORDERED},
    "GetFeatureRequest": {
        "controller": NAME,
        "feature": text(64),
        "nsid": number(1, NSID_MAX),
        "selectors": _FEATURE_FIELDS,
        "data_bytes": number(0, limits.FEATURE_DATA_BYTES_MAX, multiple_of=4),
    },
    "DesiredState": {"firmware": nested(), "namespaces": nested(), "features": items(anything(), limits.DESIRED_MAX)},
    "DesiredState.Firmware": {
        "revision": text(8),
        "image": pattern(r"images/[0-9a-f]{64}|", "must be images/ and 64 hexadecimal digits, or empty"),
        "activation_mode": choice(firmware_pb2.ActivationMode),
    },
    "DesiredState.Namespaces": {
        "logical_block_bytes": anything(),  # which there are is for the drive to say
        "capacity_percent": number(1, 100, zero=True),
    },
    "DesiredState.Feature": {
        "feature": text(64),
        "nsid": number(1, NSID_MAX),
        "selectors": _FEATURE_FIELDS,
        "fields": _FEATURE_FIELDS,
        "save": anything(),
    },
    "PlanDriveRequest": {"controller": NAME, "desired": nested()},
    "ApplyDriveRequest": {
        "controller": NAME,
        "desired": nested(),
        "acknowledge_data_loss": anything(),
        "acknowledge_disruption": anything(),
        "acknowledge_risk": anything(),
        "override_gates": OVERRIDES,
        **MUTATION,
    },
    "RunSelfTestRequest": {
        "controller": NAME,
        "test": _SELF_TEST,
        "nsid": anything(),
        "timeout_ms": number(1_000, limits.SELF_TEST_MS_MAX, zero=True),
        **MUTATION,
    },
    "SetFeatureRequest": {
        "controller": NAME,
        "feature": text(64),
        "nsid": number(1, NSID_MAX),
        "selectors": _FEATURE_FIELDS,
        "fields": _FEATURE_FIELDS,
        "raw_value": anything(),
        "raw_data": data(limits.FEATURE_DATA_BYTES_MAX),
        "save": anything(),
        "expected": _FEATURE_FIELDS,
        "expected_raw": anything(),
        "acknowledge_risk": anything(),
        "override_gates": OVERRIDES,
        **MUTATION,
    },
}
