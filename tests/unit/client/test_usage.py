"""What nvmedctl refuses before it calls anybody: numbers, sizes and options that make no sense, with what would."""

from __future__ import annotations

import shlex

import click
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from nvmedctl.cli import nvmedctl
from nvmedctl.cli.parameters import integer, seconds, size
from nvmedctl.cli.passthru import dump


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("namespaces create nvme0", "Give --size or --size-blocks"),
        ("namespaces create nvme0 --size 1MiB --size-blocks 1", "Give --size or --size-blocks"),
        ("namespaces create nvme0 --size 10Mi5", "no size"),
        ("namespaces create nvme0 --size 0.5", "whole bytes"),
        ("namespaces create nvme0 --size-blocks 8 --lba-format 64", "not in the range 0 to 63"),
        ("namespaces format nvme0", "Give NSID or --all"),
        ("namespaces format nvme0 1 --all", "Give NSID or --all"),
        ("namespaces format nvme0 1 --lba-format 0 --block-size 512", "Give --lba-format or --block-size"),
        ("namespaces attach nvme0 1", "--controller-ids"),
        ("namespaces attach nvme0 1 --controller-ids 1,x", "no number"),
        ("namespaces attach nvme0 1 --controller-ids ,", "no number"),
        ("namespaces attach nvme0 1 --controller-ids 0x10000", "not in the range"),
        ("namespaces attach nvme0 1 --controller-ids 1 --wait soon", "no number of seconds"),
        ("namespaces attach nvme0 0x1ffffffff --controller-ids 1", "not in the range"),
        ("passthru admin nvme0", "--opcode"),
        ("passthru admin nvme0 --opcode 0x100", "not in the range 0 to 255"),
        ("passthru admin nvme0 --opcode six", "no number"),
        ("passthru admin nvme0 --opcode 6 --cdw10 -1", "not in the range"),
        ("passthru io nvme0n1 --opcode 2 --command-timeout 0", "not in the range"),
        ("passthru test disk nvme0 --opcode 2", "disk"),
        ("logs raw nvme0 2 -f page", "--length"),
        ("logs raw nvme0 256 --length 4 -f page", "not in the range 0 to 255"),
        ("logs raw nvme0 2 --length 4 --lsp 128 -f page", "not in the range 0 to 127"),
        ("logs ana-size", "Give CONTROLLER or --identify-file"),
        ("logs self-test start nvme0 long", "long"),
        ("logs errors nvme0 --max 257", "257"),
    ],
)
def test_what_makes_no_sense(arguments: str, said: str) -> None:
    result = CliRunner().invoke(nvmedctl, ["--address", "/nowhere.sock", *shlex.split(arguments)])
    assert (result.exit_code, said in result.output) == (2, True), result.output


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("0", 0), ("512", 512), ("512B", 512), ("4k", 4000), ("4KiB", 4096), ("4 KiB", 4096), ("1.5GiB", 1610612736),
        ("1TB", 10**12), ("100gib", 100 << 30), ("2Pi", 2 << 50), ("18446744073709551615", 2**64 - 1),
    ],
)  # fmt: skip
def test_sizes(text: str, count: int) -> None:
    assert size(text) == count


@pytest.mark.parametrize("text", ["", "-1", "GiB", "1 2", "1XB", "1e3", "0.3", "1.0000001KB", "16EiB", "20000000TB"])
def test_what_is_no_size(text: str) -> None:
    with pytest.raises(click.BadParameter):
        size(text)


@pytest.mark.parametrize(("text", "count"), [("1", 1000), ("2.5", 2500), ("0.001", 1), ("1e2", 100_000)])
def test_seconds_are_milliseconds(text: str, count: int) -> None:
    assert seconds(text) == count


@pytest.mark.parametrize("text", ["", "0", "-1", "0.0001", "x", "5000000", "NaN", "Infinity"])
def test_what_are_no_seconds(text: str) -> None:
    with pytest.raises(click.BadParameter):
        seconds(text)


@given(st.integers(0, 2**64 - 1))
def test_numbers_as_people_write_them(number: int) -> None:
    convert = integer(2**64 - 1)
    assert {convert(text) for text in (str(number), hex(number), bin(number), f"0X{number:X}")} == {number}


@given(st.text(max_size=20))
def test_any_text_is_read_or_refused(text: str) -> None:
    for convert in (size, seconds, integer(255)):
        try:
            number = convert(text)
        except click.BadParameter:
            continue
        assert number >= 0


@given(st.binary(max_size=70))
def test_a_dump_has_every_byte(content: bytes) -> None:
    lines = dump(content).splitlines()
    assert bytes.fromhex("".join(line[10:57] for line in lines)) == content
    assert [int(line[:8], 16) for line in lines] == list(range(0, len(content), 16))
    assert all(len(line) - 59 == len(content[16 * number :][:16]) for number, line in enumerate(lines))
