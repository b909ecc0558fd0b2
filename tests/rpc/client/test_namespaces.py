"""nvmedctl namespaces against a real daemon: a drive's namespaces from making to deleting, and what is asked first."""

from __future__ import annotations

import base64
import uuid

import pytest

from nvmed.nvme.opcodes import AdminOpcode
from tests.rpc.client.command_line import nvmedctl, shown
from tests.rpc.harness import Daemon, StartDaemon
from tests.rpc.namespace_calls import PAIR, nsids_of, sent

COMMAND = "namespaces"

pytestmark = pytest.mark.timeout(120)
"""Each command is a process of its own, and a machine may have much to do besides."""


@pytest.fixture
async def pair(start_daemon: StartDaemon) -> Daemon:
    return await start_daemon(PAIR)


async def test_what_a_drive_has(pair: Daemon) -> None:
    rows = [line.split() for line in (await shown(pair, COMMAND, "allocated", "/dev/nvme0")).splitlines()]
    assert rows[0] == ["NSID", "ATTACHED", "CONTROLLERS", "NODE"]
    assert [row[:2] for row in rows[1:]] == [["1", "yes"], ["2", "no"], ["3", "no"]]
    _, found, _ = await nvmedctl(pair, COMMAND, "allocated", "nvme0", "--attached")
    assert (found["controller"], [each["nsid"] for each in found["namespaces"]]) == ("controllers/pair-1", [1])
    code, found, _ = await nvmedctl(pair, COMMAND, "identity", "nvme0", "2", "--include-raw")
    assert (code, found["attached"], found["size_bytes"]) == (0, False, str(32 * 2**20))
    assert len(base64.b64decode(found["raw"])) == 4096
    text = await shown(pair, COMMAND, "identity", "nvme0", "2")
    assert "raw" not in text
    assert ["0", "512", "B", "0", "good", "yes"] in [line.split() for line in text.splitlines()]
    _, found, _ = await nvmedctl(pair, COMMAND, "block-size", "nvme0n1")
    assert (found["nsid"], found["logical_block_bytes"]) == (1, 512)


async def test_create_attach_format_detach_delete(pair: Daemon) -> None:
    create = (COMMAND, "create", "nvme0", "--size", "1MiB", "--shared")
    assert await shown(pair, *create, "--dry-run") == (
        "controllers/pair-1: a namespace would be created, 2048 blocks of 512 bytes (format 0)\n"
    )
    again = ("--request-id", str(uuid.uuid4()))
    code, made, _ = await nvmedctl(pair, *create, *again)
    assert (code, made["size_blocks"]) == (0, "2048")
    assert (await nvmedctl(pair, *create, *again))[1] == made
    nsid = str(made["nsid"])
    code, done, _ = await nvmedctl(pair, COMMAND, "attach", "nvme0", nsid, "--controller-ids", "0x2,1")
    reports = [(each["controller_id"], each["outcome"], each["host_view"]) for each in done["reports"]]
    assert reports == [(1, "OUTCOME_CHANGED", "HOST_VIEW_SHOWN"), (2, "OUTCOME_CHANGED", "HOST_VIEW_SHOWN")]
    assert int(nsid) in nsids_of(pair, 1)
    formatting = (COMMAND, "format", "nvme0", nsid, "--block-size", "4KiB", "--acknowledge-data-loss")
    assert await shown(pair, *formatting) == (
        f"controllers/pair-1: namespace {nsid} formatted, host: shown, blocks of 4096 bytes (format 1)\n"
    )
    rows = (await shown(pair, COMMAND, "detach", "nvme0", nsid, "--controller-ids", "2", "--wait", "5")).splitlines()
    assert rows[1].split() == ["2", "controllers/pair-2", "changed", "shown", "-"]
    deleting = (COMMAND, "delete", "nvme0", nsid, "--acknowledge-data-loss")
    assert f"namespace {nsid} would be deleted" in await shown(pair, *deleting, "--dry-run")
    assert int(nsid) in nsids_of(pair, 1)
    assert f"namespace {nsid} is deleted" in await shown(pair, *deleting)
    assert int(nsid) not in nsids_of(pair, 1)


async def test_an_operation_may_be_left_to_itself(pair: Daemon) -> None:
    code, begun, _ = await nvmedctl(pair, COMMAND, "create", "nvme0", "--size-blocks", "8", "--no-wait")
    assert (code, begun["name"].partition("/")[0]) == (0, "operations")
    code, done, _ = await nvmedctl(pair, "operations", "wait", begun["name"])
    assert (code, done["response"]["size_blocks"]) == (0, "8")


async def test_the_kernel_looks_again(pair: Daemon) -> None:
    code, found, _ = await nvmedctl(pair, COMMAND, "rescan", "nvme0", "--wait", "5")
    assert (code, found["host_view"]) == (0, "HOST_VIEW_SHOWN")
    assert [each["nsid"] for each in found["namespaces"]] == [1]
    assert "host_view   shown" in await shown(pair, COMMAND, "rescan", "nvme0")


async def test_every_namespace_at_once(pair: Daemon) -> None:
    erase = (COMMAND, "format", "nvme1", "--all", "--erase", "crypto", "--acknowledge-data-loss")
    code, done, _ = await nvmedctl(pair, *erase)
    assert (code, done["nsids"]) == (0, [1, 3])


async def test_data_are_not_lost_by_accident(pair: Daemon) -> None:
    pair.host.occupy(pair.host.scan()[0].namespaces[0].node, "/srv")
    code, _, err = await nvmedctl(pair, COMMAND, "format", "nvme0", "1")
    assert (code, err["error"]["reason"]) == (2, "INVALID_FIELD")
    assert err["error"]["field_violations"][0]["field"] == "acknowledge_data_loss"
    for change in ("format", "delete"):
        code, _, err = await nvmedctl(pair, COMMAND, change, "nvme0", "1", "--acknowledge-data-loss")
        assert (code, err["error"]["reason"]) == (5, "GATE_FAILED")
        assert err["error"]["precondition_violations"][0]["type"] == "IN_USE"
    drive = pair.drive()
    assert (sent(drive, AdminOpcode.FORMAT_NVM), sent(drive, AdminOpcode.NAMESPACE_MANAGEMENT)) == (0, 0)


async def test_a_refusal_has_its_reason_and_exit_code(pair: Daemon) -> None:
    for arguments, code, reason in (
        ("identity nvme0 0", 2, "INVALID_FIELD"),
        ("identity nvme0 0xffffffff", 2, "INVALID_FIELD"),
        ("identity nvme0 9", 3, "NAMESPACE_NOT_FOUND"),
        ("attach nvme0 2 --controller-ids 7", 3, "CONTROLLER_NOT_FOUND"),
        ("create nvme0 --size 513", 2, "INVALID_FIELD"),
    ):
        got, out, err = await nvmedctl(pair, COMMAND, *arguments.split())
        assert (got, out, err["error"]["reason"]) == (code, None, reason), arguments
