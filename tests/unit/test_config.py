"""The configuration: what is wrong is named with its place, and nothing is taken on trust."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nvmed import config
from nvmed.errors import NvmedError

FULL = """
state_dir = "/var/lib/nvmed"
log_level = "warning"

[[listen.unix]]
path = "/run/nvmed/admin.sock"
roles = ["admin"]

[[listen.unix]]
path = "/run/nvmed/nvmed.sock"
mode = "0660"
group = "nvmed"
principal = "group"
roles = ["viewer"]

[[listen.tls]]
address = "[::]:7443"
certificate = "/etc/nvmed/tls/server.pem"
key = "/etc/nvmed/tls/server.key"
client_ca = "/etc/nvmed/tls/clients.pem"

[policy.roles.watcher]
permissions = ["server.read", "telemetry.read"]

[[policy.bindings]]
principals = ["uri:spiffe://fleet/watch/*"]
roles = ["watcher"]
resources = ["controllers/*"]
"""


def test_nothing_written_serves_root_alone() -> None:
    empty = config.parse("", "f")
    assert empty == config.Config()
    (only,) = empty.listen.unix
    assert (only.path, only.mode, only.roles) == ("/run/nvmed/admin.sock", "0600", ("admin",))
    assert (empty.listen.tls, empty.listen.insecure_loopback, empty.metrics.address) == ((), None, "")
    assert empty.audit_directory == Path("/var/lib/nvmed/audit")


def test_everything_written_is_read() -> None:
    full = config.parse(FULL, "f")
    assert [unix.principal for unix in full.listen.unix] == ["admin", "group"]
    assert full.listen.tls[0].address == "[::]:7443"
    assert full.policy.roles["watcher"].permissions == ("server.read", "telemetry.read")
    assert full.policy.bindings[0].resources == ("controllers/*",)


WRONG = {
    "x =": ("", "is no TOML"),
    "foo = 1": ("", "unknown field `foo`"),
    "[limits]\nfoo = 1": ("limits", "unknown field `foo`"),
    "[limits]\ncalls_per_second = '1'": ("limits.calls_per_second", "expected `int`, got `str`"),
    "[limits]\ncalls_per_second = 0": ("limits.calls_per_second", ">= 1"),
    "state_dir = 'relative'": ("state_dir", "an absolute path"),
    "log_level = 'loud'": ("log_level", "invalid enum value"),
    "[listen]": ("listen", "nobody could connect"),
    "[[listen.unix]]": ("listen.unix[0]", "missing required field `path`"),
    "[[listen.unix]]\npath = '/s'\nmode = '9'": ("listen.unix[0].mode", "an octal mode"),
    "[[listen.unix]]\npath = '/s'\nmode = '0666'": ("listen.unix[0].mode", "everyone on the host"),
    "[[listen.unix]]\npath = '/s'\n[[listen.unix]]\npath = '/s'\nprincipal = 'b'": ("listen.unix", "same path"),
    "[[listen.unix]]\npath = '/s'\n[[listen.unix]]\npath = '/t'": ("listen.unix", "same principal"),
    "[listen.insecure_loopback]\naddress = '0.0.0.0:1'": ("listen.insecure_loopback.address", "no loopback"),
    "[[listen.tls]]\naddress = 'x'\ncertificate = '/c'\nkey = '/k'\nclient_ca = '/a'": (
        "listen.tls[0].address",
        "is not ADDRESS:PORT",
    ),
    "[metrics]\naddress = '0.0.0.0:9'": ("metrics.address", "without authentication"),
    "[policy.roles.BAD]\npermissions = ['x']": ("policy.roles", "lower-case"),
    "[policy.roles.good]\npermissions = []": ("policy.roles[...].permissions", "length >= 1"),
}


@pytest.mark.parametrize(("text", "where", "what"), [(text, *said) for text, said in WRONG.items()], ids=WRONG)
def test_what_is_wrong_is_named_with_its_place(text: str, where: str, what: str) -> None:
    with pytest.raises(NvmedError) as refused:
        config.parse(text, "nvmed.toml")
    assert refused.value.reason == "CONFIG_INVALID"
    assert refused.value.metadata == {"file": "nvmed.toml", "field": where}
    assert what in refused.value.message


@given(st.text(max_size=200) | st.binary(max_size=200).map(lambda data: data.decode("latin-1")))
def test_no_text_crashes_it(text: str) -> None:
    with contextlib.suppress(NvmedError):
        config.parse(text, "f")


def test_options_go_before_the_file_and_are_checked_too() -> None:
    full = config.parse(FULL, "f")
    loopback = config.Loopback(address="127.0.0.1:0")
    changed = config.replaced(full, "options", {"state_dir": "/s", "listen.insecure_loopback": loopback})
    assert (changed.state_dir, changed.listen.insecure_loopback) == ("/s", loopback)
    assert changed.listen.unix == full.listen.unix
    with pytest.raises(NvmedError, match="absolute path"):
        config.replaced(full, "options", {"state_dir": "s"})


def test_a_file_that_others_may_write_is_not_trusted(tmp_path: Path) -> None:
    path = tmp_path / "nvmed.toml"
    path.write_text(FULL)
    path.chmod(0o644)
    assert config.load(path).log_level == "warning"
    for mode in (0o664, 0o646):
        path.chmod(mode)
        with pytest.raises(NvmedError, match="others may write"):
            config.load(path)


def test_files_that_cannot_be_read_are_refused(tmp_path: Path) -> None:
    with pytest.raises(NvmedError, match="cannot be read: No such file"):
        config.load(tmp_path / "absent")
    (tmp_path / "binary").write_bytes(b"# \xff")
    with pytest.raises(NvmedError, match="is not UTF-8 at byte 2"):
        config.load(tmp_path / "binary")
    (tmp_path / "huge").write_bytes(b"#" * (config.FILE_BYTES_MAX + 1))
    with pytest.raises(NvmedError, match="is larger than"):
        config.load(tmp_path / "huge")


@pytest.mark.parametrize(
    ("address", "yes"),
    [
        ("127.0.0.1:0", True),
        ("localhost:1", True),
        ("[::1]:65535", True),
        ("127.9.9.9:1", True),
        ("[::1]:65536", False),
        ("0.0.0.0:1", False),
        ("example.com:1", False),
        ("127.0.0.1", False),
        ("", False),
    ],
)
def test_what_is_loopback(address: str, yes: bool) -> None:
    assert config.is_loopback(address) is yes
