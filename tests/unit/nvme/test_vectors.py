"""What libnvme was observed to send and answer, and where nvmed differs from it on purpose."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from nvmed.errors import InvalidArgument, NvmedError
from nvmed.nvme import ana, firmware, identify, logpage, namespace, telemetry
from nvmed.nvme.identify import IdentifyNamespace, LbaFormat, lba_formats
from nvmed.nvme.opcodes import CONTROLLER_ID_MAX, AdminOpcode
from nvmed.nvme.telemetry import TelemetryHeader, TelemetryLog
from nvmed.nvme.transport import Command
from nvmed.reasons import Reason

Case = dict[str, Any]
CASES: list[Case] = json.loads((Path(__file__).parents[2] / "vectors" / "commands.json").read_text())


def cases(*functions: str, succeeded: bool = False) -> list[Any]:
    """The cases of these functions; with `succeeded`, those whose commands did not fail."""
    chosen = [case for case in CASES if case["function"] in functions]
    if succeeded:
        chosen = [case for case in chosen if not case.get("device", {}).get("fail")]
    assert chosen
    return [pytest.param(case, id=f"{case['case']} {number}") for number, case in enumerate(chosen)]


def sent(case: Case) -> list[tuple[Command, int]]:
    """The commands that libnvme sent, and their data's lengths."""
    dwords = ("opcode", "nsid", "cdw10", "cdw11", "cdw12", "cdw13", "cdw14", "cdw15")
    return [(Command(**{name: command[name] for name in dwords}), command["data_len"]) for command in case["commands"]]


LOG_READS = sorted(
    {
        (command, length)
        for case in CASES
        for command, length in (sent(case) if "commands" in case else [])
        if command.opcode == AdminOpcode.GET_LOG_PAGE
    },
    key=repr,
)


@pytest.mark.parametrize(("command", "length"), LOG_READS, ids=lambda value: getattr(value, "cdw10", value))
def test_log_reads_are_the_same_bits(command: Command, length: int) -> None:
    request = logpage.decode(command)
    again = partial(logpage.get_log_page, request.lid, length, request.offset_bytes, lsp=request.lsp, rae=request.rae)
    if length % 4 or not length or request.offset_bytes % 4:
        with pytest.raises(InvalidArgument):
            again()
    else:
        assert request.length_bytes == length
        assert again() == command


@pytest.mark.parametrize("case", cases("nvme_get_telemetry_max", succeeded=True))
def test_telemetry_limits(case: Case) -> None:
    areas = telemetry.supported_areas(case["device"]["lpa"])
    assert areas[-1] == case["da"]
    limit = identify.max_transfer_bytes(case["device"]["mdts"])
    if case["device"]["mdts"] == 0:
        assert limit is None
    elif case["device"]["mdts"] >= 19:
        assert limit == 4096 << case["device"]["mdts"] != case["data_tx"]
    else:
        assert limit == case["data_tx"]


TELEMETRY = cases(
    "nvme_get_telemetry_log", "nvme_get_host_telemetry", "nvme_get_ctrl_telemetry", "nvme_get_new_host_telemetry"
)


@pytest.mark.parametrize("case", TELEMETRY)
def test_telemetry_sizes(case: Case) -> None:
    header = TelemetryHeader(**{f"dalb{n}": block for n, block in enumerate(case["device"]["dalb"], 1)})
    area = case["params"]["da"]
    if case["ret"] == 0 and case["size"] > telemetry.HEADER_BYTES:
        assert telemetry.area_end_bytes(header, area) == case["size"]
    elif area > 4:
        with pytest.raises(InvalidArgument):
            telemetry.area_end_bytes(header, area)
    elif area and case["errno"] == "ENOENT" and header.last_blocks[area - 1] == 0:
        with pytest.raises(NvmedError) as caught:
            telemetry.area_end_bytes(header, area)
        assert caught.value.reason == Reason.TELEMETRY_AREA_EMPTY.name


@pytest.mark.parametrize("case", TELEMETRY)
def test_telemetry_areas_are_refused_before_the_drive_hears_of_them(case: Case) -> None:
    area, lpa = case["params"]["da"], case["device"]["lpa"]
    supported = telemetry.supported_areas(lpa)
    if area > 4:
        expected = Reason.INVALID_FIELD
    elif not supported or area > supported[-1]:
        expected = Reason.TELEMETRY_UNSUPPORTED
        assert case["errno"] == "ENOENT" or not case["function"].startswith("nvme_get_host") or area == 0
    else:
        assert telemetry.require_area(lpa, area) == area
        return
    with pytest.raises(NvmedError) as caught:
        telemetry.require_area(lpa, area)
    assert caught.value.reason == expected.name


@pytest.mark.parametrize("case", cases("nvme_get_telemetry_log", "nvme_get_new_host_telemetry"))
def test_creating_names_the_area_that_libnvme_names(case: Case) -> None:
    creates = [command for command, _ in sent(case) if logpage.decode(command).lsp]
    assert len(creates) <= 1
    for command in creates:
        request = logpage.decode(command)
        ours = logpage.decode(telemetry.create_host_log(case["params"]["da"]))
        assert (ours.lid, ours.lsp, ours.length_bytes) == (request.lid, request.lsp, request.length_bytes)


@pytest.mark.parametrize("case", cases("nvme_get_ana_log_len", "nvme_get_ana_log_len_from_id_ctrl", succeeded=True))
def test_ana_log_sizes(case: Case) -> None:
    source = case["params"] if "mnan" in case["params"] else case["device"]
    expected = case.get("analen", case["ret"])
    rgo = case["params"].get("rgo", False)
    assert ana.ana_log_bytes(source["nanagrpid"], source["mnan"], groups_only=rgo) == expected


BLOCK_FORMATS = {0: 9, 2: 0, 4: 31, 16: 13, 35: 14}
"""LBADS by format, as the observed device had them."""


@pytest.mark.parametrize("case", cases("nvme_get_logical_block_size", succeeded=True))
def test_logical_block_sizes(case: Case) -> None:
    formats = lba_formats(*(LbaFormat(lbads=BLOCK_FORMATS.get(index, 12)) for index in range(64)))
    described = IdentifyNamespace(nsze=8, flbas=case["device"]["flbas"], lbaf=formats)
    if described.format.lbads < 9:
        with pytest.raises(NvmedError, match="LBADS"):
            identify.logical_block_bytes(described)
    elif described.format.lbads == 31:
        assert identify.logical_block_bytes(described) == 2**31 == -case["blksize"]
    else:
        assert identify.logical_block_bytes(described) == case["blksize"]


@pytest.mark.parametrize("case", cases("nvme_namespace_attach_ctrls", "nvme_namespace_detach_ctrls"))
def test_attachment(case: Case) -> None:
    ((command, length),) = sent(case)
    build = namespace.detach if "detach" in case["function"] else namespace.attach
    observed = bytes.fromhex(case["commands"][0]["data_hex_nonzero"]).ljust(length, b"\0")
    ids = identify.parse_controller_list(observed)
    if not ids or max(ids) > CONTROLLER_ID_MAX:
        with pytest.raises(InvalidArgument):
            build(case["params"]["nsid"], ids)
        return
    ours = build(case["params"]["nsid"], ids)
    assert ours[0] == command
    assert identify.parse_controller_list(ours[1]) == tuple(sorted(set(ids)))
    assert (ours[1] == observed) == (list(ids) == sorted(set(ids)))


@pytest.mark.parametrize("case", cases("nvme_fw_download_seq"))
def test_firmware_downloads(case: Case) -> None:
    size, piece, offset = (case["params"][name] for name in ("size", "xfer", "offset"))
    if size % 4 or piece % 4 or offset % 4:
        with pytest.raises(InvalidArgument):
            firmware.plan_download(size, piece, offset)
        return
    ours = [(firmware.download(at, length), length) for at, length in firmware.plan_download(size, piece, offset)]
    theirs = sent(case)
    if case["ret"] == 0:
        assert ours == theirs
    else:
        assert ours[: len(theirs)] == theirs[: len(ours)], "they agree until an end"
        assert (len(theirs) < len(ours)) == (not case["aborted_by_harness"]), "libnvme runs past the image's"


@pytest.mark.parametrize("case", cases("nvme_get_lba_status_log"))
def test_lba_status_log_lengths(case: Case) -> None:
    header = ana.LbaStatusHeader(lslplen=case["params"]["lslplen"])
    if header.lslplen % 4 or 0 < header.lslplen < 16:
        with pytest.raises(NvmedError, match="LSLPLEN"):
            ana.lba_status_log_bytes(header)
    else:
        total = ana.lba_status_log_bytes(header)
        assert total == (header.lslplen or 16)
        reads = [ana.read_lba_status_log()]
        if header.lslplen:
            reads += [ana.read_lba_status_log(length, at) for at, length in logpage.plan_reads(total, 4096)]
        observed = [logpage.decode(command) for command, _ in sent(case)]
        ours = [logpage.decode(command) for command in reads]
        assert [(o.lid, o.length_bytes, o.offset_bytes) for o in ours] == [
            (o.lid, o.length_bytes, o.offset_bytes) for o in observed
        ]


def test_controller_telemetry_never_loses_its_event_by_accident() -> None:
    for command in (telemetry.read_header(TelemetryLog.CONTROLLER_INITIATED), telemetry.create_host_log(1)):
        assert logpage.decode(command).rae
