"""Events through the client library and the command line, over cuts and restarts."""

from __future__ import annotations

import asyncio
import json
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from nvmedctl.client import Client
from nvmedctl.retry import RetryPolicy

from nvmed.config import Config, Events, HostConfig, Listen, UnixListener
from nvmed.daemon import serving
from nvmed.errors import InvalidArgument
from nvmed.simulator.host import SimulatedHost
from nvmed.simulator.subsystem import Subsystem
from nvmed.v1.event_pb2 import EVENT_KIND_CONTROLLER_STARTED, WatchEventsRequest
from tests.rpc.event_calls import kind
from tests.rpc.harness import Daemon, small_drive


@asynccontextmanager
async def nvmedctl(daemon: Daemon, *arguments: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """A command that runs."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "nvmedctl", "--address", daemon.address, *arguments, stdout=PIPE, stderr=PIPE
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def line(process: asyncio.subprocess.Process) -> str:
    assert process.stdout is not None
    return (await process.stdout.readline()).decode()


async def message(process: asyncio.subprocess.Process) -> Any:
    return json.loads(await line(process))


async def test_watch_prints_a_message_in_each_line(daemon: Daemon) -> None:
    arguments = ("events", "watch", "--output", "json", "--snapshot", "--count", "2")
    async with nvmedctl(daemon, *arguments) as process:
        first, second, end = [await message(process) for _ in range(3)]
        assert first["event"]["controller_state"]["device_node"] == "nvme0"
        assert second["event"]["namespace_state"]["nsid"] == 1
        assert "snapshot_end" in end
        daemon.host.unplug("nvme0")
        gone = [await message(process) for _ in range(2)]
        assert [one["event"]["kind"] for one in gone] == [
            "EVENT_KIND_NAMESPACE_REMOVED",
            "EVENT_KIND_CONTROLLER_REMOVED",
        ]
        assert await process.wait() == 0
        token = gone[0]["resume_token"]
    async with nvmedctl(daemon, "events", "watch", "--output", "json", "--resume", token, "--count", "1") as process:
        assert (await message(process))["event"]["sequence"] == "2"


async def test_watch_for_people(daemon: Daemon) -> None:
    arguments = ("events", "watch", "--snapshot", "--controller", "/dev/nvme0", "--kind", "controller-started")
    async with nvmedctl(daemon, *arguments) as process:
        assert "controllers/nvmed1-1" in await line(process)
        assert "nvme0n1" in await line(process)
        assert "that is what there is" in await line(process)
        daemon.drive().reset()
        words = (await line(process)).split()
        assert words[0] == "1"
        assert words[2:5] == ["controller-started", "nvme0", "controllers/nvmed1-1"]


async def test_list_shows_what_is_remembered(daemon: Daemon) -> None:
    async with nvmedctl(daemon, "events", "watch", "--snapshot", "--count", "2", "--output", "json") as process:
        for _ in range(3):
            await line(process)
        daemon.host.unplug("nvme0")
        assert await process.wait() == 0
    async with nvmedctl(daemon, "events", "list", "-o", "wide", "--filter", "kind = CONTROLLER_REMOVED") as process:
        heading, row = (await line(process)).split(), (await line(process)).split()
    assert heading == ["NUMBER", "WHEN", "KIND", "ABOUT", "WHAT", "NODE", "TIME"]
    assert [row[0], *row[3:6], row[-2]] == ["2", "ago", "controller-removed", "controllers/nvmed1-1", "nvme0"]
    async with nvmedctl(daemon, "events", "list", "--output", "json") as process:
        out, _ = await process.communicate()
        assert [event["sequence"] for event in json.loads(out)["events"]] == ["1", "2"]


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ("watch --resume nonsense", 2),
        ("watch --controller nvme7", 3),
        ("watch --kind nonsense", 2),
        ("list --filter x", 2),
    ],
)
async def test_bad_arguments(daemon: Daemon, arguments: str, code: int) -> None:
    async with nvmedctl(daemon, "events", *arguments.split()) as process:
        _, err = await process.communicate()
        assert (process.returncode, bool(err)) == (code, True)


async def test_the_library_goes_on_over_a_restart_and_says_what_is_missing(tmp_path: Path) -> None:
    socket = UnixListener(path=str(tmp_path / "sock"), roles=("admin",))
    config = Config(
        state_dir=str(tmp_path / "state"),
        host=HostConfig(simulate=1),
        listen=Listen(unix=(socket,)),
        events=Events(poll_interval_s=0),
    )
    host = SimulatedHost([Subsystem(small_drive())])
    patient = RetryPolicy(attempts=1000, first_delay=0.01, max_delay=0.05)
    request = WatchEventsRequest(include_snapshot=True, kinds=[EVENT_KIND_CONTROLLER_STARTED])
    async with (
        Client(f"unix:{tmp_path / 'sock'}") as client,
        aclosing(client.watch_events(request, retry=patient)) as w,
    ):
        async with serving(host, config):
            parts = [(await anext(w)).WhichOneof("part") for _ in range(4)]
            assert parts == ["heartbeat", "event", "event", "snapshot_end"]
            host.controller("nvme0").reset()
            assert kind((await anext(w)).event) == "CONTROLLER_STARTED"
        async with serving(host, config):
            parts = [(await anext(w)).WhichOneof("part") for _ in range(4)]
            assert parts == ["dropped", "event", "event", "snapshot_end"]
            host.controller("nvme0").reset()
            assert kind((await anext(w)).event) == "CONTROLLER_STARTED"


async def test_the_library_raises_what_no_retry_mends(daemon: Daemon) -> None:
    async with (
        Client(daemon.address) as client,
        aclosing(client.watch_events(WatchEventsRequest(resume_token="x"))) as w,
    ):
        with pytest.raises(InvalidArgument, match="resume_token"):
            await anext(w)
