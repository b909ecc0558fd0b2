"""`nvmed`: the daemon, and what looks after it."""

from __future__ import annotations

import asyncio
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nvmed import __version__, grpc_environment, malloc
from nvmed.errors import NvmedError
from nvmed.simulator_commands import say_ready, simulator

malloc.tune()
grpc_environment.prepare()

if TYPE_CHECKING:
    from nvmed.config import Config

_FILE = click.Path(path_type=Path, dir_okay=False)
_FOLDER = click.Path(path_type=Path, file_okay=False)


def _serving_options(command: Any) -> Any:
    """The options that stand before what the configuration says; none of them has a default of its own."""
    for option in reversed(
        (
            click.option("--config", type=_FILE, help="Configuration (TOML); without it, what the options below say."),
            click.option(
                "--simulate", type=click.IntRange(1, 64), metavar="N", help="Serve N simulated drives, not this host's."
            ),
            click.option(
                "--simulate-from",
                type=_FILE,
                multiple=True,
                help="Serve the drive of a recording too (`nvmed simulator record`); may be repeated.",
            ),
            click.option(
                "--simulate-faults", type=_FILE, help="Faults of simulated drives (TOML): see `nvmed simulator fault`."
            ),
            click.option(
                "--simulate-keyring/--no-simulate-keyring",
                default=None,
                help="Keep keys in a simulated keyring, not in the kernel's.  [default without a configuration: "
                "where drives are simulated]",
            ),
            click.option(
                "--socket",
                type=_FILE,
                help="The only unix socket, of mode 0600: whoever can open it may do everything.  [default without a "
                "configuration: /run/nvmed/admin.sock; with --simulate alone a private one]",
            ),
            click.option(
                "--insecure-tcp",
                metavar="ADDRESS:PORT",
                help="Also serve plain TCP on loopback, for tests: everyone on this machine may do everything.",
            ),
            click.option("--state-dir", type=_FOLDER, help="Where the daemon keeps what must survive it."),
            click.option("--sysfs-root", type=_FOLDER, help="sysfs."),
            click.option("--dev-root", type=_FOLDER, help="Device nodes."),
            click.option("--log-level", type=click.Choice(["debug", "info", "warning", "error"])),
        )
    ):
        command = option(command)
    return command


def _configured(config: Path | None, **options: Any) -> tuple[Config, str]:
    """The configuration with the options before it, and what errors call it."""
    from nvmed import config as configuration  # imports what only the daemon needs

    source = str(config) if config else "options"
    loaded = configuration.load(config.absolute()) if config else configuration.Config()
    socket, insecure_tcp = options.pop("socket"), options.pop("insecure_tcp")
    paths = {
        "simulate": "host.simulate",
        "simulate_from": "host.simulate_from",
        "simulate_faults": "host.simulate_faults",
        "simulate_keyring": "host.simulate_keyring",
        "sysfs_root": "host.sysfs_root",
        "dev_root": "host.dev_root",
        "state_dir": "state_dir",
        "log_level": "log_level",
    }
    changes: dict[str, Any] = {
        paths[name]: _plain(value) for name, value in options.items() if value is not None and value != ()
    }
    if config is None and ("host.simulate" in changes or "host.simulate_from" in changes):
        changes.setdefault("host.simulate_keyring", True)
    if socket is not None:
        changes["listen.unix"] = [configuration.UnixListener(path=str(socket.absolute()), roles=("admin",))]
    if insecure_tcp is not None:
        if not configuration.is_loopback(insecure_tcp):
            raise click.BadParameter(
                "is no loopback address; plain TCP is for tests on this machine", param_hint="--insecure-tcp"
            )
        changes["listen.insecure_loopback"] = configuration.Loopback(address=insecure_tcp)
    return configuration.replaced(loaded, source, changes), source


def _plain(value: Any) -> Any:
    """The value of an option as the configuration has it: paths are absolute texts there."""
    if isinstance(value, tuple):
        return [_plain(one) for one in value]
    return str(value.absolute()) if isinstance(value, Path) else value


@contextmanager
def _private(options: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """`options`; with simulated drives alone, a state and a socket that are gone afterwards.

    Any user can then try it, and it never touches the state of a daemon that manages this host.
    """
    simulated = options["simulate"] is not None or options["simulate_from"]
    if not simulated or options["config"] or (options["socket"] and options["state_dir"]):
        yield options
        return
    with tempfile.TemporaryDirectory(prefix="nvmed-") as directory:
        own = {"socket": Path(directory, "admin.sock"), "state_dir": Path(directory, "state")}
        yield {**options, **{name: options[name] or path for name, path in own.items()}}


@click.group(invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="nvmed")
@_serving_options
@click.pass_context
def main(context: click.Context, /, log_level: str | None, **options: Any) -> None:
    """Serve the management of this host's NVMe drives over gRPC."""
    from nvmed import logs

    logs.configure(log_level or "info")
    if context.invoked_subcommand is not None:
        return
    from nvmed import daemon

    try:
        with _private(options) as serving:
            configured, source = _configured(log_level=log_level, **serving)
            logs.configure(configured.log_level)
            read = partial(_configured, log_level=log_level, **serving)
            host = daemon.make_host(configured)
            ready = say_ready if serving is options else _say_how_to_call
            asyncio.run(daemon.run(host, configured, ready, source, read=lambda: read()[0]))
    except NvmedError as exc:
        raise click.ClickException(exc.message) from None


@main.command("check-config")
@click.argument("file", type=_FILE, default=Path("/etc/nvmed/nvmed.toml"))
def check_config(file: Path) -> None:
    """Check a configuration, and every file that it names, without serving: exits with 1 and says what is wrong."""
    from nvmed import checks

    try:
        configured, source = _configured(file, socket=None, insecure_tcp=None)
        checks.check(configured, source)
    except NvmedError as exc:
        raise click.ClickException(exc.message) from None
    click.echo(f"{file}: nothing is wrong")


@main.group("journal")
def journal() -> None:
    """Look after the journal of operations."""


@journal.command("check")
@click.argument("state_dir", type=_FOLDER, default=Path("/var/lib/nvmed"))
def check_journal(state_dir: Path) -> None:
    """Check the journal in a state directory, also while a daemon uses it: exits with 1 and says what is wrong.

    Nothing is changed. An operation that is named has not hidden any other: the daemon shows it in NEEDS_ATTENTION.
    """
    from nvmed.operations import journal_file

    path, found = state_dir / journal_file.NAME, 0
    try:
        for sentence in journal_file.problems(path):
            click.echo(f"{path}: {sentence}", err=True)
            found += 1
    except NvmedError as exc:
        raise click.ClickException(exc.message) from None
    if found:
        raise click.ClickException(f"{path} is damaged in {found} places")
    click.echo(f"{path}: nothing is wrong")


@main.command("reload")
@click.argument("pid", type=click.IntRange(min=1))
def reload_daemon(pid: int) -> None:
    """Let the daemon that is process PID take over its configuration, policy and certificates as they are now.

    Ends when that is done. If anything is wrong, nothing is taken over: it says what, and exits with 1.
    """
    from nvmed import reload

    try:
        reload.ask(pid)
    except NvmedError as exc:
        raise click.ClickException(exc.message) from None


@main.command("health")
@click.argument("service", default="")
@click.option(
    "--address",
    envvar="NVMED_ADDRESS",
    default="unix:/run/nvmed/admin.sock",
    show_default=True,
    help="Its unix socket.",
)
@click.option("--timeout", "timeout_s", type=click.FloatRange(0, min_open=True), default=10.0, show_default=True)
def health(service: str, address: str, timeout_s: float) -> None:
    """Say whether the daemon serves (SERVICE or a controller by its resource name, if given): exits with 1 if not.

    For probes of containers, and by a unix socket alone: `grpc_health_probe` shows certificates.
    """
    from nvmed.rpc import health_probe

    if not address.startswith(("unix:", "/")):
        raise click.BadParameter("is no unix socket", param_hint="--address")
    try:
        status = health_probe.ask(f"unix:{address.removeprefix('unix:')}", service, timeout_s)
    except NvmedError as exc:
        raise click.ClickException(exc.message) from None
    click.echo(status)
    if status != health_probe.SERVING:
        sys.exit(1)


@main.command("dev-ca")
@click.argument("directory", type=_FOLDER)
@click.option("--server", "servers", multiple=True, metavar="NAME", help="DNS name or address of the daemon.")
@click.option(
    "--client", "clients", multiple=True, metavar="NAME", help="URI or DNS name of a client, as bindings name it."
)
def dev_ca(directory: Path, servers: tuple[str, ...], clients: tuple[str, ...]) -> None:
    """Make certificates for development: an authority, and what it signs for servers and clients.

    Again for the same directory, it adds to what the authority there has signed.
    """
    from nvmed.security.dev_ca import prepare

    try:
        for path in prepare(directory, servers, clients):
            click.echo(path)
    except (OSError, ValueError) as exc:
        raise click.ClickException(str(exc)) from None
    except NvmedError as exc:
        raise click.ClickException(exc.message) from None


def _say_how_to_call(addresses: tuple[str, ...]) -> None:
    """For who tries it: an address that nobody could guess."""
    say_ready(addresses)
    sys.stderr.write(f"export NVMED_ADDRESS={addresses[0]}\n")


main.add_command(simulator)

if __name__ == "__main__":
    main()
