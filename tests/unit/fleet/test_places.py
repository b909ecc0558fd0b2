"""Places: a directory, a bucket of obstore's file backend, and of an S3 server where `moto_server` is on PATH."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import stat
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from nvmed_fleet import places
from nvmed_fleet.places import Bucket, Folder, Place

from nvmed.errors import NvmedError

MOTO = shutil.which("moto_server")


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The URL of a bucket on an S3 server."""
    if MOTO is None:
        pytest.skip("moto_server is not on PATH: pip install 'moto[server]' to try a real S3 server")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    root = f"http://127.0.0.1:{port}"
    for name, value in {
        "AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "y", "AWS_ENDPOINT_URL": root, "AWS_ALLOW_HTTP": "true",
        "AWS_REGION": "us-east-1",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    with subprocess.Popen([MOTO, "-p", str(port)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        try:
            _until_answered(urllib.request.Request(f"{root}/bucket", method="PUT"))  # noqa: S310
            yield "s3://bucket/sweeps"
        finally:
            server.terminate()


def _until_answered(request: urllib.request.Request) -> None:
    while True:
        try:
            with urllib.request.urlopen(request):  # noqa: S310
                return
        except urllib.error.URLError:
            continue


@pytest.fixture(params=["folder", "bucket", "s3"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    if request.param == "folder":
        return Folder(tmp_path / "to")
    if request.param == "bucket":
        (tmp_path / "to").mkdir()
        return Bucket(f"file://{tmp_path}/to")
    return places.opened(request.getfixturevalue("s3"))


@pytest.mark.timeout(60)
async def test_what_is_put_is_there(place: Place, tmp_path: Path) -> None:
    assert (await place.get("a/b.json"), await place.size("a/b.json")) == (None, None)
    await place.put("a/b.json", b"{}")
    large = tmp_path / "large"
    large.write_bytes(os.urandom(12 << 20))
    await place.put_file("a/large.bin", large)
    assert await place.get("a/b.json") == b"{}"
    assert (await place.size("a/b.json"), await place.size("a/large.bin")) == (2, 12 << 20)
    assert await place.get("a/large.bin") == large.read_bytes()
    await place.put("a/b.json", b"[]")
    assert await place.get("a/b.json") == b"[]"


@pytest.mark.timeout(60)
async def test_a_bucket_that_is_not_there(s3: str) -> None:
    with pytest.raises(NvmedError, match="404") as caught:
        await places.opened("s3://nowhere/x").put("a", b"")
    assert caught.value.reason == "PLACE_FAILED"


async def test_files_are_for_their_owner_alone(tmp_path: Path) -> None:
    await Folder(tmp_path / "to").put("a/b", b"x")
    modes = [
        stat.S_IMODE(path.stat().st_mode) for path in await asyncio.to_thread(lambda: [*(tmp_path / "to").rglob("*")])
    ]
    assert sorted(modes) == [0o600, 0o700]


async def test_a_directory_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(NvmedError) as caught:
        await Folder(tmp_path / "file").put("a", b"x")
    assert (caught.value.reason, "file/a" in caught.value.message) == ("PLACE_FAILED", True)


@pytest.mark.parametrize(
    "text",
    ["", "http://example.org/x", "s3://", "s3://key:secret@bucket/x", "s3://bucket/x?token=1", "s3://[", "x://y"],
)
def test_what_is_no_place(text: str) -> None:
    with pytest.raises(NvmedError) as caught:
        places.parse(text)
    assert caught.value.reason == "INVALID_FIELD"
    assert "secret" not in caught.value.message


def test_a_path_is_made_absolute(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    assert places.parse("to") == str(tmp_path / "to")
    assert places.parse("s3://bucket/x") == "s3://bucket/x"
