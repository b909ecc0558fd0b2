"""Processes of a drill: farms, engines, workers and campaigns, killed and begun again; ended whatever happens."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nvmed_fleet.temporal import embedded

from nvmed.simulator.firmware_image import build_image

BIN = Path(sys.executable).parent
ONCE = {"replace": 1, "activate_at_reset": 1, "reset": 1}
"""What a drive is told by a campaign in which nothing is done twice."""


@dataclass
class Drill:
    """A folder, and what runs in it."""

    place: Path
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)
    stopping: threading.Event = field(default_factory=threading.Event)

    @property
    def farm(self) -> Path:
        return self.place / "farm"

    @property
    def state(self) -> Path:
        return self.place / "state"

    def start(self, name: str, *command: str) -> subprocess.Popen[bytes]:
        """Start a program of this project; what it says is in NAME.out and NAME.err."""
        with (self.place / f"{name}.out").open("ab") as out, (self.place / f"{name}.err").open("ab") as err:
            process = subprocess.Popen(
                [command[0] if "/" in command[0] else str(BIN / command[0]), *command[1:]],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                env={**os.environ, "NVMED_FLEET_STATE": str(self.state)},
            )
        self.processes.append(process)
        return process

    def said(self, name: str, stream: str = "out") -> str:
        return (self.place / f"{name}.{stream}").read_text()

    def serve(self, name: str, hosts: int, first: int = 1, *more: str) -> subprocess.Popen[bytes]:
        """A farm that is begun again whenever it is killed."""
        command = (
            "nvmed",
            "simulator",
            "farm",
            "--hosts",
            str(hosts),
            "--first",
            str(first),
            "--state",
            str(self.farm),
        )
        process = self.start(name, *command, *more)
        self.until(lambda: "serving on" in self.said(name, "err"), 60, f"{name} serves")

        def keep() -> None:
            running = process
            while not self.stopping.is_set():
                try:
                    running.wait(timeout=0.1)
                except subprocess.TimeoutExpired:
                    continue
                if not self.stopping.is_set():
                    running = self.start(name, *command, *more)

        threading.Thread(target=keep, name=f"keeps {name}", daemon=True).start()
        return process

    def image(self, revision: str = "2.0.0") -> Path:
        path = self.place / f"{revision}.bin"
        path.write_bytes(build_image(revision, 64 << 10))
        return path

    def inventory(self) -> Path:
        """One file of all the farms' hosts."""
        files = sorted(self.farm.glob("hosts*.toml"))
        first = files[0].read_text()
        others = [text[text.index("[hosts.") :] for text in (file.read_text() for file in files[1:])]
        path = self.place / "hosts.toml"
        path.write_text("\n".join([first, *others]))
        return path

    def until(self, condition: Callable[[], bool], within_s: float, what: str) -> None:
        """Wait for a condition."""
        deadline = time.monotonic() + within_s
        while not condition():
            assert time.monotonic() < deadline, f"not within {within_s:g} s: {what}\n{self.words()}"
            time.sleep(0.05)

    def words(self) -> str:
        """The last words of everybody."""
        files = sorted(self.place.glob("*.err")) + sorted(self.place.glob("*.out"))
        return "\n".join(f"{file.name}: {file.read_text(errors='replace')[-1500:]}" for file in files)

    # what the drives were told

    def told(self, host: str) -> dict[str, int]:
        """What the drives of a host were told: commits by their action, and resets."""
        found: Counter[str] = Counter()
        for log in (self.farm / host).glob("*.log"):
            for line in log.read_text().splitlines():
                entry: dict[str, Any] = json.loads(line)
                if entry["what"] != "download":
                    found[entry.get("action", entry["what"])] += 1
        return dict(found)

    def updated(self) -> int:
        """How many drives were reset."""
        return sum('"reset"' in log.read_text() for log in self.farm.glob("h*/*.log"))

    def not_once(self, hosts: Sequence[str]) -> dict[str, dict[str, int]]:
        """The hosts whose drives were told something not exactly once."""
        return {host: told for host in hosts if (told := self.told(host)) != ONCE}


def engine_of(process: subprocess.Popen[bytes]) -> int:
    """The embedded engine that is a child of a process, 0 if there is none now."""
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    for child in children.read_text().split() if children.exists() else ():
        try:
            if b"start-dev" in Path(f"/proc/{child}/cmdline").read_bytes():
                return int(child)
        except OSError:
            continue
    return 0


def kill(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)


def engine_command(place: Path, port: int) -> list[str]:
    """A server as on a cluster: nobody's child but the drill's."""
    command = [embedded.binary(), "server", "start-dev", "--headless", "--ip", "127.0.0.1", "--port", str(port)]
    return [*command, "--db-filename", str(place / "engine.db"), "--log-level", "error"]


@contextmanager
def drilling(place: Path) -> Iterator[Drill]:
    """A drill whose processes are all gone afterwards."""
    drill = Drill(place)
    try:
        yield drill
    finally:
        drill.stopping.set()
        time.sleep(0.2)  # whoever keeps a farm sees it before the farm is gone
        for process in drill.processes:
            if engine := engine_of(process):
                kill(engine)
            process.kill()
            process.wait()
