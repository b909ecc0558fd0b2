"""Every feature that nvmed knows by name, in one table: `FEATURES`, by its name.

Layouts are those of the NVM Express Base Specification 2.1 (section 5.1.25) and the NVM Command Set Specification 1.1;
the rows of OCP are in `feature_table_ocp`. Power limits and thresholds (FID 22h to 24h) have none: they are read and
set as numbers.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from nvmed.nvme.feature_fields import FeatureRow, Field, Scope, Values
from nvmed.nvme.feature_table_ocp import OCP_FEATURES
from nvmed.nvme.features import AsyncEventConfiguration
from nvmed.nvme.identify import IdentifyController
from nvmed.nvme.layout import bit
from nvmed.nvme.opcodes import FeatureId

_OFF_ON: Final = {0: "disabled", 1: "enabled"}
_KERNEL: Final = "the kernel's NVMe driver sets it when it initialises the controller"
_CLUSTER: Final = "the software that holds reservations sets it"
_SENSORS: Final = {0: "composite", 15: "all", **{number: f"sensor {number}" for number in range(1, 9)}}


def _power_state(identity: IdentifyController, values: Values) -> str:
    state = values["power_state"]
    return f"power_state: is {state}; the controller has 0 to {identity.npss} (NPSS)" if state > identity.npss else ""


def _power_hazard(identity: IdentifyController, before: Values, after: Values) -> str:
    state = after["power_state"]
    if state == before.get("power_state") or not identity.psd[state].is_non_operational:
        return ""
    return f"power state {state} is non-operational: I/O waits until the drive has left it again"


def _cache_hazard(identity: IdentifyController, before: Values, after: Values) -> str:
    if after["enabled"] and not before.get("enabled"):
        return "with its volatile write cache the drive loses what is not flushed when power goes"
    return ""


def _thermal(identity: IdentifyController, values: Values) -> str:
    light, heavy = values["light_kelvin"], values["heavy_kelvin"]
    for name, value in (("light_kelvin", light), ("heavy_kelvin", heavy)):
        if value and not identity.mntmt <= value <= identity.mxtmt:
            return f"{name}: is {value}; the controller takes {identity.mntmt} to {identity.mxtmt}, or 0 for off"
    if light and heavy and light >= heavy:
        return f"light_kelvin: is {light}; it must be less than heavy_kelvin, {heavy}"
    return ""


def _recovery_hazard(identity: IdentifyController, before: Values, after: Values) -> str:
    if after["deallocated_block_error"] and not before.get("deallocated_block_error"):
        return "reading deallocated blocks fails from then on, where it gave zeros"
    return ""


def _protection(identity: IdentifyController, values: Values) -> str:
    state = values["state"]
    missing = {2: 1, 3: 2}.get(state)
    if state > 3 or (missing is not None and not bit(identity.nwpc, missing)):
        return f"state: is {state}; the controller has no such write protection (NWPC {identity.nwpc:#x})"
    return ""


def _protection_hazard(identity: IdentifyController, before: Values, after: Values) -> str:
    lasts = {1: "until it is set back", 2: "until the next power cycle", 3: "for ever"}.get(after["state"])
    return f"the namespace cannot be written to {lasts}" if lasts and after["state"] != before.get("state") else ""


def _transitions(identity: IdentifyController, values: Values) -> str:
    for state in range(identity.npss + 1):
        into = values.get(f"ps{state}_idle_state", 0)
        if into > identity.npss or (into and not identity.psd[into].is_non_operational):
            return f"ps{state}_idle_state: is {into}, which is no non-operational power state of this controller"
    return ""


def _fields(*rows: tuple[str, int, int, str]) -> tuple[Field, ...]:
    return tuple(Field(name, high, low, title) for name, high, low, title in rows)


def _switch(title: str, name: str = "enabled") -> tuple[Field, ...]:
    return (Field(name, 0, 0, title, _OFF_ON),)


_EVENTS: Final = tuple(
    Field(flag.name.lower(), low, low, "", _OFF_ON)
    for flag in AsyncEventConfiguration
    if flag.name and (low := flag.bit_length() - 1) >= 0
)
_IDLE: Final = tuple(
    part
    for state in range(32)
    for part in (
        Field(f"ps{state}_idle_state", state * 64 + 7, state * 64 + 3, "power state that an idle drive goes to",
              of_data=True),
        Field(f"ps{state}_idle_ms", state * 64 + 31, state * 64 + 8, "after so many ms; 0 for never", of_data=True),
    )
)  # fmt: skip

_ROWS: Final = (
    FeatureRow(
        FeatureId.ARBITRATION, "arbitration", "Weights of the submission queues", "Base 2.1, 5.1.25.1",
        _fields(("burst", 2, 0, "commands at once, as a power of two; 7 is no limit"),
                ("low_weight", 15, 8, "of low priority, less one"), ("medium_weight", 23, 16, "of medium priority"),
                ("high_weight", 31, 24, "of high priority")),
    ),
    FeatureRow(
        FeatureId.POWER_MANAGEMENT, "power-management", "Power state and workload", "Base 2.1, 5.1.25.1",
        _fields(("power_state", 4, 0, "0 is the most power"), ("workload_hint", 7, 5, "0 for none")),
        wrong=_power_state, hazard=_power_hazard,
    ),
    FeatureRow(
        FeatureId.LBA_RANGE_TYPE, "lba-range-type", "Types of ranges of blocks", "NVM 1.1, 4.1.3",
        _fields(("ranges_less_one", 5, 0, "number of ranges in the data, less one")), data_bytes=4096,
        scope=Scope.NAMESPACE, owner="operating systems of old set it; it is only shown",
    ),
    FeatureRow(
        FeatureId.TEMPERATURE_THRESHOLD, "temperature-threshold", "Temperature that a warning begins at",
        "Base 2.1, 5.1.25.1",
        _fields(("threshold_kelvin", 15, 0, "over or under which there is a warning"),
                ("hysteresis_kelvin", 24, 22, "how far back before it ends, where the controller has that (TMPTHHA)")),
        selectors=(Field("sensor", 19, 16, "0 composite, 1 to 8 a sensor", _SENSORS),
                   Field("side", 21, 20, "which threshold", {0: "over", 1: "under"})),
        selections=({}, {"side": 1}),
    ),
    FeatureRow(
        FeatureId.ERROR_RECOVERY, "error-recovery", "How long a read is retried", "NVM 1.1, 4.1.3",
        (Field("time_limit_100ms", 15, 0, "TLER: hundreds of ms of retries; 0 for no limit"),
         Field("deallocated_block_error", 16, 16, "DULBE: reading deallocated blocks fails", _OFF_ON)),
        scope=Scope.NAMESPACE, hazard=_recovery_hazard,
    ),
    FeatureRow(
        FeatureId.VOLATILE_WRITE_CACHE, "volatile-write-cache", "The write cache that loses data without power",
        "Base 2.1, 5.1.25.1", _switch("WCE"), capability="volatile_write_cache", hazard=_cache_hazard,
    ),
    FeatureRow(
        FeatureId.NUMBER_OF_QUEUES, "number-of-queues", "I/O queues", "Base 2.1, 5.1.25.2",
        _fields(("submission_less_one", 15, 0, "submission queues, less one"),
                ("completion_less_one", 31, 16, "completion queues, less one")), owner=_KERNEL,
    ),
    FeatureRow(
        FeatureId.INTERRUPT_COALESCING, "interrupt-coalescing", "When completions interrupt", "PCIe 1.1",
        _fields(("threshold_less_one", 7, 0, "completions before an interrupt, less one"),
                ("time_100us", 15, 8, "or so many hundreds of us")),
    ),
    FeatureRow(
        FeatureId.INTERRUPT_VECTOR_CONFIGURATION, "interrupt-vector-configuration",
        "Which interrupt vectors are not coalesced", "PCIe 1.1",
        (Field("coalescing_disabled", 16, 16, "CD", {0: "coalesced", 1: "not coalesced"}),),
        selectors=(Field("vector", 15, 0, "interrupt vector"),),
    ),
    FeatureRow(
        FeatureId.WRITE_ATOMICITY_NORMAL, "write-atomicity", "Whether AWUN and NAWUN need not be kept",
        "NVM 1.1, 4.1.3", (Field("normal_disabled", 0, 0, "DN: only AWUPF is kept", {0: "kept", 1: "not kept"}),),
    ),
    FeatureRow(
        FeatureId.ASYNCHRONOUS_EVENT_CONFIGURATION, "async-event-configuration", "Events that the controller reports",
        "Base 2.1, 5.1.25.1", _EVENTS, owner=f"{_KERNEL}, and nvmed lives on these events (WatchEvents)",
    ),
    FeatureRow(
        FeatureId.AUTONOMOUS_POWER_STATE_TRANSITION, "autonomous-power-state-transition",
        "Power states that an idle drive goes to by itself", "Base 2.1, 5.1.25.1",
        (*_switch("APSTE"), *_IDLE), data_bytes=256, wrong=_transitions,
        capability="autonomous_power_state_transition",
    ),
    FeatureRow(
        FeatureId.HOST_MEMORY_BUFFER, "host-memory-buffer", "Memory that the host lends", "Base 2.1, 5.1.25.2",
        (*_switch("EHM"), Field("size_pages", 31, 0, "HSIZE, in memory pages", of_data=True),
         Field("descriptors", 127, 96, "HMDLEC", of_data=True)), data_bytes=4096, owner=_KERNEL,
    ),
    FeatureRow(
        FeatureId.TIMESTAMP, "timestamp", "The drive's clock", "Base 2.1, 5.1.25.1",
        (Field("milliseconds", 47, 0, "since 1970, if the host set it", of_data=True),
         Field("stopped", 48, 48, "whether it may have stood still", {0: "no", 1: "perhaps"}, True, read_only=True),
         Field("origin", 51, 49, "where it comes from", {0: "reset", 1: "host"}, True, read_only=True)),
        data_bytes=8, capability="timestamp", keeps_value=False,
    ),
    FeatureRow(
        FeatureId.KEEP_ALIVE_TIMER, "keep-alive-timer", "How long a host may be silent", "Base 2.1, 5.1.25.1",
        _fields(("timeout_ms", 31, 0, "KATO; 0 for no limit")), owner=_KERNEL,
    ),
    FeatureRow(
        FeatureId.HOST_CONTROLLED_THERMAL_MANAGEMENT, "host-controlled-thermal-management",
        "Temperatures that the drive slows down at", "Base 2.1, 5.1.25.1",
        _fields(("heavy_kelvin", 15, 0, "TMT2: whatever it costs; 0 for off"),
                ("light_kelvin", 31, 16, "TMT1: with little loss of speed; 0 for off")), wrong=_thermal,
        capability="host_controlled_thermal_management",
    ),
    FeatureRow(
        FeatureId.NON_OPERATIONAL_POWER_STATE_CONFIG, "non-operational-power-state-config",
        "Whether background work may exceed a non-operational state's power", "Base 2.1, 5.1.25.1",
        _switch("NOPPME", "permissive"),
    ),
    FeatureRow(
        FeatureId.READ_RECOVERY_LEVEL_CONFIG, "read-recovery-level", "How hard reads are recovered",
        "Base 2.1, 5.1.25.1", (Field("level", 3, 0, "0 is the most recovery, 15 fails fast", dword=12),),
        selectors=(Field("nvm_set", 15, 0, "NVM set"),), scope=Scope.NVM_SET, capability="read_recovery_levels",
    ),
    FeatureRow(
        FeatureId.PREDICTABLE_LATENCY_MODE_CONFIG, "predictable-latency-mode", "Predictable latency mode",
        "Base 2.1, 5.1.25.1", (Field("enabled", 0, 0, "LPE", _OFF_ON),),
        selectors=(Field("nvm_set", 15, 0, "NVM set"),), data_bytes=512, scope=Scope.NVM_SET,
        capability="predictable_latency_mode", owner="the software that schedules its windows sets it",
    ),
    FeatureRow(
        FeatureId.LBA_STATUS_INFORMATION_REPORT_INTERVAL, "lba-status-report-interval",
        "How often LBA status is reported", "NVM 1.1, 4.1.3",
        (Field("interval_100ms", 15, 0, "LSIRI: hundreds of ms between two reports"),
         Field("poll_100ms", 31, 16, "LSIPI: the controller's own interval", read_only=True)),
        capability="lba_status_notices",
    ),
    FeatureRow(
        FeatureId.HOST_BEHAVIOR_SUPPORT, "host-behavior-support", "What the host says of itself",
        "Base 2.1, 5.1.25.1",
        (Field("retry_delays", 7, 0, "ACRE", _OFF_ON, True), Field("telemetry_area_4", 15, 8, "ETDAS", _OFF_ON, True),
         Field("extended_lba_formats", 23, 16, "LBAFEE", _OFF_ON, True)),
        data_bytes=512, owner="the kernel's NVMe driver sets it, and nvmed where telemetry area 4 is read "
        "(StreamTelemetry)",
    ),
    FeatureRow(
        FeatureId.SANITIZE_CONFIG, "sanitize-config", "What becomes of a sanitize that may not deallocate",
        "Base 2.1, 5.1.25.1",
        (Field("no_deallocate_response", 0, 0, "NODRM", {0: "error", 1: "warning"}),), capability="sanitize",
        scope=Scope.SUBSYSTEM,
    ),
    FeatureRow(
        FeatureId.ENDURANCE_GROUP_EVENT_CONFIGURATION, "endurance-group-event-configuration",
        "Warnings of an endurance group that are reported", "Base 2.1, 5.1.25.1",
        _fields(("critical_warnings", 23, 16, "EGCW: bits of the log's critical warning")),
        selectors=(Field("endurance_group", 15, 0, "endurance group"),), selections=({"endurance_group": 1},),
        scope=Scope.ENDURANCE_GROUP, capability="endurance_groups",
    ),
    FeatureRow(
        FeatureId.IO_COMMAND_SET_PROFILE, "io-command-set-profile", "Command sets in use", "Base 2.1, 5.1.25.1",
        _fields(("combination", 8, 0, "IOCSCI")), owner=_KERNEL,
    ),
    FeatureRow(
        FeatureId.SPINUP_CONTROL, "spinup-control", "Whether media that turn wait to be told", "Base 2.1, 5.1.25.1",
        _switch("SCE"), scope=Scope.SUBSYSTEM,
    ),
    FeatureRow(
        FeatureId.POWER_LOSS_SIGNALING_CONFIG, "power-loss-signaling", "Power loss signaling", "Base 2.1, 5.1.25.1",
        (Field("mode", 1, 0, "PLSM", {0: "off", 1: "emergency power fail", 2: "forced quiescence"}),),
    ),
    FeatureRow(
        FeatureId.FLEXIBLE_DATA_PLACEMENT, "flexible-data-placement", "Flexible data placement",
        "Base 2.1, 5.1.25.1",
        (Field("enabled", 0, 0, "FDPE", _OFF_ON, dword=12), Field("configuration", 15, 8, "FDPCIDX", dword=12)),
        selectors=(Field("endurance_group", 15, 0, "endurance group"),), selections=({"endurance_group": 1},),
        scope=Scope.ENDURANCE_GROUP, capability="flexible_data_placement",
        owner="who lays out the endurance group's namespaces sets it, for all of them are lost; it is only shown",
    ),
    FeatureRow(
        FeatureId.SOFTWARE_PROGRESS_MARKER, "software-progress-marker", "How often booting did not succeed",
        "NVM 1.1, 4.1.3", _fields(("count", 7, 0, "PBSLC")),
    ),
    FeatureRow(
        FeatureId.HOST_IDENTIFIER, "host-identifier", "Who the host is to reservations", "Base 2.1, 5.1.25.1",
        (Field("low", 63, 0, "the lower 64 bits", of_data=True), Field("high", 127, 64, "and the rest", of_data=True)),
        selectors=(Field("extended", 0, 0, "EXHID", {0: "64 bits", 1: "128 bits"}),), selections=({"extended": 1},),
        data_bytes=16, owner=_KERNEL,
    ),
    FeatureRow(
        FeatureId.RESERVATION_NOTIFICATION_MASK, "reservation-notification-mask", "Reservation events left out",
        "Base 2.1, 5.1.25.1",
        _fields(("registration_preempted", 1, 1, ""), ("reservation_released", 2, 2, ""),
                ("reservation_preempted", 3, 3, "")),
        scope=Scope.NAMESPACE, capability="reservations", owner=_CLUSTER,
    ),
    FeatureRow(
        FeatureId.RESERVATION_PERSISTENCE, "reservation-persistence", "Whether reservations outlive power",
        "Base 2.1, 5.1.25.1", _switch("PTPL"), scope=Scope.NAMESPACE, capability="reservations", owner=_CLUSTER,
    ),
    FeatureRow(
        FeatureId.NAMESPACE_WRITE_PROTECTION_CONFIG, "namespace-write-protection", "Whether it can be written to",
        "Base 2.1, 5.1.25.1",
        (Field("state", 2, 0, "", {0: "writable", 1: "protected", 2: "until power cycle", 3: "permanent"}),),
        scope=Scope.NAMESPACE, capability="namespace_write_protection", wrong=_protection, hazard=_protection_hazard,
    ),
    FeatureRow(
        FeatureId.BOOT_PARTITION_WRITE_PROTECTION_CONFIG, "boot-partition-write-protection",
        "Whether boot partitions can be written to", "Base 2.1, 5.1.25.1",
        tuple(Field(f"partition_{number}", number * 3 + 2, number * 3, "",
                    {0: "no change", 1: "unlocked", 2: "locked", 3: "locked until power cycle"})
              for number in (0, 1)),
        scope=Scope.SUBSYSTEM,
    ),
)  # fmt: skip

FEATURES: Final[Mapping[str, FeatureRow]] = MappingProxyType({row.name: row for row in (*_ROWS, *OCP_FEATURES)})
"""Every row by its name, in the order of their identifiers."""

_BY_ID: Final = {row.fid: row for row in FEATURES.values()}


def row_of(fid: int) -> FeatureRow | None:
    """The row of a feature identifier, None where its value is only a number."""
    return _BY_ID.get(fid)
