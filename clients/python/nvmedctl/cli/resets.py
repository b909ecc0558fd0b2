"""nvmedctl controllers reset, subsystems reset: what "needs reset" asks for."""

from __future__ import annotations

from typing import Any

import click

from nvmedctl.cli import completing, pb
from nvmedctl.cli.command import command
from nvmedctl.cli.controllers import controllers
from nvmedctl.cli.firmware import gate_options, run
from nvmedctl.cli.parameters import Decorator, controller_argument
from nvmedctl.cli.session import Session
from nvmedctl.cli.subsystems import subsystems

acknowledge_option: Decorator = click.option(
    "--acknowledge-disruption", "acknowledged", is_flag=True, help="I/O stops meanwhile, and that is fine."
)


@command(controllers, "reset", changes=True)
@controller_argument
@acknowledge_option
@gate_options
async def reset_controller(session: Session, controller: str, **more: Any) -> None:
    """Reset a controller, which activates firmware that waits for that.  JSON: nvmed.v1.ResetControllerResponse."""
    request = pb.inventory.ResetControllerRequest(name=controller, **_common(more))
    await run(
        session,
        session.client.inventory.ResetController,
        request,
        pb.inventory.ResetControllerResponse,
        more["no_wait"],
        lambda answer: _done(answer.controller, answer),
    )


@command(subsystems, "reset", changes=True)
@click.argument("subsystem", shell_complete=completing.subsystems)
@acknowledge_option
@gate_options
async def reset_subsystem(session: Session, subsystem: str, **more: Any) -> None:
    """Reset an NVM subsystem with all of its controllers.  JSON: nvmed.v1.ResetSubsystemResponse."""
    request = pb.inventory.ResetSubsystemRequest(name=subsystem, **_common(more))
    await run(
        session,
        session.client.inventory.ResetSubsystem,
        request,
        pb.inventory.ResetSubsystemResponse,
        more["no_wait"],
        lambda answer: _done(answer.subsystem, answer),
    )


def _common(more: dict[str, Any]) -> dict[str, Any]:
    return {
        "acknowledge_disruption": more["acknowledged"],
        "override_gates": more["overrides"],
        "validate_only": more["dry_run"],
        "request_id": more["request_id"],
    }


def _done(name: str, answer: Any) -> str:
    if answer.previous_revision == answer.running_revision:
        return f"{name} was reset and runs {answer.running_revision}"
    return f"{name} was reset and runs {answer.running_revision}; before, {answer.previous_revision} ran"
