"""nvmedctl keys rotate, rotate-dhchap: new keys for the connections that there are."""

from __future__ import annotations

from typing import Any

import click

from nvmedctl.cli import pb, render, secrets
from nvmedctl.cli.command import command
from nvmedctl.cli.firmware import run
from nvmedctl.cli.keys import (
    HANDS_OVER,
    change_of,
    change_options,
    derivation_of,
    derive_options,
    inserted,
    keyring_of,
    keys,
    name_options,
    names_of,
    ttl_option,
)
from nvmedctl.cli.parameters import Decorator, options
from nvmedctl.cli.secrets import source_options
from nvmedctl.cli.session import Session
from nvmedctl.cli.tables import Column, Columns, table

CONNECTIONS: Columns[pb.key.RotateTlsKeyResponse.Connection] = (
    Column("BEFORE", lambda c: c.previous_controller),
    Column("NOW", lambda c: c.controller or "-"),
    Column("METHOD", lambda c: render.enum(c, "method")),
    Column("OLD KEY", lambda c: c.previous_serial),
    Column("NEW KEY", lambda c: c.serial or "-"),
)
RETIRED: Columns[pb.key.RotateTlsKeyResponse.RetiredKey] = (
    Column("OLD KEY", lambda k: k.serial),
    Column("REVOKED", lambda k: "yes" if k.revoked else "no"),
    Column("STILL USED BY", lambda k: ", ".join(k.controllers) or "-"),
    Column("DESCRIPTION", lambda k: k.description),
)

rotate_options: Decorator = options(
    click.option("--acknowledge-disruption", is_flag=True, help="I/O may wait while an only path is reset."),
    change_options,
    click.option("--no-wait", is_flag=True, help="Print the operation and leave it to itself."),
)


@command(keys, "rotate", changes=True, alone=HANDS_OVER)
@name_options
@derive_options
@click.option("--keyring", callback=keyring_of, metavar="KEYRING", help="By name or serial number.  [default: .nvme]")
@ttl_option
@click.option("--header-digest", is_flag=True, help="Of connections that are made anew: CRC-32C over headers.")
@click.option("--data-digest", is_flag=True, help="Likewise: CRC-32C over data.")
@click.option("--write-queues", type=click.IntRange(0, 65535), default=0, help="Likewise: queues for writes alone.")
@click.option("--poll-queues", type=click.IntRange(0, 65535), default=0, help="Likewise: queues that are polled.")
@click.option("--type-of-service", type=click.IntRange(0, 255), help="Likewise: type of service of IP packets.")
@rotate_options
async def rotate(session: Session, keyring: pb.key.KeyringRef | None, **more: Any) -> None:
    """Replace the TLS key of a host and a subsystem, and move every connection to the new one, path by path.

    The subsystem must accept the new key already, beside the old one. The old key is revoked last; until then whatever
    fails is undone.

    JSON: nvmed.v1.RotateTlsKeyResponse; with --no-wait google.longrunning.Operation.
    """
    request = pb.key.RotateTlsKeyRequest(
        keyring=keyring,
        ttl_s=more["ttl_s"] or 0,
        connection_options=pb.key.ConnectionOptions(
            header_digest=more["header_digest"],
            data_digest=more["data_digest"],
            write_queues=more["write_queues"],
            poll_queues=more["poll_queues"],
            type_of_service=more["type_of_service"],
        ),
        acknowledge_disruption=more["acknowledge_disruption"],
        **derivation_of(more),
        **change_of(more),
    )
    await run(
        session,
        session.client.keys.RotateTlsKey,
        request,
        pb.key.RotateTlsKeyResponse,
        more["no_wait"],
        lambda answer: _rotated(answer, more),
    )


def _rotated(answer: pb.key.RotateTlsKeyResponse, more: dict[str, Any]) -> str:
    shown = [inserted(answer.key, more)]
    shown += [table(CONNECTIONS, answer.connections)] if answer.connections else ["no connection had to move"]
    shown += [table(RETIRED, answer.retired_keys)] if answer.retired_keys else []
    if answer.retired_keys and not more["dry_run"]:
        shown.append(
            "Key files and credentials that hold an old key still bring it back at the next boot: change them."
        )
    return "\n\n".join(shown)


@command(keys, "rotate-dhchap", changes=True, alone=HANDS_OVER)
@name_options
@source_options("host-", "the new secret of the host, a DHHC-1 text,", "it stays as it is")
@source_options("controller-", "the new secret of the controller, a DHHC-1 text,", "it stays as it is")
@rotate_options
async def rotate_dhchap(session: Session, **more: Any) -> None:
    """Replace the DH-HMAC-CHAP secrets of the connections of a host and a subsystem, path by path.

    JSON: nvmed.v1.RotateDhchapKeyResponse; with --no-wait google.longrunning.Operation.
    """
    if more["host_secret_file"] == more["controller_secret_file"] == secrets.STDIN:
        raise click.UsageError("Only one secret can come from standard input.")
    host, controller = (secrets.optional(more, prefix) for prefix in ("host_", "controller_"))
    if host is None and controller is None:
        raise click.UsageError("Say where the new secret is: --host-secret-file, --controller-secret-file, ...")
    request = pb.key.RotateDhchapKeyRequest(
        host_secret="" if host is None else secrets.as_text(host),
        controller_secret="" if controller is None else secrets.as_text(controller),
        acknowledge_disruption=more["acknowledge_disruption"],
        **names_of(more),
        **change_of(more),
    )
    await run(
        session,
        session.client.keys.RotateDhchapKey,
        request,
        pb.key.RotateDhchapKeyResponse,
        more["no_wait"],
        lambda answer: _authenticated(answer, more),
    )


def _authenticated(answer: pb.key.RotateDhchapKeyResponse, more: dict[str, Any]) -> str:
    moved = ", ".join(answer.controllers)
    return f"{moved} would authenticate anew" if more["dry_run"] else f"{moved} authenticated with the new secrets"
