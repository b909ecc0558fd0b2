"""Where a client looks for its daemon, and when it insists on TLS."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nvmedctl import address as addresses
from nvmedctl.address import Address, Tls, parse, resolve, tls_of_environment
from nvmedctl.channel import connect

from nvmed.errors import InvalidArgument


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("unix:/run/nvmed/nvmed.sock", "unix:/run/nvmed/nvmed.sock"),
        ("unix:///run/nvmed/nvmed.sock", "unix:/run/nvmed/nvmed.sock"),
        ("/run/nvmed/nvmed.sock", "unix:/run/nvmed/nvmed.sock"),
        ("./nvmed.sock", "unix:./nvmed.sock"),
        ("localhost:50051", "localhost:50051"),
        ("storage-7.example.com:1", "storage-7.example.com:1"),
        ("[2001:db8::1]:65535", "[2001:db8::1]:65535"),
    ],
)
def test_an_address_becomes_a_target(text: str, target: str) -> None:
    address = parse(text)
    assert (str(address), address.is_unix) == (target, target.startswith("unix:"))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "host",
        "host:0",
        "host:65536",
        ":1",
        "::1:80",
        "unix:",
        "http://localhost:1",
        "a b:1",
        "h:1\n",
        "/" + "x" * 107,
    ],
)
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(InvalidArgument, match=r"^address: "):
        parse(text)


@given(st.text())
def test_any_text_is_an_address_or_refused(text: str) -> None:
    try:
        address = parse(text)
    except InvalidArgument:
        return
    assert address.is_unix == address.target.startswith("unix:")


@pytest.mark.parametrize(
    ("text", "loopback"),
    [
        ("/x", True), ("localhost:1", True), ("127.8.9.1:1", True), ("[::1]:1", True),
        ("192.0.2.1:1", False), ("[2001:db8::1]:1", False), ("localhost.example.com:1", False),
    ],
)  # fmt: skip
def test_what_stays_on_this_host(text: str, loopback: bool) -> None:
    assert parse(text).is_loopback is loopback


def test_the_argument_comes_before_the_environment() -> None:
    environ = {"NVMED_ADDRESS": "localhost:2"}
    assert resolve("localhost:1", environ) == Address("localhost:1", "localhost")
    assert resolve(None, environ) == Address("localhost:2", "localhost")


def test_the_first_socket_that_may_be_used_is_the_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    group, admin = tmp_path / "nvmed.sock", tmp_path / "admin.sock"
    monkeypatch.setattr(addresses, "DEFAULT_SOCKETS", (group, admin))
    assert str(resolve(None, {})) == f"unix:{group}"  # so that the error names the usual one
    admin.touch()
    assert str(resolve(None, {})) == f"unix:{admin}"
    group.touch()
    assert str(resolve(None, {})) == f"unix:{group}"


def test_what_keeps_a_user_from_connecting(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert parse("localhost:1").diagnose() == ""
    assert parse(f"{tmp_path}/file").diagnose() == ""
    assert parse(f"{tmp_path}/none").diagnose() == "there is no such socket"
    assert parse(f"{tmp_path}/file/none").diagnose() == "Not a directory"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may open every socket")
def test_a_socket_of_others_is_named_as_such(tmp_path: Path) -> None:
    (tmp_path / "file").touch(mode=0)
    assert parse(f"{tmp_path}/file").diagnose() == "this user may not open the socket"


async def test_another_host_needs_tls() -> None:
    with pytest.raises(InvalidArgument, match="needs TLS"):
        connect(parse("192.0.2.1:50051"))


async def test_tls_is_refused_where_it_cannot_be(tmp_path: Path) -> None:
    tls = Tls(tmp_path / "ca.pem")
    with pytest.raises(InvalidArgument, match="unix socket"):
        connect(parse("/run/x.sock"), tls)
    with pytest.raises(InvalidArgument, match=r"ca\.pem: No such file"):
        connect(parse("localhost:1"), tls)
    with pytest.raises(InvalidArgument, match="needs its key"):
        Tls(tmp_path / "ca.pem", certificate=tmp_path / "cert.pem")


def test_the_environment_says_what_tls_needs_as_for_nvmedctl() -> None:
    assert tls_of_environment({"NVMED_CERT": "me.pem", "NVMED_KEY": "me.key"}) is None
    assert tls_of_environment({"NVMED_CA": "ca.pem"}) == Tls(Path("ca.pem"))
    whole = {"NVMED_CA": "ca.pem", "NVMED_CERT": "me.pem", "NVMED_KEY": "me.key", "NVMED_SERVER_NAME": "storage"}
    assert tls_of_environment(whole) == Tls(Path("ca.pem"), Path("me.pem"), Path("me.key"), "storage")
    with pytest.raises(InvalidArgument):
        tls_of_environment({"NVMED_CA": "ca.pem", "NVMED_CERT": "me.pem"})
