"""`nvmed simulator image` writes what a simulated drive takes."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from nvmed.__main__ import main
from nvmed.simulator.firmware_image import build_image, image_revision


def test_a_file_is_the_image_of_its_options(tmp_path: Path) -> None:
    file = tmp_path / "image.bin"
    done = CliRunner().invoke(main, ["simulator", "image", "--revision", "9.9", "--size", "4096", str(file)])
    assert (done.exit_code, done.output) == (0, "")
    assert file.read_bytes() == build_image("9.9", 4096)
    assert image_revision(file.read_bytes(), "whatever") == "9.9"


def test_an_image_may_be_for_a_model_and_go_to_standard_output() -> None:
    done = CliRunner().invoke(main, ["simulator", "image", "--revision", "1", "--model", "M", "--size", "64", "-"])
    assert done.stdout_bytes == build_image("1", 64, "M")


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (["--revision", "123456789"], "at most 8"),
        (["--revision", "é"], "ASCII"),
        (["--revision", " "], "blank"),
        (["--revision", "1", "--model", "M" * 41], "at most 40"),
    ],
)
def test_what_fits_no_header_is_refused_and_nothing_written(tmp_path: Path, options: list[str], problem: str) -> None:
    file = tmp_path / "image.bin"
    done = CliRunner().invoke(main, ["simulator", "image", *options, str(file)])
    assert done.exit_code == 1
    assert problem in done.output
    assert not file.exists()


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    done = CliRunner().invoke(main, ["simulator", "image", "--revision", "1", str(tmp_path / "no/such/folder")])
    assert (done.exit_code, done.output) == (1, f"Error: {tmp_path}/no/such/folder: No such file or directory\n")
