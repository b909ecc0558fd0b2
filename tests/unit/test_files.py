"""What the daemon opens: never where another user leads, never a terminal that becomes its own."""

from __future__ import annotations

import ast
import contextlib
import hashlib
import os
import pty
import subprocess
import sys
import tempfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from nvmed import files
from nvmed.errors import NvmedError
from nvmed.firmware.spool import Spool
from nvmed.firmware.spool_files import Image
from nvmed.operations.journal import Journal
from nvmed.operations.request_digest import RequestDigests
from nvmed.security.audit_file import AuditFile, Damaged

ROOT = Path(__file__).resolve().parents[2]
OTHER = 12345
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="gives files to somebody else, which takes root")


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """`a/b/file`, all of this user's, and `link` to it."""
    (tmp_path / "a/b").mkdir(parents=True)
    (tmp_path / "a/b/file").write_text("x")
    (tmp_path / "link").symlink_to("a/b/../b/file")
    return tmp_path


@pytest.mark.parametrize("name", ["a/b/file", "link", "a/b", "a/b/missing", "missing/too"])
def test_what_is_ours_is_trusted(tree: Path, name: str) -> None:
    assert files.distrust(tree / name) == ""


@pytest.mark.parametrize("name", ["a/b/file", "link"])
@pytest.mark.parametrize(("where", "mode"), [("a", 0o777), ("a/b", 0o775), ("a/b/file", 0o666), ("a/b/file", 0o664)])
def test_what_others_may_write_is_not(tree: Path, name: str, where: str, mode: int) -> None:
    (tree / where).chmod(mode)
    assert files.distrust(tree / name) == f"others may write {tree / where}; chmod go-w"


def test_in_a_sticky_directory_what_is_ours_stays_ours(tree: Path) -> None:
    (tree / "a").chmod(0o1777)
    assert files.distrust(tree / "a/b/file") == ""
    assert files.distrust_directory(tree / "a") == f"others may write {tree / 'a'}; chmod go-w"


@as_root
@pytest.mark.parametrize("where", ["a", "a/b", "a/b/file", "link"])
def test_what_belongs_to_others_is_not(tree: Path, where: str) -> None:
    os.chown(tree / where, OTHER, OTHER, follow_symlinks=False)
    (tree / "a").chmod(0o755)
    assert files.distrust(tree / "link") == f"{tree / where} belongs to uid {OTHER}; chown root"


def test_links_end(tree: Path) -> None:
    (tree / "loop").symlink_to(tree / "loop")
    assert "too many" in files.distrust(tree / "loop")


def test_a_pipe_is_not_waited_for_and_a_directory_not_read(tree: Path) -> None:
    os.mkfifo(tree / "pipe")
    with pytest.raises(ValueError, match="no regular file"):
        files.read_regular(tree / "pipe", 10)
    with pytest.raises(ValueError, match="no regular file"):
        files.read_regular(tree / "a", 10)
    assert files.read_regular(tree / "link", 10) == b"x"
    (tree / "a/b/file").write_bytes(bytes(100))
    assert len(files.read_regular(tree / "link", 10)) == 11


# -- what the daemon keeps


def _journal(folder: Path) -> None:
    Journal(folder / "journal.sqlite").close()


def _audit(folder: Path) -> None:
    file = AuditFile(folder, 1 << 20, 0)
    try:
        file.append([{"event": "started"}])
    finally:
        file.close()


MAKERS: dict[str, Callable[[Path], object]] = {"journal": _journal, "digests": RequestDigests, "audit": _audit}


@pytest.fixture
def open_umask() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


@pytest.mark.usefixtures("open_umask")
@pytest.mark.parametrize("kept", MAKERS)
def test_what_is_kept_is_for_its_owner_alone_whatever_the_umask(tmp_path: Path, kept: str) -> None:
    MAKERS[kept](tmp_path)
    modes = {path.name: oct(path.stat().st_mode & 0o777) for path in tmp_path.iterdir()}
    assert modes
    assert set(modes.values()) == {"0o600"}


def _names() -> list[tuple[str, str]]:
    """Every file that each makes."""
    found = []
    for kept, make in MAKERS.items():
        with tempfile.TemporaryDirectory() as folder:
            make(Path(folder))
            found += [(kept, path.name) for path in sorted(Path(folder).iterdir())]
    return found


@pytest.mark.parametrize(("kept", "name"), _names())
def test_a_link_in_its_place_is_not_followed(tmp_path: Path, kept: str, name: str) -> None:
    target, folder = tmp_path / "target", tmp_path / "state"
    folder.mkdir()
    target.write_bytes(b"theirs" * 10)
    target.chmod(0o644)
    (folder / name).symlink_to(target)
    with contextlib.suppress(NvmedError, OSError, Damaged):  # refused, or the link replaced
        MAKERS[kept](folder)
    assert target.read_bytes() == b"theirs" * 10
    assert oct(target.stat().st_mode & 0o777) == "0o644"
    (folder / name).unlink()
    (folder / name).symlink_to(tmp_path / "not there")
    with contextlib.suppress(NvmedError, OSError, Damaged):
        MAKERS[kept](folder)
    assert not (tmp_path / "not there").exists()


async def test_no_link_is_followed_in_the_spool(tmp_path: Path) -> None:
    """Neither at start nor where an upload is put."""
    target, folder = tmp_path / "target", tmp_path / "spool"
    folder.mkdir()
    target.write_bytes(b"theirs")
    wanted = Image(sha256="ab" * 32, size_bytes=4)
    (folder / f"{wanted.sha256}.json").symlink_to(target)
    async with Spool(folder).serving() as spool:
        upload = spool.expect(wanted, "unix:caller")
        for name in (f"{upload.id}.part", f"{upload.id}.new", f"{upload.id}.json"):
            (folder / name).symlink_to(target)
            with contextlib.suppress(NvmedError):
                async with spool.receive(wanted, "unix:caller") as writer:
                    await writer.write(0, zlib.crc32(b"ours"), b"ours")
                    await writer.commit()
            (folder / name).unlink(missing_ok=True)
            assert target.read_bytes() == b"theirs"


async def test_no_link_is_followed_to_what_the_spool_knows(tmp_path: Path) -> None:
    target, folder = tmp_path / "target", tmp_path / "spool"
    target.write_bytes(b"theirs")
    content = b"ours"
    wanted = Image(sha256=hashlib.sha256(content).hexdigest(), size_bytes=len(content))
    async with Spool(folder).serving() as spool:
        async with spool.receive(wanted, "unix:caller") as writer:
            sidecar = folder / f"{writer.id}.json"
        saved = sidecar.read_bytes()
        sidecar.unlink()
        sidecar.symlink_to(target)
        with pytest.raises(NvmedError):
            await _received(spool, wanted, content)
        assert target.read_bytes() == b"theirs"
        sidecar.unlink()
        sidecar.write_bytes(saved)
        await _received(spool, wanted, content)
        (folder / f"{wanted.sha256}.image").unlink()
        (folder / f"{wanted.sha256}.image").symlink_to(target)
        with spool.pin(wanted.sha256, "a test") as pinned, pytest.raises(NvmedError, match="ELOOP"):
            await anext(pinned.blocks())


async def _received(spool: Spool, wanted: Image, content: bytes) -> None:
    async with spool.receive(wanted, "unix:caller") as writer:
        await writer.write(0, zlib.crc32(content), content)
        await writer.finish()


async def test_what_is_not_nvmeds_stays_in_the_spool(tmp_path: Path) -> None:
    strange = ["notes.new", "notes.json", "notes.image", "README", f"{'ab' * 32}.bak", f"{'AB' * 32}.image"]
    for name in strange:
        (tmp_path / name).write_text("theirs")
    directories = [f"{'cd' * 32}.new", f"{'cd' * 32}.image", f"{'cd' * 32}.json"]
    for name in directories:
        (tmp_path / name).mkdir()
    for name in (f"{'ef' * 32}.new", f"{'ef' * 32}.image", f"{'ef' * 16}.part"):
        (tmp_path / name).write_text("left by an interruption")
    async with Spool(tmp_path).serving():
        assert set(os.listdir(tmp_path)) == {*strange, *directories}  # noqa: PTH208


@pytest.mark.usefixtures("open_umask")
async def test_the_spool_is_for_its_owner_alone_whatever_the_umask(tmp_path: Path) -> None:
    async with Spool(tmp_path / "spool").serving():
        assert oct((tmp_path / "spool").stat().st_mode & 0o777) == "0o700"


def test_a_journal_of_before_is_closed_to_others(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    path.touch(0o644)
    _journal(tmp_path)
    assert oct(path.stat().st_mode & 0o777) == "0o600"


@pytest.mark.parametrize("kind", ["link", "pipe", "directory"])
def test_a_journal_that_is_no_file_is_refused(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "journal.sqlite"
    if kind == "link":
        path.symlink_to(tmp_path / "elsewhere")
    elif kind == "pipe":
        os.mkfifo(path)
    else:
        path.mkdir()
    with pytest.raises(NvmedError) as refused:
        Journal(path)
    assert refused.value.reason == "STATE_NOT_WRITABLE"
    assert not (tmp_path / "elsewhere").exists()


# -- terminals


def test_no_terminal_becomes_the_process_s_own() -> None:
    """As a leader of a session that has none, which systemd's services are."""
    primary, terminal = pty.openpty()
    try:
        program = (
            "import os, sys; from nvmed.files import open_descriptor\n"
            f"open_descriptor({os.ttyname(terminal)!r}, os.O_RDWR)\n"
            "try: os.open('/dev/tty', os.O_RDWR)\n"
            "except OSError: sys.exit(0)\n"
            "sys.exit('it has one')\n"
        )
        done = subprocess.run(
            [sys.executable, "-c", program],
            start_new_session=True,
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, "")
    finally:
        os.close(primary)
        os.close(terminal)


def test_descriptors_are_not_inherited(tree: Path) -> None:
    descriptor = files.open_descriptor(tree / "link", os.O_RDONLY)
    with files.open_binary(tree / "link") as binary, files.open_text(tree / "link", "strict") as text:
        assert not any(map(os.get_inheritable, (descriptor, binary.fileno(), text.fileno())))
    os.close(descriptor)


OWN_WAYS = {"nvmed/files.py", "nvmed/farm.py"}
"""What opens by itself: the one place, and a farm of simulated hosts, which is run by hand."""


BY_ITSELF = ("os.open", "open", "io.open")
OF_A_PATH = (".read_text", ".read_bytes", ".write_text", ".write_bytes")


def opens(path: Path) -> Iterator[str]:
    """Where a module opens a file by another way than `nvmed.files`."""
    for node in ast.walk(ast.parse(path.read_text())):
        if not isinstance(node, ast.Call):
            continue
        name = ast.unparse(node.func)
        first = node.args[0] if node.args else None
        mode = first.value if isinstance(first, ast.Constant) and isinstance(first.value, str) else ""
        with_mode = name.endswith(".open") and mode and set(mode) <= set("rwaxbt+")
        if name in BY_ITSELF or (name.endswith(OF_A_PATH) and not name.startswith("files.")) or with_mode:
            yield f"{name} at line {node.lineno}"


def test_every_file_is_opened_in_one_place() -> None:
    modules = [
        path
        for path in sorted((ROOT / "nvmed").rglob("*.py"))
        if not {"v1", "simulator"} & set(path.relative_to(ROOT).parts) and str(path.relative_to(ROOT)) not in OWN_WAYS
    ]
    assert len(modules) > 100
    assert {str(path.relative_to(ROOT)): [*opens(path)] for path in modules if any(opens(path))} == {}
