"""Generate `nvmed/v1` from `proto/`; with --check, fail if what is committed differs.

The generator's version is pinned in pyproject.toml: generated code refuses a protobuf runtime older than itself.
"""

from __future__ import annotations

import filecmp
import re
import shutil
import sys
import tempfile
from importlib.resources import files
from pathlib import Path

from grpc_tools import protoc  # type: ignore[import-untyped]

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = Path("nvmed/v1")
INIT = '"""Generated from proto/nvmed/v1 by `make proto`: never edited."""\n'
TYPED = (
    (r"_Mapping\]", "_Mapping[str, _Any]]"),
    (r"from typing import ClassVar as _ClassVar", "from typing import Any as _Any, ClassVar as _ClassVar"),
    (r"_aio\.ServicerContext\)", "_aio.ServicerContext[_typing.Any, _typing.Any])"),
)
"""What is left out, and with it: a message may be given as a mapping of its fields' names."""


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
    for stub in (out / PACKAGE).glob("*.pyi"):
        stub.write_text(typed(stub.read_text()))


def typed(stub: str) -> str:
    """A stub with the type arguments that its generators leave out, which strict checkers of clients miss."""
    for pattern, whole in TYPED:
        stub = re.sub(pattern, whole, stub)
    return stub


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
