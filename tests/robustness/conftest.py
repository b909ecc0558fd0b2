"""A daemon for each test that is parametrised with its principals and limits."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.robustness.daemon import Target, serving


@pytest.fixture
def target(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Target]:
    """A daemon with the principals and limits that the test is parametrised with."""
    principals, limits = request.param
    with serving(tmp_path, principals, limits) as found:
        yield found
