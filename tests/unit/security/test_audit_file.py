"""The files of the audit's chain where a new one begins: it has a name that lasts before it has a record."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from nvmed.audit_chain import file_name, files, verify
from nvmed.security import audit_file
from nvmed.security.audit_file import AuditFile
from tests.support.power_cut import PowerCut

NOTHING_UNSYNCED = 0
FILE_BYTES_MAX = 300


def records(count: int) -> list[dict[str, object]]:
    return [{"event": "attempt", "time": "2026-11-30T00:00:00.000000Z"}] * count


def opened(directory: Path) -> AuditFile:
    return AuditFile(directory, FILE_BYTES_MAX, 0)


def goes_on_after_a_cut(cut: PowerCut, target: Path, count: int) -> None:
    """What was written is there when the power is back, and more follows it."""
    left = cut.cut(target, NOTHING_UNSYNCED) / "audit"
    chain = opened(left)
    (position,) = chain.append(records(1))
    chain.close()
    assert position.sequence == count + 1
    assert verify(left).problems == []


@pytest.mark.parametrize("fails", ["fsync", "sync_directory"])
def test_a_file_that_could_not_be_begun_is_begun_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fails: str
) -> None:
    state = tmp_path / "state"
    state.mkdir()
    with PowerCut(state).watching() as cut:
        chain = opened(state / "audit")
        chain.append(records(5))
        with monkeypatch.context() as failing:
            where = os if fails == "fsync" else audit_file
            failing.setattr(where, fails, lambda _: (_ for _ in ()).throw(OSError(errno.EIO, os.strerror(errno.EIO))))
            with pytest.raises(OSError, match="Input/output error"):
                chain.append(records(1))
        chain.append(records(1))
        assert len(files(state / "audit")) == 2
        goes_on_after_a_cut(cut, tmp_path / "left", 6)
        chain.close()


def test_a_file_that_the_daemon_before_made_and_did_not_begin_gets_a_name_that_lasts(tmp_path: Path) -> None:
    state = tmp_path / "state"
    state.mkdir()
    with PowerCut(state).watching() as cut:
        chain = opened(state / "audit")
        chain.append(records(5))
        chain.close()
        (state / "audit" / file_name(6)).touch(mode=0o600)  # killed before anything of it was synced
        again = opened(state / "audit")
        again.append(records(1))
        goes_on_after_a_cut(cut, tmp_path / "left", 6)
        again.close()
