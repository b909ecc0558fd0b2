"""What a command leaves that was cut short, and the command that goes on."""

from __future__ import annotations

import asyncio
import sys

import pytest
from nvmedctl.cli.cut_short import Left, again, leaving, say

from nvmed.errors import NvmedError
from nvmed.reasons import Reason, error


@pytest.mark.parametrize(
    ("failure", "left"),
    [
        (asyncio.CancelledError(), 1),
        (KeyboardInterrupt(), 1),
        (error(Reason.CONNECTION_FAILED, "broke"), 1),
        (error(Reason.IMAGE_REJECTED, "wrong"), 0),
        (OSError("disk"), 0),
    ],
)
def test_only_what_may_be_gone_on_with_is_told(failure: BaseException, left: int) -> None:
    told: list[Left] = []
    with pytest.raises(type(failure)), leaving(told, lambda: Left("kept")):
        raise failure
    assert len(told) == left


def test_what_ends_well_leaves_nothing() -> None:
    told: list[Left] = []
    with leaving(told, lambda: Left("kept")):
        pass
    assert told == []


@pytest.mark.parametrize(
    ("typed", "without", "give", "command"),
    [
        (["save", "x y", "--create"], ("--create",), {}, "nvmedctl save 'x y'"),
        (["watch", "--resume", "a", "--snapshot"], (), {"--resume": "b"}, "nvmedctl watch --snapshot --resume b"),
        (["watch", "--resume=a"], (), {"--resume": "b"}, "nvmedctl watch --resume b"),
        (["watch", "--resume"], (), {"--resume": "b"}, "nvmedctl watch --resume b"),
    ],
)
def test_the_command_that_goes_on(
    typed: list[str], without: tuple[str, ...], give: dict[str, str], command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["/usr/bin/nvmedctl", *typed])
    assert again(without, give) == command


def test_it_is_said_on_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    say([Left("half\x1b is kept", "nvmedctl x")], "table")
    say([Left("nothing is kept")], "table")
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err == "cut short: half\\x1b is kept\n  to go on: nvmedctl x\ncut short: nothing is kept\n"


def test_an_error_that_passes_is_one() -> None:
    assert isinstance(error(Reason.CONNECTION_FAILED, "x"), NvmedError)
