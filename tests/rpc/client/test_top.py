"""nvmedctl top on a real daemon, driven by textual's own pilot."""

from __future__ import annotations

import asyncio
import fcntl
import os
import pty
import signal
import struct
import sys
import termios
from collections.abc import AsyncIterator, Callable

import pytest
from nvmedctl.cli.tables import Layout
from nvmedctl.cli.top_app import _Top as Top
from nvmedctl.cli.top_hosts import Poller
from nvmedctl.client import Client
from textual.pilot import Pilot
from textual.widgets import DataTable, Static

from nvmed.nvme.opcodes import AdminOpcode, LogPage
from nvmed.simulator.faults import Fault, Hang
from tests.rpc.firmware_calls import stage
from tests.rpc.harness import Daemon, StartDaemon, small_drive
from tests.rpc.namespace_calls import sent

pytestmark = pytest.mark.timeout(120)
SIZE = (80, 24)


@pytest.fixture
async def drives(start_daemon: StartDaemon) -> Daemon:
    return await start_daemon(small_drive(), small_drive("OTHER"))


@pytest.fixture
async def client(drives: Daemon) -> AsyncIterator[Client]:
    async with Client(drives.address) as found:
        yield found


def rows(app: Top, table: str = "#drives") -> list[list[str]]:
    found = app.query_one(table, DataTable)
    return [[str(cell) for cell in found.get_row_at(number)] for number in range(found.row_count)]


def summary(app: Top) -> str:
    return str(app.query_one("#summary", Static).render())


async def until(pilot: Pilot[None], holds: Callable[[], bool]) -> None:
    while not holds():
        await pilot.pause(0.02)


async def test_drives_are_shown_sorted_and_held(client: Client) -> None:
    app = Top([Poller("here", client)], 3600)
    async with app.run_test(size=SIZE) as pilot:
        await until(pilot, lambda: len(rows(app)) == 2 and "°C" in rows(app)[1][2])
        assert [row[0] for row in rows(app)] == ["nvme0", "nvme1"]
        assert all(row[1] == "live" and row[4] == "100 %" and row[5] == "0" for row in rows(app))
        assert summary(app) == "here  2 drives  0 at work  by DRIVE"
        assert app.query_one("#drives", DataTable).virtual_size.width <= SIZE[0]
        await pilot.press("r")
        assert [row[0] for row in rows(app)] == ["nvme1", "nvme0"]
        await pilot.press("s", "p")
        assert summary(app) == "here  2 drives  0 at work  by STATE, turned round  held"
        await pilot.press("q")
    assert app.return_code == 0


async def test_a_drive_is_asked_once_in_an_interval(drives: Daemon, client: Client) -> None:
    before = sent(drives.drive(), AdminOpcode.GET_LOG_PAGE)
    app = Top([Poller("here", client)], 3600)
    async with app.run_test(size=SIZE) as pilot:
        await until(pilot, lambda: len(rows(app)) == 2 and "°C" in rows(app)[0][2])
        asked = sent(drives.drive(), AdminOpcode.GET_LOG_PAGE) - before
        drives.host.unplug("nvme1")
        await until(pilot, lambda: len(rows(app)) == 1)
        assert sent(drives.drive(), AdminOpcode.GET_LOG_PAGE) - before == asked == 1


async def test_what_is_done_is_shown_and_a_drive_that_hangs_holds_nobody_up(drives: Daemon, client: Client) -> None:
    hang, stuck = Hang(), Hang()
    drives.drive("nvme0").faults.add(Fault(hang, opcode=AdminOpcode.FIRMWARE_IMAGE_DOWNLOAD))
    drives.drive("nvme1").faults.add(Fault(stuck, log_id=LogPage.SMART_HEALTH_INFORMATION))
    try:
        await stage(drives, "nvme0")
        app = Top([Poller("here", client)], 3600)
        async with app.run_test(size=SIZE) as pilot:
            await until(pilot, lambda: any("download" in row for row in rows(app)))
            assert [row[0].startswith("StageFirmware") for row in rows(app, "#doing")] == [True]
            await until(pilot, lambda: "°C" in rows(app)[0][2])
            assert rows(app)[1][2] == "-"
    finally:
        hang.release()
        stuck.release()


async def test_a_host_that_is_gone_is_told_beside_what_was_seen(drives: Daemon, client: Client) -> None:
    async with Client("unix:/nonexistent/nvmed.sock") as gone:
        app = Top([Poller("here", client), Poller("gone", gone)], 3600, Layout(sort="-drive"))
        async with app.run_test(size=SIZE) as pilot:
            await until(pilot, lambda: len(rows(app)) == 2 and "gone: " in summary(app))
            assert [row[:2] for row in rows(app)] == [["here", "nvme1"], ["here", "nvme0"]]


@pytest.mark.parametrize(("ended_by", "code"), [(b"q", 0), (b"\x03", 0), (signal.SIGTERM, 143), (signal.SIGINT, 130)])
async def test_the_terminal_is_as_it_was(drives: Daemon, ended_by: bytes | signal.Signals, code: int) -> None:
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", *reversed(SIZE), 0, 0))
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "nvmedctl", "--address", drives.address, "top",
        stdin=theirs, stdout=theirs, stderr=theirs, env={**os.environ, "TERM": "xterm-256color"},
    )  # fmt: skip
    shown = b""
    try:
        while b"nvme1" not in shown:
            shown += await asyncio.to_thread(os.read, ours, 1 << 16)
        if isinstance(ended_by, bytes):
            os.write(ours, ended_by)
        else:
            process.send_signal(ended_by)
        while b"\x1b[?1049l" not in shown:  # out of the alternate screen
            shown += await asyncio.to_thread(os.read, ours, 1 << 16)
        assert await process.wait() == code
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
        os.close(theirs)
        os.close(ours)


WITHOUT = "import sys; sys.modules['textual'] = None; from nvmedctl.__main__ import main; main()"


@pytest.mark.parametrize(
    ("program", "said"),
    [(("-c", WITHOUT), "comes with the extra nvmed[top]"), (("-m", "nvmedctl"), "top needs a terminal")],
)
async def test_what_it_needs_is_said(program: tuple[str, ...], said: str) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, *program, "top", "--address", "/nowhere", stdin=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    _, err = await process.communicate()
    assert process.returncode == 2
    assert said in err.decode()
