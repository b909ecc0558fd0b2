"""docs/simulator.md has every kind of fault, with the fields that it has of its own, and no other."""

from __future__ import annotations

import re
from pathlib import Path

from nvmed.simulator.fault_file import KINDS, FaultRow, Hang, Latency

TEXT = (Path(__file__).parents[3] / "docs/simulator.md").read_text(encoding="utf-8")
ROWS: dict[str, str] = dict(re.findall(r"^\| `([a-z-]+)` \| (.*?) ?\| .* \|$", TEXT, re.MULTILINE))
of_commands = {*Latency.__struct_fields__} & {*Hang.__struct_fields__} - {*FaultRow.__struct_fields__}


def test_the_guide_has_every_kind_of_fault() -> None:
    assert ROWS.keys() >= KINDS.keys()
    assert of_commands == {"opcode", "queue", "log_page", "feature", "nsid", "after", "count"}
    for kind, row in KINDS.items():
        own = {*row.__struct_fields__} - {*FaultRow.__struct_fields__}
        if "those of commands" in ROWS[kind]:
            own -= of_commands
        shown = re.sub(r"\(.*?\)", "", ROWS[kind])
        assert {*re.findall(r"`(\w+)`", shown)} == own, kind
