"""The picture of a terminal in README.md is what the commands in it print now."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

ROOT = Path(__file__).resolve().parents[2]
PICTURE = ROOT / "docs/terminal.svg"


@pytest.mark.timeout(120)
def test_the_terminal_is_drawn_as_it_looks_now() -> None:
    check = (sys.executable, str(ROOT / "scripts/draw_terminal.py"), "--check")
    found = subprocess.run(check, capture_output=True, text=True, check=False)
    assert (found.returncode, found.stderr) == (0, "")


def test_the_picture_fetches_nothing() -> None:
    text = PICTURE.read_text()
    ElementTree.fromstring(text)  # noqa: S314  # our own
    assert "url(http" not in text
    assert "@import" not in text
    assert text.count("http") == 1  # the namespace of SVG
