"""nvmedctl drive: a drive's life."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from nvmed.nearest import nearest
from nvmed.reasons import invalid_field
from nvmedctl.cli import pb, render
from nvmedctl.cli.command import command
from nvmedctl.cli.firmware import GATES, run
from nvmedctl.cli.namespace_changes import no_wait_option
from nvmedctl.cli.parameters import DWORD, controller_argument, dry_run_option, request_id_option, seconds
from nvmedctl.cli.session import Session
from nvmedctl.cli.tables import Column, Columns
from nvmedctl.cli.text import names


@click.group()
def drive() -> None:
    """A drive's life: self-tests, what it should be, and erasing it with a signed record."""


TESTS = names("SELF_TEST_", "short", "extended", "host-initiated-refresh")


@command(drive, "self-test", changes=True)
@controller_argument
@click.argument("test", type=click.Choice(list(TESTS)))
@click.option("--nsid", type=DWORD, help="Namespace to test, 0 for the controller alone.  [default: everything]")
@click.option(
    "--drive-timeout",
    "timeout_ms",
    type=seconds,
    default=0,
    metavar="SECONDS",
    help="How long it may take before it is aborted.  [default: by what the drive says]",
)
@dry_run_option
@request_id_option
@no_wait_option
async def self_test(
    session: Session, controller: str, test: str, nsid: int | None, no_wait: bool, dry_run: bool, **more: Any
) -> None:
    """Run a self-test and wait for its result.

    It goes on when this command ends: `nvmedctl operations wait` waits again, `operations cancel` aborts it.
    JSON: nvmed.v1.RunSelfTestResponse; with --no-wait google.longrunning.Operation.
    """
    request = pb.self_test.RunSelfTestRequest(
        controller=controller, test=TESTS[test], nsid=nsid, validate_only=dry_run, **more
    )
    response = pb.self_test.RunSelfTestResponse
    await run(session, session.client.drives.RunSelfTest, request, response, no_wait, lambda answer: tested(answer))


file_argument: Callable[[Any], Any] = click.option(
    "-f", "--file", "file", required=True, type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE", help="What drives of each model should be, in TOML.",
)  # fmt: skip


@command(drive, "plan", lists=True)
@controller_argument
@file_argument
async def plan(session: Session, controller: str, file: Path) -> None:
    """Say what of a drive is not as a file says, in the order in which it would be mended; nothing is changed.

    JSON: nvmed.v1.PlanDriveResponse.
    """
    wanted = await _desired(session, controller, file)
    request = pb.desired.PlanDriveRequest(controller=controller, desired=wanted)
    found = await session.client.drives.PlanDrive(request)
    session.show_list(found, DIFFERENCES, found.differences)


@command(drive, "apply", changes=True)
@controller_argument
@file_argument
@click.option("--acknowledge-data-loss", is_flag=True, help="Formats and new namespaces lose data: that is fine.")
@click.option("--acknowledge-disruption", is_flag=True, help="I/O stops while the controller is reset: that is fine.")
@click.option("--acknowledge-risk", is_flag=True, help="What features may do to who uses the drive is fine.")
@click.option(
    "--override",
    "overrides",
    multiple=True,
    type=click.Choice(list(GATES)),
    metavar="GATE",
    callback=lambda ctx, parameter, value: [GATES[name] for name in value],
    help="A gate that need not hold: boot-device, in-use.",
)
@dry_run_option
@request_id_option
@no_wait_option
async def apply(
    session: Session, controller: str, file: Path, overrides: Any, no_wait: bool, dry_run: bool, **more: Any
) -> None:
    """Make a drive what a file says: firmware, namespaces, features, in this order.

    What is as desired is left alone, so that it may be done again. Images must have been uploaded.
    JSON: nvmed.v1.ApplyDriveResponse; with --no-wait google.longrunning.Operation.
    """
    wanted = await _desired(session, controller, file)
    request = pb.desired.ApplyDriveRequest(
        controller=controller, desired=wanted, override_gates=overrides, validate_only=dry_run, **more
    )
    response = pb.desired.ApplyDriveResponse

    await run(
        session, session.client.drives.ApplyDrive, request, response, no_wait, lambda answer: applied(answer, dry_run)
    )


def applied(answer: pb.desired.ApplyDriveResponse, dry_run: bool) -> str:
    """What was mended, and what is still not as it should be."""
    if not answer.differences:
        return f"{answer.controller}: is as desired already"
    done = "would mend" if dry_run else "mended"
    lines = [f"{answer.controller}: {done} {one.subject}: {one.desired}" for one in answer.differences]
    lines += [f"{answer.controller}: {one.subject} is still {one.current}" for one in answer.remaining]
    return "\n".join(lines)


async def _desired(session: Session, controller: str, file: Path) -> pb.desired.DesiredState:
    """What the file says of the drive's model; INVALID_FIELD if it says nothing of it."""
    from nvmedctl import desired

    models = desired.load(file)
    found = await session.client.inventory.GetController(pb.inventory.GetControllerRequest(name=controller))
    model = models.get(found.model_number)
    if model is None:
        raise invalid_field(
            "desired", f"{file} says nothing of {found.model_number!r}{nearest(found.model_number, models)}"
        )
    return model.message()


DIFFERENCES: Columns[pb.desired.DriveDifference] = (
    Column("WHAT", lambda d: d.subject),
    Column("IS", lambda d: d.current),
    Column("SHOULD BE", lambda d: d.desired),
    Column("TAKES", lambda d: "data loss" if d.loses_data else "a reset" if d.disrupts else "-"),
)


def tested(answer: pb.self_test.RunSelfTestResponse) -> str:
    what = f"{answer.controller}: {render.enum(answer, 'test')} self-test"
    if not answer.HasField("result"):
        return f"{what} would take about {-(-answer.expected_s // 60)} min"
    result = answer.result
    rows = [
        ("segment", result.segment or ""),
        ("namespace", result.nsid if result.HasField("nsid") else ""),
        ("LBA", result.failing_lba if result.HasField("failing_lba") else ""),
        ("status", f"{result.raw_status:04x}h" if result.HasField("raw_status") else ""),
    ]
    where = "".join(f", {name} {value}" for name, value in rows if value != "")
    return f"{what}: {render.enum(result, 'outcome')}{where}"
