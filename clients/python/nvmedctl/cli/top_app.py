"""The screen of `nvmedctl top`: a table of drives, what is being done below it; 80 columns are enough."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Final

from rich.text import Text
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.widgets import DataTable, Footer, Static

from nvmedctl.cli.tables import Column, Columns, Layout, natural, selected
from nvmedctl.cli.text import printable, size
from nvmedctl.cli.top_hosts import Drive, Operation, Poller, Upload

DEFAULT: Final = Layout()

HOT_CELSIUS: Final = 70
WORN_PERCENT: Final = 90
"""From where a number is shown in yellow; what the drive itself finds critical is red, whatever its numbers."""


def _known(value: Any, unit: str = "") -> str:
    return "-" if value is None else f"{value}{unit}"


def _state(drive: Drive) -> str:
    return "stalled" if drive.is_stalled else drive.said or " ".join(drive.warnings) or drive.state


DRIVES: Columns[Drive] = (
    Column("HOST", lambda d: d.host),
    Column("DRIVE", lambda d: d.node),
    Column("STATE", _state),
    Column("TEMP", lambda d: d.temperature_celsius, lambda value: _known(value, " °C")),
    Column("WEAR", lambda d: d.used_percent, lambda value: _known(value, " %")),
    Column("SPARE", lambda d: d.spare_percent, lambda value: _known(value, " %")),
    Column("ERRORS", lambda d: d.media_errors, _known),
    Column("DOING", lambda d: d.doing),
    Column("MODEL", lambda d: d.model),
)


def _far(doing: Operation | Upload) -> str:
    return f"{100 * doing.done // doing.total} % of {size(doing.total)}" if doing.total else ""


def _where(doing: Operation | Upload) -> str:
    return doing.target if isinstance(doing, Operation) else doing.principal


DOING: Columns[Operation | Upload] = (
    Column("HOST", lambda o: o.host),
    Column("DOING", lambda o: f"{o.method} {o.phase}" if isinstance(o, Operation) else "upload"),
    Column("FAR", _far),
    Column("WHERE", _where),
)


def _look(drive: Drive) -> str:
    """The style of a drive's row."""
    if drive.is_stalled or drive.said or drive.warnings or drive.state not in ("live", "-"):
        return "red"
    hot = (drive.temperature_celsius or 0) >= HOT_CELSIUS
    return "yellow" if hot or (drive.used_percent or 0) >= WORN_PERCENT or drive.media_errors else ""


async def run(pollers: Sequence[Poller], interval_s: float, layout: Layout = DEFAULT) -> None:
    """Show what pollers see, as they see it, until the user has seen enough."""
    await _Top(pollers, interval_s, layout).run_async(mouse=False)


class _Top(App[None]):
    """The screen; private, because nobody outside can tell textual's types."""

    ENABLE_COMMAND_PALETTE = False
    BINDINGS: ClassVar[list[BindingType]] = [
        ("q", "quit", "Quit"),
        Binding("ctrl+c", "quit", show=False, priority=True),  # textual would only tell of ctrl+q
        ("s", "sort", "Sort by the next column"),
        ("r", "reverse", "Turn round"),
        ("p", "hold", "Hold still"),
    ]
    CSS = """
    #summary { height: auto; text-style: bold; }
    #drives { height: 2fr; }
    #doing { height: 1fr; min-height: 4; }
    """

    def __init__(self, pollers: Sequence[Poller], interval_s: float, layout: Layout = DEFAULT) -> None:
        super().__init__()
        self._pollers = pollers
        self._interval_s = interval_s
        several = len(pollers) > 1
        known = [column for column in DRIVES if several or column.heading != "HOST"]
        self._drives = selected(known, layout)
        self._doing = [column for column in DOING if several or column.heading != "HOST"]
        by = selected(self._drives, Layout(columns=(layout.sort.removeprefix("-") or self._drives[0].heading,)))
        self._by = self._drives.index(by[0])
        self._reversed = layout.sort.startswith("-")
        self._held = False
        self._seen = [poller.seen for poller in pollers]

    def compose(self) -> ComposeResult:
        yield Static(id="summary")
        yield DataTable[Text](id="drives", cursor_type="row", zebra_stripes=True)
        yield DataTable[Text](id="doing", cursor_type="none")
        yield Footer()

    def on_mount(self) -> None:
        self.query_one("#doing", DataTable).can_focus = False
        self.show()
        for poller in self._pollers:
            self.run_worker(poller.poll(self.show, self._interval_s))
            self.run_worker(poller.listen())

    def show(self) -> None:
        """Show what was seen last; while the screen is to hold still, what it shows."""
        seen = self._seen = self._seen if self._held else [poller.seen for poller in self._pollers]
        column = self._drives[self._by]
        drives = sorted(
            (drive for host in seen for drive in host.drives),
            key=lambda drive: natural("" if (value := column.content(drive)) is None else value),
            reverse=self._reversed,
        )
        doing = [each for host in seen for each in (*host.operations, *host.uploads)]
        self._fill("#drives", self._drives, [(drive, _look(drive)) for drive in drives])
        self._fill("#doing", self._doing, [(each, "") for each in doing])
        self.query_one("#summary", Static).update(self._summary(len(drives), len(doing)))

    def _summary(self, drives: int, doing: int) -> Text:
        turned = ", turned round" if self._reversed else ""
        hosts = f"{len(self._pollers)} hosts" if len(self._pollers) > 1 else self._pollers[0].address
        about = f"{hosts}  {drives} drives  {doing} at work  by {self._drives[self._by].heading}{turned}"
        said = Text(printable(about) + ("  held" if self._held else ""))
        for host in self._seen:
            if host.failure:
                said.append(f"\n{printable(host.host)}: {printable(host.failure)}", style="red")
        return said

    def _fill(self, selector: str, columns: Columns[Any], rows: Sequence[tuple[Any, str]]) -> None:
        table = self.query_one(selector, DataTable)
        at, scrolled = table.cursor_row, table.scroll_offset
        table.clear(columns=True)
        table.add_columns(*(column.heading for column in columns))
        for item, style in rows:
            table.add_row(*(Text(column.cell(item), style=style) for column in columns))
        table.move_cursor(row=at, scroll=False)
        table.scroll_to(*scrolled, animate=False)

    def action_sort(self) -> None:
        """Sort by the column behind."""
        self._by = (self._by + 1) % len(self._drives)
        self.show()

    def action_reverse(self) -> None:
        """Turn the order round."""
        self._reversed = not self._reversed
        self.show()

    def action_hold(self) -> None:
        """Hold still, or go on."""
        self._held = not self._held
        self.show()
