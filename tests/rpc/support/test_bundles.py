"""Support bundles over the wire: what is in one, what a drive that fails leaves, and what never is in it."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import tarfile
import uuid
from collections.abc import Mapping
from contextlib import AsyncExitStack
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import grpc
import pytest
import zstandard
from google.longrunning import operations_pb2 as longrunning

from nvmed.config import Binding, Config, HostConfig, Listen, Policy, UnixListener
from nvmed.daemon import serving
from nvmed.linux.sysfs import LinuxHost
from nvmed.nvme.kernel_log import KernelLine
from nvmed.nvme.opcodes import AdminOpcode, LogPage
from nvmed.nvme.transport import Command
from nvmed.rpc.services.support_parts import DRIVE_QUESTIONS
from nvmed.simulator.faults import Fault, Hang, Refuse
from nvmed.simulator.host import SimulatedHost
from nvmed.simulator.subsystem import Subsystem
from nvmed.v1 import key_pb2, telemetry_pb2
from nvmed.v1 import support_pb2 as pb
from nvmed.v1.key_pb2_grpc import KeyServiceStub
from nvmed.v1.support_pb2_grpc import SupportServiceStub
from tests.rpc.harness import Daemon, StartDaemon, small_drive
from tests.rpc.namespace_calls import refused
from tests.rpc.operation_calls import ask, state, succeeded, wait
from tests.rpc.passthru_calls import io, write
from tests.support.planted import GOOD_DHHC, GOOD_LINE, GOOD_TEXT, PLANTED

if TYPE_CHECKING:
    from nvmed.v1.support_pb2_grpc import SupportServiceAsyncStub

BOTH = (telemetry_pb2.TELEMETRY_SOURCE_HOST, telemetry_pb2.TELEMETRY_SOURCE_CONTROLLER)
ID = "0" * 32


def stub(daemon: Daemon) -> SupportServiceAsyncStub:
    return SupportServiceStub(daemon.channel)


async def begin(daemon: Daemon, **fields: Any) -> longrunning.Operation:
    return await stub(daemon).CreateSupportBundle(pb.CreateSupportBundleRequest(**fields))


async def create(daemon: Daemon, **fields: Any) -> pb.CreateSupportBundleResponse:
    return await succeeded(daemon, await begin(daemon, **fields), pb.CreateSupportBundleResponse)


async def read(daemon: Daemon, name: str, offset: int = 0) -> bytes:
    """A bundle from `offset` on; every chunk and the trailer are checked."""
    data, trailer = bytearray(), None
    request = pb.ReadSupportBundleRequest(name=name, offset=offset, chunk_bytes=4096)
    async for part in stub(daemon).ReadSupportBundle(request):
        if part.HasField("chunk"):
            assert part.chunk.offset == offset + len(data)
            data += part.chunk.data
        elif part.HasField("trailer"):
            trailer = part.trailer
    assert trailer is not None
    assert trailer.total_bytes == offset + len(data)
    if not offset:
        assert trailer.sha256 == hashlib.sha256(data).digest()
    return bytes(data)


def members(archive: bytes) -> dict[str, bytes]:
    """What is in a bundle, by its path."""
    plain = zstandard.ZstdDecompressor().stream_reader(BytesIO(archive))
    with tarfile.open(fileobj=plain, mode="r|") as tar:
        return {member.name: file.read() for member in tar if (file := tar.extractfile(member))}


async def unpacked(daemon: Daemon, **fields: Any) -> tuple[dict[str, bytes], dict[str, Any]]:
    """Members, and parts by path, of a new bundle; each part's size and digest are checked."""
    found = members(await read(daemon, (await create(daemon, **fields)).support_bundle))
    parts = {part["part"]: part for part in json.loads(found["manifest.json"])["parts"]}
    for part in parts.values():
        if "file" in part:
            assert part["sha256"] == hashlib.sha256(found[part["file"]]).hexdigest()
            assert part["size_bytes"] == len(found[part["file"]])
    assert set(found) == {part["file"] for part in parts.values() if "file" in part} | {"manifest.json"}
    return found, parts


def left(daemon: Daemon) -> list[str]:
    """The files of bundles, whole or not."""
    return sorted(entry.name for entry in (daemon.state_dir / "support").iterdir())


# -- what is in it


async def test_a_bundle_has_every_part_of_drive_and_host(start_daemon: StartDaemon) -> None:
    daemon = await start_daemon(small_drive())
    daemon.host.kernel_lines = [
        KernelLine(1, 5, 4, "nvme nvme0: I/O tag 5 timeout, aborting"),
        KernelLine(2, 6, 4, "sd 0:0:0:0: nothing to do with it"),
        KernelLine(3, 7, 4, "nvme nvme01: nor is this"),
    ]
    found, parts = await unpacked(daemon, telemetry_sources=BOTH)
    name = "controllers/nvmed1-1"
    assert {f"{name}/{one}.json" for one in DRIVE_QUESTIONS} <= set(parts)
    assert json.loads(found[f"{name}/smart.json"])["controller"] == name
    assert len(found[f"{name}/identify-controller.bin"]) == 4096
    assert found[f"{name}/telemetry-host.bin"][:1] == b"\7"
    assert found[f"{name}/kernel.log"] == b"<4>[    0.000005] nvme nvme0: I/O tag 5 timeout, aborting\n"
    assert json.loads(found["host/audit.json"])["problems"] == []
    assert json.loads(found["host/configuration.json"])["state_dir"] == str(daemon.state_dir)
    assert json.loads(found["host/software.json"])["distributions"]["zstandard"]
    assert {part["reason"] for part in parts.values() if not part["complete"]} <= {
        "NVME_UNSUPPORTED",
        "TELEMETRY_NOT_AVAILABLE",
    }


async def test_a_bundle_changes_no_drive(start_daemon: StartDaemon) -> None:
    daemon = await start_daemon(small_drive())
    before = len(daemon.drive().journal.records)
    await create(daemon, telemetry_sources=BOTH)
    done = [record.command for record in daemon.drive().journal.records[before:]]
    opcodes = {AdminOpcode(command.opcode) for command in done}
    assert opcodes <= {
        AdminOpcode.IDENTIFY,
        AdminOpcode.GET_LOG_PAGE,
        AdminOpcode.GET_FEATURES,
        AdminOpcode.SECURITY_RECEIVE,
    }


async def test_a_bundle_of_one_drive_is_about_no_other(start_daemon: StartDaemon) -> None:
    daemon = await start_daemon(small_drive("A"), small_drive("B"))
    found, _ = await unpacked(daemon, controllers=["nvme1"])
    assert {path.split("/")[1] for path in found if path.startswith("controllers/")} == {"b-1"}
    (bundle,) = (await stub(daemon).ListSupportBundles(pb.ListSupportBundlesRequest())).support_bundles
    assert list(bundle.controllers) == ["controllers/b-1"]


# -- drives that fail


def key_of(command: Command) -> tuple[int, int]:
    """What a command asks, as far as one hangs and another does not."""
    return command.opcode, command.cdw10 & 0xFF


@pytest.mark.timeout(120)
async def test_a_drive_that_hangs_in_any_question_leaves_a_bundle_that_says_so(start_daemon: StartDaemon) -> None:
    """Every command that a bundle sends hangs on a drive of its own: one bundle of all of them."""
    first = await start_daemon(small_drive())
    await create(first, telemetry_sources=BOTH)
    asked = sorted({key_of(record.command) for record in first.drive().journal.records})
    assert len(asked) > 20
    daemon = await start_daemon(*(small_drive(f"S{number}") for number in range(len(asked))))
    hangs = []
    for number, key in enumerate(asked):
        hangs.append(Hang())
        where = lambda command, key=key: key_of(command) == key  # noqa: E731
        daemon.drive(f"nvme{number}").faults.add(Fault(hangs[-1], where=where, times=None))
    try:
        _, parts = await unpacked(daemon, telemetry_sources=BOTH, part_timeout_ms=200)
        for number, key in enumerate(asked):
            of_drive = [part for path, part in parts.items() if path.startswith(f"controllers/s{number}-1/")]
            silent = [part for part in of_drive if part.get("reason") == "COMMAND_TIMEOUT"]
            assert silent, (number, key)
            assert len(of_drive) >= len(DRIVE_QUESTIONS) + 4
    finally:
        for hang in hangs:
            hang.release()


async def test_a_drive_that_hangs_in_all_of_them_is_asked_twice(start_daemon: StartDaemon) -> None:
    daemon = await start_daemon(small_drive())
    hang = Hang()
    daemon.drive().faults.add(Fault(hang, opcode=AdminOpcode.GET_LOG_PAGE, times=None))
    daemon.drive().faults.add(Fault(hang, opcode=AdminOpcode.IDENTIFY, times=None))
    try:
        found, parts = await unpacked(daemon, part_timeout_ms=500)
    finally:
        hang.release()
    reasons = [part["reason"] for part in parts.values() if not part["complete"]]
    assert reasons.count("COMMAND_TIMEOUT") == 2
    assert "DEVICE_STALLED" in reasons
    assert "controllers/nvmed1-1/surroundings.json" in found  # as that asks the kernel alone


async def test_the_whole_has_a_deadline_too(start_daemon: StartDaemon) -> None:
    daemon = await start_daemon(small_drive())
    hang = Hang()
    daemon.drive().faults.add(Fault(hang, opcode=AdminOpcode.IDENTIFY, times=None))
    try:
        _, parts = await unpacked(daemon, timeout_ms=500)
    finally:
        hang.release()
    assert parts["controllers/nvmed1-1/smart.json"]["reason"] == "LIMIT_EXCEEDED"


def error_logs(daemon: Daemon) -> int:
    """How often the error log was asked for."""
    commands = daemon.drive().journal.commands(opcode=AdminOpcode.GET_LOG_PAGE)
    return sum(command.cdw10 & 0xFF == LogPage.ERROR_INFORMATION for command in commands)


async def test_what_a_drive_refuses_is_said_and_not_asked_again(start_daemon: StartDaemon) -> None:
    daemon = await start_daemon(small_drive())
    daemon.drive().faults.add(Fault(Refuse(0x4002), log_id=LogPage.ERROR_INFORMATION, times=None))
    _, parts = await unpacked(daemon)
    refusal = parts["controllers/nvmed1-1/error-log.json"]
    assert (refusal["complete"], refusal["reason"]) == (False, "NVME_INVALID_FIELD")
    asked = error_logs(daemon)
    _, parts = await unpacked(daemon)
    assert "not asked again" in parts["controllers/nvmed1-1/error-log.json"]["message"]
    assert error_logs(daemon) == asked


async def test_cancelling_leaves_nothing(start_daemon: StartDaemon) -> None:
    daemon = await start_daemon(small_drive())
    hang = Hang()
    daemon.drive().faults.add(Fault(hang, log_id=LogPage.SMART_HEALTH_INFORMATION, times=None))
    try:
        begun = await begin(daemon)
        await asyncio.to_thread(hang.reached.wait)
        assert left(daemon)
        await ask(daemon, "CancelOperation", name=begun.name)
        assert state(await wait(daemon, begun)) == "CANCELLED"
    finally:
        hang.release()
    assert left(daemon) == []


# -- what is kept


async def test_a_bundle_is_read_from_any_offset_listed_kept_and_deleted(start_daemon: StartDaemon) -> None:
    daemon = await start_daemon(small_drive())
    made = await create(daemon, request_id=str(uuid.uuid4()))
    whole = await read(daemon, made.support_bundle)
    for offset in (1, 4096, len(whole) - 1, len(whole)):
        assert await read(daemon, made.support_bundle, offset) == whole[offset:]
    beyond = pb.ReadSupportBundleRequest(name=made.support_bundle, offset=len(whole) + 1)
    assert await refused(anext(aiter(stub(daemon).ReadSupportBundle(beyond)))) == "OFFSET_OUT_OF_RANGE"
    daemon = await start_daemon(host=daemon.host, state_dir=daemon.state_dir)
    assert await read(daemon, made.support_bundle) == whole
    found = await stub(daemon).GetSupportBundle(pb.GetSupportBundleRequest(name=made.support_bundle))
    assert (found.size_bytes, found.sha256) == (len(whole), made.sha256)
    gone = pb.DeleteSupportBundleRequest(name=made.support_bundle)
    await stub(daemon).DeleteSupportBundle(gone)
    assert left(daemon) == []
    assert await refused(stub(daemon).DeleteSupportBundle(gone)) == "SUPPORT_BUNDLE_NOT_FOUND"


async def test_a_bundle_that_is_not_what_was_written_has_no_trailer(start_daemon: StartDaemon) -> None:
    daemon = await start_daemon(small_drive())
    name = (await create(daemon)).support_bundle
    file = daemon.state_dir / "support" / f"{name.removeprefix('supportBundles/')}.tar.zst"
    with file.open("r+b") as opened:
        opened.seek(100)
        opened.write(b"\0\1\2\3")
    with pytest.raises(grpc.aio.AioRpcError, match="SHA-256"):
        await read(daemon, name)


async def test_validate_only_asks_no_drive_and_keeps_nothing(start_daemon: StartDaemon) -> None:
    daemon = await start_daemon(small_drive())
    await create(daemon)
    before = len(daemon.drive().journal.records)
    planned = await begin(daemon, validate_only=True)
    answer = pb.CreateSupportBundleResponse()
    planned.response.Unpack(answer)
    assert (planned.done, planned.name, answer.support_bundle) == (True, "", "")
    assert answer.parts_complete > len(DRIVE_QUESTIONS)
    assert len(daemon.drive().journal.records) == before


async def test_fields_have_limits(start_daemon: StartDaemon) -> None:
    daemon = await start_daemon(small_drive())
    wrong: tuple[Mapping[str, Any], ...] = (
        {"part_timeout_ms": 1},
        {"timeout_ms": 3_600_001},
        {"telemetry_data_area": telemetry_pb2.TELEMETRY_DATA_AREA_4},
        {"telemetry_sources": [0]},
    )
    for fields in wrong:
        assert await refused(begin(daemon, **fields)) == "INVALID_FIELD", fields
    assert await refused(begin(daemon, controllers=["nvme7"])) == "CONTROLLER_NOT_FOUND"


# -- who may


async def test_who_may_over_one_drive_gets_that_drive_and_nothing_of_the_host(start_daemon: StartDaemon) -> None:
    one = Policy(
        bindings=(
            Binding(principals=("unix:some",), roles=("operator",), resources=("controllers/a-1",)),
            Binding(principals=("unix:some",), roles=("viewer",)),
        )
    )
    daemon = await start_daemon(small_drive("A"), small_drive("B"), principal="some", roles=(), policy=one)
    assert await refused(begin(daemon)) == "POLICY_DENIED"
    assert await refused(begin(daemon, controllers=["nvme0", "nvme1"])) == "POLICY_DENIED"
    made = await create(daemon, controllers=["nvme0"])
    found = members(await read(daemon, made.support_bundle))
    assert {path.split("/")[0] for path in found} == {"controllers", "manifest.json"}
    nobody = f"supportBundles/{ID}"
    assert await refused(stub(daemon).GetSupportBundle(pb.GetSupportBundleRequest(name=nobody))) == "POLICY_DENIED"


# -- secrets

SECRETS = (PLANTED, GOOD_TEXT, GOOD_DHHC, GOOD_LINE, b"PaSsWoRd-7741")


def assert_clean(found: Mapping[str, bytes]) -> None:
    """None of SECRETS is anywhere, as it is, in hexadecimal or base64."""
    for secret in SECRETS:
        forms = {secret, secret.hex().encode(), base64.b64encode(secret)}
        assert [path for path, data in found.items() for form in forms if form in data] == []


async def test_no_planted_secret_is_in_a_bundle(tmp_path: Path) -> None:
    """Keys in the keyring and its files, a private key, what was written to a drive, and what others logged."""
    keys = tmp_path / "keys"
    keys.mkdir(mode=0o700)
    (keys / "nvme-keys").write_bytes(GOOD_LINE)
    (keys / "nvme-keys").chmod(0o600)
    host = SimulatedHost([Subsystem(small_drive())])
    lines = (GOOD_TEXT, GOOD_DHHC, b"https://root:PaSsWoRd-7741@images.example.org/")
    host.kernel_lines = [KernelLine(1, 1, 1, f"nvme nvme0: {line.decode()}") for line in lines]
    configured = Config(
        state_dir=str(tmp_path / "state"),
        host=HostConfig(simulate=1, simulate_keyring=True),
        listen=Listen(unix=(UnixListener(path=str(tmp_path / "s"), roles=("admin",)),)),
    )
    async with AsyncExitStack() as stack:
        (address,) = await stack.enter_async_context(serving(host, configured))
        (tmp_path / "state" / "server.key").write_bytes(
            b"-----BEGIN PRIVATE KEY-----\n" + PLANTED + b"\n-----END PRIVATE KEY-----\n"
        )
        channel = await stack.enter_async_context(grpc.aio.insecure_channel(address))
        daemon = Daemon(host, address, tmp_path / "state", channel)
        await KeyServiceStub(channel).ImportTlsKey(key_pb2.ImportTlsKeyRequest(key_file=GOOD_LINE))
        assert await refused(io(daemon, write(PLANTED.ljust(512, b"\0")))) == "POLICY_DENIED"
        found, parts = await unpacked(daemon, telemetry_sources=BOTH)
    assert parts["controllers/nvmed1-1/kernel.log"]["complete"]
    assert found["controllers/nvmed1-1/kernel.log"].count(b"[removed by nvmed]") == 3
    assert_clean(found)


async def test_dhchap_secrets_in_sysfs_are_not_read(tmp_path: Path) -> None:
    """And drives that cannot even be opened are parts that say so, as is a kernel log that is not there."""
    controller = tmp_path / "sys/class/nvme/nvme0"
    controller.mkdir(parents=True)
    attributes = {
        "serial": "A", "model": "M", "firmware_rev": "1", "cntlid": "1", "subsysnqn": "nqn.2024-01.io.example:a",
        "transport": "tcp", "address": "traddr=192.0.2.1,trsvcid=4420", "state": "live", "dev": "245:0",
        "dhchap_secret": GOOD_DHHC.decode(), "dhchap_ctrl_secret": GOOD_DHHC.decode(), "tls_key": "12345678",
    }  # fmt: skip
    for name, value in attributes.items():
        (controller / name).write_text(f"{value}\n")
    host: Any = LinuxHost(tmp_path / "sys", tmp_path / "dev")
    configured = Config(
        state_dir=str(tmp_path / "state"),
        host=HostConfig(simulate=1),
        listen=Listen(unix=(UnixListener(path=str(tmp_path / "s"), roles=("admin",)),)),
    )
    async with AsyncExitStack() as stack:
        (address,) = await stack.enter_async_context(serving(host, configured))
        channel = await stack.enter_async_context(grpc.aio.insecure_channel(address))
        found, parts = await unpacked(Daemon(host, address, tmp_path / "state", channel))
    smart = next(part for path, part in parts.items() if path.endswith("/smart.json"))
    kernel = parts["host/kernel.log"]
    assert not smart["complete"]
    assert not kernel["complete"]
    assert "/dev/kmsg" in kernel["message"]
    assert_clean(found)
