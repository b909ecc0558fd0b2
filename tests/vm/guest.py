"""The guest: a real Linux kernel with real NVMe drives, run under QEMU without KVM.

    with Guest.boot(lab) as guest:
        guest.sh("nvme list")

Commands travel over TCP to an agent in the guest, binary-safe. Emulation is slow and its clock uneven, so nothing here
waits for a time: it waits for a condition, with a limit far above what is ever needed.
"""

from __future__ import annotations

import contextlib
import inspect
import json
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import textwrap
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from tests.support.ports import free_ports
from tests.vm.lab import cache
from tests.vm.lab.build import Lab
from tests.vm.lab.rootfs import HOST_ID, HOST_NQN
from tests.vm.qemu import Controller, command_line
from tests.vm.qmp import Qmp, QmpError

__all__ = ["BOOT_TIMEOUT_S", "HOST_ADDRESS", "HOST_ID", "HOST_NQN", "Guest", "GuestError", "Result", "Unit"]

BOOT_TIMEOUT_S = 240
PATIENCE_S = 240
"""What a command that works may take at most: emulated, on a machine that does more than this."""

HOST_ADDRESS = "10.0.2.2"
"""How the guest names the host's 127.0.0.1."""
READY = "nvmed-lab: the agent is ready"
PYTHON = "/opt/nvmed/bin/python"
T = TypeVar("T")


class GuestError(Exception):
    """The guest did not boot, vanished, or ran a command that failed."""


@dataclass(frozen=True, slots=True)
class Result:
    """What a command in the guest left: 124 is the return code of one that ran out of time."""

    returncode: int
    stdout: bytes
    stderr: bytes

    @property
    def text(self) -> str:
        return self.stdout.decode(errors="replace")

    @property
    def errors(self) -> str:
        return self.stderr.decode(errors="replace")


class Guest:
    """A running guest. Its methods may be called from several threads, `qmp` from one."""

    def __init__(self, lab: Lab, folder: Path) -> None:
        """Start QEMU; `boot` also waits until the guest answers."""
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        self.folder = folder
        self.started = time.monotonic()
        self.boot_seconds = 0.0
        self._agent_port = free_ports()
        self._forwards: dict[int, int] = {}
        words = ["setpriv", "--pdeathsig", "KILL", "nice", "-n", "5", *command_line(lab, folder, self._agent_port)]
        with (folder / "qemu.log").open("wb") as log:
            self._process = subprocess.Popen(
                words, env={**os.environ, **lab.tools.qemu_env}, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )

    @classmethod
    @contextlib.contextmanager
    def boot(cls, lab: Lab) -> Iterator[Guest]:
        """A guest that answers; one that does not in time is given a second try. Waits while another one runs."""
        with cache.lock("guest"):
            guest = cls._started(lab)
            try:
                yield guest
            finally:
                guest.close()

    @classmethod
    def _started(cls, lab: Lab) -> Guest:
        for last in (False, True):
            guest = cls(lab, cache.directory() / "run")
            try:
                guest._wait_ready()
            except TimeoutError:
                guest.close()
                cache.report(f"no answer within {BOOT_TIMEOUT_S} s:\n{guest.serial_log()}")
                if last:
                    raise
            except BaseException:
                guest.close()
                raise
            else:
                return guest
        raise AssertionError("unreachable")

    def _wait_ready(self) -> None:
        while READY not in self.serial_log():
            if self._process.poll() is not None:
                log = (self.folder / "qemu.log").read_text(errors="replace")
                raise GuestError(f"QEMU stopped while the guest booted:\n{log}\n{self.serial_log()}")
            if time.monotonic() - self.started > BOOT_TIMEOUT_S:
                raise TimeoutError(f"the guest did not boot within {BOOT_TIMEOUT_S} s")
            time.sleep(0.1)
        self.boot_seconds = time.monotonic() - self.started
        self.qmp = Qmp(self.folder / "qmp.sock")
        self.put("/run/tests/vm/inside.py", Path(__file__).with_name("inside.py").read_bytes())

    @property
    def last_words(self) -> str:
        """What QEMU said if it has ended, "" while it runs."""
        if self._process.poll() is None:
            return ""
        said = (self.folder / "qemu.log").read_text(errors="replace").strip()
        return f"QEMU has ended with {self._process.returncode}: {said or 'it said nothing'}"

    @property
    def is_aborted(self) -> bool:
        """Whether QEMU itself has failed; it ends otherwise where the guest's kernel has panicked."""
        return self._process.poll() == -signal.SIGABRT

    def close(self) -> None:
        """Pull the plug; what the guest wrote to its disks is gone, logs stay in the folder until the next boot."""
        if hasattr(self, "qmp"):
            self.qmp.close()
        self._process.kill()
        self._process.wait()

    def serial_log(self, lines: int = 60) -> str:
        """The last lines of the guest's console."""
        try:
            text = (self.folder / "serial.log").read_text(errors="replace")
        except FileNotFoundError:
            return ""
        return "\n".join(text.splitlines()[-lines:])

    def journal(self, lines: int = 60) -> str:
        """The last lines of the guest's journal, if it still answers."""
        try:
            return self.run("journalctl", "--no-pager", "-o", "short-monotonic", "-n", str(lines), timeout_s=60).text
        except GuestError as failure:
            return str(failure)

    # commands

    def run(
        self, *argv: str, stdin: bytes = b"", timeout_s: float = PATIENCE_S, env: Mapping[str, str] | None = None
    ) -> Result:
        """Run a command and wait for it, whatever it returns."""
        request = {"argv": argv, "timeout_s": timeout_s, "stdin": len(stdin), "env": dict(env or {})}
        try:
            with socket.create_connection(("127.0.0.1", self._agent_port), timeout=timeout_s + 30) as connection:
                connection.sendall(json.dumps(request).encode() + b"\n" + stdin)
                with connection.makefile("rb") as stream:
                    head = json.loads(stream.readline())
                    return Result(head["returncode"], stream.read(head["stdout"]), stream.read(head["stderr"]))
        except (OSError, ValueError) as failure:
            raise GuestError(f"the guest's agent did not answer {argv!r}\n{self.serial_log()}") from failure

    def sh(self, script: str, *, stdin: bytes = b"", timeout_s: float = PATIENCE_S) -> str:
        """Run a shell script that stops at the first failure, and return what it printed; GuestError if it failed."""
        result = self.run("bash", "-euo", "pipefail", "-c", script, stdin=stdin, timeout_s=timeout_s)
        if result.returncode:
            raise GuestError(f"{script}\nreturned {result.returncode}:\n{result.text}{result.errors}")
        return result.text

    def json(self, script: str, *, timeout_s: float = PATIENCE_S) -> Any:
        """What a shell script prints, as JSON."""
        return json.loads(self.sh(script, timeout_s=timeout_s))

    def call(self, function: Callable[..., T], *arguments: object, timeout_s: float = PATIENCE_S) -> T:
        """Run a function of the test there, with nvmed and its dependencies, and return what it returned.

        Its source travels, not its surroundings: it imports what it needs in its body, of the tests only `inside`.
        Arguments and result go as JSON, so a tuple comes back as a list.
        """
        done = self.run(*python(function, arguments), timeout_s=timeout_s)
        if done.returncode:
            raise GuestError(f"{function.__name__} returned {done.returncode}:\n{done.text}{done.errors}")
        result: T = json.loads(done.stdout.splitlines()[-1])
        return result

    @contextlib.contextmanager
    def running(self, function: Callable[..., object], *arguments: object) -> Iterator[Unit]:
        """Run a function as `call` does, as a service, while the block lasts."""
        with self.unit(f"running-{function.__name__}", *python(function, arguments)) as unit:
            yield unit

    def put(self, path: str, data: bytes, mode: int = 0o644) -> None:
        """Write a file, and the folders above it."""
        name = shlex.quote(path)
        self.sh(f"mkdir -p $(dirname {name}); cat > {name}; chmod {mode:o} {name}", stdin=data)

    def get(self, path: str) -> bytes:
        """Read a file: some 20 MiB a second."""
        result = self.run("cat", path)
        if result.returncode:
            raise GuestError(result.errors)
        return result.stdout

    def wait(self, condition: str, timeout_s: float = PATIENCE_S) -> None:
        """Wait in the guest until the shell command `condition` succeeds; TimeoutError after `timeout_s`."""
        result = self.run("bash", "-c", f"until {condition}; do sleep 0.1; done", timeout_s=timeout_s)
        if result.returncode:
            raise TimeoutError(f"not within {timeout_s} s: {condition}\n{result.text}{result.errors}")

    # services, network, drives

    @contextlib.contextmanager
    def unit(self, name: str, *argv: str, properties: Sequence[str] = ()) -> Iterator[Unit]:
        """Run a command as a transient service while the block lasts."""
        options = [f"--property={text}" for text in (f"TimeoutStartSec={PATIENCE_S}", *properties)]
        self.sh(shlex.join(["systemd-run", "--quiet", "--collect", f"--unit={name}", *options, "--", *argv]))
        unit = Unit(self, name)
        try:
            yield unit
        finally:
            unit.stop()

    def forward(self, port: int) -> int:
        """The port of the host's 127.0.0.1 that leads to the guest's `port` on 10.0.2.15."""
        if port not in self._forwards:
            host_port = free_ports()
            if refusal := self.qmp.hmp(f"hostfwd_add net tcp:127.0.0.1:{host_port}-10.0.2.15:{port}").strip():
                raise GuestError(refusal)
            self._forwards[port] = host_port
        return self._forwards[port]

    def nodes(self, serial: str) -> list[str]:
        """The controllers of this serial number, such as ["nvme1"]: numbers change from boot to boot."""
        pattern = f"^{re.escape(serial)} *$"
        found = self.run("grep", "-lE", pattern, *self._serial_files()).text
        return sorted(line.split("/")[-2] for line in found.splitlines())

    def node(self, controller: Controller) -> str:
        """The device node of one of QEMU's controllers, found by its PCI slot (pcie.0 gives rp0 bus 1, and so on)."""
        slot = int(controller.slot.removeprefix("rp")) + 1
        return self.sh(f"ls /sys/bus/pci/devices/0000:{slot:02x}:00.0/nvme").strip()

    @contextlib.contextmanager
    def plugged(self, controller: Controller) -> Iterator[str]:
        """A drive without namespaces in a spare slot while the block lasts, unless it is pulled earlier: its node."""
        self.qmp("device_add", driver="nvme", id=controller.device, serial=controller.serial, bus=controller.slot)

        self.wait(f"cat /sys/class/nvme/*/serial | grep -x '{controller.serial} *' > /dev/null")
        try:
            yield self.node(controller)
        finally:
            self.pull(controller)

    def pull(self, controller: Controller) -> None:
        """Ask the kernel to let go of a drive, as the slot's button does, and wait until it is out; idempotent."""
        try:
            self.qmp("device_del", id=controller.device)
        except QmpError:  # no such device
            return
        self.qmp.wait_event("DEVICE_DELETED", device=controller.device, timeout_s=PATIENCE_S)
        self.wait(f"! cat /sys/class/nvme/*/serial | grep -x '{controller.serial} *' > /dev/null")

    def critical_warning(self, controller: Controller, bits: int) -> None:
        """Set the SMART critical warning of one of QEMU's drives: newly set bits raise its event."""
        self.qmp(
            "qom-set", path=f"/machine/peripheral/{controller.device}", property="smart_critical_warning", value=bits
        )

    def _serial_files(self) -> list[str]:
        return self.sh("ls /sys/class/nvme/*/serial").split()


@dataclass(frozen=True, slots=True)
class Unit:
    """A service in the guest."""

    guest: Guest
    name: str

    def active(self) -> bool:
        return self.guest.run("systemctl", "is-active", "--quiet", self.name).returncode == 0

    def pid(self) -> int:
        return int(self.guest.sh(f"systemctl show -P MainPID {self.name}"))

    def log(self, lines: int = 100) -> str:
        """What it printed last."""
        return self.guest.sh(f"journalctl -o cat -n {lines} -u {self.name}")

    def stop(self) -> None:
        """Stop it and forget that it failed, if it did."""
        self.guest.run("systemctl", "stop", self.name)
        self.guest.run("systemctl", "reset-failed", self.name)


def python(function: Callable[..., object], arguments: Sequence[object]) -> list[str]:
    """The command that runs a function of a test in the guest and prints its result as JSON."""
    program = (
        "from __future__ import annotations\nimport json, sys\nfrom typing import Any\nsys.path.append('/run')\n"
        f"{textwrap.dedent(inspect.getsource(function))}\n"
        f"print(json.dumps({function.__name__}(*json.loads(sys.argv[1]))))"
    )
    return [PYTHON, "-c", program, json.dumps(arguments)]
