"""Room in the spool: taken by what arrives, shared out, and given back by who does not go on."""

from __future__ import annotations

from contextlib import AsyncExitStack
from pathlib import Path

from nvmed.firmware.spool import SpoolLimits, Writer
from nvmed.reasons import Reason
from tests.unit.firmware.spool_lab import ALICE, BOB, KIB, MIB, Clock, content, promise, put, raises, spool, upload

CAROL = "uri:spiffe://x/carol"
SHARE = 5 * MIB // 2
SMALL = SpoolLimits(quota_bytes=9 * MIB // 2, principal_bytes=SHARE, idle_s=300)


async def test_what_is_announced_takes_no_room(tmp_path: Path) -> None:
    """Two announce all there is, eight times, by calls that have ended and by calls that go on; a third one uploads."""
    async with spool(tmp_path, SMALL) as made, AsyncExitStack() as open_calls:
        for principal in (ALICE, BOB):
            for seed in range(8):
                call = made.receive(promise(content(2 * MIB, seed)), principal)
                if seed % 2:
                    await open_calls.enter_async_context(call)
                else:
                    async with call:
                        pass
        async with made.receive(promise(content(2 * MIB, 20)), CAROL) as writer:
            await put(writer, content(2 * MIB, 20))
            assert (await writer.finish()).size_bytes == 2 * MIB


async def test_a_principal_has_a_share_of_what_is_there(tmp_path: Path) -> None:
    """Images that it uploaded count, also after a restart; another principal is not touched by that."""
    async with spool(tmp_path, SMALL) as made, made.receive(promise(content(MIB, 1)), ALICE) as writer:
        await put(writer, content(MIB, 1))
        await writer.finish()
    async with spool(tmp_path, SMALL) as made:
        async with made.receive(promise(content(MIB, 2)), ALICE) as first:
            await put(first, content(MIB, 2)[: 512 * KIB])
            async with made.receive(promise(content(MIB, 3)), ALICE) as second:
                await put(second, content(MIB, 3)[: 512 * KIB])
                await put(first, content(MIB, 2), start=512 * KIB)
                failure = await raises(Reason.SPOOL_FULL, second.write(512 * KIB, 0, b"more"))
                assert ALICE in failure.message
                assert failure.metadata["quota_bytes"] == str(SHARE)
        async with made.receive(promise(content(MIB, 5)), BOB) as writer:
            await put(writer, content(MIB, 5))


async def stopped(made: object, seed: int, principal: str, size: int = MIB) -> Writer:
    """An upload of which all but four bytes arrived."""
    data = content(size + 4, seed)
    async with made.receive(promise(data), principal) as writer:  # type: ignore[attr-defined]
        await put(writer, data[:size])
        return writer  # type: ignore[no-any-return]


async def test_who_does_not_go_on_gives_way_to_who_does(tmp_path: Path) -> None:
    clock = Clock()
    async with spool(tmp_path, SMALL, clock=clock) as made:
        left = []
        for seed, principal in enumerate((ALICE, ALICE, BOB, BOB)):
            left.append(await stopped(made, seed, principal))
            clock.now += 1
        await raises(Reason.SPOOL_FULL, stopped(made, 9, CAROL))
        clock.now += 296  # only the first was left five minutes ago
        await stopped(made, 9, CAROL)
        await raises(Reason.UPLOAD_NOT_FOUND, made.abort(left[0].id))
        assert [made.upload(one.id).committed_bytes for one in left[1:]] == [MIB] * 3
        await raises(Reason.SPOOL_FULL, stopped(made, 10, CAROL))


async def test_who_needs_room_gives_up_its_own_first(tmp_path: Path) -> None:
    clock = Clock()
    async with spool(tmp_path, SMALL, clock=clock) as made:
        theirs = await stopped(made, 1, BOB)
        clock.now += 1
        own = [await stopped(made, seed, ALICE) for seed in (2, 3)]
        clock.now += 300
        await stopped(made, 4, ALICE)
        await raises(Reason.UPLOAD_NOT_FOUND, made.abort(own[0].id))
        assert made.upload(theirs.id).committed_bytes == MIB


async def test_what_is_gone_holds_nothing(tmp_path: Path) -> None:
    """Aborted, rejected, expired, deleted: each gives its room back."""
    clock = Clock()
    async with spool(
        tmp_path, SpoolLimits(quota_bytes=3 * MIB // 2, principal_bytes=3 * MIB // 2), clock=clock
    ) as made:
        for _ in range(3):
            await made.abort((await stopped(made, 1, ALICE)).id)
            wrong = promise(content(MIB, 2))
            async with made.receive(wrong, ALICE) as writer:
                await put(writer, content(MIB, 3))
                await raises(Reason.IMAGE_REJECTED, writer.finish())
            await stopped(made, 4, ALICE)
            clock.now += 25 * 3600
            await made.reap()
            image = await upload(made, content(MIB, 5))
            await made.delete(image.sha256)
