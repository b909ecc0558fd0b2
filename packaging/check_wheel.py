"""`check_wheel.py DIST`: wheel and sdist in DIST are whole, and a host that only calls nvmed needs nothing more.

The sdist builds the same wheel. Installed in a clean environment with the client's requirements alone, both programs
answer, every module of the client is imported, and no dependency of the daemon is there.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import venv
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PIP = ("-m", "pip", "--quiet", "--disable-pip-version-check")

IMPORT_CLIENT = """
import importlib, pkgutil, sys
import nvmedctl
for module in pkgutil.walk_packages(nvmedctl.__path__, "nvmedctl."):
    if not module.name.endswith(("__main__", "top_app")):  # nvmed[top]
        importlib.import_module(module.name)
import nvmed.v1.telemetry_pb2_grpc
daemon = {"msgspec", "structlog", "prometheus_client", "cryptography", "grpc_health", "grpc_reflection"}
print(*sorted(daemon & set(sys.modules)), *(name for name in daemon if importlib.util.find_spec(name)))
"""


def run(*command: str | Path) -> str:
    """Run a command and return what it printed."""
    return subprocess.run([str(word) for word in command], check=True, stdout=subprocess.PIPE, text=True).stdout.strip()


def names(wheel: Path) -> list[tuple[str, int]]:
    """Name and size of every file, without those that hold hashes and dates."""
    with zipfile.ZipFile(wheel) as archive:
        return sorted((item.filename, item.file_size) for item in archive.infolist())


def main() -> None:
    """Check both."""
    dist = Path(sys.argv[1])
    (wheel,), (sdist,) = dist.glob("*.whl"), dist.glob("*.tar.gz")
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        run(sys.executable, *PIP, "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", work, sdist)
        (again,) = work.glob("*.whl")
        assert names(again) == names(wheel), "the sdist builds another wheel"
        contents = {name for name, _ in names(wheel)}
        for needed in (
            "nvmed/py.typed",
            "nvmedctl/py.typed",
            "nvmed_fleet/py.typed",
            "nvmed/security/passthru-rules.toml",
            "nvmed/monitoring/nvmed.rules.yml",
            "nvmed/monitoring/nvmed.dashboard.json",
            "nvmed/v1/contract.json",
            "nvmed/proto/buf.yaml",
            "nvmed/proto/nvmed/v1/inventory.proto",
            "nvmed/proto/google/longrunning/operations.proto",
        ):
            assert needed in contents, f"the wheel lacks {needed}"

        venv.create(work / "venv", symlinks=True)
        python = work / "venv/bin/python"
        requirements = work / "requirements.txt"
        requirements.write_text(run(sys.executable, ROOT / "scripts/locked.py", "client"))
        pip = (sys.executable, *PIP, "--python", python, "install", "--no-deps")
        run(*pip, "--require-hashes", "-r", requirements)
        run(*pip, "--no-index", wheel)
        version = run(work / "venv/bin/nvmed", "--version")
        assert version.split()[-1] == wheel.name.split("-")[1], version
        run(work / "venv/bin/nvmedctl", "--version")
        found = run(python, "-I", "-c", IMPORT_CLIENT)
        assert not found, f"a client has the daemon's {found}"
    print(f"{wheel.name} and {sdist.name}: {version}; a client needs no dependency of the daemon")


if __name__ == "__main__":
    main()
