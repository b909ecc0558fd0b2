"""Every rule about a field of a request, in one table: `RULES`, by full message name and field name.

Messages that requests are made of have their rows too. A rule speaks of one field alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from nvmed import limits
from nvmed.nvme.identify import CONTROLLER_LIST_MAX, LBA_FORMATS
from nvmed.nvme.opcodes import CONTROLLER_ID_MAX, IDENTIFY_BYTES, NSID_MAX
from nvmed.rpc.field_rules import Rule, anything, choice, data, items, nested, number, pattern, text
from nvmed.v1 import (
    event_pb2,
    firmware_pb2,
    key_pb2,
    log_pb2,
    namespace_pb2,
    operations_pb2,
    passthru_pb2,
    telemetry_pb2,
)

_PAGE: Final = {
    "page_size": number(0, 2**31 - 1),  # AIP-158: too large is lowered, not refused
    "page_token": text(limits.TOKEN_BYTES_MAX),
    "filter": text(limits.FILTER_BYTES_MAX),
}
_NAME: Final = text(required=True)
_REQUEST_ID: Final = pattern(
    r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}|", "must be a UUID, or empty"
)
_IMAGE_NAME: Final = pattern(r"images/[0-9a-f]{64}", "must be images/ and 64 hexadecimal digits", required=True)
_UPLOAD_NAME: Final = pattern(r"uploads/[0-9a-f]{32}", "must be uploads/ and 32 hexadecimal digits", required=True)
_LABEL: Final = Rule(
    lambda label: (
        ""
        if len(label[0].encode()) <= limits.LABEL_KEY_BYTES_MAX and len(label[1].encode()) <= limits.LABEL_BYTES_MAX
        else f"has more than {limits.LABEL_KEY_BYTES_MAX} bytes before or {limits.LABEL_BYTES_MAX} behind the colon"
    )
)
_IMAGE_BYTES: Final = number(4, limits.IMAGE_BYTES_MAX, multiple_of=4)
_OVERRIDES: Final = items(choice(operations_pb2.Gate), len(operations_pb2.Gate.values()))
_SLOT: Final = number(1, 7)
_REVISION: Final = text(8)
_SHA256: Final = Rule(lambda value: "" if len(value) == 32 else f"has {len(value)} bytes; SHA-256 has 32", True)
_IMAGE_FACTS: Final = {
    "firmware_revision": _REVISION,
    "model_number": text(40),
    "labels": items(_LABEL, limits.IMAGE_LABELS_MAX),
}
"""What is said of an image beside its bytes."""
_MUTATION: Final = {"request_id": _REQUEST_ID, "validate_only": anything()}
"""The fields of every request that changes something."""

_CHUNK_BYTES: Final = number(limits.CHUNK_BYTES_MIN, limits.CHUNK_BYTES_MAX, multiple_of=512, zero=True)
_TRANSFER_BYTES: Final = number(limits.TRANSFER_BYTES_MIN, 2**32 - 1, multiple_of=512, zero=True)
_LOG: Final = {"controller": _NAME, "include_raw": anything()}
_CLEARING_LOG: Final = {**_LOG, "retain_async_event": anything(), "request_id": _REQUEST_ID}
"""The fields of requests for a log that an asynchronous event tells of."""

_STARTABLE: Final = (log_pb2.SELF_TEST_SHORT, log_pb2.SELF_TEST_EXTENDED, log_pb2.SELF_TEST_ABORT)
_SELF_TEST: Final = Rule(
    lambda value: "" if value in _STARTABLE else "must be SELF_TEST_SHORT, SELF_TEST_EXTENDED or SELF_TEST_ABORT", True
)
_EVENT_KIND: Final = Rule(
    lambda value: "" if value in event_pb2.EventKind.values()[1:] else f"is {value}, which is no kind of event"
)
_DATA_LOSS: Final = Rule(lambda value: "" if value else "must be true: data are lost with what is asked for")
_NSID: Final = replace(number(1, NSID_MAX), required=True)
_WAIT: Final = number(1, limits.WAIT_MS_MAX, zero=True)
_ATTACHMENT: Final = {
    "controller": _NAME,
    "nsid": _NSID,
    "controller_ids": replace(items(number(0, CONTROLLER_ID_MAX), CONTROLLER_LIST_MAX), required=True),
    "wait_timeout_ms": _WAIT,
    **_MUTATION,
}
_LBA_FORMAT: Final = {
    "lba_format": number(0, LBA_FORMATS - 1),
    "logical_block_bytes": anything(),
    "extended_metadata": anything(),
    "protection_type": number(0, 3),
}
_SERIAL: Final = number(1, 2**31 - 1)
_IN_KEYRING: Final = {"keyring": nested(), "key_type": text(limits.KEY_TYPE_BYTES_MAX)}
_NQNS: Final = {"host_nqn": _NAME, "subsystem_nqn": _NAME}  # how long they may be is for nvmed.keys to say
_PSK: Final = {
    "psk": nested(required=True),
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
    "ListAuditRecordsRequest": {**_PAGE, "start_time": nested()},
    "ListControllersRequest": _PAGE,
    "GetControllerRequest": {"name": _NAME},
    "GetControllerCapabilitiesRequest": {"name": _NAME},
    "ListSubsystemsRequest": _PAGE,
    "GetSubsystemRequest": {"name": _NAME},
    "ListNamespacesRequest": {"parent": text(), **_PAGE},
    "GetNamespaceRequest": {"name": _NAME},
    "GetTelemetryCapabilitiesRequest": {"controller": _NAME},
    "StreamTelemetryRequest": {
        "controller": _NAME,
        "source": choice(telemetry_pb2.TelemetrySource, required=True),
        "data_area": choice(telemetry_pb2.TelemetryDataArea),
        "create": anything(),
        "retain_async_event": anything(),
        "max_transfer_bytes": _TRANSFER_BYTES,
        "chunk_bytes": _CHUNK_BYTES,
        "window": number(1, limits.WINDOW_MAX, zero=True),
        "resume_token": text(limits.TOKEN_BYTES_MAX),
        "offset": anything(),
        "request_id": _REQUEST_ID,
        "require_change_detection": anything(),
    },
    "AcknowledgeTelemetryRequest": {
        "controller": _NAME,
        "generation_number": Rule(lambda value: "" if value <= 0xFF else f"is {value}; generations are 0 to 255", True),
        **_MUTATION,
    },
    "Chunk": {"offset": anything(), "crc32": anything(), "data": data(limits.CHUNK_BYTES_MAX)},
    "UploadImageRequest": {"header": nested(), "chunk": nested(), "finish": nested()},
    "UploadHeader": {
        "sha256": _SHA256,
        "size_bytes": _IMAGE_BYTES,
        **_IMAGE_FACTS,
        **_MUTATION,
    },
    "UploadFinish": {},
    "FetchImageRequest": {
        "url": text(limits.URL_CHARACTERS_MAX, required=True),
        "sha256": _SHA256,
        "size_bytes": _IMAGE_BYTES,
        **_IMAGE_FACTS,
        **_MUTATION,
    },
    "GetUploadRequest": {"name": _UPLOAD_NAME},
    "AbortUploadRequest": {"name": _UPLOAD_NAME, **_MUTATION},
    "ListImagesRequest": _PAGE,
    "GetImageRequest": {"name": _IMAGE_NAME},
    "DeleteImageRequest": {"name": _IMAGE_NAME, **_MUTATION},
    "DownloadFirmwareRequest": {"header": nested(), "chunk": nested()},
    "DownloadHeader": {
        "controller": _NAME,
        "size_bytes": _IMAGE_BYTES,
        "offset_bytes": number(0, 2**34 - 4, multiple_of=4),
        "transfer_bytes": number(4, 2**32 - 4, multiple_of=4, zero=True),
        "ignore_overlap": anything(),
        "override_gates": _OVERRIDES,
        **_MUTATION,
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
        "controller": _NAME,
        "command": nested(required=True),
        "acknowledge_destructive": anything(),
        **_MUTATION,
    },
    "ExecuteIoRequest": {
        "namespace": _NAME,
        "command": nested(required=True),
        "acknowledge_destructive": anything(),
        **_MUTATION,
    },
    "TestPassthruRequest": {
        "queue": choice(passthru_pb2.PassthruQueue, required=True),
        "resource": _NAME,
        "command": nested(required=True),
    },
    "FirmwarePreconditions": {"model_number": text(40), "firmware_revision": _REVISION},
    "StageFirmwareRequest": {
        "controllers": items(text(required=True), limits.STAGE_DRIVES_MAX),
        "image": _IMAGE_NAME,
        "slot": _SLOT,
        "firmware_revision": _REVISION,
        "preconditions": nested(),
        "override_gates": _OVERRIDES,
        "max_concurrency": number(1, limits.STAGE_DRIVES_MAX, zero=True),
        **_MUTATION,
    },
    "ActivateFirmwareRequest": {
        "controller": _NAME,
        "slot": _SLOT,
        "activation_mode": choice(firmware_pb2.ActivationMode, required=True),
        "slot_revision": _REVISION,
        "preconditions": nested(),
        "override_gates": _OVERRIDES,
        "acknowledge_disruption": anything(),
        **_MUTATION,
    },
    "VerifyFirmwareRequest": {
        "controller": _NAME,
        "firmware_revision": text(8, required=True),
        "slot": number(1, 7, zero=True),
        **_MUTATION,
    },
    "RollbackFirmwareRequest": {
        "controller": _NAME,
        "slot": _SLOT,
        "activation_mode": choice(firmware_pb2.ActivationMode, required=True),
        "preconditions": nested(),
        "override_gates": _OVERRIDES,
        "acknowledge_disruption": anything(),
        **_MUTATION,
    },
    "GetFirmwareSlotsRequest": {"controller": _NAME},
    "ListFirmwareHistoryRequest": {"parent": _NAME, **_PAGE},
    "ResetControllerRequest": {
        "name": _NAME,
        "acknowledge_disruption": anything(),
        "override_gates": _OVERRIDES,
        **_MUTATION,
    },
    "ResetSubsystemRequest": {
        "name": _NAME,
        "acknowledge_disruption": anything(),
        "override_gates": _OVERRIDES,
        **_MUTATION,
    },
    "KeyringRef": {"name": text(limits.KEY_DESCRIPTION_BYTES_MAX), "serial": _SERIAL},
    "ConfiguredPsk": {
        "key": data(limits.KEY_PAYLOAD_BYTES_MAX),
        "text": text(limits.KEY_TEXT_BYTES_MAX),
        "hash": choice(key_pb2.HmacAlgorithm),
    },
    "LookupKeyringRequest": {"name": text(limits.KEY_DESCRIPTION_BYTES_MAX)},
    "DescribeKeyRequest": {"serial": replace(_SERIAL, required=True)},
    "LookupKeyRequest": {**_IN_KEYRING, "description": text(limits.KEY_DESCRIPTION_BYTES_MAX, required=True)},
    "LinkKeyringRequest": {"keyring": nested(), **_MUTATION},
    "ReadKeyRequest": {"keyring": nested(), "serial": replace(_SERIAL, required=True)},
    "UpdateKeyRequest": {
        **_IN_KEYRING,
        "description": text(limits.KEY_DESCRIPTION_BYTES_MAX, required=True),
        "payload": data(limits.KEY_PAYLOAD_BYTES_MAX, required=True),
        "ttl_s": anything(),
        **_MUTATION,
    },
    "ScanTlsKeysRequest": _IN_KEYRING,
    "InsertTlsKeyRequest": {**_IN_KEYRING, **_NQNS, **_PSK, "ttl_s": anything(), **_MUTATION},
    "GenerateTlsKeyIdentityRequest": {**_NQNS, **_PSK},
    "RevokeTlsKeyRequest": {
        **_IN_KEYRING,
        "identity": text(limits.KEY_DESCRIPTION_BYTES_MAX, required=True),
        **_MUTATION,
    },
    "ExportTlsKeyRequest": {"psk": nested(), "stored": nested()},
    "ExportTlsKeyRequest.StoredTlsKey": {
        **_IN_KEYRING,
        "identity": text(limits.KEY_DESCRIPTION_BYTES_MAX, required=True),
    },
    "ImportTlsKeyRequest": {
        **_IN_KEYRING,
        "key": nested(),
        "key_file": data(limits.KEY_FILE_BYTES_MAX),
        "ttl_s": anything(),
        **_MUTATION,
    },
    "ImportTlsKeyRequest.DerivedTlsKey": {
        "identity": text(limits.KEY_DESCRIPTION_BYTES_MAX, required=True),
        "text": text(limits.KEY_TEXT_BYTES_MAX, required=True),
    },
    "GenerateTlsKeyRequest": {"hash": choice(key_pb2.HmacAlgorithm), "size_bytes": anything()},
    "GenerateDhchapKeyRequest": {
        "hmac": choice(key_pb2.HmacAlgorithm),
        "nqn": text(),
        "secret": data(limits.KEY_PAYLOAD_BYTES_MAX),
        "size_bytes": anything(),
    },
    "CheckTlsKeyRequest": {**_IN_KEYRING, **_NQNS, "psk": nested(required=True)},
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
        **_MUTATION,
    },
    "RotateDhchapKeyRequest": {
        **_NQNS,
        "host_secret": text(limits.KEY_TEXT_BYTES_MAX),
        "controller_secret": text(limits.KEY_TEXT_BYTES_MAX),
        "acknowledge_disruption": anything(),
        **_MUTATION,
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
    "ListErrorLogEntriesRequest": {**_CLEARING_LOG, "entries_max": number(0, 256)},
    "GetEffectsLogRequest": {**_LOG, "command_set": number(0, 0xFF)},
    "GetSelfTestLogRequest": _LOG,
    "StartSelfTestRequest": {
        "controller": _NAME,
        "test": _SELF_TEST,
        "nsid": anything(),
        **_MUTATION,
    },
    "GetSanitizeStatusRequest": _CLEARING_LOG,
    "GetPersistentEventLogRequest": {
        "controller": _NAME,
        "events_max": number(0, limits.EVENTS_MAX),
        "take_over_context": anything(),
        "request_id": _REQUEST_ID,
    },
    "GetSupportedLogPagesRequest": _LOG,
    "GetOcpSmartLogRequest": {**_LOG, "uuid_index": number(0, 0x7F)},
    "ReadLogPageRequest": {
        "controller": _NAME,
        "log_page": replace(number(0, 0xFF), required=True),
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
        "request_id": _REQUEST_ID,
    },
    "ListAllocatedNamespacesRequest": {
        "controller": _NAME,
        "attached_only": anything(),
        "page_size": number(0, 2**31 - 1),
        "page_token": pattern(r"\d{0,10}", "is damaged; start again without it"),
    },
    "GetNamespaceIdentityRequest": {**_LOG, "nsid": anything()},  # 0 and broadcast are refused where it is looked up
    "GetLogicalBlockSizeRequest": {"controller": _NAME, "nsid": anything()},
    "AttachControllersRequest": _ATTACHMENT,
    "DetachControllersRequest": _ATTACHMENT,
    "CreateNamespaceRequest": {
        "controller": _NAME,
        "size_blocks": anything(),
        "size_bytes": anything(),
        "capacity_blocks": anything(),
        **_LBA_FORMAT,
        "shared": anything(),
        "ana_group_id": anything(),
        "nvm_set_id": number(0, 0xFFFF),
        "endurance_group_id": number(0, 0xFFFF),
        **_MUTATION,
    },
    "DeleteNamespaceRequest": {
        "controller": _NAME,
        "nsid": _NSID,
        "acknowledge_data_loss": _DATA_LOSS,
        "wait_timeout_ms": _WAIT,
        **_MUTATION,
    },
    "FormatNamespaceRequest": {
        "controller": _NAME,
        "nsid": replace(_NSID, required=False),
        "all_namespaces": anything(),
        **_LBA_FORMAT,
        "secure_erase": choice(namespace_pb2.SecureErase),
        "protection_first": anything(),
        "acknowledge_data_loss": _DATA_LOSS,
        "timeout_ms": number(1_000, limits.FORMAT_MS_MAX, zero=True),
        **_MUTATION,
    },
    "WatchEventsRequest": {
        "resume_token": text(limits.TOKEN_BYTES_MAX),
        "include_snapshot": anything(),
        "kinds": items(_EVENT_KIND, len(event_pb2.EventKind.values())),
        "controller": text(),
        "heartbeat_interval_ms": number(limits.HEARTBEAT_MS_MIN, limits.HEARTBEAT_MS_MAX, zero=True),
    },
    "ListEventsRequest": _PAGE,
    "RescanControllerRequest": {"controller": _NAME, "wait_timeout_ms": _WAIT, **_MUTATION},
}

_LONGRUNNING: Final[dict[str, Mapping[str, Rule]]] = {
    "ListOperationsRequest": {"name": text(), "return_partial_success": anything(), **_PAGE},
    "GetOperationRequest": {"name": _NAME},
    "WaitOperationRequest": {"name": _NAME, "timeout": nested()},
    "CancelOperationRequest": {"name": _NAME},
    "DeleteOperationRequest": {"name": _NAME},
}

RULES: Final = {
    **{f"nvmed.v1.{message}": rules for message, rules in _BY_MESSAGE.items()},
    **{f"google.longrunning.{message}": rules for message, rules in _LONGRUNNING.items()},
    "google.protobuf.Timestamp": {
        "seconds": number(-62_135_596_800, 253_402_300_799),  # the years 1 to 9999
        "nanos": number(0, 999_999_999),
    },
    "google.protobuf.Duration": {"seconds": number(0, 10_000 * 366 * 86_400), "nanos": number(0, 999_999_999)},
}
