"""`play.py ANSIBLE_PLAYBOOK COLLECTIONS`: play.yml over 20 simulated hosts and one with keys, and what drives say.

In check mode nothing is written; the first run changes every host, the second none; a host that refuses and one that is
not there are reported, and cost the others nothing. What was done is counted in the drives' own logs.
"""

from __future__ import annotations

import base64
import binascii
import json
import os
import re
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

import yaml

from nvmed.simulator.firmware_image import build_image

HERE = Path(__file__).resolve().parent
PROGRAMS = Path(sys.executable).parent
HOSTS = 20
REFUSING, ABSENT = "h003", "h011"
READY_WITHIN_S = 120.0
RECAP = re.compile(
    r"^(?P<host>\w+) +: ok=\d+ +changed=(?P<changed>\d+) +unreachable=\d+ +failed=(?P<failed>\d+)", re.MULTILINE
)


@contextmanager
def serving(place: Path, *command: str) -> Iterator[None]:
    """`nvmed COMMAND` that serves inside, and is ended in order."""
    told = place / f"{secrets.token_hex(4)}.log"
    with told.open("wb") as log:
        process = subprocess.Popen([PROGRAMS / "nvmed", *command], stderr=log)
    try:
        deadline = time.monotonic() + READY_WITHIN_S
        while "nvmed: serving on" not in told.read_text():
            assert process.poll() is None, told.read_text()
            assert time.monotonic() < deadline, told.read_text()
            time.sleep(0.1)
        yield
    finally:
        process.terminate()
        process.wait()


def psk() -> str:
    """A configured PSK as interchange text: 32 bytes and their CRC-32."""
    key = secrets.token_bytes(32)
    crc = binascii.crc32(key).to_bytes(4, "little")
    return f"NVMeTLSkey-1:01:{base64.b64encode(key + crc).decode()}:"


def inventory(place: Path, key: str) -> Mapping[str, object]:
    """All hosts, as files of this machine's: sockets are their addresses."""
    farm = {f"h{number:03}": {"nvmed_address": f"{place}/farm/s/h{number:03}.sock"} for number in range(1, HOSTS + 1)}
    common = {
        "ansible_connection": "local",
        "ansible_python_interpreter": sys.executable,
        "nvmedctl": str(PROGRAMS / "nvmedctl"),
        "nvmed": str(PROGRAMS / "nvmed"),
        "nvmed_owner": "root" if os.geteuid() == 0 else os.environ["USER"],
        "place": str(place),
        "psk": key,
    }
    alone = {"keyed": {"nvmed_address": f"{place}/keyed.sock"}}
    return {"all": {"vars": common, "children": {"storage": {"hosts": farm}, "alone": {"hosts": alone}}}}


def journals(place: Path) -> dict[str, list[Mapping[str, object]]]:
    """What each drive of the farm was told, by host."""
    logs = sorted((place / "farm").glob("h*/*.log"))
    return {log.parent.name: [json.loads(line) for line in log.read_text().splitlines()] for log in logs}


class Runner:
    """Runs play.yml; `key` must never be in what it prints."""

    def __init__(self, playbook: Path, collections: Path, place: Path) -> None:
        self.place, self.key = place, psk()
        self.command = [str(playbook), f"--inventory={place}/hosts.yml", "--forks=8", str(HERE / "play.yml")]
        own = {
            "ANSIBLE_COLLECTIONS_PATH": str(collections),
            "ANSIBLE_HOME": str(place / "ansible"),
            "ANSIBLE_NOCOLOR": "1",
            "ANSIBLE_PIPELINING": "1",
        }
        self.environment = {**os.environ, **own, "LC_ALL": "C.UTF-8"}
        (place / "hosts.yml").write_text(yaml.safe_dump(inventory(place, self.key)))

    def run(self, *options: str) -> tuple[dict[str, int], set[str], str]:
        """Changes by host, hosts that failed, and all that was printed."""
        began = time.monotonic()
        ran = subprocess.run(
            [*self.command, *options, "-vvv"],  # with what each module was given
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        found = list(RECAP.finditer(ran.stdout))
        assert len(found) == HOSTS + 1, ran.stdout
        assert self.key not in ran.stdout, "the secret was printed"
        failed = {one["host"] for one in found if one["failed"] != "0"}
        changed = {one["host"]: int(one["changed"]) for one in found}
        print(f"play {' '.join(options) or 'for real'}: {sum(changed.values())} changes, {failed or 'none'} failed, "
              f"{time.monotonic() - began:.0f} s", flush=True)  # fmt: skip
        return changed, failed, ran.stdout


def check(runner: Runner) -> None:
    """Check mode, twice for real, and what is left then."""
    place = runner.place
    well = {f"h{number:03}" for number in range(1, HOSTS + 1)} - {REFUSING, ABSENT}

    changed, failed, printed = runner.run("--check")
    assert failed == {ABSENT}, printed
    assert all(changed[host] == 3 for host in well | {REFUSING}), printed
    assert not any(journals(place).values()), "check mode wrote to a drive"
    assert not list((place / "farm").glob("h*/nvmed/spool/*.image")), "check mode uploaded an image"
    assert not list(place.glob("*.telemetry"))
    assert not (place / "etc").exists()

    changed, failed, printed = runner.run()
    assert failed == {ABSENT, REFUSING}, printed
    assert "CONNECTION_FAILED" in printed
    assert all(changed[host] == 3 for host in well), printed
    assert changed["keyed"] >= 4, printed
    told = journals(place)
    for host in well:
        commits = [one["action"] for one in told[host] if one["what"] == "commit"]
        assert commits == ["replace", "activate_at_reset"], told[host]
        assert told[host][-1]["runs"] == "2.0.0", told[host]
    assert told[REFUSING][-1]["runs"] == "1.0.0", told[REFUSING]

    changed, failed, printed = runner.run()
    assert failed == {ABSENT, REFUSING}, printed
    assert all(changed[host] == 0 for host in well | {"keyed"}), printed
    again = journals(place)
    assert {host: again[host] for host in well} == {host: told[host] for host in well}, "a drive was written to again"


def main() -> None:
    """Serve the hosts, and play."""
    playbook, collections = map(Path, sys.argv[1:])
    place = Path(tempfile.mkdtemp(prefix="play-"))
    try:
        (place / "2.0.0.bin").write_bytes(build_image("2.0.0", 8192))
        subprocess.run(
            [PROGRAMS / "nvmed", "dev-ca", place / "pki", "--server", "localhost"],
            check=True,
            stdout=subprocess.DEVNULL,
        )
        faults = ["--fault", f"{REFUSING}=refuse-activation", "--fault", f"{ABSENT}=absent"]
        with ExitStack() as stack:
            farm = ["simulator", "farm", "--hosts", str(HOSTS), "--state", str(place / "farm"), *faults]
            stack.enter_context(serving(place, *farm))
            state = ["--socket", str(place / "keyed.sock"), "--state-dir", str(place / "keyed")]
            stack.enter_context(serving(place, "--simulate", "1", *state))
            check(Runner(playbook, collections, place))
    finally:
        shutil.rmtree(place, ignore_errors=True)


if __name__ == "__main__":
    main()
