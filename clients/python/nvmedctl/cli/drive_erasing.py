"""nvmedctl drive sanitize and what belongs to it: erasing a whole drive."""

from __future__ import annotations

from typing import Any

import click

from nvmedctl.cli import pb, render, secrets
from nvmedctl.cli.command import command
from nvmedctl.cli.drive import drive
from nvmedctl.cli.firmware import override_option, run
from nvmedctl.cli.logs import clearing, clearing_options
from nvmedctl.cli.namespace_changes import acknowledge_option, no_wait_option
from nvmedctl.cli.parameters import (
    DWORD,
    Decorator,
    controller_argument,
    dry_run_option,
    integer,
    one_controller_argument,
    options,
    request_id_option,
)
from nvmedctl.cli.session import Session

METHODS = {
    "block": "ERASURE_METHOD_SANITIZE_BLOCK_ERASE",
    "crypto": "ERASURE_METHOD_SANITIZE_CRYPTO_ERASE",
    "overwrite": "ERASURE_METHOD_SANITIZE_OVERWRITE",
    "format": "ERASURE_METHOD_FORMAT_USER_DATA",
    "format-crypto": "ERASURE_METHOD_FORMAT_CRYPTO_ERASE",
}

overwrite_options: Decorator = options(
    click.option("--passes", type=integer(16), default=0, help="How often to overwrite.  [default: 1]"),
    click.option("--pattern", type=DWORD, default=0, help="The 32 bits to overwrite with: 0xdeadbeef."),
    click.option("--invert", is_flag=True, help="Invert the pattern between passes."),
)

samples_options: Decorator = options(
    click.option("--samples-max", type=integer(256), default=0, help="Blocks to read before and after.  [default: 32]"),
    click.option("--skip-samples", is_flag=True, help="Read none."),
)


@command(drive, "sanitize", changes=True)
@controller_argument
@click.option(
    "--method",
    "methods",
    multiple=True,
    type=click.Choice(list(METHODS)),
    help="What may be done, in this order; repeat it.  [default: block, then crypto]",
)
@overwrite_options
@click.option("--no-deallocate", is_flag=True, help="Leave what was erased allocated, so that reads show the media.")
@click.option("--allow-unrestricted-exit", is_flag=True, help="Let exit-failure-mode end a failure.")
@click.option("--media-verification", is_flag=True, help="Look at the media before they are deallocated (NVMe 2.1).")
@samples_options
@click.option("--stall-timeout", "stall_timeout_seconds", type=DWORD, default=0, metavar="SECONDS",
              help="How long it may show no progress.  [default: 3 times its estimate, an hour at least]")  # fmt: skip
@acknowledge_option
@override_option
@dry_run_option
@request_id_option
@no_wait_option
async def sanitize(
    session: Session,
    controller: str,
    methods: tuple[str, ...],
    passes: int,
    pattern: int,
    invert: bool,
    overrides: list[str],
    no_wait: bool,
    dry_run: bool,
    **fields: Any,
) -> None:
    """Erase all data of a drive's subsystem, and keep a signed record of it.

    The drive goes on by itself: what interrupts this command, or the daemon, ends the watching alone.
    JSON: nvmed.v1.SanitizeDriveResponse; with --no-wait google.longrunning.Operation.
    """
    request = pb.erasure.SanitizeDriveRequest(
        controller=controller,
        methods=[METHODS[one] for one in methods],
        overwrite=pb.erasure.OverwriteSettings(passes=passes, pattern=pattern, invert=invert),
        override_gates=overrides,
        validate_only=dry_run,
        **fields,
    )
    stub = session.client.drives
    await run(session, stub.SanitizeDrive, request, pb.erasure.SanitizeDriveResponse, no_wait, erased)


@command(drive, "revert", changes=True)
@one_controller_argument
@secrets.psid_option
@samples_options
@acknowledge_option
@override_option
@dry_run_option
@request_id_option
@no_wait_option
async def revert(
    session: Session,
    controller: str,
    psid_file: str,
    overrides: list[str],
    no_wait: bool,
    dry_run: bool,
    **fields: Any,
) -> None:
    """Take a drive back to its factory state by the PSID on its label, whoever locked it: all its data are lost.

    A signed record is kept. A dry run does not try the PSID: drives take few that are wrong.
    JSON: nvmed.v1.RevertDriveResponse; with --no-wait google.longrunning.Operation.
    """
    request = pb.erasure.RevertDriveRequest(
        controller=controller,
        psid=secrets.psid(psid_file),
        override_gates=overrides,
        validate_only=dry_run,
        **fields,
    )
    stub = session.client.drives
    await run(session, stub.RevertDrive, request, pb.erasure.RevertDriveResponse, no_wait, _reverted)


@command(drive, "sanitize-status")
@controller_argument
@clearing_options
async def sanitize_status(session: Session, controller: str, **more: Any) -> None:
    """Show how the last sanitize is or ended, as `logs sanitize`.  JSON: nvmed.v1.SanitizeStatus."""
    request = pb.log.GetSanitizeStatusRequest(controller=controller, **clearing(**more))
    found = await session.client.logs.GetSanitizeStatus(request)
    session.show(found, lambda: render.details(found, without="raw"))


@command(drive, "exit-failure-mode", changes=True)
@controller_argument
@dry_run_option
@request_id_option
async def exit_failure_mode(session: Session, controller: str, dry_run: bool, request_id: str) -> None:
    """Take back a drive whose sanitize failed, with the data that it may still hold.

    JSON: nvmed.v1.ExitSanitizeFailureModeResponse.
    """
    request = pb.erasure.ExitSanitizeFailureModeRequest(
        controller=controller, validate_only=dry_run, request_id=request_id
    )
    answer = await session.client.drives.ExitSanitizeFailureMode(request)
    done = "could leave" if dry_run else "has left"
    session.show(answer, lambda: f"{answer.controller} {done} its failure mode")


@command(drive, "security")
@controller_argument
async def security(session: Session, controller: str) -> None:
    """Show what a drive says of locking and ownership without a password.  JSON: nvmed.v1.SecurityState."""
    found = await session.client.drives.GetSecurityState(pb.security.GetSecurityStateRequest(controller=controller))
    session.show(found, lambda: render.details(found, without=("features", "raw")))


def erased(answer: pb.erasure.SanitizeDriveResponse) -> str:
    method, finding = render.enum(answer, "method"), render.enum(answer, "sample_finding")
    return f"{answer.controller} is erased by {method}; samples: {finding}\n{answer.erasure_record}"


def _reverted(answer: pb.erasure.RevertDriveResponse) -> str:
    finding = render.enum(answer, "sample_finding")
    erased = "its keys are new" if answer.media_encryption else "it does not say that it encrypts: it may hold its data"
    return f"{answer.controller} is reverted; {erased}; samples: {finding}\n{answer.erasure_record}"
