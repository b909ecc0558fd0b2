"""Rules of Prometheus by its own tool: each alert fires when it should, alone, and ends."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from tests.support.monitoring import RULES, alerts, in_docs_test, tool

TARGET = 'job="nvmed",instance="h1"'
DRIVE = f'{TARGET},controller="a-1"'
HOUR = 60

ALWAYS = {
    f"up{{{TARGET}}}": "1x500",
    f'nvmed_drive_info{{{DRIVE},node="nvme0",model="M",serial="A",firmware="1",transport="pcie"}}': "1x500",
    f'nvmed_drive_location_info{{{DRIVE},pci_address="0000:01:00.0",slot="3",numa_node="0"}}': "1x500",
}
"""A host with a drive, for longer than any case."""


@dataclass(frozen=True, slots=True)
class Case:
    """Series of a host, a value every `step` minutes, and after how many of them they bring the alert, and it alone."""

    alert: str
    series: dict[str, str]
    quiet: int
    fires: int
    over: int
    step: int = 1


def gauge(alert: str, series: str, good: str = "0", bad: str = "1", fires: int = 12) -> Case:
    """One that is good for ten minutes, then bad for thirty, then good again."""
    return Case(alert, {series: f"{good}x9 {bad}x29 {good}x100"}, 9, fires, 40)


def counter(alert: str, series: str, jump: int) -> Case:
    """One that stands still, jumps in the tenth minute, and is forgotten after an hour."""
    return Case(alert, {series: f"0x9 {jump}x500"}, 9, 12, 12 + HOUR)


def first(alert: str, series: str) -> Case:
    """A counter that begins at 1 when the first is counted."""
    return Case(alert, {series: "_x10 1x500"}, 9, 12, 14 + HOUR)


def expiry(alert: str, series: str, days: int) -> Case:
    """What ends half a minute too early for nobody to be told, until it is replaced an hour later."""
    end = days * 86400
    return Case(alert, {series: f"{end + 590}x60 {end * 2}x100"}, 9, 12, HOUR + 2)


def presence(alert: str, good: str, bad: str, fires: int = 12) -> Case:
    """A series in whose place there is another one for thirty minutes; its last value is one for five minutes more."""
    return Case(alert, {good: "1x9 _x30 1x100", bad: "_x10 1x28 stale"}, 9, fires, 40)


def drive(name: str, labels: str = "") -> str:
    """A series of the drive."""
    return f"{name}{{{DRIVE}{',' + labels if labels else ''}}}"


def daemon(name: str, labels: str = "") -> str:
    """A series of the daemon."""
    return f"{name}{{{TARGET}{',' + labels if labels else ''}}}"


CASES = (
    gauge("NvmedDriveUnreadable", drive("nvmed_drive_readable"), "1", "0", fires=16),
    gauge("NvmedDriveHangs", drive("nvmed_lane_stalled")),
    Case(
        "NvmedDriveMissing",
        {series.replace("a-1", "b-2"): "1x9 _x40 1x100" for series in ALWAYS if "drive" in series}, 9, 35, 52,
    ),
    presence("NvmedDriveNotLive", drive("nvmed_drive_state", 'state="live"'),
             drive("nvmed_drive_state", 'state="connecting"'), fires=22),
    gauge("NvmedDriveWarns", drive("nvmed_drive_critical_warning", 'warning="read_only"')),
    Case(
        "NvmedDriveSpareLow",
        {drive("nvmed_drive_available_spare_ratio"): "0.5x9 0.05x29 1x100",
         drive("nvmed_drive_available_spare_threshold_ratio"): "0.1x200"}, 9, 12, 42,
    ),
    gauge("NvmedDriveWearsOut", drive("nvmed_drive_used_ratio"), "0.5", "0.91"),
    Case("NvmedDriveMediaErrors", {drive("nvmed_drive_media_errors_total"): "0x9 2x500"}, 9, 12, 60, step=30),
    gauge("NvmedDriveHot", drive("nvmed_drive_critical_warning", 'warning="temperature"'), fires=16),
    counter("NvmedDriveThrottles", drive("nvmed_drive_thermal_throttled_seconds_total", 'level="2"'), 900),
    gauge("NvmedDriveSlow", drive("nvmed_drive_slow")),
    gauge("NvmedDrivePowerLossProtectionWeak", drive("nvmed_drive_capacitor_health_ratio"), "1.2", "0.05"),
    presence("NvmedDriveSelfTestFailed", drive("nvmed_drive_self_test_result", 'test="short",outcome="passed"'),
             drive("nvmed_drive_self_test_result", 'test="short",outcome="failed_segment"')),
    presence("NvmedDriveSanitizeFailed", drive("nvmed_drive_sanitize_state", 'state="completed"'),
             drive("nvmed_drive_sanitize_state", 'state="failed"')),
    Case("NvmedDriveFirmwarePending", {drive("nvmed_drive_firmware_activation_pending"): "0x9 1x59 0x100"}, 55, 60, 70,
         step=30),
    Case("NvmedDriveLosesPower", {drive("nvmed_drive_unsafe_shutdowns_total"): "7x9 8x4 10x500"}, 13, 16, 30, step=30),
    gauge("NvmedLinkDegraded", drive("nvmed_link_degraded"), fires=26),
    counter("NvmedLinkErrors", drive("nvmed_link_errors_total", 'severity="correctable"'), 2000),
    counter("NvmedLinkErrorsUncorrected", drive("nvmed_link_errors_total", 'severity="fatal"'), 1),
    presence("NvmedPathLost", drive("nvmed_path_state", 'nsid="1",node="nvme0c0n1",state="optimized"'),
             drive("nvmed_path_state", 'nsid="1",node="nvme0c0n1",state="inaccessible"'), fires=17),
    gauge("NvmedDown", 'up{job="nvmed",instance="h2"}', "1", "0", fires=16),
    first("NvmedOperationNeedsAttention",
          daemon("nvmed_operations_total", 'kind="ActivateFirmware",state="NEEDS_ATTENTION"')),
    Case("NvmedOperationTakesLong",
         {daemon("nvmed_operations_oldest_start_timestamp_seconds", 'kind="SanitizeDrive"'): "60x60 stale"},
         48, 50, 61, step=30),
    gauge("NvmedAuditFailing", daemon("nvmed_audit_failing")),
    expiry("NvmedCertificateExpires",
           daemon("nvmed_certificate_expiry_timestamp_seconds", 'address="0.0.0.0:7443"'), 14),
    expiry("NvmedKeyExpires", daemon("nvmed_key_expiry_timestamp_seconds", 'identity="NVMe1R01 a b"'), 7),
    first("NvmedCaptureFailed", daemon("nvmed_capture_failures_total", 'automatic="no",reason="CAPTURES_FULL"')),
    Case("NvmedStoreFull",
         {daemon("nvmed_support_bundles_bytes"): "1x9 95x29 1x100",
          daemon("nvmed_support_bundles_quota_bytes"): "100x200"}, 9, 12, 42),
    Case("NvmedCallsRefused",
         {daemon("nvmed_calls_throttled_total"): "0x9 500x200",
          daemon("nvmed_bytes_in_flight_refusals_total"): "0x200"}, 9, 12, 30),
    first("NvmedBug", daemon("nvmed_calls_total", 'method="/nvmed.v1.LogService/GetSmartLog",code="INTERNAL"')),
)  # fmt: skip


def seen(case: Case) -> Iterator[dict[str, object]]:
    """What promtool shall find then: alerts by their names, and how many of each."""
    for steps, found in ((case.quiet, ()), (case.fires, (case.alert,)), (case.over, ())):
        yield {
            "expr": 'count by (alertname) (ALERTS{alertstate="firing"})',
            "eval_time": f"{steps * case.step}m",
            "exp_samples": [{"labels": f'{{alertname="{name}"}}', "value": 1} for name in found],
        }


def written(step: int, path: Path) -> Path:
    """The cases of a step as promtool reads them: how often rules are evaluated is a file's."""
    tests = [
        {
            "name": case.alert,
            "interval": f"{step}m",
            "input_series": [{"series": name, "values": values} for name, values in (ALWAYS | case.series).items()],
            "promql_expr_test": list(seen(case)),
        }
        for case in CASES
        if case.step == step
    ]
    path.write_text(yaml.safe_dump({"rule_files": [str(RULES)], "evaluation_interval": f"{step}m", "tests": tests}))
    return path


def test_every_alert_has_a_case() -> None:
    assert [case.alert for case in CASES] == [rule.name for rule in alerts()]


@in_docs_test
def test_the_rules_are_what_prometheus_reads() -> None:
    checked = subprocess.run([tool("promtool"), "check", "rules", RULES], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout + checked.stderr


@in_docs_test
@pytest.mark.timeout(120)
def test_each_fires_when_it_should_and_alone_and_ends(tmp_path: Path) -> None:
    promtool = tool("promtool")
    files = [written(step, tmp_path / f"{step}.yml") for step in sorted({case.step for case in CASES})]
    done = subprocess.run([promtool, "test", "rules", *files], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
