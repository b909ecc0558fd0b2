"""nvmedctl keys generate, generate-dhchap, export, read: whatever hands a secret out."""

from __future__ import annotations

import codecs
from functools import partial
from typing import Any

import click

from nvmedctl.cli import pb, secrets
from nvmedctl.cli.command import command
from nvmedctl.cli.keys import HANDS_OVER, SERIAL, keyring_of, keys, where_options
from nvmedctl.cli.secrets import HASHES, psk_options, source_options, target_options
from nvmedctl.cli.session import Session

SIZES = click.Choice(["32", "48", "64"])


@command(keys, "generate", alone=HANDS_OVER)
@click.option("--hash", "hash_", type=click.Choice(["none", "sha256", "sha384"]), default="sha256", show_default=True)
@click.option("--size", type=click.Choice(["32", "48"]), help="Bytes of the key.  [default: as many as the hash has]")
@target_options
async def generate(session: Session, hash_: str, size: str | None, **more: Any) -> None:
    """Make a configured PSK, to be given to both ends. It is kept nowhere else.

    JSON: nvmed.v1.GenerateTlsKeyResponse, without its secret unless --reveal is given.
    """
    secrets.check_target(more)
    request = pb.key.GenerateTlsKeyRequest(hash=HASHES[hash_], size_bytes=int(size or 0))
    made = await session.client.keys.GenerateTlsKey(request)
    secrets.give(session, made, ("text",), f"{made.text}\n".encode(), more)


@command(keys, "generate-dhchap", alone=HANDS_OVER)
@click.option("--hmac", type=click.Choice(list(HASHES)), default="none", show_default=True,
              help="Hash that transforms the secret.")  # fmt: skip
@click.option(
    "--nqn", default="", metavar="NQN", help="Whose secret it is: the host, or the subsystem; goes with --hmac."
)
@click.option("--size", type=SIZES, help="Bytes of a secret that is made.  [default: as many as the hash has, or 32]")
@source_options(what="a secret that there is already", default="a secret is made")
@click.option("--form", type=click.Choice(["hex", "raw"]), default="hex", show_default=True,
              help="How that secret is written.")  # fmt: skip
@click.option("--transformed", is_flag=True, help="Hand out the transformed text, for nvme-cli 2 as a peer.")
@target_options
async def generate_dhchap(
    session: Session, hmac: str, nqn: str, size: str | None, form: str, transformed: bool, **more: Any
) -> None:
    """Make a DH-HMAC-CHAP secret as DHHC-1 text.

    JSON: nvmed.v1.GenerateDhchapKeyResponse, without its secrets unless --reveal is given.
    """
    secrets.check_target(more)
    given = secrets.optional(more)
    request = pb.key.GenerateDhchapKeyRequest(
        hmac=HASHES[hmac],
        nqn=nqn,
        secret=b"" if given is None else secrets.as_bytes(given, form),
        size_bytes=int(size or 0),
    )
    made = await session.client.keys.GenerateDhchapKey(request)
    text = made.transformed_text if transformed else made.secret_text
    if not text:
        raise click.UsageError("A secret of this size has no transformed text: give --size as long as the hash.")
    secret_fields = ("secret_text", "transformed_text", "transformed_key")
    secrets.give(session, made, secret_fields, f"{text}\n".encode(), more)


@command(keys, "export", alone=HANDS_OVER)
@click.option("--identity", metavar="IDENTITY", help="Write the key that lies in the keyring under this identity.")
@click.option("--key-file", is_flag=True, help="Write a line of a key file instead of the text alone.")
@psk_options
@where_options
@target_options
async def export(session: Session, identity: str | None, key_file: bool, **more: Any) -> None:
    """Write a key as interchange text: one that is given, or with --identity one of the keyring.

    JSON: nvmed.v1.ExportTlsKeyResponse, without its secrets unless --reveal is given.
    """
    secrets.check_target(more, merges=key_file)
    if identity is None:
        if key_file:
            raise click.UsageError("--key-file goes with --identity: a configured PSK is in no key file.")
        request = pb.key.ExportTlsKeyRequest(psk=secrets.psk(more))
    else:
        stored = pb.key.ExportTlsKeyRequest.StoredTlsKey(
            identity=identity, keyring=more["keyring"], key_type=more["key_type"]
        )
        request = pb.key.ExportTlsKeyRequest(stored=stored)
    done = await session.client.keys.ExportTlsKey(request)
    content = done.key_file_line if key_file else f"{done.text}\n"
    merge = partial(_with_line, line=done.key_file_line.encode()) if key_file else None
    secrets.give(session, done, ("text", "key_file_line"), content.encode(), more, merge)


def _with_line(content: bytes, line: bytes) -> bytes:
    """A key file with `line`, in the place of those that have its identity; all the others stay as they are."""
    lines = content.splitlines(keepends=True)
    if lines and not lines[-1].endswith(b"\n"):
        lines[-1] += b"\n"
    own = [number for number, one in enumerate(lines) if _identity(one) == _identity(line)]
    kept = [one for number, one in enumerate(lines) if number not in own]
    kept.insert(own[0] if own else len(kept), line)
    return b"".join(kept)


def _identity(line: bytes) -> list[bytes]:
    return line.removeprefix(codecs.BOM_UTF8).split()[:-1]


@command(keys, "read", alone=HANDS_OVER)
@click.argument("serial", type=SERIAL)
@click.option("--keyring", metavar="KEYRING", callback=keyring_of, help="Where it is.  [default: .nvme]")
@target_options
async def read(session: Session, serial: int, keyring: pb.key.KeyringRef | None, **more: Any) -> None:
    """Read what a key holds. No role that ships may.

    JSON: nvmed.v1.ReadKeyResponse, without its secret unless --reveal is given.
    """
    secrets.check_target(more)
    found = await session.client.keys.ReadKey(pb.key.ReadKeyRequest(serial=serial, keyring=keyring))
    secrets.give(session, found, ("payload",), found.payload, more)
