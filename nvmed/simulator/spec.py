"""What a simulated drive is like: everything about it that does not change by itself.

A `DriveSpec` describes one NVM subsystem with its controllers and namespaces. The defaults make a believable
enterprise drive; each field is one thing that a test or an operator may want different.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from enum import Enum, unique
from typing import Self

KIB = 1024
MIB = 1024 * KIB
GIB = 1024 * MIB
BLOCK_BYTES = 512
"""A telemetry data block."""

PAGE_BYTES = 4096
"""The controller's minimum memory page (CAP.MPSMIN 0): the unit of MDTS, FWUG and firmware portions."""


@dataclass(frozen=True, slots=True)
class LbaFormat:
    """One row of a namespace's LBA format table. `data_bytes` is a power of two from 512 on."""

    data_bytes: int = 512
    metadata_bytes: int = 0
    relative_performance: int = 0


DEFAULT_FORMATS = (LbaFormat(512, 0, 2), LbaFormat(4096, 0, 0), LbaFormat(512, 8, 3), LbaFormat(4096, 8, 1))


@dataclass(frozen=True, slots=True)
class NamespaceSpec:
    """A namespace that exists when the drive is first powered. `controllers` None attaches all of them."""

    size_bytes: int = GIB
    format_index: int = 0
    extended_metadata: bool = False
    shared: bool = True
    controllers: tuple[int, ...] | None = None
    ana_group: int = 1


@dataclass(frozen=True, slots=True)
class TelemetrySpec:
    """The two telemetry logs.

    `last_blocks` are DALB1 to DALB4 as a full capture has them: cumulative, in blocks of 512 bytes, also values that
    make no sense. Without `host_log_present` no host-initiated log was created yet: all of its areas are empty.
    Of a drive that is `ocp`, area 1 begins as OCP defines it.
    """

    last_blocks: tuple[int, int, int, int] = (64, 256, 1024, 4096)
    host_log_present: bool = False
    seed: int = 0
    reason: bytes = b"simulated capture"
    subsystem_scope: bool = False
    ocp: bool = False

    def __post_init__(self) -> None:
        if max(self.last_blocks[:3]) > 0xFFFF or self.last_blocks[3] > 0xFFFF_FFFF:
            raise ValueError(f"last_blocks: {self.last_blocks} do not fit; areas 1 to 3 end by block 65535")

    @classmethod
    def of_sizes(cls, *area_bytes: int, host_log_present: bool = True, seed: int = 0) -> Self:
        """Areas of the given sizes, each rounded up to blocks; fewer than four leave the rest empty."""
        last, ends = 0, []
        for size in (*area_bytes, 0, 0, 0, 0)[:4]:
            last += -(-size // BLOCK_BYTES)
            ends.append(last)
        return cls(last_blocks=(ends[0], ends[1], ends[2], ends[3]), host_log_present=host_log_present, seed=seed)


@unique
class Activation(Enum):
    """Which reset activates firmware that was committed for the next one."""

    CONTROLLER_RESET = "controller"
    SUBSYSTEM_RESET = "subsystem"
    CONVENTIONAL_RESET = "conventional"


@dataclass(frozen=True, slots=True)
class FirmwareSpec:
    """Slots and rules of firmware update.

    `slots` names the revision in each slot, "" for an empty one. `granularity_pages` is FWUG: 0 for no information,
    255 for no restriction; `granularity_enforced` false makes a drive that reports one and takes anything.
    `immediate` false refuses commit action 3 with "requires controller reset". `activation_time_ms` above
    `maximum_time_ms` (MTFA) refuses it with "maximum time violation". `restart_at_zero` false refuses also a portion
    at offset 0 that was sent before, instead of beginning anew.
    """

    slots: tuple[str, ...] = ("1.0.0", "", "")
    active_slot: int = 1
    slot_1_read_only: bool = False
    granularity_pages: int = 1
    granularity_enforced: bool = True
    activation: Activation = Activation.CONTROLLER_RESET
    immediate: bool = True
    activation_time_ms: int = 0
    maximum_time_ms: int = 10_000
    maximum_image_bytes: int = 64 * MIB
    restart_at_zero: bool = True
    prohibited_revisions: frozenset[str] = frozenset()
    any_image: bool = False


@dataclass(frozen=True, slots=True)
class PowerStateSpec:
    """A power state: what it takes at most, and whether I/O is processed in it."""

    maximum_mw: int
    operational: bool = True


@dataclass(frozen=True, slots=True)
class FeaturesSpec:
    """What is different about a drive's features, by their identifiers.

    `ignored` are those that answer Set Features with success and stay as they are. `ocp` gives it OCP's own, under
    their UUID index where `DriveSpec.uuids` has OCP's.
    """

    absent: frozenset[int] = frozenset()
    not_saveable: frozenset[int] = frozenset()
    not_changeable: frozenset[int] = frozenset()
    ignored: frozenset[int] = frozenset()
    selectable: bool = True
    """ONCS bit 4: values other than the current one, and Save."""
    ocp: bool = True


@dataclass(frozen=True, slots=True)
class OcpSpec:
    """How a drive follows the OCP Datacenter NVMe SSD Specification: 2.0, 2.5, 2.6 or 2.7.

    `unsupported_requirements` are identifiers of at most 16 characters, `full_writes` how often the whole capacity may
    be written in its life.
    """

    version: tuple[int, int] = (2, 6)
    unsupported_requirements: tuple[str, ...] = ()
    full_writes: int = 1825

    def __post_init__(self) -> None:
        if self.version not in ((2, 0), (2, 5), (2, 6), (2, 7)):
            raise ValueError(f"version: {self.version}; there are 2.0, 2.5, 2.6 and 2.7")


HOST_NQN = "nqn.2014-08.org.nvmexpress:uuid:6e766d65-6473-496d-8000-000000000001"
HOST_ID = "6e766d65-6473-496d-8000-000000000001"


@dataclass(frozen=True, slots=True)
class Connection:
    """What a simulated host asked for when it connected a drive over fabrics; "" for what it left out."""

    traddr: str = "192.0.2.1"
    trsvcid: str = "4420"
    transport: str = "tcp"
    host_traddr: str = ""
    host_iface: str = ""
    host_nqn: str = HOST_NQN
    host_id: str = HOST_ID

    @property
    def address(self) -> str:
        """As sysfs shows it, but for `src_addr`."""
        options = (("traddr", self.traddr), ("trsvcid", self.trsvcid), ("host_traddr", self.host_traddr),
                   ("host_iface", self.host_iface))  # fmt: skip
        return ",".join(f"{name}={value}" for name, value in options if value)


@dataclass(frozen=True, slots=True)
class TcgSpec:
    """A drive of Opal 2 as it is when it is first powered.

    `psid` is what its label says, "" for a drive that is not reverted so. After `psid_tries` that were wrong it takes
    no other until its power was off. What does not encrypt its media keeps its data through a revert.
    """

    locking_enabled: bool = False
    locked: bool = False
    mbr_enabled: bool = False
    mbr_done: bool = False
    sid_owned: bool = False
    sid_blocked: bool = False
    encrypts: bool = True
    psid: str = ""
    psid_tries: int = 5


@dataclass(frozen=True, slots=True)
class DriveSpec:
    """One NVM subsystem. Units stand in the names; `mdts` is a power of two of 4 KiB pages, 0 for no limit."""

    serial: str = "NVMED00000001"
    model: str = "nvmed simulated drive"
    nqn: str = ""
    nvme_version: int = 0x0002_0000
    """VER, 2.0.0: an older drive has reserved bytes where later versions have fields."""
    vendor_id: int = 0x1B36
    oui: int = 0x52_54_00
    controllers: int = 1
    first_controller_id: int = 1
    dynamic_controllers: bool = False
    """Over fabrics: each association gets another controller identifier (the dynamic controller model)."""
    mdts: int = 5
    latency_ms: float = 0.0
    maximum_namespaces: int = 32
    capacity_bytes: int = 16 * GIB
    namespaces: tuple[NamespaceSpec, ...] = (NamespaceSpec(),)
    lba_formats: tuple[LbaFormat, ...] = DEFAULT_FORMATS
    ana_groups: int = 2
    """0 for a drive without Asymmetric Namespace Access."""
    log_attributes: int = 0x7E
    """LPA: effects, extended data, telemetry, persistent events, supported log pages, telemetry area 4."""
    ignores_log_page_offset: bool = False
    """Whether Get Log Page begins with the log's beginning whatever offset it asks for, as success."""
    optional_admin_commands: int = 0x21E
    """OACS: format, firmware, namespace management, self-test, Get LBA Status."""
    tcg: TcgSpec | None = None
    """Opal, for a drive that speaks TCG's protocol; bit 0 of OACS brings Security Send and Receive."""
    sanitize_capabilities: int = 0x7
    """SANICAP: crypto erase, block erase, overwrite."""
    no_deallocate_warns: bool = False
    """With bit 29 of SANICAP (NDI): whether "no deallocate" is ignored instead of refused (NODRM of feature 17h)."""
    uuids: tuple[uuid.UUID, ...] = ()
    """The UUID list; with OCP's in it, log page C0h is OCP's by that index alone, and with another one all zero."""
    ocp: OcpSpec | None = field(default_factory=OcpSpec)
    """None for a drive without OCP's log pages and features."""
    endurance_groups: int = 0
    """Groups that share the capacity, all of the drive's own in the first; 0 for a drive without."""
    nvm_sets: int = 0
    """NVM sets in predictable latency mode."""
    capacity_management: bool = False
    """Media units, and two configurations of the capacity to select."""
    rotational: bool = False
    boot_partitions: tuple[bytes, bytes] | None = None
    """What is in boot partitions 0 and 1: as long as each other, in multiples of 128 KiB."""
    power_measurement: bool = False
    error_log_entries: int = 64
    firmware: FirmwareSpec = field(default_factory=FirmwareSpec)
    telemetry: TelemetrySpec = field(default_factory=TelemetrySpec)
    subsystem_reset: bool = True
    """CAP.NSSRS: whether the host can reset the whole subsystem."""
    features: FeaturesSpec = field(default_factory=FeaturesSpec)
    power_states: tuple[PowerStateSpec, ...] = (
        PowerStateSpec(25_000),
        PowerStateSpec(14_000),
        PowerStateSpec(5_000, operational=False),
    )
    autonomous_power_states: bool = False
    """APSTA: the host may say which power states an idle drive goes to."""
    short_self_test_s: float = 120.0
    extended_self_test_min: int = 30
    self_test_options: int = 1
    """DSTO: bit 0 allows one test in the subsystem, bit 1 is host-initiated refresh."""
    self_test_of_all: bool = True
    """Whether a self-test may name all namespaces at once."""
    format_s: float = 0.0
    sanitize_s: float = 60.0
    composite_temperature_kelvin: int = 311
    lives: bool = False
    """Whether its temperature moves with time and work."""
    endurance_writes: int = 1825
    """How often its capacity may be written until 100 % of it is used: once a day for five years."""
    journal_limit: int = 16384
    """How many commands `Controller.journal` remembers."""

    def __post_init__(self) -> None:
        """`ValueError` for what no drive can be."""
        slots, namespaces = self.firmware.slots, self.namespaces
        for name, texts, limit in (("serial", [self.serial], 20), ("model", [self.model], 40), ("slots", slots, 8)):
            if any(len(text) > limit or not text.isascii() for text in texts):
                raise ValueError(f"{name}: {texts} must be ASCII of at most {limit} characters")
        if not 1 <= len(slots) <= 7 or not 1 <= self.firmware.active_slot <= len(slots):
            raise ValueError(f"slots: {len(slots)} with {self.firmware.active_slot} active; use 1 to 7")
        if len(namespaces) > self.maximum_namespaces or sum(one.size_bytes for one in namespaces) > self.capacity_bytes:
            raise ValueError(f"namespaces: they exceed {self.maximum_namespaces} or {self.capacity_bytes} bytes")

    @property
    def subsystem_nqn(self) -> str:
        """`nqn`, or the UUID form of one made of serial and model."""
        if self.nqn:
            return self.nqn
        return f"nqn.2014-08.org.nvmexpress:uuid:{uuid.uuid5(uuid.NAMESPACE_OID, f'{self.serial}/{self.model}')}"

    @property
    def maximum_transfer_bytes(self) -> int | None:
        """What MDTS allows in one command, None for no limit."""
        return PAGE_BYTES << self.mdts if self.mdts else None
