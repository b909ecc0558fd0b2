"""nvmedctl on many hosts and drives: real daemons, some of them away, and it as a process."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from nvmed.simulator.firmware_image import build_image
from tests.support import served_hosts
from tests.support.served_hosts import Served

NAMES = ("h1", "h2", "h3")


@dataclass(frozen=True)
class Fleet:
    """Hosts h1 to h3 with two drives each, and h4 that is in the file alone."""

    served: dict[str, Served]
    folder: Path

    @property
    def file(self) -> Path:
        return self.folder / "hosts.toml"

    async def start(self, *arguments: str) -> Process:
        command = (sys.executable, "-m", "nvmedctl", *arguments)
        return await asyncio.create_subprocess_exec(*command, stdout=PIPE, stderr=PIPE)

    async def run(self, *arguments: str) -> tuple[int, list[str], list[str]]:
        """(exit code, lines of standard output, lines of standard error)."""
        process = await self.start(*arguments)
        out, err = await process.communicate()
        return process.returncode or 0, out.decode().splitlines(), err.decode().splitlines()


@pytest.fixture
async def fleet(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Fleet]:
    folder = tmp_path_factory.mktemp("h")
    lines = [
        f'[hosts.{name}]\naddress = "{folder}/{name}.sock"\nlabels = {{ odd = {str(name in ("h1", "h3")).lower()} }}\n'
        for name in (*NAMES, "h4")
    ]
    (folder / "hosts.toml").write_text("\n".join(lines))
    async with served_hosts.hosts(folder, *NAMES, drives=2) as served:
        yield Fleet(served, folder)


async def test_a_host_that_cannot_be_reached_is_a_row_with_its_remedy(fleet: Fleet) -> None:
    code, out, err = await fleet.run("server", "info", "--hosts", str(fleet.file), "--columns", "hosts,api")
    assert (code, out) == (6, ["HOSTS   API", "h[1-3]  nvmed.v1"])
    assert [line.split("  ")[0] for line in err] == ["FAILED", "h4", ""]
    assert "there is no such socket." in err[1]
    assert "systemctl start nvmed" in err[1]


async def test_hosts_are_selected_named_or_addressed(fleet: Fleet) -> None:
    file, columns = str(fleet.file), ("controllers", "list", "--columns", "hosts,node", "--no-headers")
    assert (await fleet.run(*columns, "--hosts", file, "--select", "odd = true"))[1] == [
        "h[1,3]  nvme0",
        "h[1,3]  nvme1",
    ]
    assert (await fleet.run(*columns, "--hosts", file, "--host", "h[1-2]"))[1] == ["h[1-2]  nvme0", "h[1-2]  nvme1"]
    address = fleet.served["h1"].host.address.removeprefix("unix:").replace("h1.sock", "h[1-2].sock")
    assert (await fleet.run(*columns, "--host", address))[1] == [f"{address}  nvme0", f"{address}  nvme1"]
    one = ("controllers", "list", "--columns", "node", "--no-headers", "--hosts", file, "--host", "h2")
    assert (await fleet.run(*one))[1] == ["nvme0", "nvme1"]  # as with an address


async def test_programs_get_an_object_a_host(fleet: Fleet) -> None:
    code, out, err = await fleet.run("controllers", "list", "--hosts", str(fleet.file), "-o", "json")
    found = {each["host"]: each for each in map(json.loads, out)}
    assert (code, err, sorted(found)) == (6, [], ["h1", "h2", "h3", "h4"])
    assert [each["device_node"] for each in found["h2"]["result"]["controllers"]] == ["nvme0", "nvme1"]
    assert found["h4"]["error"]["reason"] == "CONNECTION_FAILED"


async def test_many_drives_of_one_host(fleet: Fleet) -> None:
    address = ("--address", fleet.served["h1"].host.address)
    for drives in (("nvme0", "/dev/nvme1", "nvme0"), ("--all",), ("--filter", 'transport = "pcie"')):
        _, out, _ = await fleet.run(*address, "logs", "smart", *drives, "--columns", "drives,spare", "--no-headers")
        assert out == ["nvme[0-1]  100 %"]
    code, out, _ = await fleet.run(*address, "logs", "smart", "--all", "-o", "jsonl")
    assert (code, sorted(json.loads(line)["controller"] for line in out)) == (0, ["nvme0", "nvme1"])
    code, out, err = await fleet.run(*address, "firmware", "slots", "nvme0", "nvme7")
    assert (code, out[1].split()[0], err[1].split()[0]) == (3, "nvme0", "nvme7")


async def test_changes_are_made_on_many_with_yes_alone(fleet: Fleet) -> None:
    reset = (
        "controllers",
        "reset",
        "nvme0",
        "--acknowledge-disruption",
        "--hosts",
        str(fleet.file),
        "--host",
        "h[1-2]",
    )
    code, out, err = await fleet.run(*reset)
    assert (code, out, err[-1]) == (2, [], "Error: This changes h[1-2] nvme0: look with --dry-run, then say --yes.")
    code, out, err = await fleet.run(*reset, "--dry-run")
    assert (code, err) == (0, [])
    done = ("operations", "list", "--hosts", str(fleet.file), "--columns", "hosts,method", "--no-headers")
    assert (await fleet.run(*done))[1] == ["-- nothing there: h[1-3]"]
    code, out, err = await fleet.run(*reset, "--yes")
    assert (code, err, len(out)) == (0, [], 2)
    assert (await fleet.run(*done))[1] == ["h[1-2]  ResetController", "", "-- nothing there: h3"]


async def test_each_drive_has_a_file_and_a_request_of_its_own(fleet: Fleet) -> None:
    save = ("telemetry", "save", "--all", "--hosts", str(fleet.file), "--host", "h[1-2]")
    code, _, err = await fleet.run(*save, "-f", str(fleet.folder / "{host}.bin"))
    assert (code, "put {host} and {controller} into its name" in err[-1]) == (2, True)
    code, out, err = await fleet.run(*save, "-f", str(fleet.folder / "{host}-{controller}.bin"), "--no-headers")
    assert (code, err, len(out)) == (0, [], 4)
    files = sorted(path.name for path in fleet.folder.glob("*.bin"))
    assert files == [f"{host}-nvme{drive}.bin" for host in ("h1", "h2") for drive in range(2)]
    request = ("--request-id", "0b2bca17-7f1f-4b5c-9d4e-6f4f4f0b9a11", "--address", fleet.served["h3"].host.address)
    test = ("logs", "self-test", "start", "nvme0", "nvme1", "short", "--yes", *request)
    assert (await fleet.run(*test))[0] == 0
    assert (await fleet.run(*test))[0] == 0  # what was done then


async def test_an_interrupted_run_says_what_was_done_and_where_not(fleet: Fleet) -> None:
    held: asyncio.Queue[asyncio.StreamWriter] = asyncio.Queue()
    with fleet.file.open("a") as file:
        file.write(f'[hosts.h5]\naddress = "{fleet.folder}/h5.sock"\n')
    async with await asyncio.start_unix_server(lambda _, writer: held.put_nowait(writer), fleet.folder / "h4.sock"):
        process = await fleet.start("controllers", "list", "--hosts", str(fleet.file), "--parallel", "1")
        writer = await held.get()
        process.send_signal(signal.SIGINT)
        out, err = await process.communicate()
        writer.close()
        await writer.wait_closed()
    assert (process.returncode, len(out.splitlines())) == (130, 7)
    assert err.decode() == "interrupted: done: h[1-3]; broken off: h4; not begun: h5\n"


WATCH = ("--watch", "--interval", "0.1")


async def test_what_is_watched_is_a_line_each_time(fleet: Fleet) -> None:
    arguments = (
        "logs",
        "smart",
        "--all",
        "--hosts",
        str(fleet.file),
        "--host",
        "h[1-2]",
        "--watch",
        "--interval",
        "0.1",
    )
    process = await fleet.start(*arguments)
    assert process.stdout
    lines = [(await process.stdout.readline()).decode().split() for _ in range(5)]
    process.send_signal(signal.SIGINT)
    await process.communicate()
    assert lines[0][:3] == ["AT", "HOSTS", "DRIVES"]
    assert [line[1:3] for line in lines[1:]] == [["h[1-2]", "nvme0"], ["h[1-2]", "nvme1"]] * 2
    assert process.returncode == 130


async def test_programs_that_watch_get_an_object_each_time(fleet: Fleet) -> None:
    address = fleet.served["h1"].host.address
    process = await fleet.start(
        "operations", "list", "--address", address, "--watch", "--interval", "0.1", "-o", "jsonl"
    )
    assert process.stdout
    lines = [json.loads(await process.stdout.readline()) for _ in range(2)]
    process.send_signal(signal.SIGTERM)
    await process.communicate()
    assert [list(line) for line in lines] == [["time", "result"]] * 2
    assert process.returncode == 143


async def test_on_a_terminal_a_screen_is_drawn_anew(fleet: Fleet) -> None:
    ours, theirs = os.openpty()
    address = fleet.served["h1"].host.address
    command = (sys.executable, "-m", "nvmedctl", "logs", "smart", "nvme0", "--address", address, *WATCH)
    process = await asyncio.create_subprocess_exec(*command, stdout=theirs, stderr=PIPE)
    os.close(theirs)
    shown = b""
    while shown.count(b"every 0.1 s") < 2 or b"media_errors" not in shown:
        shown += await asyncio.to_thread(os.read, ours, 1 << 16)
    process.send_signal(signal.SIGINT)
    _, err = await process.communicate()
    os.close(ours)
    assert (process.returncode, err) == (130, b"")


async def completed(fleet: Fleet, typed: str, address: str) -> list[str]:
    """What a shell is offered for the last word, an empty one behind a blank."""
    words = typed.split(" ")
    environment = {
        **os.environ, "_NVMEDCTL_COMPLETE": "bash_complete", "COMP_WORDS": typed.strip(),
        "COMP_CWORD": str(len(words) - 1), "NVMED_ADDRESS": address,
    }  # fmt: skip
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "nvmedctl", env=environment, stdout=PIPE, stderr=PIPE
    )
    out, err = await process.communicate()
    assert (process.returncode, err) == (0, b"")
    return [line.removeprefix("plain,") for line in out.decode().split()]


async def test_names_are_completed_from_the_daemon(fleet: Fleet) -> None:
    address = fleet.served["h1"].host.address
    image = fleet.folder / "image"
    image.write_bytes(build_image("2.0.0", 8192))
    assert (await fleet.run("--address", address, "firmware", "upload", str(image)))[0] == 0
    digest = hashlib.sha256(image.read_bytes()).hexdigest()
    wanted = {
        "nvmedctl logs smart ": ["nvme0", "nvme1"],
        "nvmedctl logs smart nvme0 ": ["nvme1"],
        "nvmedctl logs smart /dev/nvme1": ["/dev/nvme1"],
        "nvmedctl controllers show controllers/h1d2": ["controllers/h1d2-1"],
        f"nvmedctl firmware show-image {digest[:2]}": [digest[:12]],
        f"nvmedctl firmware show-image {digest[:13]}": [digest],
        f"nvmedctl firmware stage nvme0 --image images/{digest[:2]}": [f"images/{digest[:12]}"],
        "nvmedctl operations show ": [],
        "nvmedctl namespaces show nvme1": ["nvme1n1"],
    }
    found = {typed: await completed(fleet, typed, address) for typed in wanted}
    assert found == wanted


async def test_where_no_daemon_answers_nothing_is_offered_and_nothing_said(fleet: Fleet) -> None:
    for address in (f"{fleet.folder}/h4.sock", "nonsense", "127.0.0.1:1"):
        assert await completed(fleet, "nvmedctl logs smart ", address) == []
