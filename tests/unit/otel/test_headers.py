"""The file of headers: read as a key is, refused by its lines and never by what they hold."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nvmed.errors import NvmedError
from nvmed.otel import headers


def shown(found: headers.Headers) -> list[tuple[str, bytes]]:
    return [(name, value.reveal()) for name, value in found]


def test_names_become_lower_case_and_comments_are_none() -> None:
    found = headers.parse("# for the lab\nAuthorization: Bearer abc=\n\nx-scope.id:7  \n", "file")
    assert shown(found) == [("authorization", b"Bearer abc="), ("x-scope.id", b"7")]


@pytest.mark.parametrize("wrong", ["nothing of it", "a b: c", ": c", "a:", "a: \u00e9", "grpc-timeout: 1", "a-bin: 1"])
def test_a_line_that_is_none_is_named_by_its_number_alone(wrong: str) -> None:
    with pytest.raises(NvmedError) as caught:
        headers.parse(f"ok: 1\n{wrong}\n", "file")
    assert "line 2 is no header" in caught.value.message
    assert wrong not in caught.value.message


@given(st.text())
def test_any_text_is_read_or_refused(text: str) -> None:
    with suppress(NvmedError):
        found = headers.parse(text, "file")
        assert all(name.isascii() and value.reveal().isascii() for name, value in found)


def test_a_file_that_others_may_read_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "headers"
    file.write_text("a: secret\n")
    file.chmod(0o640)
    with pytest.raises(NvmedError, match="chmod go-rwx"):
        headers.read(file)
    file.chmod(0o600)
    assert shown(headers.read(file)) == [("a", b"secret")]


def test_there_are_not_too_many() -> None:
    with pytest.raises(NvmedError, match="at most 32"):
        headers.parse("\n".join(f"h{number}: x" for number in range(33)), "file")
