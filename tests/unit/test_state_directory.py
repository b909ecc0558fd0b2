"""The lock of the state directory."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from nvmed.errors import NvmedError
from nvmed.state_directory import LOCK, locked


def refused(directory: Path) -> NvmedError:
    with pytest.raises(NvmedError) as caught, locked(directory):
        pytest.fail("it was let in")
    return caught.value


def test_it_is_held_once_and_says_by_whom(tmp_path: Path) -> None:
    with locked(tmp_path / "state"):
        failure = refused(tmp_path / "state")
        assert failure.reason == "STATE_IN_USE"
        assert f"process {os.getpid()}" in failure.message
        assert (tmp_path / "state").stat().st_mode & 0o777 == 0o700
        assert (tmp_path / "state" / LOCK).stat().st_mode & 0o777 == 0o600
    with locked(tmp_path / "state"):
        pass


def test_who_was_killed_holds_it_no_more(tmp_path: Path) -> None:
    held = (
        "import os, sys; from pathlib import Path; from nvmed.state_directory import locked\n"
        "with locked(Path(sys.argv[1])): os.kill(os.getpid(), 9)"
    )
    assert subprocess.run([sys.executable, "-c", held, tmp_path], check=False).returncode == -9
    with locked(tmp_path):
        pass


@pytest.mark.parametrize("damage", ["", "nonsense", "9" * 100, "\0\xff"])
def test_what_the_lock_says_is_not_trusted(tmp_path: Path, damage: str) -> None:
    with locked(tmp_path):
        (tmp_path / LOCK).write_text(damage)
        failure = refused(tmp_path)
    assert failure.reason == "STATE_IN_USE"
    assert len(failure.message) < 400


@pytest.mark.parametrize("put", ["file", "link", "folder"])
def test_what_cannot_be_locked_is_an_honest_error(tmp_path: Path, put: str) -> None:
    """A file instead of the directory, and what stands where the lock should be."""
    directory = tmp_path / "state"
    if put == "file":
        directory.write_text("")
    else:
        directory.mkdir()
    if put == "link":
        (directory / LOCK).symlink_to(tmp_path / "elsewhere")
    if put == "folder":
        (directory / LOCK).mkdir()
    failure = refused(directory)
    assert failure.reason == "STATE_NOT_WRITABLE"
    assert str(directory / LOCK) in failure.message
    assert not (tmp_path / "elsewhere").exists()
