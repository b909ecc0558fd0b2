"""What the numbers in OCP's telemetry mean (OCP Datacenter NVMe SSD Specification 2.5 to 2.7, "Telemetry")."""

from __future__ import annotations

from typing import Final

STATISTICS: Final = dict(
    enumerate(
        (
            "Outstanding Admin Commands", "Host Write Bandwidth", "GC Write Bandwidth", "Active Namespaces",
            "Internal Write Workload", "Internal Read Workload", "Internal Write Queue Depth",
            "Internal Read Queue Depth", "Pending Trim LBA Count", "Host Trim LBA Request Count",
            "Current NVMe Power State", "Current DSSD Power State", "Program Fail Count", "Erase Fail Count",
            "Read Disturb Writes", "Retention Writes", "Wear Leveling Writes", "Read Recovery Writes", "GC Writes",
            "SRAM Correctable Count", "DRAM Correctable Count", "SRAM Uncorrectable Count", "DRAM Uncorrectable Count",
            "Data Integrity Error Count", "Read Retry Error Count", "PERST Events Count", "Max Die Bad Block",
            "Max NAND Channel Bad Block", "Minimum NAND Channel Bad Block", "Physical Media Units Written",
            "Physical Media Units Read", "Bad User NAND Blocks", "Bad System NAND Blocks", "XOR Recovery Count",
            "Uncorrectable Read Error Count", "Soft ECC Error Count", "End to End Correction Counts",
            "System Data % Used", "Refresh Counts", "User Data Erase Counts", "Thermal Throttling Status and Count",
            "DSSD Specification Version", "PCIe Correctable Error Count", "Incomplete Shutdowns", "% Free Blocks",
            "Capacitor Health", "NVM Express Base Errata Version", "NVM Command Set Errata Version",
            "NVM Express Management Interface Errata Version", "Unaligned I/O", "Security Version Number",
            "Total NUSE", "PLP Start Count", "Endurance Estimate", "PCIe Link Retraining Count",
            "Power State Change Count", "Lowest Permitted Firmware Revision", "Log Page Version", "Media Dies Offline",
            "Max Temperature Recorded", "NAND Avg. Erase Count", "Command Timeouts",
            "System Area Program Fail Count", "System Area Read Fail Count", "System Area Erase Fail Count",
            "Max Peak Power Capability", "Current Average Power", "Lifetime Power Consumed", "Error / Assert Count",
            "Device Busy Time", "Critical Warning", "Composite Temperature", "Available Spare",
            "Available Spare Threshold", "Percentage Used", "Endurance Group Critical Warning Summary",
            "Data Units Read", "Data Units Written", "Host Read Commands", "Host Write Commands",
            "Controller Busy Time", "Power Cycles", "Power On Hours", "Unsafe Shutdowns",
            "Media and Data Integrity Errors", "Number of Error Information Log Entries",
            "Warning Composite Temperature Time", "Critical Composite Temperature Time",
            *(f"Temperature Sensor {number}" for number in range(1, 9)),
            "Thermal Management Temperature 1 Transition Count", "Thermal Management Temperature 2 Transition Count",
            "Total Time For Thermal Management Temperature 1", "Total Time For Thermal Management Temperature 2",
            "Endurance Group Endurance Estimate", "Endurance Group Data Units Read",
            "Endurance Group Data Units Written", "Endurance Group Media Units Written",
            "Endurance Group Number of Error Information Log Entries",
        ),
        start=1,
    )
)  # fmt: skip
"""Identifiers of statistics that are not the vendor's."""

WORST_AND_BEST: Final = range(0x1B, 0x1E)
"""Statistics whose data are a percentage of bad blocks in byte 0, and their number in bytes 3:2."""

BEHAVIORS: Final = {
    1: "value",
    2: "value, kept over resets and power cycles",
    3: "saturating counter, kept over resets",
    4: "saturating counter, kept over resets and power cycles",
    5: "saturating counter",
    6: "value, kept over resets",
}
"""What a statistic is, and what it survives."""

CLASSES: Final = {
    0x01: "timestamp",
    0x02: "pcie",
    0x03: "nvme",
    0x04: "reset",
    0x05: "boot sequence",
    0x06: "firmware assert",
    0x07: "temperature",
    0x08: "media",
    0x09: "media wear",
    0x0A: "statistic snapshot",
    0x0B: "virtual fifo",
}

EVENTS: Final = {
    0x01: ("Timestamp host command issued", "Timestamp snapshot", "Timestamp is power on hours"),
    0x02: (
        "Link up", "Link down", "PCIe error detected", "PERST asserted", "PERST deasserted", "Refclk stable",
        "Vmain stable", "Link speed and width negotiated",
    ),
    0x03: (
        "CC.EN 0 to 1", "CC.EN 1 to 0", "CSTS.RDY 0 to 1", "CSTS.RDY 1 to 0", "Reserved",
        "Create I/O queue command processed", "Other admin command processed", "Admin command failed",
        "I/O command failed", "CSTS.CFS set", "Admin queue base address written", "CC changed", "CSTS changed",
        "Delete I/O queue command processed", "Out-of-band command processed", "Out-of-band AEM transmitted",
    ),
    0x04: (
        "PCIe conventional hot reset", "Main power cycle", "PERST#", "PCIe function level reset", "NVM subsystem reset",
    ),
    0x05: ("Main firmware boot complete", "FTL load from NVM complete", "FTL rebuild started", "FTL rebuild complete"),
    0x06: (
        "Assert in NVMe processing code", "Assert in media code", "Assert in security code",
        "Assert in background services code", "FTL rebuild failed", "FTL data mismatch", "Assert in other code",
    ),
    0x07: (
        "Composite temperature decreases to WCTEMP - 2", "Composite temperature increases to WCTEMP",
        "Composite temperature increases to CCTEMP",
    ),
    0x08: (
        "XOR recovery invoked", "Uncorrectable media error", "Block marked bad due to program error",
        "Block marked bad due to erase error", "Block marked bad due to read error", "Plane failure",
    ),
    0x09: ("Media wear",),
    0x0B: ("Virtual FIFO start", "", "Virtual FIFO end"),
}  # fmt: skip
"""Events of a class by their identifiers."""

LINK_CHANGES: Final = ("unchanged", "speed", "width")
LINK_WIDTHS: Final = {1: 1, 2: 2, 3: 4, 4: 8, 5: 16}
