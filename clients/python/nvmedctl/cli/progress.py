"""Progress on standard error, for those who watch: a bar of a transfer or operation, a line of many hosts."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import click

from nvmedctl.cli import pb
from nvmedctl.cli.text import printable, size

if TYPE_CHECKING:
    from rich.progress import Progress, ProgressColumn, TaskID

    from nvmedctl.telemetry import Progress as Report


BARS: Final = ContextVar("bars", default=True)
"""Whether bars are shown: among many hosts and drives a line that counts them is."""


def _is_watched() -> bool:
    return BARS.get() and sys.stderr.isatty()


@dataclass(slots=True)
class Transfer:
    """What to tell (bytes done, bytes in all) of one transfer, and what was told last."""

    show: Report | None = None
    done: int = 0
    total: int = 0

    def __call__(self, done: int, total: int) -> None:
        self.done, self.total = done, total
        if self.show:
            self.show(done, total)


@contextmanager
def transfer(title: str) -> Iterator[Transfer]:
    """What to tell of one transfer; it is shown where standard error is a terminal."""
    if not _is_watched():
        yield Transfer()
        return
    with _transfer_bar() as bar:
        task = bar.add_task(printable(title), total=None)
        yield Transfer(lambda done, total: bar.update(task, completed=done, total=total))


@contextmanager
def operation() -> Iterator[Callable[[pb.operations.OperationMetadata], None] | None]:
    """What to tell of an operation: a bar for it, or one for each of its parts; None where nobody watches."""
    if not _is_watched():
        yield None
        return
    with _operation_bar() as bar:
        tasks: dict[str, TaskID] = {}

        def tell(about: pb.operations.OperationMetadata) -> None:
            for each in about.parts or (about,):
                title = printable(f"{each.target} {each.phase}".strip())
                if each.target not in tasks:
                    tasks[each.target] = bar.add_task(title, far="")
                done, total = each.bytes_done, each.bytes_total or None
                far = f"{size(done)} of {size(total)}" if total else ""
                if about.HasField("percent_complete") and each is about:
                    done, total, far = int(about.percent_complete), 100, f"{about.percent_complete:.0f} %"
                bar.update(tasks[each.target], description=title, completed=done, total=total, far=far)

        yield tell


LINE_INTERVAL_S: Final = 0.1
"""How often a line is written anew at most: a terminal is slower than a hundred hosts."""


@dataclass(slots=True)
class HostsLine:
    """One line that says how many hosts have answered, written over itself."""

    hosts: int
    is_shown: bool
    written_at: float = 0.0
    is_there: bool = False

    def show(self, done: int, failed: int, asked: int) -> None:
        now = time.monotonic()
        if not self.is_shown or (now - self.written_at < LINE_INTERVAL_S and done < self.hosts):
            return
        failures = f", {failed} failed" if failed else ""
        click.echo(f"\r\x1b[K{done} of {self.hosts} hosts{failures}, {asked} at work", err=True, nl=False)
        self.written_at, self.is_there = now, True

    def clear(self) -> None:
        if self.is_there:
            click.echo("\r\x1b[K", err=True, nl=False)
        self.is_there = False


@contextmanager
def hosts_line(hosts: int, *, is_shown: bool = True) -> Iterator[HostsLine]:
    """A line for those who watch a run over many hosts, and no bars meanwhile."""
    token = BARS.set(False)
    line = HostsLine(hosts, is_shown and sys.stderr.isatty())
    try:
        yield line
    finally:
        line.clear()
        BARS.reset(token)


def _transfer_bar() -> Progress:
    from rich.progress import BarColumn, DownloadColumn, TimeRemainingColumn, TransferSpeedColumn

    return _bar(BarColumn(), DownloadColumn(binary_units=True), TransferSpeedColumn(), TimeRemainingColumn())


def _operation_bar() -> Progress:
    """Without a speed: much of what a drive does has no bytes."""
    from rich.progress import BarColumn, TextColumn

    return _bar(BarColumn(), TextColumn("{task.fields[far]}", markup=False))


def _bar(*columns: ProgressColumn) -> Progress:
    from rich.console import Console
    from rich.progress import Progress, TextColumn

    return Progress(TextColumn("{task.description}", markup=False), *columns, console=Console(stderr=True))
