"""Write manual pages and completions of nvmed and nvmedctl below a folder, from what click knows of them.

manuals.py DIRECTORY    # share/man/man1, share/bash-completion, share/zsh, share/fish
"""

from __future__ import annotations

import gzip
import inspect
import sys
from collections.abc import Iterator
from pathlib import Path

import click
from click.shell_completion import get_completion_class
from nvmedctl.cli import nvmedctl

import nvmed.__main__
from nvmed import __version__

COMMANDS: dict[str, click.Command] = {"nvmed": nvmed.__main__.main, "nvmedctl": nvmedctl}

COMPLETIONS = {
    "bash": "share/bash-completion/completions/{name}",
    "zsh": "share/zsh/vendor-completions/_{name}",
    "fish": "share/fish/vendor_completions.d/{name}.fish",
}

MORE = {
    "nvmed": """\
.SH FILES
.TP
.I /etc/nvmed/nvmed.toml
The configuration of the service.
.TP
.I /etc/nvmed/tls, /etc/nvmed/keys
What the unit hands over as credentials: certificates with their keys, and TLS PSKs.
.TP
.I /run/nvmed
Sockets.
.TP
.I /var/lib/nvmed
Journal, firmware images and audit.
.SH SEE ALSO
.BR nvmedctl (1),
.BR nvme (1),
.BR systemd.exec (5)
""",
    "nvmedctl": ".SH SEE ALSO\n.BR nvmed (1),\n.BR nvme (1)\n",
}


def escaped(text: str) -> str:
    """`text` as roff prints it."""
    text = text.replace("\\", "\\e").replace("-", "\\-")
    return "\n".join("\\&" + line if line[:1] in (".", "'") else line for line in text.splitlines())


def paragraphs(text: str) -> Iterator[str]:
    """Paragraphs of a help text; click's \\b keeps the lines of one as they are."""
    for paragraph in inspect.cleandoc(text).split("\n\n"):
        if paragraph.startswith("\b"):
            yield f".PP\n.nf\n{escaped(paragraph.removeprefix(chr(8)).strip(chr(10)))}\n.fi\n"
        else:
            yield f".PP\n{escaped(paragraph)}\n"


def options(context: click.Context) -> Iterator[str]:
    """What a command takes, each with its help."""
    for parameter in context.command.get_params(context):
        record = parameter.get_help_record(context)
        if record is not None:
            yield f".TP\n.B {escaped(record[0])}\n{escaped(record[1]) or chr(92) + '&'}\n"


def usage(context: click.Context) -> str:
    """The line that shows how a command is called."""
    return escaped(f"{context.command_path} {' '.join(context.command.collect_usage_pieces(context))}")


def described(context: click.Context) -> Iterator[str]:
    """A section for each command below `context`'s."""
    command = context.command
    if not isinstance(command, click.Group):
        return
    for name in command.list_commands(context):
        inner = command.get_command(context, name)
        if inner is None or inner.hidden:
            continue
        with click.Context(inner, info_name=name, parent=context) as below:
            yield f".SS {usage(below)}\n"
            yield from paragraphs(inner.help or "")
            yield from options(below)
            yield from described(below)


def page(name: str, command: click.Command) -> str:
    """The manual page of one program."""
    with click.Context(command, info_name=name) as context:
        first = inspect.cleandoc(command.help or "").split("\n\n")[0].rstrip(".").replace("\n", " ")
        return "".join(
            [
                f'.TH {name.upper()} 1 "" "nvmed {__version__}" "User Commands"\n',
                f".SH NAME\n{name} \\- {escaped(first)}\n",
                f".SH SYNOPSIS\n.B {usage(context)}\n",
                ".SH DESCRIPTION\n",
                *paragraphs(command.help or ""),
                ".SH OPTIONS\n",
                *options(context),
                *([".SH COMMANDS\n", *described(context)] if isinstance(command, click.Group) else []),
                MORE[name],
            ]
        )


def completion(shell: str, name: str, command: click.Command) -> str:
    """What a shell reads to complete the arguments of a program."""
    make = get_completion_class(shell)
    if make is None:
        sys.exit(f"this click completes nothing for {shell}")
    return make(command, {}, name, f"_{name.upper()}_COMPLETE").source_template % {
        "complete_func": f"_{name}_completion",
        "complete_var": f"_{name.upper()}_COMPLETE",
        "prog_name": name,
    }


def main() -> None:
    """Write all of them."""
    root = Path(sys.argv[1])
    for name, command in COMMANDS.items():
        files = {f"share/man/man1/{name}.1.gz": gzip.compress(page(name, command).encode(), mtime=0)}
        for shell, path in COMPLETIONS.items():
            files[path.format(name=name)] = completion(shell, name, command).encode()
        for path, data in files.items():
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_bytes(data)


if __name__ == "__main__":
    main()
