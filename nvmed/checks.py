"""What must hold before the daemon starts or reloads: one path for `nvmed check-config`, a start and a reload.

Each raises CONFIG_INVALID, with the configuration and the field that names what is wrong, before anything is begun.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from nvmed import config, files
from nvmed.config import Config
from nvmed.errors import NvmedError
from nvmed.firmware.fetch import check as check_fetch
from nvmed.keyring import files as key_files
from nvmed.keyring.files import KeySources
from nvmed.linux import systemd
from nvmed.otel import headers
from nvmed.preconditions.firmware_rules import RulesFiles
from nvmed.rpc.listeners import check_socket
from nvmed.security import tls
from nvmed.security.bindings import make_policy
from nvmed.security.passthru import PassthruRules


def check(configured: Config, source: str) -> None:
    """Everything, also what a start only tells of: keys that would not be inserted, certificates that expired."""
    check_start(configured, source)
    for where, listener in configured.tls_listeners:
        with _naming(source, f"{where}.certificate"):
            if not tls.is_current(tls.load(listener)):
                raise config.invalid(listener.certificate, "", "is not valid now")
    with _naming(source, "keys"):
        key_files.check(key_sources(configured))
    if configured.host.is_simulated:
        _check_simulated(configured)


def _check_simulated(configured: Config) -> None:
    from nvmed.simulator import fault_file, replay  # what a daemon of real drives never loads

    for recording in configured.host.simulate_from:
        replay.load(Path(recording))
    if file := configured.host.simulate_faults:
        fault_file.parse(config.read_trusted(Path(file)), file)


def check_start(configured: Config, source: str) -> None:
    """What keeps the daemon from starting."""
    make_policy(configured, source)
    check_files(configured, source)
    if configured.captures.automatic and not configured.events.poll_interval_s:
        raise config.invalid(source, "captures.automatic", "needs the poll of events.poll_interval_s, which is 0")
    _check_otel(configured, source)
    for where, directory in (("state_dir", configured.state_dir), ("audit.directory", configured.audit.directory)):
        if directory and (why := files.distrust_directory(Path(directory))):
            raise config.invalid(source, where, why)
    for index, unix in enumerate(configured.listen.unix):
        with _naming(source, f"listen.unix[{index}]"):
            check_socket(unix)
    if configured.metrics.address.startswith("unix:"):
        path = configured.metrics.address.removeprefix("unix:")
        with _naming(source, "metrics"):
            check_socket(config.UnixListener(path=path, group=configured.metrics.group))


def check_files(configured: Config, source: str) -> None:
    """The files that a configuration names and that a reload reads: rules and certificates."""
    check_fetch(configured.firmware.fetch, source)
    with _naming(source, "firmware.rules"):
        firmware_rules(configured).current()
    with _naming(source, "policy.passthru_rules"):
        passthru_rules(configured).current()
    for where, listener in configured.tls_listeners:
        names = {getattr(listener, name): name for name in ("certificate", "key", "client_ca")}
        with _naming(source, where, names):
            tls.load(listener)


def _check_otel(configured: Config, source: str) -> None:
    if not configured.otel.endpoint:
        return
    try:
        found = importlib.util.find_spec("opentelemetry.proto.collector")
    except ModuleNotFoundError:
        found = None
    if found is None:
        raise config.invalid(
            source, "otel.endpoint", "needs what the extra brings; install nvmed[daemon,otel], or take [otel] away"
        )
    with _naming(source, "otel"):
        for name in ("ca", "headers_file"):
            if path := getattr(configured.otel, name):
                config.read_trusted(Path(path))
        if configured.otel.headers_file:
            headers.read(Path(configured.otel.headers_file))


def key_sources(configured: Config) -> KeySources:
    """Where the keys are that the configuration wants in the keyring."""
    return KeySources(_path_of(configured.keys.directory), systemd.credentials_directory(), configured.keys.credentials)


def firmware_rules(configured: Config) -> RulesFiles:
    """The rules about firmware that are configured, not read yet."""
    return RulesFiles(_path_of(configured.firmware.rules))


def passthru_rules(configured: Config) -> PassthruRules:
    """The rules for passthrough that are configured; the operator's own are not read yet."""
    return PassthruRules(_path_of(configured.policy.passthru_rules))


def _path_of(configured: str) -> Path | None:
    """The path that a field has, None for an empty one."""
    return Path(configured) if configured else None


@contextmanager
def _naming(source: str, where: str, names: Mapping[str, str] | None = None) -> Iterator[None]:
    """Let what is raised inside say which field of the configuration names what is wrong; `names` are of its files."""
    try:
        yield
    except NvmedError as exc:
        field = (names or {}).get(exc.metadata.get("file", ""), "")
        raise config.invalid(source, f"{where}.{field}" if field else where, exc.message) from exc
