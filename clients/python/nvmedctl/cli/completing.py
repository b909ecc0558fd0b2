"""What a shell may complete an argument with: controllers, images and operations, asked of the daemon in a moment.

Whatever goes wrong there, nothing is offered and nothing is printed: who presses the tabulator waits, and has a line on
the terminal that an error would be written into.
"""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Iterable
from typing import TYPE_CHECKING, Final

import click

from nvmedctl.cli import contexts
from nvmedctl.cli.settings import Settings
from nvmedctl.cli.text import SHORT_DIGITS, label, printable

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from nvmedctl.client import Client

TIMEOUT_S: Final = 1.0
"""How long a shell waits; a daemon of this host answers in milliseconds."""

OFFERED_MAX: Final = 500
"""More are nothing to choose from."""

Known = list[tuple[str, str]]
"""Values, and what is said of each."""

Completer = Callable[[click.Context, click.Parameter, str], "list[CompletionItem]"]


def completer(ask: Callable[[Client, str], Awaitable[Known]]) -> Completer:
    """For `shell_complete=`: what `ask` finds that begins as what was typed, but for what stands there already."""

    def complete(ctx: click.Context, parameter: click.Parameter, begun: str) -> list[CompletionItem]:
        from click.shell_completion import CompletionItem

        try:
            known = _asked(ctx.obj or Settings(), ask, begun)
        except (Exception, SystemExit):  # there is nobody to tell
            return []
        given = ctx.params.get(parameter.name or "") or ()
        return [
            CompletionItem(value, help=printable(said))
            for value, said in known
            if value.startswith(begun) and value not in given
        ]

    return complete


def _asked(settings: Settings, ask: Callable[[Client, str], Awaitable[Known]], begun: str) -> Known:
    import asyncio

    os.environ["GRPC_VERBOSITY"] = "NONE"
    from nvmedctl.cli import targets

    host, *_ = targets.chosen(contexts.completed(settings)).hosts

    async def main() -> Known:
        async with asyncio.timeout(TIMEOUT_S), host.client(TIMEOUT_S) as client:
            return await ask(client, begun)

    return asyncio.run(main())


async def _controllers(client: Client, begun: str) -> Known:
    """Nodes as they are typed; whole names for who has begun one."""
    found: Known = []
    async for each in client.list_controllers():
        node = f"/dev/{each.device_node}" if begun.startswith("/") else each.device_node
        value = each.name if begun.startswith("c") or not each.device_node else node
        found.append((value, f"{each.model_number} {each.serial_number}".strip()))
    return found


async def _namespaces(client: Client, begun: str) -> Known:
    found: Known = []
    async for each in client.list_namespaces():
        node = f"/dev/{each.device_node}" if begun.startswith("/") else each.device_node
        found.append((each.name if begun.startswith("s") or not each.device_node else node, each.name))
    return found


async def _subsystems(client: Client, begun: str) -> Known:
    return [(each.name, f"{each.model_number} {each.serial_number}") async for each in client.list_subsystems()]


async def _images(client: Client, begun: str) -> Known:
    from nvmed.v1.firmware_pb2 import ListImagesRequest

    answer = await client.firmware.ListImages(ListImagesRequest(page_size=OFFERED_MAX))
    return _short(((each.name, f"{each.firmware_revision} {each.model_number}") for each in answer.images), begun)


async def _uploads(client: Client, begun: str) -> Known:
    from nvmed.v1.firmware_pb2 import ListUploadsRequest

    answer = await client.firmware.ListUploads(ListUploadsRequest(page_size=OFFERED_MAX))
    return _short(((each.name, each.principal) for each in answer.uploads), begun)


async def _operations(client: Client, begun: str) -> Known:
    from google.longrunning.operations_pb2 import ListOperationsRequest

    from nvmed.v1.operations_pb2 import OperationMetadata
    from nvmedctl import operations

    def said(about: OperationMetadata) -> str:
        state = label(OperationMetadata.State.Name(about.state), "STATE_")
        return f"{about.method.rpartition('/')[2]} of {about.target}, {state}"

    answer = await client.operations.ListOperations(ListOperationsRequest(page_size=OFFERED_MAX))
    return _short(((each.name, said(operations.metadata(each))) for each in answer.operations), begun)


def _short(named: Iterable[tuple[str, str]], begun: str) -> Known:
    """The digits of each that tables show, the whole for who has typed more, with the collection for who typed it."""
    found: Known = []
    for name, said in named:
        collection, _, digits = name.rpartition("/")
        prefix = f"{collection}/" if begun.startswith(collection[0]) else ""  # no digit begins so
        is_whole = len(begun.removeprefix(prefix)) > SHORT_DIGITS
        found.append((prefix + (digits if is_whole else digits[:SHORT_DIGITS]), said.strip()))
    return found


controllers: Completer = completer(_controllers)
namespaces: Completer = completer(_namespaces)
subsystems: Completer = completer(_subsystems)
images: Completer = completer(_images)
uploads: Completer = completer(_uploads)
operations: Completer = completer(_operations)
