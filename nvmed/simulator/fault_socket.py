"""How `nvmed simulator fault` reaches a daemon of simulated drives: a socket beside that of its clients, root's alone.

One request and one answer a connection, each a line of JSON: `{"add": TOML}`, `{"remove": [NAME, ...]}` or `{"list":
true}`; `{"names": [...], "faults": TOML}` or `{"error": SENTENCE}`. It is no part of the contract, and a daemon that
manages real drives has none.
"""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, Final

import msgspec

from nvmed.errors import NvmedError
from nvmed.reasons import invalid_field
from nvmed.simulator import fault_file
from nvmed.simulator.fault_switch import FaultSwitch

LINE_BYTES_MAX: Final = 2 * fault_file.TEXT_BYTES_MAX
REQUEST_S_MAX: Final = 10.0
CONNECTIONS_MAX: Final = 8
SOURCE: Final = "faults"


class Request(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What is asked for: one of the three."""

    add: str | None = None
    remove: tuple[str, ...] | None = None
    list: bool = False


def path_beside(listener: str) -> Path:
    """The socket of faults of a daemon whose clients' socket is `listener`: /run/x.sock has /run/x.simulator.sock."""
    path = Path(listener)
    return path.with_name(f"{path.name.removesuffix('.sock')}.simulator.sock")


@asynccontextmanager
async def serving(listening: socket.socket, path: Path, switch: FaultSwitch) -> AsyncIterator[None]:
    """Answer on a bound socket inside; afterwards every fault is off, so that nothing hangs, and the socket is gone."""
    answering: set[asyncio.StreamWriter] = set()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        answering.add(writer)
        try:
            if len(answering) <= CONNECTIONS_MAX:
                async with asyncio.timeout(REQUEST_S_MAX):
                    line = await reader.readline()
                    writer.write(json.dumps(await asyncio.to_thread(answered, switch, line)).encode() + b"\n")
                    await writer.drain()
        except (OSError, TimeoutError, ValueError):
            pass  # its own fault: it may ask again
        finally:
            answering.discard(writer)
            writer.close()

    server = await asyncio.start_unix_server(connected, sock=listening, limit=LINE_BYTES_MAX)
    try:
        yield
    finally:
        server.close()
        for writer in tuple(answering):
            writer.close()
        await asyncio.to_thread(switch.close)
        await asyncio.to_thread(path.unlink, missing_ok=True)


def answered(switch: FaultSwitch, line: bytes) -> dict[str, Any]:
    """The answer to a request, whatever it is."""
    try:
        request = msgspec.json.decode(line, type=Request)
        names: tuple[str, ...] = ()
        if request.add is not None:
            names = switch.add(fault_file.parse(request.add, SOURCE), SOURCE)
        if request.remove is not None:
            switch.remove(request.remove, SOURCE)
        return {"names": names, "faults": switch.listed()}
    except (msgspec.DecodeError, UnicodeDecodeError) as exc:
        return {"error": f"that is no request: {exc}"}
    except NvmedError as exc:
        return {"error": exc.message}


def ask(address: str, **request: Any) -> dict[str, Any]:
    """What the daemon whose clients connect to `address` answers; blocks.

    Raises INVALID_FIELD for an address that is no unix socket and for what the daemon refuses, `OSError`, with the path
    of the socket, if no daemon answers there.
    """
    listener = address.removeprefix("unix:")
    if not listener.startswith("/"):
        raise invalid_field(
            "address", f"{address!r} is no unix socket; give the whole path of the daemon's, unix:/PATH"
        )
    path = path_beside(listener)
    try:
        with socket.socket(socket.AF_UNIX) as asking:
            asking.settimeout(REQUEST_S_MAX)
            asking.connect(str(path))
            asking.sendall(json.dumps(request).encode() + b"\n")
            with asking.makefile("rb") as answers:
                line = answers.readline(LINE_BYTES_MAX)
    except OSError as exc:
        raise OSError(exc.errno, exc.strerror or "it does not answer", str(path)) from None
    answer: dict[str, Any] = {}
    with suppress(ValueError):
        answer = json.loads(line)
    if "error" in answer or "faults" not in answer:
        raise invalid_field("", str(answer.get("error", "the daemon gave no answer")))
    return answer
