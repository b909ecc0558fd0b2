"""Every status code of NVMe, as data: (status code, libnvme's mnemonic, what it says, `Reason`).

Sources: NVM Express Base Specification 2.0 to 2.2, section 4.2.3 (figures 97 to 104), the NVM, ZNS and Key Value
command set specifications, and the mnemonics of libnvme's `enum nvme_status_field`. `nvmed.nvme.status` reads it.

The `Reason` decides the class of the error, and so what a client may do next: `Unavailable` ones may be tried again,
which is why `status.status_error` gives them up when the controller said "do not retry".
"""

from __future__ import annotations

from nvmed.reasons import Reason

Row = tuple[int, str, str, Reason]

BUSY = Reason.NVME_BUSY
FAILED = Reason.NVME_FAILED
FIELD = Reason.NVME_INVALID_FIELD
REFUSED = Reason.NVME_REFUSED
UNSUPPORTED = Reason.NVME_UNSUPPORTED
ABORTED = Reason.NVME_ABORTED
CONFLICT = Reason.NVME_CONFLICT
PROHIBITED = Reason.NVME_PROHIBITED
NOT_FOUND = Reason.NVME_NOT_FOUND
EXISTS = Reason.NVME_EXISTS
CAPACITY = Reason.NVME_CAPACITY
MEDIA = Reason.NVME_MEDIA
PATH = Reason.NVME_PATH
BAD_SLOT = Reason.FIRMWARE_SLOT_INVALID
BAD_IMAGE = Reason.FIRMWARE_IMAGE_REJECTED

GENERIC: tuple[Row, ...] = (
    (0x01, "NVME_SC_INVALID_OPCODE", "The controller does not know the opcode", UNSUPPORTED),
    (0x02, "NVME_SC_INVALID_FIELD", "A field of the command is reserved or not supported", FIELD),
    (0x03, "NVME_SC_CMDID_CONFLICT", "The command identifier is in use already", CONFLICT),
    (0x04, "NVME_SC_DATA_XFER_ERROR", "Transferring data or metadata failed", FAILED),
    (0x05, "NVME_SC_POWER_LOSS", "The command was aborted because power is about to be lost", ABORTED),
    (0x06, "NVME_SC_INTERNAL", "The controller failed internally", FAILED),
    (0x07, "NVME_SC_ABORT_REQ", "The command was aborted by an Abort command", ABORTED),
    (0x08, "NVME_SC_ABORT_QUEUE", "The command was aborted because its submission queue was deleted", ABORTED),
    (0x09, "NVME_SC_FUSED_FAIL", "The other command of the fused pair failed", ABORTED),
    (0x0A, "NVME_SC_FUSED_MISSING", "The other command of the fused pair is missing", ABORTED),
    (0x0B, "NVME_SC_INVALID_NS", "The namespace or its format is invalid", Reason.NAMESPACE_NOT_FOUND),
    (0x0C, "NVME_SC_CMD_SEQ_ERROR", "The commands came in the wrong order", REFUSED),
    (0x0D, "NVME_SC_SGL_INVALID_LAST", "The last SGL segment descriptor is invalid", FIELD),
    (0x0E, "NVME_SC_SGL_INVALID_COUNT", "The number of SGL descriptors is invalid", FIELD),
    (0x0F, "NVME_SC_SGL_INVALID_DATA", "The data SGL's length does not fit the transfer", FIELD),
    (0x10, "NVME_SC_SGL_INVALID_METADATA", "The metadata SGL's length does not fit the transfer", FIELD),
    (0x11, "NVME_SC_SGL_INVALID_TYPE", "The controller does not support the SGL descriptor's type", FIELD),
    (0x12, "NVME_SC_CMB_INVALID_USE", "The controller memory buffer may not be used like this", FIELD),
    (0x13, "NVME_SC_PRP_INVALID_OFFSET", "The offset of a PRP entry is invalid", FIELD),
    (0x14, "NVME_SC_AWU_EXCEEDED", "The write exceeds the atomic write unit", FIELD),
    (0x15, "NVME_SC_OP_DENIED", "Access rights deny the command", PROHIBITED),
    (0x16, "NVME_SC_SGL_INVALID_OFFSET", "The offset of an SGL descriptor is invalid", FIELD),
    (0x18, "NVME_SC_HOSTID_FORMAT", "Host identifiers of different lengths meet in the subsystem", CONFLICT),
    (0x19, "NVME_SC_KAT_EXPIRED", "The keep alive timer expired", PATH),
    (0x1A, "NVME_SC_KAT_INVALID", "The keep alive timeout is invalid", FIELD),
    (0x1B, "NVME_SC_CMD_ABORTED_PREMEPT", "The command was aborted by a Reservation Acquire of another host", ABORTED),
    (0x1C, "NVME_SC_SANITIZE_FAILED", "The last sanitize operation failed and was not recovered from", REFUSED),
    (0x1D, "NVME_SC_SANITIZE_IN_PROGRESS", "A sanitize operation is in progress", BUSY),
    (0x1E, "NVME_SC_SGL_INVALID_GRANULARITY", "An SGL descriptor's alignment or granularity is invalid", FIELD),
    (0x1F, "NVME_SC_CMD_IN_CMBQ_NOT_SUPP", "Queues in the controller memory buffer do not support the command", FIELD),
    (0x20, "NVME_SC_NS_WRITE_PROTECTED", "The namespace is write protected", PROHIBITED),
    (0x21, "NVME_SC_CMD_INTERRUPTED", "The controller could not process the command now", BUSY),
    (0x22, "NVME_SC_TRAN_TPORT_ERROR", "A transient transport error occurred", PATH),
    (0x23, "NVME_SC_PROHIBITED_BY_CMD_AND_FEAT", "Command and Feature Lockdown prohibits the command", PROHIBITED),
    (0x24, "NVME_SC_ADMIN_CMD_MEDIA_NOT_READY", "The command needs the media, which are not ready yet", BUSY),
    (0x25, "NVME_SC_INVALID_KEY_TAG", "The key tag of a key per I/O is unknown", FIELD),
    (0x26, "NVME_SC_HOST_DISPERSED_NS_NOT_ENABLED", "The host has not enabled dispersed namespaces", REFUSED),
    (0x27, "NVME_SC_HOST_ID_NOT_INITIALIZED", "The host identifier is not set", REFUSED),
    (0x28, "NVME_SC_INCORRECT_KEY", "The key is not the one the data were written with", PROHIBITED),
    (0x29, "NVME_SC_FDP_DISABLED", "Flexible data placement is disabled", REFUSED),
    (0x2A, "NVME_SC_INVALID_PLACEMENT_HANDLE_LIST", "The placement handle list is invalid", FIELD),
    (0x2B, "NVME_SC_SANITIZE_NS_FAILED", "The last sanitize operation of the namespace failed", REFUSED),
    (0x2C, "NVME_SC_SANITIZE_NS_IN_PROGRESS", "A sanitize operation of the namespace is in progress", BUSY),
    (0x2D, "NVME_SC_FAILED_TO_RESTORE_CONFIG", "The configuration could not be restored", FAILED),
    (0x80, "NVME_SC_LBA_RANGE", "The logical block range exceeds the namespace", FIELD),
    (0x81, "NVME_SC_CAP_EXCEEDED", "The command would exceed the capacity of the namespace", CAPACITY),
    (0x82, "NVME_SC_NS_NOT_READY", "The namespace is not ready", BUSY),
    (0x83, "NVME_SC_RESERVATION_CONFLICT", "A reservation of another host conflicts", REFUSED),
    (0x84, "NVME_SC_FORMAT_IN_PROGRESS", "A Format NVM is in progress on the namespace", BUSY),
    (0x85, "NVME_SC_INVALID_VALUE_SIZE", "The size of the value is invalid", FIELD),
    (0x86, "NVME_SC_INVALID_KEY_SIZE", "The size of the key is invalid", FIELD),
    (0x87, "NVME_SC_KV_KEY_NOT_EXISTS", "The key does not exist", NOT_FOUND),
    (0x88, "NVME_SC_UNRECOVERED_ERROR", "The value could not be read from the medium", MEDIA),
    (0x89, "NVME_SC_KEY_EXISTS", "The key exists already", EXISTS),
)  # fmt: skip
"""Status code type 0: any command may end with these."""

COMMAND_SPECIFIC: tuple[Row, ...] = (
    (0x00, "NVME_SC_CQ_INVALID", "The completion queue is invalid", FIELD),
    (0x01, "NVME_SC_QID_INVALID", "The queue identifier is invalid", FIELD),
    (0x02, "NVME_SC_QUEUE_SIZE", "The queue size is invalid", FIELD),
    (0x03, "NVME_SC_ABORT_LIMIT", "Too many Abort commands are outstanding", CAPACITY),
    (0x04, "NVME_SC_ABORT_MISSING", "The command to abort was not found", NOT_FOUND),
    (0x05, "NVME_SC_ASYNC_LIMIT", "Too many Asynchronous Event Requests are outstanding", CAPACITY),
    (0x06, "NVME_SC_FIRMWARE_SLOT", "The firmware slot is invalid, read only or empty", BAD_SLOT),
    (0x07, "NVME_SC_FIRMWARE_IMAGE", "The controller rejects the firmware image", BAD_IMAGE),
    (0x08, "NVME_SC_INVALID_VECTOR", "The interrupt vector is invalid", FIELD),
    (0x09, "NVME_SC_INVALID_LOG_PAGE", "The controller has no such log page", UNSUPPORTED),
    (0x0A, "NVME_SC_INVALID_FORMAT", "The controller does not support the format", FIELD),
    (0x0B, "NVME_SC_FW_NEEDS_CONV_RESET", "The firmware was committed; a conventional reset activates it", REFUSED),
    (0x0C, "NVME_SC_INVALID_QUEUE", "The queue may not be deleted", REFUSED),
    (0x0D, "NVME_SC_FEATURE_NOT_SAVEABLE", "The feature cannot be saved", UNSUPPORTED),
    (0x0E, "NVME_SC_FEATURE_NOT_CHANGEABLE", "The feature cannot be changed", PROHIBITED),
    (0x0F, "NVME_SC_FEATURE_NOT_PER_NS", "The feature is not specific to a namespace", FIELD),
    (0x10, "NVME_SC_FW_NEEDS_SUBSYS_RESET", "The firmware was committed; an NVM subsystem reset activates it", REFUSED),
    (0x11, "NVME_SC_FW_NEEDS_RESET", "The firmware was committed; a controller level reset activates it", REFUSED),
    (0x12, "NVME_SC_FW_NEEDS_MAX_TIME", "Activating the image at once takes longer than MTFA allows; let a reset do it",
     REFUSED),
    (0x13, "NVME_SC_FW_ACTIVATE_PROHIBITED", "The controller prohibits activating this image", PROHIBITED),
    (0x14, "NVME_SC_OVERLAPPING_RANGE", "Parts of the image overlap: somebody else downloads, or a part came twice",
     CONFLICT),
    (0x15, "NVME_SC_NS_INSUFFICIENT_CAP", "Not enough unallocated capacity is left for the namespace", CAPACITY),
    (0x16, "NVME_SC_NS_ID_UNAVAILABLE", "No namespace identifier is left", CAPACITY),
    (0x18, "NVME_SC_NS_ALREADY_ATTACHED", "The namespace is attached to the controller already", EXISTS),
    (0x19, "NVME_SC_NS_IS_PRIVATE", "The namespace is private and attached elsewhere", PROHIBITED),
    (0x1A, "NVME_SC_NS_NOT_ATTACHED", "The namespace is not attached to the controller", REFUSED),
    (0x1B, "NVME_SC_THIN_PROV_NOT_SUPP", "The controller does not support thin provisioning", UNSUPPORTED),
    (0x1C, "NVME_SC_CTRL_LIST_INVALID", "The controller list is invalid", FIELD),
    (0x1D, "NVME_SC_SELF_TEST_IN_PROGRESS", "A device self-test is in progress", BUSY),
    (0x1E, "NVME_SC_BP_WRITE_PROHIBITED", "The boot partition is locked against writing", PROHIBITED),
    (0x1F, "NVME_SC_INVALID_CTRL_ID", "The controller identifier is invalid", FIELD),
    (0x20, "NVME_SC_INVALID_SEC_CTRL_STATE", "The secondary controller is in the wrong state", REFUSED),
    (0x21, "NVME_SC_INVALID_CTRL_RESOURCES", "The number of controller resources is invalid", FIELD),
    (0x22, "NVME_SC_INVALID_RESOURCE_ID", "The resource identifier is invalid", FIELD),
    (0x23, "NVME_SC_PMR_SAN_PROHIBITED", "Sanitizing is prohibited while the persistent memory region is enabled",
     PROHIBITED),
    (0x24, "NVME_SC_ANA_GROUP_ID_INVALID", "The ANA group identifier is invalid", FIELD),
    (0x25, "NVME_SC_ANA_ATTACH_FAILED", "The ANA state does not allow attaching the namespace", REFUSED),
    (0x26, "NVME_SC_INSUFFICIENT_CAP", "Not enough free capacity is left", CAPACITY),
    (0x27, "NVME_SC_NS_ATTACHMENT_LIMIT_EXCEEDED", "The limit of namespace attachments is reached", CAPACITY),
    (0x28, "NVME_SC_PROHIBIT_CMD_EXEC_NOT_SUPPORTED", "The controller cannot prohibit this command", UNSUPPORTED),
    (0x29, "NVME_SC_IOCS_NOT_SUPPORTED", "The controller does not support the I/O command set", UNSUPPORTED),
    (0x2A, "NVME_SC_IOCS_NOT_ENABLED", "The I/O command set is not enabled", REFUSED),
    (0x2B, "NVME_SC_IOCS_COMBINATION_REJECTED", "The controller rejects the combination of I/O command sets", FIELD),
    (0x2C, "NVME_SC_INVALID_IOCS", "The I/O command set is invalid", FIELD),
    (0x2D, "NVME_SC_ID_UNAVAILABLE", "No identifier is left", CAPACITY),
    (0x2F, "NVME_SC_INVALID_DISCOVERY_INFO", "The discovery information is invalid", FIELD),
    (0x30, "NVME_SC_ZONING_DATA_STRUCT_LOCKED", "The fabric zoning data are locked", BUSY),
    (0x31, "NVME_SC_ZONING_DATA_STRUCT_NOTFND", "The fabric zoning data do not exist", NOT_FOUND),
    (0x32, "NVME_SC_INSUFFICIENT_DISC_RES", "The discovery controller has no room for more entries", CAPACITY),
    (0x33, "NVME_SC_REQSTD_FUNCTION_DISABLED", "Fabric zoning is disabled", REFUSED),
    (0x34, "NVME_SC_ZONEGRP_ORIGINATOR_INVLD", "The zone group belongs to another originator", FIELD),
    (0x35, "NVME_SC_INVALID_HOST", "The host entry is invalid", FIELD),
    (0x36, "NVME_SC_INVALID_NVM_SUBSYSTEM", "The NVM subsystem entry is invalid", FIELD),
    # libnvme spells it so
    (0x37, "NVME_SC_INVALID_CONTROLER_DATA_QUEUE", "The controller data queue is invalid", FIELD),
    (0x38, "NVME_SC_NOT_ENOUGH_RESOURCES", "The controller lacks the resources for the command", CAPACITY),
    (0x39, "NVME_SC_CONTROLLER_SUSPENDED", "The controller is suspended", REFUSED),
    (0x3A, "NVME_SC_CONTROLLER_NOT_SUSPENDED", "The controller is not suspended", REFUSED),
    (0x3B, "NVME_SC_CONTROLLER_DATA_QUEUE_FULL", "The controller data queue is full", CAPACITY),
    (0x3D, "NVME_SC_MFG_DEFAULT_PERSONALITY_REQUIRED", "The image does not fit the current personality settings",
     REFUSED),
    (0x3E, "NVME_SC_INVALID_POWER_LIMIT", "The power limit leaves no operational power state", FIELD),
    (0x3F, "NVME_SC_CROSS_CTRL_RESET_IN_PROGRESS", "A reset of that controller is in progress", BUSY),
    (0x40, "NVME_SC_CROSS_CTRL_RESET_LOG_FULL", "The cross-controller reset log is full", CAPACITY),
    (0x41, "NVME_SC_CROSS_CTRL_RESET_LIMIT_EXCEEDED", "Too many cross-controller resets are in progress", CAPACITY),
    (0x42, "NVME_SC_CONTROLLER_ACTIVE", "A controller of the exported subsystem is active", REFUSED),
    (0x43, "NVME_SC_INVALID_EXPORTED_ASSOCIATION", "The association conflicts with an existing one", REFUSED),
    (0x44, "NVME_SC_INVALID_EXPORTED_CONFIG_STATE", "The exported configuration state is invalid", FIELD),
    (0x80, "NVME_SC_BAD_ATTRIBUTES", "The attributes conflict with each other", FIELD),
    (0x81, "NVME_SC_INVALID_PI", "The protection information settings are invalid", FIELD),
    (0x82, "NVME_SC_READ_ONLY", "The range is read only", PROHIBITED),
    (0x83, "NVME_SC_CMD_SIZE_LIMIT_EXCEEDED", "The command exceeds a size limit", FIELD),
    (0x84, "NVME_SC_INVALID_CMD_ID", "The command identifier is the Cancel command's own", FIELD),
    (0x85, "NVME_SC_INCOMPATIBLE_NS", "The formats of source and destination namespace do not fit", FIELD),
    (0x86, "NVME_SC_FAST_COPY_NOT_POSSIBLE", "No fast copy of the range is possible", UNSUPPORTED),
    (0x87, "NVME_SC_OVERLAPPING_IO_RANGE", "Source and destination overlap", FIELD),
    (0x89, "NVME_SC_INSUFFICIENT_RESOURCES", "A shortage of resources prevented the copy", CAPACITY),
    (0xB6, "NVME_SC_ZNS_INVALID_OP_REQUEST", "The zone's state does not allow the operation", REFUSED),
    (0xB7, "NVME_SC_ZNS_ZRWA_RESOURCES_UNAVAILABLE", "No zone random write area is left", CAPACITY),
    (0xB8, "NVME_SC_ZNS_BOUNDARY_ERROR", "The range crosses the end of a zone", FIELD),
    (0xB9, "NVME_SC_ZNS_FULL", "The zone is full", CAPACITY),
    (0xBA, "NVME_SC_ZNS_READ_ONLY", "The zone is read only", PROHIBITED),
    (0xBB, "NVME_SC_ZNS_OFFLINE", "The zone is offline", REFUSED),
    (0xBC, "NVME_SC_ZNS_INVALID_WRITE", "The write is not at the zone's write pointer", FIELD),
    (0xBD, "NVME_SC_ZNS_TOO_MANY_ACTIVE", "Too many zones are active", CAPACITY),
    (0xBE, "NVME_SC_ZNS_TOO_MANY_OPENS", "Too many zones are open", CAPACITY),
    (0xBF, "NVME_SC_ZNS_INVAL_TRANSITION", "The zone cannot change its state like this", REFUSED),
)  # fmt: skip
"""Status code type 1. Up to 7Fh the values belong to admin commands; from 80h on to NVM and zoned I/O commands."""

FABRICS: tuple[Row, ...] = (
    (0x80, "NVME_SC_CONNECT_FORMAT", "The subsystem does not support the record format", FIELD),
    (0x81, "NVME_SC_CONNECT_CTRL_BUSY", "The controller is associated with a host already", BUSY),
    (0x82, "NVME_SC_CONNECT_INVALID_PARAM", "A parameter of Connect is invalid", FIELD),
    (0x83, "NVME_SC_CONNECT_RESTART_DISC", "The subsystem is not available; discover again", PATH),
    (0x84, "NVME_SC_CONNECT_INVALID_HOST", "The host may not connect", PROHIBITED),
    (0x85, "NVME_SC_DISCONNECT_INVALID_QTYPE", "The command was sent to the wrong kind of queue", FIELD),
    (0x90, "NVME_SC_DISCOVERY_RESTART", "The discovery records changed; read them again", CONFLICT),
    (0x91, "NVME_SC_AUTH_REQUIRED", "The queue must authenticate first", PROHIBITED),
)
"""Status code type 1 from 80h on, where the command is a fabrics command (opcode 7Fh)."""

PER_OPCODE: tuple[tuple[int, Row], ...] = (
    (0x8C, (0x12, "NVME_SC_EXCEEDS_MAX_NS_SANITIZE", "Too many namespaces are being sanitized", BUSY)),
)
"""Status code type 1 values that mean something else after one admin opcode: (opcode, row)."""

MEDIA_ERRORS: tuple[Row, ...] = (
    (0x80, "NVME_SC_WRITE_FAULT", "The data could not be committed to the media", MEDIA),
    (0x81, "NVME_SC_READ_ERROR", "The data could not be recovered from the media", MEDIA),
    (0x82, "NVME_SC_GUARD_CHECK", "The end-to-end guard check failed", MEDIA),
    (0x83, "NVME_SC_APPTAG_CHECK", "The end-to-end application tag check failed", MEDIA),
    (0x84, "NVME_SC_REFTAG_CHECK", "The end-to-end reference tag check failed", MEDIA),
    (0x85, "NVME_SC_COMPARE_FAILED", "The data differ from those compared with", REFUSED),
    (0x86, "NVME_SC_ACCESS_DENIED", "Access rights deny the range", PROHIBITED),
    (0x87, "NVME_SC_UNWRITTEN_BLOCK", "The range holds deallocated or unwritten blocks", REFUSED),
    (0x88, "NVME_SC_STORAGE_TAG_CHECK", "The end-to-end storage tag check failed", MEDIA),
)
"""Status code type 2."""

PATH_ERRORS: tuple[Row, ...] = (
    (0x00, "NVME_SC_ANA_INTERNAL_PATH_ERROR", "This controller failed internally; another may succeed", PATH),
    (0x01, "NVME_SC_ANA_PERSISTENT_LOSS", "This controller lost the namespace for good", PATH),
    (0x02, "NVME_SC_ANA_INACCESSIBLE", "The namespace is not accessible through this controller", PATH),
    (0x03, "NVME_SC_ANA_TRANSITION", "The namespace is changing its ANA state", PATH),
    (0x60, "NVME_SC_CTRL_PATH_ERROR", "The controller detected a pathing error", PATH),
    (0x70, "NVME_SC_HOST_PATH_ERROR", "The host detected a pathing error", PATH),
    (0x71, "NVME_SC_CMD_ABORTED_BY_HOST", "The host aborted the command", ABORTED),
)
"""Status code type 3."""
