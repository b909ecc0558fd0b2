"""Build deb and rpm from a wheel of nvmed: `linux_packages.py WHEEL OUTPUT [RELEASE/ARCHITECTURE...]`, all by default.

The daemon gets an environment of its own, /usr/lib/nvmed, with the packages that requirements.lock names; its
interpreter is the release's own, so each release has its package (docs/adr/0011). All of them are made of the tables
here, by nfpm, in any folder, by any user, on any Linux: wheels are picked for the release, none of its programs is run.
"""

from __future__ import annotations

import gzip
import json
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).resolve().parent.parent
HOME: Final = Path("usr/lib/nvmed")
SHARED: Final = Path("usr/share/nvmed")
"""Where .proto files and what Prometheus reads are: nothing that runs needs them."""
CONFIGURATION: Final = Path("etc/nvmed/nvmed.toml")


@dataclass(frozen=True, slots=True)
class Release:
    """One that there is a package for."""

    packager: str
    """Of nfpm."""
    python: str
    """Its interpreter: the newest of 3.11 and later that the distribution itself maintains."""
    revision: str
    """Of the package: those of later releases are greater, so an upgrade of the host takes the other package."""


RELEASES: Final = {
    "debian-12": Release("deb", "3.11", "1~deb12"),
    "debian-13": Release("deb", "3.13", "1~deb13"),
    "ubuntu-24.04": Release("deb", "3.12", "1~ubuntu24.04"),
    "el-9": Release("rpm", "3.12", "1.el9"),
}
DEPENDS: Final = {
    "deb": ("libc6 (>= 2.34)", "libstdc++6", "systemd (>= 252)"),
    "rpm": ("glibc >= 2.34", "libstdc++", "systemd >= 252"),
}
SCRIPTS: Final = {
    "deb": {"postinstall": "debian/postinst", "preremove": "debian/prerm", "postremove": "debian/postrm"},
    "rpm": {"postinstall": "rpm/post", "preremove": "rpm/preun", "postremove": "rpm/postun"},
}
ARCHITECTURES: Final = {"amd64": "x86_64", "arm64": "aarch64"}
GLIBC: Final = ("2014", "_2_17", "_2_28", "_2_34")
"""Of manylinux: up to what the oldest of the releases has, EL 9."""

DESCRIPTION: Final = """\
management of a host's NVMe drives as one gRPC service
A daemon that offers what nvme-cli and libnvme do to drives and to the
kernel's keyring as one typed, streamed, authorised and audited gRPC
service: telemetry logs of any size, firmware in steps that survive a
crash, namespaces, resets, keys for NVMe/TCP, logs and events.

The daemon runs as a unit confined to drives and one capability. The
command line nvmedctl is its client."""

LAUNCHER: Final = """\
#!/usr/lib/nvmed/bin/python -IB
import sys

from {module} import main

sys.exit(main())
"""
PROGRAMS: Final = ("nvmed", "nvmedctl")

FILES: Final = {
    "systemd/nvmed.service": "usr/lib/systemd/system/nvmed.service",
    "systemd/nvmed.rules": "usr/lib/udev/rules.d/60-nvmed.rules",
    "systemd/sysusers.conf": "usr/lib/sysusers.d/nvmed.conf",
    "systemd/tmpfiles.conf": "usr/lib/tmpfiles.d/nvmed.conf",
    "systemd/nvmed.toml": str(CONFIGURATION),
    "systemd/dropins/fetch.conf": "usr/share/doc/nvmed/examples/fetch.conf",
    "systemd/dropins/kernel-log.conf": "usr/share/doc/nvmed/examples/kernel-log.conf",
    "systemd/dropins/locator.conf": "usr/share/doc/nvmed/examples/locator.conf",
    "systemd/dropins/notify-reload.conf": "usr/share/doc/nvmed/examples/notify-reload.conf",
}
"""What is copied, and where to."""
DEBIAN_FILES: Final = {
    "packaging/debian/copyright": "usr/share/doc/nvmed/copyright",
    "packaging/debian/lintian-overrides": "usr/share/lintian/overrides/nvmed",
}
RPM_FILES: Final = {"LICENSE": "usr/share/licenses/nvmed/LICENSE"}
DOCUMENTS: Final = {("usr", "share", "doc"), ("usr", "share", "man")}
"""What rpm counts as documentation, and leaves out if it is told to."""
OF_PACKAGER: Final = {"deb": DEBIAN_FILES, "rpm": RPM_FILES}


def run(*command: str | Path) -> str:
    """Run a command and return what it printed; its errors go to stderr."""
    return subprocess.run([str(word) for word in command], check=True, stdout=subprocess.PIPE, text=True).stdout


def install_python(tree: Path, wheel: Path, python: str, machine: str) -> None:
    """The environment: packages by their hashes, then nvmed itself. Installation compiles it, with its own Python."""
    site = tree / HOME / f"lib/python{python}/site-packages"
    site.mkdir(parents=True)
    wanted = [f"--platform=manylinux{glibc}_{machine}" for glibc in GLIBC]
    pip = [
        sys.executable,
        "-m",
        "pip",
        "--quiet",
        "--disable-pip-version-check",
        "install",
        "--no-deps",
        "--no-compile",
    ]
    abis = [f"--abi=cp{python.replace('.', '')}", "--abi=abi3", "--abi=none"]
    only = ["--only-binary=:all:", "--implementation=cp", f"--python-version={python}", *abis, *wanted]
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as requirements:
        requirements.write(run(sys.executable, ROOT / "scripts/locked.py", "daemon"))
        requirements.flush()
        run(*pip, "--no-compile", "--target", site, *only, "--require-hashes", "-r", requirements.name)
    run(*pip, "--no-compile", "--target", site, "--no-index", "--upgrade", wheel)
    forget_where_from(site)
    (tree / SHARED).mkdir(parents=True)
    for name in ("proto", "monitoring"):
        shutil.move(site / "nvmed" / name, tree / SHARED / name)
    shutil.rmtree(site / "bin", ignore_errors=True)
    for folder in [*site.rglob("tests"), *site.rglob("__pycache__")]:
        shutil.rmtree(folder, ignore_errors=True)
    binaries = tree / HOME / "bin"
    binaries.mkdir()
    (binaries / "python").symlink_to(f"/usr/bin/python{python}")
    version = f"home = /usr/bin\ninclude-system-site-packages = false\nversion = {python}\n"
    (tree / HOME / "pyvenv.cfg").write_text(version)
    for name in PROGRAMS:
        (binaries / name).write_text(LAUNCHER.format(module=f"{name}.__main__"))


def forget_where_from(site: Path) -> None:
    """Take away what pip notes of the folder that the wheel was in: the package is the same wherever it is built."""
    for noted in site.glob("nvmed-*.dist-info/direct_url.json"):
        noted.unlink()
        record = noted.with_name("RECORD")
        kept = (line for line in record.read_text().splitlines(keepends=True) if f"/{noted.name}," not in line)
        record.write_text("".join(kept))


def install_files(tree: Path, packager: str, version: str, revision: str) -> None:
    """Everything that is not Python."""
    for source, target in {**FILES, **OF_PACKAGER[packager]}.items():
        (tree / target).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / source, tree / target)
    if packager == "deb":
        when = datetime.fromtimestamp(epoch(), UTC).strftime("%a, %d %b %Y %H:%M:%S +0000")
        changes = f"nvmed ({version}-{revision}) unstable; urgency=medium\n\n  * Built from source.\n\n"
        changelog = f"{changes} -- The nvmed authors <nvmed@nvmed.dev>  {when}\n"
        (tree / "usr/share/doc/nvmed/changelog.Debian.gz").write_bytes(gzip.compress(changelog.encode(), 9, mtime=0))


def epoch() -> int:
    """When everything in a package was written: the commit's time, unless somebody says otherwise."""
    return int(os.environ.get("SOURCE_DATE_EPOCH") or run("git", "-C", ROOT, "log", "-1", "--format=%ct").strip() or 0)


def settle(tree: Path) -> None:
    """Modes and times, whatever the builder's umask and clock were."""
    now = epoch()
    for path in tree.rglob("*"):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or path.parent == tree / HOME / "bin" else 0o644)
            os.utime(path, (now, now))


def kind(path: Path, packager: str) -> dict[str, str]:
    """What nfpm calls such a file."""
    if path == CONFIGURATION:
        return {"type": "config|noreplace"}
    return {"type": "doc"} if packager == "rpm" and path.parts[:3] in DOCUMENTS else {}


def contents(tree: Path, packager: str) -> list[dict[str, Any]]:
    """What nfpm is to pack: our own folders whole, and single files in those that others have files in too."""
    ours = (HOME, SHARED)
    packed: list[dict[str, Any]] = [{"src": str(tree / path), "dst": f"/{path}", "type": "tree"} for path in ours]
    for path in sorted(tree.rglob("*")):
        inside = path.relative_to(tree)
        if path.is_file() and not any(inside.is_relative_to(folder) for folder in ours):
            packed.append({"src": str(path), "dst": f"/{inside}", **kind(inside, packager)})
    packed += [{"src": f"../lib/nvmed/bin/{name}", "dst": f"/usr/bin/{name}", "type": "symlink"} for name in PROGRAMS]
    modes = {"nvmed": 0o755, "nvmed/tls": 0o700, "nvmed/keys": 0o700}  # private keys: root's alone
    return packed + [
        {"dst": f"/etc/{name}", "type": "dir", "file_info": {"mode": mode}} for name, mode in modes.items()
    ]


def description(tree: Path, release: Release, version: str, architecture: str) -> dict[str, Any]:
    """What nfpm is told."""
    when = datetime.fromtimestamp(epoch(), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {
        "name": "nvmed",
        "arch": architecture,
        "platform": "linux",
        "version": version,
        "version_schema": "none",
        "release": release.revision,
        "section": "admin",
        "priority": "optional",
        "maintainer": "The nvmed authors <nvmed@nvmed.dev>",
        "homepage": "https://github.com/nvmed/nvmed",
        "license": "Apache-2.0",
        "description": DESCRIPTION,
        "mtime": when,
        "depends": [f"python{release.python}", *DEPENDS[release.packager]],
        "suggests": ["nvme-cli", "prometheus"],
        "contents": contents(tree, release.packager),
        "scripts": {when: str(ROOT / "packaging" / path) for when, path in SCRIPTS[release.packager].items()},
        "deb": {"compression": "xz"},
        "rpm": {"compression": "zstd", "buildhost": "nvmed", "summary": DESCRIPTION.partition("\n")[0]},
    }


def build(wheel: Path, output: Path, name: str, architecture: str) -> Path:
    """Build the package of a release for an architecture; returns where it is."""
    release = RELEASES[name]
    version = wheel.name.split("-")[1]
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder) / "tree"
        install_python(tree, wheel, release.python, ARCHITECTURES[architecture])
        install_files(tree, release.packager, version, release.revision)
        run(sys.executable, "-I", ROOT / "scripts/manuals.py", tree / "usr")
        settle(tree)
        configuration = Path(folder) / "nfpm.json"
        configuration.write_text(json.dumps(description(tree, release, version, architecture)))
        made = Path(folder) / "made"
        made.mkdir()
        nfpm = Path(sys.executable).with_name("nfpm")
        run(nfpm, "package", "--config", configuration, "--packager", release.packager, "--target", made)
        (package,) = made.iterdir()
        return Path(shutil.move(package, output / package.name))


def main() -> None:
    """Build those that are named, or all."""
    wheel, output = Path(sys.argv[1]), Path(sys.argv[2])
    every = [f"{release}/{architecture}" for release in RELEASES for architecture in ARCHITECTURES]
    for asked in sys.argv[3:] or every:
        release, _, architecture = asked.partition("/")
        sys.stdout.write(f"{build(wheel, output, release, architecture)}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
