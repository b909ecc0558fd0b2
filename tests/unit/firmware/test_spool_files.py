"""The spool's sidecars: what is written is read, and nothing that is not makes a reader fail."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nvmed.disk.files import TIME_MS_MAX, Disk
from nvmed.firmware import spool_files
from nvmed.firmware.spool_files import Image, Upload

TEXT = st.text(max_size=20)
IMAGES = st.builds(
    Image,
    sha256=st.from_regex(spool_files.SHA256_HEX, fullmatch=True),
    size_bytes=st.integers(0, 2**40),
    firmware_revision=TEXT,
    model_number=TEXT,
    labels=st.dictionaries(TEXT, TEXT, max_size=3),
    created_ms=st.integers(0, 2**45),
)


@given(IMAGES)
def test_an_image_is_what_its_sidecar_says(image: Image) -> None:
    assert spool_files.load_image(spool_files.dump_image(image)) == image


@given(IMAGES, st.from_regex(spool_files.UPLOAD_HEX, fullmatch=True), TEXT, st.data())
def test_an_upload_is_what_its_sidecar_says(image: Image, name: str, principal: str, draw: st.DataObject) -> None:
    first, then = (draw.draw(st.integers(0, image.size_bytes)) for _ in range(2))
    text = spool_files.dump_upload(Upload(name, principal, image, first))
    assert spool_files.load_upload(text) == Upload(name, principal, image, first)
    later = spool_files.committed_field(then)
    assert spool_files.load_upload(later + text[len(later) :]) == Upload(name, principal, image, then)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXT,
    lambda inner: st.lists(inner) | st.dictionaries(TEXT, inner),
)
FIELDS = ("sha256", "size_bytes", "firmware_revision", "model_number", "labels", "created_ms", "id", "principal",
          "image", "committed_bytes")  # fmt: skip


@given(st.binary() | st.builds(lambda value: json.dumps(value).encode(), JSON))
@pytest.mark.parametrize("load", [spool_files.load_image, spool_files.load_upload])
def test_no_bytes_break_a_reader(load: Callable[[bytes], object], text: bytes) -> None:
    assert load(text) is None


@pytest.mark.parametrize("created_ms", [-1, 253_402_300_800_000, 10**30, 1.5, "1", None])
def test_a_nonsense_time_is_no_sidecar_of_ours(created_ms: object) -> None:
    saved = {**json.loads(spool_files.dump_image(Image("0" * 64, 4))), "created_ms": created_ms}
    assert spool_files.load_image(json.dumps(saved).encode()) is None


@pytest.mark.parametrize("seconds", [-(2**31), 2**34 - 1])
def test_a_file_may_be_of_any_year(tmp_path: Path, seconds: int) -> None:
    image = Image("0" * 64, 4, created_ms=1)
    (tmp_path / f"{image.sha256}.image").write_bytes(b"1234")
    sidecar = tmp_path / f"{image.sha256}.json"
    sidecar.write_bytes(spool_files.dump_image(image))
    os.utime(sidecar, (seconds, seconds))
    (found,) = spool_files.SpoolFolder(tmp_path, Disk()).scan().images
    assert 0 <= found.used_ms <= TIME_MS_MAX


@given(st.sampled_from(FIELDS), JSON)
def test_no_value_breaks_a_reader(field: str, value: Any) -> None:
    image = Image("0" * 64, 4)
    upload_text = json.loads(spool_files.dump_upload(Upload("0" * 32, "p", image)))
    image_text = json.loads(spool_files.dump_image(image))
    upload_text["image"] = {**upload_text["image"], field: value}
    for load, saved in (
        (spool_files.load_image, {**image_text, field: value}),
        (spool_files.load_upload, {**upload_text, field: value}),
        (spool_files.load_upload, upload_text),
    ):
        made = load(json.dumps(saved).encode())
        assert made is None or isinstance(made, Image | Upload)
