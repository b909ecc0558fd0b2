"""Who follows a document: a host with two simulated drives, a home directory and a shell, all fresh.

A document speaks of a storage host as it will be; `stand_ins` says what stands for it here, both ways: in what is typed
and in what is printed. What lies in the home directory, `tests/support/simulated_host.py` says.
"""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.docs.blocks import Block, Command, commands, matches
from tests.support.simulated_host import Host, serving

ROOT = Path(__file__).resolve().parents[2]
TOOLS = ROOT / ".cache/docs-tools/bin"
"""Where `make docs-test` puts what documents need beside nvmed."""

COMMAND_S = 60

_PROGRAMS = {
    "python": "{python} {file}",
    "go": "GOFLAGS=-mod=readonly go build -C {root}/clients/go -o {file}.program {file} && {file}.program",
}
"""How a program of a language is run; what Go compiles may import the client of clients/go."""


class Failed(AssertionError):
    """A document that is not true."""


def stand_ins(host: Host) -> tuple[tuple[str, str], ...]:
    """What documents call it, and what it is."""
    return (
        ("storage-7.example.org:7443", host.tls_address),
        ("storage-7.example.org:7444", f"localhost:{host.metrics_port}"),
        ("--metrics-port 7444", f"--metrics-port {host.metrics_port}"),
        ("localhost:7443", f"localhost:{host.spare_port}"),
        ("127.0.0.1:7443", f"127.0.0.1:{host.spare_port}"),
        ("/run/nvmed/admin.sock", host.socket("admin")),
        ("/run/nvmed/nvmed.sock", host.socket("nvmed")),
    )


def here(host: Host, text: str) -> str:
    """A document's words as they are typed here."""
    for name, it in stand_ins(host):
        text = text.replace(name, it)
    return text


def there(host: Host, text: str) -> str:
    """What is printed here in a document's words."""
    for name, it in stand_ins(host):
        text = text.replace(it, name)
    return text.replace(str(host.home), "~")


@dataclass(slots=True)
class Reader:
    """One bash for a whole document: what a block sets, the next one has."""

    host: Host
    shell: subprocess.Popen[bytes]
    statuses: int
    """Where the exit status of each command is read."""
    told: int
    """Where the shell writes it: a descriptor of its own."""
    status: int = 0
    printed: str = field(default="", repr=False)

    def follow(self, block: Block) -> None:
        """Do what a block says; raises `Failed` if something else comes of it."""
        if name := block.words.get("file"):
            (self.host.home / name).parent.mkdir(parents=True, exist_ok=True)
            (self.host.home / name).write_text(here(self.host, block.text))
        if "output" in block.words and not matches(block.text, self.printed):
            raise Failed(f"line {block.line}: printed\n{self.printed}instead of\n{block.text}")
        if "run" not in block.words:
            return
        if block.language in _PROGRAMS:
            self._program(block)
            return
        typed = commands(block)
        for command, following in zip(typed, [*typed[1:], None], strict=True):
            self._type(command, following is not None and following.text == "echo $?")

    def _program(self, block: Block) -> None:
        file = self.host.home / f"line-{block.line}.{block.language}"
        file.write_text(here(self.host, block.text))
        command = _PROGRAMS[block.language].format(root=ROOT, python=sys.executable, file=file)
        self._type(Command(block.line, command), may_fail=False)

    def _type(self, command: Command, may_fail: bool) -> None:
        typed, out = self.host.place / "typed", self.host.place / "printed"
        typed.write_text(here(self.host, command.text) + "\n")
        assert self.shell.stdin  # a pipe
        # `$?` is of the command before, and what runs in the background does not hold the pipe.
        line = f"(exit {self.status}); . {typed} >{out} 2>&1 </dev/null {self.told}>&-; echo $? >&{self.told}\n"
        self.shell.stdin.write(line.encode())
        self.shell.stdin.flush()
        status = self._exit_status()
        self.printed = there(self.host, out.read_text(errors="replace"))
        where = f"line {command.line}: {command.text}"
        if status is None or (status and not may_fail):
            raise Failed(f"{where}\n{'did not end' if status is None else f'exited with {status}'}:\n{self.printed}")
        if command.printed is not None and not matches(command.printed, self.printed):
            raise Failed(f"{where}\nprinted\n{self.printed}\ninstead of\n{command.printed}")
        self.status = status

    def _exit_status(self) -> int | None:
        """That of the command that runs; None if it takes too long, or the shell is gone."""
        if not select.select([self.statuses], [], [], COMMAND_S)[0]:
            return None
        return int(os.read(self.statuses, 16) or -1)


def environment(host: Host, others: Mapping[str, str]) -> dict[str, str]:
    """Nothing of the developer's own but the path to what is installed, and the caches of Go."""
    kept = {name: value for name, value in others.items() if name in ("GOPATH", "GOMODCACHE", "GOCACHE", "GOPROXY")}
    home = others.get("HOME", "/")
    return {
        "GOPATH": f"{home}/go",
        "GOCACHE": f"{home}/.cache/go-build",
        **kept,
        "HOME": str(host.home),
        "LANG": "C.UTF-8",
        "NVMED_ADDRESS": f"unix:{host.socket('admin')}",
        "PATH": f"{TOOLS}:{Path(sys.executable).parent}:{others['PATH']}",
    }


@contextmanager
def reading(place: Path) -> Iterator[Reader]:
    """Somebody in front of a host of their own; what still runs afterwards is ended."""
    statuses, told = os.pipe()
    with serving(place) as host:
        shell = subprocess.Popen(
            ["bash", "--norc", "--noprofile", "-o", "pipefail"],
            cwd=host.home,
            env=environment(host, os.environ),
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            pass_fds=(told,),
            start_new_session=True,
        )
        os.close(told)
        try:
            yield Reader(host, shell, statuses, told)
        finally:
            os.killpg(shell.pid, signal.SIGKILL)
            shell.communicate()
            os.close(statuses)
