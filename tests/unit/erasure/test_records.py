"""Records on disk: one for each erasure, signed, chained; damage and gaps are found, nothing is deleted."""

from __future__ import annotations

from pathlib import Path

import pytest

from nvmed.erasure.records import Records
from nvmed.erasure.signing import FILE_NAME, Signer
from nvmed.errors import NvmedError

IDS = tuple(f"{number:032x}" for number in (10, 11, 12))


@pytest.fixture
def records(tmp_path: Path) -> Records:
    kept = Records(tmp_path / "erasures", Signer(tmp_path))
    for number in IDS:
        kept.write(number, {"id": number, "outcome": "ERASED"})
    return kept


def files(tmp_path: Path) -> list[Path]:
    return sorted((tmp_path / "erasures").iterdir())


def test_what_is_written_is_there(records: Records, tmp_path: Path) -> None:
    found = Records(tmp_path / "erasures", Signer(tmp_path)).all()
    assert [(one.id, one.sequence, one.damage) for one in found] == [(name, n, "") for n, name in enumerate(IDS, 1)]
    assert records.find(IDS[1]).content["outcome"] == "ERASED"
    assert all(path.stat().st_mode & 0o777 == 0o600 for path in files(tmp_path))


def test_an_erasure_has_one_record(records: Records, tmp_path: Path) -> None:
    again = records.write(IDS[0], {"id": IDS[0], "outcome": "FAILED"})
    assert (again.sequence, again.content["outcome"]) == (1, "ERASED")
    assert len(files(tmp_path)) == 3


def test_a_record_that_is_missing_is_noticed(records: Records, tmp_path: Path) -> None:
    files(tmp_path)[1].unlink()
    assert [one.damage for one in records.all()] == ["", "records 2 to 2 before it are missing"]


def test_a_record_that_was_replaced_is_noticed(records: Records, tmp_path: Path) -> None:
    """Also by who has the key, if not the whole chain is written anew."""
    path = files(tmp_path)[1]
    path.unlink()
    forged = Records(tmp_path / "elsewhere", Signer(tmp_path))
    forged.write(IDS[0], {"id": IDS[0]})
    path.write_bytes(forged.write(IDS[1], {"id": IDS[1], "outcome": "FAILED"}).envelope)
    damages = [one.damage for one in records.all()]
    assert damages[0] == ""
    assert "is not the one that was there" in damages[1]
    assert "is not the one that was there" in damages[2]


@pytest.mark.parametrize("content", [b"", b"{}", b"\xff" * 100, b" " * (1 << 21)])
def test_damage_is_said_and_hides_nothing_else(records: Records, tmp_path: Path, content: bytes) -> None:
    files(tmp_path)[0].write_bytes(content)
    found = records.all()
    assert found[0].damage
    assert (found[0].id, dict(found[0].content)) == (IDS[0], {})
    assert found[1].content["id"] == IDS[1]


def test_a_changed_word_does_not_verify(records: Records, tmp_path: Path) -> None:
    path = files(tmp_path)[2]
    data = path.read_bytes()
    signature = data.index(b'"sig":"') + 7
    path.write_bytes(
        data[:signature] + (b"A" if data[signature : signature + 1] != b"A" else b"B") + data[signature + 1 :]
    )
    assert "signature does not fit" in records.all()[2].damage


def test_records_of_a_key_that_was_replaced_stay(records: Records, tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).unlink()
    fresh = Records(tmp_path / "erasures", Signer(tmp_path))
    fresh.write("f" * 32, {"id": "f" * 32})
    found = fresh.all()
    assert [one.damage for one in found] == [""] * 4
    assert len({one.key_id for one in found}) == 2


def test_no_such_record(records: Records) -> None:
    with pytest.raises(NvmedError, match="no record"):
        records.find("0" * 32)


def test_there_are_none_at_first(tmp_path: Path) -> None:
    assert Records(tmp_path / "erasures", Signer(tmp_path)).all() == ()
