"""What a command is given: the client that is connected, and where its result goes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nvmedctl.cli import render
from nvmedctl.cli.settings import CALL_TIMEOUT_S, Settings
from nvmedctl.cli.tables import Columns, Item, table

if TYPE_CHECKING:
    from google.protobuf.message import Message

    from nvmedctl.client import Client


@dataclass(frozen=True, slots=True)
class Session:
    """What a command works with: a connected client, and where its result goes."""

    client: Client
    settings: Settings

    @property
    def output(self) -> str:
        """The format of the result."""
        return self.settings.output or "table"

    def deadline_s(self, extra_ms: int) -> float:
        """Deadline of a call that the daemon may take `extra_ms` longer for than for others."""
        return (self.settings.timeout or CALL_TIMEOUT_S) + extra_ms / 1000

    def show(self, value: Message | Mapping[str, object], view: Callable[[], str]) -> None:
        """Print a result: `value` is its JSON, `view()` what people see."""
        render.emit(self.output, value, view)

    def show_list(self, value: Message | Mapping[str, object], columns: Columns[Item], items: Iterable[Item]) -> None:
        """Print `items` as a table; `value` is their JSON. For commands made with `lists`."""
        self.show(value, lambda: table(columns, items))
