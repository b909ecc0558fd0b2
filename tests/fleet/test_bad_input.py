"""What people get wrong, at the command line: named, with the remedy, before any drive is touched."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from nvmed.simulator.firmware_image import build_image
from tests.fleet.drilling import BIN, Drill, drilling, engine_command, kill
from tests.support.ports import free_ports


@pytest.fixture
def drill(place: Path) -> Iterator[Drill]:
    with drilling(place) as found:
        yield found


def fleet(drill: Drill, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "NVMED_FLEET_STATE": str(drill.state)}
    command = [str(BIN / "nvmed-fleet"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, env=environment)


def plan(drill: Drill, *more: str) -> list[str]:
    return ["--hosts", str(drill.place / "hosts.toml"), "--image", str(drill.image()), "--revision", "2.0.0", *more]


HOSTS = """
[hosts.h1]
address = "/nowhere.sock"
[hosts.h2]
address = "/nowhere-either.sock"
"""


@pytest.mark.parametrize(
    ("more", "said", "code"),
    [
        (["--waves", "5"], "waves: they hold", 2),
        (["--waves", "rest,1"], "put it last", 2),
        (["--waves", "many"], "no size of a wave", 2),
        (["--select", "rack ="], "lacks its value", 2),
        (["--select", "rack = r9"], "selects none of 2 hosts", 2),
        (["--failure-budget", "0"], "failure-budget: must be 1", 2),
        (["--gate", "up"], "needs --prometheus", 2),
        (["--soak", "soon"], "give 90s, 30m, 24h or 7d", 2),
        (["--override", "fire"], "fire", 2),
        (["--id", "../x"], "letters, digits", 2),
        (["--drain", "'"], "is no command", 2),
        ([], "No drive is left to update", 5),
    ],
)
def test_plans_that_cannot_be(drill: Drill, more: list[str], said: str, code: int) -> None:
    if "5" in more:
        drill.serve("farm", 6)
        drill.inventory()
    else:
        (drill.place / "hosts.toml").write_text(HOSTS)
    done = fleet(drill, "campaign", "plan", *plan(drill, *more))
    assert said in done.stderr
    assert done.returncode == code
    assert not list(drill.place.glob("farm/*/*.log"))


def test_a_host_file_with_a_host_twice(drill: Drill) -> None:
    (drill.place / "hosts.toml").write_text(HOSTS.replace("h2", "h1"))
    done = fleet(drill, "campaign", "plan", *plan(drill))
    assert (done.returncode, "no TOML" in done.stderr) == (2, True)


def test_hosts_that_cannot_be_reached_are_left_out_by_name(drill: Drill) -> None:
    (drill.place / "hosts.toml").write_text(HOSTS)
    done = fleet(drill, "campaign", "plan", *plan(drill))
    assert "left out, unreachable: 2 hosts of h[1-2] (unix:/nowhere.sock: there is no such socket.)" in done.stdout


@pytest.mark.parametrize("verb", ["pause", "status", "report", "retry-failed"])
def test_a_campaign_that_there_is_not(drill: Drill, verb: str) -> None:
    done = fleet(drill, "campaign", verb, "nothing")
    assert done.returncode in (3, 5)
    assert "nothing" in done.stderr
    assert "remedy:" in done.stderr


def test_an_engine_that_is_not_there(drill: Drill) -> None:
    done = fleet(drill, "campaign", "status", "x", "--engine", "127.0.0.1:9")
    assert "ENGINE_UNAVAILABLE" in done.stderr
    assert done.returncode == 6
    missing = fleet(drill, "campaign", "status", "x", "--engine-binary", "/nowhere/temporal")
    assert "ENGINE_MISSING" in missing.stderr


def test_an_image_for_another_model_is_refused_by_every_drive_and_activated_on_none(drill: Drill) -> None:
    drill.serve("farm", 3)
    drill.inventory()
    options = plan(drill, "--id", "wrong", "--failure-budget", "2", "--yes", "--stop-when-halted")
    drill.image().write_bytes(build_image("2.0.0", 64 << 10, model="ANOTHER"))
    options[3] = str(drill.place / "2.0.0.bin")
    done = fleet(drill, "campaign", "run", *options)
    assert done.returncode == 5
    assert "3 hosts could not be staged" in done.stderr
    assert {told for host in ("h001", "h002", "h003") for told in drill.told(host)} <= {"replace"}


def test_another_image_under_the_same_id_is_another_campaign(drill: Drill) -> None:
    drill.serve("farm", 1)
    drill.inventory()
    assert fleet(drill, "campaign", "plan", *plan(drill, "--id", "c")).returncode == 0
    assert fleet(drill, "campaign", "plan", *plan(drill, "--id", "c")).returncode == 0
    done = fleet(drill, "campaign", "plan", *plan(drill, "--id", "c", "--in-flight", "2"))
    assert (done.returncode, "CAMPAIGN_EXISTS" in done.stderr) == (5, True)


def test_the_engine_goes_while_somebody_watches(drill: Drill) -> None:
    """The watcher says so and waits; when the engine is back it goes on, and so does the campaign."""
    drill.serve("farm", 2)
    drill.inventory()
    port = free_ports()
    at = ("--engine", f"127.0.0.1:{port}")
    engine = drill.start("engine", *engine_command(drill.place, port))
    drill.start("worker", "nvmed-fleet", "worker", *at)
    drill.until(lambda: "working" in drill.said("worker", "err"), 60, "the worker works")
    options = plan(drill, "--id", "c", "--yes", "--waves", "1,rest", "--approve-before", "2")
    running = drill.start("run", "nvmed-fleet", "campaign", "run", *options, *at)
    drill.until(lambda: "waits for approval" in drill.said("run", "err"), 60, "wave 2 waits")
    refused = fleet(drill, "campaign", "approve", "c", "1", *at)
    assert (refused.returncode, "does not wait for approval" in refused.stderr) == (5, True)
    kill(engine.pid)
    drill.until(lambda: "does not answer" in drill.said("run", "err"), 60, "the watcher notices")
    drill.start("engine", *engine_command(drill.place, port))
    drill.until(lambda: drill.said("run", "err").rstrip().endswith("waits for approval"), 60, "it goes on")
    assert fleet(drill, "campaign", "approve", "c", "2", *at).returncode == 0
    assert running.wait(timeout=60) == 0
    assert drill.not_once(["h001", "h002"]) == {}


def test_two_commands_share_the_engine_that_one_of_them_runs(drill: Drill) -> None:
    drill.serve("farm", 2)
    drill.inventory()
    options = plan(drill, "--id", "c", "--yes", "--waves", "1,rest", "--approve-before", "2")
    running = drill.start("run", "nvmed-fleet", "campaign", "run", *options)
    drill.until(lambda: "waits for approval" in drill.said("run", "err"), 60, "wave 2 waits")
    assert "waits for approval" in fleet(drill, "campaign", "status", "c").stdout
    assert fleet(drill, "campaign", "approve", "c", "2").returncode == 0
    assert running.wait(timeout=60) == 0
    (drill.state / "engine.db").unlink()  # the engine has forgotten it; the store has not
    again = fleet(drill, "campaign", "run", *options)
    assert (again.returncode, "2 updated: h[001-002]" in again.stdout) == (0, True)
