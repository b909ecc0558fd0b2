"""Contexts and environment: what is meant where the command line says nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner
from nvmedctl.cli import contexts, nvmedctl
from nvmedctl.cli.contexts import CONNECTION, DEFAULTS, completed
from nvmedctl.cli.settings import Settings, common_options

FILE = """
[contexts.rack7]
address = "storage-7.example.org:7443"
ca = "/etc/ca.pem"
cert = "~/me.pem"
key = "~/me.key"
timeout = 5

[contexts.here]
address = "unix:/run/nvmed/admin.sock"

[defaults]
output = "wide"
"""


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user's configuration, with nothing of this machine's environment."""
    for name in ("CONTEXT", *(name.upper() for name in (*CONNECTION, *DEFAULTS))):
        monkeypatch.delenv(f"NVMED_{name}", raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    folder = tmp_path / "nvmed"
    folder.mkdir()
    (folder / "config.toml").write_text(FILE)
    return folder


def test_every_option_has_a_variable() -> None:
    """But those that say which of many hosts are meant, which nobody shall be surprised by."""
    named = {option.name for option in common_options()} - {"context", "host", "select"}
    assert named == {*CONNECTION, *DEFAULTS}


def test_without_a_context_there_are_defaults_alone() -> None:
    assert completed(Settings()) == Settings(output="wide")


def test_the_context_in_use_says_where_and_how(home: Path) -> None:
    contexts.use("rack7")
    found = completed(Settings())
    assert (found.address, found.ca, found.cert) == (
        "storage-7.example.org:7443",
        Path("/etc/ca.pem"),
        home.parent / "me.pem",
    )
    assert (found.timeout, found.output) == (5.0, "wide")
    contexts.use("")
    assert completed(Settings()).address is None


@pytest.mark.parametrize(
    ("given", "environ", "address", "has_tls"),
    [
        (Settings(), {}, "storage-7.example.org:7443", True),
        (Settings(context="here"), {}, "unix:/run/nvmed/admin.sock", False),
        (Settings(context="here"), {"NVMED_ADDRESS": "/tmp/x.sock"}, "unix:/run/nvmed/admin.sock", False),
        (Settings(), {"NVMED_ADDRESS": "/tmp/x.sock"}, "/tmp/x.sock", False),
        (Settings(), {"NVMED_CONTEXT": "here"}, "unix:/run/nvmed/admin.sock", False),
        (Settings(address="/tmp/y.sock"), {"NVMED_CONTEXT": "here"}, "/tmp/y.sock", False),
        (Settings(address="/tmp/y.sock"), {"NVMED_CA": "/ca.pem"}, "/tmp/y.sock", True),
    ],
)
def test_what_goes_before_what(
    given: Settings, environ: dict[str, str], address: str, has_tls: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A context's TLS files are never used for an address that is not its own."""
    contexts.use("rack7")
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    found = completed(given)
    assert (found.address, found.ca is not None) == (address, has_tls)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("contexts = 1", "contexts must be a table"),
        ("[contexts]\nx = 1", "contexts.x must be a table"),
        ("[contexts.x]\nadress = 'y'", "contexts.x.adress is not known; there are address"),
        ("colour = 'red'", "colour is not known; there are contexts, defaults"),
        ("[defaults]\naddress = 'x'", "defaults.address is not known"),
        ("[defaults]\noutput = 'xml'", "output: 'xml' is none of table"),
        ("[defaults]\ntimeout = 'soon'", "timeout: 'soon' is no number"),
        ("[[", "config.toml: "),
        ("\udcff", "config.toml: "),
    ],
)
def test_a_file_that_is_wrong_is_named_with_the_key(home: Path, content: str, said: str) -> None:
    (home / "config.toml").write_bytes(content.encode(errors="surrogateescape"))
    with pytest.raises(click.UsageError) as raised:
        completed(Settings())
    assert said in raised.value.message


def ctl(*arguments: str) -> Any:
    result = CliRunner().invoke(nvmedctl, arguments)
    assert result.exit_code == 0, result.output
    return result.output


def test_contexts_are_listed_and_used() -> None:
    assert ctl("context", "show") == "\n"
    ctl("context", "use", "here")
    assert ctl("context", "show") == "here\n"
    assert [line.split() for line in ctl("context", "list").splitlines()] == [
        ["USED", "CONTEXT", "ADDRESS"],
        ["-", "rack7", "storage-7.example.org:7443"],
        ["*", "here", "unix:/run/nvmed/admin.sock"],
    ]
    assert json.loads(ctl("context", "list", "-o", "json"))["current"] == "here"
    result = CliRunner().invoke(nvmedctl, ["context", "use", "rack8"])
    assert (result.exit_code, "there is rack7, here" in result.stderr) == (2, True)


def test_a_context_in_use_that_is_gone_is_told_only_to_who_needs_it(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    contexts.use("here")
    (home / "config.toml").write_text(FILE.replace("contexts.here", "contexts.there"))
    with pytest.raises(
        click.UsageError, match=r"no context 'here' in .*; there is rack7, there.*`nvmedctl context use"
    ):
        completed(Settings())
    assert completed(Settings(host=("h1",))).output == "wide"
    assert completed(Settings(hosts="hosts.toml")).hosts == "hosts.toml"
    assert completed(Settings(address="unix:/x")).address == "unix:/x"
    assert completed(Settings(), connects=False).output == "wide"
    assert CliRunner().invoke(nvmedctl, ["context", "list", "-o", "json"]).exit_code == 0
    assert CliRunner().invoke(nvmedctl, ["describe", "Controller"]).exit_code == 0
    monkeypatch.setenv("NVMED_CONTEXT", "nowhere")
    with pytest.raises(click.UsageError, match=r"NVMED_CONTEXT: There is no context 'nowhere'.* unset it"):
        completed(Settings())


def test_a_context_that_is_none_is_not_taken_into_use(home: Path) -> None:
    with pytest.raises(click.UsageError, match="no context 'x'"):
        contexts.use("x")
    assert contexts.current() == ""
