"""Every rule about a field of a request, in one table: `RULES`, by full message name and field name.

Messages that requests are made of have their rows too. A rule speaks of one field alone. Which fields are required and
which hold a UUID is not said here: the contract's annotations do (`nvmed.rpc.annotations`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from nvmed import limits
from nvmed.nvme.identify import CONTROLLER_LIST_MAX, LBA_FORMATS
from nvmed.nvme.opcodes import CONTROLLER_ID_MAX, IDENTIFY_BYTES, NSID_MAX
from nvmed.rpc.annotations import message
from nvmed.rpc.drive_rules import DRIVE
from nvmed.rpc.field_rules import (
    DATA_LOSS,
    MUTATION,
    NAME,
    ORDERED,
    OVERRIDES,
    PAGE,
    REQUEST_ID,
    Rule,
    annotated,
    anything,
    choice,
    data,
    items,
    nested,
    number,
    pattern,
    text,
)
from nvmed.rpc.log_rules import LOG_PAGES
from nvmed.rpc.ocp_rules import OCP
from nvmed.rpc.support_rules import SUPPORT
from nvmed.v1 import (
    common_pb2,
    event_pb2,
    firmware_pb2,
    inventory_pb2,
    key_pb2,
    log_pb2,
    namespace_pb2,
    passthru_pb2,
    telemetry_pb2,
)

_IMAGE_NAME: Final = pattern(r"images/[0-9a-f]{64}", "must be images/ and 64 hexadecimal digits")
_UPLOAD_NAME: Final = pattern(r"uploads/[0-9a-f]{32}", "must be uploads/ and 32 hexadecimal digits")
_CAPTURE_NAME: Final = pattern(r"captures/[0-9a-f]{32}", "must be captures/ and 32 hexadecimal digits")
_LABEL: Final = Rule(
    lambda label: (
        ""
        if len(label[0].encode()) <= limits.LABEL_KEY_BYTES_MAX and len(label[1].encode()) <= limits.LABEL_BYTES_MAX
        else f"has more than {limits.LABEL_KEY_BYTES_MAX} bytes before or {limits.LABEL_BYTES_MAX} behind the colon"
    )
)
_LABELS: Final = items(_LABEL, limits.IMAGE_LABELS_MAX)
_IMAGE_BYTES: Final = number(4, limits.IMAGE_BYTES_MAX, multiple_of=4)
_SLOT: Final = number(1, 7)
_REVISION: Final = text(8)
_SHA256: Final = Rule(lambda value: "" if len(value) == 32 else f"has {len(value)} bytes; SHA-256 has 32")
_IMAGE_FACTS: Final = {
    "firmware_revision": _REVISION,
    "model_number": text(40),
    "labels": _LABELS,
}
"""What is said of an image beside its bytes."""
_CHUNK_BYTES: Final = number(limits.CHUNK_BYTES_MIN, limits.CHUNK_BYTES_MAX, multiple_of=512, zero=True)
_TRANSFER_BYTES: Final = number(limits.TRANSFER_BYTES_MIN, 2**32 - 1, multiple_of=512, zero=True)
_LOG: Final = {"controller": NAME, "include_raw": anything()}
_CLEARING_LOG: Final = {**_LOG, "retain_async_event": anything(), "request_id": REQUEST_ID}
"""The fields of requests for a log that an asynchronous event tells of."""

_STARTABLE: Final = (log_pb2.SELF_TEST_SHORT, log_pb2.SELF_TEST_EXTENDED, log_pb2.SELF_TEST_ABORT)
_SELF_TEST: Final = Rule(
    lambda value: "" if value in _STARTABLE else "must be SELF_TEST_SHORT, SELF_TEST_EXTENDED or SELF_TEST_ABORT"
)
_EVENT_KIND: Final = Rule(
    lambda value: "" if value in event_pb2.EventKind.values()[1:] else f"is {value}, which is no kind of event"
)
_NSID: Final = number(1, NSID_MAX)
_WAIT: Final = number(1, limits.WAIT_MS_MAX, zero=True)
_ATTACHMENT: Final = {
    "controller": NAME,
    "nsid": _NSID,
    "controller_ids": items(number(0, CONTROLLER_ID_MAX), CONTROLLER_LIST_MAX),
    "wait_timeout_ms": _WAIT,
    **MUTATION,
}
_LBA_FORMAT: Final = {
    "lba_format": number(0, LBA_FORMATS - 1),
    "logical_block_bytes": anything(),
    "extended_metadata": anything(),
    "protection_type": number(0, 3),
}
_SERIAL: Final = number(1, 2**31 - 1)
_IN_KEYRING: Final = {"keyring": nested(), "key_type": text(limits.KEY_TYPE_BYTES_MAX)}
_NQNS: Final = {"host_nqn": NAME, "subsystem_nqn": NAME}  # how long they may be is for nvmed.keys to say
_PSK: Final = {
    "psk": nested(),
    "identity_version": number(0, 1),
    "derivation": choice(key_pb2.TlsKeyDerivation),
}

_BY_MESSAGE: Final[dict[str, Mapping[str, Rule]]] = {
    "GetServerInfoRequest": {},
    "GetPolicyRequest": {},
    "TestPermissionRequest": {
        "principals": items(text(limits.IDENTITY_BYTES_MAX), limits.IDENTITIES_MAX),
        "permission": text(),
        "method": text(),
        "resource": text(),
    },
    "ListAuditRecordsRequest": {**PAGE, "start_time": nested()},
    "ListControllersRequest": ORDERED,
    "GetControllerRequest": {"name": NAME},
    "GetControllerCapabilitiesRequest": {"name": NAME},
    "ListSubsystemsRequest": ORDERED,
    "GetSubsystemRequest": {"name": NAME},
    "ListNamespacesRequest": {"parent": text(), **ORDERED},
    "GetNamespaceRequest": {"name": NAME},
    "GetTelemetryCapabilitiesRequest": {"controller": NAME},
    "StreamTelemetryRequest": {
        "controller": NAME,
        "source": choice(telemetry_pb2.TelemetrySource),
        "data_area": choice(telemetry_pb2.TelemetryDataArea),
        "create": anything(),
        "retain_async_event": anything(),
        "max_transfer_bytes": _TRANSFER_BYTES,
        "chunk_bytes": _CHUNK_BYTES,
        "window": number(1, limits.WINDOW_MAX, zero=True),
        "resume_token": text(limits.TOKEN_BYTES_MAX),
        "offset": anything(),
        "request_id": REQUEST_ID,
        "require_change_detection": anything(),
        "digest": choice(common_pb2.StreamDigest),
    },
    "AcknowledgeTelemetryRequest": {
        "controller": NAME,
        "generation_number": Rule(lambda value: "" if value <= 0xFF else f"is {value}; generations are 0 to 255"),
        **MUTATION,
    },
    "CaptureTelemetryRequest": {
        "controller": NAME,
        "source": choice(telemetry_pb2.TelemetrySource),
        "data_area": choice(telemetry_pb2.TelemetryDataArea),
        "create": anything(),
        "acknowledge": anything(),
        "labels": _LABELS,
        "ttl_s": number(1, limits.CAPTURE_TTL_S_MAX, zero=True),
        **MUTATION,
    },
    "ReadCaptureRequest": {"name": _CAPTURE_NAME, "offset": anything(), "chunk_bytes": _CHUNK_BYTES},
    "ListCapturesRequest": {"parent": text(), **ORDERED},
    "GetCaptureRequest": {"name": _CAPTURE_NAME},
    "DeleteCaptureRequest": {"name": _CAPTURE_NAME, **MUTATION},
    "Chunk": {"offset": anything(), "crc32": anything(), "data": data(limits.CHUNK_BYTES_MAX)},
    "UploadImageRequest": {"header": nested(), "chunk": nested(), "finish": nested()},
    "UploadHeader": {
        "sha256": _SHA256,
        "size_bytes": _IMAGE_BYTES,
        **_IMAGE_FACTS,
        **MUTATION,
    },
    "UploadFinish": {},
    "FetchImageRequest": {
        "url": text(limits.URL_CHARACTERS_MAX),
        "sha256": _SHA256,
        "size_bytes": _IMAGE_BYTES,
        **_IMAGE_FACTS,
        **MUTATION,
    },
    "GetUploadRequest": {"name": _UPLOAD_NAME},
    "AbortUploadRequest": {"name": _UPLOAD_NAME, **MUTATION},
    "ListUploadsRequest": ORDERED,
    "ListImagesRequest": ORDERED,
    "GetImageRequest": {"name": _IMAGE_NAME},
    "DeleteImageRequest": {"name": _IMAGE_NAME, **MUTATION},
    "DownloadFirmwareRequest": {"header": nested(), "chunk": nested()},
    "DownloadHeader": {
        "controller": NAME,
        "size_bytes": _IMAGE_BYTES,
        "offset_bytes": number(0, 2**34 - 4, multiple_of=4),
        "transfer_bytes": number(4, 2**32 - 4, multiple_of=4, zero=True),
        "ignore_overlap": anything(),
        "override_gates": OVERRIDES,
        **MUTATION,
    },
    "PassthruCommand": {
        "opcode": number(0, 0xFF),
        **dict.fromkeys(
            ("nsid", "cdw2", "cdw3", "cdw10", "cdw11", "cdw12", "cdw13", "cdw14", "cdw15"),
            anything(),
        ),
        "timeout_ms": number(limits.PASSTHRU_TIMEOUT_MS_MIN, limits.PASSTHRU_TIMEOUT_MS_MAX, zero=True),
        "data": data(limits.PASSTHRU_DATA_BYTES_MAX),
        "read_bytes": number(0, limits.PASSTHRU_DATA_BYTES_MAX),
        "metadata": data(limits.PASSTHRU_METADATA_BYTES_MAX),
        "read_metadata_bytes": number(0, limits.PASSTHRU_METADATA_BYTES_MAX),
    },
    "ExecuteAdminRequest": {
        "controller": NAME,
        "command": nested(),
        "acknowledge_destructive": anything(),
        **MUTATION,
    },
    "ExecuteIoRequest": {
        "namespace": NAME,
        "command": nested(),
        "acknowledge_destructive": anything(),
        **MUTATION,
    },
    "TestPassthruRequest": {
        "queue": choice(passthru_pb2.PassthruQueue),
        "resource": NAME,
        "command": nested(),
    },
    "FirmwarePreconditions": {"model_number": text(40), "firmware_revision": _REVISION},
    "StageFirmwareRequest": {
        "controllers": items(text(), limits.STAGE_DRIVES_MAX),
        "image": _IMAGE_NAME,
        "slot": _SLOT,
        "firmware_revision": _REVISION,
        "preconditions": nested(),
        "override_gates": OVERRIDES,
        "max_concurrency": number(1, limits.STAGE_DRIVES_MAX, zero=True),
        **MUTATION,
    },
    "ActivateFirmwareRequest": {
        "controller": NAME,
        "slot": _SLOT,
        "activation_mode": choice(firmware_pb2.ActivationMode),
        "slot_revision": _REVISION,
        "preconditions": nested(),
        "override_gates": OVERRIDES,
        "acknowledge_disruption": anything(),
        **MUTATION,
    },
    "VerifyFirmwareRequest": {
        "controller": NAME,
        "firmware_revision": text(8),
        "slot": number(1, 7, zero=True),
        **MUTATION,
    },
    "RollbackFirmwareRequest": {
        "controller": NAME,
        "slot": _SLOT,
        "activation_mode": choice(firmware_pb2.ActivationMode),
        "preconditions": nested(),
        "override_gates": OVERRIDES,
        "acknowledge_disruption": anything(),
        **MUTATION,
    },
    "GetFirmwareSlotsRequest": {"controller": NAME},
    "ListFirmwareHistoryRequest": {"parent": NAME, **PAGE},
    "GetControllerSurroundingsRequest": {"name": NAME},
    "SetLocatorRequest": {
        **MUTATION,
        "name": NAME,
        "indicator": choice(inventory_pb2.Indicator),
        "on": anything(),
        "timeout_ms": number(1, limits.LOCATOR_MS_MAX, zero=True),
    },
    "ResetControllerRequest": {
        "name": NAME,
        "acknowledge_disruption": anything(),
        "override_gates": OVERRIDES,
        **MUTATION,
    },
    "ResetSubsystemRequest": {
        "name": NAME,
        "acknowledge_disruption": anything(),
        "override_gates": OVERRIDES,
        **MUTATION,
    },
    "KeyringRef": {"name": text(limits.KEY_DESCRIPTION_BYTES_MAX), "serial": _SERIAL},
    "ConfiguredPsk": {
        "key": data(limits.KEY_PAYLOAD_BYTES_MAX),
        "text": text(limits.KEY_TEXT_BYTES_MAX),
        "hash": choice(key_pb2.HmacAlgorithm),
    },
    "LookupKeyringRequest": {"name": text(limits.KEY_DESCRIPTION_BYTES_MAX)},
    "DescribeKeyRequest": {"serial": _SERIAL},
    "LookupKeyRequest": {**_IN_KEYRING, "description": text(limits.KEY_DESCRIPTION_BYTES_MAX)},
    "LinkKeyringRequest": {"keyring": nested(), **MUTATION},
    "ReadKeyRequest": {"keyring": nested(), "serial": _SERIAL},
    "UpdateKeyRequest": {
        **_IN_KEYRING,
        "description": text(limits.KEY_DESCRIPTION_BYTES_MAX),
        "payload": data(limits.KEY_PAYLOAD_BYTES_MAX),
        "ttl_s": anything(),
        **MUTATION,
    },
    "ScanTlsKeysRequest": _IN_KEYRING,
    "InsertTlsKeyRequest": {**_IN_KEYRING, **_NQNS, **_PSK, "ttl_s": anything(), **MUTATION},
    "GenerateTlsKeyIdentityRequest": {**_NQNS, **_PSK},
    "RevokeTlsKeyRequest": {
        **_IN_KEYRING,
        "identity": text(limits.KEY_DESCRIPTION_BYTES_MAX),
        **MUTATION,
    },
    "ExportTlsKeyRequest": {"psk": nested(), "stored": nested()},
    "ExportTlsKeyRequest.StoredTlsKey": {
        **_IN_KEYRING,
        "identity": text(limits.KEY_DESCRIPTION_BYTES_MAX),
    },
    "ImportTlsKeyRequest": {
        **_IN_KEYRING,
        "key": nested(),
        "key_file": data(limits.KEY_FILE_BYTES_MAX),
        "ttl_s": anything(),
        **MUTATION,
    },
    "ImportTlsKeyRequest.DerivedTlsKey": {
        "identity": text(limits.KEY_DESCRIPTION_BYTES_MAX),
        "text": text(limits.KEY_TEXT_BYTES_MAX),
    },
    "GenerateTlsKeyRequest": {"hash": choice(key_pb2.HmacAlgorithm), "size_bytes": anything()},
    "GenerateDhchapKeyRequest": {
        "hmac": choice(key_pb2.HmacAlgorithm),
        "nqn": text(),
        "secret": data(limits.KEY_PAYLOAD_BYTES_MAX),
        "size_bytes": anything(),
    },
    "CheckTlsKeyRequest": {**_IN_KEYRING, **_NQNS, "psk": nested()},
    "ConnectionOptions": {
        "header_digest": anything(),
        "data_digest": anything(),
        "write_queues": anything(),
        "poll_queues": anything(),
        "type_of_service": number(0, 255),
    },
    "RotateTlsKeyRequest": {
        "keyring": nested(),
        **_NQNS,
        **_PSK,
        "ttl_s": anything(),
        "connection_options": nested(),
        "acknowledge_disruption": anything(),
        **MUTATION,
    },
    "RotateDhchapKeyRequest": {
        **_NQNS,
        "host_secret": text(limits.KEY_TEXT_BYTES_MAX),
        "controller_secret": text(limits.KEY_TEXT_BYTES_MAX),
        "acknowledge_disruption": anything(),
        **MUTATION,
    },
    "GetAnaLogSizeRequest": {
        "controller": text(),
        "identify_controller": Rule(
            lambda value: (
                "" if len(value) == IDENTIFY_BYTES else f"has {len(value)} bytes; Identify has {IDENTIFY_BYTES}"
            )
        ),
        "groups_only": anything(),
    },
    "GetAnaLogRequest": {**_CLEARING_LOG, "groups_only": anything()},
    "GetLbaStatusLogRequest": _CLEARING_LOG,
    "GetSmartLogRequest": {**_CLEARING_LOG, "nsid": anything()},  # which are there is for the drive to say
    "ListErrorLogEntriesRequest": {**_CLEARING_LOG, "entries_max": number(0, 256), **ORDERED},
    "GetEffectsLogRequest": {**_LOG, "command_set": number(0, 0xFF)},
    "GetSelfTestLogRequest": _LOG,
    "StartSelfTestRequest": {
        "controller": NAME,
        "test": _SELF_TEST,
        "nsid": anything(),
        **MUTATION,
    },
    "GetSanitizeStatusRequest": _CLEARING_LOG,
    "GetPersistentEventLogRequest": {
        "controller": NAME,
        "events_max": number(0, limits.EVENTS_MAX),
        "take_over_context": anything(),
        "request_id": REQUEST_ID,
    },
    "GetSupportedLogPagesRequest": _LOG,
    "ReadLogPageRequest": {
        "controller": NAME,
        "log_page": number(0, 0xFF),
        "length_bytes": number(4, limits.LOG_PAGE_BYTES_MAX, multiple_of=4),
        "offset_bytes": number(0, 2**64 - 4, multiple_of=4),
        "log_specific_parameter": number(0, 0x7F),
        "log_specific_identifier": number(0, 0xFFFF),
        "uuid_index": number(0, 0x7F),
        "command_set": number(0, 0xFF),
        "nsid": anything(),
        "retain_async_event": anything(),
        "chunk_bytes": _CHUNK_BYTES,
        "window": number(1, limits.WINDOW_MAX, zero=True),
        "max_transfer_bytes": _TRANSFER_BYTES,
        "request_id": REQUEST_ID,
        "digest": choice(common_pb2.StreamDigest),
    },
    "ListAllocatedNamespacesRequest": {
        "controller": NAME,
        "attached_only": anything(),
        **PAGE,
    },
    "GetNamespaceIdentityRequest": {**_LOG, "nsid": anything()},  # 0 and broadcast are refused where it is looked up
    "GetLogicalBlockSizeRequest": {"controller": NAME, "nsid": anything()},
    "AttachControllersRequest": _ATTACHMENT,
    "DetachControllersRequest": _ATTACHMENT,
    "CreateNamespaceRequest": {
        "controller": NAME,
        "size_blocks": anything(),
        "size_bytes": anything(),
        "capacity_blocks": anything(),
        **_LBA_FORMAT,
        "shared": anything(),
        "ana_group_id": anything(),
        "nvm_set_id": number(0, 0xFFFF),
        "endurance_group_id": number(0, 0xFFFF),
        **MUTATION,
    },
    "DeleteNamespaceRequest": {
        "controller": NAME,
        "nsid": _NSID,
        "acknowledge_data_loss": DATA_LOSS,
        "wait_timeout_ms": _WAIT,
        **MUTATION,
    },
    "FormatNamespaceRequest": {
        "controller": NAME,
        "nsid": _NSID,
        "all_namespaces": anything(),
        **_LBA_FORMAT,
        "secure_erase": choice(namespace_pb2.SecureErase),
        "protection_first": anything(),
        "acknowledge_data_loss": DATA_LOSS,
        "timeout_ms": number(1_000, limits.FORMAT_MS_MAX, zero=True),
        **MUTATION,
    },
    "WatchEventsRequest": {
        "resume_token": text(limits.TOKEN_BYTES_MAX),
        "include_snapshot": anything(),
        "kinds": items(_EVENT_KIND, len(event_pb2.EventKind.values())),
        "controller": text(),
        "heartbeat_interval_ms": number(limits.HEARTBEAT_MS_MIN, limits.HEARTBEAT_MS_MAX, zero=True),
    },
    "ListEventsRequest": PAGE,
    "RescanControllerRequest": {"controller": NAME, "wait_timeout_ms": _WAIT, **MUTATION},
    **DRIVE,
    **OCP,
    **SUPPORT,
    **LOG_PAGES,
}

_OPERATION: Final = replace(NAME, required=True)
_LONGRUNNING: Final[dict[str, Mapping[str, Rule]]] = {
    "ListOperationsRequest": {"name": text(), "return_partial_success": anything(), **PAGE},
    "GetOperationRequest": {"name": _OPERATION},
    "WaitOperationRequest": {"name": _OPERATION, "timeout": nested()},
    "CancelOperationRequest": {"name": _OPERATION},
    "DeleteOperationRequest": {"name": _OPERATION},
}

RULES: Final = {
    **{
        f"nvmed.v1.{name}": {
            field: annotated(rule, message(name).fields_by_name[field]) for field, rule in rules.items()
        }
        for name, rules in _BY_MESSAGE.items()
    },
    **{f"google.longrunning.{name}": rules for name, rules in _LONGRUNNING.items()},
    "google.protobuf.Timestamp": {
        "seconds": number(-62_135_596_800, 253_402_300_799),  # the years 1 to 9999
        "nanos": number(0, 999_999_999),
    },
    "google.protobuf.Duration": {"seconds": number(0, 10_000 * 366 * 86_400), "nanos": number(0, 999_999_999)},
}
