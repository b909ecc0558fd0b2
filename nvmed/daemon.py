"""The daemon: manages this machine's drives or simulated ones, opens its listeners, and stops in order."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Final

import msgspec
import structlog

from nvmed import checks, state_directory, trim
from nvmed.config import Config
from nvmed.devices import watchdog
from nvmed.devices.extended_telemetry import ExtendedTelemetry
from nvmed.devices.inventory import Inventory
from nvmed.devices.lane import Lane
from nvmed.devices.names import FILE_NAME, Names
from nvmed.devices.sampler import Sampler
from nvmed.events.sources import EventSources
from nvmed.firmware import images
from nvmed.firmware import recovery as reconcile
from nvmed.firmware.fetch import Fetcher
from nvmed.firmware.resets import Resets
from nvmed.firmware.spool import Spool
from nvmed.firmware.staging import Firmware
from nvmed.keyring.keys import Keys
from nvmed.keyring.paths import Fabrics
from nvmed.linux import machine, systemd
from nvmed.namespaces import recovery as namespace_reconcile
from nvmed.nvme.host import Host
from nvmed.operations import journal_file
from nvmed.operations.journal import Journal
from nvmed.operations.manager import Manager, Reconcile
from nvmed.operations.passthru import Passthrus
from nvmed.operations.request_digest import RequestDigests
from nvmed.operations.retention import Retention
from nvmed.preconditions.drives import Drives
from nvmed.preconditions.exclusion import Exclusion
from nvmed.reload import Reloader, Served, answering
from nvmed.rpc.admission import AdmissionControl
from nvmed.rpc.budget import Budget
from nvmed.rpc.credentials import ListenerCredentials
from nvmed.rpc.governed import Governed
from nvmed.rpc.listeners import loopback_listener, tls_listener, unix_listener
from nvmed.rpc.metrics import Metrics
from nvmed.rpc.metrics_http import metrics_listener
from nvmed.rpc.operation_audit import OperationAudit
from nvmed.rpc.resources import Resources
from nvmed.rpc.services import Components
from nvmed.rpc.services.admin import HostIdentity
from nvmed.rpc.throttle import Throttle
from nvmed.security.audit import Audit, auditing
from nvmed.security.bindings import Policy, make_policy

log: Final = structlog.get_logger("nvmed.daemon")


@asynccontextmanager
async def serving(host: Host, configured: Config, source: str = "configuration") -> AsyncIterator[tuple[str, ...]]:
    """Serve `host`'s drives inside; yields the addresses that clients can connect to.

    Raises CONFIG_INVALID before anything is begun if the configuration cannot be used.
    """
    async with opened(host, configured, source) as served:
        yield served.addresses


@asynccontextmanager
async def opened(host: Host, configured: Config, source: str) -> AsyncIterator[Served]:
    """As `serving`; yields what a reload works on.

    The state directory is locked first: until then nothing of another daemon's is read, asked or changed.
    """
    checks.check_start(configured, source)
    policy = make_policy(configured, source)
    tls_credentials = [ListenerCredentials(listener) for listener in configured.listen.tls]
    async with contextlib.AsyncExitStack() as stack:
        stack.enter_context(state_directory.locked(Path(configured.state_dir)))
        components = await make_components(host, configured, policy, source)
        await _enter(stack, components)
        if configured.metrics.address:
            await stack.enter_async_context(components.sampler.running())
            await stack.enter_async_context(metrics_listener(configured.metrics, components.metrics.exposition))
        addresses = [
            await stack.enter_async_context(listener)
            for listener in _listeners(components, configured, tls_credentials)
        ]
        stack.callback(components.events.events.close)  # before the listeners: streams that wait would hold them open
        yield Served(configured, source, components, tls_credentials, tuple(addresses))


async def make_components(host: Host, configured: Config, policy: Policy, source: str) -> Components:
    """Make what the services stand on; nothing runs yet, except that telemetry a crash left extended is put back."""
    state_dir = Path(configured.state_dir)
    inventory = Inventory(host, Names(state_dir / FILE_NAME))
    extended = ExtendedTelemetry(state_dir)
    await extended.recover(inventory)
    exclusion = Exclusion()
    drives = Drives(inventory, exclusion, host.usage)
    sources = checks.key_sources(configured)
    keys = Keys.make(inventory, exclusion, make_fabrics(configured), sources=sources, state_dir=state_dir)
    spool = Spool(state_dir / "spool")
    audit = Audit(configured)
    retention = Retention(**msgspec.structs.asdict(configured.history))
    operations = Manager(
        Journal(state_dir / journal_file.NAME, reconcile.HISTORY | namespace_reconcile.HISTORY, retention.answers_max),
        _reconcilers(drives, spool, keys),
        retention=retention,
        listener=OperationAudit(audit),
    )
    firmware = Firmware(drives, operations, spool, checks.firmware_rules(configured))
    passthrus = Passthrus(inventory, operations, exclusion, checks.passthru_rules(configured))
    sampler = Sampler(inventory, configured.metrics.sample_interval_s)
    budget = Budget(configured.limits.bytes_in_flight)
    metrics = Metrics(inventory, operations, sampler, budget)
    digests = RequestDigests(state_dir)
    return Components(
        inventory=inventory,
        extended_telemetry=extended,
        operations=operations,
        keys=keys,
        digests=digests,
        spool=spool,
        firmware=firmware,
        fetcher=Fetcher(spool, configured.firmware.fetch, source),
        resets=Resets(drives),
        passthrus=passthrus,
        drives=drives,
        events=_make_events(host, configured, inventory, operations, keys),
        sampler=sampler,
        metrics=metrics,
        admission=AdmissionControl(
            policy, Resources(inventory, operations), metrics.calls, audit, Throttle(configured.limits), budget
        ),
        audit_reader=Lane("audit-reader", threads=2),
        identity=_identity(configured, digests),
        simulated=configured.host.simulate > 0,
        governed=_make_governed(firmware, passthrus, keys),
    )


def _identity(configured: Config, digests: RequestDigests) -> HostIdentity:
    """This installation; many simulated hosts may share a machine, and each has a state directory of its own."""
    if configured.host.simulate:
        return HostIdentity(str(machine.as_uuid(digests.keyed(machine.NVMED.bytes))), "")
    found = machine.machine_id()
    host_id = machine.application_id(found) if found else machine.as_uuid(digests.keyed(machine.NVMED.bytes))
    return HostIdentity(str(host_id), machine.host_nqn())


def _reconcilers(drives: Drives, spool: Spool, keys: Keys) -> Mapping[str, Reconcile]:
    """What finds out what became of an operation that was cut off, by its kind."""
    return {
        **reconcile.reconcilers(drives),
        **images.reconcilers(spool),
        **namespace_reconcile.reconcilers(drives.inventory),
        **keys.reconcilers(),
    }


def _make_governed(firmware: Firmware, passthrus: Passthrus, keys: Keys) -> Governed:
    return Governed(
        {
            "nvmed.v1.FirmwareService": firmware.check_rules,
            "nvmed.v1.PassthruService": passthrus.check_rules,
            "nvmed.v1.KeyService": keys.store.check_files,
        }
    )


def _make_events(host: Host, configured: Config, inventory: Inventory, operations: Manager, keys: Keys) -> EventSources:
    return EventSources(
        host,
        inventory,
        operations,
        keys.keyring,
        poll_interval_s=configured.events.poll_interval_s,
        key_warnings_s=configured.events.key_expiry_warnings_s,
    )


async def _enter(stack: contextlib.AsyncExitStack, on: Components) -> None:
    """Begin what runs beside the calls, and settle what a crash left; all of it ends with `stack`, in reverse."""
    await stack.enter_async_context(trim.returned())
    await stack.enter_async_context(watchdog.fed(on.own_lanes, lambda: [device.lane for device in on.inventory.known]))
    await stack.enter_async_context(auditing(on.admission.audit))
    stack.callback(on.audit_reader.close)
    stack.callback(on.inventory.close)
    stack.callback(on.keys.close)
    stack.callback(on.firmware.close)
    stack.callback(on.fetcher.close)
    stack.callback(on.passthrus.close)
    stack.push_async_callback(on.extended_telemetry.settle)
    await stack.enter_async_context(on.spool.serving())
    await stack.enter_async_context(on.events.serving())
    await on.operations.recover()
    stack.push_async_callback(on.operations.close)
    await stack.enter_async_context(on.keys.store.serving())
    await stack.enter_async_context(on.governed.followed())


def _listeners(
    components: Components, configured: Config, tls_credentials: Sequence[ListenerCredentials]
) -> Iterator[AbstractAsyncContextManager[str]]:
    """The configured listeners, none of them open yet."""
    listen = configured.listen
    for unix in listen.unix:
        yield unix_listener(components, unix)
    for tls, credentials in zip(listen.tls, tls_credentials, strict=True):
        yield tls_listener(components, tls, credentials)
    if listen.insecure_loopback:
        yield loopback_listener(components, listen.insecure_loopback)


async def run(
    host: Host,
    configured: Config,
    ready: Callable[[tuple[str, ...]], None],
    source: str = "",
    read: Callable[[], Config] | None = None,
) -> None:
    """Serve until SIGTERM or SIGINT; `ready` and systemd are told once clients can connect.

    SIGHUP reloads: `read` reads the configuration again, which without it stays as it is.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    loop.add_signal_handler(signal.SIGHUP, lambda: None)  # until it serves: it has only just read everything
    async with opened(host, configured, source) as served:
        reloader = Reloader(served, read or (lambda: configured))
        async with answering(reloader):
            log.info("ready", addresses=served.addresses, simulated=configured.host.simulate > 0)
            systemd.ready()
            ready(served.addresses)
            await stop.wait()
            log.info("stopping")
            systemd.stopping()


def make_host(configured: Config) -> Host:
    """The host to manage: this machine, or drives in software."""
    if not configured.host.simulate:
        from nvmed.linux.sysfs import LinuxHost  # the two never meet: one of them is imported

        return LinuxHost(Path(configured.host.sysfs_root), Path(configured.host.dev_root))
    from nvmed.simulator.host import default_host

    return default_host(configured.host.simulate)


def make_fabrics(configured: Config) -> Fabrics | None:
    """The connections of this machine; none where drives are simulated."""
    if configured.host.simulate:
        return None
    from nvmed.linux.fabrics import LinuxFabrics

    return LinuxFabrics(Path(configured.host.sysfs_root), Path(configured.host.dev_root))
