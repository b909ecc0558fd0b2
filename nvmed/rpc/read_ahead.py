"""Receiving the next message of a stream while the one before is worked on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager, suppress
from typing import TypeVar

T = TypeVar("T")


@asynccontextmanager
async def read_ahead(requests: AsyncIterator[T]) -> AsyncIterator[AsyncGenerator[T, None]]:
    """`requests`, one ahead: so two of them are in memory, and a sender that is faster is held back.

    What receiving raises comes in its turn. Whatever the work raises is not kept waiting for a message that may never
    come, as it would be if working and receiving took turns the other way round.
    """
    arrived: asyncio.Queue[T | Exception | None] = asyncio.Queue()
    room = asyncio.Semaphore(1)

    async def receive() -> None:
        try:
            while True:
                await room.acquire()
                arrived.put_nowait(await anext(requests))
        except StopAsyncIteration:
            arrived.put_nowait(None)
        except Exception as exc:  # whatever it is belongs to the handler
            arrived.put_nowait(exc)

    async def messages() -> AsyncGenerator[T, None]:
        while (message := await arrived.get()) is not None:
            if isinstance(message, Exception):
                raise message
            room.release()
            yield message

    receiving = asyncio.create_task(receive())
    try:
        async with aclosing(messages()) as given:
            yield given
    finally:
        receiving.cancel()
        with suppress(asyncio.CancelledError):
            await receiving
