"""A progress bar on standard error, for those who watch."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from nvmedctl.cli import pb
from nvmedctl.cli.text import printable

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from nvmedctl.telemetry import Progress as Report


@contextmanager
def transfer(title: str) -> Iterator[Report | None]:
    """What to tell (bytes done, bytes in all) of one transfer; None where standard error is no terminal."""
    if not sys.stderr.isatty():
        yield None
        return
    with _bar() as bar:
        task = bar.add_task(printable(title), total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


@contextmanager
def operation() -> Iterator[Callable[[pb.operations.OperationMetadata], None] | None]:
    """What to tell of an operation: a bar for it, or one for each of its parts; None where nobody watches."""
    if not sys.stderr.isatty():
        yield None
        return
    with _bar() as bar:
        tasks: dict[str, TaskID] = {}

        def tell(about: pb.operations.OperationMetadata) -> None:
            for each in about.parts or (about,):
                title = printable(f"{each.target} {each.phase}".strip())
                if each.target not in tasks:
                    tasks[each.target] = bar.add_task(title)
                total = each.bytes_total or None
                bar.update(tasks[each.target], description=title, completed=each.bytes_done, total=total)

        yield tell


def _bar() -> Progress:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )

    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        DownloadColumn(binary_units=True),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
    )
