"""What a command leaves that was cut short, and what to type to go on: for all that stream or wait.

with session.leaving(lambda: Left("12 MiB are kept in log.bin.part", again())):
    ...
"""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass

import click

from nvmedctl.cli.text import printable


@dataclass(frozen=True, slots=True)
class Left:
    """`kept` says what there is, `go_on` is the command that goes on from there, "" for none."""

    kept: str
    go_on: str = ""


@contextmanager
def leaving(left: list[Left], tell: Callable[[], Left]) -> Iterator[None]:
    """Add what `tell` says, if the block is interrupted or ends with an error that passes."""
    from nvmedctl.retry import is_cut_short

    try:
        yield
    except BaseException as failure:
        if is_cut_short(failure):
            left.append(tell())
        raise


def again(without: Collection[str] = (), give: Mapping[str, str] | None = None) -> str:
    """The command that runs, but for these flags, and with these options as given here."""
    give, words, said = give or {}, list[str](), iter(sys.argv[1:])
    for word in said:
        name, sign, _ = word.partition("=")
        if name in give:
            _ = sign or next(said, "")
        elif word not in without:
            words.append(word)
    return typed(*words, *(word for option in give.items() for word in option))


def typed(*words: str) -> str:
    """A command as it is typed."""
    return shlex.join(("nvmedctl", *words))


def say(left: Sequence[Left], output: str) -> None:
    """Say it on standard error, for people or as an object a line."""
    for each in left:
        if output in ("table", "wide"):
            click.echo(printable(f"cut short: {each.kept}"), err=True)
            if each.go_on:
                click.echo(printable(f"  to go on: {each.go_on}"), err=True)
        else:
            click.echo(json.dumps({"cut_short": asdict(each)}), err=True)
