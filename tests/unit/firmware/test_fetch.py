"""Fetching images from a real HTTPS server: cut, slow, wrong, redirected, cancelled."""

from __future__ import annotations

import asyncio
import hashlib
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from nvmed import config
from nvmed.errors import NvmedError
from nvmed.firmware import fetch, images
from nvmed.firmware.fetch import Fetcher, Wanted
from nvmed.firmware.spool import Spool, SpoolLimits
from nvmed.firmware.spool_files import Image
from nvmed.operations.journal import Journal
from nvmed.operations.manager import Interrupted, Manager, Mutation, Verdict
from nvmed.operations.records import Record, State
from nvmed.reasons import Reason
from tests.rpc.firmware_calls import content
from tests.support.image_server import ImageServer, cuts, ignores_ranges, redirects, says, serves, stalls

KIB = 1024
DATA = content(600 * KIB, 7)


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetch, "RETRY_S", 0.001)


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[ImageServer]:
    async with ImageServer(tmp_path / "server").serving() as serving:
        serving.answers["/a.bin"] = serves(DATA)
        yield serving


@dataclass
class Lab:
    """What fetches, without a daemon around it."""

    spool: Spool
    manager: Manager
    fetcher: Fetcher

    async def begin(self, url: str, data: bytes = DATA, **facts: Any) -> Record:
        """Begin to fetch what should be `data`."""
        image = Image(**{"sha256": hashlib.sha256(data).hexdigest(), "size_bytes": len(data), **facts})
        wanted = Wanted(self.fetcher.locate(url), image, "unix:admin")
        asked = Mutation(images.FETCH, f"images/{image.sha256}", "unix:admin", "", b"")
        return await self.manager.start(asked, partial(self.fetcher.fetch, wanted=wanted))

    async def fetch(self, url: str, data: bytes = DATA, **facts: Any) -> Record:
        """How fetching ended."""
        return await self.manager.wait((await self.begin(url, data, **facts)).id)

    async def refused(self, url: str, data: bytes = DATA, **facts: Any) -> tuple[str, str]:
        """Reason and message of what fetching failed with."""
        ended = await self.fetch(url, data, **facts)
        assert (ended.state, self.spool.images()) == (State.FAILED, ())
        assert ended.failure is not None
        return ended.failure["reason"], ended.failure["message"]


@asynccontextmanager
async def opened(folder: Path, configured: config.Fetch, limits: SpoolLimits | None = None) -> AsyncIterator[Lab]:
    folder.mkdir(exist_ok=True)  # noqa: ASYNC240  # before anything is served
    spool = Spool(folder / "spool", limits)
    async with spool.serving():
        manager = Manager(Journal(folder / "journal.sqlite"), images.reconcilers(spool))
        await manager.recover()
        fetcher = Fetcher(spool, configured)
        try:
            yield Lab(spool, manager, fetcher)
        finally:
            await manager.close()
            fetcher.close()


def allowing(server: ImageServer, **changes: Any) -> config.Fetch:
    return config.Fetch(**{"allow": (server.root,), "ca": server.ca, "stall_timeout_s": 5, "timeout_s": 15, **changes})


@pytest.fixture
async def lab(tmp_path: Path, server: ImageServer) -> AsyncIterator[Lab]:
    async with opened(tmp_path / "state", allowing(server)) as made:
        yield made


async def test_an_image_is_fetched_once(lab: Lab, server: ImageServer) -> None:
    ended = await lab.fetch(f"{server.root}a.bin?signature=planted", firmware_revision="2.0.0")
    assert (ended.state, ended.result) == (
        State.SUCCEEDED,
        {"image": ended.target, "size_bytes": len(DATA), "fetched_bytes": len(DATA)},
    )
    (image,) = lab.spool.images()
    assert (lab.spool.path_of(image).read_bytes(), image.firmware_revision) == (DATA, "2.0.0")
    (step,) = await lab.manager.steps(ended.id)
    assert step.detail == {"url": f"{server.root}a.bin"}
    again = await lab.fetch(f"{server.root}gone.bin")
    assert (again.state, (again.result or {})["fetched_bytes"]) == (State.SUCCEEDED, 0)
    assert server.asked == [("/a.bin?signature=planted", 0)]


async def test_a_connection_that_breaks_is_gone_on_from(lab: Lab, server: ImageServer) -> None:
    server.answers["/a.bin"] = cuts(DATA, 250 * KIB)
    assert (await lab.fetch(f"{server.root}a.bin")).state is State.SUCCEEDED
    offsets = [offset for _, offset in server.asked]
    assert offsets[0] == 0
    assert offsets == sorted(set(offsets))
    assert len(offsets) >= 3


async def test_a_server_without_ranges_is_read_again_from_the_beginning(lab: Lab, server: ImageServer) -> None:
    server.answers["/a.bin"] = ignores_ranges(DATA, [300 * KIB, 500 * KIB])
    assert (await lab.fetch(f"{server.root}a.bin")).state is State.SUCCEEDED
    assert len(server.asked) == 3


async def test_what_was_committed_outlives_the_operation_and_the_daemon(tmp_path: Path, server: ImageServer) -> None:
    reached = asyncio.Event()
    server.answers["/a.bin"] = stalls(DATA, 300 * KIB, reached)
    async with opened(tmp_path / "state", allowing(server)) as lab:
        begun = await lab.begin(f"{server.root}a.bin")
        await reached.wait()
        while not (progress := lab.manager.progress(begun.id)) or progress.bytes_done < 256 * KIB:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    server.answers["/a.bin"] = serves(DATA)
    async with opened(tmp_path / "state", allowing(server)) as lab:
        assert (await lab.manager.get(begun.id)).state is State.SAFE_TO_RETRY
        ended = await lab.fetch(f"{server.root}a.bin")
    assert ended.result is not None
    assert ended.result["fetched_bytes"] == len(DATA) - server.asked[-1][1]
    assert server.asked[-1][1] >= 256 * KIB


async def test_cancelling_does_not_wait_for_a_server_that_is_silent(lab: Lab, server: ImageServer) -> None:
    reached = asyncio.Event()
    server.answers["/a.bin"] = stalls(DATA, 0, reached)
    begun = await lab.begin(f"{server.root}a.bin")
    await reached.wait()
    assert (progress := lab.manager.progress(begun.id)) is not None
    assert progress.cancellable
    await lab.manager.cancel(begun.id)
    assert (await lab.manager.wait(begun.id)).state is State.CANCELLED


async def test_a_crash_is_reconciled_with_the_spool(tmp_path: Path, server: ImageServer) -> None:
    async with opened(tmp_path / "state", allowing(server)) as lab:
        ended = await lab.fetch(f"{server.root}a.bin")
        steps = await lab.manager.steps(ended.id)
        look = images.reconcilers(lab.spool)[images.FETCH]
        there = await look(Interrupted(ended, steps, ()))
        gone = await look(Interrupted(replace(ended, target=f"images/{'0' * 64}"), steps, ()))
    assert isinstance(there, Verdict)
    assert isinstance(gone, Verdict)
    assert (there.state, gone.state) == (State.SUCCEEDED, State.SAFE_TO_RETRY)
    assert there.result == ended.result


OTHER = content(600 * KIB, 8)
CHUNKED = {"transfer_encoding": "chunked", "content_length": ""}


def chunked(data: bytes) -> bytes:
    """As a body of that transfer encoding, in one chunk."""
    return f"{len(data):x}\r\n".encode() + data + b"\r\n0\r\n\r\n"


async def test_a_server_that_sends_in_chunks(lab: Lab, server: ImageServer) -> None:
    server.answers["/a.bin"] = says(200, chunked(DATA), **CHUNKED)
    assert (await lab.fetch(f"{server.root}a.bin")).state is State.SUCCEEDED


@pytest.mark.parametrize(
    ("answer", "reason", "words"),
    [
        (serves(OTHER), Reason.IMAGE_REJECTED, "SHA-256"),
        (serves(DATA + b"more"), Reason.IMAGE_REJECTED, str(len(DATA) + 4)),
        (says(200, DATA + b"more", content_length=""), Reason.IMAGE_REJECTED, "more"),
        (says(200, chunked(DATA + b"more"), **CHUNKED), Reason.IMAGE_REJECTED, "more"),
        (says(200, chunked(DATA[:-4]), **CHUNKED), Reason.IMAGE_REJECTED, "fewer"),
        (says(200, DATA[:-4], content_length=""), Reason.FETCH_FAILED, "too early"),
        (serves(DATA[:-4]), Reason.IMAGE_REJECTED, str(len(DATA) - 4)),
        (says(404), Reason.FETCH_REFUSED, "404"),
        (says(401), Reason.FETCH_REFUSED, "401"),
        (says(416), Reason.FETCH_REFUSED, "416"),
        (says(206, DATA), Reason.FETCH_REFUSED, "206"),
        (says(206, DATA[8:], content_range=f"bytes 8-{len(DATA) - 1}/{len(DATA)}"), Reason.FETCH_REFUSED, "206"),
        (says(206, DATA, content_range=f"bytes 0-{len(DATA) - 1}/9999999"), Reason.IMAGE_REJECTED, "9999999"),
        (says(206, DATA, content_range="bytes */5"), Reason.FETCH_REFUSED, "206"),
        (says(503), Reason.FETCH_FAILED, "503"),
        (says(429), Reason.FETCH_FAILED, "429"),
        (cuts(DATA, 0), Reason.FETCH_FAILED, "cut"),
        (says(200, b"", content_length="", x="y" * 600_000), Reason.FETCH_FAILED, "HTTP"),
        (says(302), Reason.FETCH_REFUSED, "302"),
    ],
)  # fmt: skip
async def test_a_server_that_does_not_give_the_image(
    lab: Lab, server: ImageServer, answer: Any, reason: Reason, words: str
) -> None:
    server.answers["/b.bin"] = answer
    found, message = await lab.refused(f"{server.root}b.bin?signature=planted")
    assert (found, words in message) == (reason.name, True), message
    assert "planted" not in message


@pytest.mark.parametrize(
    ("limit", "words"), [("timeout_s", "timeout_s, 1 s"), ("stall_timeout_s", "nothing came for 1 s")]
)
async def test_a_server_that_is_silent_is_given_up(
    tmp_path: Path, server: ImageServer, monkeypatch: pytest.MonkeyPatch, limit: str, words: str
) -> None:
    monkeypatch.setattr(fetch, "ATTEMPTS_MAX", 2)
    server.answers["/a.bin"] = stalls(DATA, 300 * KIB, asyncio.Event())
    async with opened(tmp_path / "state", allowing(server, **{limit: 1})) as lab:
        found, message = await lab.refused(f"{server.root}a.bin")
    assert (found, words in message) == ("FETCH_FAILED", True), message
    assert f"of {len(DATA)} bytes are kept" in message


async def test_nobody_listens(lab: Lab, server: ImageServer, tmp_path: Path) -> None:
    async with ImageServer(tmp_path / "gone").serving() as gone:
        root = gone.root
    async with opened(tmp_path / "other", allowing(server, allow=(root, "https://nowhere.invalid.example/"))) as lab:
        assert (await lab.refused(f"{root}a.bin"))[0] == "FETCH_FAILED"
        assert (await lab.refused("https://nowhere.invalid.example/a.bin"))[0] == "FETCH_FAILED"


@pytest.mark.parametrize("names", [("other.example.org",), ("10.0.0.1",)])
async def test_a_certificate_for_another_host(tmp_path: Path, names: tuple[str, ...]) -> None:
    async with (
        ImageServer(tmp_path / "other").serving(*names) as server,
        opened(tmp_path / "s", allowing(server)) as lab,
    ):
        found, message = await lab.refused(f"{server.root}a.bin")
    assert (found, "certificate" in message) == ("FETCH_REFUSED", True)
    assert server.asked == []


async def test_a_certificate_of_another_authority(tmp_path: Path, server: ImageServer) -> None:
    async with opened(tmp_path / "state", allowing(server, ca="")) as lab:  # the system's: they do not know ours
        assert (await lab.refused(f"{server.root}a.bin"))[0] == "FETCH_REFUSED"
    assert server.asked == []


async def test_a_redirect_is_followed_where_it_is_allowed(lab: Lab, server: ImageServer) -> None:
    server.answers |= {"/1": redirects("2?again=1", 301), "/2": redirects(f"{server.root}a.bin", 307)}
    assert (await lab.fetch(f"{server.root}1")).state is State.SUCCEEDED
    assert [target for target, _ in server.asked] == ["/1", "/2?again=1", "/a.bin"]


@pytest.mark.parametrize(
    "target",
    [
        "https://elsewhere.example/a.bin",
        "http://localhost/a.bin",
        "file:///etc/shadow",
        "//169.254.169.254/latest/meta-data",
        "https://user:secret@localhost/a.bin",
        "/x/%2e%2e/a.bin",
        "https://[::1",
    ],
)
async def test_a_redirect_to_what_is_not_allowed(lab: Lab, server: ImageServer, target: str) -> None:
    server.answers["/1"] = redirects(target)
    found, message = await lab.refused(f"{server.root}1")
    assert (found, "secret" in message) == ("FETCH_NOT_ALLOWED", False)


async def test_redirects_end(lab: Lab, server: ImageServer) -> None:
    server.answers["/1"] = redirects("/1")
    assert (await lab.refused(f"{server.root}1"))[0] == "FETCH_REFUSED"
    assert len(server.asked) == fetch.REDIRECTS_MAX + 1


async def test_a_name_that_leads_to_this_host(
    tmp_path: Path, server: ImageServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = f"https://images.example.org:{server.port}/"
    entry = [(2, 1, 6, "", ("127.0.0.1", server.port))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_args, **_named: entry)
    async with opened(tmp_path / "state", allowing(server, allow=(name,))) as lab:
        found, message = await lab.refused(f"{name}a.bin")
    assert (found, "127.0.0.1" in message, server.asked) == ("FETCH_NOT_ALLOWED", True, [])


async def test_what_does_not_fit_is_refused_before_anything_is_asked(tmp_path: Path, server: ImageServer) -> None:
    async with opened(tmp_path / "state", allowing(server), SpoolLimits(quota_bytes=len(DATA) - 4)) as lab:
        assert (await lab.refused(f"{server.root}a.bin"))[0] == "SPOOL_FULL"
    assert server.asked == []


def test_a_configuration_that_cannot_be_used(tmp_path: Path, server: ImageServer) -> None:
    for changes in (
        {"ca": str(tmp_path / "none.pem")},
        {"allow": ("https://example.org/../",)},
        {"allow": ("https://example.org:x/",)},
    ):
        with pytest.raises(NvmedError) as caught:
            fetch.check(allowing(server, **changes), "nvmed.toml")
        assert caught.value.reason == Reason.CONFIG_INVALID.name
        assert "firmware.fetch." in caught.value.message
    empty = tmp_path / "empty.pem"
    empty.touch()
    with pytest.raises(NvmedError, match="no certificates of authorities"):
        fetch.tls_context(str(empty))


def test_old_tls_is_not_spoken(server: ImageServer) -> None:
    assert fetch.tls_context(server.ca).minimum_version is ssl.TLSVersion.TLSv1_2
