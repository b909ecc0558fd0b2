"""What each method needs, and who has it: deny by default.

A method is a permission (`{area}.{verb}`) over a resource that its request names; a role is a set of permissions. A
method without a row here is refused, and a test refuses to let one be served.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum, unique
from types import MappingProxyType
from typing import Final

from nvmed.errors import NvmedError
from nvmed.reasons import Reason, error
from nvmed.security.principal import Grant, Principal


@unique
class Audit(Enum):
    """Whether calls of a method are written to the audit before they run, and why. Denials always are."""

    NO = "no"
    CHANGE = "change"
    """It changes something, unless the request has validate_only."""
    SECRET = "secret"  # noqa: S105  # a word, not one
    """It shows key material."""


@unique
class Also(Enum):
    """What a call touches beside the resource that its request names first; the value is the fields that say so."""

    CONTROLLER_IDS = ("controller_ids",)
    """The controllers of these identifiers; for those of another host, the subsystem."""
    NAMESPACE = ("nsid", "all_namespaces")
    """The controllers that lead to the namespace, or to any of the subsystem's."""
    SUBSYSTEM = ()
    """Every controller of the same subsystem: they share its firmware, and its reset."""
    IMAGE = ("image",)
    DESIRED_IMAGE = ("desired.firmware.image",)
    """The image of the firmware that should run."""
    UPLOADED = ("header.sha256",)
    """The image that the bytes will be."""
    FETCHED = ("sha256",)
    """The image that will be fetched."""
    CONNECTIONS = ("host_nqn", "subsystem_nqn")
    """The controllers that these two are connected by."""


@dataclass(frozen=True, slots=True)
class Rule:
    """What a method needs: `permission`, over the resource in the request's `resource_field`, and over `also`.

    The field may be nested or repeated (`header.controller`, `controllers`: then over each of them), hold a resource
    name or a device node, and "" is the host. A method that changes something only sometimes is written down where it
    does: everything that changes a drive or a key is an operation, and each operation is audited.
    """

    permission: str
    resource_field: str = ""
    audit: Audit = Audit.NO
    also: tuple[Also, ...] = ()


READ_KEYS: Final = "keys.read"
"""To be shown key material that lies in a keyring. No role that ships has it, not even admin."""

SEE_POLICY: Final = "server.policy"
"""To see the policy; beside `server.read`, for a TestPermission that is about others."""

CREATE_SUPPORT: Final = "support.create"
"""To collect what a support bundle has of each of its drives; over the host, also what the daemon itself is like."""

READ_SUPPORT: Final = "support.read"
READ_TELEMETRY: Final = "telemetry.read"
ACKNOWLEDGE_TELEMETRY: Final = "telemetry.acknowledge"
"""Also beside `telemetry.capture`, for a capture that acknowledges."""

REFLECT: Final = "server.reflect"

PUBLIC: Final = frozenset({REFLECT})
"""What whoever has a role over anything has over the host: the contract is no secret."""

METHODS: Final[Mapping[str, Rule]] = MappingProxyType(
    {
        "/nvmed.v1.AdminService/GetServerInfo": Rule("server.read"),
        "/nvmed.v1.AdminService/GetPolicy": Rule(SEE_POLICY),
        "/nvmed.v1.AdminService/TestPermission": Rule("server.read"),
        "/nvmed.v1.AdminService/ListAuditRecords": Rule("audit.read"),
        "/nvmed.v1.InventoryService/ListControllers": Rule("inventory.read"),
        "/nvmed.v1.InventoryService/GetController": Rule("inventory.read", "name"),
        "/nvmed.v1.InventoryService/GetControllerCapabilities": Rule("inventory.read", "name"),
        "/nvmed.v1.InventoryService/ListSubsystems": Rule("inventory.read"),
        "/nvmed.v1.InventoryService/GetSubsystem": Rule("inventory.read", "name"),
        "/nvmed.v1.InventoryService/ListNamespaces": Rule("inventory.read", "parent"),
        "/nvmed.v1.InventoryService/GetNamespace": Rule("inventory.read", "name"),
        "/nvmed.v1.InventoryService/GetControllerSurroundings": Rule("inventory.read", "name"),
        "/nvmed.v1.InventoryService/SetLocator": Rule("inventory.locate", "name", Audit.CHANGE),
        "/nvmed.v1.InventoryService/ResetController": Rule("inventory.reset", "name", Audit.CHANGE),
        "/nvmed.v1.InventoryService/ResetSubsystem": Rule(
            "inventory.reset", "name", Audit.CHANGE, also=(Also.SUBSYSTEM,)
        ),
        "/nvmed.v1.FirmwareService/UploadImage": Rule("firmware.upload", audit=Audit.CHANGE, also=(Also.UPLOADED,)),
        "/nvmed.v1.FirmwareService/FetchImage": Rule("firmware.fetch", audit=Audit.CHANGE, also=(Also.FETCHED,)),
        "/nvmed.v1.FirmwareService/GetUpload": Rule("firmware.upload", "name"),
        "/nvmed.v1.FirmwareService/ListUploads": Rule("firmware.read"),
        "/nvmed.v1.FirmwareService/AbortUpload": Rule("firmware.upload", "name", Audit.CHANGE),
        "/nvmed.v1.FirmwareService/ListImages": Rule("firmware.read"),
        "/nvmed.v1.FirmwareService/GetImage": Rule("firmware.read", "name"),
        "/nvmed.v1.FirmwareService/DeleteImage": Rule("firmware.upload", "name", Audit.CHANGE),
        "/nvmed.v1.FirmwareService/DownloadFirmware": Rule(
            "firmware.download", "header.controller", Audit.CHANGE, also=(Also.SUBSYSTEM,)
        ),
        "/nvmed.v1.FirmwareService/StageFirmware": Rule(
            "firmware.stage", "controllers", Audit.CHANGE, also=(Also.IMAGE, Also.SUBSYSTEM)
        ),
        "/nvmed.v1.FirmwareService/ActivateFirmware": Rule(
            "firmware.activate", "controller", Audit.CHANGE, also=(Also.SUBSYSTEM,)
        ),
        "/nvmed.v1.FirmwareService/RollbackFirmware": Rule(
            "firmware.activate", "controller", Audit.CHANGE, also=(Also.SUBSYSTEM,)
        ),
        "/nvmed.v1.FirmwareService/VerifyFirmware": Rule("firmware.read", "controller"),
        "/nvmed.v1.FirmwareService/GetFirmwareSlots": Rule("firmware.read", "controller"),
        "/nvmed.v1.FirmwareService/ListFirmwareHistory": Rule("firmware.read", "parent"),
        "/google.longrunning.Operations/ListOperations": Rule("operations.read"),
        "/google.longrunning.Operations/GetOperation": Rule("operations.read", "name"),
        "/google.longrunning.Operations/WaitOperation": Rule("operations.read", "name"),
        "/google.longrunning.Operations/CancelOperation": Rule("operations.cancel", "name", Audit.CHANGE),
        "/google.longrunning.Operations/DeleteOperation": Rule("operations.cancel", "name"),
        "/nvmed.v1.TelemetryService/GetTelemetryCapabilities": Rule(READ_TELEMETRY, "controller"),
        "/nvmed.v1.TelemetryService/StreamTelemetry": Rule(READ_TELEMETRY, "controller"),
        "/nvmed.v1.TelemetryService/AcknowledgeTelemetry": Rule(ACKNOWLEDGE_TELEMETRY, "controller", Audit.CHANGE),
        "/nvmed.v1.TelemetryService/CaptureTelemetry": Rule("telemetry.capture", "controller", Audit.CHANGE),
        "/nvmed.v1.TelemetryService/ReadCapture": Rule(READ_TELEMETRY, "name"),
        "/nvmed.v1.TelemetryService/ListCaptures": Rule(READ_TELEMETRY, "parent"),
        "/nvmed.v1.TelemetryService/GetCapture": Rule(READ_TELEMETRY, "name"),
        "/nvmed.v1.TelemetryService/DeleteCapture": Rule("telemetry.delete", "name", Audit.CHANGE),
        "/nvmed.v1.LogService/GetAnaLogSize": Rule("log.read", "controller"),
        "/nvmed.v1.LogService/GetAnaLog": Rule("log.read", "controller"),
        "/nvmed.v1.LogService/GetLbaStatusLog": Rule("log.read", "controller"),
        "/nvmed.v1.LogService/GetSmartLog": Rule("log.read", "controller"),
        "/nvmed.v1.LogService/ListErrorLogEntries": Rule("log.read", "controller"),
        "/nvmed.v1.LogService/GetEffectsLog": Rule("log.read", "controller"),
        "/nvmed.v1.LogService/GetSelfTestLog": Rule("log.read", "controller"),
        "/nvmed.v1.LogService/StartSelfTest": Rule("log.self_test", "controller", Audit.CHANGE),
        "/nvmed.v1.LogService/GetSanitizeStatus": Rule("log.read", "controller"),
        "/nvmed.v1.LogService/GetPersistentEventLog": Rule("log.read", "controller"),
        "/nvmed.v1.LogService/GetSupportedLogPages": Rule("log.read", "controller"),
        "/nvmed.v1.LogService/GetOcpSmartLog": Rule("log.read", "controller"),
        **{
            f"/nvmed.v1.LogService/{name}": Rule("log.read", "controller")
            for name in (
                "GetOcpErrorRecoveryLog",
                "GetOcpFirmwareActivationHistory",
                "GetLatencyMonitorLog",
                "GetOcpDeviceCapabilities",
                "GetOcpUnsupportedRequirements",
                "GetOcpHardwareComponents",
                "GetOcpTcgConfigurationLog",
                "GetOcpTelemetryStrings",
                "GetEnduranceGroupLog",
                "GetEventAggregateLog",
                "GetPredictableLatencyLog",
                "GetMediaUnitStatusLog",
                "GetCapacityConfigurations",
                "GetRotationalMediaLog",
                "GetFeatureEffectsLog",
                "GetManagementEffectsLog",
                "GetChangedNamespaces",
                "GetBootPartition",
                "GetPowerMeasurementLog",
                "GetSanitizedNamespaces",
            )
        },
        "/nvmed.v1.LogService/ClearOcpFirmwareActivationHistory": Rule("log.clear", "controller", Audit.CHANGE),
        "/nvmed.v1.LogService/ConfigureLatencyMonitor": Rule("log.latency_monitor", "controller", Audit.CHANGE),
        "/nvmed.v1.LogService/ReadLogPage": Rule("log.read", "controller"),
        "/nvmed.v1.PassthruService/ExecuteAdmin": Rule("passthru.admin", "controller"),
        "/nvmed.v1.PassthruService/ExecuteIo": Rule("passthru.io", "namespace"),
        "/nvmed.v1.PassthruService/TestPassthru": Rule("passthru.test", "resource"),
        "/nvmed.v1.NamespaceService/ListAllocatedNamespaces": Rule("namespace.read", "controller"),
        "/nvmed.v1.NamespaceService/GetNamespaceIdentity": Rule("namespace.read", "controller"),
        "/nvmed.v1.NamespaceService/GetLogicalBlockSize": Rule("namespace.read", "controller"),
        "/nvmed.v1.NamespaceService/AttachControllers": Rule(
            "namespace.attach", "controller", Audit.CHANGE, also=(Also.CONTROLLER_IDS,)
        ),
        "/nvmed.v1.NamespaceService/DetachControllers": Rule(
            "namespace.attach", "controller", Audit.CHANGE, also=(Also.CONTROLLER_IDS,)
        ),
        "/nvmed.v1.NamespaceService/CreateNamespace": Rule("namespace.create", "controller", Audit.CHANGE),
        "/nvmed.v1.NamespaceService/DeleteNamespace": Rule(
            "namespace.delete", "controller", Audit.CHANGE, also=(Also.NAMESPACE,)
        ),
        "/nvmed.v1.NamespaceService/FormatNamespace": Rule(
            "namespace.format", "controller", Audit.CHANGE, also=(Also.NAMESPACE,)
        ),
        "/nvmed.v1.NamespaceService/RescanController": Rule("namespace.rescan", "controller", Audit.CHANGE),
        "/nvmed.v1.DriveService/SanitizeDrive": Rule("drive.erase", "controller", Audit.CHANGE, also=(Also.SUBSYSTEM,)),
        "/nvmed.v1.DriveService/RevertDrive": Rule("drive.erase", "controller", Audit.CHANGE, also=(Also.SUBSYSTEM,)),
        "/nvmed.v1.DriveService/ExitSanitizeFailureMode": Rule(
            "drive.erase", "controller", Audit.CHANGE, also=(Also.SUBSYSTEM,)
        ),
        "/nvmed.v1.DriveService/GetSecurityState": Rule("log.read", "controller"),
        "/nvmed.v1.DriveService/ListErasureRecords": Rule("erasure.read"),
        "/nvmed.v1.DriveService/GetErasureRecord": Rule("erasure.read", "name"),
        "/nvmed.v1.DriveService/GetErasureKey": Rule("erasure.read"),
        "/nvmed.v1.DriveService/RunSelfTest": Rule("log.self_test", "controller", Audit.CHANGE),
        "/nvmed.v1.DriveService/PlanDrive": Rule("desired.read", "controller", also=(Also.DESIRED_IMAGE,)),
        "/nvmed.v1.DriveService/ApplyDrive": Rule(
            "desired.apply", "controller", Audit.CHANGE, also=(Also.DESIRED_IMAGE, Also.SUBSYSTEM)
        ),
        "/nvmed.v1.DriveService/ListFeatures": Rule("feature.read", "controller"),
        "/nvmed.v1.DriveService/GetFeature": Rule("feature.read", "controller"),
        "/nvmed.v1.DriveService/SetFeature": Rule("feature.set", "controller", Audit.CHANGE, also=(Also.NAMESPACE,)),
        "/nvmed.v1.SupportService/CreateSupportBundle": Rule(CREATE_SUPPORT, "controllers", Audit.CHANGE),
        "/nvmed.v1.SupportService/ReadSupportBundle": Rule(READ_SUPPORT, "name"),
        "/nvmed.v1.SupportService/ListSupportBundles": Rule(READ_SUPPORT),
        "/nvmed.v1.SupportService/GetSupportBundle": Rule(READ_SUPPORT, "name"),
        "/nvmed.v1.SupportService/DeleteSupportBundle": Rule(CREATE_SUPPORT, "name", Audit.CHANGE),
        "/nvmed.v1.KeyService/LookupKeyring": Rule("keys.list"),
        "/nvmed.v1.KeyService/DescribeKey": Rule("keys.list"),
        "/nvmed.v1.KeyService/LookupKey": Rule("keys.list"),
        "/nvmed.v1.KeyService/ScanTlsKeys": Rule("keys.list"),
        "/nvmed.v1.KeyService/ReadKey": Rule(READ_KEYS, audit=Audit.SECRET),
        "/nvmed.v1.KeyService/CheckTlsKey": Rule("keys.check"),
        "/nvmed.v1.KeyService/GenerateTlsKeyIdentity": Rule("keys.check"),
        "/nvmed.v1.KeyService/GenerateTlsKey": Rule("keys.generate", audit=Audit.SECRET),
        "/nvmed.v1.KeyService/GenerateDhchapKey": Rule("keys.generate", audit=Audit.SECRET),
        "/nvmed.v1.KeyService/ExportTlsKey": Rule("keys.generate", audit=Audit.SECRET),
        "/nvmed.v1.KeyService/LinkKeyring": Rule("keys.write", audit=Audit.CHANGE),
        "/nvmed.v1.KeyService/UpdateKey": Rule("keys.write", audit=Audit.CHANGE),
        "/nvmed.v1.KeyService/InsertTlsKey": Rule("keys.write", audit=Audit.CHANGE),
        "/nvmed.v1.KeyService/ImportTlsKey": Rule("keys.write", audit=Audit.CHANGE),
        "/nvmed.v1.KeyService/RevokeTlsKey": Rule("keys.write", audit=Audit.CHANGE),
        "/nvmed.v1.KeyService/RotateTlsKey": Rule("keys.rotate", audit=Audit.CHANGE, also=(Also.CONNECTIONS,)),
        "/nvmed.v1.KeyService/RotateDhchapKey": Rule("keys.rotate", audit=Audit.CHANGE, also=(Also.CONNECTIONS,)),
        "/nvmed.v1.EventService/WatchEvents": Rule("events.read", "controller"),
        "/nvmed.v1.EventService/ListEvents": Rule("events.read"),
        "/grpc.health.v1.Health/Check": Rule("server.health"),
        "/grpc.health.v1.Health/List": Rule("server.health"),
        "/grpc.health.v1.Health/Watch": Rule("server.health"),
        **{
            f"/grpc.channelz.v1.Channelz/{name}": Rule("server.channelz")
            for name in (
                "GetTopChannels",
                "GetServers",
                "GetServer",
                "GetServerSockets",
                "GetChannel",
                "GetSubchannel",
                "GetSocket",
            )
        },
        **{
            f"/grpc.reflection.{version}.ServerReflection/ServerReflectionInfo": Rule(REFLECT)
            for version in ("v1", "v1alpha")
        },
    }
)
"""Every method that is served, by its full name."""

CREATE_TELEMETRY: Final = "telemetry.create"
"""Beside `telemetry.read` or `telemetry.capture`, where a log is created: it replaces the host-initiated log there was.
"""

CLEAR_LOG: Final = "log.clear"
"""Beside `log.read`, for reading that changes something: an event, another's context, a measurement."""

CHANGE_BY_PASSTHRU: Final = "passthru.change"
"""Beside `passthru.admin` or `passthru.io`, for commands that may change state."""

READ_METRICS: Final = "metrics.read"
"""To scrape metrics over TLS. They are HTTP's and no method of the contract."""

PERMISSIONS: Final = frozenset(rule.permission for rule in METHODS.values()) | {
    READ_METRICS,
    CREATE_TELEMETRY,
    CLEAR_LOG,
    CHANGE_BY_PASSTHRU,
}

_VIEWER: Final = PUBLIC | frozenset(
    {
        "server.read",
        "server.health",
        "inventory.read",
        READ_TELEMETRY,
        "log.read",
        "feature.read",
        "desired.read",
        "namespace.read",
        "firmware.read",
        "erasure.read",
        "operations.read",
        "events.read",
        "keys.list",
        READ_METRICS,
    }
)
_OPERATOR: Final = _VIEWER | {
    ACKNOWLEDGE_TELEMETRY,
    CREATE_TELEMETRY,
    "telemetry.capture",
    "telemetry.delete",
    CLEAR_LOG,
    "log.self_test",
    "inventory.locate",
    "log.latency_monitor",
    CREATE_SUPPORT,
    READ_SUPPORT,
    "inventory.reset",
    "operations.cancel",
}

ROLES: Final[Mapping[str, frozenset[str]]] = MappingProxyType(
    {
        "metrics": PUBLIC | {READ_METRICS},
        "viewer": _VIEWER,
        "operator": _OPERATOR,
        "firmware": _VIEWER
        | {
            "firmware.upload",
            "firmware.fetch",
            "firmware.download",
            "firmware.stage",
            "firmware.activate",
            "inventory.locate",
            "inventory.reset",
            "operations.cancel",
        },
        "keys": PUBLIC
        | frozenset(
            {
                "server.read",
                "server.health",
                "inventory.read",
                "operations.read",
                "operations.cancel",
                "events.read",
                "keys.list",
                "keys.check",
                "keys.generate",
                "keys.write",
                "keys.rotate",
            }
        ),
        "admin": PERMISSIONS - {READ_KEYS},
    }
)
"""The roles that ship. Viewers change nothing, operators nothing that data depends on; only admin may destroy data."""


def rule_of(method: str) -> Rule:
    """The rule of a method; raises POLICY_DENIED for one that has none."""
    rule = METHODS.get(method)
    if rule is None:
        raise error(Reason.POLICY_DENIED, f"no rule allows {method} to anyone", method=method, rule="default")
    return rule


def is_audited(rule: Rule, request: object) -> bool:
    """Whether a call is written to the audit before it runs: not if its request, or the header in it, only asks what
    would be done.
    """
    if rule.audit is Audit.CHANGE:
        header, _, _ = rule.resource_field.rpartition(".")
        return not getattr(getattr(request, header) if header else request, "validate_only", False)
    return rule.audit is Audit.SECRET


def grant_of(principal: Principal, permission: str, resource: str) -> Grant | None:
    """The first of the principal's grants that gives `permission` over `resource`; None if none does."""
    return next((grant for grant in principal.grants if grant.covers(permission, resource)), None)


def may_see(principal: Principal, permission: str, begun_by: str, subjects: Iterable[str]) -> bool:
    """Whether `permission` lets a principal at what `begun_by` has begun: its own, or what it is over all subjects of.

    For its own it must still have the permission over something: who is blocked, or has lost the role, has it no more.
    """
    if begun_by == principal.name:
        return any(permission in grant.permissions for grant in principal.grants)
    found = [grant_of(principal, permission, subject) for subject in subjects]
    return bool(found) and None not in found


def authorise(principal: Principal, permission: str, resource: str) -> None:
    """Raise POLICY_DENIED unless one of the principal's grants gives `permission` over `resource`."""
    if grant_of(principal, permission, resource) is None:
        raise denied(principal, permission, resource)


def denied(principal: Principal, permission: str, resource: str) -> NvmedError:
    """The denial, which says who lacks what over what."""
    return error(
        Reason.POLICY_DENIED,
        f"{principal.name} lacks permission {permission} on {resource}",
        principal=principal.name,
        permission=permission,
        resource=resource,
        rule="default",
    )
