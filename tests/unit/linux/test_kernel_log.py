"""Records of /dev/kmsg: parsed whatever they are, read without waiting, and those about a drive told from others'."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nvmed.linux import kernel_log as reader
from nvmed.nvme.kernel_log import KernelLine, about, about_nvme, parse_record


def test_a_record_has_its_level_time_text_and_properties() -> None:
    record = (
        rb"6,339,5140900,-,caller=T1;nvme nvme0: \x5cpci function \x1b 0000:3a:00.0"
        b"\n SUBSYSTEM=nvme\n DEVICE=+nvme:nvme0\n"
    )
    line = parse_record(record)
    assert (line.sequence, line.uptime_us, line.level) == (339, 5140900, 6)
    assert line.text == r"nvme nvme0: \pci function ? 0000:3a:00.0"
    assert line.properties == ("SUBSYSTEM=nvme", "DEVICE=+nvme:nvme0")
    assert str(line).startswith("<6>[    5.140900] nvme nvme0")


@given(st.binary(max_size=300))
def test_any_bytes_are_a_line_or_a_value_error(record: bytes) -> None:
    try:
        line = parse_record(record)
    except ValueError:
        return
    assert "\n" not in str(line)


@pytest.mark.parametrize(
    ("text", "is_about"),
    [
        ("nvme nvme1: timeout", True),
        ("nvme1n1: p1 p2", True),
        ("I/O error, dev nvme1c0n1, sector 8", True),
        ("pcieport: AER: Corrected error from 0000:3a:00.0", True),
        ("nvme nvme11: timeout", False),
        ("xnvme1: no", False),
        ("AER from 10000:3a:00.0", False),
        ("sd 0:0:0:0", False),
    ],
)
def test_lines_that_name_the_drive_are_about_it(text: str, is_about: bool) -> None:
    line = KernelLine(1, 1, 6, text)
    assert list(about([line], {"nvme1", "0000:3a:00.0"})) == ([line] if is_about else [])
    assert list(about([line], ())) == []


def test_lines_of_any_drive_or_driver_are_of_nvme() -> None:
    lines = [KernelLine(1, 1, 6, text) for text in ("nvme nvme7: x", "nvme_tcp: y", "usb 1-1: z")]
    assert list(about_nvme(lines)) == lines[:2]


def test_a_log_that_is_not_there_says_so(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        reader.read(tmp_path)


def test_a_pipe_without_more_is_the_end(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "kmsg")
    assert reader.read(tmp_path) == ()
