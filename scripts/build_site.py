"""Build the documentation into dist/site/VERSION: `build_site.py [VERSION]`, or show it as it is written: `--serve`.

The same files read well in the repository and as a site, so they are put together first: documents outside of docs/
become pages, links to them lead there, links to code become text, and the words of a fenced block
(`tests/docs/blocks.py`) are taken away. A link or a page that is not there, and an asset that would be fetched from
elsewhere, fail the build.

Each version is a folder, and versions.json beside them lists what the site offers to choose from, newest first;
index.html leads to the newest. Whoever publishes keeps the folders of earlier releases there and builds one more.
"""

from __future__ import annotations

import json
import posixpath
import re
import shutil
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import yaml

ROOT: Final = Path(__file__).resolve().parent.parent
CONFIG: Final = ROOT / "mkdocs.yml"
STAGE: Final = ROOT / ".cache/site"
"""Where the pages are put together; a folder of the generator's own, so that it never looks at others."""
SITE: Final = ROOT / "dist/site"
POLL_S: Final = 1

PAGES: Final = {
    "README.md": "index.md",
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "RELEASES.md": "releases.md",
    "SCOPE.md": "scope.md",
    "SECURITY.md": "security.md",
    "bench/README.md": "bench.md",
    "clients/README.md": "clients/index.md",
    "clients/conformance/README.md": "clients/conformance.md",
    "fleet/deploy/README.md": "fleet/deploy.md",
}
"""Documents outside of docs/, and the pages that they are."""

VERSION: Final = re.compile(r"\d+(\.\d+)+")
_FENCE = re.compile(r"^( *)```([\w+-]+) .*$", re.MULTILINE)
_LINK = re.compile(r"(?P<image>!?)\[(?P<text>[^\]]*)\]\((?P<to>[^)\s]+)\)")
_CODE = re.compile(r"(^ *```.*?^ *```$|`[^`\n]+`)", re.MULTILINE | re.DOTALL)
_FETCHED = re.compile(
    r"<(?:script|img|iframe|source|video)\b[^>]*\bsrc=\"?(?:https?:)?//[^>]*>"
    r"|<link\b(?=[^>]*\brel=\"?(?:stylesheet|preconnect|preload|icon))[^>]*\bhref=\"?(?:https?:)?//[^>]*>"
    r"|class=\"?mermaid"
)
"""What a browser would fetch by itself from elsewhere; the theme gets the program for `mermaid` so."""

REDIRECT: Final = """<!doctype html>
<meta charset="utf-8">
<meta http-equiv="refresh" content="0; url={newest}/index.html">
<title>nvmed</title>
<a href="{newest}/index.html">nvmed {newest}</a>
"""


class Broken(Exception):
    """What is wrong with the documents."""


def sources() -> dict[str, Path]:
    """Every file of the site by its name in it."""
    inside = {path.relative_to(ROOT / "docs").as_posix(): path for path in (ROOT / "docs").rglob("*") if path.is_file()}
    return inside | {page: ROOT / source for source, page in PAGES.items() if (ROOT / source).exists()}


def page(name: str, path: Path) -> str:
    """The text of the page `name` from its file: links as the site has them, no words of fenced blocks."""
    parts = _CODE.split(path.read_text(encoding="utf-8"))
    parts[::2] = [_LINK.sub(lambda link: _linked(link, name, path), text) for text in parts[::2]]
    return _FENCE.sub(r"\1```\2", "".join(parts))


def _linked(link: re.Match[str], name: str, path: Path) -> str:
    to, _, anchor = link["to"].partition("#")
    if not to or "://" in to or to.startswith("mailto:"):
        return link[0]
    there = (path.parent / to).resolve()
    if not there.exists():
        raise Broken(f"{path.relative_to(ROOT)}: there is no {to}")
    document = (there / "README.md" if (there / "README.md").exists() else there).relative_to(ROOT).as_posix()
    if document not in PAGES and not document.startswith("docs/"):
        return link["text"]
    target = posixpath.relpath(PAGES.get(document, document.removeprefix("docs/")), posixpath.dirname(name) or ".")
    return f"{link['image']}[{link['text']}]({target}{'#' + anchor if anchor else ''})"


def put_together(stage: Path) -> None:
    """Write what the generator reads, as far as it has changed; raises `Broken`."""
    found = sources()
    config = CONFIG.read_text(encoding="utf-8")
    navigation = set(_named(yaml.load(config, yaml.BaseLoader)["nav"]))  # noqa: S506 - makes text alone, whatever the tags
    pages = {name for name in found if name.endswith(".md")}
    if navigation != pages:
        raise Broken(f"mkdocs.yml: nav and pages differ: {', '.join(sorted(navigation ^ pages))}")
    _write(stage / CONFIG.name, config.encode())
    for name, path in found.items():
        _write(stage / "docs" / name, page(name, path).encode() if name in pages else path.read_bytes())


def _named(nav: Any) -> Iterator[str]:
    if isinstance(nav, str):
        yield nav
    else:
        for each in nav.values() if isinstance(nav, dict) else nav:
            yield from _named(each)


def _write(path: Path, content: bytes) -> None:
    if not path.exists() or path.read_bytes() != content:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def build(version: str, site: Path) -> None:
    """Build one version, then the list of all; raises `Broken`."""
    shutil.rmtree(STAGE, ignore_errors=True)
    put_together(STAGE)
    done = subprocess.run(
        [sys.executable, "-m", "zensical", "build", "--strict"], cwd=STAGE, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise Broken(done.stdout + done.stderr)
    for file in (STAGE / "site").rglob("*.html"):
        if fetched := _FETCHED.search(file.read_text(encoding="utf-8")):
            raise Broken(f"{file.relative_to(STAGE / 'site')} would fetch from elsewhere: {fetched[0]}")
    shutil.rmtree(site / version, ignore_errors=True)
    shutil.copytree(STAGE / "site", site / version)
    found = versions(site)
    listed = [{"version": each, "title": each, "aliases": ["latest"] if each == found[0] else []} for each in found]
    (site / "versions.json").write_text(json.dumps(listed, indent=2) + "\n")
    (site / "index.html").write_text(REDIRECT.format(newest=found[0]))
    print(f"{site / version}/index.html")


def versions(site: Path) -> list[str]:
    """Those that were built, newest first."""
    found = [folder.name for folder in site.iterdir() if folder.is_dir() and VERSION.fullmatch(folder.name)]
    return sorted(found, key=lambda name: [int(part) for part in name.split(".")], reverse=True)


def serve() -> None:
    """Show the site on a port of this machine until it is interrupted, and take over what is saved meanwhile."""
    put_together(STAGE)
    with subprocess.Popen([sys.executable, "-m", "zensical", "serve"], cwd=STAGE) as server:
        try:
            while server.poll() is None:
                time.sleep(POLL_S)
                try:
                    put_together(STAGE)
                except Broken as broken:
                    print(broken, file=sys.stderr)
        except KeyboardInterrupt:
            server.terminate()


def main() -> int | str:
    """Build the version that is asked for, or show it."""
    version = (
        sys.argv[1] if len(sys.argv) > 1 else tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    )
    try:
        if version == "--serve":
            serve()
        elif not VERSION.fullmatch(version):
            return f"build_site: {version!r} is no version: numbers with points between them"
        else:
            build(version, SITE)
    except Broken as broken:
        return str(broken)
    return 0


if __name__ == "__main__":
    sys.exit(main())
