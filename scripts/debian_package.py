"""Build the Debian package from a wheel of nvmed: `debian_package.py WHEEL OUTPUT`, for Debian 12 and its Python 3.11.

The daemon gets a virtual environment of its own, /usr/lib/nvmed, with the packages that requirements.lock names; its
interpreter is the system's. Built with dpkg-deb alone, in any folder, by any user, on any Linux.
"""

from __future__ import annotations

import gzip
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent
HOME: Final = Path("usr/lib/nvmed")
SITE: Final = HOME / "lib/python3.11/site-packages"
TARGET: Final = (3, 11)

LAUNCHER: Final = """\
#!/usr/lib/nvmed/bin/python -IB
import sys

from {module} import main

sys.exit(main())
"""

FILES: Final = {
    "systemd/nvmed.service": "lib/systemd/system/nvmed.service",
    "systemd/nvmed.rules": "lib/udev/rules.d/60-nvmed.rules",
    "systemd/sysusers.conf": "usr/lib/sysusers.d/nvmed.conf",
    "systemd/tmpfiles.conf": "usr/lib/tmpfiles.d/nvmed.conf",
    "systemd/nvmed.toml": "etc/nvmed/nvmed.toml",
    "systemd/dropins/fetch.conf": "usr/share/doc/nvmed/examples/fetch.conf",
    "systemd/dropins/notify-reload.conf": "usr/share/doc/nvmed/examples/notify-reload.conf",
    "packaging/debian/copyright": "usr/share/doc/nvmed/copyright",
    "packaging/debian/lintian-overrides": "usr/share/lintian/overrides/nvmed",
}
"""What is copied, and where to."""

ARCHITECTURES: Final = {"amd64": "x86_64", "arm64": "aarch64"}
GLIBC: Final = ("2014", "_2_17", "_2_28", "_2_34")
"""Of manylinux: up to what Debian 12 has."""


def run(*command: str | Path) -> str:
    """Run a command and return what it printed; its errors go to stderr."""
    return subprocess.run([str(word) for word in command], check=True, stdout=subprocess.PIPE, text=True).stdout


def install_python(tree: Path, wheel: Path, machine: str) -> None:
    """The virtual environment: packages by their hashes, then nvmed itself, compiled where this Python can."""
    site = tree / SITE
    wanted = [f"--platform=manylinux{glibc}_{machine}" for glibc in GLIBC]
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", "install", "--no-deps", "--target"]
    only = ["--only-binary=:all:", "--implementation=cp", "--python-version=3.11", "--abi=cp311", "--abi=abi3"]
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as requirements:
        requirements.write(run(sys.executable, ROOT / "scripts/locked.py", "daemon"))
        requirements.flush()
        run(*pip, site, *only, "--abi=none", *wanted, "--no-compile", "--require-hashes", "-r", requirements.name)
    run(*pip, site, "--no-compile", "--no-index", "--upgrade", wheel)
    shutil.rmtree(site / "bin", ignore_errors=True)
    for folder in [*site.rglob("tests"), *site.rglob("__pycache__")]:
        shutil.rmtree(folder, ignore_errors=True)
    binaries = tree / HOME / "bin"
    binaries.mkdir()
    (binaries / "python").symlink_to("/usr/bin/python3")
    (tree / HOME / "pyvenv.cfg").write_text("home = /usr/bin\ninclude-system-site-packages = false\nversion = 3.11\n")
    (tree / "usr/bin").mkdir()
    for name in ("nvmed", "nvmedctl"):
        (binaries / name).write_text(LAUNCHER.format(module=f"{name}.__main__"))
        (binaries / name).chmod(0o755)
        (tree / "usr/bin" / name).symlink_to(f"../lib/nvmed/bin/{name}")
    if sys.version_info[:2] == TARGET:  # bytecode of another Python would be of no use
        run(sys.executable, "-m", "compileall", "-q", "-j0", "--invalidation-mode=unchecked-hash",
            "-s", tree, "-p", "/", site)  # fmt: skip


def install_files(tree: Path, version: str) -> None:
    """Everything that is not Python."""
    for source, target in FILES.items():
        (tree / target).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / source, tree / target)
    when = datetime.fromtimestamp(int(os.environ["SOURCE_DATE_EPOCH"]), UTC).strftime("%a, %d %b %Y %H:%M:%S +0000")
    changes = f"nvmed ({version}) unstable; urgency=medium\n\n  * Built from source.\n\n"
    changelog = f"{changes} -- The nvmed authors <nvmed@nvmed.dev>  {when}\n"
    (tree / "usr/share/doc/nvmed/changelog.gz").write_bytes(gzip.compress(changelog.encode(), 9, mtime=0))
    for name in ("tls", "keys"):
        (tree / "etc/nvmed" / name).mkdir()


def set_modes(tree: Path) -> None:
    """Whatever the builder's umask was."""
    for path in tree.rglob("*"):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or path.parent == tree / HOME / "bin" else 0o644)
    for name in ("tls", "keys"):
        (tree / "etc/nvmed" / name).chmod(0o700)


def write_control(tree: Path, version: str, architecture: str) -> None:
    """The package's own description and scripts."""
    size = sum(path.lstat().st_size for path in tree.rglob("*") if path.is_file()) // 1024
    folder = tree / "DEBIAN"
    folder.mkdir(mode=0o755)
    values = {"VERSION": version, "ARCHITECTURE": architecture, "SIZE": str(size)}
    for source in (ROOT / "packaging/debian").iterdir():
        if source.name in ("copyright", "lintian-overrides"):
            continue
        text = re.sub("@([A-Z]+)@", lambda match: values[match[1]], source.read_text())
        (folder / source.name).write_text(text)
        (folder / source.name).chmod(0o755 if text.startswith("#!") else 0o644)
    sums = [
        f"{hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()}  {path.relative_to(tree)}\n"
        for path in sorted(tree.glob("[a-z]*/**/*"))
        if path.is_file() and not path.is_symlink() and path.relative_to(tree).parts[0] != "etc"
    ]
    (folder / "md5sums").write_text("".join(sums))


def main() -> None:
    """Build it."""
    wheel, output = Path(sys.argv[1]), Path(sys.argv[2])
    version = wheel.name.split("-")[1]
    architecture = run("dpkg", "--print-architecture").strip()
    os.environ.setdefault("SOURCE_DATE_EPOCH", run("git", "-C", ROOT, "log", "-1", "--format=%ct").strip() or "0")
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder) / "nvmed"
        tree.mkdir(mode=0o755)
        (tree / SITE).mkdir(parents=True)
        install_python(tree, wheel, ARCHITECTURES[architecture])
        install_files(tree, version)
        run(sys.executable, "-I", ROOT / "scripts/manuals.py", tree / "usr")
        set_modes(tree)
        write_control(tree, version, architecture)
        target = output / f"nvmed_{version}_{architecture}.deb"
        run("dpkg-deb", "--root-owner-group", "-Zxz", "-z1", "--build", tree, target)
        sys.stdout.write(f"{target}\n")


if __name__ == "__main__":
    main()
