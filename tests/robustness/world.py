"""The world of a round: a daemon that is killed and begun again, its drives, its disk, and where clients connect."""

from __future__ import annotations

import asyncio
import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import msgspec

from nvmed.audit_chain import files, verify
from nvmed.operations import journal_file
from nvmed.operations.records import record_of
from nvmed.security import dev_ca
from nvmed.simulator import fault_socket
from tests.robustness import history
from tests.robustness.history import Attempt, Audited, Bug, Died, Leaked, Memory, Operation, Started
from tests.robustness.victim import Control
from tests.support.ports import free_ports
from tests.support.waiting import until

DISK_BYTES: Final = 96 << 20
LEFT_BYTES: Final = 16 << 10
"""What a full disk has left: SQLite opens, and nothing grows."""

START_S_MAX: Final = 60.0
CLIENT: Final = "spiffe://nvmed.example/robustness"
PRINCIPALS: Final = {
    "unix:alice": ("unix", "admin"), "unix:bob": ("unix", "admin"), f"uri:{CLIENT}": ("tls", "admin"),
    "unix:eve": ("unix", "viewer"),
}  # fmt: skip
"""Who calls, by which listener and with which role."""

ALICE, BOB, REMOTE, EVE = PRINCIPALS
LIMITS: Final = {"calls_per_second": 10_000, "calls_burst": 10_000}


def configuration(folder: Path, port: int) -> str:
    """Of the daemon, in TOML."""
    lines = [
        f'state_dir = "{folder}/disk/state"',
        "[host]", "simulate = 3", "simulate_keyring = true",
        "[audit]", "journald = false",
        "[captures]", "automatic = true",
        "[events]", "poll_interval_s = 1",
        "[limits]",
    ]  # fmt: skip
    lines += [f"{name} = {value}" for name, value in LIMITS.items()]
    for principal, (kind, role) in PRINCIPALS.items():
        name = principal.split(":")[1]
        if kind == "unix":
            lines += ["[[listen.unix]]", f'path = "{folder}/{name}.sock"', f'principal = "{name}"']
            lines += [f"roles = {json.dumps([role])}"]
    pki = folder / "pki"
    lines += ["[[listen.tls]]", f'address = "127.0.0.1:{port}"', f'certificate = "{pki}/server.pem"']
    lines += [f'key = "{pki}/server.key"', f'client_ca = "{pki}/ca.pem"']
    lines += ["[[policy.bindings]]", f'principals = ["uri:{CLIENT}"]', 'roles = ["admin"]']
    return "\n".join(lines)


@dataclass
class World:
    """`record` keeps what happens. `planted` are secrets that must be found nowhere."""

    folder: Path
    port: int
    has_own_disk: bool
    sabotage: str = ""
    kept: history.History = field(default_factory=list)
    planted: set[str] = field(default_factory=set)
    process: subprocess.Popen[bytes] | None = None
    control: Control = field(default_factory=Control)
    is_frozen: bool = False

    def record(self, entry: history.Any) -> None:
        self.kept.append(entry)

    def address(self, principal: str) -> str:
        """Where a principal connects."""
        if PRINCIPALS[principal][0] == "tls":
            return f"127.0.0.1:{self.port}"
        return f"unix:{self.folder}/{principal.split(':')[1]}.sock"

    # -- the daemon

    async def start(self) -> None:
        """Begin a daemon on the state that there is, and wait until it serves."""
        serving = self.folder / "serving"
        serving.unlink(missing_ok=True)
        self._write_control(Control(clock_offset_s=self.control.clock_offset_s))
        process = self.process = self._spawn()
        async with asyncio.timeout(START_S_MAX):
            await until(lambda: process.poll() is not None or serving.exists())
        if not serving.exists():
            tail = (self.folder / "log").read_text()[-3000:]
            raise RuntimeError(f"the daemon does not start (exit {process.poll()}):\n{tail}")
        if self.control.clock_offset_s:
            self.change()
        self.record(Started(viewers=tuple(name for name, (_, role) in PRINCIPALS.items() if role == "viewer")))

    @property
    def is_alive(self) -> bool:
        """Whether the daemon runs."""
        return self.process is not None and self.process.poll() is None

    def _spawn(self) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "tests.robustness.victim", str(self.folder), *filter(None, [self.sabotage])]
        with (self.folder / "log").open("ab") as log:
            return subprocess.Popen(command, stdout=log, stderr=log)

    def end(self, how: str, number: signal.Signals = signal.SIGKILL) -> None:
        """End the daemon, and wait for it; one that has ended by itself before says how."""
        assert self.process is not None
        is_alive = self.is_alive
        self.thaw()
        self.process.send_signal(number)
        code = self.process.wait(START_S_MAX)
        self.record(Died(how=how if is_alive and number is signal.SIGKILL else f"exit {code}"))

    def change(self, **changes: Any) -> None:
        """Make the daemon's disk or clock as `Control` has it."""
        assert self.process is not None
        self._write_control(msgspec.structs.replace(self.control, **changes))
        self.process.send_signal(signal.SIGUSR2)

    def _write_control(self, control: Control) -> None:
        self.control = control
        temporary = self.folder / "control.new"
        temporary.write_bytes(msgspec.json.encode(control))
        temporary.replace(self.folder / "control.json")

    async def lose_power(self, seed: int) -> None:
        """What was not synced is lost, kept or torn; the next daemon finds what is left."""
        assert self.process is not None
        self.thaw()
        done, cut = self.folder / "cut.done", self.folder / "disk" / "cut"
        self.change(cut_seed=seed)
        self.process.wait(START_S_MAX)
        async with asyncio.timeout(START_S_MAX):
            await until(done.exists)
        done.unlink()
        shutil.rmtree(self.folder / "disk" / "state")
        cut.rename(self.folder / "disk" / "state")
        (self.folder / "disk" / "state").chmod(0o700)
        self.record(Died(how="power-cut"))

    def freeze(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGSTOP)
        self.is_frozen = True

    def thaw(self) -> None:
        assert self.process is not None
        if self.is_frozen:
            self.process.send_signal(signal.SIGCONT)
            self.is_frozen = False

    def fill_disk(self) -> None:
        """Leave `LEFT_BYTES` of it."""
        with (self.folder / "disk" / "ballast").open("wb", buffering=0) as ballast:
            with suppress(OSError):
                while True:
                    ballast.write(bytes(LEFT_BYTES))
            ballast.truncate(max(ballast.tell() - LEFT_BYTES, 0))

    def empty_disk(self) -> None:
        (self.folder / "disk" / "ballast").unlink(missing_ok=True)

    def renew_certificate(self) -> None:
        """A server's certificate by the same authority, and a reload."""
        assert self.process is not None
        dev_ca.prepare(self.folder / "pki", ["127.0.0.1"], [])
        self.process.send_signal(signal.SIGHUP)

    def fault(self, **request: Any) -> Any:
        """Ask the simulator's socket."""
        return fault_socket.ask(self.address(ALICE), **request)

    # -- what is there afterwards

    def look(self, *, is_idle: bool = False) -> None:
        """What the daemon holds now."""
        assert self.process is not None
        proc = Path(f"/proc/{self.process.pid}")
        status = dict(line.split(":\t", 1) for line in (proc / "status").read_text().splitlines() if ":\t" in line)
        self.record(Memory(
            resident_bytes=int(status["VmRSS"].split()[0]) * 1024, threads=int(status["Threads"]), is_idle=is_idle,
        ))  # fmt: skip

    def collect(self) -> history.History:
        """All that happened, with what is found on disk once the daemon has ended."""
        self.kept += history.parse((self.folder / "drives" / "commands.jsonl").read_bytes().splitlines(keepends=True))
        self.kept += self._operations()
        self.record(self._audit())
        self.kept += self._leaks()
        log = (self.folder / "log").read_text(errors="replace")
        self.kept += [Bug(line=line[:2000]) for line in log.splitlines() if '"bug"' in line or "Traceback" in line]
        return sorted(self.kept, key=lambda entry: entry.at_s)

    def _operations(self) -> Iterator[Operation]:
        journal = journal_file.open_for_reading(self.folder / "disk" / "state" / journal_file.NAME)
        for row in journal.execute("SELECT * FROM operations").fetchall():
            found = record_of(row)
            yield Operation(
                name=f"operations/{found.id}", principal=found.principal, request_id=found.request_id,
                state=found.state.value, method=found.kind, target=found.target, is_last=True,
                running_revision=str((found.result or {}).get("running_revision", "")),
                reason=str((found.failure or {}).get("reason", "")),
            )  # fmt: skip
        journal.close()

    def _audit(self) -> Audited:
        directory = self.folder / "disk" / "state" / "audit"
        lines = [line for _, path in files(directory) for line in path.read_bytes().splitlines()]
        records = [record for line in lines if (record := _record(line))]
        attempts = tuple(
            Attempt(one["seq"], one["principal"], one["method"].removeprefix("/"))
            for one in records
            if one["event"] == "attempt"
        )
        problems = tuple(f"{one.where}: {one.sentence}" for one in verify(directory).problems)
        return Audited(problems=problems, attempts=attempts)

    def _leaks(self) -> Iterator[Leaked]:
        for path in (*self.folder.glob("disk/state/**/*"), self.folder / "log"):
            content = path.read_bytes() if path.is_file() else b""
            yield from (Leaked(secret=secret, place=path.name) for secret in self.planted if secret.encode() in content)


def _record(line: bytes) -> dict[str, Any]:
    """A record of the audit; nothing of a line that is damaged, which `verify` tells."""
    with suppress(msgspec.DecodeError):
        return msgspec.json.decode(line, type=dict[str, Any])
    return {}


@contextmanager
def made(folder: Path, sabotage: str = "") -> Iterator[World]:
    """A world without a daemon yet, on a disk of its own where that is allowed; nothing of it runs afterwards."""
    folder.chmod(0o700)
    with ExitStack() as stack:
        disk = folder / "disk"
        disk.mkdir(mode=0o700)
        mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES},mode=0700", "robustness", str(disk)]
        has_own_disk = subprocess.run(mount, capture_output=True, check=False).returncode == 0
        if has_own_disk:
            stack.callback(subprocess.run, ["umount", "--lazy", str(disk)], check=True)
        for name in ("disk/state", "drives", "pki"):
            (folder / name).mkdir(mode=0o700)
        dev_ca.prepare(folder / "pki", ["127.0.0.1"], [CLIENT])
        port = free_ports()
        file = folder / "nvmed.toml"
        file.write_text(configuration(folder, port))
        file.chmod(0o600)
        world = World(folder, port, has_own_disk, sabotage)
        try:
            yield world
        finally:
            if world.process is not None and world.process.poll() is None:
                world.process.kill()
                world.process.wait()
