"""The rules about fields of requests for logs of endurance, capacity, power, effects and partitions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from nvmed.nvme.partitions import BOOT_PARTITIONS
from nvmed.rpc.field_rules import NAME, REQUEST_ID, Rule, anything, choice, number
from nvmed.v1 import log_pages_pb2

_LOG: Final[Mapping[str, Rule]] = {"controller": NAME, "include_raw": anything()}
_CLEARING: Final[Mapping[str, Rule]] = {**_LOG, "retain_async_event": anything(), "request_id": REQUEST_ID}
_IDENTIFIER: Final = number(1, 0xFFFF)
_DOMAIN: Final = number(0, 0xFFFF)

LOG_PAGES: Final[Mapping[str, Mapping[str, Rule]]] = {
    "GetEnduranceGroupLogRequest": {**_LOG, "endurance_group_id": _IDENTIFIER},
    "GetEventAggregateLogRequest": {**_CLEARING, "subject": choice(log_pages_pb2.EventAggregateLog.Subject)},
    "GetPredictableLatencyLogRequest": {**_LOG, "nvm_set_id": _IDENTIFIER},
    "GetMediaUnitStatusLogRequest": {**_LOG, "domain_id": _DOMAIN},
    "GetCapacityConfigurationsRequest": {**_LOG, "domain_id": _DOMAIN},
    "GetRotationalMediaLogRequest": {**_LOG, "endurance_group_id": _IDENTIFIER},
    "GetFeatureEffectsLogRequest": _LOG,
    "GetManagementEffectsLogRequest": _LOG,
    "GetChangedNamespacesRequest": {**_CLEARING, "allocated": anything()},
    "GetBootPartitionRequest": {"controller": NAME, "partition_id": number(0, BOOT_PARTITIONS - 1)},
    "GetPowerMeasurementLogRequest": _LOG,
    "GetSanitizedNamespacesRequest": {**_LOG, "in_progress": anything()},
}
