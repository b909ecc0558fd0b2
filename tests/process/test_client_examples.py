"""The examples of clients/python do what they say, against a daemon with TLS."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from nvmedctl.blocking import Client

from clients.conformance.proxy import BadLine, Way
from nvmed.simulator.firmware_image import build_image
from nvmed.v1.firmware_pb2 import FirmwareOutcome
from nvmed.v1.inventory_pb2 import ResetControllerRequest, ResetControllerResponse
from tests.support.simulated_host import Host, serving

EXAMPLES = Path(__file__).resolve().parents[2] / "clients/python/examples"


@pytest.fixture(scope="module")
def host() -> Iterator[Host]:
    with TemporaryDirectory(prefix="nvmed-", dir="/tmp") as folder, serving(Path(folder)) as found:
        yield found


@pytest.fixture
def environment(host: Host) -> Mapping[str, str]:
    """Where an operator's programs find the daemon."""
    home = host.home
    tls = {"CA": home / "ca.pem", "CERT": home / "operator.pem", "KEY": home / "operator.key"}
    return {
        **os.environ,
        "NVMED_ADDRESS": host.tls_address,
        **{f"NVMED_{name}": str(file) for name, file in tls.items()},
    }


def command(name: str, *arguments: object) -> list[str]:
    return [sys.executable, str(EXAMPLES / f"{name}.py"), *map(str, arguments)]


def run(environment: Mapping[str, str], name: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command(name, *arguments), env=environment, capture_output=True, text=True, check=False)


async def test_a_log_is_saved_over_a_line_that_breaks(
    host: Host, environment: Mapping[str, str], tmp_path: Path
) -> None:
    async with BadLine("127.0.0.1", host.port, answers=Way([1 << 20, 2 << 20])).listening() as line:
        there = {**environment, "NVMED_ADDRESS": line.address}
        done = await asyncio.to_thread(run, there, "save_telemetry", "nvme0", tmp_path / "log")
    assert done.returncode == 0, done.stderr
    size = (tmp_path / "log").stat().st_size
    assert re.search(rf"log: {size} bytes, generation \d+, sha256 [0-9a-f]{{64}}\n", done.stdout)
    assert "3 streams, begun again 0 times" in done.stderr
    refused = run(environment, "save_telemetry", "nvme9", tmp_path / "none")
    assert (refused.returncode, refused.stderr) == (
        1,
        "\nerror: no controller 'nvme9' on this host (CONTROLLER_NOT_FOUND)\n",
    )


def test_an_image_is_staged_where_nothing_speaks_against_it(host: Host, environment: Mapping[str, str]) -> None:
    with Client(host.socket()) as client:
        drive = next(client.list_controllers())
    done = run(environment, "stage_firmware", host.home / "3.0.0.bin", "3.0.0", drive.model_number)
    assert done.returncode == 0, done.stderr
    staged = FirmwareOutcome.Name(FirmwareOutcome.FIRMWARE_OUTCOME_STAGED)
    assert re.fullmatch(rf"operations/\S+\n{drive.name}: {staged}, slot \d holds 3\.0\.0\n", done.stdout)
    assert "bytes" in done.stderr
    (host.home / "other.bin").write_bytes(build_image("4.0.0", (64 << 10) + 4))
    refused = run(environment, "stage_firmware", host.home / "other.bin", "4.0.0", drive.model_number)
    assert refused.returncode == 1
    assert re.search(rf"^  [A-Z_]+ {drive.name}: ", refused.stderr, re.MULTILINE), refused.stderr


def reset(client: Client) -> None:
    """Something happens to a drive."""
    client.result(
        client.inventory.ResetController(ResetControllerRequest(name="nvme0", acknowledge_disruption=True)),
        ResetControllerResponse,
    )


def lines(file: Path) -> list[dict[str, str]]:
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


@contextmanager
def logging(environment: Mapping[str, str], file: Path) -> Iterator[subprocess.Popen[bytes]]:
    """The program that writes events; interrupted at the end."""
    program = subprocess.Popen(command("log_events", file), env=environment, stderr=subprocess.PIPE)
    try:
        yield program
    finally:
        program.send_signal(signal.SIGINT)
        _, err = program.communicate()
    assert (program.returncode, err) == (0, b"")


def test_events_are_written_and_none_is_missed(host: Host, environment: Mapping[str, str], tmp_path: Path) -> None:
    """Not even of the time in which the program was not there."""
    file = tmp_path / "events.jsonl"
    with Client(host.socket()) as client:
        with logging(environment, file) as program:
            while not lines(file) and program.poll() is None:
                reset(client)
        before = lines(file)
        reset(client)
        with logging(environment, file) as program:
            while lines(file) == before and program.poll() is None:
                time.sleep(0.02)  # leave the processor to it
    numbers = [int(line["sequence"]) for line in lines(file)]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))


def test_many_hosts_are_asked_and_one_that_is_gone_is_told(host: Host, environment: Mapping[str, str]) -> None:
    done = run(environment, "many_hosts", host.tls_address, "localhost:1")
    assert done.returncode == 1
    assert done.stdout.count("% used") == 2
    assert re.fullmatch(r"error: localhost:1: .*\(CONNECTION_FAILED\)\n", done.stderr)


def test_every_example_is_tried() -> None:
    tried = Path(__file__).read_text()
    assert [path.stem for path in EXAMPLES.glob("*.py") if f'"{path.stem}"' not in tried] == []
