"""A real daemon in a process of its own, on simulated drives."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest


@dataclass(frozen=True, slots=True)
class DaemonProcess:
    """A daemon that said it is ready, or that exited before it could."""

    process: subprocess.Popen[str]
    socket: Path
    log: Path

    @property
    def address(self) -> str:
        return f"unix:{self.socket}"


StartProcess = Callable[..., DaemonProcess]


@pytest.fixture
def start_process(tmp_path: Path) -> Iterator[StartProcess]:
    """Start daemons: `start_process("--simulate", "2")`; what still runs at the end of the test is killed."""
    started: list[subprocess.Popen[str]] = []

    def start(
        *arguments: str, environ: Mapping[str, str] | None = None, socket: str = "d.sock", module: str = "nvmed"
    ) -> DaemonProcess:
        path, log = tmp_path / socket, tmp_path / f"{socket}.{len(started)}.log"
        command = [sys.executable, "-m", module, "--socket", str(path), "--state-dir", str(tmp_path / "state")]
        with log.open("w") as stderr:
            process = subprocess.Popen([*command, *arguments], stderr=stderr, text=True, env=environ)
        started.append(process)
        while process.poll() is None and "nvmed: serving on" not in log.read_text():
            time.sleep(0.01)  # leave the processor to it
        return DaemonProcess(process, path, log)

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
        process.wait()
