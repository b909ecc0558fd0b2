"""`python -m bench.bare SOCKET`: a grpc.aio server that serves nothing, with what it takes to import it and no more."""

from __future__ import annotations

import asyncio
import sys

import grpc


async def serve(socket: str) -> None:
    """Say so once it serves."""
    server = grpc.aio.server()
    server.add_insecure_port(f"unix:{socket}")
    await server.start()
    print("ready", flush=True)
    await server.wait_for_termination()


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1]))
