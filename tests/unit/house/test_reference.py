"""docs/reference is whole: what it links to is there, once, and every method and message has its section."""

from __future__ import annotations

import re

from scripts import contract
from scripts.generate_reference import PACKAGE, TARGET, anchor, pages


def headings(text: str) -> list[str]:
    return [anchor(line.lstrip("# ")) for line in text.splitlines() if line.startswith("#")]


def test_it_is_what_the_contract_says() -> None:
    assert pages() == {path.name: path.read_text() for path in TARGET.glob("*.md")}, "run `make proto`"


def test_every_link_leads_to_one_heading() -> None:
    made = pages()
    for name, text in made.items():
        here = headings(text)
        assert len(here) == len(set(here)), name
        for page, place in re.findall(r"\]\(([a-z]*\.md)?(?:#([a-z0-9_-]+))?\)", text):
            assert not place or place in headings(made[page or name]), f"{name}: {page}#{place}"


def test_everything_has_its_section() -> None:
    found = {heading for text in pages().values() for heading in headings(text)}
    for file in contract.files().values():
        if file.package == PACKAGE:
            assert {anchor(message.name) for message in file.message_type} <= found
            assert {anchor(method.name) for service in file.service for method in service.method} <= found
