"""The daemon: manages this machine's drives or simulated ones, opens its listeners, and stops in order."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec
import structlog

from nvmed import checks, state_directory, tracing, trim
from nvmed.captures import recovery as capture_reconcile
from nvmed.captures.automatic import Automatic
from nvmed.captures.automatic import Settings as AutomaticSettings
from nvmed.captures.capturing import Capturing
from nvmed.captures.store import CaptureLimits, Captures
from nvmed.config import SOCKET_PATH_BYTES_MAX, Config, UnixListener, read_trusted
from nvmed.desired import apply as desired
from nvmed.devices import watchdog
from nvmed.devices.extended_telemetry import ExtendedTelemetry
from nvmed.devices.inventory import Inventory
from nvmed.devices.lane import Lane
from nvmed.devices.names import FILE_NAME, Names
from nvmed.devices.sampler import Sampler
from nvmed.erasure.certificate import HostFacts
from nvmed.erasure.erasures import Erasures
from nvmed.events.slow_rules import Rule
from nvmed.events.sources import EventSources, Watched
from nvmed.events.surroundings_poll import Rules
from nvmed.features import recovery as feature_reconcile
from nvmed.firmware import images
from nvmed.firmware import recovery as reconcile
from nvmed.firmware.fetch import Fetcher
from nvmed.firmware.resets import Resets
from nvmed.firmware.spool import Spool
from nvmed.firmware.staging import Firmware
from nvmed.keyring.keys import Keys
from nvmed.keyring.paths import Fabrics
from nvmed.keys.kernel import KeyService
from nvmed.linux import keyctl, machine, systemd
from nvmed.locator.locators import Locators
from nvmed.namespaces import recovery as namespace_reconcile
from nvmed.nvme.host import Host
from nvmed.nvme.telemetry import TelemetryDataArea
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
from nvmed.rpc.credentials import GrpcCredentials, SslCredentials
from nvmed.rpc.governed import Governed
from nvmed.rpc.listeners import loopback_listener, tls_listener, unix_listener, unix_socket
from nvmed.rpc.metrics import Metrics, Shown
from nvmed.rpc.metrics_http import serving_metrics
from nvmed.rpc.operation_audit import OperationAudit
from nvmed.rpc.resources import Resources
from nvmed.rpc.services import Components
from nvmed.rpc.services.admin import HostIdentity
from nvmed.rpc.throttle import Throttle
from nvmed.security.audit import Audit, auditing
from nvmed.security.bindings import Policy, make_policy
from nvmed.self_test import recovery as self_test_reconcile
from nvmed.self_test.tests import SelfTests
from nvmed.support.creating import Supports
from nvmed.support.store import BundleLimits, Bundles

if TYPE_CHECKING:
    from nvmed.otel.exporter import Exporter

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
    tls_credentials = [GrpcCredentials(listener) for listener in configured.listen.tls]
    scraped_with = [SslCredentials(listener) for listener in configured.metrics.tls]
    async with contextlib.AsyncExitStack() as stack:
        stack.enter_context(state_directory.locked(Path(configured.state_dir)))
        exporter = _make_exporter(configured)
        tracer = tracing.OFF
        if exporter is not None:
            stack.push_async_callback(exporter.end)  # before all else, so that it is last
            tracer = exporter.tracer
        components = await make_components(host, configured, policy, source, tracer)
        if exporter is not None:
            await stack.enter_async_context(exporter.exporting(components.inventory, components.sampler))
        await _enter(stack, components)
        is_scraped = bool(configured.metrics.address or scraped_with)
        if is_scraped or (configured.otel.endpoint and configured.otel.metrics):
            await stack.enter_async_context(components.sampler.running())
        if is_scraped:
            await stack.enter_async_context(serving_metrics(configured.metrics, scraped_with, components))
        addresses = [
            await stack.enter_async_context(listener)
            for listener in _listeners(components, configured, tls_credentials)
        ]
        stack.callback(components.events.events.close)  # before the listeners: streams that wait would hold them open
        credentials = [*tls_credentials, *scraped_with]
        components.metrics.sources.certificates = lambda: {one.address: one.expires_at for one in credentials}
        yield Served(configured, source, components, credentials, tuple(addresses))


async def make_components(
    host: Host, configured: Config, policy: Policy, source: str, tracer: tracing.Tracer = tracing.OFF
) -> Components:
    """Make what the services stand on; nothing runs yet, except that telemetry a crash left extended is put back."""
    state_dir = Path(configured.state_dir)
    inventory = Inventory(host, Names(state_dir / FILE_NAME))
    extended = await _recovered_telemetry(state_dir, inventory)
    exclusion = Exclusion()
    drives = Drives(inventory, exclusion, host.usage)
    keys = _make_keys(configured, inventory, exclusion)
    spool = Spool(state_dir / "spool")
    audit = Audit(configured)
    self_tests = SelfTests(drives, configured.self_test.concurrent_max)
    digests = RequestDigests(state_dir)
    identity = _identity(configured, digests)
    supports = _make_supports(configured)
    erasures = Erasures(state_dir, drives, HostFacts(identity.host_id, identity.host_nqn), host.on_battery)
    capturing = _make_capturing(configured, extended)
    reconcilers = _reconcilers(drives, spool, keys, self_tests, erasures, supports, capturing)
    operations = _make_operations(configured, audit, reconcilers, tracer)
    automatic = Automatic(inventory, operations, capturing, _automatic_settings(configured))
    firmware = Firmware(drives, operations, spool, checks.firmware_rules(configured))
    passthrus = Passthrus(inventory, operations, exclusion, checks.passthru_rules(configured))
    sampler = Sampler(inventory, configured.metrics.sample_interval_s)
    budget = Budget(configured.limits.bytes_in_flight)
    throttle = Throttle(configured.limits)
    events = _make_events(host, configured, inventory, operations, keys, automatic)
    shown = Shown(
        operations, budget, throttle, audit, capturing, supports.store, spool, erasures,
        keys=lambda: events.keys.ends_ms, slow=lambda: events.slow_by_name(inventory.known),
    )  # fmt: skip
    metrics = Metrics(inventory, sampler, shown)
    resources = Resources(inventory, operations, capturing.store)
    return Components(
        host=host, inventory=inventory, extended_telemetry=extended, operations=operations, keys=keys,
        digests=digests, spool=spool, firmware=firmware, fetcher=Fetcher(spool, configured.firmware.fetch, source),
        resets=Resets(drives), self_tests=self_tests, erasures=erasures, supports=supports, configured=configured,
        capturing=capturing, automatic=automatic, locators=Locators(host, inventory, state_dir), passthrus=passthrus,
        drives=drives, events=events, sampler=sampler, metrics=metrics,
        admission=AdmissionControl(policy, resources, metrics.calls, audit, throttle, budget, tracer),
        audit_reader=Lane("audit-reader", threads=2), identity=identity, simulated=configured.host.is_simulated,
        governed=_make_governed(firmware, passthrus, keys),
    )  # fmt: skip


async def _recovered_telemetry(state_dir: Path, inventory: Inventory) -> ExtendedTelemetry:
    extended = ExtendedTelemetry(state_dir)
    await extended.recover(inventory)
    return extended


def _make_exporter(configured: Config) -> Exporter | None:
    """What sends traces, metrics and logs to a collector; without one nothing of it is imported."""
    if not configured.otel.endpoint:
        return None
    from nvmed.otel.exporter import Exporter

    return Exporter(configured.otel)


def _make_operations(
    configured: Config, audit: Audit, reconcilers: Mapping[str, Reconcile], tracer: tracing.Tracer
) -> Manager:
    path = Path(configured.state_dir) / journal_file.NAME
    retention = Retention(**msgspec.structs.asdict(configured.history))
    history = reconcile.HISTORY | namespace_reconcile.HISTORY | desired.HISTORY
    journal = Journal(path, history, retention.answers_max)
    return Manager(journal, reconcilers, retention=retention, listener=OperationAudit(audit), tracer=tracer)


def _identity(configured: Config, digests: RequestDigests) -> HostIdentity:
    """This installation; many simulated hosts may share a machine, and each has a state directory of its own."""
    if configured.host.is_simulated:
        return HostIdentity(str(machine.as_uuid(digests.keyed(machine.NVMED.bytes))), "")
    found = machine.machine_id()
    host_id = machine.application_id(found) if found else machine.as_uuid(digests.keyed(machine.NVMED.bytes))
    return HostIdentity(str(host_id), machine.host_nqn())


def _make_capturing(configured: Config, extended: ExtendedTelemetry) -> Capturing:
    wanted = configured.captures
    allowed = CaptureLimits(wanted.quota_bytes, wanted.automatic_quota_bytes, wanted.ttl_s)
    return Capturing(Captures(Path(configured.state_dir) / "captures", allowed), extended)


def _make_supports(configured: Config) -> Supports:
    allowed = BundleLimits(configured.support.quota_bytes, configured.support.ttl_s)
    return Supports(Bundles(Path(configured.state_dir) / "support", allowed))


def _automatic_settings(configured: Config) -> AutomaticSettings:
    wanted = configured.captures
    return AutomaticSettings(
        wanted.automatic,
        configured.slow_drives.capture,
        TelemetryDataArea(wanted.automatic_area),
        wanted.automatic_acknowledge,
        wanted.automatic_interval_s,
    )


def _reconcilers(
    drives: Drives,
    spool: Spool,
    keys: Keys,
    self_tests: SelfTests,
    erasures: Erasures,
    supports: Supports,
    capturing: Capturing,
) -> Mapping[str, Reconcile]:
    """What finds out what became of an operation that was cut off, by its kind."""
    return {
        **reconcile.reconcilers(drives),
        **images.reconcilers(spool),
        **namespace_reconcile.reconcilers(drives.inventory, erasures.formats),
        **feature_reconcile.reconcilers(drives.inventory),
        **self_test_reconcile.reconcilers(drives, self_tests),
        **desired.reconcilers(),
        **capture_reconcile.reconcilers(capturing.store, drives.inventory),
        **keys.reconcilers(),
        **erasures.reconcilers(),
        **supports.reconcilers(),
    }


def _make_keys(configured: Config, inventory: Inventory, exclusion: Exclusion) -> Keys:
    return Keys.make(
        inventory,
        exclusion,
        make_fabrics(configured),
        sources=checks.key_sources(configured),
        state_dir=Path(configured.state_dir),
        service=make_key_service(configured),
    )


def _make_governed(firmware: Firmware, passthrus: Passthrus, keys: Keys) -> Governed:
    return Governed(
        {
            "nvmed.v1.FirmwareService": firmware.check_rules,
            "nvmed.v1.PassthruService": passthrus.check_rules,
            "nvmed.v1.KeyService": keys.store.check_files,
        }
    )


def _make_events(
    host: Host, configured: Config, inventory: Inventory, operations: Manager, keys: Keys, automatic: Automatic
) -> EventSources:
    events, slow = configured.events, configured.slow_drives
    rule = Rule(slow.peers_percent / 100, slow.past_percent / 100, slow.io_count_min, slow.peers_min, slow.intervals)
    watched = Watched(
        Rules(events.poll_interval_s, events.correctable_errors_max, rule if slow.enabled else None),
        events.key_expiry_warnings_s,
        events.certificate_expiry_warnings_s,
        configured.listen.tls,
        Path(configured.state_dir),
        automatic.raised,
        automatic.became_slow,
    )
    return EventSources(host, inventory, operations, keys.keyring, watched)


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
    stack.callback(on.erasures.close)
    stack.push_async_callback(on.extended_telemetry.settle)
    await stack.enter_async_context(on.spool.serving())
    await stack.enter_async_context(on.supports.store.serving())
    await stack.enter_async_context(on.capturing.store.serving())
    await stack.enter_async_context(on.events.serving())
    await on.operations.recover()
    stack.push_async_callback(on.operations.close)
    await stack.enter_async_context(on.automatic.serving())
    await stack.enter_async_context(on.keys.store.serving())
    await stack.enter_async_context(on.locators.serving())
    await stack.enter_async_context(on.governed.followed())


def _listeners(
    components: Components, configured: Config, tls_credentials: Sequence[GrpcCredentials]
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
    async with opened(host, configured, source) as served, faulty(host, configured):
        reloader = Reloader(served, read or (lambda: configured))
        async with answering(reloader):
            log.info("ready", addresses=served.addresses, simulated=configured.host.is_simulated)
            systemd.ready()
            ready(served.addresses)
            await stop.wait()
            log.info("stopping")
            systemd.stopping()


@asynccontextmanager
async def faulty(host: Host, configured: Config) -> AsyncIterator[None]:
    """Let `nvmed simulator fault` reach the drives inside, where they are simulated and clients have a unix socket."""
    if not configured.host.is_simulated:
        yield
        return
    from nvmed.simulator import fault_file, fault_socket
    from nvmed.simulator.fault_switch import FaultSwitch
    from nvmed.simulator.host import SimulatedHost

    assert isinstance(host, SimulatedHost)  # noqa: S101 - the configuration says so
    switch = FaultSwitch(host)
    if source := configured.host.simulate_faults:
        switch.add(fault_file.parse(read_trusted(Path(source)), source), source)
    async with contextlib.AsyncExitStack() as stack:
        stack.callback(switch.close)
        for listener in configured.listen.unix[:1]:
            path = fault_socket.path_beside(listener.path)
            if len(str(path).encode()) > SOCKET_PATH_BYTES_MAX:
                log.warning("simulator.no_faults", path=str(path), message="a socket's path is at most 107 bytes")
                continue
            listening = unix_socket(UnixListener(path=str(path)))
            await stack.enter_async_context(fault_socket.serving(listening, path, switch))
        yield


def make_host(configured: Config) -> Host:
    """The host to manage: this machine, or drives in software."""
    if not configured.host.is_simulated:
        from nvmed.linux.sysfs import LinuxHost  # the two never meet: one of them is imported

        return LinuxHost(Path(configured.host.sysfs_root), Path(configured.host.dev_root))
    from nvmed.simulator.host import default_host

    return default_host(configured.host.simulate, configured.host.simulate_from)


def make_fabrics(configured: Config) -> Fabrics | None:
    """The connections of this machine; none where drives are simulated."""
    if configured.host.is_simulated:
        return None
    from nvmed.linux.fabrics import LinuxFabrics

    return LinuxFabrics(Path(configured.host.sysfs_root), Path(configured.host.dev_root))


def make_key_service(configured: Config) -> KeyService:
    """The keyrings that keys are put into: this kernel's, or simulated ones."""
    if not configured.host.simulate_keyring:
        return keyctl
    from nvmed.simulator.keyring import SimulatedKeyring

    return SimulatedKeyring()
