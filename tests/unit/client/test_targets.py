"""Whom a command is for: what cannot be meant says what to type."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner
from nvmedctl.cli import nvmedctl


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A file of hosts h1 and h2."""
    path = tmp_path / "hosts.toml"
    path.write_text("".join(f'[hosts.{name}]\naddress = "{tmp_path}/{name}.sock"\n' for name in ("h1", "h2")))
    return path


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            "--address a server info --address b",
            "--address is there 2 times: for several hosts write --host a --host b.",
        ),
        ("server info --address a --address b", "for several hosts write --host a --host b."),
        ("server info --address a --host b:1", "write --host a beside the others"),
        ("server info --host r7-01", "give --hosts FILE with it, or its address (--host r7-01:7443)"),
        ("server info --select rack=r7", "--hosts FILE"),
        ("server info --hosts {file} --host h9", "h9 is in no host file"),
        ("server info --hosts {file} --select rack=r7", "selects none of 2 hosts"),
        ("keys generate --hosts {file} --reveal", "This is for one host"),
        ("logs smart", "CONTROLLER: Which one? Name it, or say --all or --filter."),
        ("logs smart nvme0 --all", "CONTROLLER: Name them, or say --all or --filter."),
        ("controllers reset", "Missing argument 'CONTROLLER...'"),
    ],
)
def test_what_cannot_be_meant_says_what_to_type(file: Path, arguments: str, said: str) -> None:
    result = CliRunner().invoke(nvmedctl, [word.format(file=file) for word in arguments.split(" ")])
    assert (result.exit_code, result.stdout, said in result.stderr) == (2, "", True), result.stderr
