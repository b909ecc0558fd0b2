"""What the command line imports before a command runs: nothing that is slow."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from nvmedctl.cli import COMMANDS, GROUPS, events, firmware, keys, logs, namespace_changes, secrets, telemetry

from nvmed.v1 import event_pb2, firmware_pb2, key_pb2, namespace_pb2, operations_pb2, telemetry_pb2

SLOW = ("click", "asyncio", "google.protobuf", "grpc", "isal", "nvmed.v1.common_pb2", "rich")
"""And click, which `--version` alone does without."""

NAMES = (*GROUPS, *COMMANDS)

SHOWN = f"""
import sys
from nvmedctl.__main__ import main
try:
    main()
finally:
    sys.stderr.write(" ".join(name for name in {SLOW!r} if name in sys.modules))
"""


def run(*arguments: str, **environment: str) -> tuple[str, str]:
    """What the command line with `arguments` prints, and which slow modules it imported."""
    result = subprocess.run(
        [sys.executable, "-c", SHOWN, *arguments],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    return result.stdout, result.stderr


@pytest.mark.parametrize("arguments", [("--version",), ("--help",), *((name, "--help") for name in NAMES)])
def test_help_and_version_import_nothing_slow(arguments: tuple[str, ...]) -> None:
    shown, imported = run(*arguments)
    assert "nvmedctl" in shown
    assert imported in ("", "click")


def test_the_version_needs_no_command_line() -> None:
    """Less than three times what Python itself takes is not possible with click."""
    assert "click" not in run("--version")[1].split()
    assert "click" in run("--help")[1].split()


@pytest.mark.parametrize("typed", ["nvmedctl ", *(f"nvmedctl {group} " for group in NAMES)])
def test_completion_imports_nothing_slow(typed: str) -> None:
    words = str(len(typed.split()))
    shown, imported = run(_NVMEDCTL_COMPLETE="bash_complete", COMP_WORDS=typed, COMP_CWORD=words)
    assert shown.startswith("plain,") or typed == "nvmedctl top "  # addresses are not known
    assert imported == "click"


CHOICES = {
    "kind": (events.KINDS, event_pb2.EventKind.keys()[1:]),
    "mode": (firmware.MODES, firmware_pb2.ActivationMode.keys()[1:]),
    "override": (firmware.GATES, operations_pb2.Gate.keys()[1:]),
    "hmac": (secrets.HASHES, key_pb2.HmacAlgorithm.keys()[1:]),
    "derivation": (keys.DERIVATIONS, key_pb2.TlsKeyDerivation.keys()[1:]),
    "self-test": (logs.STARTABLE, ["SELF_TEST_SHORT", "SELF_TEST_EXTENDED", "SELF_TEST_ABORT"]),
    "erase": (namespace_changes.ERASES, namespace_pb2.SecureErase.keys()[1:]),
    "source": (telemetry.SOURCES, telemetry_pb2.TelemetrySource.keys()[1:]),
    "area": (telemetry.AREAS, telemetry_pb2.TelemetryDataArea.keys()[1:]),
}


@pytest.mark.parametrize(("table", "values"), CHOICES.values(), ids=CHOICES.keys())
def test_choices_are_the_values_of_the_contract(table: dict[str, str], values: list[str]) -> None:
    assert list(table.values()) == values
