"""The audit's thread: what waits for it, what it keeps when the disk fails, and that the event loop never waits."""

from __future__ import annotations

import asyncio
import errno
import io
import os
import sys
import threading
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from nvmed import config
from nvmed.audit_chain import START, decode, encode, files, newest_first, verify
from nvmed.errors import Unavailable
from nvmed.security import audit as module
from nvmed.security.audit import Audit, Event, Kind


@pytest.fixture
async def audit(tmp_path: Path) -> AsyncIterator[Audit]:
    made = Audit(config.Config(state_dir=str(tmp_path), audit=config.Audit(journald=False)))
    yield made
    await made.close()


def attempt(number: int = 0) -> Event:
    return Event(Kind.ATTEMPT, method="/test/Method", request_id=str(number))


def written(audit: Audit) -> list[tuple[str, str]]:
    """Event and request of each record, oldest first."""
    found = [decode(line).fields for _, line in newest_first(audit.directory)]
    return [(one["event"], one.get("request_id", "")) for one in found][::-1]


async def test_what_is_written_at_once_stays_in_order(audit: Audit) -> None:
    await asyncio.gather(*(audit.write(attempt(number)) for number in range(700)))
    assert written(audit) == [("attempt", str(number)) for number in range(700)]
    assert verify(audit.directory).problems == []


async def test_nothing_is_made_before_the_first_record(audit: Audit) -> None:
    assert not audit.directory.exists()
    await audit.flush()
    assert not audit.directory.exists()


Fail = Callable[..., None]


def failing(code: int) -> Fail:
    def fail(*_: Any) -> None:
        raise OSError(code, os.strerror(code))

    return fail


@pytest.mark.parametrize("call", ["fdatasync", "write"])
async def test_outcomes_are_kept_until_they_can_be_written(
    audit: Audit, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    await audit.write(attempt(1))
    with monkeypatch.context() as patch, capture_logs() as logged:
        patch.setattr(os, call, failing(errno.ENOSPC))
        with pytest.raises(Unavailable, match="No space left"):
            await audit.write(attempt(2))
        audit.note(Event(Kind.OUTCOME, request_id="1"))
        await audit.settle(Event(Kind.OUTCOME, request_id="2"))
    assert [line["event"] for line in logged] == ["audit_unavailable"]
    await audit.write(attempt(3))
    assert written(audit) == [("attempt", "1"), ("outcome", "1"), ("outcome", "2"), ("attempt", "3")]
    assert verify(audit.directory).problems == []


async def test_too_many_to_keep_are_counted(audit: Audit, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "KEPT_MAX", 3)
    with monkeypatch.context() as patch:
        patch.setattr(os, "fdatasync", failing(errno.EIO))
        for number in range(8):
            await audit.settle(Event(Kind.DENIAL, request_id=str(number)))
    await audit.write(attempt(9))
    assert written(audit) == [("denial", "0"), ("denial", "1"), ("denial", "2"), ("lost", ""), ("attempt", "9")]
    lost = decode([line for _, line in newest_first(audit.directory)][1]).fields
    assert lost["message"].startswith("5 records")


async def test_a_disk_that_hangs_refuses_changes_and_holds_up_nobody(
    audit: Audit, monkeypatch: pytest.MonkeyPatch
) -> None:
    await audit.write(attempt(1))
    monkeypatch.setattr(module, "WAIT_S", 0.05)
    released, hanging = threading.Event(), asyncio.Event()
    loop, sync = asyncio.get_running_loop(), os.fdatasync

    def hang(fd: int) -> None:
        loop.call_soon_threadsafe(hanging.set)
        released.wait()
        sync(fd)

    with monkeypatch.context() as patch:
        patch.setattr(os, "fdatasync", hang)
        waiting = asyncio.create_task(audit.write(attempt(2)))
        await hanging.wait()  # the loop runs
        with pytest.raises(Unavailable, match="taken no record"):
            await waiting
        with pytest.raises(Unavailable, match="taken no record"):
            await audit.write(attempt(3))
        await audit.settle(Event(Kind.OUTCOME, request_id="2"))
        released.set()
    await audit.flush()
    assert written(audit)[:2] == [("attempt", "1"), ("attempt", "2")]
    assert ("outcome", "2") in written(audit)
    assert verify(audit.directory).problems == []


class Broken(io.StringIO):
    """A log on a full disk."""

    def write(self, text: str) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


async def test_a_log_that_cannot_be_written_ends_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(sys, "stderr", Broken())
        audit = Audit(config.Config(state_dir=str(tmp_path)))
        await audit.write(attempt(1))
        await audit.write(attempt(2))
    assert written(audit) == [("attempt", "1"), ("attempt", "2")]
    await audit.close()


async def test_a_file_that_is_deleted_stops_changes(audit: Audit) -> None:
    await audit.write(attempt(1))
    for _, path in files(audit.directory):
        path.unlink()
    with pytest.raises(Unavailable, match="was deleted"):
        await audit.write(attempt(2))
    with pytest.raises(Unavailable, match="missing"):
        await audit.write(attempt(3))


async def test_a_directory_that_cannot_be_made_stops_changes(tmp_path: Path) -> None:
    (tmp_path / "audit").write_text("a file")
    audit = Audit(config.Config(state_dir=str(tmp_path)))
    with pytest.raises(Unavailable, match="cannot be written"):
        await audit.write(attempt())
    await audit.close()


async def test_a_second_daemon_is_told_so(audit: Audit, tmp_path: Path) -> None:
    await audit.write(attempt(1))
    other = Audit(config.Config(state_dir=str(tmp_path)))
    with pytest.raises(Unavailable, match="another daemon writes it"):
        await other.write(attempt(2))
    await other.close()


TEXT = st.text(max_size=3000)


@given(TEXT, TEXT, st.lists(st.text(max_size=40), max_size=200), st.dictionaries(st.text(max_size=9), TEXT, max_size=3))
def test_every_event_is_a_record_of_bounded_size(
    principal: str, message: str, resources: list[str], parameters: dict[str, str]
) -> None:
    event = Event(Kind.DENIAL, principal=principal, message=message, resources=resources, parameters=parameters)
    line, _ = encode(event.fields(), START)
    assert line.count(b"\n") == 1
    assert decode(line).fields["event"] == "denial"
    assert len(line) < 128 * 1024
