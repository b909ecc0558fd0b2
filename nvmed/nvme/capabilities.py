"""What a controller can do, and for what it cannot, which bit says so.

    caps = Capabilities(identify_controller)
    if caps.has("telemetry_area_4"): ...
    caps.require("namespace_management")   # NVME_UNSUPPORTED: "... OACS bit 3 is not set."

One table: a capability is the name that users see, the field of Identify Controller that decides, and its bits.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from nvmed.errors import NvmedError
from nvmed.nvme.identify import IdentifyController
from nvmed.nvme.layout import bit
from nvmed.reasons import Reason, error


@dataclass(frozen=True, slots=True)
class Capability:
    """One row: `name` is supported where any of `bits` of `field` is set; `title` begins sentences about it."""

    name: str
    field: str
    bits: tuple[int, ...]
    title: str

    def is_supported_by(self, controller: IdentifyController) -> bool:
        """Whether any of the bits is set."""
        value: int = getattr(controller, self.field)
        return any(bit(value, number) for number in self.bits)

    @property
    def source(self) -> str:
        """`OACS bit 3`: where the answer comes from."""
        return f"{self.field.upper()} {' or '.join(f'bit {number}' for number in self.bits)}"


def _rows(field: str, *rows: tuple[int | tuple[int, ...], str, str]) -> Iterator[Capability]:
    for numbers, name, title in rows:
        yield Capability(name, field, (numbers,) if isinstance(numbers, int) else numbers, title)


CAPABILITIES: dict[str, Capability] = {
    row.name: row
    for row in (
        *_rows(
            "oacs",
            (0, "security_send_receive", "Security Send and Receive"),
            (1, "format_nvm", "Format NVM"),
            (2, "firmware_download", "Firmware Image Download and Commit"),
            (3, "namespace_management", "Namespace Management and Attachment"),
            (4, "device_self_test", "Device Self-test"),
            (5, "directives", "Directives"),
            (6, "nvme_mi", "NVMe-MI Send and Receive"),
            (7, "virtualization_management", "Virtualization Management"),
            (8, "doorbell_buffer_config", "Doorbell Buffer Config"),
            (9, "get_lba_status", "Get LBA Status"),
            (10, "lockdown", "Command and Feature Lockdown"),
            (11, "live_migration", "Host Managed Live Migration"),
        ),
        *_rows(
            "lpa",
            (0, "smart_per_namespace", "SMART of a single namespace"),
            (1, "commands_supported_and_effects", "The Commands Supported and Effects log"),
            (2, "log_page_offset", "Reading log pages in parts"),
            # bit 6 without bit 3 is nonsense, but libnvme lets it pass
            ((3, 6), "telemetry", "Telemetry"),
            (4, "persistent_event_log", "The Persistent Event log"),
            (5, "supported_log_pages", "The Supported Log Pages log"),
            (6, "telemetry_area_4", "Telemetry data area 4"),
        ),
        *_rows(
            "frmw",
            (4, "firmware_activation_without_reset", "Activating firmware without a reset"),
            (5, "firmware_overlap_detection", "Detecting firmware updates that overlap"),
        ),
        *_rows(
            "cmic",
            (0, "multiple_ports", "More than one port"),
            (1, "multiple_controllers", "More than one controller in the subsystem"),
            (2, "virtual_function", "Being a virtual function"),
            (3, "ana_reporting", "Asymmetric namespace access reporting"),
        ),
        *_rows(
            "anacap",
            (0, "ana_optimized", "The ANA state optimized"),
            (1, "ana_non_optimized", "The ANA state non-optimized"),
            (2, "ana_inaccessible", "The ANA state inaccessible"),
            (3, "ana_persistent_loss", "The ANA state persistent loss"),
            (4, "ana_change", "The ANA state change"),
            (6, "ana_static_groups", "ANA groups that do not change while attached"),
            (7, "ana_group_selectable", "Choosing the ANA group of a new namespace"),
        ),
        *_rows(
            "ctratt",
            (0, "host_identifier_128_bit", "A host identifier of 128 bits"),
            (2, "nvm_sets", "NVM sets"),
            (3, "read_recovery_levels", "Read recovery levels"),
            (4, "endurance_groups", "Endurance groups"),
            (5, "predictable_latency_mode", "Predictable latency mode"),
            (6, "traffic_based_keep_alive", "Traffic based keep alive"),
            (7, "namespace_granularity", "Reporting the granularity of namespaces"),
            (9, "uuid_list", "The UUID list"),
            (10, "multiple_domains", "Multiple domains"),
            (11, "fixed_capacity_management", "Fixed capacity management"),
            (12, "variable_capacity_management", "Variable capacity management"),
            ((11, 12), "capacity_management", "Capacity management"),
            (15, "extended_lba_formats", "More than 16 LBA formats"),
            (19, "flexible_data_placement", "Flexible data placement"),
        ),
        *_rows(
            "oncs",
            (0, "compare", "Compare"),
            (1, "write_uncorrectable", "Write Uncorrectable"),
            (2, "dataset_management", "Dataset Management"),
            (3, "write_zeroes", "Write Zeroes"),
            (4, "save_features", "Saving features, and selecting which value to get"),
            (5, "reservations", "Reservations"),
            (6, "timestamp", "The timestamp feature"),
            (7, "verify", "Verify"),
            (8, "copy", "Copy"),
        ),
        *_rows(
            "sanicap",
            (0, "sanitize_crypto_erase", "Sanitizing by cryptographic erase"),
            (1, "sanitize_block_erase", "Sanitizing by block erase"),
            (2, "sanitize_overwrite", "Sanitizing by overwriting"),
            ((0, 1, 2), "sanitize", "Sanitize"),
            (3, "sanitize_media_verification", "Showing media that were sanitized before they are deallocated"),
        ),
        *_rows(
            "fna",
            (0, "format_applies_to_all", "Formatting all namespaces at once, always"),
            (1, "erase_applies_to_all", "Erasing all namespaces at once, always"),
            (2, "format_crypto_erase", "Cryptographic erase by Format NVM"),
        ),
        *_rows(
            "oaes",
            (8, "namespace_attribute_notices", "Notices of changed namespaces"),
            (9, "firmware_activation_notices", "Notices of firmware activation"),
            (11, "ana_change_notices", "Notices of changed ANA states"),
            (13, "lba_status_notices", "Notices of LBA status"),
        ),
        *_rows("apsta", (0, "autonomous_power_state_transition", "Autonomous power state transition")),
        *_rows("hctma", (0, "host_controlled_thermal_management", "Host controlled thermal management")),
        *_rows("vwc", (0, "volatile_write_cache", "A volatile write cache")),
        *_rows("nwpc", (0, "namespace_write_protection", "Namespace write protection")),
    )
}  # fmt: skip
"""Every capability by name, in the order of the fields of Identify Controller that matter most."""


@dataclass(frozen=True, slots=True)
class Capabilities:
    """The capabilities of one controller, as of one Identify."""

    controller: IdentifyController

    def has(self, name: str) -> bool:
        """Whether the controller has it. `KeyError` for a name that is not in the table."""
        return CAPABILITIES[name].is_supported_by(self.controller)

    def why_not(self, name: str) -> str:
        """The sentence that says why not; "" where it is supported."""
        row = CAPABILITIES[name]
        if row.is_supported_by(self.controller):
            return ""
        return f"{row.title} is not supported by this controller: {row.source} is not set in Identify Controller."

    def missing(self, name: str) -> NvmedError | None:
        """The error of a capability that the controller lacks, None where it has it."""
        sentence = self.why_not(name)
        if not sentence:
            return None
        row = CAPABILITIES[name]
        return error(Reason.NVME_UNSUPPORTED, sentence, capability=name, field=row.field.upper())

    def require(self, name: str) -> None:
        """Raise NVME_UNSUPPORTED, naming the bit, unless the controller has it."""
        problem = self.missing(name)
        if problem is not None:
            raise problem

    def supported(self) -> tuple[str, ...]:
        """The names of all that it has, in the table's order."""
        return tuple(name for name in CAPABILITIES if self.has(name))
