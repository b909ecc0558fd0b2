"""What `make lint` refuses of a contract that clients are compiled against: buf, with the rules of buf.yaml."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
BASELINE = ROOT / "proto/baseline.binpb"
"""What clients that exist were compiled against: `make proto-release` writes it, at a release."""

BROKEN = 100
"""buf's exit code for what it finds, as opposed to 1 for what it cannot read."""


def buf(folder: Path, *args: str | Path) -> subprocess.CompletedProcess[str]:
    command = [Path(sys.executable).with_name("buf"), *args]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def today(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the contract as it is, and an image of it: `baseline.binpb`, made as the committed one is."""
    folder = tmp_path_factory.mktemp("contract")
    for name in ("proto", "third_party"):
        shutil.copytree(ROOT / name, folder / name)
    shutil.copy(ROOT / "buf.yaml", folder)
    built = buf(folder, "build", "proto", "--exclude-source-info", "--output", "baseline.binpb")
    assert built.returncode == 0, built.stderr
    return folder


def changed(today: Path, folder: Path, file: str, old: str, new: str) -> subprocess.CompletedProcess[str]:
    """What buf says if `old` becomes `new` in `file`."""
    shutil.copytree(today, folder, dirs_exist_ok=True)
    path = folder / "proto/nvmed/v1" / file
    text = path.read_text()
    assert text.count(old) == 1, f"{file} has {text.count(old)} of {old!r}"
    path.write_text(text.replace(old, new))
    return buf(folder, "breaking", "proto", "--against", "baseline.binpb")


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        pytest.param("telemetry.proto", "  uint64 offset = 10;", "  uint64 offset = 12;", id="field renumbered"),
        pytest.param("telemetry.proto", "  uint64 offset = 10;", "  string offset = 10;", id="field of another type"),
        pytest.param("telemetry.proto", "  uint64 offset = 10;", "  uint64 begin = 10;", id="field renamed"),
        pytest.param("telemetry.proto", "  uint64 offset = 10;", "  reserved 10;", id="field gone"),
        pytest.param("telemetry.proto", "  uint64 offset = 10;", "  repeated uint64 offset = 10;", id="field repeated"),
        pytest.param(
            "telemetry.proto", "returns (stream StreamTelemetryResponse)", "returns (StreamTelemetryResponse)",
            id="stream gone",
        ),
        pytest.param("telemetry.proto", "rpc AcknowledgeTelemetry(", "rpc AckTelemetry(", id="method renamed"),
        pytest.param("telemetry.proto", "service TelemetryService", "service TelemetricService", id="service renamed"),
        pytest.param("telemetry.proto", "  TELEMETRY_SOURCE_HOST = 1;", "  TELEMETRY_SOURCE_HOST = 7;", id="value"),
        pytest.param("errors.proto", "package nvmed.v1;", "package nvmed.v2;", id="package"),
        pytest.param("errors.proto", "clients/go/nvmed/v1;nvmedv1", "clients/go/v1;nvmedv1", id="package of Go"),
    ],
)  # fmt: skip
def test_what_breaks_clients_is_refused(today: Path, tmp_path: Path, file: str, old: str, new: str) -> None:
    result = changed(today, tmp_path, file, old, new)
    assert result.returncode == BROKEN, result.stdout + result.stderr
    assert file in result.stdout


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        pytest.param("telemetry.proto", "  uint64 offset = 10;", "  uint64 offset = 10;\n  bool a = 99;", id="field"),
        pytest.param(
            "telemetry.proto", "  TELEMETRY_SOURCE_HOST = 1;",
            "  TELEMETRY_SOURCE_HOST = 1;\n  TELEMETRY_SOURCE_MORE = 99;", id="value",
        ),
        pytest.param("errors.proto", "package nvmed.v1;", "package nvmed.v1;\nmessage More {}", id="message"),
    ],
)  # fmt: skip
def test_what_adds_is_taken(today: Path, tmp_path: Path, file: str, old: str, new: str) -> None:
    result = changed(today, tmp_path, file, old, new)
    assert (result.returncode, result.stdout) == (0, ""), result.stderr


def test_the_contract_keeps_what_was_released() -> None:
    """As `make lint` asks it."""
    result = buf(ROOT, "breaking", "proto", "--against", BASELINE)
    assert (result.returncode, result.stdout) == (0, ""), result.stderr
