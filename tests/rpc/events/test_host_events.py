"""What is around drives, and what operations end with, as clients are told it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.json_format import MessageToDict

from nvmed.config import Events
from nvmed.erasure import watch as erasure_watch
from nvmed.nvme.ana import AnaState
from nvmed.nvme.opcodes import AdminOpcode
from nvmed.nvme.surroundings import Link, LinkErrors
from nvmed.simulator.faults import Fault, Refuse
from nvmed.simulator.spec import Activation, FirmwareSpec
from nvmed.v1 import event_pb2 as pb
from tests.rpc.erase_calls import V2_1, response_of, sanitized
from tests.rpc.event_calls import kind, listed, watching
from tests.rpc.firmware_calls import activate
from tests.rpc.harness import StartDaemon, small_drive
from tests.rpc.namespace_calls import PAIR
from tests.rpc.operation_calls import wait
from tests.rpc.tls import Pki, serving_tls

OFTEN = Events(poll_interval_s=1, correctable_errors_max=10)


def said(event: pb.Event) -> Any:
    detail = event.WhichOneof("detail")
    assert detail is not None
    return MessageToDict(getattr(event, detail), preserving_proto_field_name=True)


async def test_a_link_that_is_bad_and_errors_on_it(start_daemon: StartDaemon) -> None:
    daemon = await start_daemon(events=OFTEN)
    async with watching(daemon, kinds=[pb.EVENT_KIND_LINK_DEGRADED, pb.EVENT_KIND_PCI_ERRORS]) as watch:
        daemon.host.surround("nvme0", link=Link(8_000, 2, 16_000, 4))
        event = await watch.event()
        assert (kind(event), event.device_node) == ("LINK_DEGRADED", "nvme0")
        assert said(event) == {
            "speed_mts": 8_000, "width": 2, "max_speed_mts": 16_000, "max_width": 4, "degraded": True,
        }  # fmt: skip
        daemon.host.surround("nvme0", errors=LinkErrors({"BadTLP": 12}, {}, {"DLP": 1}))
        event = await watch.event()
        assert said(event)["new_errors"] == {"correctable": {"BadTLP": "12"}, "fatal": {"DLP": "1"}}
        assert event.pci_errors.interval_ms > 0
    assert [kind(event) for event in await listed(daemon, "kind = LINK_DEGRADED")] == ["LINK_DEGRADED"]


async def test_a_path_that_is_lost_comes_back_and_takes_over(start_daemon: StartDaemon) -> None:
    daemon = await start_daemon(PAIR, events=OFTEN)
    first = daemon.host.controller("nvme0")
    async with watching(daemon, controller="nvme0") as watch:
        first.set_ana_state(1, AnaState.INACCESSIBLE)
        lost = await watch.event("PATH_LOST")
        assert lost.controller == "controllers/pair-1"
        assert lost.namespace.endswith("/namespaces/1")
        assert (lost.path.path.ana_state, lost.path.usable_path_count) == ("inaccessible", 1)
        first.set_ana_state(1, AnaState.OPTIMIZED)
        assert (await watch.event("PATH_RESTORED")).path.usable_path_count == 2
    async with watching(daemon) as watch:
        first.set_ana_state(1, AnaState.INACCESSIBLE)
        await watch.event("PATH_LOST")
        daemon.host.controller("nvme1").set_ana_state(1, AnaState.NON_OPTIMIZED)
        first.set_ana_state(1, AnaState.OPTIMIZED)
        over = await watch.event("PATH_FAILED_OVER")
        assert (over.controller, over.path.path.ana_state) == ("controllers/pair-1", "optimized")


async def test_firmware_that_waits_for_a_reset(start_daemon: StartDaemon) -> None:
    firmware = FirmwareSpec(slots=("1.0.0", "2.0.0", ""), activation=Activation("controller"))
    daemon = await start_daemon(small_drive(firmware=firmware))
    async with watching(daemon, kinds=[pb.EVENT_KIND_FIRMWARE_PENDING]) as watch:
        begun = await activate(daemon, 2, "ON_NEXT_RESET")
        await wait(daemon, begun)
        event = await watch.event()
    assert (event.controller, event.device_node, event.operation) == ("controllers/nvmed1-1", "nvme0", begun.name)
    assert said(event) == {"slot": 2, "revision": "2.0.0", "running_revision": "1.0.0"}
    assert len(await listed(daemon, "kind = FIRMWARE_PENDING")) == 1


async def test_a_sanitize_that_ended_well_or_not(start_daemon: StartDaemon, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(erasure_watch, "POLL_S", 0.01)
    daemon = await start_daemon(small_drive(nvme_version=V2_1, sanitize_s=0.05))
    answer = response_of(await sanitized(daemon))
    daemon.drive().faults.add(Fault(Refuse(0x4002), opcode=AdminOpcode.SANITIZE))
    await sanitized(daemon, methods=["ERASURE_METHOD_SANITIZE_BLOCK_ERASE"])
    well, badly = await listed(daemon, "kind = SANITIZE_ENDED")
    assert said(well) == {"erasure_record": answer.erasure_record}
    assert well.device_node == "nvme0"
    assert badly.sanitize_ended.reason
    assert badly.sanitize_ended.erasure_record not in ("", answer.erasure_record)


async def test_certificates_that_expire(tmp_path: Path) -> None:
    """The server's in three days: told once, as nearest to a week, and again when its successor comes close."""
    pki = Pki(tmp_path / "pki")
    pki.serve_with(pki.server(not_after=datetime.now(UTC) + timedelta(days=3)))
    async with serving_tls(pki) as daemon:
        events = daemon.served.components.events
        await events.certificates.look()
        await events.certificates.look()
        found = [event for event in events.events.since(0, 1000).events if event.kind.value == "CERTIFICATE_EXPIRING"]
        uses = [event.detail.use.value for event in found]  # type: ignore[union-attr]
    assert uses.count("SERVER") == 1
