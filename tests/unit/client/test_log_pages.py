"""A log page received by the client: checked to the byte, begun again after a cut, and never half a file."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from nvmedctl import RetryPolicy, save_log_page

from nvmed.errors import NvmedError
from nvmed.reasons import Reason, error
from nvmed.v1 import log_pb2 as pb
from nvmed.v1.common_pb2 import Chunk

PAGE = bytes(range(256)) * 8
OFFSET = 512
CHUNK = 500
QUICK = RetryPolicy(first_delay=0.001)
Parts = list[pb.ReadLogPageResponse]


def stream() -> Parts:
    """What a daemon sends of PAGE, which begins at OFFSET."""
    header = pb.LogPageHeader(controller="controllers/a-1", log_page=2, offset_bytes=OFFSET, length_bytes=len(PAGE))
    trailer = pb.LogPageTrailer(length_bytes=len(PAGE), sha256=hashlib.sha256(PAGE).digest(), async_event_retained=True)
    pieces = [(at, PAGE[at : at + CHUNK]) for at in range(0, len(PAGE), CHUNK)]
    return [
        pb.ReadLogPageResponse(header=header),
        *(
            pb.ReadLogPageResponse(chunk=Chunk(offset=OFFSET + at, data=piece, crc32=zlib.crc32(piece)))
            for at, piece in pieces
        ),
        pb.ReadLogPageResponse(trailer=trailer),
    ]


class Call:
    """One stream: `parts`, then `failure` if there is one."""

    def __init__(self, parts: Parts, failure: NvmedError | None) -> None:
        self._parts = parts
        self._failure = failure

    async def __aiter__(self) -> AsyncIterator[pb.ReadLogPageResponse]:
        for part in self._parts:
            yield part
        if self._failure:
            raise self._failure

    def cancel(self) -> None:
        """Nothing runs any more."""


@dataclass
class Service:
    """Answers each call with the next of `calls`, the last one again and again."""

    calls: list[Call]
    asked: list[pb.ReadLogPageRequest] = field(default_factory=list)

    def ReadLogPage(self, request: pb.ReadLogPageRequest) -> Call:  # noqa: N802
        self.asked.append(request)
        return self.calls.pop(0) if len(self.calls) > 1 else self.calls[0]


def names(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


GONE = error(Reason.CONNECTION_FAILED, "gone")


async def save(service: Service, path: Path, progress: Any = None, **fields: Any) -> Any:
    request = pb.ReadLogPageRequest(controller="a", log_page=2, length_bytes=len(PAGE), **fields)
    stub: Any = service
    return await save_log_page(stub, request, path, retry=QUICK, progress=progress)


async def test_a_page_arrives(tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    page = await save(
        Service([Call(stream(), None)]), tmp_path / "page", lambda done, total: seen.append((done, total))
    )
    assert (tmp_path / "page").read_bytes() == PAGE
    assert (page.size_bytes, page.sha256, page.attempts) == (len(PAGE), hashlib.sha256(PAGE).digest(), 1)
    assert (seen[0], seen[-1]) == ((0, len(PAGE)), (len(PAGE), len(PAGE)))


async def test_after_a_cut_it_is_read_from_its_beginning(tmp_path: Path) -> None:
    service = Service([Call(stream()[:3], GONE), Call(stream()[:1], GONE), Call(stream(), None)])
    page = await save(service, tmp_path / "page")
    assert ((tmp_path / "page").read_bytes(), page.attempts) == (PAGE, 3)


@pytest.mark.parametrize(
    ("sent", "fields", "attempts"),
    [
        (3, {}, 1 + QUICK.restarts),
        (0, {}, 1),  # before a header nobody knows what was done
        (3, {"retain_async_event": False}, 1),
        (3, {"retain_async_event": False, "request_id": "6b1c4b0e-1111-4222-8333-444455556666"}, 1 + QUICK.restarts),
    ],
)
async def test_a_line_that_stays_down_leaves_no_file(
    tmp_path: Path, sent: int, fields: dict[str, Any], attempts: int
) -> None:
    service = Service([Call(stream()[:sent], GONE)])
    with pytest.raises(NvmedError) as raised:
        await save(service, tmp_path / "page", **fields)
    assert (raised.value.reason, len(service.asked)) == ("CONNECTION_FAILED", attempts)
    assert names(tmp_path) == []


def changed(number: int, change: Callable[[Any], None]) -> Parts:
    parts = stream()
    change(parts[number])
    return parts


DAMAGES: dict[str, Callable[[], Parts]] = {
    "no header": lambda: stream()[1:],
    "no trailer": lambda: stream()[:-1],
    "nothing": list,
    "a chunk is missing": lambda: [*stream()[:2], *stream()[3:]],
    "a chunk twice": lambda: [*stream()[:2], *stream()[1:]],
    "a flipped bit": lambda: changed(2, lambda part: setattr(part.chunk, "data", b"\xff" + part.chunk.data[1:])),
    "a wrong CRC": lambda: changed(2, lambda part: setattr(part.chunk, "crc32", part.chunk.crc32 ^ 1)),
    "shorter than said": lambda: changed(0, lambda part: setattr(part.header, "length_bytes", len(PAGE) + 4)),
    "longer than said": lambda: changed(0, lambda part: setattr(part.header, "length_bytes", len(PAGE) - 4)),
    "another length at the end": lambda: changed(-1, lambda part: setattr(part.trailer, "length_bytes", 4)),
    "another hash": lambda: changed(-1, lambda part: setattr(part.trailer, "sha256", bytes(32))),
}


@pytest.mark.parametrize("damage", DAMAGES)
async def test_damage_is_noticed_and_leaves_what_was_there(tmp_path: Path, damage: str) -> None:
    target = tmp_path / "page"
    target.write_bytes(b"older")
    service = Service([Call(DAMAGES[damage](), None)])
    with pytest.raises(NvmedError) as raised:
        await save(service, target)
    assert (raised.value.reason, len(service.asked)) == ("TRANSFER_CORRUPTED", 1)
    assert names(tmp_path) == ["page"]
    assert target.read_bytes() == b"older"
