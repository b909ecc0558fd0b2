"""What the packages are made with: the subset of the lock, manual pages, completions, and the guide that is run."""

from __future__ import annotations

import gzip
import re
import shlex
import subprocess
import sys
import tarfile
import tomllib
from collections.abc import Iterator
from importlib.resources import files as files_of
from pathlib import Path

import click
import pytest
from nvmedctl.cli import nvmedctl

from nvmed import config
from nvmed.__main__ import main as nvmed
from tests.docs.blocks import blocks, commands

ROOT = Path(__file__).resolve().parents[3]
PROGRAMS: dict[str, click.Command] = {"nvmed": nvmed, "nvmedctl": nvmedctl}


def run(script: str, *arguments: str | Path) -> str:
    command = [sys.executable, str(ROOT / "scripts" / script), *(str(argument) for argument in arguments)]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def locked(who: str) -> set[str]:
    return set(re.findall(r"^([a-z0-9.-]+)==", run("locked.py", who), re.MULTILINE))


def test_a_client_needs_less_than_a_daemon_and_neither_what_developers_do() -> None:
    client, daemon = locked("client"), locked("daemon")
    assert {"click", "grpcio", "protobuf", "markdown-it-py"} <= client < daemon
    assert {"structlog", "msgspec", "cryptography", "cffi", "prometheus-client"} <= daemon - client
    assert not daemon & {"pytest", "mypy", "ruff", "hatchling"}


def test_every_package_comes_with_its_hashes() -> None:
    entries = run("locked.py", "daemon").split("==")[1:]
    assert entries
    assert all("--hash=sha256:" in entry for entry in entries)


@pytest.fixture(scope="module")
def manuals(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("usr")
    run("manuals.py", folder)
    return folder / "share"


def paths(name: str, command: click.Command) -> Iterator[str]:
    """The path of every command, as it is typed."""
    if isinstance(command, click.Group):
        context = click.Context(command)
        for inner in command.list_commands(context):
            below = command.get_command(context, inner)
            if below and not below.hidden:
                yield f"{name} {inner}"
                yield from paths(f"{name} {inner}", below)


@pytest.mark.parametrize("name", PROGRAMS)
def test_manual_pages_have_every_command(manuals: Path, name: str) -> None:
    page = gzip.decompress((manuals / f"man/man1/{name}.1.gz").read_bytes()).decode().replace("\\-", "-")
    assert page.startswith(f".TH {name.upper()} 1 ")
    missing = [path for path in paths(name, PROGRAMS[name]) if not re.search(rf"^\.SS {path}( |$)", page, re.MULTILINE)]
    assert missing == []
    macros = set(re.findall(r"^\.([A-Za-z]+)", page, re.MULTILINE))
    assert macros <= {"TH", "SH", "SS", "PP", "TP", "B", "BR", "I", "nf", "fi"}


@pytest.mark.parametrize("name", PROGRAMS)
@pytest.mark.parametrize(
    "path",
    ["bash-completion/completions/{}", "zsh/vendor-completions/_{}", "fish/vendor_completions.d/{}.fish"],
)
def test_completions_ask_the_program(manuals: Path, name: str, path: str) -> None:
    assert f"_{name.upper()}_COMPLETE" in (manuals / path.format(name)).read_text()


def test_the_contract_compiles_by_itself(tmp_path: Path) -> None:
    """From the archive alone, in a directory where nothing else is: by buf, and by protoc."""
    archive = run("proto_archive.py", tmp_path).strip()
    with tarfile.open(archive) as packed:
        packed.extractall(tmp_path, filter="data")
    (alone,) = (path for path in tmp_path.iterdir() if path.is_dir())
    binaries = Path(sys.executable).parent
    files = sorted(str(path.relative_to(alone)) for path in alone.rglob("*.proto"))
    assert {path.name for path in (ROOT / "proto/nvmed/v1").iterdir()} <= {Path(name).name for name in files}
    well_known = f"-I{files_of('grpc_tools') / '_proto'}"
    commands: list[list[str | Path]] = [
        [binaries / "buf", "lint"],
        [binaries / "buf", "build", "--output", "buf.binpb"],
        [sys.executable, "-m", "grpc_tools.protoc", "-I.", well_known, "--descriptor_set_out=protoc.binpb", *files],
    ]
    for command in commands:
        subprocess.run(command, cwd=alone, check=True)
    assert (alone / "buf.binpb").stat().st_size > (alone / "protoc.binpb").stat().st_size > 0


def install_commands() -> list[str]:
    """What docs/install.md tells to type."""
    text = (ROOT / "docs/install.md").read_text()
    part = text.partition("<!-- install -->")[2].partition("<!-- install end -->")[0]
    return [command.text.strip() for block in blocks(part) for command in commands(block)]


def test_five_commands_install_and_what_they_configure_is_sound() -> None:
    commands = install_commands()
    assert len(commands) == 5
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert f"nvmed_{version}-1~deb12_amd64.deb" in commands[0]
    words = shlex.split(commands[2])
    assert words[:2] == ["printf", "%s\\n"]
    lines = [word for word in words[2:] if not word.startswith((">", "/"))]
    text = (ROOT / "systemd/nvmed.toml").read_text() + "\n".join(lines)
    loaded = config.parse(text, "docs/install.md")
    assert [tls.address for tls in loaded.listen.tls] == ["0.0.0.0:50051"]
    assert loaded.policy.bindings[0].roles == ("operator",)


def test_the_image_takes_what_its_dockerfile_copies() -> None:
    """Everything that is copied is let through .dockerignore, and nothing else is."""
    copied = {
        word.rstrip("/")
        for line in (ROOT / "Dockerfile").read_text().splitlines()
        if line.startswith("COPY ") and "--from" not in line
        for word in line.split()[1:-1]
    }
    allowed = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    assert copied == allowed
