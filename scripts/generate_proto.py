"""Generate `nvmed/v1` from `proto/`; with --check, fail if what is committed differs.

The generator's version is pinned in pyproject.toml: generated code refuses a protobuf runtime older than itself.
"""

from __future__ import annotations

import filecmp
import shutil
import sys
import tempfile
from importlib.resources import files
from pathlib import Path

from grpc_tools import protoc  # type: ignore[import-untyped]

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = Path("nvmed/v1")
INIT = '"""Generated from proto/nvmed/v1 by `make proto`: never edited."""\n'


def generate(out: Path) -> None:
    """Compile every file of the contract into `out`."""
    protos = sorted(str(path.relative_to(ROOT / "proto")) for path in (ROOT / "proto").rglob("*.proto"))
    code = protoc.main(
        [
            "protoc",
            f"--plugin=protoc-gen-mypy_grpc={Path(sys.executable).with_name('protoc-gen-mypy_grpc')}",
            f"--proto_path={ROOT / 'proto'}",
            f"--proto_path={ROOT / 'third_party'}",
            f"--proto_path={files('grpc_tools') / '_proto'}",
            f"--python_out={out}",
            f"--pyi_out={out}",
            f"--grpc_python_out={out}",
            f"--mypy_grpc_out=quiet:{out}",
            *protos,
        ]
    )
    if code:
        sys.exit(f"protoc failed with {code}")
    (out / PACKAGE / "__init__.py").write_text(INIT)


def main() -> None:
    """Write into the tree, or compare with it."""
    committed = ROOT / PACKAGE
    with tempfile.TemporaryDirectory() as scratch:
        generate(Path(scratch))
        fresh = Path(scratch) / PACKAGE
        names = sorted({path.name for folder in (fresh, committed) for path in folder.glob("*.py*")})
        _, differing, missing = filecmp.cmpfiles(fresh, committed, names, shallow=False)
        if "--check" in sys.argv:
            if differing or missing:
                sys.exit(f"nvmed/v1 is not what proto/ generates, run `make proto`: {', '.join(differing + missing)}")
            return
        for name in differing + missing:
            if (fresh / name).exists():
                shutil.copyfile(fresh / name, committed / name)
            else:
                (committed / name).unlink()


if __name__ == "__main__":
    main()
