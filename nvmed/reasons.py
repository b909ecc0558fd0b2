"""What can go wrong, in one table: what each stable reason means, the class of its error, and what to do about it.

`docs/errors.md` is made of it. Reasons are append-only: clients branch on them.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum, unique
from typing import Final

from nvmed.errors import (
    Aborted,
    AlreadyExists,
    Cancelled,
    DataLoss,
    DeadlineExceeded,
    FailedPrecondition,
    FieldViolation,
    GateViolation,
    Internal,
    InvalidArgument,
    NotFound,
    NvmedError,
    NvmeStatus,
    OsFailure,
    OutOfRange,
    PermissionDenied,
    ResourceExhausted,
    Unauthenticated,
    Unavailable,
    Unimplemented,
)


@unique
class Reason(Enum):
    """`google.rpc.ErrorInfo.reason`: (class, what happened, what to do about it)."""

    # the request
    INVALID_FIELD = InvalidArgument, "A field of the request is wrong.", "Each violation names field and limit."
    OFFSET_OUT_OF_RANGE = OutOfRange, "The offset is beyond the end of the data.", "Ask for the size first."
    RESUME_TOKEN_INVALID = (
        InvalidArgument,
        "The resume token is damaged, or of another controller, log or area.",
        "Start the stream again without a token.",
    )
    REQUEST_ID_REUSED = (
        InvalidArgument,
        "The request_id was used before with another request.",
        "Use a new UUID for each new request; repeat one only to retry the very same request.",
    )

    # controllers and namespaces
    CONTROLLER_NOT_FOUND = NotFound, "No such controller on this host.", "ListControllers shows those there are."
    SUBSYSTEM_NOT_FOUND = NotFound, "No such NVM subsystem.", "ListSubsystems shows those there are."
    NAMESPACE_NOT_FOUND = NotFound, "No such namespace.", "ListNamespaces shows those there are."
    DEVICE_IDENTITY_CHANGED = (
        Aborted,
        "The device node no longer is the controller that was meant.",
        "List controllers again: the kernel gives a freed node to the next drive.",
    )
    DEVICE_GONE = Unavailable, "The drive disappeared or its connection is down.", "Try again once it is back."
    DEVICE_STALLED = (
        Unavailable,
        "A command to this drive has not returned; only this drive is affected.",
        "Wait: the lane opens again when the command returns. Other drives are served.",
    )
    DEVICE_BUSY = Unavailable, "Too much waits for this drive already.", "Try again after the delay given."
    COMMAND_TIMEOUT = DeadlineExceeded, "The drive did not answer in time.", "Raise the timeout or examine the drive."
    DAEMON_PRIVILEGE = (
        FailedPrecondition,
        "The daemon lacks a privilege that the kernel asks for.",
        "Run it as its unit does: uid 0 with CAP_SYS_ADMIN, and access to the NVMe nodes.",
    )
    KERNEL_REFUSED = (
        FailedPrecondition,
        "The kernel refused a system call.",
        "The attached OsError names call and errno.",
    )
    KERNEL_UNSUPPORTED = Unimplemented, "This kernel lacks the interface.", "Use a newer kernel."
    DEVICE_IN_USE = (
        FailedPrecondition,
        "The device is in use by the kernel or another program.",
        "Unmount or stop what uses it.",
    )

    # what controllers answer
    NVME_INVALID_FIELD = (
        InvalidArgument,
        "The controller refused a field of the command.",
        "The attached NvmeStatus names opcode and status; check what the drive supports.",
    )
    NVME_UNSUPPORTED = Unimplemented, "The controller does not support this.", "GetController shows capabilities."
    NVME_BUSY = Unavailable, "The controller asks to try again later.", "Try again after the delay given."
    NVME_REFUSED = (
        FailedPrecondition,
        "The controller's state does not allow the command.",
        "The attached NvmeStatus says why.",
    )
    NVME_CONFLICT = Aborted, "Another command got in the way.", "Try again from the beginning."
    NVME_PROHIBITED = (
        PermissionDenied,
        "The controller prohibits the command, whoever asks.",
        "Lift the write protection, lock or prohibition at the drive.",
    )
    NVME_NOT_FOUND = NotFound, "The controller knows no such object.", "List what there is."
    NVME_EXISTS = AlreadyExists, "It is as asked already.", "Nothing to do."
    NVME_CAPACITY = ResourceExhausted, "The controller has no room left for it.", "Free resources on the drive."
    NVME_MEDIA = DataLoss, "The medium failed.", "Replace the drive or restore the data."
    NVME_PATH = Unavailable, "The path to the namespace is not usable now.", "Use another path or try again."
    NVME_FAILED = Unavailable, "The controller reports an internal failure.", "Read its error log."
    NVME_VENDOR = FailedPrecondition, "The controller answered a vendor specific status.", "Ask its vendor."
    NVME_ABORTED = Aborted, "The command was aborted.", "Try again."
    NVME_DATA_INVALID = (
        FailedPrecondition,
        "The controller returned data that contradict the specification.",
        "Update its firmware, or report it to its vendor.",
    )

    # logs
    LOG_CHANGED = Aborted, "The log changed each time that it was read.", "Try again once less happens to the drive."
    LOG_CONTEXT_TAKEN = (
        FailedPrecondition,
        "Another program is reading the persistent event log, or was and left its context.",
        "Wait for it, or set take_over_context to end its reading.",
    )
    INDICATOR_UNSUPPORTED = (
        Unimplemented,
        "The controller's bay has no such indicator, or the host cannot switch it.",
        "GetControllerSurroundings says which indicators there are.",
    )

    # telemetry
    TELEMETRY_UNSUPPORTED = (
        Unimplemented,
        "The controller has no such telemetry log or data area.",
        "GetTelemetryCapabilities says which there are.",
    )
    TELEMETRY_AREA_EMPTY = (
        FailedPrecondition,
        "The data area holds no data.",
        "Ask for an area that holds data, which the message names; where none does, create a host-initiated log first.",
    )
    TELEMETRY_NOT_AVAILABLE = (
        FailedPrecondition,
        "The controller has captured no controller-initiated data.",
        "Wait for its event, or read the host-initiated log.",
    )
    TELEMETRY_GENERATION_CHANGED = (
        Aborted,
        "The log changed while it was read.",
        "Discard what was received and start again without the token.",
    )
    TELEMETRY_CHANGE_UNDETECTABLE = (
        FailedPrecondition,
        "The log has no generation number, so that it could change unnoticed while it is read.",
        "Leave require_change_detection out, and see to it that nothing else creates a log meanwhile.",
    )
    CAPTURE_NOT_FOUND = NotFound, "No such capture: it was deleted, or has expired.", "ListCaptures shows all."
    CAPTURE_DAMAGED = (
        DataLoss,
        "The stored capture is no longer what came from the drive.",
        "Delete it, examine the file system of the state directory, and capture again.",
    )
    CAPTURES_FULL = (
        ResourceExhausted,
        "The capture does not fit into the quota or the file system.",
        "DeleteCapture frees space; ListCaptures shows what takes it, and when each expires.",
    )

    # keys
    KEY_TEXT_STRUCTURE = (
        InvalidArgument,
        "The key text is not built as its format asks.",
        "NVMeTLSkey-1:HH:BASE64: or DHHC-1:HH:BASE64: on one line, with nothing before or after.",
    )
    KEY_TEXT_VERSION = (
        InvalidArgument,
        "The key text has a version that does not exist.",
        "Only NVMeTLSkey-1 exists. nvme-cli printed 0 for keys of identity version 0 (nvme-cli#3887): write 1.",
    )
    KEY_TEXT_HASH = (
        InvalidArgument,
        "The key text names a hash that does not exist.",
        "00 is none, 01 SHA-256, 02 SHA-384 and, in DHHC-1 only, 03 SHA-512.",
    )
    KEY_TEXT_LENGTH = (
        InvalidArgument,
        "The key text holds a key of a length that does not fit.",
        "SHA-256 goes with 32 bytes, SHA-384 with 48, SHA-512 with 64; copy the whole text.",
    )
    KEY_TEXT_BASE64 = (
        InvalidArgument,
        "The key text holds what is no canonical base64.",
        "Copy the whole text; the alphabet is that with + and /, padded, without blanks.",
    )
    KEY_TEXT_CRC = (
        InvalidArgument,
        "The key text's checksum does not fit its key.",
        "A character is wrong: copy the text again from its source.",
    )
    KEYRING_NOT_FOUND = (
        NotFound,
        "No such keyring that the daemon can see.",
        "`.nvme` exists once the module nvme-keyring is loaded: modprobe nvme-keyring, or nvme-tcp.",
    )
    KEYRING_TYPE_MISSING = (
        FailedPrecondition,
        "The kernel has no such key type.",
        "Type psk comes with the module nvme-keyring: modprobe nvme-keyring, or nvme-tcp.",
    )
    KEYRING_LINK_INVALID = (
        InvalidArgument,
        "The kernel cannot link that: it is no keyring, or would contain itself.",
        "Name a keyring; DescribeKey tells what a serial is.",
    )
    KEY_NOT_FOUND = NotFound, "No such key.", "ScanTlsKeys shows those there are."
    KEY_REVOKED = FailedPrecondition, "The key was revoked.", "Insert a new one."
    KEY_EXPIRED = FailedPrecondition, "The key has expired.", "Insert a new one."
    KEY_QUOTA = (
        ResourceExhausted,
        "The kernel has no room left for keys of this user.",
        "Revoke keys that nobody uses, or raise root_maxkeys and root_maxbytes in /proc/sys/kernel/keys.",
    )
    KEY_PERMISSION = (
        FailedPrecondition,
        "The permissions of the key or keyring shut the daemon out.",
        "DescribeKey shows owner and permissions; `.nvme` belongs to uid 0, and no capability opens it.",
    )
    KEY_OPERATION_UNSUPPORTED = Unimplemented, "Keys of this type cannot do that.", "DescribeKey shows the type."

    KEY_ROTATION_UNDONE = (
        Aborted,
        "A connection did not come up with the new key, so everything was put back as it was.",
        "The message says which and why; the subsystem must accept the new key, beside the old one, first.",
    )
    KEY_ROTATION_INCOMPLETE = (
        FailedPrecondition,
        "A rotation failed, and not everything could be put back.",
        "The message names connections and keys; see to the connections, then rotate again. No key was revoked.",
    )
    CONNECTION_NOT_MADE = (
        FailedPrecondition,
        "The kernel could not make a connection to the subsystem.",
        "The attached OsError has the errno, the message what it means; the kernel's log says more.",
    )

    # operations
    OPERATION_NOT_FOUND = NotFound, "No such operation.", "ListOperations shows those that are remembered."
    OPERATION_INTERRUPTED = (
        Aborted,
        "The daemon stopped while it did this, and found the drive as it was before.",
        "Make the request again, with a new request_id.",
    )
    OPERATION_UNCERTAIN = (
        FailedPrecondition,
        "The daemon stopped while it did this, and what became of the drive has to be looked at.",
        "`next_step` of the operation's metadata says what to look at before anything else is done to the drive.",
    )
    OPERATION_CANCELLED = Cancelled, "The operation was cancelled before it changed anything more.", "Nothing to do."
    SUBSYSTEM_BUSY = (
        Unavailable,
        "Another operation works on the same NVM subsystem.",
        "Try again after the delay given, with a new request_id, or wait for the operation that the message names.",
    )
    STATE_IN_USE = (
        AlreadyExists,
        "Another daemon holds the state directory.",
        "Stop that one, or give this one a state directory of its own.",
    )
    JOURNAL_DAMAGED = (
        DataLoss,
        "The journal, or what it holds of an operation, cannot be read.",
        "Look at the drive that the operation names; `nvmed journal check` on the host shows all that is damaged.",
    )
    STATE_NOT_WRITABLE = (
        ResourceExhausted,
        "The daemon cannot write its state, so it changes no drive.",
        "Make room or repair the file system of the state directory.",
    )

    ERASURE_KEY_DAMAGED = (
        DataLoss,
        "The key that erasure records are signed with cannot be read.",
        "Restore the file; or move it away, so that a new key is made, and pin that one beside the old.",
    )

    ERASURE_RECORD_NOT_FOUND = NotFound, "There is no such record of an erasure.", "ListErasureRecords shows them."
    ERASURE_RECORD_INVALID = (
        DataLoss,
        "A file is no record of an erasure that a trusted key signed.",
        "Get it again from its host, and its key by another way; do not believe what it says.",
    )
    ERASURE_METHOD_UNSUPPORTED = (
        FailedPrecondition,
        "The drive has none of the ways of erasing that the request allows, or not as it asks for them.",
        "Name one that it has in `methods`; the message lists them.",
    )
    ERASURE_FAILED = (
        FailedPrecondition,
        "The drive failed to erase its data, and gives nothing out until it has erased them or is told to.",
        "Erase it again, by another method; ExitSanitizeFailureMode gives the data back where the drive allows that.",
    )
    SANITIZE_NOT_FAILED = FailedPrecondition, "The drive is in no failure mode.", "GetSanitizeStatus shows how it is."
    ERASURE_STALLED = (
        DeadlineExceeded,
        "The drive made no progress for longer than the request allows; it may still be at it.",
        "GetSanitizeStatus shows how it is; erase it again when nothing runs, or destroy it.",
    )
    ERASURE_UNCONFIRMED = (
        DataLoss,
        "It is not known whether the drive erased its data: it went away, or says something else than it was asked.",
        "Look at GetSanitizeStatus when it is back, and erase it again.",
    )
    ERASURE_CONTRADICTED = (
        DataLoss,
        "The drive says that it erased its data, and its blocks read as if it had not.",
        "Do not let the drive go: erase it again by another method, or destroy it.",
    )

    TCG_UNSUPPORTED = (
        Unimplemented,
        "The drive does not speak TCG's protocol, or is of no class that its PSID reverts.",
        "GetSecurityState shows what it speaks; SanitizeDrive erases it without.",
    )
    PSID_REFUSED = (
        InvalidArgument,
        "The drive does not take the PSID. It takes few that are wrong, and nothing was erased.",
        "Read it again from this drive's own label: 32 characters, often beside a bar code.",
    )
    PSID_LOCKED_OUT = (
        FailedPrecondition,
        "The drive takes no PSID any more: too many were wrong.",
        "Switch its power off and on, then give the right one; a reset is not enough.",
    )
    TCG_REFUSED = (
        FailedPrecondition,
        "The drive's security subsystem refused.",
        "The message has its status; one that is busy has a session of another program, which a loss of power ends.",
    )

    # firmware
    IMAGE_NOT_FOUND = NotFound, "The spool has no such image.", "ListImages shows those there are; upload it."
    IMAGE_IN_USE = (
        FailedPrecondition,
        "An operation uses the image.",
        "Try again once it has ended, or cancel it: the message names it.",
    )
    IMAGE_REJECTED = (
        InvalidArgument,
        "What was uploaded is not the image that its header announced.",
        "Compare size and SHA-256 with the file's, and upload it again.",
    )
    IMAGE_DAMAGED = (
        DataLoss,
        "The stored image is no longer what was uploaded.",
        "Delete it, examine the file system of the state directory, and upload it again.",
    )
    UPLOAD_NOT_FOUND = (
        NotFound,
        "No such upload: it was finished, aborted or has expired.",
        "ListUploads shows those there are, GetImage whether the image is there; else upload it again.",
    )
    UPLOAD_BUSY = (
        Aborted,
        "Another call writes this upload.",
        "Try again after the delay given, from GetUpload's committed_bytes on.",
    )
    SPOOL_FULL = (
        ResourceExhausted,
        "The image does not fit into the spool's quota or file system.",
        "DeleteImage and AbortUpload free space; ListImages and ListUploads show what takes it.",
    )
    SUPPORT_BUNDLE_NOT_FOUND = (
        NotFound,
        "No such support bundle: it was deleted or has expired.",
        "ListSupportBundles shows those there are.",
    )
    SUPPORT_BUNDLE_DAMAGED = (
        DataLoss,
        "The support bundle is no longer what was written.",
        "Delete it, examine the file system it is on, and create another one.",
    )
    SUPPORT_BUNDLES_FULL = (
        ResourceExhausted,
        "The support bundle does not fit into the quota or the file system.",
        "DeleteSupportBundle frees space; ListSupportBundles shows what takes it, and when each expires.",
    )
    FETCH_NOT_ALLOWED = (
        PermissionDenied,
        "The daemon's configuration does not allow to fetch from that URL, or from anywhere.",
        "Use a URL that `firmware.fetch.allow` covers, also after redirects, or extend it on the host.",
    )
    FETCH_REFUSED = (
        FailedPrecondition,
        "The image's server refuses the image, or is not who it should be.",
        "The message has its answer: repair URL, certificate or server, and ask again.",
    )
    FETCH_FAILED = (
        Unavailable,
        "The image's server could not be reached, or broke off or was too slow too often.",
        "Ask again with a new request_id: what was committed is kept, and it goes on from there.",
    )
    GATE_FAILED = (
        FailedPrecondition,
        "A precondition does not hold, so nothing was changed.",
        "Each violation names its gate and what to do; the metadata's `transient` names those that pass by themselves.",
    )
    FEATURE_OWNED = (
        FailedPrecondition,
        "Something else on the host sets this feature.",
        "The message names what does; change it there.",
    )
    FEATURE_NOT_AS_EXPECTED = (
        Aborted,
        "The feature does not have the value that the request expects.",
        "Get the feature, and decide anew.",
    )
    FIRMWARE_RULES_INVALID = (
        FailedPrecondition,
        "The daemon's firmware rules cannot be read, so no firmware is changed.",
        "Repair the file that the message names; it is read again with the next request.",
    )
    FIRMWARE_IMAGE_REJECTED = (
        InvalidArgument,
        "The controller rejects the firmware image.",
        "Check that it is for this model and revision, and whole; ask the vendor for a supported path.",
    )
    FIRMWARE_SLOT_INVALID = (
        FailedPrecondition,
        "The controller refuses the firmware slot: it does not exist, is read only or empty.",
        "GetFirmwareSlots shows the slots.",
    )
    FIRMWARE_NOT_VERIFIED = (
        FailedPrecondition,
        "The controller does not run or hold the firmware that it should.",
        "GetFirmwareSlots shows what it has; a reset may still be needed.",
    )
    FIRMWARE_PARTLY_FAILED = (
        FailedPrecondition,
        "The operation did not succeed on every drive.",
        "The operation's metadata has a part for each drive, with its own operation and error.",
    )

    # the daemon
    POLICY_DENIED = PermissionDenied, "The policy does not allow this caller to do that.", "Ask for a role."
    PASSTHRU_RULES_INVALID = (
        FailedPrecondition,
        "The daemon's passthrough rules cannot be read, so nothing is passed through.",
        "Repair the file that the message names; it is read again with the next request.",
    )
    UNKNOWN_PRINCIPAL = Unauthenticated, "The connection proves no identity.", "Use a socket or a certificate."
    METHOD_UNKNOWN = Unimplemented, "This build has no such method.", "GetServerInfo shows features and version."
    LIMIT_EXCEEDED = ResourceExhausted, "A limit of this daemon is reached.", "GetServerInfo shows the limits."
    CONFIG_INVALID = (
        FailedPrecondition,
        "The configuration, or a file that it names, is wrong.",
        "Repair what the message names, check with `nvmed check-config`, then start or reload.",
    )
    AUDIT_UNAVAILABLE = (
        Unavailable,
        "The daemon cannot write its audit, so it changes nothing and shows no secret.",
        "The message says why: make room, repair the file system, or run `nvmedctl audit verify` on the host.",
    )
    AUDIT_DAMAGED = (
        DataLoss,
        "The audit's files are not what the daemon wrote.",
        "Run `nvmedctl audit verify` on the host, and compare with the copies in journald.",
    )
    TOO_MANY_CALLS = (
        ResourceExhausted,
        "This caller makes more calls, or more at once, than one may.",
        "Try again after the delay given; GetServerInfo shows the limits.",
    )
    ADDRESS_IN_USE = AlreadyExists, "Something else has the daemon's address.", "Stop it, or choose another address."
    SHUTTING_DOWN = Unavailable, "The daemon is stopping.", "Try again when it is back."
    CALL_CANCELLED = Cancelled, "The call was cancelled.", "Nothing to do."
    CALL_TIMEOUT = (
        DeadlineExceeded,
        "The call did not finish within the time that the caller gave it.",
        "Give it more time.",
    )
    TRANSFER_CORRUPTED = (
        DataLoss,
        "What arrived is not what was sent.",
        "Start again; if it repeats, examine memory and network.",
    )
    CONNECTION_FAILED = Unavailable, "The daemon cannot be reached.", "Check the address and whether it runs."
    BUG = Internal, "A bug in nvmed.", "Report it with the request id; the daemon's log has the details."

    def __init__(self, cls: type[NvmedError], meaning: str, remedy: str) -> None:
        self.cls = cls
        self.meaning = meaning
        self.remedy = remedy


CONTENTION: Final = frozenset({Reason.DEVICE_BUSY, Reason.SUBSYSTEM_BUSY, Reason.IMAGE_IN_USE, Reason.UPLOAD_BUSY})
"""Reasons that say nothing but that others are at work: each error says when to try again.

They are UNAVAILABLE, but for the two of the spool: no reason ever changes its code.
"""

CONTENTION_RETRY_MS: Final = 1_000


def error(
    reason: Reason,
    message: str = "",
    *,
    nvme: NvmeStatus | None = None,
    os: OsFailure | None = None,
    fields: Sequence[FieldViolation] = (),
    gates: Sequence[GateViolation] = (),
    retry_delay_ms: int | None = None,
    remedy: str = "",
    **metadata: object,
) -> NvmedError:
    """The error of `reason`, of the class that the table gives; `metadata` holds the dynamic parts of `message`.

    `remedy` stands in for the table's, where that would not help in this case.
    """
    if retry_delay_ms is None and reason in CONTENTION:
        retry_delay_ms = CONTENTION_RETRY_MS
    return reason.cls(
        reason.name,
        message or reason.meaning,
        nvme=nvme,
        os=os,
        fields=fields,
        gates=gates,
        retry_delay_ms=retry_delay_ms,
        metadata={key: str(value) for key, value in metadata.items()},
        remedy=remedy or reason.remedy,
    )


def invalid_field(field: str, description: str) -> NvmedError:
    """The error of one wrong field: `description` says what was given, the limit and the remedy."""
    return error(
        Reason.INVALID_FIELD,
        f"{field}: {description}" if field else description,
        fields=[FieldViolation(field, description)],
        field=field,
    )
