"""`nvmed`: the daemon, and `nvmed simulator`: drives in software for somebody else's kernel."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import click

from nvmed import __version__, malloc
from nvmed.errors import NvmedError

malloc.tune()


@click.group(invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="nvmed")
@click.option(
    "--simulate", type=click.IntRange(1, 64), metavar="N", help="Serve N simulated drives instead of this host's."
)
@click.option(
    "--socket",
    type=click.Path(path_type=Path, dir_okay=False),
    default=Path("/run/nvmed/admin.sock"),
    show_default=True,
    help="Unix socket to serve, of mode 0600: whoever can open it may do everything.",
)
@click.option(
    "--insecure-tcp",
    metavar="ADDRESS:PORT",
    help="Also serve plain TCP on a loopback address, for tests: everyone on this machine may do everything.",
)
@click.option(
    "--state-dir",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("/var/lib/nvmed"),
    show_default=True,
    help="Where the daemon keeps what must survive it.",
)
@click.option("--sysfs-root", type=click.Path(path_type=Path), default=Path("/sys"), show_default=True, help="sysfs.")
@click.option(
    "--dev-root", type=click.Path(path_type=Path), default=Path("/dev"), show_default=True, help="Device nodes."
)
@click.option(
    "--log-level", type=click.Choice(["debug", "info", "warning", "error"]), default="info", show_default=True
)
@click.pass_context
def main(
    context: click.Context,
    simulate: int | None,
    socket: Path,
    insecure_tcp: str | None,
    state_dir: Path,
    sysfs_root: Path,
    dev_root: Path,
    log_level: str,
) -> None:
    """Serve the management of this host's NVMe drives over gRPC."""
    from nvmed import logs  # imports what only the daemon needs

    logs.configure(log_level)
    if context.invoked_subcommand is not None:
        return
    from nvmed import daemon

    if insecure_tcp is not None and not daemon.is_loopback(insecure_tcp):
        raise click.BadParameter(
            "is no loopback address; plain TCP is for tests on this machine", param_hint="--insecure-tcp"
        )
    options = daemon.Options(socket, insecure_tcp, state_dir, simulate is not None)
    try:
        asyncio.run(daemon.run(daemon.make_host(simulate, sysfs_root, dev_root), options, _say_ready))
    except NvmedError as exc:
        raise click.ClickException(exc.message) from None


@main.command()
@click.option("--nvme-tcp", metavar="ADDRESS:PORT", required=True, help="Where kernels connect; port 0 for a free one.")
@click.option("--drives", type=click.IntRange(1, 64), default=1, show_default=True, help="How many NVM subsystems.")
@click.option(
    "--config",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="TOML file with a [[drives]] table for each drive, instead of --drives.",
)
@click.option("--paths", type=click.IntRange(1, 16), default=1, show_default=True, help="How many ports, from PORT on.")
@click.option("--advertise-host", metavar="ADDRESS", help="What discovery tells hosts to connect to, behind NAT.")
def simulator(nvme_tcp: str, drives: int, config: Path | None, paths: int, advertise_host: str | None) -> None:
    """Serve simulated drives to other kernels over NVMe/TCP."""
    from nvmed.simulator.nvme_tcp import load_drives, serve

    host, _, port = nvme_tcp.rpartition(":")
    if not host or not port.isdecimal():
        raise click.BadParameter("is not ADDRESS:PORT, for example 127.0.0.1:4420", param_hint="--nvme-tcp")
    try:
        specs = load_drives(config) if config else drives
        asyncio.run(serve(host, int(port), specs, _say_ready, paths=paths, advertise_host=advertise_host))
    except NvmedError as exc:
        raise click.ClickException(exc.message) from None
    except OSError as exc:
        raise click.ClickException(f"{nvme_tcp}: {exc.strerror}") from None


def _say_ready(addresses: tuple[str, ...]) -> None:
    sys.stderr.write(f"nvmed: serving on {', '.join(addresses)}\n")


if __name__ == "__main__":
    main()
