"""nvmedctl support: a bundle made, saved and deleted at a real daemon, and shown and verified without one."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import pytest
import zstandard
from nvmedctl.cli.support import checked

from nvmed.errors import NvmedError


def archive(path: Path, members: dict[str, bytes]) -> Path:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, data in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    path.write_bytes(zstandard.compress(buffer.getvalue()))
    return path


def entry(**changes: Any) -> dict[str, Any]:
    digest = "6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b"
    return {"part": "a", "begin_time": "", "complete": True, "file": "a", "size_bytes": 1, "sha256": digest, **changes}


def manifest(*parts: dict[str, Any]) -> bytes:
    return json.dumps({"parts": list(parts)}).encode()


def test_each_part_has_a_finding(tmp_path: Path) -> None:
    parts = entry(), entry(part="b", complete=False), entry(part="c", file=""), entry(part="d", sha256="0" * 64)
    file = archive(tmp_path / "x", {"a": b"1", "manifest.json": manifest(*parts)})
    found = checked(file)["parts"]
    assert [part["finding"] for part in found] == ["complete", "incomplete", "missing", "damaged"]


@pytest.mark.parametrize(
    "members",
    [{}, {"manifest.json": b"{"}, {"manifest.json": b"[]"}, {"manifest.json": b'{"parts": [{}]}'}, {"a": b"1"}],
)
def test_what_is_no_bundle_is_refused(tmp_path: Path, members: dict[str, bytes]) -> None:
    with pytest.raises(NvmedError, match="no whole support bundle"):
        checked(archive(tmp_path / "x", members))


@pytest.mark.parametrize("cut", [0, 1, 40])
def test_a_bundle_that_is_cut_is_refused(tmp_path: Path, cut: int) -> None:
    file = archive(tmp_path / "x", {"a": os.urandom(5000), "manifest.json": manifest(entry())})
    file.write_bytes(file.read_bytes()[:cut])
    with pytest.raises(NvmedError, match="no whole support bundle"):
        checked(file)


def test_it_exits_with_7_for_a_part_that_was_changed(tmp_path: Path) -> None:
    file = archive(tmp_path / "x", {"a": b"2", "manifest.json": manifest(entry())})
    command = [sys.executable, "-m", "nvmedctl", "support", "show", str(file)]
    shown = subprocess.run(command, capture_output=True, text=True, check=False)
    assert shown.returncode == 7
    assert "damaged" in shown.stdout
    assert "SUPPORT_BUNDLE_DAMAGED" in shown.stderr
