"""Mutants made by hand fit the code as it is, and those that are drawn are code too."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.mutants.__main__ import MODULES, drawn, kind_of, mutants_of, verdicts
from tests.mutants.by_hand import BY_HAND, Mutant

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize("mutant", BY_HAND, ids=lambda mutant: mutant.name)
def test_what_a_mutant_changes_is_there_once(mutant: Mutant) -> None:
    source = (ROOT / mutant.file).read_text(encoding="utf-8")
    assert source.count(mutant.old) == 1
    ast.parse(source.replace(mutant.old, mutant.new))
    assert all((ROOT / test).exists() for test in mutant.tests)


def test_mutants_that_are_drawn_are_code_and_the_same_for_a_seed() -> None:
    chosen = drawn(60, 7)
    assert chosen == drawn(60, 7) != drawn(60, 8)
    assert {mutant.file for mutant in chosen} <= MODULES.keys()
    for mutant in chosen:
        source = (ROOT / mutant.file).read_text(encoding="utf-8")
        assert source.count(mutant.old) == 1
        ast.parse(source.replace(mutant.old, mutant.new))


def test_verdicts_are_about_mutants_that_can_be_drawn_and_say_why() -> None:
    every = {kind_of(mutant) for file, tests in MODULES.items() for mutant in mutants_of(file, tests)}
    assert verdicts().keys() <= every
    assert all(why.endswith(".") for why in verdicts().values())
