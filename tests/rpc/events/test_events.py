"""Events over the wire: what happens to drives, who is told, and what is missing."""

from __future__ import annotations

import asyncio
from typing import Any

import grpc
import pytest

from nvmed.config import Events
from nvmed.events.kinds import Event
from nvmed.nvme import features
from nvmed.nvme.ana import AnaState
from nvmed.nvme.features import AsyncEventConfiguration
from nvmed.nvme.opcodes import AdminOpcode, FeatureId, LogPage
from nvmed.nvme.status import Queue
from nvmed.rpc.convert import events as convert_events
from nvmed.simulator.controller import Controller
from nvmed.simulator.faults import Call, Fault, Hang
from nvmed.simulator.subsystem import Subsystem
from nvmed.v1 import event_pb2 as pb
from nvmed.v1 import inventory_pb2, namespace_pb2
from nvmed.v1.operations_pb2 import OperationMetadata
from nvmed.v1.resources_pb2 import Controller as ControllerMessage
from tests.rpc.event_calls import kind, listed, resumed, stub, watching
from tests.rpc.harness import Daemon, StartDaemon, reason_of, small_drive
from tests.rpc.namespace_calls import PAIR
from tests.rpc.namespace_calls import stub as namespaces

POLLING = Events(poll_interval_s=1)


def enable(drive: Controller, events: AsyncEventConfiguration) -> None:
    drive.execute(Queue.ADMIN, features.set_features(FeatureId.ASYNCHRONOUS_EVENT_CONFIGURATION, events))


# -- drives that come and go


async def test_a_drive_comes_and_goes(daemon: Daemon) -> None:
    async with watching(daemon) as watch:
        daemon.host.add(Subsystem(small_drive("NEW")))
        come, namespace, started = await watch.events(3)
        assert [kind(event) for event in (come, namespace, started)] == [
            "CONTROLLER_ADDED",
            "NAMESPACE_ADDED",
            "CONTROLLER_STARTED",
        ]
        assert (come.controller, come.device_node) == ("controllers/new-1", "nvme1")
        shown = await daemon.inventory.GetController(inventory_pb2.GetControllerRequest(name="nvme1"))
        assert come.controller_state == started.controller_state == shown
        assert namespace.namespace == shown.namespaces[0]
        assert namespace.namespace_state == await daemon.inventory.GetNamespace(
            inventory_pb2.GetNamespaceRequest(name="nvme1n1")
        )

        daemon.host.unplug("nvme1")
        first, second = await watch.events(2)
        assert (kind(first), first.namespace) == ("NAMESPACE_REMOVED", namespace.namespace)
        assert (kind(second), second.controller) == ("CONTROLLER_REMOVED", "controllers/new-1")
        assert second.controller_state == shown, "as it was"
        sequences = [event.sequence for event in (come, namespace, started, first, second)]
        assert sequences == [1, 2, 3, 4, 5]
        assert [event.name.rpartition("-")[2] for event in (come, second)] == ["1", "5"]
        assert come.create_time.ToMilliseconds() > 0


async def test_a_drive_that_went_and_is_back_is_told_of_twice(daemon: Daemon) -> None:
    """However fast it was: the host says that it went, and a scan that it is there."""
    async with watching(daemon, kinds=[pb.EVENT_KIND_CONTROLLER_REMOVED, pb.EVENT_KIND_CONTROLLER_ADDED]) as watch:
        daemon.host.unplug("nvme0").reappear()
        assert [kind(event) for event in await watch.events(2)] == ["CONTROLLER_REMOVED", "CONTROLLER_ADDED"]


async def test_a_reset_is_a_start(daemon: Daemon) -> None:
    async with watching(daemon) as watch:
        daemon.drive().reset()
        started = await watch.event()
    assert (kind(started), started.controller) == ("CONTROLLER_STARTED", "controllers/nvmed1-1")
    assert started.controller_state.state == ControllerMessage.STATE_LIVE


async def test_namespaces_attached_and_detached(start_daemon: StartDaemon) -> None:
    daemon = await start_daemon(PAIR)
    async with watching(daemon, kinds=[pb.EVENT_KIND_NAMESPACE_ADDED, pb.EVENT_KIND_NAMESPACE_REMOVED]) as watch:
        which: dict[str, Any] = {"controller": "nvme0", "nsid": 2, "controller_ids": [1]}
        await namespaces(daemon).AttachControllers(namespace_pb2.AttachControllersRequest(**which))
        added = await watch.event()
        assert (kind(added), added.namespace_state.nsid) == ("NAMESPACE_ADDED", 2)
        assert [path.controller for path in added.namespace_state.paths] == ["controllers/pair-1"]
        await namespaces(daemon).DetachControllers(namespace_pb2.DetachControllersRequest(**which))
        removed = await watch.event()
        assert (kind(removed), removed.namespace) == ("NAMESPACE_REMOVED", added.namespace)


async def test_what_the_kernel_changes_without_a_word_is_found_by_the_poll(start_daemon: StartDaemon) -> None:
    """The kernel handles ANA changes itself, and tells nobody."""
    daemon = await start_daemon(PAIR, events=POLLING)
    async with watching(daemon, kinds=[pb.EVENT_KIND_NAMESPACE_CHANGED]) as watch:
        daemon.drive().set_ana_state(1, AnaState.INACCESSIBLE)
        changed = await watch.event()
    assert list(changed.changed_fields) == ["paths"]
    states = {path.controller: path.ana_state for path in changed.namespace_state.paths}
    assert states["controllers/pair-1"] == "inaccessible"


# -- what drives say


async def test_an_asynchronous_event_is_decoded(daemon: Daemon) -> None:
    enable(daemon.drive(), AsyncEventConfiguration.TEMPERATURE)
    async with watching(daemon) as watch:
        daemon.drive().set_critical_warning(1 << 1)
        told = await watch.event()
    assert (kind(told), told.controller, told.device_node) == ("ASYNC_EVENT", "controllers/nvmed1-1", "nvme0")
    assert told.async_event == pb.AsyncEventDetail(
        raw=0x020101, event_type=1, information=1, log_page_id=2, name="SMART_HEALTH/TEMPERATURE"
    )


async def test_telemetry_of_its_own_and_critical_warnings_are_found_and_kept(start_daemon: StartDaemon) -> None:
    daemon = await start_daemon(events=POLLING)
    drive = daemon.drive()
    async with watching(daemon) as watch:
        generation = drive.capture_controller_telemetry(b"why")
        told = await watch.event()
        assert kind(told) == "TELEMETRY_AVAILABLE"
        assert told.telemetry_available.generation_number == generation
        assert told.telemetry_available.reason_identifier.startswith(b"why\0")
        assert drive.telemetry.controller_data_available, "reading retains the event"

        drive.set_critical_warning(1 << 3)
        told = await watch.event()
        assert kind(told) == "CRITICAL_WARNING_CHANGED"
        assert told.critical_warning_changed == pb.CriticalWarningDetail(critical_warning=8)
        drive.set_critical_warning(0)
        told = await watch.event()
        assert told.critical_warning_changed == pb.CriticalWarningDetail(previous_critical_warning=8)

        assert drive.capture_controller_telemetry() == generation + 1
        told = await watch.event()
        assert told.telemetry_available.generation_number == generation + 1
    for log in (LogPage.SMART_HEALTH_INFORMATION, LogPage.TELEMETRY_CONTROLLER_INITIATED):
        reads = [
            command
            for command in drive.journal.commands(opcode=AdminOpcode.GET_LOG_PAGE)
            if command.cdw10 & 0xFF == log
        ]
        assert reads
        assert all(command.cdw10 >> 15 & 1 for command in reads), "every read retains the event"


async def test_a_drive_that_hangs_keeps_no_other_from_being_asked(start_daemon: StartDaemon) -> None:
    daemon = await start_daemon(small_drive("A"), small_drive("B"), events=POLLING)
    hang, hung = Hang(), []
    counted = Call(lambda _, command: hung.append(command))
    for action in (counted, hang):
        daemon.drive("nvme0").faults.add(Fault(action, opcode=AdminOpcode.GET_LOG_PAGE, times=None))
    try:
        async with watching(daemon) as watch:
            for _ in range(2):
                generation = daemon.drive("nvme1").capture_controller_telemetry()
                told = await watch.event()
                assert (told.controller, told.telemetry_available.generation_number) == ("controllers/b-1", generation)
    finally:
        hang.release()
    assert len(hung) <= 1, "it is not asked again while it does not answer"


async def test_an_operation_is_told_of_from_its_begin_to_its_end(daemon: Daemon) -> None:
    async with watching(daemon) as watch:
        begun = await daemon.inventory.ResetController(
            inventory_pb2.ResetControllerRequest(name="nvme0", acknowledge_disruption=True)
        )
        seen: list[pb.Event] = []
        while not seen or seen[-1].operation_changed.state in (
            OperationMetadata.STATE_PENDING,
            OperationMetadata.STATE_RUNNING,
        ):
            seen.append(await watch.event("OPERATION_CHANGED"))
    assert {event.operation for event in seen} == {begun.name}
    assert {event.controller for event in seen} == {"controllers/nvmed1-1"}
    states = [event.operation_changed.state for event in seen]
    assert states[0] == OperationMetadata.STATE_PENDING
    assert OperationMetadata.STATE_RUNNING in states
    assert states[-1] == OperationMetadata.STATE_SUCCEEDED
    last = seen[-1].operation_changed
    assert (last.method, last.principal) == ("nvmed.v1.InventoryService/ResetController", "unix:admin")
    assert last.phase


# -- streams that break off, are slow, or come late


async def test_a_stream_goes_on_where_it_broke_off(daemon: Daemon) -> None:
    async with watching(daemon) as watch:
        daemon.drive().reset()
        await watch.event()
    async with watching(daemon) as other:
        daemon.drive().reset()
        await other.event()  # or it is gone when the start is looked at
        daemon.host.unplug("nvme0")
        await other.events(2)
    async with watching(daemon, resume_token=watch.token) as again:
        assert [event.sequence for event in await again.events(3)] == [2, 3, 4]


async def test_a_token_of_another_run_says_that_events_are_missing(start_daemon: StartDaemon) -> None:
    first, second = await start_daemon(), await start_daemon()
    async with watching(first) as watch:
        pass
    second.drive().reset()
    async with watching(second) as other:
        pass
    async with resumed(second, resume_token=watch.token) as again:
        message = await again.message()
        assert (message.WhichOneof("part"), message.dropped.count) == ("dropped", 0)
        assert message.resume_token
    async with resumed(second, resume_token=watch.token, include_snapshot=True) as again:
        message = await again.message()
        assert (message.WhichOneof("part"), message.resume_token) == ("dropped", "")
        assert [kind(event) for event in await again.snapshot()] == ["CONTROLLER_ADDED", "NAMESPACE_ADDED"]
        assert again.token
    assert other.token != watch.token


async def test_who_comes_too_late_is_told_how_many_are_missing(
    start_daemon: StartDaemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nvmed.events.events.Events.__init__.__defaults__", (8, 2))
    daemon = await start_daemon()
    async with watching(daemon) as watch:
        token = watch.token
        for _ in range(12):
            daemon.drive().reset()
            await watch.event()
    async with resumed(daemon, resume_token=token) as late:
        assert (await late.message()).WhichOneof("part") == "heartbeat"
        message = await late.message()
        assert (message.WhichOneof("part"), message.dropped.count) == ("dropped", 4)
        assert [event.sequence for event in await late.events(8)] == list(range(5, 13))
    async with resumed(daemon, resume_token=token, include_snapshot=True) as late:
        await late.message()
        message = await late.message()
        assert (message.dropped.count, message.resume_token) == (4, "")
        assert [event.sequence for event in await late.snapshot()] == [0, 0]
        # Starts are no part of a state: a snapshot does not stand for them.
        assert [event.sequence for event in await late.events(8)] == list(range(5, 13))
    assert [event.sequence for event in await listed(daemon)] == list(range(5, 13))


async def test_too_many_who_watch_are_refused(start_daemon: StartDaemon, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nvmed.events.events.Events.__init__.__defaults__", (8, 2))
    daemon = await start_daemon()
    async with watching(daemon), watching(daemon), resumed(daemon) as third:
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await third.message()
        assert reason_of(refused.value) == "LIMIT_EXCEEDED"


async def test_a_snapshot_is_what_there_is(start_daemon: StartDaemon) -> None:
    daemon = await start_daemon(PAIR, small_drive())
    async with resumed(daemon, include_snapshot=True, kinds=[pb.EVENT_KIND_CONTROLLER_REMOVED]) as watch:
        assert (await watch.message()).resume_token == ""
        found = await watch.snapshot()
        controllers = (await daemon.inventory.ListControllers(inventory_pb2.ListControllersRequest())).controllers
        shown = (await daemon.inventory.ListNamespaces(inventory_pb2.ListNamespacesRequest())).namespaces
        key = lambda item: item.name  # noqa: E731
        assert sorted((e.controller_state for e in found if e.HasField("controller_state")), key=key) == controllers
        assert sorted((e.namespace_state for e in found if e.HasField("namespace_state")), key=key) == shown
        assert {(event.sequence, event.name) for event in found} == {(0, "")}
        daemon.host.unplug("nvme2")
        assert (await watch.event()).controller == "controllers/nvmed1-1"


async def test_a_heartbeat_carries_the_place(daemon: Daemon) -> None:
    async with watching(daemon, kinds=[pb.EVENT_KIND_ASYNC_EVENT], heartbeat_interval_ms=1000) as watch:
        before = watch.token
        daemon.drive().reset()
        while watch.token == before:
            assert (await watch.message()).WhichOneof("part") == "heartbeat"
    async with watching(daemon, resume_token=watch.token) as again:
        daemon.host.unplug("nvme0")
        assert kind(await again.event()) == "NAMESPACE_REMOVED", "the start was passed over already"


# -- which events, and for whom


async def test_events_of_one_controller(start_daemon: StartDaemon) -> None:
    daemon = await start_daemon(small_drive("A"), small_drive("B"))
    async with watching(daemon, controller="nvme1") as by_node, watching(daemon, controller="controllers/b-1") as named:
        daemon.drive("nvme0").reset()
        daemon.host.unplug("nvme1")
        for watch in (by_node, named):
            assert [kind(event) for event in await watch.events(2)] == ["NAMESPACE_REMOVED", "CONTROLLER_REMOVED"]
    async with watching(daemon, controller="controllers/b-1") as watch:  # it need not be there
        daemon.host.add(Subsystem(small_drive("B")))
        assert (await watch.event("CONTROLLER_ADDED")).controller == "controllers/b-1"


async def test_a_list_has_pages_and_filters(daemon: Daemon) -> None:
    async with watching(daemon) as watch:
        for _ in range(12):
            daemon.drive().reset()
            await watch.event()
        daemon.host.unplug("nvme0")
        await watch.events(2)
    numbers: list[int] = []
    request = pb.ListEventsRequest(page_size=5)
    while True:
        page = await stub(daemon).ListEvents(request)
        assert len(page.events) <= 5
        numbers += [event.sequence for event in page.events]
        request.page_token = page.next_page_token
        if not page.next_page_token:
            break
    assert numbers == list(range(1, 15))
    assert len(await listed(daemon, "kind = CONTROLLER_STARTED")) == 12
    (gone,) = await listed(daemon, 'controller = "controllers/nvmed1-1" AND kind = CONTROLLER_REMOVED')
    assert gone.sequence == 14
    assert await listed(daemon, "sequence = 3 AND kind = ASYNC_EVENT") == []


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"resume_token": "!"}, "RESUME_TOKEN_INVALID"),
        ({"resume_token": "AAAA"}, "RESUME_TOKEN_INVALID"),
        ({"resume_token": "a" * 5000}, "INVALID_FIELD"),
        ({"kinds": [0]}, "INVALID_FIELD"),
        ({"kinds": [99]}, "INVALID_FIELD"),
        ({"kinds": [8] * 50}, "INVALID_FIELD"),
        ({"controller": "nvme7"}, "CONTROLLER_NOT_FOUND"),
        ({"controller": "../nvme0"}, "INVALID_FIELD"),
        ({"heartbeat_interval_ms": 999}, "INVALID_FIELD"),
        ({"heartbeat_interval_ms": 30_001}, "INVALID_FIELD"),
    ],
    ids=str,
)
async def test_bad_watches(daemon: Daemon, fields: dict[str, Any], reason: str) -> None:
    async with resumed(daemon, **fields) as watch:
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await watch.message()
    assert reason_of(refused.value) == reason


@pytest.mark.parametrize("fields", [{"filter": "detail = 1"}, {"filter": "kind"}, {"page_token": "!"}], ids=str)
async def test_bad_lists(daemon: Daemon, fields: dict[str, Any]) -> None:
    async with watching(daemon, resume_token="") as watch:
        daemon.drive().reset()
        await watch.event()
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await stub(daemon).ListEvents(pb.ListEventsRequest(**fields))
    assert reason_of(refused.value) == "INVALID_FIELD"


async def test_a_page_of_another_run_is_refused(start_daemon: StartDaemon) -> None:
    first, second = await start_daemon(), await start_daemon()
    async with watching(first) as watch:
        for _ in range(3):
            first.drive().reset()
            await watch.event()
    page = await stub(first).ListEvents(pb.ListEventsRequest(page_size=1))
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await stub(second).ListEvents(pb.ListEventsRequest(page_size=1, page_token=page.next_page_token))
    assert reason_of(refused.value) == "INVALID_FIELD"


async def test_many_who_watch_are_all_told(daemon: Daemon) -> None:
    async def one() -> list[str]:
        async with watching(daemon) as watch:
            ready.release()
            return [kind(event) for event in await watch.events(2)]

    ready = asyncio.Semaphore(0)
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one()) for _ in range(50)]
        for _ in tasks:
            await ready.acquire()
        daemon.host.unplug("nvme0")
    assert {tuple(task.result()) for task in tasks} == {("NAMESPACE_REMOVED", "CONTROLLER_REMOVED")}


async def test_an_event_is_encoded_once_for_all(daemon: Daemon, monkeypatch: pytest.MonkeyPatch) -> None:
    encoded: list[int] = []
    convert = convert_events.event

    def counted(event: Event, run: str) -> pb.Event:
        encoded.append(event.sequence)
        return convert(event, run)

    monkeypatch.setattr(convert_events, "event", counted)
    async with watching(daemon) as one, watching(daemon) as two, watching(daemon, controller="nvme0") as three:
        for _ in range(3):
            daemon.drive().reset()
            told = [await watch.event() for watch in (one, two, three)]
            assert told == [told[0]] * 3
    assert encoded == sorted(set(encoded))
