"""nvmedctl passthru: commands that no other group has, as far as the daemon's rules allow."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from nvmedctl.cli import pb, render
from nvmedctl.cli.command import command
from nvmedctl.cli.parameters import (
    BYTE,
    DWORD,
    Decorator,
    SavedFile,
    controller_argument,
    dry_run_option,
    file_option,
    namespace_argument,
    options,
    request_id_option,
    seconds,
)
from nvmedctl.cli.session import Session

DWORDS = ("cdw2", "cdw3", "cdw10", "cdw11", "cdw12", "cdw13", "cdw14", "cdw15")
LINE_BYTES = 16

_INPUT = click.File("rb")

command_options: Decorator = options(
    click.option("--opcode", type=BYTE, required=True, help="Opcode; its low bit says that data are sent."),
    click.option("--nsid", type=DWORD, default=0, help="Namespace identifier.  [default: NAMESPACE's own, else 0]"),
    *(click.option(f"--{name}", type=DWORD, default=0, help=f"Command dword {name[3:]}.") for name in DWORDS),
    click.option("--data", type=_INPUT, metavar="FILE", help="Data to send, - for standard input."),
    click.option("--read", "read_bytes", type=DWORD, default=0, metavar="BYTES", help="Data to read."),
    click.option("--metadata", type=_INPUT, metavar="FILE", help="Metadata to send in a buffer of their own."),
    click.option("--read-metadata", "read_metadata_bytes", type=DWORD, default=0, metavar="BYTES",
                 help="Metadata to read into a buffer of their own."),
    click.option("--command-timeout", "timeout_ms", type=seconds, default=0, metavar="SECONDS",
                 help="How long the drive may take; the kernel resets it then."),
)  # fmt: skip
"""The fields of PassthruCommand by their names."""

execute_options: Decorator = options(
    command_options,
    file_option("Where to put data that are read.  [default: shown]"),
    click.option("--metadata-file", type=SavedFile(), help="Where to put metadata that are read.  [default: shown]"),
    click.option("--acknowledge-destructive", is_flag=True, help="It may change the drive or lose data; that is fine."),
    dry_run_option,
    request_id_option,
)


@click.group()
def passthru() -> None:
    """Commands by opcode and dwords, as far as the daemon's rules allow.

    Numbers are decimal or, with 0x, hexadecimal. Rules that ship allow reads that change nothing.
    """


@command(passthru, "admin", changes=True)
@controller_argument
@execute_options
async def admin(session: Session, controller: str, **given: Any) -> None:
    """Send a command to the admin queue of a controller.

    JSON: nvmed.v1.ExecuteAdminResponse; what goes to a file is left out of it.
    """
    request = pb.passthru.ExecuteAdminRequest(controller=controller, **_request(given))
    deadline = session.deadline_s(request.command.timeout_ms)
    _show(session, await session.client.passthru.ExecuteAdmin(request, timeout=deadline), given)


@command(passthru, "io", changes=True)
@namespace_argument
@execute_options
async def io(session: Session, namespace: str, **given: Any) -> None:
    """Send a command to an I/O queue, to a namespace: subsystems/.../namespaces/1, nvme0n1 or ng0n1.

    JSON: nvmed.v1.ExecuteIoResponse; what goes to a file is left out of it.
    """
    request = pb.passthru.ExecuteIoRequest(namespace=namespace, **_request(given))
    deadline = session.deadline_s(request.command.timeout_ms)
    _show(session, await session.client.passthru.ExecuteIo(request, timeout=deadline), given)


@command(passthru, "test")
@click.argument("queue", type=click.Choice(["admin", "io"]))
@click.argument("resource", callback=lambda _c, _p, value: value.removeprefix("/dev/"))
@command_options
async def test(session: Session, queue: str, resource: str, **given: Any) -> None:
    """Show what the rules say of a command, and which of them; nothing is sent.

    RESOURCE is what `admin` or `io` would be given.  JSON: nvmed.v1.TestPassthruResponse.
    """
    number = pb.passthru.PASSTHRU_QUEUE_ADMIN if queue == "admin" else pb.passthru.PASSTHRU_QUEUE_IO
    request = pb.passthru.TestPassthruRequest(queue=number, resource=resource, command=_command(given))
    found = await session.client.passthru.TestPassthru(request)
    session.show(found, lambda: render.details(found))


def _request(given: dict[str, Any]) -> dict[str, Any]:
    return {
        "command": _command(given),
        "acknowledge_destructive": given["acknowledge_destructive"],
        "validate_only": given["dry_run"],
        "request_id": given["request_id"],
    }


def _command(given: dict[str, Any]) -> pb.passthru.PassthruCommand:
    numbers = ("opcode", "nsid", *DWORDS, "read_bytes", "read_metadata_bytes", "timeout_ms")
    return pb.passthru.PassthruCommand(
        data=given["data"] or b"", metadata=given["metadata"] or b"", **{name: given[name] for name in numbers}
    )


def _show(session: Session, answer: Any, given: dict[str, Any]) -> None:
    """Put what was read where it is wanted, and show the rest."""
    saved = []
    for field, path in (("data", given["file"]), ("metadata", given["metadata_file"])):
        if path is not None and not given["dry_run"]:
            content = getattr(answer, field)
            _save(path, content)
            saved.append(f"{path}: {len(content)} bytes of {field}")
            answer.ClearField(field)
    session.show(answer, lambda: "\n".join([*saved, _view(answer, given["dry_run"])]))


def _save(path: Path, content: bytes) -> None:
    """Write a file that is there complete or not at all."""
    from nvmedctl.files import AtomicFile

    file = AtomicFile(path)
    try:
        file.open()
        file.write(content)
        file.commit()
    finally:
        file.discard()


def _view(answer: Any, dry_run: bool) -> str:
    if dry_run:
        return f"would be sent, allowed by rule {answer.rule}"
    shown = [f"result {answer.result:#x}, allowed by rule {answer.rule}"]
    shown += [dump(content) for content in (answer.data, answer.metadata) if content]
    return "\n".join(shown)


def dump(content: bytes) -> str:
    """`content` as offset, hexadecimal and text, 16 bytes a line."""
    lines = []
    for start in range(0, len(content), LINE_BYTES):
        line = content[start : start + LINE_BYTES]
        text = "".join(chr(byte) if 0x20 <= byte < 0x7F else "." for byte in line)
        lines.append(f"{start:08x}  {line.hex(' '):47}  {text}")
    return "\n".join(lines)
