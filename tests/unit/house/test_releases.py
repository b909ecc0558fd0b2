"""What was released stays, and one version is everywhere."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from importlib.metadata import distribution
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["version"]
LICENCES = re.compile(
    r"Apache|MIT|BSD|ISC|PSF|Python Software Foundation|MPL-2\.0|Mozilla Public License 2\.0|Unlicense|0BSD",
    re.IGNORECASE,
)
"""Those that nvmed may be given away with."""


def locked(extra: str) -> list[str]:
    """The packages that the lock names for an extra."""
    script = [sys.executable, str(ROOT / "scripts/locked.py"), extra]
    text = subprocess.run(script, capture_output=True, text=True, check=True).stdout
    return re.findall(r"^([A-Za-z0-9._-]+)==", text, re.MULTILINE)


@pytest.mark.parametrize(
    ("path", "pattern"),
    [
        ("nvmed/__init__.py", r'__version__ = "(.*)"'),
        ("README.md", r"nvmed_(\d+\.\d+\.\d+)-1~deb12_amd64\.deb"),
        ("docs/install.md", r"nvmed_(\d+\.\d+\.\d+)-1~deb12_amd64\.deb"),
        ("packaging/machine", r"nvmed_(\d+\.\d+\.\d+)-1~deb12_amd64\.deb"),
        ("clients/cpp/CMakeLists.txt", r"project\(nvmed VERSION (\S+) "),
        ("clients/java/pom.xml", r"<artifactId>nvmed-parent</artifactId>\s*<version>(.*)</version>"),
        ("clients/java/stubs/pom.xml", r"<artifactId>nvmed-parent</artifactId>\s*<version>(.*)</version>"),
        ("clients/java/client/pom.xml", r"<artifactId>nvmed-parent</artifactId>\s*<version>(.*)</version>"),
        ("clients/java/examples/pom.xml", r"<artifactId>nvmed-parent</artifactId>\s*<version>(.*)</version>"),
    ],
)
def test_the_version_is_the_same_everywhere(path: str, pattern: str) -> None:
    found = re.findall(pattern, (ROOT / path).read_text("utf-8"))
    assert found
    assert set(found) == {VERSION}


def test_the_npm_package_has_the_version() -> None:
    assert json.loads((ROOT / "clients/typescript/package.json").read_text("utf-8"))["version"] == VERSION


def test_the_crate_has_the_version() -> None:
    assert tomllib.loads((ROOT / "clients/rust/Cargo.toml").read_text("utf-8"))["package"]["version"] == VERSION


def test_nothing_that_was_released_is_gone() -> None:
    """Names of the contract; what they mean to the wire, `buf breaking` holds."""
    script = (
        "from scripts import contract\n"
        "now = {name for file in contract.files().values() if file.package == contract.PACKAGE\n"
        "       for name, _ in contract._named(file)}\n"
        "assert contract.released(), 'no release is kept'\n"
        "print(*sorted(set().union(*contract.released().values()) - now))\n"
    )
    gone = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert gone.split() == []


def test_every_dependency_has_a_licence_that_may_be_passed_on() -> None:
    names = locked("daemon")
    assert "grpcio" in names
    for name in names:
        about = distribution(name).metadata
        fields = ("License-Expression", "License", "Classifier")
        said = [text for field in fields for text in about.get_all(field) or []]
        assert any(LICENCES.search(text) for text in said), f"{name}: {said}"
