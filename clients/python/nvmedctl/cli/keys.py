"""nvmedctl keys: the kernel's keyrings, and the TLS keys in them."""

from __future__ import annotations

from typing import Any

import click

from nvmedctl.cli import pb, render, secrets
from nvmedctl.cli.command import command
from nvmedctl.cli.parameters import Decorator, dry_run_option, integer, options, request_id_option
from nvmedctl.cli.secrets import psk_options, source_options
from nvmedctl.cli.session import Session
from nvmedctl.cli.settings import NQN_IN_HOST
from nvmedctl.cli.tables import Column, Columns, table
from nvmedctl.cli.text import names

HANDS_OVER = "a secret is read once, and handed to one daemon."

SERIAL = integer(2**31 - 1)

DERIVATIONS = names("TLS_KEY_DERIVATION_", "rfc8446", "compat")


@click.group()
def keys() -> None:
    """TLS keys and DH-HMAC-CHAP secrets.

    Secrets are read from standard input, a file or a credential of systemd, and never from the command line. None is
    printed without --reveal.
    """


def keyring_of(_ctx: click.Context, _parameter: click.Parameter, value: str | None) -> pb.key.KeyringRef | None:
    if not value:
        return None
    try:
        return pb.key.KeyringRef(serial=int(value, 0))
    except ValueError:
        return pb.key.KeyringRef(name=value)


def host_nqn(ctx: click.Context, parameter: click.Parameter, value: str | None) -> str:
    """--host-nqn, or the NQN that --host was given for it."""
    nqn = value or ctx.meta.get(NQN_IN_HOST)
    if not nqn:
        raise click.MissingParameter(ctx=ctx, param=parameter)
    return str(nqn)


where_options: Decorator = options(
    click.option(
        "--keyring", callback=keyring_of, metavar="KEYRING", help="By name or serial number.  [default: .nvme]"
    ),
    click.option("--type", "key_type", default="", metavar="TYPE", help="Type of keys.  [default: psk]"),
)
name_options: Decorator = options(
    click.option("--host-nqn", callback=host_nqn, metavar="NQN", help="NQN of the host.  [required]"),
    click.option(
        "--subsystem-nqn", "--subsystem", "subsystem_nqn", required=True, metavar="NQN", help="NQN of the subsystem."
    ),
)
derive_options: Decorator = options(
    psk_options,
    click.option("--identity-version", type=click.IntRange(0, 1), help="Version of the identity.  [default: 1]"),
    click.option("--derivation", type=click.Choice(list(DERIVATIONS)), default="rfc8446", show_default=True,
                 help="How the TLS PSK is derived: compat is what libnvme 1.10 to 1.15 makes."),
)  # fmt: skip
ttl_option: Decorator = click.option(
    "--ttl", "ttl_s", type=click.IntRange(1, 2**32 - 1), metavar="SECONDS", help="Let it expire."
)
change_options: Decorator = options(dry_run_option, request_id_option)

COLUMNS: Columns[pb.key.KernelKey] = (
    Column("SERIAL", lambda k: k.serial),
    Column("TYPE", lambda k: k.type, wide=True),
    Column("VERSION", lambda k: k.identity.version if k.HasField("identity") else "-", wide=True),
    Column("HASH", lambda k: render.enum(k.identity, "cipher") if k.HasField("identity") else "-"),
    Column("EXPIRES", lambda k: _expiry(k)),
    Column("PERMISSIONS", lambda k: f"{k.permissions:08x}", wide=True),
    Column("HOST", lambda k: k.identity.host_nqn or "-"),
    Column("SUBSYSTEM", lambda k: k.identity.subsystem_nqn or k.description),
)
VARIANTS: Columns[pb.key.CheckTlsKeyResponse.Variant] = (
    Column("VERSION", lambda v: v.identity.version),
    Column("DERIVATION", lambda v: render.enum(v.identity, "derivation")),
    Column("LOADED", lambda v: render.enum(v, "loaded")),
    Column("SERIAL", lambda v: v.serial or "-"),
    Column("IDENTITY", lambda v: v.identity.identity),
)


def _expiry(key: pb.key.KernelKey) -> str:
    state = pb.key.KernelKey.ExpiryState
    if key.expiry_state == state.EXPIRY_STATE_EXPIRES:
        return f"in {key.remaining_s} s or {key.resolution_s} s more"
    return {state.EXPIRY_STATE_PERMANENT: "never", state.EXPIRY_STATE_EXPIRED: "expired"}.get(key.expiry_state, "-")


# -- looking


@command(keys, "keyring")
@click.argument("name", default="")
async def keyring(session: Session, name: str) -> None:
    """Find a keyring, .nvme if NAME is not given.  JSON: nvmed.v1.KernelKey."""
    found = await session.client.keys.LookupKeyring(pb.key.LookupKeyringRequest(name=name))
    session.show(found, lambda: render.details(found))


@command(keys, "show")
@click.argument("serial", type=SERIAL)
async def show(session: Session, serial: int) -> None:
    """Describe the key or keyring of a serial number.  JSON: nvmed.v1.KernelKey."""
    found = await session.client.keys.DescribeKey(pb.key.DescribeKeyRequest(serial=serial))
    session.show(found, lambda: render.details(found))


@command(keys, "find")
@click.argument("description")
@where_options
async def find(session: Session, description: str, **more: Any) -> None:
    """Find the key of exactly this DESCRIPTION, which for a TLS key is its identity.

    Without --keyring it is looked for in the daemon's session keyring.

    JSON: nvmed.v1.KernelKey.
    """
    found = await session.client.keys.LookupKey(pb.key.LookupKeyRequest(description=description, **more))
    session.show(found, lambda: render.details(found))


@command(keys, "list", lists=True)
@where_options
async def list_keys(session: Session, **more: Any) -> None:
    """List the TLS keys of a keyring.  JSON: an object with `keys`, each nvmed.v1.KernelKey."""
    found = [part.key async for part in session.client.keys.ScanTlsKeys(pb.key.ScanTlsKeysRequest(**more))]
    session.show_list({"keys": [render.as_dict(key) for key in found]}, COLUMNS, found)


@command(keys, "identity", alone=HANDS_OVER)
@name_options
@derive_options
async def identity(session: Session, **more: Any) -> None:
    """Say under which identity `insert` would put a configured PSK.  JSON: nvmed.v1.TlsKeyIdentity."""
    request = pb.key.GenerateTlsKeyIdentityRequest(**derivation_of(more))
    found = await session.client.keys.GenerateTlsKeyIdentity(request)
    session.show(found, lambda: found.identity)


@command(keys, "check", alone=HANDS_OVER)
@name_options
@psk_options
@where_options
async def check(session: Session, **more: Any) -> None:
    """Say which identities a configured PSK yields, by every derivation, and what is loaded under each.

    JSON: nvmed.v1.CheckTlsKeyResponse.
    """
    request = pb.key.CheckTlsKeyRequest(**names_of(more), **where_of(more), psk=secrets.psk(more))
    found = await session.client.keys.CheckTlsKey(request)
    omitted = [f"version {one.identity_version}, {render.enum(one, 'derivation')}: {one.why}" for one in found.omitted]
    session.show(found, lambda: "\n".join((table(VARIANTS, found.variants), *omitted)))


# -- changing


@command(keys, "link", changes=True)
@click.option("--keyring", callback=keyring_of, metavar="KEYRING", help="By name or serial number.  [default: .nvme]")
@change_options
async def link(session: Session, keyring: pb.key.KeyringRef | None, **more: Any) -> None:
    """Link a keyring into the daemon's session keyring, for programs that share it.

    JSON: nvmed.v1.LinkKeyringResponse.
    """
    answer = await session.client.keys.LinkKeyring(pb.key.LinkKeyringRequest(keyring=keyring, **change_of(more)))
    session.show(answer, lambda: f"keyring {answer.serial} {_done(more, 'linked')}")


@command(keys, "insert", changes=True, alone=HANDS_OVER)
@name_options
@derive_options
@where_options
@ttl_option
@change_options
async def insert(session: Session, **more: Any) -> None:
    """Derive a TLS PSK from a configured PSK and put it into the keyring.  JSON: nvmed.v1.InsertTlsKeyResponse."""
    request = pb.key.InsertTlsKeyRequest(
        **derivation_of(more), **where_of(more), **change_of(more), ttl_s=more["ttl_s"] or 0
    )
    answer = await session.client.keys.InsertTlsKey(request)
    session.show(answer, lambda: inserted(answer.key, more))


@command(keys, "import", changes=True, alone=HANDS_OVER)
@click.option("--identity", metavar="IDENTITY",
              help="The secret is one derived TLS PSK as interchange text, and this its identity.  "
              "[default: it is a key file of nvme-cli]")  # fmt: skip
@source_options(what="the key file, or the key")
@where_options
@ttl_option
@change_options
async def import_keys(session: Session, identity: str | None, **more: Any) -> None:
    """Put derived TLS PSKs into the keyring as they are: all of a key file of nvme-cli, or one.

    JSON: nvmed.v1.ImportTlsKeyResponse.
    """
    with secrets.required(more) as secret:
        source: dict[str, Any] = {"key_file": secret.reveal()}
        if identity is not None:
            key = pb.key.ImportTlsKeyRequest.DerivedTlsKey(identity=identity, text=secrets.as_text(secret))
            source = {"key": key}
    request = pb.key.ImportTlsKeyRequest(**source, **where_of(more), **change_of(more), ttl_s=more["ttl_s"] or 0)
    answer = await session.client.keys.ImportTlsKey(request)
    session.show(answer, lambda: "\n".join(inserted(key, more) for key in answer.keys))


@command(keys, "update", changes=True, alone=HANDS_OVER)
@click.argument("description")
@source_options(what="what the key is to hold")
@where_options
@ttl_option
@change_options
async def update(session: Session, description: str, **more: Any) -> None:
    """Let the key of a DESCRIPTION hold what is given, byte for byte, making it if there is none.

    JSON: nvmed.v1.UpdateKeyResponse.
    """
    with secrets.required(more) as secret:
        request = pb.key.UpdateKeyRequest(
            description=description,
            payload=secret.reveal(),
            ttl_s=more["ttl_s"] or 0,
            **where_of(more),
            **change_of(more),
        )
    answer = await session.client.keys.UpdateKey(request)
    session.show(answer, lambda: f"key {answer.serial or description} {_done(more, render.enum(answer, 'outcome'))}")


@command(keys, "revoke", changes=True)
@click.argument("identity")
@where_options
@change_options
async def revoke(session: Session, identity: str, **more: Any) -> None:
    """Revoke the key of an IDENTITY: no new connection is made with it.  JSON: nvmed.v1.RevokeTlsKeyResponse."""
    request = pb.key.RevokeTlsKeyRequest(identity=identity, **where_of(more), **change_of(more))
    answer = await session.client.keys.RevokeTlsKey(request)
    session.show(answer, lambda: f"key {answer.serial} {_done(more, 'revoked')}")


def inserted(key: pb.key.InsertedTlsKey, more: dict[str, Any]) -> str:
    """A key in the keyring, for people."""
    serial = f"key {key.serial}" if key.serial else "key"
    return f"{serial} {_done(more, render.enum(key, 'outcome'))}: {key.identity.identity}"


def _done(more: dict[str, Any], what: str) -> str:
    return f"would be {what}" if more["dry_run"] else what


def names_of(more: dict[str, Any]) -> dict[str, Any]:
    return {"host_nqn": more["host_nqn"], "subsystem_nqn": more["subsystem_nqn"]}


def where_of(more: dict[str, Any]) -> dict[str, Any]:
    return {"keyring": more["keyring"], "key_type": more["key_type"]}


def change_of(more: dict[str, Any]) -> dict[str, Any]:
    return {"validate_only": more["dry_run"], "request_id": more["request_id"]}


def derivation_of(more: dict[str, Any]) -> dict[str, Any]:
    return {
        **names_of(more),
        "psk": secrets.psk(more),
        "identity_version": more["identity_version"],
        "derivation": DERIVATIONS[more["derivation"]],
    }
