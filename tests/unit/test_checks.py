"""What may be wrong in a configuration: the same by `nvmed check-config`, a start and a reload, by file and field."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from nvmed import checks, config
from nvmed.__main__ import main
from nvmed.errors import NvmedError
from nvmed.security import dev_ca
from nvmed.simulator.host import SimulatedHost
from nvmed.simulator.recorder import record
from nvmed.simulator.recording import build
from nvmed.simulator.subsystem import Subsystem

OTHER = 12345
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="gives files to somebody else, which takes root")

GOOD = """
state_dir = "{0}/state"
{top}
[host]
simulate = 1
{host}
[[listen.unix]]
path = "{0}/{socket}"
roles = ["admin"]
{more}
"""


def text(folder: Path, **changes: str) -> str:
    return GOOD.format(folder, **{"top": "", "host": "", "socket": "nvmed.sock", "more": "", **changes})


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "nvmed.toml"


def told(*arguments: str) -> str:
    """What `nvmed` says that is wrong; it must come to that before it serves, and without a traceback."""
    result = CliRunner().invoke(main, list(arguments))
    assert result.exit_code == 1, result.output
    assert isinstance(result.exception, SystemExit), result.exception
    return next(line for line in result.output.splitlines() if line.startswith("Error: "))


def tls(folder: Path) -> str:
    dev_ca.prepare(folder / "pki", ["localhost"], [])
    names = ('certificate = "{0}/pki/server.pem"', 'key = "{0}/pki/server.key"', 'client_ca = "{0}/pki/ca.pem"')
    return '[[listen.tls]]\naddress = "127.0.0.1:0"\n' + "\n".join(names).format(folder)


def _pipe(path: Path) -> None:
    os.mkfifo(path)


def _others(path: Path) -> None:
    path.write_text("")
    path.chmod(0o666)


def _foreign(path: Path) -> None:
    path.write_text("")
    os.chown(path, OTHER, OTHER)


def _garbage(path: Path) -> None:
    path.write_bytes(bytes(range(256)))


def _deep(path: Path) -> None:
    path.write_text("x = " + "[" * 5000 + "]" * 5000)


def _missing(path: Path) -> None:
    path.unlink(missing_ok=True)


BAD_FILES: dict[str, Callable[[Path], None]] = {
    "missing": _missing,
    "directory": Path.mkdir,
    "pipe": _pipe,
    "writable by others": _others,
    "garbage": _garbage,
    "deep": _deep,
}
NAMED = {
    "firmware.rules": '[firmware]\nrules = "{0}/named"',
    "policy.passthru_rules": '[policy]\npassthru_rules = "{0}/named"',
    "listen.tls[0].certificate": "",
    "listen.tls[0].key": "",
    "listen.tls[0].client_ca": "",
}


@pytest.mark.parametrize("bad", BAD_FILES)
@pytest.mark.parametrize("field", NAMED)
def test_a_file_that_is_named_and_cannot_be_used(tmp_path: Path, file: Path, field: str, bad: str) -> None:
    more, named = NAMED[field].format(tmp_path), tmp_path / "named"
    if not more:
        more = tls(tmp_path)
        name = field.rpartition(".")[2]
        named = tmp_path / "pki" / {"certificate": "server.pem", "key": "server.key", "client_ca": "ca.pem"}[name]
        named.unlink()
    BAD_FILES[bad](named)
    file.write_text(text(tmp_path, more=more))
    said = told("check-config", str(file))
    assert said.startswith(f"Error: {file}: {field}: ")
    assert str(named) in said
    assert told("--config", str(file)) == said
    configured = config.load(file)
    with pytest.raises(NvmedError) as refused:  # as a reload does
        checks.check_files(configured, str(file))
    assert f"Error: {refused.value.message}" == said
    assert refused.value.metadata["field"] == field


WRONG_TEXTS = {
    "a socket's path that is too long": ({"socket": "a" * 120}, "listen.unix[0].path", "at most 107"),
    "a NUL in a path": ({"socket": "a\\u0000b.sock"}, "listen.unix[0].path", "U+0000"),
    "a newline in a pattern": (
        {"more": '[[policy.bindings]]\nprincipals = ["uri:a\\nb"]\nroles = ["viewer"]'},
        "policy.bindings[0].principals[0]",
        "U+000A",
    ),
    "a metrics socket that is too long": (
        {"more": '[metrics]\naddress = "unix:/%s"' % ("a" * 120)},
        "metrics.address",
        "107",
    ),
    "deep TOML": ({"host": "x = " + "[" * 5000 + "]" * 5000}, "", "nested too deeply"),
    "a number that is too large": (
        {"host": "", "top": "", "more": "[limits]\ncalls_burst = " + "9" * 30},
        "limits.calls_burst",
        "",
    ),
    "no role of that name": (
        {"more": '[[policy.bindings]]\nprincipals = ["loopback"]\nroles = ["nope"]'},
        "policy.bindings[0]",
        "no role",
    ),
    "a collector in plain text on another machine": (
        {"more": '[otel]\nendpoint = "http://collector.example.org:4317"'},
        "otel.endpoint",
        "plain text",
    ),
    "a collector that is none": ({"more": '[otel]\nendpoint = "localhost:4317"'}, "otel.endpoint", "with HOST:PORT"),
    "headers that are not there": (
        {"more": '[otel]\nendpoint = "http://localhost:4317"\nheaders_file = "/nonexistent/headers"'},
        "otel",
        "/nonexistent/headers",
    ),
    "no group of that name": ({"more": 'group = "no-such-group-there"'}, "listen.unix[0]", "no group"),
}


@pytest.mark.parametrize("wrong", WRONG_TEXTS)
def test_a_text_that_is_wrong(tmp_path: Path, file: Path, wrong: str) -> None:
    changes, field, why = WRONG_TEXTS[wrong]
    file.write_text(text(tmp_path, **changes))
    said = told("check-config", str(file))
    assert said.startswith(f"Error: {file}: {field}: " if field else f"Error: {file}: ")
    assert why in said
    assert told("--config", str(file)) == said


def _shared(path: Path) -> None:
    path.mkdir()
    path.chmod(0o777)


def _sticky(path: Path) -> None:
    path.mkdir()
    path.chmod(0o1777)


def _of_others(path: Path) -> None:
    path.mkdir()
    os.chown(path, OTHER, OTHER)


PLACES = [
    ("state_dir", "state", _garbage, "no directory"),
    ("state_dir", "state", _shared, "others may write"),
    ("state_dir", "state", _sticky, "others may write"),
    pytest.param("state_dir", "state", _of_others, "belongs to uid", marks=as_root),
    ("audit.directory", "audit", _garbage, "no directory"),
    ("audit.directory", "audit", _shared, "others may write"),
    pytest.param("audit.directory", "audit", _of_others, "belongs to uid", marks=as_root),
    ("listen.unix[0]", "run", _shared, "others may write"),
    ("listen.unix[0]", "run", _garbage, "Not a directory"),
    pytest.param("listen.unix[0]", "run", _of_others, "belongs to uid", marks=as_root),
    ("listen.unix[0]", "run/nvmed.sock", lambda path: path.mkdir(parents=True), "no socket"),
    ("metrics", "metrics", lambda path: path.mkdir(), "no socket"),
    pytest.param("", "nvmed.toml", _foreign, "belongs to uid", marks=as_root),
    ("", "nvmed.toml", _pipe, "no regular file"),
    ("", "nvmed.toml", _missing, "No such file"),
    ("", "nvmed.toml", _garbage, "not UTF-8"),
]


@pytest.mark.parametrize(("field", "place", "spoil", "why"), PLACES)
def test_a_place_that_is_wrong_or_another_user_s(
    tmp_path: Path, file: Path, field: str, place: str, spoil: Callable[[Path], None], why: str
) -> None:
    more = f'[audit]\ndirectory = "{tmp_path}/audit"\n[metrics]\naddress = "unix:{tmp_path}/metrics"'
    file.write_text(text(tmp_path, socket="run/nvmed.sock", more=more))
    if place == "nvmed.toml":
        file.unlink()
    spoil(tmp_path / place)
    said = told("check-config", str(file))
    assert said.startswith(f"Error: {file}: {field}: " if field else f"Error: {file}: ")
    assert why in said
    assert told("--config", str(file)) == said


def test_a_collector_needs_the_extra(tmp_path: Path, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file.write_text(text(tmp_path, more='[otel]\nendpoint = "http://localhost:4317"'))
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    assert "install nvmed[daemon,otel]" in told("check-config", str(file))


def test_what_is_right_is_right(tmp_path: Path, file: Path) -> None:
    file.write_text(text(tmp_path, more=tls(tmp_path)))
    result = CliRunner().invoke(main, ["check-config", str(file)])
    assert (result.exit_code, "nothing is wrong" in result.output) == (0, True)


def test_files_of_simulated_drives_are_checked(file: Path, tmp_path: Path) -> None:
    faults, drive = tmp_path / "faults.toml", tmp_path / "drive.json"
    file.write_text(text(tmp_path, host=f'simulate_faults = "{faults}"\nsimulate_from = ["{drive}"]'))
    faults.write_text("[[faults]]\nkind = 'hnag'\n")
    drive.write_bytes(b"{")
    assert f"{drive}: is no JSON" in told("check-config", str(file))
    host = SimulatedHost([Subsystem()])
    drive.write_bytes(build(record(host.open(host.scan()[0]))))
    assert f"{faults}: faults[0].kind: 'hnag' is none (did you mean hang?)" in told("check-config", str(file))
