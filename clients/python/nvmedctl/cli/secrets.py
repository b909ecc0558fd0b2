"""Secrets on their way in and out.

In they come from standard input, a file or a systemd credential: what is on a command line, everybody on the host sees.
Out they go into a file of the caller's alone, or to standard output if that was asked for by name.
"""

from __future__ import annotations

import errno
import os
import select
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

import click

from nvmed.keys.secret import Secret
from nvmed.reasons import invalid_field
from nvmedctl.cli import pb, render
from nvmedctl.cli.parameters import Decorator, FieldOption, file_option, options
from nvmedctl.cli.session import Session
from nvmedctl.cli.text import names

if TYPE_CHECKING:
    from google.protobuf.message import Message

SECRET_BYTES_MAX = 1 << 20
"""A key file; everything else is far smaller."""

Wait = Callable[[int], None]
"""Until a descriptor can be read."""

STDIN = "-"
ENVIRONMENT = "CREDENTIALS_DIRECTORY"

HASHES = names("HMAC_ALGORITHM_", "none", "sha256", "sha384", "sha512")


def source_options(prefix: str = "", what: str = "the secret", default: str = "standard input") -> Callable[[Any], Any]:
    """Where a secret comes from: `--{prefix}secret-file` and `--{prefix}credential`."""
    return options(
        click.option(f"--{prefix}secret-file", cls=FieldOption, field=f"{prefix.replace('-', '_')}secret",
                     also=() if prefix else ("payload", "psk.key", "psk.text", "key.text", "key_file"), metavar="FILE",
                     help=f"Read {what} from FILE, - for standard input.  [default: {default}]"),
        click.option(f"--{prefix}credential", metavar="NAME",
                     help=f"Read {what} from this credential of systemd (LoadCredential=)."),
    )  # fmt: skip


def optional(more: dict[str, Any], prefix: str = "") -> Secret | None:
    """The secret that `source_options` name; None if they name none.

    Raises `OSError`, INVALID_FIELD if it is empty or too large, and UsageError.
    """
    file, name = more[f"{prefix}secret_file"], more[f"{prefix}credential"]
    if file is not None and name is not None:
        flag = prefix.replace("_", "-")
        raise click.UsageError(f"--{flag}secret-file and --{flag}credential exclude each other.")
    if file is None and name is None:
        return None
    return _load(_credential(name) if file is None else file)


def required(more: dict[str, Any]) -> Secret:
    """The secret that `source_options` name, that of standard input if they name none; raises what `optional` does."""
    return optional(more) or _load(STDIN)


def _load(path: str) -> Secret:
    with _interruptible() as wait:
        if path != STDIN:
            with Path(path).open("rb") as file:
                secret = Secret(_read(file.fileno(), wait))
        else:
            secret = Secret(_typed(wait) if sys.stdin.isatty() else _read(sys.stdin.fileno(), wait))
    if not 0 < len(secret) <= SECRET_BYTES_MAX:
        raise invalid_field("secret", f"it has {len(secret)} bytes; give 1 to {SECRET_BYTES_MAX}")
    return secret


@contextmanager
def _interruptible() -> Iterator[Wait]:
    """What waits until there is something to read, and ends at a signal: the loop, which would hear it, is what waits.

    A read that blocks does not end if the kernel gives the signal to another thread, of which gRPC has some.
    """

    def stop(number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt if number == signal.SIGINT else SystemExit(128 + number)

    hears, heard = socket.socketpair()
    with hears, heard:
        heard.setblocking(False)
        woken_before = signal.set_wakeup_fd(heard.fileno())
        before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}

        def wait(descriptor: int) -> None:
            either = select.poll()
            either.register(descriptor, select.POLLIN)
            either.register(hears, select.POLLIN)
            either.poll()

        try:
            yield wait
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
            signal.set_wakeup_fd(woken_before)


def _read(descriptor: int, wait: Wait, end: bytes | None = None) -> bytes:
    """Everything, or what comes up to `end`; one byte too many if it is too much."""
    content = b""
    while len(content) <= SECRET_BYTES_MAX:
        wait(descriptor)
        part = os.read(descriptor, SECRET_BYTES_MAX + 1 - len(content))
        content += part
        if not part or (end is not None and part.endswith(end)):
            break
    return content


def _typed(wait: Wait) -> bytes:
    """A line that is typed at a terminal, which does not show it."""
    import termios

    terminal = sys.stdin.fileno()
    shown = termios.tcgetattr(terminal)
    hidden = [*shown[:3], shown[3] & ~termios.ECHO, *shown[4:]]
    termios.tcsetattr(terminal, termios.TCSAFLUSH, hidden)
    try:
        click.echo("Secret: ", nl=False, err=True)
        return _read(terminal, wait, b"\n").rstrip(b"\r\n")
    finally:
        termios.tcsetattr(terminal, termios.TCSAFLUSH, shown)
        click.echo(err=True)


def _credential(name: str) -> str:
    directory = os.environ.get(ENVIRONMENT, "")
    if not directory:
        raise click.UsageError(f"--credential needs ${ENVIRONMENT}, which systemd sets for services that have some.")
    if "/" in name or name in ("", ".", ".."):
        raise click.UsageError("--credential is a name, not a path.")
    return str(Path(directory) / name)


def as_text(secret: Secret) -> str:
    """An interchange or DHHC-1 text, without the newline that editors and echo put behind it."""
    try:
        return secret.reveal_text().removesuffix("\n").removesuffix("\r")
    except ValueError:
        raise invalid_field("secret", "it is no text; see --form") from None


def as_bytes(secret: Secret, form: str) -> bytes:
    """The bytes of a secret that is given in hexadecimal, or as they are."""
    if form == "raw":
        return secret.reveal()
    try:
        return bytes.fromhex(as_text(secret))
    except ValueError:
        raise invalid_field("secret", "it is not hexadecimal; see --form") from None


psid_option: Decorator = click.option(
    "--psid-file",
    cls=FieldOption,
    field="psid",
    default=STDIN,
    metavar="FILE",
    help="Read the PSID of the drive's label from FILE, - for standard input.  [default: standard input]",
)


def psid(path: str) -> str:
    """The PSID in a file; raises `OSError`, INVALID_FIELD."""
    with _load(path) as secret:
        return as_text(secret)


psk_options: Decorator = options(
    source_options(what="the configured PSK"),
    click.option("--form", type=click.Choice(["text", "hex", "raw"]), default="text", show_default=True,
                 help="How the PSK is written: interchange text NVMeTLSkey-1:..., hexadecimal, bytes as they are."),
    click.option("--hash", "hash_", type=click.Choice(["none", "sha256", "sha384"]),
                 help="Hash of the PSK.  [default: what its text says, or the one as long as the key]"),
)  # fmt: skip


def psk(more: dict[str, Any]) -> pb.key.ConfiguredPsk:
    """The configured PSK that `psk_options` name."""
    hash_ = HASHES[more["hash_"]] if more["hash_"] else None
    with required(more) as secret:
        if more["form"] == "text":
            return pb.key.ConfiguredPsk(text=as_text(secret), hash=hash_)
        return pb.key.ConfiguredPsk(key=as_bytes(secret, more["form"]), hash=hash_)


target_options: Decorator = options(
    file_option("Write the secret to FILE, which only its owner may read."),
    click.option("--reveal", is_flag=True, help="Print the secret."),
)  # fmt: skip


def check_target(more: dict[str, Any], *, merges: bool = False) -> None:
    """Raise UsageError where nobody would get the secret, or another would be lost for it: before it is made."""
    file: Path | None = more["file"]
    if not more["reveal"] and file is None:
        raise click.UsageError("Say where the secret goes: --file FILE, or --reveal to print it.")
    if file is not None and file.is_file() and not merges:
        raise click.UsageError(f"{file} is there, and may hold another secret: move it away, or name another file.")


def give(
    session: Session,
    answer: Message,
    fields: tuple[str, ...],
    content: bytes,
    more: dict[str, Any],
    merge: Callable[[bytes], bytes] | None = None,
) -> None:
    """Let `content`, the secret, go where `target_options` say, and show the rest of `answer`.

    `fields` are those of `answer` that are secret. `merge` makes the new content of a file that is there; without it,
    such a file is left as it is; raises `FileExistsError`.
    """
    file: Path | None = more["file"]
    if file is not None:
        _write(file, content, merge)
    shown = type(answer)()
    shown.CopyFrom(answer)
    if not more["reveal"]:
        for field in fields:
            shown.ClearField(field)
    session.show(shown, lambda: _view(shown, content, fields, more))


def _view(shown: Message, content: bytes, fields: tuple[str, ...], more: dict[str, Any]) -> str:
    if more["reveal"]:
        text = content.removesuffix(b"\n")
        return text.decode() if text.isascii() and text.decode().isprintable() else content.hex()
    details = render.details(shown, without=fields)
    return "\n".join(part for part in (f"{more['file']}: {len(content)} bytes", details) if part)


def _write(path: Path, content: bytes, merge: Callable[[bytes], bytes] | None) -> None:
    from nvmedctl.files import AtomicFile

    file = AtomicFile(path)
    try:
        file.open()
        if path.exists():
            if merge is None:
                raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path))
            content = merge(path.read_bytes())
        file.write(content)
        file.commit()
    finally:
        file.discard()
