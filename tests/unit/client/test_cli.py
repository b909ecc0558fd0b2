"""nvmedctl as a process: what it prints where, and what it exits with."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import random
import signal
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import click
import pytest
from click.testing import CliRunner
from nvmedctl.cli import COMMANDS, GROUPS, exit_codes, nvmedctl

from nvmed.errors import CLASSES, FieldViolation, GateViolation, NvmedError, NvmeStatus, OsFailure
from nvmed.reasons import Reason, error
from nvmed.v1.telemetry_pb2 import StreamTelemetryResponse as Part
from tests.unit.client.scripted_server import (
    CHUNK_BYTES,
    CONTROLLER,
    GENERATION,
    Step,
    Telemetry,
    cut,
    make_inventory,
    serving,
)

LOG = random.Random(3).randbytes(3 * CHUNK_BYTES)


@dataclass(frozen=True, slots=True)
class Result:
    """What a run of nvmedctl left."""

    code: int
    out: str
    err: str


@dataclass(frozen=True, slots=True)
class Ctl:
    """Runs nvmedctl against a scripted daemon."""

    telemetry: Telemetry
    folder: Path

    async def start(self, *arguments: str, stdout: int = PIPE, stderr: int = PIPE) -> asyncio.subprocess.Process:
        environment = {**os.environ, "TERM": "xterm", "NVMED_ADDRESS": f"unix:{self.folder}/nvmed.sock"}
        command = (sys.executable, "-m", "nvmedctl", *arguments)
        return await asyncio.create_subprocess_exec(*command, env=environment, stdout=stdout, stderr=stderr)

    async def __call__(self, *arguments: str) -> Result:
        process = await self.start(*arguments)
        out, err = await process.communicate()
        return Result(process.returncode or 0, out.decode(), err.decode())


REFUSED = error(
    Reason.DEVICE_IN_USE,
    "nvme9 is in use.",
    nvme=NvmeStatus(0x4002, "NVME_SC_INVALID_FIELD", opcode=0x10, nsid=1),
    os=OsFailure(16, "EBUSY", "open", "/dev/nvme9n1"),
    fields=[FieldViolation("name", "is \x1b[31mbusy")],
    gates=[GateViolation("IN_USE", "nvme9n1", "mounted on /srv")],
    retry_delay_ms=2500,
)


@pytest.fixture
async def ctl(tmp_path: Path) -> AsyncIterator[Ctl]:
    telemetry = Telemetry(LOG)
    async with serving(tmp_path, telemetry, make_inventory(3, REFUSED)):
        yield Ctl(telemetry, tmp_path)


async def test_a_file_may_still_be_given_as_it_was_before(ctl: Ctl) -> None:
    file = ctl.folder / "log.bin"
    result = await ctl("telemetry", "save", "nvme0", "-o", str(file))
    assert (result.code, file.read_bytes()) == (0, LOG)
    assert result.err == f"-o {file}: a file is -f now, and -o is --output; this works until 0.3.\n"


async def test_a_list_is_a_table_for_people(ctl: Ctl) -> None:
    result = await ctl("controllers", "list")
    assert (result.code, result.err) == (0, "")
    heading, *rows = result.out.splitlines()
    assert heading.split() == ["NAME", "NODE", "MODEL", "FIRMWARE", "STATE"]
    assert [row.split()[0] for row in rows] == [f"controllers/sim{number:04}-1" for number in range(3)]
    assert "\x1b" not in result.out  # not even what a drive calls itself
    assert "Simulated \\x1b[31mred" in rows[0]


@pytest.mark.parametrize("arguments", ["--output json controllers list", "controllers list --output json"])
async def test_a_list_is_json_for_programs(ctl: Ctl, arguments: str) -> None:
    result = await ctl(*arguments.split())
    body = json.loads(result.out)
    assert list(body) == ["controllers", "next_page_token"]
    assert [controller["device_node"] for controller in body["controllers"]] == ["nvme0", "nvme1", "nvme2"]
    first = body["controllers"][0]
    assert (first["state"], first["serial_number"], first["numa_node"]) == ("STATE_LIVE", "", -1)


async def test_one_thing_is_shown_field_by_field(ctl: Ctl) -> None:
    result = await ctl("controllers", "show", "/dev/nvme1")
    shown = dict(line.split(maxsplit=1) for line in result.out.splitlines())
    assert (shown["name"], shown["state"], shown["numa_node"]) == ("controllers/sim0001-1", "live", "-1")
    assert "serial_number" not in shown


async def test_the_daemon_tells_about_itself(ctl: Ctl) -> None:
    result = await ctl("server", "info")
    shown = dict(line.split(maxsplit=1) for line in result.out.splitlines())
    assert (shown["version"], shown["simulated"]) == ("9.9", "yes")
    assert not any("chunk_bytes_max" in line for line in result.out.splitlines())
    wide = await ctl("server", "info", "-o", "wide")
    assert "chunk_bytes_max  1048576" in wide.out


async def test_telemetry_info_shows_areas(ctl: Ctl) -> None:
    result = await ctl("telemetry", "info", "nvme0")
    shown = dict(line.split(maxsplit=1) for line in result.out.splitlines())
    assert shown["max_transfer_bytes"] == "131072 (128.0 KiB)"
    assert shown["host_log.area_end_bytes"] == "512, 4096 (4.0 KiB), 12288 (12.0 KiB), 0"
    assert shown["host_log.reason_identifier"] == "abcd"
    assert "controller_log.generation_number" not in shown


async def test_a_log_is_saved_and_acknowledged(ctl: Ctl) -> None:
    target = ctl.folder / "log.bin"
    ctl.telemetry.plan = [cut(2)]
    options = ("--source", "controller", "--area", "auto", "--ack", "--output", "json")
    result = await ctl("telemetry", "save", "nvme0", "-f", str(target), *options)
    assert (result.code, result.err) == (0, "")
    assert json.loads(result.out) == {
        "controller": CONTROLLER,
        "source": "TELEMETRY_SOURCE_CONTROLLER",
        "data_area": "TELEMETRY_DATA_AREA_CONTROLLER_DETERMINED",
        "path": str(target),
        "size_bytes": len(LOG),
        "sha256": hashlib.sha256(LOG).hexdigest(),
        "generation_number": GENERATION,
        "async_event_retained": False,
        "acknowledged": True,
        "change_detection": "TELEMETRY_CHANGE_DETECTION_UNSPECIFIED",
        "attempts": 2,
        "restarts": 0,
    }
    assert target.read_bytes() == LOG
    assert ctl.telemetry.acknowledged == [GENERATION]


async def test_a_log_that_is_saved_but_not_acknowledged_says_both(ctl: Ctl) -> None:
    target = ctl.folder / "log.bin"

    def overtake(parts: list[Part]) -> list[Part]:
        ctl.telemetry.generation += 1
        return parts

    ctl.telemetry.plan = [Step(overtake)]
    arguments = ("telemetry", "save", "nvme0", "-f", str(target), "--source", "controller", "--ack")
    result = await ctl(*arguments, "--output", "json")
    assert result.code == 6
    assert json.loads(result.out)["acknowledged"] is False
    assert json.loads(result.err)["error"]["reason"] == "TELEMETRY_GENERATION_CHANGED"
    assert target.read_bytes() == LOG


async def test_a_saved_log_is_told_in_a_sentence(ctl: Ctl) -> None:
    result = await ctl("telemetry", "save", "nvme0", "-f", str(ctl.folder / "log.bin"))
    assert result.out.splitlines() == [
        f"{ctl.folder}/log.bin: 12288 bytes (12.0 KiB), area 3, generation 7",
        f"sha256 {hashlib.sha256(LOG).hexdigest()}",
    ]
    assert result.err == ""  # no progress bar in a file


async def test_a_terminal_gets_a_progress_bar(ctl: Ctl) -> None:
    ours, theirs = os.openpty()
    process = await ctl.start("telemetry", "save", "nvme0", "-f", str(ctl.folder / "log.bin"), stderr=theirs)
    os.close(theirs)
    out, _ = await process.communicate()
    shown = os.read(ours, 1 << 16).decode()
    os.close(ours)
    assert process.returncode == 0
    assert out.decode().startswith(f"{ctl.folder}/log.bin: 12288 bytes")
    assert "nvme0" in shown
    assert "12.0/12.0 KiB" in shown


async def test_acknowledging(ctl: Ctl) -> None:
    dry = await ctl("telemetry", "ack", "nvme0", "--generation", "7", "--validate-only")
    assert (dry.out, ctl.telemetry.acknowledged) == (f"{CONTROLLER}: generation 7 would be acknowledged\n", [])
    done = await ctl("telemetry", "ack", "nvme0", "--generation", "7")
    assert (done.out, ctl.telemetry.acknowledged) == (f"{CONTROLLER}: generation 7 acknowledged\n", [7])
    late = await ctl("telemetry", "ack", "nvme0", "--generation", "6")
    assert (late.code, late.out) == (6, "")


async def test_an_error_is_told_with_all_it_has(ctl: Ctl) -> None:
    result = await ctl("controllers", "show", "nvme9")
    assert (result.code, result.out) == (5, "")
    assert result.err.splitlines() == [
        "error: nvme9 is in use.",
        "  reason: DEVICE_IN_USE (FAILED_PRECONDITION)",
        "  NVMe status: NVME_SC_INVALID_FIELD (type 0h, code 02h, do not retry) of opcode 10h, namespace 1h",
        "  system error: EBUSY (16) from open /dev/nvme9n1",
        "  field name: is \\x1b[31mbusy",
        "  IN_USE nvme9n1: mounted on /srv",
        "  try again in: 2.5 s",
        "  request id: request-1",
        "  remedy: Unmount or stop what uses it.",
    ]


async def test_an_error_is_json_for_programs(ctl: Ctl) -> None:
    result = await ctl("controllers", "show", "nvme9", "--output", "json")
    body = json.loads(result.err)["error"]
    assert (result.code, body["exit_code"], body["code"], body["reason"]) == (
        5,
        5,
        "FAILED_PRECONDITION",
        "DEVICE_IN_USE",
    )
    assert body["nvme_status"]["mnemonic"] == "NVME_SC_INVALID_FIELD"
    assert body["os_error"] == {"errno": 16, "symbol": "EBUSY", "syscall": "open", "path": "/dev/nvme9n1"}
    assert body["field_violations"] == [{"field": "name", "description": "is \x1b[31mbusy"}]
    assert body["precondition_violations"][0]["type"] == "IN_USE"
    assert (body["retry_delay_ms"], body["metadata"]) == (2500, {"request_id": "request-1"})


@pytest.mark.parametrize(
    ("arguments", "code", "reason"),
    [
        (("--address", "/nonexistent/x.sock", "server", "info"), 6, "CONNECTION_FAILED"),
        (("--address", "nowhere", "server", "info"), 2, "INVALID_FIELD"),
        (("--timeout", "0.05", "controllers", "capabilities", "nvme0"), 6, "CALL_TIMEOUT"),
        (("telemetry", "save", "nvme0", "-f", "/nonexistent/log.bin"), 1, "LOCAL_FILE"),
        (("telemetry", "save", "nvme0", "-f", "/dev/null"), 2, "INVALID_FIELD"),
    ],
)
async def test_what_fails_on_this_side_has_the_same_form(
    ctl: Ctl, arguments: tuple[str, ...], code: int, reason: str
) -> None:
    result = await ctl("--output", "json", *arguments)
    assert (result.code, json.loads(result.err)["error"]["reason"]) == (code, reason)


async def test_damaged_data_has_its_own_exit_code(ctl: Ctl) -> None:
    ctl.telemetry.plan = [Step(lambda parts: parts[:-1])]
    result = await ctl("telemetry", "save", "nvme0", "-f", str(ctl.folder / "log.bin"))
    assert (result.code, result.err.splitlines()[0]) == (7, "error: The stream ended without a trailer.")


async def test_a_reader_that_left_is_no_error_to_talk_about(ctl: Ctl) -> None:
    ours, theirs = os.pipe()
    os.close(ours)
    process = await ctl.start("server", "info", stdout=theirs)
    os.close(theirs)
    _, err = await process.communicate()
    assert (process.returncode, err) == (1, b"")


async def interrupted(ctl: Ctl, number: signal.Signals, *arguments: str) -> Result:
    """What a transfer says that stands still after two chunks, and then gets a signal."""
    ctl.telemetry.plan = [cut(3, error(Reason.DEVICE_BUSY, retry_delay_ms=60_000))]
    process = await ctl.start("telemetry", "save", "nvme0", "-f", str(ctl.folder / "log.bin"), *arguments)
    while not any(path.stat().st_size == 2 * CHUNK_BYTES for path in ctl.folder.glob(".log.bin.*.part")):  # noqa: ASYNC110
        await asyncio.sleep(0.01)
    process.send_signal(number)
    out, err = await process.communicate()
    return Result(process.returncode or 0, out.decode(), err.decode())


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_a_signal_leaves_what_has_arrived_and_says_how_to_go_on(ctl: Ctl, number: signal.Signals) -> None:
    file = ctl.folder / "log.bin"
    result = await interrupted(ctl, number, "--create")
    assert (result.code, result.out) == (128 + number, "")
    assert result.err.splitlines() == [
        f"cut short: 8.0 KiB of 12.0 KiB are in {file}.part",
        f"  to go on: nvmedctl telemetry save nvme0 -f {file}",
    ]
    assert sorted(path.name for path in ctl.folder.iterdir()) == ["log.bin.part", "log.bin.part.json", "nvmed.sock"]
    ctl.telemetry.plan = []
    again = await ctl("telemetry", "save", "nvme0", "-f", str(file))
    assert (again.code, file.read_bytes()) == (0, LOG)
    assert [request.offset for request in ctl.telemetry.requests] == [0, 2 * CHUNK_BYTES]
    assert sorted(path.name for path in ctl.folder.iterdir()) == ["log.bin", "nvmed.sock"]


async def test_programs_are_told_what_is_left_as_json(ctl: Ctl) -> None:
    result = await interrupted(ctl, signal.SIGINT, "-o", "json")
    (line,) = result.err.splitlines()
    assert json.loads(line)["cut_short"]["go_on"].startswith("nvmedctl telemetry save nvme0 -f ")


async def test_a_capture_begins_anew(ctl: Ctl) -> None:
    await interrupted(ctl, signal.SIGINT)
    ctl.telemetry.plan = []
    assert (await ctl("telemetry", "save", "nvme0", "-f", str(ctl.folder / "log.bin"), "--create")).code == 0
    assert [(request.create, request.offset) for request in ctl.telemetry.requests][1:] == [(True, 0)]
    assert sorted(path.name for path in ctl.folder.iterdir()) == ["log.bin", "nvmed.sock"]


@pytest.mark.parametrize(
    "arguments",
    [
        ("telemetry", "save", "nvme0"),
        ("telemetry", "save", "nvme0", "-f", "x", "--source", "controller", "--create"),
        ("telemetry", "save", "nvme0", "-f", "x", "--ack"),
        ("telemetry", "ack", "nvme0", "--generation", "256"),
        ("server", "info", "--cert", __file__),
        ("server", "info", "--timeout", "0"),
        ("server", "info", "--output", "xml"),
        ("nothing",),
    ],
)
def test_wrong_usage_exits_with_2(arguments: tuple[str, ...]) -> None:
    result = CliRunner().invoke(nvmedctl, arguments)
    assert (result.exit_code, "Error: " in result.stderr) == (2, True)


def test_help_lists_groups_and_exit_codes() -> None:
    text = CliRunner().invoke(nvmedctl, ["--help"]).output
    assert all(f"  {name} " in text for name in (*GROUPS, *COMMANDS))
    assert all(f"  {code}    {meaning}" in text for code, (meaning, _) in exit_codes.EXIT_CODES.items())


def walk(above: click.Group) -> Iterator[click.Command]:
    """Every command and group below `above`."""
    context = click.Context(above)
    for name in above.list_commands(context):
        command = above.get_command(context, name)
        assert command is not None
        yield command
        if isinstance(command, click.Group):
            yield from walk(command)


def test_every_command_explains_itself() -> None:
    assert nvmedctl.help
    for command in walk(nvmedctl):
        assert command.help, command.name
        assert isinstance(command, click.Group) or "JSON:" in command.help, command.name


def test_every_status_code_has_an_exit_code() -> None:
    listed = [status for _, statuses in exit_codes.EXIT_CODES.values() for status in statuses]
    assert sorted(listed) == sorted({*CLASSES, NvmedError.code})
