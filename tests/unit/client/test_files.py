"""Files that are there complete or not at all, and how patient a client is."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nvmedctl.cli import failures
from nvmedctl.files import AtomicFile, saving
from nvmedctl.retry import RetryPolicy

from nvmed.errors import InvalidArgument
from nvmed.reasons import Reason, error


def test_nothing_is_there_before_commit(tmp_path: Path) -> None:
    target = tmp_path / "log.bin"
    target.write_bytes(b"old")
    file = AtomicFile(target)
    file.open()
    file.write(b"new and longer")
    assert target.read_bytes() == b"old"
    file.restart()
    file.write(b"newer")
    file.commit()
    file.discard()
    assert target.read_bytes() == b"newer"
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["log.bin"]


def test_what_is_discarded_leaves_nothing(tmp_path: Path) -> None:
    file = AtomicFile(tmp_path / "log.bin")
    file.discard()  # never opened
    file.open()
    file.write(b"x")
    file.discard()
    file.discard()
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(ValueError, match="open"):
        file.commit()


def test_only_a_regular_file_is_replaced(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    for target in (Path("/dev/null"), tmp_path, tmp_path / "fifo"):
        with pytest.raises(InvalidArgument, match="not a regular file"):
            AtomicFile(target).open()
    with pytest.raises(FileNotFoundError):
        AtomicFile(tmp_path / "missing" / "log.bin").open()


@given(st.integers(1, 2000))
def test_delays_grow_and_stay_bounded(failures: int) -> None:
    policy = RetryPolicy(first_delay=0.5, max_delay=3.0)
    whole = min(3.0, 0.5 * 2.0 ** min(failures - 1, 10))
    assert whole / 2 <= policy.delay(failures, error(Reason.DEVICE_GONE)) <= whole


def test_a_daemon_that_asks_for_more_time_gets_it() -> None:
    busy = error(Reason.DEVICE_BUSY, retry_delay_ms=9000)
    assert RetryPolicy(first_delay=0.0).delay(1, busy) == 9.0


async def test_a_folder_that_is_missing_is_named_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError) as raised:
        async with saving(tmp_path / "missing" / "x.bin"):
            pass
    told = failures.of_local_file(raised.value)
    assert told.message == f"{tmp_path}/missing: No such file or directory"
    assert "mkdir -p" in told.remedy
