"""What scripts/build_site.py makes of documents, and that it finds what leads nowhere."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts import build_site


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository of three documents and one program."""
    monkeypatch.setattr(build_site, "ROOT", tmp_path)
    monkeypatch.setattr(build_site, "CONFIG", tmp_path / "mkdocs.yml")
    for name, text in {
        "README.md": "[guide](docs/guide.md#how), [code](nvmed/a.py), [us](https://example.org)\n",
        "clients/README.md": "[guide](../docs/guide.md)\n",
        "docs/guide.md": '# How\n\n```sh run needs="go"\n[no](x.md)\n```\n[home](../README.md) [clients](../clients)\n',
        "nvmed/a.py": "",
        "mkdocs.yml": "nav: [index.md, {Guides: [guide.md]}, {Clients: clients/index.md}]\n",
    }.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def test_links_lead_where_the_site_has_it(root: Path) -> None:
    build_site.put_together(root / "stage")
    pages = root / "stage/docs"
    assert (pages / "index.md").read_text() == "[guide](guide.md#how), code, [us](https://example.org)\n"
    assert (pages / "clients/index.md").read_text() == "[guide](../guide.md)\n"
    assert (pages / "guide.md").read_text() == (
        "# How\n\n```sh\n[no](x.md)\n```\n[home](index.md) [clients](clients/index.md)\n"
    )


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("README.md", "[x](docs/none.md)", "README.md: there is no docs/none.md"),
        ("docs/other.md", "", "nav and pages differ: other.md"),
        ("mkdocs.yml", "nav: [index.md, guide.md, clients/index.md, gone.md]", "nav and pages differ: gone.md"),
    ],
)
def test_what_leads_nowhere_is_found(root: Path, name: str, text: str, told: str) -> None:
    (root / name).write_text(text)
    with pytest.raises(build_site.Broken, match=told):
        build_site.put_together(root / "stage")


@pytest.mark.parametrize(
    ("html", "is_fetched"),
    [
        ('<script src="https://x.example/a.js">', True),
        ('<link rel="stylesheet" href="//x.example/a.css">', True),
        ('<pre class="mermaid">', True),
        ('<a href="https://x.example/">', False),
        ('<link rel="canonical" href="https://x.example/">', False),
        ('<script src="assets/a.js">', False),
    ],
)
def test_what_a_browser_would_fetch_is_found(html: str, is_fetched: bool) -> None:
    assert bool(build_site._FETCHED.search(html)) is is_fetched


def test_the_newest_version_is_first(tmp_path: Path) -> None:
    for name in ("0.9.0", "0.10.0", "drafts", "1.0"):
        (tmp_path / name).mkdir()
    assert build_site.versions(tmp_path) == ["1.0", "0.10.0", "0.9.0"]
