"""nvmedctl keys against a real daemon and keyrings of this kernel: all it does, and where secrets go and do not go."""

from __future__ import annotations

import asyncio
import contextlib
import os
import pty
import re
import signal
import subprocess
import sys
import termios
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import nvmedctl
import pytest
from click.testing import CliRunner
from nvmedctl.cli import group
from nvmedctl.cli import nvmedctl as command_line

from nvmed.keys.dhchap import HmacAlgorithm, Reading, build_text, parse_text
from nvmed.keys.identity import parse_identity
from nvmed.keys.interchange import import_psk
from nvmed.keys.keyfile import KeyFileEntry, build_line
from nvmed.keys.psk import Derivation
from nvmed.keys.secret import Secret
from nvmed.linux import keyctl
from nvmed.linux.fabrics import DhchapSecrets
from nvmed.v1 import key_pb2 as pb
from tests.rpc.client.command_line import nvmedctl as ctl
from tests.rpc.client.command_line import run, shown
from tests.rpc.harness import Daemon
from tests.rpc.key_ring import HOST, KEY, KEY_READER, SUBSYSTEM, TEXT, Ring, derived
from tests.rpc.rotating_host import RotatingHost, rotating

NAMES = ("--host-nqn", HOST, "--subsystem", SUBSYSTEM)
TYPED = TEXT.encode() + b"\n"


@pytest.fixture
def where(ring: Ring) -> tuple[str, ...]:
    return ("--keyring", str(ring.serial), "--type", "user")


def test_every_method_has_a_command() -> None:
    folder = Path(nvmedctl.__file__).parent / "cli"
    called = {name for path in folder.glob("*.py") for name in re.findall(r"client\.keys\.(\w+)", path.read_text())}
    assert called == set(pb.DESCRIPTOR.services_by_name["KeyService"].methods_by_name)


async def test_a_key_is_inserted_found_shown_and_revoked(daemon: Daemon, ring: Ring, where: tuple[str, ...]) -> None:
    code, planned, _ = await ctl(daemon, "keys", "insert", *NAMES, *where, "--dry-run", stdin=TYPED)
    assert (code, planned["key"]["serial"]) == (0, 0)
    assert await ring.serials() == ()
    code, made, _ = await ctl(daemon, "keys", "insert", *NAMES, *where, "--ttl", "7200", stdin=TYPED)
    identity, serial = made["key"]["identity"]["identity"], made["key"]["serial"]
    assert (code, identity, made["key"]["outcome"]) == (0, derived().identity, "KEY_UPDATE_OUTCOME_CREATED")
    assert derived().psk.matches(await ring.read(serial))
    _, listed, _ = await ctl(daemon, "keys", "list", *where)
    assert [key["serial"] for key in listed["keys"]] == [serial]
    for arguments in (("show", str(serial)), ("show", hex(serial)), ("find", identity, *where)):
        _, found, _ = await ctl(daemon, "keys", *arguments)
        assert (found["serial"], found["identity"]["host_nqn"]) == (serial, HOST)
    table = await shown(daemon, "keys", "list", *where)
    assert str(serial) in table
    assert SUBSYSTEM in table
    code, revoked, _ = await ctl(daemon, "keys", "revoke", identity, *where)
    assert (code, revoked) == (0, {"serial": serial})
    code, _, err = await ctl(daemon, "keys", "show", str(serial))
    assert err["error"]["reason"] in {"KEY_REVOKED", "KEY_NOT_FOUND"}
    assert code in (3, 5)


async def test_keyrings_are_found_and_linked(daemon: Daemon, ring: Ring) -> None:
    if keyctl.PROC_KEYS.exists():
        code, found, _ = await ctl(daemon, "keys", "keyring", ring.name)
        assert (code, found["serial"], found["type"]) == (0, ring.serial, "keyring")
    code, _, err = await ctl(daemon, "keys", "keyring", "nvmed-no-such-keyring")
    assert (code, err["error"]["reason"]) == (3, "KEYRING_NOT_FOUND")
    assert await shown(daemon, "keys", "link", "--keyring", str(ring.serial), "--dry-run") == (
        f"keyring {ring.serial} would be linked\n"
    )
    assert (await ctl(daemon, "keys", "link", "--keyring", str(ring.serial)))[1] == {"serial": ring.serial}


async def test_secrets_come_from_files_and_credentials(
    daemon: Daemon, ring: Ring, where: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "psk").write_bytes(TYPED)
    (tmp_path / "psk.hex").write_text(KEY.hex())
    (tmp_path / "psk.raw").write_bytes(KEY)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    wanted = derived(0, Derivation.COMPAT).identity
    for source in (
        ("--secret-file", str(tmp_path / "psk")),
        ("--credential", "psk"),
        ("--secret-file", str(tmp_path / "psk.hex"), "--form", "hex", "--hash", "sha256"),
        ("--credential", "psk.raw", "--form", "raw"),
    ):
        arguments = ("identity", *NAMES, *source, "--identity-version", "0", "--derivation", "compat")
        code, found, _ = await ctl(daemon, "keys", *arguments)
        assert (code, found["identity"], found["derivation"]) == (0, wanted, "TLS_KEY_DERIVATION_COMPAT")
    code, _, err = await ctl(daemon, "keys", "identity", *NAMES, "--secret-file", str(tmp_path / "missing"))
    assert (code, err["error"]["reason"]) == (1, "LOCAL_FILE")


async def test_what_a_peer_made_of_a_text_is_found_out(daemon: Daemon, ring: Ring, where: tuple[str, ...]) -> None:
    key = derived(0, Derivation.COMPAT)
    serial = await ring.add(key.identity, key.psk.reveal())
    code, found, _ = await ctl(daemon, "keys", "check", *NAMES, *where, stdin=TYPED)
    assert code == 0
    loaded = {(one["identity"]["version"], one["identity"]["derivation"]): one["loaded"] for one in found["variants"]}
    assert loaded[0, "TLS_KEY_DERIVATION_COMPAT"] == "LOADED_DERIVED"
    assert loaded[1, "TLS_KEY_DERIVATION_RFC8446"] == "LOADED_NOTHING"
    assert {one["serial"] for one in found["variants"]} == {0, serial}


async def test_keys_are_imported_as_they_are(daemon: Daemon, ring: Ring, where: tuple[str, ...]) -> None:
    one, two = derived(0), derived(1)
    lines = [build_line(KeyFileEntry(parse_identity(key.identity), Secret(KEY))).reveal() for key in (one, two)]
    code, done, _ = await ctl(daemon, "keys", "import", *where, stdin=b"".join(lines))
    assert (code, [key["identity"]["version"] for key in done["keys"]]) == (0, [0, 1])
    code, done, _ = await ctl(daemon, "keys", "import", "--identity", one.identity, *where, stdin=TYPED)
    assert (code, done["keys"][0]["outcome"]) == (0, "KEY_UPDATE_OUTCOME_UPDATED")
    assert await ring.read(done["keys"][0]["serial"]) == KEY
    code, _, err = await ctl(daemon, "keys", "import", *where, stdin=lines[0] + b"nonsense\n")
    assert (code, err["error"]["field_violations"][0]["field"]) == (2, "key_file[2]")


async def test_a_key_is_updated_byte_for_byte(daemon: Daemon, ring: Ring, where: tuple[str, ...]) -> None:
    code, done, _ = await ctl(daemon, "keys", "update", "a key", *where, stdin=b"\0one\n")
    assert (code, await ring.read(done["serial"])) == (0, b"\0one\n")
    assert "would be updated" in await run_out(daemon, "keys", "update", "a key", *where, "--dry-run", stdin=b"two")
    assert await ring.read(done["serial"]) == b"\0one\n"


async def run_out(daemon: Daemon, *arguments: str, stdin: bytes = b"") -> str:
    code, out, err = await run(daemon, *arguments, stdin=stdin)
    assert (code, err) == (0, "")
    return out


# -- secrets out


async def test_a_made_key_goes_where_it_was_asked_to(daemon: Daemon, tmp_path: Path) -> None:
    file = tmp_path / "new.psk"
    code, made, _ = await ctl(daemon, "keys", "generate", "--hash", "sha384", "--file", str(file))
    assert (code, made["text"], made["hash"], made["size_bytes"]) == (0, "", "HMAC_ALGORITHM_SHA384", 48)
    assert file.stat().st_mode & 0o777 == 0o600
    assert len(import_psk(Secret(file.read_bytes().removesuffix(b"\n"))).key) == 48
    before = file.read_text()
    assert before.strip() not in await shown(daemon, "keys", "generate", "--file", str(tmp_path / "other.psk"))
    code, _, err = await run(daemon, "keys", "generate", "--file", str(file))
    assert (code, "is there, and may hold another secret" in err, file.read_text()) == (2, True, before)
    printed = await shown(daemon, "keys", "generate", "--reveal")
    assert len(import_psk(Secret.from_text(printed.removesuffix("\n"))).key) == 32
    code, made, _ = await ctl(daemon, "keys", "generate", "--reveal")
    assert made["text"].startswith("NVMeTLSkey-1:01:")


async def test_dhchap_secrets_go_where_they_were_asked_to(daemon: Daemon, tmp_path: Path) -> None:
    file = tmp_path / "dhchap"
    hashed = ("--hmac", "sha256", "--nqn", HOST)
    code, made, _ = await ctl(daemon, "keys", "generate-dhchap", *hashed, "-f", str(file))
    assert code == 0
    assert (made["secret_text"], made["transformed_text"], made["transformed_key"]) == ("", "", "")
    secret = parse_text(Secret(file.read_bytes().removesuffix(b"\n")), Reading.SECRET)
    assert secret.hmac is HmacAlgorithm.SHA256
    given = ("keys", "generate-dhchap", *hashed, "--secret-file", "-", "--reveal")
    code, made, _ = await ctl(daemon, *given, stdin=KEY.hex().encode())
    expected = build_text(Secret(KEY), HmacAlgorithm.SHA256, Reading.SECRET).reveal_text()
    assert (code, made["secret_text"]) == (0, expected)
    transformed = await run_out(daemon, *given, "--transformed", stdin=KEY.hex().encode())
    assert transformed.strip() == made["transformed_text"] != expected


async def test_a_given_key_is_exported(daemon: Daemon, tmp_path: Path) -> None:
    raw = tmp_path / "raw"
    raw.write_bytes(KEY)
    code, out, _ = await run(daemon, "keys", "export", "--secret-file", str(raw), "--form", "raw", "--reveal")
    assert (code, out) == (0, f"{TEXT}\n")


async def test_what_lies_in_a_keyring_is_shown_to_nobody(
    daemon: Daemon, ring: Ring, where: tuple[str, ...], tmp_path: Path
) -> None:
    serial = await ring.add(derived().identity, KEY)
    for arguments in (
        ("export", "--identity", derived().identity, *where),
        ("read", str(serial), "--keyring", str(ring.serial)),
    ):
        code, out, err = await ctl(daemon, "keys", *arguments, "--reveal", "-f", str(tmp_path / "file"))
        assert (code, out, err["error"]["metadata"]["permission"]) == (4, None, "keys.read")
        assert not (tmp_path / "file").exists()


@pytest.mark.parametrize("own_policy", [KEY_READER])
async def test_who_may_read_reads(daemon: Daemon, ring: Ring, where: tuple[str, ...], tmp_path: Path) -> None:
    identity = derived().identity
    serial = await ring.add(identity, KEY)
    assert await shown(daemon, "keys", "export", "--identity", identity, *where, "--reveal") == f"{TEXT}\n"
    file = tmp_path / "file"
    code, done, _ = await ctl(daemon, "keys", "export", "--identity", identity, *where, "--key-file", "-f", str(file))
    assert (code, done["text"], done["key_file_line"], done["serial"]) == (0, "", "", serial)
    assert file.read_text() == f"{identity} {TEXT}\n"
    read = ("keys", "read", str(serial), "--keyring", str(ring.serial))
    other = "NVMe0R01 nqn.2014-08.org.example:h nqn.2016-06.io.spdk:c NVMeTLSkey-1:01:another:\n"
    file.write_text(f"# keys of this host\n{identity} NVMeTLSkey-1:01:old:\n{other}")
    code, done, _ = await ctl(daemon, "keys", "export", "--identity", identity, *where, "--key-file", "-f", str(file))
    assert (code, file.read_text()) == (0, f"# keys of this host\n{identity} {TEXT}\n{other}")
    code, done, _ = await ctl(daemon, *read, "-f", str(tmp_path / "payload"))
    assert (code, done, (tmp_path / "payload").read_bytes()) == (0, {"payload": ""}, KEY)
    assert await shown(daemon, *read, "--reveal") == f"{KEY.hex()}\n"


@pytest.mark.parametrize(
    "arguments",
    [
        "keys generate",
        "keys generate-dhchap --hmac none",
        "keys export --identity x",
        "keys export --key-file --reveal",
        "keys read 1",
        "keys identity --host-nqn h --subsystem s --secret-file a --credential b",
        "keys identity --host-nqn h --subsystem s --credential ../etc/shadow",
        "keys identity --host-nqn h --subsystem s --psk NVMeTLSkey-1:01:AAAA:",
        "keys insert --host-nqn h",
        "keys show -5",
        "keys rotate-dhchap --host-nqn h --subsystem s",
        "keys rotate-dhchap --host-nqn h --subsystem s --host-secret-file - --controller-secret-file -",
    ],
)
def test_wrong_usage_is_told_before_anything_is_asked(arguments: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """And without a daemon: a key that nobody would get is not made."""
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", "/nowhere")
    result = CliRunner().invoke(command_line, [*arguments.split(), "--address", "/nowhere.sock"])
    assert (result.exit_code, "Error: " in result.stderr) == (2, True)


def test_a_credential_needs_systemd(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    result = CliRunner().invoke(
        command_line, ["keys", "identity", *NAMES, "--credential", "x", "--address", "/nowhere.sock"]
    )
    assert "$CREDENTIALS_DIRECTORY" in result.stderr


def test_no_option_takes_a_secret() -> None:
    """Whatever takes one takes the name of a file or of a credential."""
    for command in group("keys").commands.values():
        named = {option for parameter in command.params for option in parameter.opts}
        assert not named & {"--secret", "--psk", "--host-secret", "--controller-secret", "--payload", "--text"}


async def test_a_bad_secret_is_refused_without_showing_it(daemon: Daemon, ring: Ring, where: tuple[str, ...]) -> None:
    for arguments, stdin in (
        (("insert", *NAMES, *where), TYPED[:-9] + b"\n"),
        (("insert", *NAMES, *where, "--form", "hex"), TYPED),
        (("insert", *NAMES, *where), KEY + b"\xff"),
        (("insert", *NAMES, *where), b""),
        (("import", *where), b"x " + TYPED),
    ):
        code, out, err = await run(daemon, "keys", *arguments, stdin=stdin)
        assert (code, out) == (2, "")
        assert TEXT[20:40] not in err


WAITS_TYPED = ("keys", "identity", *NAMES, "--address", "/nowhere.sock")


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
async def test_a_signal_ends_the_waiting_for_a_secret(number: int, code: int) -> None:
    ours, theirs = pty.openpty()
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "nvmedctl", *WAITS_TYPED, stdin=theirs, stdout=PIPE, stderr=PIPE
    )
    assert process.stderr is not None
    assert await process.stderr.readexactly(8) == b"Secret: "
    assert not termios.tcgetattr(ours)[3] & termios.ECHO
    process.send_signal(number)
    assert await process.wait() == code
    assert termios.tcgetattr(ours)[3] & termios.ECHO, "the terminal shows again what is typed"
    for one in (ours, theirs):
        os.close(one)


async def test_a_secret_is_typed_without_being_shown() -> None:
    ours, theirs = pty.openpty()
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "nvmedctl", *WAITS_TYPED, stdin=theirs, stdout=PIPE, stderr=PIPE
    )
    assert process.stderr is not None
    await process.stderr.readexactly(8)
    os.write(ours, TYPED)
    out, err = await process.communicate()
    assert (process.returncode, out) == (6, b""), "it was read, and nothing listens"
    assert TYPED[20:40] not in err
    os.set_blocking(ours, False)
    with contextlib.suppress(BlockingIOError):
        assert TYPED[20:40] not in os.read(ours, 4096)
    for one in (ours, theirs):
        os.close(one)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_that_another_thread_gets_ends_the_waiting_for_a_secret(number: int, code: int) -> None:
    """The kernel may give it to any thread: here to one that stands for those of gRPC, while the main one waits."""
    script = f"""
import signal, sys, threading
from nvmedctl.cli import secrets
read = secrets._read
def reading(descriptor, wait, end=None):
    def waiting(descriptor):
        threading.Thread(target=lambda: signal.pthread_kill(threading.get_ident(), {number:d}), daemon=True).start()
        wait(descriptor)
    return read(descriptor, waiting, end)
secrets._read = reading
try:
    secrets.required({{"secret_file": None, "credential": None}})
except KeyboardInterrupt:
    sys.exit(130)
"""
    with subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE) as process:
        assert process.wait() == code


# -- rotation


@pytest.fixture
async def host(ring: Ring, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[RotatingHost]:
    async with rotating(ring, tmp_path, monkeypatch) as made:
        yield made


async def rotate(host: RotatingHost, *more: str) -> tuple[int, Any, Any]:
    arguments = ("rotate", *NAMES, "--keyring", str(host.ring.serial), *more)
    return await ctl(host.daemon, "keys", *arguments, stdin=TYPED)


async def test_a_key_is_rotated(host: RotatingHost) -> None:
    old = derived(key=bytes(32))
    serial = await host.ring.add(old.identity, old.psk.reveal())
    host.kernel.connect(), host.kernel.connect()
    code, planned, _ = await rotate(host, "--dry-run")
    assert (code, planned["key"]["serial"], host.serials) == (0, 0, [serial, serial])
    code, done, _ = await rotate(host, "--header-digest", "--ttl", "7200")
    new = done["key"]["serial"]
    assert (code, host.serials) == (0, [new, new])
    assert [(key["serial"], key["revoked"]) for key in done["retired_keys"]] == [(serial, True)]
    host.kernel.accepts = lambda description: description != derived().identity
    arguments = ("keys", "rotate", *NAMES, "--keyring", str(host.ring.serial), "--identity-version", "0")
    table = await run_out(host.daemon, *arguments, stdin=TYPED)  # the subsystem takes version 0
    assert f"{new}" in table
    assert "next boot" in table


async def test_a_rotation_that_fails_fails_the_command(host: RotatingHost) -> None:
    old = derived(key=bytes(32))
    await host.ring.add(old.identity, old.psk.reveal())
    host.kernel.connect()
    code, _, err = await rotate(host)
    assert (code, err["error"]["precondition_violations"][0]["type"]) == (5, "DISRUPTION_ACKNOWLEDGED")
    host.kernel.accepts = lambda description: description != derived().identity
    code, _, err = await rotate(host, "--acknowledge-disruption")
    assert err["error"]["reason"] == "KEY_ROTATION_UNDONE"
    code, begun, _ = await rotate(host, "--acknowledge-disruption", "--no-wait")
    assert (code, begun["name"].startswith("operations/")) == (0, True)
    code, _, err = await ctl(host.daemon, "operations", "wait", begun["name"])
    assert err["error"]["reason"] == "KEY_ROTATION_UNDONE"


async def test_dhchap_secrets_are_rotated(host: RotatingHost, tmp_path: Path) -> None:
    texts = {
        name: build_text(Secret(name * 32), HmacAlgorithm.NONE, Reading.SECRET) for name in (b"a", b"b", b"c", b"d")
    }
    host.kernel.connect(is_tls=False, secrets=DhchapSecrets(texts[b"a"], texts[b"b"]))
    (tmp_path / "controller").write_bytes(texts[b"d"].reveal() + b"\n")
    arguments = ("keys", "rotate-dhchap", *NAMES, "--acknowledge-disruption")
    table = await run_out(host.daemon, *arguments, "--host-secret-file", "-", stdin=texts[b"c"].reveal() + b"\n")
    assert table == "controllers/nvmed-double-1 authenticated with the new secrets\n"
    await run_out(host.daemon, *arguments, "--controller-secret-file", str(tmp_path / "controller"))
    (found,) = host.kernel.connections.values()
    assert found.secrets.host is not None
    assert found.secrets.host.matches(texts[b"c"])
    assert found.secrets.controller is not None
    assert found.secrets.controller.matches(texts[b"d"])
