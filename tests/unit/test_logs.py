"""How lines are written, and what is left out of a flood of them."""

from __future__ import annotations

import io
import json
import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from nvmed import config, journald, limits, logs
from nvmed.security.audit import Audit, Event, Kind


@pytest.fixture(autouse=True)
def as_it_was() -> Iterator[None]:
    """The log, configured as before afterwards."""
    before = structlog.get_config()
    yield
    structlog.configure(**before)


def lines(written: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in written.readouterr().err.splitlines()]


class Clock:
    """A time that passes when it is told to."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def passed(flood: logs.Flood, event: str, principal: str = "") -> bool:
    try:
        flood(None, "info", {"event": event, "principal": principal})
    except structlog.DropEvent:
        return False
    return True


def test_a_flood_is_cut_and_counted(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("info")
    clock = Clock()
    flood = logs.Flood(clock)
    more = 7
    kept = sum(passed(flood, "call", "unix:noisy") for _ in range(limits.LOG_LINES_PER_MINUTE + more))
    assert kept == limits.LOG_LINES_PER_MINUTE
    assert passed(flood, "call", "unix:quiet")
    assert passed(flood, "stopping")
    assert lines(capsys) == []
    clock.now = limits.LOG_WINDOW_S
    with structlog.contextvars.bound_contextvars(request_id="of another call"):
        assert passed(flood, "ready")
    (told,) = lines(capsys)
    assert told.pop("timestamp")
    assert told == {
        "event": "lines_left_out", "level": "warning", "of": "call", "principal": "unix:noisy", "left_out": more,
    }  # fmt: skip
    assert passed(flood, "call", "unix:noisy")


def test_the_audit_is_never_cut() -> None:
    flood = logs.Flood(Clock())
    assert all(passed(flood, "audit") for _ in range(limits.LOG_LINES_PER_MINUTE + 10))


@given(st.lists(st.tuples(st.integers(0, 8), st.integers(0, 70)), max_size=60))
def test_every_line_is_written_or_counted(happens: list[tuple[int, int]]) -> None:
    """Whoever says what when: nothing is counted twice or forgotten, and no more is kept than is allowed."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(limits, "LOG_LINES_PER_MINUTE", 2)
        patched.setattr(limits, "LOG_FLOODS_KEPT", 4)
        clock, told = Clock(), 0
        flood = logs.Flood(clock)

        def warning(event: str, *, left_out: int, **_: object) -> None:
            nonlocal told
            told += left_out

        patched.setattr(logs, "log", type("Log", (), {"warning": staticmethod(warning)}))
        written = 0
        for who, seconds in happens:
            clock.now += seconds
            written += passed(flood, "call", f"unix:{who}")
            assert len(flood._windows) <= 4
        clock.now += limits.LOG_WINDOW_S
        assert passed(flood, "end")
        assert written + told == len(happens)


def test_a_line_is_json_with_its_level(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("info")
    structlog.get_logger().warning("scan_failed", message="two\nlines")
    (line,) = lines(capsys)
    assert (line["event"], line["level"], line["message"]) == ("scan_failed", "warning", "two\nlines")


def journal_stream(path: Path, monkeypatch: pytest.MonkeyPatch) -> TextIO:
    """Standard error as systemd connects it with the journal."""
    stream = path.open("w")
    found = os.fstat(stream.fileno())
    monkeypatch.setenv("JOURNAL_STREAM", f"{found.st_dev}:{found.st_ino}")
    monkeypatch.setattr(sys, "stderr", stream)
    return stream


@contextmanager
def listening(at: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    """journald, as it is connected with standard error."""
    monkeypatch.setattr(journald, "SOCKET", str(at / "socket"))
    with journal_stream(at / "stream", monkeypatch), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as journal:
        journal.bind(str(at / "socket"))
        journal.settimeout(10)
        yield journal


def fields(sent: bytes) -> dict[str, list[str]]:
    """What journald reads in a datagram."""
    found: dict[str, list[str]] = {}
    while sent:
        name, _, rest = sent.partition(b"\n")
        size = int.from_bytes(rest[:8], "little")
        found.setdefault(name.decode(), []).append(rest[8 : 8 + size].decode())
        assert rest[8 + size : 9 + size] == b"\n"
        sent = rest[9 + size :]
    return found


def test_the_journal_has_a_field_for_each_value(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with listening(tmp_path, monkeypatch) as journal:
        logs.configure("debug")
        structlog.get_logger().warning(
            "call", principal="unix:a\nMESSAGE=forged", resources=("host", "controllers/a-1"), duration_ms=1.5,
            about={"event": "started"}, _HOSTNAME="forged", ä="no name",
        )  # fmt: skip
        found = fields(journal.recv(1 << 16))
    line = json.loads(found.pop("MESSAGE")[0])
    assert (line["event"], line["about"]) == ("call", {"event": "started"})
    assert found == {
        "PRIORITY": ["4"], "SYSLOG_IDENTIFIER": ["nvmed"], "NVMED_EVENT": ["call"],
        "NVMED_PRINCIPAL": ["unix:a\nMESSAGE=forged"], "NVMED_RESOURCES": ["host", "controllers/a-1"],
        "NVMED_DURATION_MS": ["1.5"], "NVMED__HOSTNAME": ["forged"],
    }  # fmt: skip
    assert (tmp_path / "stream").read_text() == ""


async def test_the_audits_lines_go_where_the_log_goes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where these are written at any level, by a logger of the audit's own."""
    with listening(tmp_path, monkeypatch) as journal:
        logs.configure("error")
        audit = Audit(config.Config(state_dir=str(tmp_path)))
        await audit.write(Event(Kind.STARTED))
        await audit.write(Event(Kind.STOPPED))  # the thread is there still
        await audit.close()
        found = [fields(journal.recv(1 << 16)) for _ in range(2)]
    assert [(one["NVMED_EVENT"], one["NVMED_SEQUENCE"]) for one in found] == [(["audit"], ["1"]), (["audit"], ["2"])]


@given(st.dictionaries(st.text(), st.none() | st.text() | st.integers() | st.lists(st.text()), max_size=8))
def test_whatever_is_in_a_line_it_is_one_datagram(line: dict[str, Any]) -> None:
    found = fields(journald.datagram(line, "text"))
    assert found["MESSAGE"] == ["text"]
    assert all(re.fullmatch("[A-Z0-9][A-Z0-9_]{0,63}", name) for name in found)


def test_the_journals_stream_is_told_the_priority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "stream"
    monkeypatch.setattr(journald, "SOCKET", str(tmp_path / "nobody"))
    with journal_stream(path, monkeypatch):
        logs.configure("debug")
        for level in journald.PRIORITIES:
            getattr(structlog.get_logger(), level)("some")
    texts = path.read_text().splitlines()
    assert [text[:3] for text in texts] == [f"<{number}>" for number in journald.PRIORITIES.values()]
    assert [json.loads(text[3:])["level"] for text in texts] == list(journald.PRIORITIES)


def test_another_stream_than_the_journals_has_no_priorities(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    with (tmp_path / "stream").open("w") as stream:
        assert not logs.is_journal(stream, {"JOURNAL_STREAM": "1:1"})
        assert not logs.is_journal(stream, {})
    assert not logs.is_journal(io.StringIO(), {"JOURNAL_STREAM": "1:1"})


def test_a_daemon_imports_nothing_for_terminals() -> None:
    looks = "{'rich', 'pygments'} & {*sys.modules}, 'structlog' in sys.modules"
    asked = f"import sys, nvmed.__main__, nvmed.logs, nvmed.daemon; print({looks})"
    said = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True).stdout
    assert said == "set() True\n"
