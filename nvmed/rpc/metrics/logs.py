"""Logs beside SMART data: self-tests, sanitize, firmware slots, and OCP's extension."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from nvmed.devices.controller import Device
from nvmed.devices.rotation import Logs
from nvmed.devices.sampler import Sample
from nvmed.nvme import ocp
from nvmed.nvme.health import SanitizeState, SelfTestResult, SelfTestResultCode
from nvmed.nvme.opcodes import SelfTestCode
from nvmed.nvme.sanitize import is_running
from nvmed.rpc.metrics.table import DriveMetric, Values, of_logs, of_ocp, one, ratio


def _self_test_age(_: Device, sample: Sample) -> Values:
    for test, result in _last_self_tests(sample):
        if sample.smart and sample.smart.power_on_hours >= result.power_on_hours:
            yield (test,), (sample.smart.power_on_hours - result.power_on_hours) * 3600


def _self_test_result(_: Device, sample: Sample) -> Values:
    for test, result in _last_self_tests(sample):
        yield (test, _OUTCOMES.get(result.result, "reserved")), 1


def _last_self_tests(sample: Sample) -> Iterator[tuple[str, SelfTestResult]]:
    """The newest result of each kind of test."""
    seen: set[int] = set()
    for result in sample.logs.self_tests.finished if sample.logs.self_tests else ():
        if result.code in _TESTS and result.code not in seen:
            seen.add(result.code)
            yield _TESTS[result.code], result


_TESTS: Final = {code.value: code.name.lower() for code in SelfTestCode}
_OUTCOMES: Final = {code.value: code.name.lower() for code in SelfTestResultCode}
_SANITIZE_STATES: Final = {state.value: state.name.lower() for state in SanitizeState}


def _sanitize_state(logs: Logs) -> Values:
    if logs.sanitize:
        yield (_SANITIZE_STATES.get(logs.sanitize.state, "reserved"),), 1


def _sanitize_progress(logs: Logs) -> Values:
    return one(logs.sanitize.fraction_complete) if logs.sanitize and is_running(logs.sanitize) else ()


def _slots(logs: Logs) -> Values:
    for number, revision in enumerate(logs.slots.revisions if logs.slots else (), 1):
        if revision:
            yield (str(number), revision), 1


def _pending(logs: Logs) -> Values:
    if logs.slots is None:
        return ()
    return one(logs.slots.next_slot not in (0, logs.slots.active_slot))


def _write_amplification(_: Device, sample: Sample) -> Values:
    return one(ocp.derive(sample.logs.ocp, sample.smart).write_amplification) if sample.logs.ocp else ()


LOGS: Final = (
    DriveMetric(
        "nvmed_drive_self_test_age_seconds", "Time with power since the last self-test ended, in whole hours.",
        _self_test_age, ("test",),
    ),
    DriveMetric(
        "nvmed_drive_self_test_result", "How the last self-test ended; always 1.", _self_test_result,
        ("test", "outcome"),
    ),
    DriveMetric(
        "nvmed_drive_sanitize_state", "How the last sanitize operation is or ended; always 1.",
        of_logs(_sanitize_state), ("state",),
    ),
    DriveMetric(
        "nvmed_drive_sanitize_progress_ratio", "How far the sanitize operation is that runs; absent without one.",
        of_logs(_sanitize_progress),
    ),
    DriveMetric(
        "nvmed_drive_firmware_slot_info", "Firmware that a slot holds; always 1.", of_logs(_slots),
        ("slot", "revision"),
    ),
    DriveMetric(
        "nvmed_drive_firmware_active_slot", "Slot of the firmware that runs.",
        of_logs(lambda logs: one(logs.slots.active_slot if logs.slots else None)),
    ),
    DriveMetric(
        "nvmed_drive_firmware_activation_pending", "1 if the next reset activates the firmware of another slot.",
        of_logs(_pending),
    ),
    DriveMetric(
        "nvmed_drive_media_written_bytes_total", "Bytes written to the medium (OCP).",
        of_ocp(lambda o: o.physical_media_bytes_written),
    ),
    DriveMetric(
        "nvmed_drive_media_read_bytes_total", "Bytes read from the medium (OCP).",
        of_ocp(lambda o: o.physical_media_bytes_read),
    ),
    DriveMetric(
        "nvmed_drive_write_amplification_ratio",
        "Bytes written to the medium for each byte that the host wrote, over the drive's life (OCP).",
        _write_amplification,
    ),
    DriveMetric(
        "nvmed_drive_endurance_used_ratio", "Bytes written to the medium, of the endurance estimate (OCP).",
        of_ocp(lambda o: ratio(ocp.derive(o, None).endurance_used_percent)),
    ),
    DriveMetric(
        "nvmed_drive_user_spare_ratio", "Spare blocks for user data that are left (OCP, normalized).",
        of_ocp(lambda o: ratio(ocp.derive(o, None).user_spare_percent)),
    ),
    DriveMetric(
        "nvmed_drive_system_spare_ratio", "Spare blocks for the drive's own data that are left (OCP, normalized).",
        of_ocp(lambda o: ratio(ocp.derive(o, None).system_spare_percent)),
    ),
    DriveMetric(
        "nvmed_drive_capacitor_health_ratio",
        "Charge that power loss protection has, of what it needs; may exceed 1 (OCP).",
        of_ocp(lambda o: ratio(ocp.derive(o, None).capacitor_health_percent)),
    ),
    DriveMetric("nvmed_drive_bad_user_blocks", "Blocks for user data that went bad (OCP).",
                of_ocp(lambda o: o.bad_user_nand_blocks)),
    DriveMetric("nvmed_drive_free_blocks_ratio", "Blocks that are free (OCP).",
                of_ocp(lambda o: ratio(o.free_blocks_percent))),
    DriveMetric("nvmed_drive_uncorrectable_reads_total", "Reads that no correction helped (OCP).",
                of_ocp(lambda o: o.uncorrectable_read_errors)),
    DriveMetric("nvmed_drive_soft_ecc_errors_total", "Reads that the first correction did not help (OCP).",
                of_ocp(lambda o: o.soft_ecc_errors)),
    DriveMetric("nvmed_drive_end_to_end_errors_total", "End-to-end protection that did not match (OCP).",
                of_ocp(lambda o: o.end_to_end_detected_errors)),
    DriveMetric("nvmed_drive_thermal_throttling_status", "0, or how much the drive slows itself down: 1 to 3 (OCP).",
                of_ocp(lambda o: o.thermal_throttling_status)),
    DriveMetric("nvmed_drive_pcie_correctable_errors_total", "Errors of the link that the drive counted (OCP).",
                of_ocp(lambda o: o.pcie_correctable_errors)),
    DriveMetric("nvmed_drive_pcie_link_retrainings_total", "Times that the link was trained anew (OCP).",
                of_ocp(lambda o: o.pcie_link_retrainings)),
    DriveMetric("nvmed_drive_incomplete_shutdowns_total", "Times that power went before the drive was done (OCP).",
                of_ocp(lambda o: o.incomplete_shutdowns)),
    DriveMetric("nvmed_drive_media_dies_offline", "Dies that were given up (OCP 2.6).",
                of_ocp(lambda o: o.media_dies_offline)),
)  # fmt: skip
"""Each as it was when it was read last."""
