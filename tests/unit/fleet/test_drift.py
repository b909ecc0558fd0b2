"""Drift of real daemons' drives: found, counted, told by the exit code, and mended by what it writes."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from nvmed_fleet import drift
from nvmedctl import hosts as inventories
from nvmedctl import operations
from nvmedctl.desired import Model, load

from nvmed import farm
from nvmed.errors import NvmedError
from nvmed.simulator.firmware_image import build_image
from nvmed.v1 import firmware_pb2 as pb

MODEL = "NVMED SIM FARM"
TIMEOUT = pytest.mark.timeout(120)


@pytest.fixture
async def folder(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Path]:
    """A farm of three hosts, of which one does not serve."""
    place = tmp_path_factory.mktemp("f")
    async with AsyncExitStack() as stack:
        await farm.serve(farm.Farm(place, hosts=3, drives=2, faults=farm.parse_faults(["h003=absent"])), stack)
        yield place


def desired(folder: Path, text: str) -> Path:
    path = folder / "desired.toml"
    path.write_text(text)
    return path


async def states(folder: Path, *models: Model) -> list[tuple[str, str]]:
    found = await drift.look(inventories.load(str(folder / "hosts.toml")).hosts, {one.name: one for one in models})
    return [(one.host, one.state) for one in found]


async def test_what_is_as_desired_and_what_is_not(folder: Path) -> None:
    gone = [("h003", "unreachable")]
    assert (
        await states(folder, Model(MODEL, "1.0.0"))
        == [(h, "as-desired") for h in ("h001", "h001", "h002", "h002")] + gone
    )
    assert (
        await states(folder, Model(MODEL, "2.0.0")) == [(h, "differs") for h in ("h001", "h001", "h002", "h002")] + gone
    )
    assert (
        await states(folder, Model("OTHER", "1")) == [(h, "not-told") for h in ("h001", "h001", "h002", "h002")] + gone
    )


async def test_what_waits_for_a_reset_is_pending(folder: Path) -> None:
    host = inventories.load(str(folder / "hosts.toml")).hosts[0]
    (folder / "2.bin").write_bytes(build_image("2.0.0", 8192))
    async with host.client() as client:
        controller = await anext(aiter(client.list_controllers()))
        image = await client.upload_image(folder / "2.bin", firmware_revision="2.0.0")

        begun = await client.firmware.StageFirmware(
            pb.StageFirmwareRequest(controllers=[controller.name], image=image.image.name, slot=2)
        )
        await operations.wait(client.operations, begun)
        begun = await client.firmware.ActivateFirmware(
            pb.ActivateFirmwareRequest(
                controller=controller.name, slot=2, activation_mode=pb.ACTIVATION_MODE_ON_NEXT_RESET
            )
        )
        await operations.wait(client.operations, begun)
    assert (await states(folder, Model(MODEL, "2.0.0")))[:2] == [("h001", "pending"), ("h001", "differs")]


async def fleet(*arguments: str) -> tuple[int, str, str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "nvmed_fleet", *arguments, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    out, err = await process.communicate()
    return process.returncode or 0, out.decode(), err.decode()


@TIMEOUT
async def test_the_exit_code_tells_and_a_script_mends(folder: Path) -> None:
    (folder / "2.0.0.bin").write_bytes(build_image("2.0.0", 8192))
    hosts = ("--hosts", str(folder / "hosts.toml"))
    as_is = desired(folder, f'[[model]]\nname = "{MODEL}"\nrevision = "1.0.0"\n')
    code, out, _ = await fleet("drift", *hosts, "--desired", str(as_is))
    assert (code, out.splitlines()[-1]) == (6, "1 unreachable, 4 as-desired")
    assert (await fleet("drift", *hosts, "--select", "name != h003", "--desired", str(as_is)))[0] == 0
    other = desired(folder, f'[[model]]\nname = "{MODEL}"\nrevision = "2.0.0"\nimage = "2.0.0.bin"\n')
    script = folder / "mend it.sh"
    asked = ("drift", *hosts, "--select", "name != h003", "--desired", str(other), "--output", "json")
    code, out, err = await fleet(*asked, "--plan", str(script))
    assert (code, {one["state"] for one in json.loads(out)}) == (5, {"differs"}), err
    mended = await asyncio.create_subprocess_exec(
        str(script), "--yes", "--state", str(folder / "state"),
        env={**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"},
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    said, _ = await mended.communicate()
    assert mended.returncode == 0, said.decode()
    assert (await fleet(*asked))[0] == 0


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "no model"),
        ("x = [", "no TOML"),
        ('[[model]]\nname = "M"\n', "revision"),
        ('[[model]]\nname = "M"\nrevision = 1\n', "revision"),
        ('[[model]]\nname = "M"\nrevision = "123456789"\n', "1 to 8"),
        ('[[model]]\nname = " M"\nrevision = "1"\n', "blanks"),
        ('[[model]]\nname = "M"\nrevision = "1"\nfirmware = "2"\n', "firmware"),
        ('[[model]]\nname = "M"\nrevison = "1"\n', 'did you mean "revision"'),
        ('[[models]]\nname = "M"\n', 'did you mean "model"'),
        ('[[model]]\nrevision = "1"\n', "name is missing"),
        ('[[model]]\nname = "M"\nlogical_block_bytes = "4k"\n', "a number"),
        ('[[model]]\nname = "M"\nlogical_block_bytes = true\n', "a number"),
        ('[[model]]\nname = "M"\nactivation = "controler-reset"\nrevision = "1"\n', 'did you mean "controller-reset"'),
        ('[[model]]\nname = "M"\n[[model.feature]]\nname = "a"\n', "set is missing"),
        ('[[model]]\nname = "M"\n[[model.feature]]\nname = "a"\nset = { x = "1" }\n', "has numbers"),
        ('[[model]]\nname = "M"\nrevision = "1"\n[[model]]\nname = "M"\nrevision = "2"\n', "twice"),
    ],
)
def test_files_that_are_wrong(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(NvmedError) as caught:
        load(desired(tmp_path, text))
    assert (caught.value.reason, words in caught.value.message) == ("INVALID_FIELD", True), caught.value.message


def test_no_campaign_without_an_image() -> None:
    finding = drift.Finding("h", "c", "M", "differs", "1", "2")
    with pytest.raises(NvmedError, match="no image"):
        drift.mending([finding], {"M": Model("M", "2")}, "hosts.toml", "")


async def test_settings_differ_where_the_daemons_say_so(folder: Path) -> None:
    """The same rows as for `nvmedctl drive apply`; they are no campaign's."""
    text = f'[[model]]\nname = "{MODEL}"\n[[model.feature]]\nname = "temperature-threshold"\n'
    same = load(desired(folder, text + "set = { threshold_kelvin = 343 }\n"))
    assert {state for _, state in await states(folder, *same.values())} == {"as-desired", "unreachable"}
    other = load(desired(folder, text + "set = { threshold_kelvin = 340 }\n"))
    hosts = inventories.load(str(folder / "hosts.toml")).hosts
    found = await drift.look(hosts[:1], other)
    assert {(one.state, "temperature-threshold" in one.message) for one in found} == {("differs", True)}
    assert "campaign run" not in drift.mending(found, other, "hosts.toml", "")
