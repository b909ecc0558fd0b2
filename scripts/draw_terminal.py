"""Draw docs/terminal.svg, nvmedctl on a terminal of 80 columns; with --check, fail if it would not look so now.

The commands are run, against a daemon of their own with two simulated drives. What differs from run to run is in the
picture as `STEADY` has it, so that the same program draws the same picture.
"""

from __future__ import annotations

import fcntl
import io
import os
import re
import struct
import subprocess
import sys
import termios
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from rich.console import Console
from rich.text import Text

ROOT: Final = Path(__file__).resolve().parent.parent
PICTURE: Final = ROOT / "docs/terminal.svg"
COLUMNS: Final = 80

COMMANDS: Final = (
    "nvmedctl controllers list",
    "nvmedctl telemetry save nvme0 --create --area 1 --file nvme0.telemetry",
    "nvmedctl firmware stage nvme0 --image eb08eadf --dry-run",
    "nvmedctl firmware stage nvme0 nvme1 --image eb08eadf",
    "nvmedctl firmware activate nvme0 --slot 3 --mode controller-reset",
    "nvmedctl firmware activate nvme0 --slot 3 --mode controller-reset \\\n    --acknowledge-disruption",
)
BEFORE: Final = (
    "nvmed simulator image --revision 3.0.0 --size 262144 3.0.0.bin",
    "nvmedctl firmware upload 3.0.0.bin --revision 3.0.0",
)
"""What is done first and not shown."""

STEADY: Final = (
    (r"(?<=request id: )[0-9a-f]{32}", "0c5b8f4f2c1e4c0d9a7e61d2b3f84a95"),
    (r"(?<=sha256 )[0-9a-f]{64}", "9f2d8c41" * 8),
    (r"(?<=generation )\d+", "2"),
)

FORM: Final = """\
<svg class="rich-terminal" viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg" role="img"
     aria-label="nvmedctl on a terminal">
<style>
.{unique_id}-matrix {{ font-family: ui-monospace, monospace; font-size: {char_height}px; line-height: {line_height}px }}
.{unique_id}-title {{ font-family: system-ui, sans-serif; font-size: 18px }}
{styles}
</style>
<defs>
<clipPath id="{unique_id}-clip-terminal">
<rect x="0" y="0" width="{terminal_width}" height="{terminal_height}"/>
</clipPath>
{lines}
</defs>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}
<g class="{unique_id}-matrix">
{matrix}
</g>
</g>
</svg>
"""
"""Rich's own, without the fonts that it fetches from elsewhere."""


@contextmanager
def daemon(folder: Path) -> Iterator[dict[str, str]]:
    """A daemon in `folder`; the environment in which its callers are."""
    socket = folder / "nvmed.sock"
    names = ("HOME", "XDG_CONFIG_HOME", "XDG_RUNTIME_DIR")
    clean = {name: value for name, value in os.environ.items() if not name.startswith("NVMED_")}
    bin_folder = Path(sys.executable).parent
    environment = clean | dict.fromkeys(names, str(folder)) | {"PATH": f"{bin_folder}:{os.environ['PATH']}"}
    command = ("nvmed", "--simulate", "2", "--socket", str(socket), "--state-dir", str(folder / "state"))
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as process:
        try:
            log = process.stderr or io.StringIO()
            if not any(line.startswith("nvmed: serving") for line in log):
                raise SystemExit("The daemon does not start.")
            yield environment | {"NVMED_ADDRESS": f"unix:{socket}", "TERM": "xterm"}
        finally:
            process.terminate()
            process.communicate()


def printed(command: str, folder: Path, environment: dict[str, str]) -> str:
    """What `command` shows on a terminal; of what goes to standard error, progress is left out."""
    ours, theirs = os.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, COLUMNS, 0, 0))
    with os.fdopen(ours, "rb", buffering=0) as terminal:
        process = subprocess.Popen(
            ("bash", "-c", command), cwd=folder, env=environment, stdout=theirs, stderr=subprocess.PIPE
        )
        os.close(theirs)
        shown = b""
        try:
            while data := terminal.read(1 << 16):
                shown += data
        except OSError:  # how a terminal ends whose other side is closed
            pass
        _, errors = process.communicate()
    return shown.decode().replace("\r\n", "\n") + errors.decode()


def steady(text: str) -> str:
    """`text` with what differs from run to run always the same."""
    for pattern, same in STEADY:
        text = re.sub(pattern, same, text)
    return text


def folded(text: str) -> Iterator[str]:
    """The lines of a terminal: it cuts those that are longer than it is wide."""
    for line in text.splitlines():
        yield from (line[at : at + COLUMNS] for at in range(0, max(len(line), 1), COLUMNS))


def screen() -> list[tuple[str, str]]:
    """Each command, and what it prints."""
    with TemporaryDirectory(prefix="nvmed-", dir="/tmp") as name, daemon(Path(name)) as environment:
        for command in BEFORE:
            subprocess.run(command.split(), cwd=name, env=environment, check=True, stdout=subprocess.DEVNULL)
        return [(command, steady(printed(command, Path(name), environment))) for command in COMMANDS]


def drawn(shown: list[tuple[str, str]]) -> str:
    """The picture of it."""
    console = Console(record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True, color_system="truecolor")
    for number, (command, text) in enumerate(shown):
        if number:
            console.print()
        console.print(Text.assemble(("$ ", "bold green"), (command, "bold")), no_wrap=True, overflow="ignore")
        for line in folded(text):
            console.print(Text(line, "red" if line.startswith("error:") else ""), no_wrap=True, overflow="ignore")
    picture = console.export_svg(title="nvmedctl", code_format=FORM, unique_id="nvmedctl")
    return "".join(f"{line.rstrip()}\n" for line in picture.splitlines())


def main() -> int:
    picture = drawn(screen())
    if sys.argv[1:] != ["--check"]:
        PICTURE.write_text(picture)
    elif PICTURE.read_text() != picture:
        print("docs/terminal.svg is not what nvmedctl shows now: run scripts/draw_terminal.py", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
