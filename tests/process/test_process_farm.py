"""The farm: many hosts in one process, whose drives and whose drives' logs outlive it."""

from __future__ import annotations

import json
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from subprocess import PIPE, Popen
from typing import Any

import pytest
from nvmedctl import hosts, operations
from nvmedctl.retry import RetryPolicy

from nvmed import farm
from nvmed.errors import InvalidArgument, NvmedError
from nvmed.simulator import durable
from nvmed.simulator.firmware_image import build_image
from nvmed.v1 import firmware_pb2 as pb
from tests.support.ports import free_ports

IMAGE = build_image("2.0.0", 8192)
AT_ONCE = RetryPolicy(attempts=1)
"""Who dies here is not begun again while somebody waits for it."""


def log_of(folder: Path, host: str, drive: int = 1) -> list[dict[str, Any]]:
    """What a drive was told."""
    (path,) = (folder / host).glob(f"*D{drive:02}.log")
    return [json.loads(line) for line in path.read_text().splitlines()]


async def stage(host: hosts.Host, image: Path, node: str = "nvme0") -> Any:
    async with host.client() as client:
        uploaded = await client.upload_image(image, firmware_revision="2.0.0", retry=AT_ONCE)
        begun = await client.firmware.StageFirmware(
            pb.StageFirmwareRequest(controllers=[node], image=uploaded.image.name)
        )
        done = await operations.wait(client.operations, begun, retry=AT_ONCE)
        return operations.unpack(done, pb.StageFirmwareResponse)


async def activate(host: hosts.Host, node: str = "nvme0") -> pb.ActivateFirmwareResponse:
    async with host.client() as client:
        begun = await client.firmware.ActivateFirmware(
            pb.ActivateFirmwareRequest(
                controller=node,
                slot=2,
                activation_mode=pb.ACTIVATION_MODE_CONTROLLER_RESET,
                acknowledge_disruption=True,
            )
        )
        done = await operations.wait(client.operations, begun, retry=AT_ONCE)
        return operations.unpack(done, pb.ActivateFirmwareResponse)


@pytest.fixture
def image(tmp_path: Path) -> Path:
    path = tmp_path / "image"
    path.write_bytes(IMAGE)
    return path


@pytest.fixture
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("f")  # short: a socket's path has 107 bytes


async def test_drives_and_their_logs_outlive_the_farm(folder: Path, image: Path) -> None:
    wanted = farm.Farm(folder, hosts=2, racks=1)
    async with AsyncExitStack() as stack:
        await farm.serve(wanted, stack)
        first, second = hosts.load(str(folder / "hosts.toml")).hosts
        assert (first.name, first.domain, second.domain) == ("h001", "r1", "r1")
        await stage(first, image)
    async with AsyncExitStack() as stack:
        await farm.serve(wanted, stack)
        answer = await activate(first)
        assert (answer.previous_revision, answer.running_revision) == ("1.0.0", "2.0.0")
    told = [(entry["what"], entry.get("action"), entry["runs"]) for entry in log_of(folder, "h001")]
    assert told == [
        *[("download", None, "1.0.0")] * 2,
        ("commit", "replace", "1.0.0"),
        ("commit", "activate_at_reset", "1.0.0"),
        ("reset", None, "2.0.0"),
    ]
    assert not list((folder / "h002").glob("*.log"))


async def test_faults_are_of_one_host_and_its_last_drive(folder: Path, image: Path) -> None:
    faults = farm.parse_faults(["h001=refuse-activation", "h002=in-use", "h003=absent", "h004=refuse-image"])
    async with AsyncExitStack() as stack:
        await farm.serve(farm.Farm(folder, hosts=4, drives=2, faults=faults), stack)
        found = {host.name: host for host in hosts.load(str(folder / "hosts.toml")).hosts}
        for node in ("nvme0", "nvme1"):
            await stage(found["h001"], image, node)
        assert (await activate(found["h001"], "nvme0")).running_revision == "2.0.0"
        refusals: dict[str, Callable[[], Awaitable[object]]] = {
            "NVME_SC_FW_ACTIVATE_PROHIBITED": lambda: activate(found["h001"], "nvme1"),
            "IN_USE": lambda: stage(found["h002"], image),
            "there is no such socket": lambda: stage(found["h003"], image),
            "NVME_SC_FIRMWARE_IMAGE": lambda: stage(found["h004"], image, "nvme1"),
        }
        for said, refused in refusals.items():
            with pytest.raises(NvmedError) as raised:
                await refused()
            failure = raised.value
            told = (failure.message, failure.nvme and failure.nvme.mnemonic, [gate.kind for gate in failure.gates])
            assert said in str(told)


async def test_hosts_with_tls_want_the_farms_certificates(folder: Path, image: Path) -> None:
    async with AsyncExitStack() as stack:
        await farm.serve(farm.Farm(folder, hosts=2, tls_port=free_ports(2)), stack)
        first, second = hosts.load(str(folder / "hosts.toml")).hosts
        assert (await stage(second, image)).drives[0].slot == 2
        assert first.tls is not None
        assert first.tls.key is not None
        assert first.tls.key.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    ("faults", "said"),
    [(["h009=absent"], "h009 is none of h001 to h002"), (["h001=fire"], "no 'fire'"), (["h001"], "not HOST=FAULT")],
)
def test_faults_that_cannot_be(tmp_path: Path, faults: list[str], said: str) -> None:
    with pytest.raises(InvalidArgument, match=said):
        farm.Farm(tmp_path, hosts=2, faults=farm.parse_faults(faults))


@pytest.fixture
def processes() -> Iterator[list[Popen[str]]]:
    running: list[Popen[str]] = []
    yield running
    for process in running:
        process.kill()
        process.communicate()


def begin(folder: Path, fault: str, processes: list[Popen[str]]) -> Popen[str]:
    """A farm of one host in a process of its own, ready."""
    command = [sys.executable, "-m", "nvmed", "simulator", "farm", "--hosts", "1", "--state", str(folder)]
    process = Popen([*command, "--fault", f"h001={fault}"], stderr=PIPE, text=True)
    processes.append(process)
    assert process.stderr is not None
    for line in process.stderr:
        if line.startswith("nvmed: serving on"):
            return process
    raise AssertionError("the farm ended before it served")


@pytest.mark.parametrize(
    ("fault", "holds"), [("kill-before-commit", ""), ("kill-after-commit", "2.0.0")], ids=lambda value: value or "none"
)
async def test_a_host_can_be_killed_over_a_commit_once(
    folder: Path, image: Path, processes: list[Popen[str]], fault: str, holds: str
) -> None:
    first = begin(folder, fault, processes)
    (host,) = hosts.load(str(folder / "hosts.toml")).hosts
    with pytest.raises(NvmedError):
        await stage(host, image)
    assert first.wait() == -9
    begin(folder, fault, processes)
    async with host.client() as client:
        found = await client.firmware.GetFirmwareSlots(pb.GetFirmwareSlotsRequest(controller="nvme0"))
    assert [slot.revision for slot in found.slots] == ["1.0.0", holds, ""]
    assert (await stage(host, image)).drives[0].slot == 2


def test_every_fault_has_a_place_in_the_help() -> None:
    from click.testing import CliRunner

    from nvmed.__main__ import main

    text = "".join(CliRunner().invoke(main, ["simulator", "farm", "--help"]).output.split())
    assert [name for name in (*farm.HOST_FAULTS, *durable.FAULTS) if name not in text] == []
