"""`make fleet-cluster`: the drill on a cluster as fleet/deploy has it: three nodes on PostgreSQL, one of them killed.

Needs PostgreSQL's server and Temporal's (on PATH, or what fleet/deploy/build-server built): skipped, and said to be,
where they are not. Prints what it took.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from nvmed_fleet.temporal import embedded

from tests.fleet.drilling import Drill, drilling, kill
from tests.fleet.test_drill import answers, campaign, names, report
from tests.support.ports import free_ports

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "fleet/deploy"
HOSTS, NODES = 60, 3

pytestmark = pytest.mark.timeout(600)


def temporal_folder() -> Path:
    """Where temporal-server, temporal-sql-tool and schema are."""
    built = sorted((ROOT / ".cache/temporal-server").glob("v*/temporal-server"))
    if not built:
        pytest.skip("Temporal's server is not here: run fleet/deploy/build-server")
    return built[-1].parent


def postgres_bin() -> Path:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if not found:
        pytest.skip("PostgreSQL's server is not here: apt-get install postgresql")
    return found[-1].parent


@pytest.fixture
def drill(place: Path) -> Iterator[Drill]:
    with drilling(place) as found:
        yield found
        if found.processes:  # PostgreSQL, which leaves shared memory behind when it is killed
            found.processes[0].send_signal(signal.SIGINT)
            found.processes[0].wait(timeout=30)


def as_postgres(*command: str) -> list[str]:
    """PostgreSQL refuses to be root."""
    if os.getuid():
        return list(command)
    tool = shutil.which("setpriv") or "setpriv"
    return [tool, "--reuid", "postgres", "--regid", "postgres", "--clear-groups", *command]


def start_postgres(drill: Drill) -> int:
    """A database of its own; its port."""
    folder, port = drill.place / "pg", free_ports()
    folder.mkdir()
    drill.place.chmod(0o755)
    if not os.getuid():
        shutil.chown(folder, "postgres", "postgres")
    where = str(postgres_bin())
    subprocess.run(
        as_postgres(f"{where}/initdb", "-D", str(folder), "-U", "temporal", "-A", "trust"),
        check=True, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    drill.start("postgres", *as_postgres(f"{where}/postgres", "-D", str(folder), "-p", str(port),
                                         "-h", "127.0.0.1", "-k", "", "-c", "max_connections=300"))  # fmt: skip
    drill.until(lambda: "ready to accept" in drill.said("postgres", "err"), 60, "PostgreSQL is ready")
    return port


def start_nodes(drill: Drill, temporal: Path, port: int) -> list[tuple[int, subprocess.Popen[bytes]]]:
    """(port of the frontend, process) of each node."""
    password = drill.place / "password"
    password.write_text("unused: the drill's database trusts this machine\n")
    environment = {**os.environ, "DATABASE_PASSWORD_FILE": str(password), "HISTORY_SHARDS": "8"}
    subprocess.run(
        [str(DEPLOY / "schema"), f"127.0.0.1:{port}", str(temporal)], check=True, env=environment,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    nodes = []
    first = 10_000 + free_ports() % 5_000
    for number in range(NODES):
        base = first + number * 5_000  # below 32768: the database keeps them as smallint
        arguments = ["127.0.0.1", f"127.0.0.1:{port}", str(base)]
        config = drill.place / f"node{number}.yaml"
        config.write_text(
            subprocess.check_output([str(DEPLOY / "node-config"), *arguments], text=True, env=environment)
        )
        command = (str(temporal / "temporal-server"), "--config-file", str(config), "--allow-no-auth", "start")
        nodes.append((base, drill.start(f"node{number}", *command)))
        # One after another: of several that start at once on a new database some fail, and a unit starts them again.
        drill.until(lambda base=base: answers(base), 90, f"the node at {base} answers")  # type: ignore[misc]
    return nodes


def make_namespace(drill: Drill, port: int) -> None:
    at = ("--address", f"127.0.0.1:{port}")
    command = (embedded.binary(), "operator", "namespace", "create", *at, "--retention", "1d", "default")

    def made() -> bool:
        return subprocess.run(command, capture_output=True, check=False).returncode == 0

    drill.until(made, 90, "the namespace is made")


def peak_mib(process: subprocess.Popen[bytes]) -> int:
    status = Path(f"/proc/{process.pid}/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")) // 1024


def test_one_of_three_nodes_is_killed(drill: Drill, capsys: pytest.CaptureFixture[str]) -> None:
    temporal = temporal_folder()
    began = time.monotonic()
    port = start_postgres(drill)
    nodes = start_nodes(drill, temporal, port)
    make_namespace(drill, nodes[0][0])
    up_s = time.monotonic() - began
    drill.serve("farm", HOSTS)
    for number, (base, _) in enumerate(nodes[:2], 1):
        drill.start(f"worker{number}", "nvmed-fleet", "worker", "--engine", f"127.0.0.1:{base}")
    began = time.monotonic()
    at = ("--engine", f"127.0.0.1:{nodes[0][0]}")
    running = drill.start(
        "run", *campaign(drill, *at, "--waves", "1,rest", "--in-flight", "6", "--failure-budget", "6")
    )
    drill.until(lambda: drill.updated() >= 15, 180, "fifteen hosts are updated")
    memory = [peak_mib(process) for _, process in nodes]
    kill(nodes[2][1].pid)
    at_the_kill = drill.updated()
    assert running.wait(timeout=300) == 0, drill.words()
    took_s = time.monotonic() - began
    assert at_the_kill < HOSTS
    assert drill.not_once(names(HOSTS)) == {}
    assert report(drill)["counts"] == {"done": HOSTS}
    with capsys.disabled():
        print(  # noqa: T201  # what it is run for
            f"\n{NODES} nodes on PostgreSQL up in {up_s:.0f} s, {memory} MiB; {HOSTS} hosts in {took_s:.0f} s, "
            f"one node killed at {at_the_kill}; each drive staged, activated and reset once"
        )
