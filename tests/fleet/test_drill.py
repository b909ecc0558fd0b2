"""The drill: real processes, killed in the middle of a campaign; what the drives were told decides.

Engines, workers and daemons get SIGKILL. Afterwards each drive was staged once, activated once and reset once, by its
own log, and the report says of each host what happened.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fleet.drilling import Drill, drilling, engine_command, engine_of, kill
from tests.support.ports import free_ports

HOSTS = 60

pytestmark = pytest.mark.timeout(240)


@pytest.fixture
def drill(place: Path) -> Iterator[Drill]:
    with drilling(place) as found:
        yield found


def names(count: int) -> list[str]:
    return [f"h{number:03}" for number in range(1, count + 1)]


def campaign(drill: Drill, *more: str) -> list[str]:
    options = ["--hosts", str(drill.inventory()), "--image", str(drill.image()), "--revision", "2.0.0", "--id", "drill"]
    return ["nvmed-fleet", "campaign", "run", *options, "--yes", *more]


def report(drill: Drill) -> dict[str, object]:
    process = drill.start("report", "nvmed-fleet", "campaign", "report", "drill", "--output", "json")
    assert process.wait(timeout=60) == 0
    found: dict[str, object] = json.loads(drill.said("report"))
    return found


def test_sixty_hosts_with_everything_killed_once(drill: Drill) -> None:
    """The engine, the worker with its engine, and daemons before a commit, after one, and after a reset."""
    drill.serve("farm", HOSTS - 3)
    for number, fault in enumerate(("kill-before-commit", "kill-after-commit", "kill-after-reset"), HOSTS - 2):
        drill.serve(f"farm{number}", 1, number, "--fault", f"h{number:03}={fault}")
    command = campaign(drill, "--in-flight", "6", "--failure-budget", "6", "--waves", "1,10%,rest")

    first = drill.start("first", *command)
    drill.until(lambda: drill.updated() >= 5, 90, "five hosts are updated")
    engine = engine_of(first)
    kill(engine)
    drill.until(lambda: engine_of(first) not in (0, engine), 30, "the engine is begun again")
    drill.until(lambda: drill.updated() >= 20, 90, "twenty hosts are updated")
    kill(first.pid)
    first.wait()
    assert drill.updated() < HOSTS

    second = drill.start("second", *command)
    code = second.wait(timeout=150)
    assert code == 0, drill.words()
    assert drill.not_once(names(HOSTS)) == {}
    killed = [path.parent.name for path in drill.farm.glob("*/*.killed")]
    assert sorted(killed) == ["h058", "h059", "h060"]
    found = report(drill)
    assert (found["state"], found["counts"]) == ("done", {"done": HOSTS})


def test_workers_of_a_cluster_over_tls_of_which_one_is_killed(drill: Drill, place: Path) -> None:
    """Two workers on a server of their own, hosts on TCP with TLS; the other worker takes over.

    The key with which hosts are called is nowhere but in its file: not in the engine's database, not in the store.
    """
    drill.serve("farm", 12, 1, "--tls-port", str(free_ports(12)))
    port = free_ports()
    drill.start("engine", *engine_command(place, port))
    at = ("--engine", f"127.0.0.1:{port}")
    drill.until(lambda: answers(port), 60, "the engine answers")
    workers = [drill.start(f"worker{number}", "nvmed-fleet", "worker", *at) for number in (1, 2)]
    for number in (1, 2):
        drill.until(lambda number=number: "working" in drill.said(f"worker{number}", "err"), 60, "it works")  # type: ignore[misc]
    running = drill.start("run", *campaign(drill, *at, "--waves", "rest", "--in-flight", "3"))
    drill.until(lambda: drill.updated() >= 2, 90, "two hosts are updated")
    kill(workers[0].pid)
    assert running.wait(timeout=120) == 0, drill.words()
    assert drill.not_once(names(12)) == {}
    secret = max((drill.farm / "pki/fleet.key").read_bytes().splitlines(), key=len)
    holders = [drill.farm / "pki/fleet.key"]
    assert [p for p in place.rglob("*") if p.is_file() and p not in holders and secret in p.read_bytes()] == []
    hosts = report(drill)["hosts"]
    assert isinstance(hosts, list)
    assert {record["phase"] for host in hosts for record in host["records"]} == {"stage", "activate", "verify"}


def answers(port: int) -> bool:
    import socket

    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
