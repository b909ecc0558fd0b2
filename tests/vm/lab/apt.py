"""Debian packages for the lab, from the mirror that the host itself uses, without touching the host.

Each `Root` is an apt of its own: its sources, lists and archive, and an empty dpkg database, so that what it downloads
depends on nothing that happens to be installed. Proxies and certificates are the host's: its apt configuration applies.
"""

from __future__ import annotations

import re
import tempfile
import threading
from functools import cache
from pathlib import Path

from tests.vm.lab.cache import run

KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")

CONFIGURATION = """\
Dir::Etc::sourcelist "/dev/null";
Dir::Etc::sourceparts "{root}/sources";
Dir::Etc::preferencesparts "/dev/null";
Dir::State::lists "{root}/lists";
Dir::State::status "{root}/status";
Dir::Cache::pkgcache "";
Dir::Cache::srcpkgcache "";
APT::Sandbox::User "root";
APT::Install-Recommends "false";
APT::Architecture "amd64";
APT::Architectures {{ "amd64"; }};
Acquire::Languages "none";
Acquire::Check-Valid-Until "false";
"""
SOURCE = """\
Types: deb
URIs: {mirror}
Suites: {suites}
Components: main
Signed-By: {keyring}
"""


@cache
def mirror() -> str:
    """The archive from which the host's apt takes a Debian release: no list need have been fetched yet."""
    for line in run(["apt-get", "update", "--print-uris"]).decode().splitlines():
        found = re.match(r"'(.+?)/*/dists/(bookworm|trixie|stable|oldstable)/InRelease'", line)
        if found:
            return found[1]
    raise RuntimeError("the host's apt sources name no Debian archive: the lab needs one (deb ... bookworm main)")


class Root:
    """An apt that knows the suites given; its folder is made, and the lists fetched, when first asked for a package."""

    def __init__(self, folder: Path, *suites: str) -> None:
        self._folder = folder
        self._suites = suites
        self._lock = threading.Lock()
        self._ready = False

    def _prepare(self) -> None:
        with self._lock:
            if self._ready:
                return
            for name in ("sources", "lists/partial"):
                (self._folder / name).mkdir(parents=True, exist_ok=True)
            (self._folder / "status").touch()
            source = SOURCE.format(mirror=mirror(), suites=" ".join(self._suites), keyring=KEYRING)
            (self._folder / "sources/lab.sources").write_text(source)
            (self._folder / "apt.conf").write_text(CONFIGURATION.format(root=self._folder))
            self._run("apt-get", "-qq", "update")
            self._ready = True

    def _run(self, *argv: str, cwd: Path | None = None) -> str:
        env = {"APT_CONFIG": str(self._folder / "apt.conf"), "LC_ALL": "C"}
        return run(argv, env=env, cwd=cwd).decode()

    def dependency(self, package: str, prefix: str) -> str:
        """The package whose name begins with `prefix` that `package` depends on: the real one behind a meta package."""
        self._prepare()
        for line in self._run("apt-cache", "depends", package).splitlines():
            relation, _, name = line.strip().partition(": ")
            if relation == "Depends" and name.startswith(prefix):
                return name
        raise RuntimeError(f"{package} depends on no {prefix}*")

    def extract(self, into: Path, *packages: str, release: str = "", closure: bool = False) -> None:
        """Unpack `packages`, with `closure` all that they depend on too; no maintainer script runs."""
        self._prepare()
        options = ["-qq", "-y", *(["-t", release] if release else [])]
        into.mkdir(exist_ok=True)
        with tempfile.TemporaryDirectory(dir=self._folder) as temporary:
            archives = Path(temporary)
            if closure:
                (archives / "partial").mkdir()
                options += ["-o", f"Dir::Cache::archives={archives}", "--download-only"]
                self._run("apt-get", *options, "install", *packages)
            else:
                self._run("apt-get", *options, "download", *packages, cwd=archives)
            for deb in archives.glob("*.deb"):
                run(["dpkg-deb", "-x", deb, into])
