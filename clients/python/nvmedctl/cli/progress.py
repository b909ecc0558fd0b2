"""A progress bar on standard error, for those who watch."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    ProgressColumn,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from nvmed.v1.operations_pb2 import OperationMetadata
from nvmedctl.cli.text import printable
from nvmedctl.telemetry import Progress as Report


@contextmanager
def transfer(title: str) -> Iterator[Report | None]:
    """What to tell (bytes done, bytes in all) of one transfer; None where standard error is no terminal."""
    if not sys.stderr.isatty():
        yield None
        return
    with Progress(*_columns(), console=Console(stderr=True)) as bar:
        task = bar.add_task(printable(title), total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


@contextmanager
def operation() -> Iterator[Callable[[OperationMetadata], None] | None]:
    """What to tell of an operation: a bar for it, or one for each of its parts; None where nobody watches."""
    if not sys.stderr.isatty():
        yield None
        return
    with Progress(*_columns(), console=Console(stderr=True)) as bar:
        tasks: dict[str, TaskID] = {}

        def tell(about: OperationMetadata) -> None:
            for each in about.parts or (about,):
                title = printable(f"{each.target} {each.phase}".strip())
                if each.target not in tasks:
                    tasks[each.target] = bar.add_task(title)
                total = each.bytes_total or None
                bar.update(tasks[each.target], description=title, completed=each.bytes_done, total=total)

        yield tell


def _columns() -> tuple[ProgressColumn, ...]:
    return (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        DownloadColumn(binary_units=True),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
