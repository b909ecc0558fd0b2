"""Every limit of the daemon, in one table: enforced from here, shown by GetServerInfo."""

from __future__ import annotations

from typing import Final

KIB: Final = 1024
MIB: Final = 1024 * KIB

FIRST_MESSAGE_S: Final = 60
"""How long the first message of a call may take to arrive: its room is held meanwhile."""
ANSWER_BYTES_MAX: Final = 4 * MIB
REQUEST_BYTES_MAX: Final = 64 * KIB
"""Of a request whose method has no limit of its own (nvmed.rpc.messages)."""

READ_AHEAD_BYTES_MAX: Final = MIB
"""Of a stream's chunks that wait for its reader, beside the one that is sent."""

METADATA_BYTES_MAX: Final = 8 * KIB
CHUNK_BYTES_MIN: Final = 4 * KIB
CHUNK_BYTES_DEFAULT: Final = 256 * KIB
CHUNK_BYTES_MAX: Final = MIB
WINDOW_DEFAULT: Final = 4
WINDOW_MAX: Final = 8
TRANSFER_BYTES_MIN: Final = 512
PAGE_SIZE_DEFAULT: Final = 50
PAGE_SIZE_MAX: Final = 500
NAME_BYTES_MAX: Final = 512
FILTER_BYTES_MAX: Final = 4 * KIB
ORDER_FIELDS_MAX: Final = 8
MASK_PATHS_MAX: Final = 64
TOKEN_BYTES_MAX: Final = 4 * KIB
IDENTITY_BYTES_MAX: Final = 2 * KIB + 64
IDENTITIES_MAX: Final = 64
KEY_TYPE_BYTES_MAX: Final = 31
KEY_DESCRIPTION_BYTES_MAX: Final = 4095
KEY_PAYLOAD_BYTES_MAX: Final = 32767
KEY_TEXT_BYTES_MAX: Final = 4 * KIB
KEY_FILE_BYTES_MAX: Final = MIB
LOG_BYTES_MAX: Final = MIB
"""Of a log that is decoded into one message, and perhaps returned as bytes in it too."""

LOG_PAGE_BYTES_MAX: Final = 1 << 32
"""Of one ReadLogPage."""

EVENTS_DEFAULT: Final = 100
EVENTS_MAX: Final = 1000
WAIT_MS_DEFAULT: Final = 10_000
WAIT_MS_MAX: Final = 600_000
LOCATOR_MS_MAX: Final = 30 * 24 * 3600 * 1000
LOCATOR_MS_DEFAULT: Final = 3600 * 1000
FORMAT_MS_DEFAULT: Final = 600_000
FORMAT_MS_MAX: Final = 24 * 3600 * 1000
PASSTHRU_DATA_BYTES_MAX: Final = MIB
PASSTHRU_METADATA_BYTES_MAX: Final = 256 * KIB
PASSTHRU_KEPT_BYTES_MAX: Final = 64 * KIB
"""Of what a command may read whose answer is kept for a request_id."""

PASSTHRU_TIMEOUT_MS_MIN: Final = 10_000
PASSTHRU_TIMEOUT_MS_MAX: Final = 24 * 3600 * 1000
HEARTBEAT_MS_MIN: Final = 1_000
HEARTBEAT_MS_MAX: Final = 30_000
WATCHERS_MAX: Final = 10_000
EVENTS_KEPT: Final = 4096
METRICS_NAMESPACES_MAX: Final = 64
"""Namespaces of a controller that metrics tell of, those with the lowest identifiers: a drive may have thousands."""
METRICS_PATHS_MAX: Final = 64
METRICS_KEYS_MAX: Final = 64
"""Keys that metrics tell of, those that end first."""
LOG_LINES_PER_MINUTE: Final = 600
"""Of one event and principal: beyond it they are counted and not written."""
LOG_WINDOW_S: Final = 60
LOG_FLOODS_KEPT: Final = 1024
"""Pairs of event and principal whose lines are counted at once: the oldest begins anew for one that is new."""
NAMES_MAX: Final = 8192
"""Names of controllers that are remembered. Beyond, who was away longest is forgotten for each newcomer."""

IMAGE_BYTES_MAX: Final = 256 * MIB
STAGE_DRIVES_MAX: Final = 64
STAGE_CONCURRENCY_DEFAULT: Final = 32
IMAGE_LABELS_MAX: Final = 16
LABEL_KEY_BYTES_MAX: Final = 64
LABEL_BYTES_MAX: Final = 256
IMAGE_TTL_S: Final = 30 * 24 * 3600
SPOOL_BYTES_MAX: Final = 4096 * MIB
UPLOADS_PER_PRINCIPAL_MAX: Final = 8
UPLOAD_TTL_S: Final = 24 * 3600
SPOOL_BYTES_PER_PRINCIPAL_MAX: Final = SPOOL_BYTES_MAX // 2
"""Of the images and uploads of one principal."""

UPLOAD_IDLE_S: Final = 300
"""An upload that nobody goes on with gives way after this, if others need its room; a call that sends nothing ends."""

URL_CHARACTERS_MAX: Final = 2048
FETCHES_MAX: Final = 2
"""Images that are fetched at the same time."""

DESIRED_MAX: Final = 64
"""Features of one desired state."""

CAPTURE_TTL_S: Final = 30 * 24 * 3600
CAPTURE_TTL_S_MAX: Final = 10 * 365 * 24 * 3600
CAPTURE_BYTES_MAX: Final = 4096 * MIB
"""Of people's captures, unless the configuration says otherwise; half of it one principal's."""

CAPTURE_AUTOMATIC_BYTES_MAX: Final = 1024 * MIB
"""Of automatic captures, unless the configuration says otherwise; a quarter of it one controller's."""

CAPTURES_AT_ONCE: Final = 4
"""Captures that run; more wait for their turn. Each holds a window of chunks."""

CAPTURES_MAX: Final = 4096
"""Captures that are kept: each has some kilobytes beside its bytes, in memory and on disk."""

SELF_TEST_MS_MAX: Final = 7 * 24 * 3600 * 1000
FEATURE_NAMESPACES_MAX: Final = 32
"""Namespaces whose features one list has."""

FEATURE_DATA_BYTES_MAX: Final = 4 * KIB
FEATURE_FIELDS_MAX: Final = 72
"""Of one request: the longest table of a feature has 65."""

SUPPORT_BYTES_MAX: Final = 2048 * MIB
"""Of all support bundles; half of it one principal's."""

SUPPORT_TTL_S: Final = 7 * 24 * 3600
SUPPORT_TTL_S_MAX: Final = 366 * 24 * 3600
SUPPORT_BUNDLES_MAX: Final = 256
SUPPORT_PART_BYTES_MAX: Final = 256 * MIB
"""Of one part, before it is compressed: telemetry that is longer is cut there, and the manifest says so."""

SUPPORT_AT_ONCE: Final = 2
"""Bundles that are made; more wait for their turn."""

SUPPORT_CONTROLLERS_MAX: Final = 64
"""That one request names; the whole host has as many as it has."""

SUPPORT_PART_MS_DEFAULT: Final = 30_000
SUPPORT_PART_MS_MAX: Final = 600_000
SUPPORT_MS_DEFAULT: Final = 600_000
SUPPORT_MS_MAX: Final = 3_600_000
SUPPORT_MS_MIN: Final = 100

ERASURE_SAMPLES_DEFAULT: Final = 32
ERASURE_SAMPLES_MAX: Final = 256
STALL_S_MAX: Final = 30 * 24 * 3600

PUBLISHED: Final = {
    "first_message_s": FIRST_MESSAGE_S,
    "message_bytes_max": ANSWER_BYTES_MAX,
    "request_bytes_max": REQUEST_BYTES_MAX,
    "read_ahead_bytes_max": READ_AHEAD_BYTES_MAX,
    "metadata_bytes_max": METADATA_BYTES_MAX,
    "chunk_bytes_min": CHUNK_BYTES_MIN,
    "chunk_bytes_default": CHUNK_BYTES_DEFAULT,
    "chunk_bytes_max": CHUNK_BYTES_MAX,
    "window_default": WINDOW_DEFAULT,
    "window_max": WINDOW_MAX,
    "page_size_default": PAGE_SIZE_DEFAULT,
    "page_size_max": PAGE_SIZE_MAX,
    "filter_bytes_max": FILTER_BYTES_MAX,
    "key_file_bytes_max": KEY_FILE_BYTES_MAX,
    "log_bytes_max": LOG_BYTES_MAX,
    "log_page_bytes_max": LOG_PAGE_BYTES_MAX,
    "persistent_events_max": EVENTS_MAX,
    "wait_ms_max": WAIT_MS_MAX,
    "format_ms_max": FORMAT_MS_MAX,
    "passthru_data_bytes_max": PASSTHRU_DATA_BYTES_MAX,
    "passthru_metadata_bytes_max": PASSTHRU_METADATA_BYTES_MAX,
    "passthru_timeout_ms_min": PASSTHRU_TIMEOUT_MS_MIN,
    "passthru_timeout_ms_max": PASSTHRU_TIMEOUT_MS_MAX,
    "watchers_max": WATCHERS_MAX,
    "heartbeat_ms_min": HEARTBEAT_MS_MIN,
    "heartbeat_ms_max": HEARTBEAT_MS_MAX,
    "events_kept": EVENTS_KEPT,
    "names_max": NAMES_MAX,
    "image_bytes_max": IMAGE_BYTES_MAX,
    "stage_drives_max": STAGE_DRIVES_MAX,
    "stage_concurrency_default": STAGE_CONCURRENCY_DEFAULT,
    "image_labels_max": IMAGE_LABELS_MAX,
    "image_ttl_s": IMAGE_TTL_S,
    "spool_bytes_max": SPOOL_BYTES_MAX,
    "uploads_per_principal_max": UPLOADS_PER_PRINCIPAL_MAX,
    "upload_ttl_s": UPLOAD_TTL_S,
    "upload_idle_s": UPLOAD_IDLE_S,
    "spool_bytes_per_principal_max": SPOOL_BYTES_PER_PRINCIPAL_MAX,
    "fetches_max": FETCHES_MAX,
    "desired_features_max": DESIRED_MAX,
    "capture_ttl_s_max": CAPTURE_TTL_S_MAX,
    "captures_at_once": CAPTURES_AT_ONCE,
    "captures_max": CAPTURES_MAX,
    "self_test_ms_max": SELF_TEST_MS_MAX,
    "feature_namespaces_max": FEATURE_NAMESPACES_MAX,
    "feature_data_bytes_max": FEATURE_DATA_BYTES_MAX,
    "erasure_samples_max": ERASURE_SAMPLES_MAX,
    "support_bundles_max": SUPPORT_BUNDLES_MAX,
    "support_part_bytes_max": SUPPORT_PART_BYTES_MAX,
    "support_controllers_max": SUPPORT_CONTROLLERS_MAX,
    "support_part_ms_max": SUPPORT_PART_MS_MAX,
    "support_ms_max": SUPPORT_MS_MAX,
}
"""What a client may want to know, by the name that GetServerInfo gives it."""
