"""`nvmed simulator`: drives in software for somebody else's kernel, whole hosts of them, and what goes with them."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nvmed.errors import NvmedError

if TYPE_CHECKING:
    from nvmed.nvme.transport import Transport

_FILE = click.Path(path_type=Path, dir_okay=False)
_FOLDER = click.Path(path_type=Path, file_okay=False)


def say_ready(addresses: tuple[str, ...]) -> None:
    """Tell who started it, on standard error, that clients can connect."""
    sys.stderr.write(f"nvmed: serving on {', '.join(addresses)}\n")


@click.group(invoke_without_command=True)
@click.option("--nvme-tcp", metavar="ADDRESS:PORT", help="Where kernels connect; port 0 for a free one.")
@click.option("--drives", type=click.IntRange(1, 64), default=1, show_default=True, help="How many NVM subsystems.")
@click.option(
    "--config",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="TOML file with a [[drives]] table for each drive, instead of --drives.",
)
@click.option("--paths", type=click.IntRange(1, 16), default=1, show_default=True, help="How many ports, from PORT on.")
@click.option("--advertise-host", metavar="ADDRESS", help="What discovery tells hosts to connect to, behind NAT.")
@click.pass_context
def simulator(
    context: click.Context,
    nvme_tcp: str | None,
    drives: int,
    config: Path | None,
    paths: int,
    advertise_host: str | None,
) -> None:
    """Serve simulated drives to other kernels over NVMe/TCP, or whole simulated hosts: `farm`."""
    if context.invoked_subcommand is not None:
        return
    if nvme_tcp is None:
        raise click.UsageError("Missing option '--nvme-tcp', or the command `farm`.")
    from nvmed.simulator.nvme_tcp import load_drives, serve

    host, _, port = nvme_tcp.rpartition(":")
    if not host or not port.isdecimal():
        raise click.BadParameter("is not ADDRESS:PORT, for example 127.0.0.1:4420", param_hint="--nvme-tcp")
    try:
        specs = load_drives(config) if config else drives
        asyncio.run(serve(host, int(port), specs, say_ready, paths=paths, advertise_host=advertise_host))
    except NvmedError as exc:
        raise click.ClickException(exc.message) from None
    except OSError as exc:
        raise click.ClickException(f"{nvme_tcp}: {exc.strerror}") from None


@simulator.command("farm")
@click.option("--hosts", type=click.IntRange(1, 500), default=20, show_default=True, help="How many hosts.")
@click.option("--state", type=_FOLDER, required=True, help="What the drives are and were told, and hosts.toml.")
@click.option("--first", type=click.IntRange(1), default=1, show_default=True, help="Number of the first host.")
@click.option("--drives", type=click.IntRange(1, 64), default=1, show_default=True, help="Drives of each host.")
@click.option("--racks", type=click.IntRange(1), default=6, show_default=True, help="Racks: failure domains of hosts.")
@click.option("--revision", default="1.0.0", show_default=True, help="Firmware revision that new drives run.")
@click.option(
    "--tls-port",
    type=click.IntRange(1024, 65000),
    help="Ports of loopback from here on, and TLS, in the place of sockets.",
)
@click.option(
    "--fault",
    "faults",
    multiple=True,
    metavar="HOST=FAULT",
    help="Something wrong with a host or its last "
    "drive: absent, in-use, boot-device, refuse-image, refuse-activation, slow, kill-before-commit, "
    "kill-after-commit, kill-after-reset.",
)
def farm(state: Path, faults: tuple[str, ...], **options: Any) -> None:  # fmt: skip
    """Serve many hosts with simulated drives from one process, to try out what is done to a fleet.

    What the drives are outlives the process; what they were told is in their logs.
    """
    from nvmed import farm as farms
    from nvmed import logs

    logs.configure("warning")
    try:
        wanted = farms.Farm(state, faults=farms.parse_faults(faults), **options)
        asyncio.run(farms.run(wanted, lambda addresses: say_ready((f"{len(addresses)} addresses of {state}",))))
    except NvmedError as exc:
        raise click.ClickException(exc.message) from None


@simulator.command("image")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, allow_dash=True))
@click.option("--revision", required=True, help="The revision that a drive runs with it: ASCII, 1 to 8 characters.")
@click.option("--model", default="", help="The model that it is for, all of Identify's 40 characters.  [default: any]")
@click.option(
    "--size", type=click.IntRange(64, 1 << 30), default=64 * 1024, show_default=True, help="Bytes, header and all."
)
def image(file: Path, revision: str, model: str, size: int) -> None:
    """Write a firmware image that simulated drives take to FILE, `-` for standard output.

    The same options always make the same bytes. No real drive takes it.
    """
    from nvmed.simulator.firmware_image import build_image

    try:
        content = build_image(revision, size, model)
    except ValueError as exc:
        raise click.ClickException(str(exc)) from None
    try:
        with click.open_file(str(file), "wb") as out:
            out.write(content)
    except OSError as exc:
        raise click.ClickException(f"{file}: {exc.strerror}") from None


@simulator.group("fault")
def fault() -> None:
    """What is wrong with the drives of a running `nvmed --simulate`, switched while it runs.

    docs/simulator.md has every kind with its fields.
    """


_address = click.option(
    "--address", envvar="NVMED_ADDRESS", default="/run/nvmed/admin.sock", show_default=True,
    help="The unix socket of the daemon, $NVMED_ADDRESS as for nvmedctl.",
)  # fmt: skip


@fault.command("add")
@click.argument("kind", required=False)
@click.argument("fields", nargs=-1, metavar="[FIELD=VALUE]...")
@click.option("-f", "--file", type=click.File("r"), help="Faults as a TOML file, `-` for standard input, instead.")
@_address
def add_fault(kind: str | None, fields: tuple[str, ...], file: Any, address: str) -> None:
    """Let something be wrong from now on, and print the names of the faults.

    A fault is a KIND with its fields, as one of a file: `status controller=nvme0 opcode=identify sc=6 count=3`.
    """
    if (kind is None) is (file is None):
        raise click.UsageError("Name a KIND with its fields, or a --file.")
    from nvmed.simulator import fault_file

    try:
        text = file.read() if file else fault_file.written(fault_file.parse_words(str(kind), fields))
    except NvmedError as exc:
        raise click.ClickException(exc.message) from None
    for name in _ask_faults(address, add=text)["names"]:
        click.echo(name)


@fault.command("list")
@_address
def list_faults(address: str) -> None:
    """Print the faults that are on, as a file of them, with how many commands each struck."""
    click.echo(_ask_faults(address, list=True)["faults"], nl=False)


@fault.command("remove")
@click.argument("names", nargs=-1)
@click.option("--all", "everything", is_flag=True, help="All of them.")
@_address
def remove_faults(names: tuple[str, ...], everything: bool, address: str) -> None:
    """Let it be right again: what hangs is answered, what is unplugged comes back."""
    if bool(names) is everything:
        raise click.UsageError("Name faults, or --all of them.")
    if everything:
        from nvmed.simulator import fault_file

        names = tuple(one.name for one in fault_file.parse(_ask_faults(address, list=True)["faults"], "faults"))
    _ask_faults(address, remove=names)


def _ask_faults(address: str, **request: Any) -> dict[str, Any]:
    from nvmed.simulator import fault_socket

    try:
        return fault_socket.ask(address, **request)
    except NvmedError as exc:
        raise click.ClickException(exc.message) from None
    except OSError as exc:
        raise click.ClickException(
            f"{exc.filename}: {exc.strerror}; a daemon has it while it serves simulated drives, and no other has"
        ) from None


@simulator.command("record")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, allow_dash=True), metavar="OUT")
@click.option("--controller", required=True, metavar="NODE|ADDRESS", help="nvme0, or where it is: 0000:01:00.0.")
@click.option("--telemetry", is_flag=True, help="With its telemetry logs, as they are now, to the end of area 3.")
@click.option("--vendor-data", is_flag=True, help="With its maker's own logs and fields, OCP's among them.")
@click.option("--keep-identifiers", is_flag=True, help="With its serial number, NQN and identifiers of namespaces.")
@click.option("--simulate", type=click.IntRange(1, 64), metavar="N", help="Of N simulated drives, not of this host's.")
@click.option("--simulate-from", type=_FILE, multiple=True, help="Of drives that were recorded before.")
@click.option("--sysfs-root", type=_FOLDER, default=Path("/sys"), help="sysfs.")
@click.option("--dev-root", type=_FOLDER, default=Path("/dev"), help="Device nodes.")
def record_drive(
    file: Path, controller: str, telemetry: bool, vendor_data: bool, keep_identifiers: bool, **where: Any
) -> None:
    """Record what a drive answers to OUT, for `nvmed --simulate-from`: `-` is standard output.

    It is only read from: Identify, logs and features. Serial numbers, NQNs and identifiers of namespaces are replaced
    by others, the same by the same, and nobody can tell what they were.
    """
    import secrets

    from nvmed.simulator import masking, recorder, recording

    try:
        transport = _drive(controller, **where)
        try:
            made = recorder.record(transport, recorder.Wanted(telemetry=telemetry, vendor_data=vendor_data))
        finally:
            transport.close()
        if not keep_identifiers:
            made = masking.masked(made, secrets.token_bytes(32), vendor_data=vendor_data)
        content = recording.build(made)
        with click.open_file(str(file), "wb") as out:
            out.write(content)
    except NvmedError as exc:
        raise click.ClickException(exc.message) from None
    except OSError as exc:
        raise click.ClickException(f"{exc.filename or controller}: {exc.strerror}") from None
    of_whom = "with its identifiers" if keep_identifiers else "its identifiers replaced"
    click.echo(f"{file}: {len(made.answers)} answers of {made.model}, {of_whom}", err=True)


def _drive(wanted: str, **where: Any) -> Transport:
    """The controller of a host at a node or an address, opened."""
    from nvmed import daemon
    from nvmed.config import Config, HostConfig
    from nvmed.nvme.host import connection_options

    configured = HostConfig(
        simulate=where["simulate"] or 0,
        simulate_from=tuple(str(path.absolute()) for path in where["simulate_from"]),
        sysfs_root=str(where["sysfs_root"].absolute()),
        dev_root=str(where["dev_root"].absolute()),
    )
    host = daemon.make_host(Config(host=configured))
    nodes = host.scan()
    for node in nodes:
        if wanted in (node.node, node.address, connection_options(node.address).get("traddr")):
            return host.open(node)
    there = ", ".join(f"{node.node} ({node.model} at {node.address})" for node in nodes) or "none"
    raise click.ClickException(f"there is no {wanted}; there are {there}")
