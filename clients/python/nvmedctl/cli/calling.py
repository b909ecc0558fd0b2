"""Calls of any shape, with their messages as JSON: what `nvmedctl api` does."""

from __future__ import annotations

import asyncio
import json
import os
import re
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping
from contextlib import aclosing, asynccontextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from nvmed.errors import NvmedError
from nvmed.reasons import invalid_field
from nvmedctl.cli import contract, render
from nvmedctl.cli.describe import field_type
from nvmedctl.cli.session import Session

if TYPE_CHECKING:
    from google.protobuf.message import Message

READ_BYTES: Final = 1 << 18
REQUEST_CHARACTERS_MAX: Final = 8 << 20
"""A message has 4 MiB at most, which base64 makes a third longer."""

STDIN: Final = Path("-")


async def call(session: Session, method: contract.Descriptor, requests: AsyncGenerator[Message, None]) -> None:
    """Make the call, print what it answers."""
    from google.protobuf.message_factory import GetMessageClass

    shape = f"{'stream' if method.client_streaming else 'unary'}_{'stream' if method.server_streaming else 'unary'}"
    prepared = getattr(session.client.channel, shape)(
        f"/{contract.call_name(method)}",
        request_serializer=lambda request: request.SerializeToString(),
        response_deserializer=GetMessageClass(method.output_type).FromString,
    )
    async with aclosing(requests):
        if not method.client_streaming:
            await _show(session, method, prepared(await anext(requests)))
            return
        open_call = prepared()
        async with _sending(open_call, requests):
            await _show(session, method, open_call)


async def _show(session: Session, method: contract.Descriptor, call: Any) -> None:
    if not method.server_streaming:
        answer = await call
        session.show(answer, lambda: render.encoded("json", answer))
        return
    async for message in call:
        render.emit_line(session.output, message, lambda each: json.dumps(render.as_dict(each)))


@asynccontextmanager
async def _sending(call: Any, requests: AsyncIterator[Message]) -> AsyncIterator[None]:
    """Send while the block reads. A request that is wrong ends the call, and the block with what is wrong.

    gRPC would take the requests itself, and say of what they raise only that the call was cancelled.
    """

    async def send() -> None:
        async for request in requests:
            try:
                await call.write(request)
            except (asyncio.InvalidStateError, NvmedError):  # the call is over; reading tells why
                return
        with suppress(asyncio.InvalidStateError, NvmedError):
            await call.done_writing()

    sender = asyncio.create_task(send())
    sender.add_done_callback(lambda task: None if task.cancelled() or task.exception() is None else call.cancel())
    try:
        yield
    except asyncio.CancelledError:
        if sender.done() and not sender.cancelled() and (failure := sender.exception()):
            raise failure from None
        raise
    finally:
        call.cancel()
        sender.cancel()
        await asyncio.gather(sender, return_exceptions=True)


# -- requests


async def messages(method: contract.Descriptor, data: str | None, file: Path | None) -> AsyncGenerator[Message, None]:
    """The messages to send: one, or for a stream one of each line."""
    whole = not method.client_streaming
    number = 0
    async for line in _lines(file, whole=whole) if file else _given(data, whole=whole):
        number += 1
        where = f"{file or '--data'}" if whole else f"{file or '--data'}, line {number}"
        if not line.strip() and not whole:
            continue
        message = parsed(line or "{}", method.input_type, where)
        if not file and (secret := next(secrets(message), "")):
            raise click.UsageError(
                f"--data: {secret} is secret, and everybody on this host can read a command line; give the request by "
                "--file, - for standard input."
            )
        yield message


async def _given(data: str | None, *, whole: bool) -> AsyncIterator[str]:
    for line in [data or ""] if whole else (data or "{}").splitlines():
        yield line


async def _lines(file: Path, *, whole: bool) -> AsyncIterator[str]:
    """What a file, or standard input, has in each line; all at once if it is to be taken `whole`."""
    descriptor = 0 if file == STDIN else os.open(file, os.O_RDONLY | os.O_CLOEXEC)
    try:
        rest = b""
        while data := await _read(descriptor):
            rest += data
            if not whole:
                *lines, rest = rest.split(b"\n")
                for line in lines:
                    yield line.decode(errors="replace")
            if len(rest) > REQUEST_CHARACTERS_MAX:
                raise invalid_field("file", f"a message has more than {REQUEST_CHARACTERS_MAX} characters")
        if rest or whole:
            yield rest.decode(errors="replace")
    finally:
        if descriptor:
            os.close(descriptor)


async def _read(descriptor: int) -> bytes:
    """What there is to read, in a thread that an interrupt need not wait for: it may wait for somebody who types."""
    loop = asyncio.get_running_loop()
    answered: asyncio.Future[bytes] = loop.create_future()

    def settle(data: bytes, failure: OSError | None) -> None:
        if answered.done():
            return
        if failure:
            answered.set_exception(failure)
        else:
            answered.set_result(data)

    def read() -> None:
        data, failure = b"", None
        try:
            data = os.read(descriptor, READ_BYTES)
        except OSError as caught:
            failure = caught
        try:
            loop.call_soon_threadsafe(settle, data, failure)
        except RuntimeError:  # interrupted: the loop is closed
            return

    threading.Thread(target=read, daemon=True).start()
    return await answered


def secrets(message: Message, path: str = "") -> Iterator[str]:
    """The fields of a message that are set and secret, by their paths."""
    for field, value in message.ListFields():
        name = f"{path}{field.name}"
        if contract.is_secret(field):
            yield name
        elif field.message_type and not field.message_type.GetOptions().map_entry:
            for nested in value if field.is_repeated else (value,):
                yield from secrets(nested, f"{name}.")


_NAME: Final = re.compile(r"\w{1,40}")
"""What is told of names that no field has: longer ones may be a secret at the wrong place."""


def parsed(text: str, kind: contract.Descriptor, where: str) -> Message:
    """The message of that JSON; raises INVALID_FIELD, which says where and never what was there: it may be a secret."""
    from google.protobuf import json_format
    from google.protobuf.message_factory import GetMessageClass

    try:
        plain = json.loads(text)
        if wrong := next(_wrong(plain, kind, ""), ""):
            raise invalid_field(where, wrong)
        message: Message = GetMessageClass(kind)()
        json_format.ParseDict(plain, message)
    except json_format.ParseError:
        raise invalid_field(where, "of the fields of a oneof only one may be given") from None
    except json.JSONDecodeError as failure:
        raise invalid_field(where, f"is no JSON at character {failure.pos + 1}") from None
    except (ValueError, RecursionError):
        raise invalid_field(where, "is no JSON that a message can be") from None
    return message


def _wrong(plain: Any, kind: contract.Descriptor, path: str) -> Iterator[str]:
    """What is wrong with the fields of a message. Protobuf would say so too, but quotes what was given."""
    if not isinstance(plain, Mapping):
        yield f"{path.rstrip('.') or 'it'} must be an object, with fields of {kind.full_name}"
        return
    fields = {name: field for field in kind.fields for name in (field.name, field.json_name)}
    for name, value in plain.items():
        field = fields.get(name)
        if field is None:
            given = name if _NAME.fullmatch(name) else "of such a name"
            there_are = ", ".join(each.name for each in kind.fields)
            yield f"{path.rstrip('.') or kind.full_name} has no field {given}; it has {there_are}"
        elif _has_fields(field) and value is not None:
            for each in value if field.is_repeated and isinstance(value, list) else (value,):
                yield from _wrong(each, field.message_type, f"{path}{field.name}.")
        elif not _fits(kind, name, value):
            yield f"{path}{field.name} must be {_possible(field)}"


def _possible(field: contract.Descriptor) -> str:
    if field.enum_type:
        return f"one of {', '.join(each.name for each in field.enum_type.values)}"
    return f"of type {field_type(field)}{' in base64' if field_type(field) == 'bytes' else ''}"


def _has_fields(field: contract.Descriptor) -> bool:
    """Whether its JSON is an object of its fields: not so of maps, and of times and the like."""
    kind = field.message_type
    return bool(kind) and not kind.GetOptions().map_entry and not kind.full_name.startswith("google.protobuf.")


def _fits(kind: contract.Descriptor, name: str, value: Any) -> bool:
    """Whether a field can have a value, by itself."""
    from google.protobuf import json_format
    from google.protobuf.message_factory import GetMessageClass

    try:
        json_format.ParseDict({name: value}, GetMessageClass(kind)())
    except (json_format.ParseError, ValueError, TypeError):
        return False
    return True
