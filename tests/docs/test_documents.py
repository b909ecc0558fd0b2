"""What documents tell people to do works, as it is printed."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

import pytest

from tests.docs.blocks import blocks, documents, indented, runnable, unmarked
from tests.docs.reader import ROOT, TOOLS, Failed, reading

DOCUMENTS = {str(path.relative_to(ROOT)): blocks(path.read_text(encoding="utf-8")) for path in documents(ROOT)}
FOLLOWED = [name for name, found in DOCUMENTS.items() if any("run" in block.words for block in found)]


COMPLETE = bool(os.environ.get("DOCS_COMPLETE"))
"""Whether blocks are run that need tools beside nvmed, which `make docs-test` has; `make test` leaves them out."""


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_block_is_run_or_says_why_not(name: str) -> None:
    assert [f"{name}:{block.line}" for block in DOCUMENTS[name] if unmarked(block)] == []


@pytest.mark.parametrize("name", DOCUMENTS)
def test_code_is_fenced(name: str) -> None:
    """So that it has words: see CONTRIBUTING.md."""
    assert [f"{name}:{line}" for line in indented((ROOT / name).read_text(encoding="utf-8"))] == []


@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", FOLLOWED)
def test_a_document_is_true(name: str) -> None:
    """Its blocks one after another, as somebody does who reads it; without tools those that need none."""
    followed = DOCUMENTS[name] if COMPLETE else runnable(DOCUMENTS[name])
    path = f"{TOOLS}:{os.environ['PATH']}"
    assert [tool for block in followed for tool in block.needs if not shutil.which(tool, path=path)] == []
    with tempfile.TemporaryDirectory(prefix="nvmed-docs-", dir="/tmp") as folder, reading(Path(folder)) as reader:
        for block in followed:
            try:
                reader.follow(block)
            except Failed as failure:
                pytest.fail(f"{name}, {failure}", pytrace=False)
