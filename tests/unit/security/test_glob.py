"""Patterns of principals and resources mean what they say, and cost no more than the text is long."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from nvmed.security import glob
from nvmed.security.glob import Glob
from nvmed.security.patterns import compiled


def by_expression(pattern: str, separator: str) -> re.Pattern[str]:
    """The same pattern, for Python's regular expressions."""
    parts = re.split(r"(\*+)", pattern)
    inside = f"[^{re.escape(separator)}]*"
    expression = ((".*" if len(p) > 1 else inside) if p.startswith("*") else re.escape(p) for p in parts)
    return re.compile("".join(expression), re.DOTALL)


@given(st.text("ab/.*", max_size=12), st.text("ab/.\n*", max_size=16), st.sampled_from("/."))
@example("**a*b", "a/ab", "/")
@example("*", "", "/")
def test_a_pattern_matches_what_its_expression_does(pattern: str, text: str, separator: str) -> None:
    matches = Glob(pattern, separator)
    wanted = by_expression(pattern, separator).fullmatch(text) is not None
    assert matches.fullmatch(text) is wanted
    assert matches.fullmatch(text) is wanted  # remembered


@pytest.mark.parametrize("pattern", ["controllers/*a*b", "controllers/**a**a**a**b", "controllers/" + "*a" * 200 + "b"])
def test_a_long_text_is_looked_at_once(pattern: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Steps that are not remembered: a few for each state, none for each way to share the text out."""
    steps = 0
    step = Glob._step

    def counted(self: Glob, states: int, character: str) -> int:
        nonlocal steps
        steps += 1
        return step(self, states, character)

    monkeypatch.setattr(Glob, "_step", counted)
    text = "controllers/" + "a" * 32_000
    assert not compiled(pattern).fullmatch(text)
    assert steps < len(pattern) + 300


@given(st.lists(st.text(max_size=40), max_size=60))
def test_what_is_remembered_is_bounded(texts: list[str]) -> None:
    pattern = Glob("a**b*c", "/")
    glob_max = glob.STATES_MAX
    try:
        glob.STATES_MAX = 50  # type: ignore[misc]
        for text in texts:
            pattern.fullmatch("a" + text)
            assert len(pattern._steps) <= 50
    finally:
        glob.STATES_MAX = glob_max  # type: ignore[misc]
