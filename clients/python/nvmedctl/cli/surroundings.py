"""nvmedctl controllers surroundings, locate: the host around a drive."""

from __future__ import annotations

import click

from nvmedctl.cli import pb, render
from nvmedctl.cli.command import command
from nvmedctl.cli.controllers import controllers
from nvmedctl.cli.parameters import controller_argument, seconds
from nvmedctl.cli.session import Session
from nvmedctl.cli.text import moment


@command(controllers, "surroundings")
@controller_argument
async def surroundings(session: Session, controller: str) -> None:
    """Show where a drive sits, its link and the errors on it, its paths and its lights. The drive is not asked.

    JSON: nvmed.v1.ControllerSurroundings.
    """
    request = pb.inventory.GetControllerSurroundingsRequest(name=controller)
    found = await session.client.inventory.GetControllerSurroundings(request)
    session.show(found, lambda: render.details(found))


@command(controllers, "locate", changes=True)
@controller_argument
@click.option("--fault", is_flag=True, help="The fault light, in place of the one to locate by.")
@click.option("--off", is_flag=True, help="Switch it off.")
@click.option("--for", "timeout_ms", type=seconds, default=0, metavar="SECONDS",
              help="Goes off by itself after so long.  [default: 3600]")  # fmt: skip
@click.option("--validate-only", is_flag=True, help="See whether there is such a light, change nothing.")
async def locate(
    session: Session, controller: str, fault: bool, off: bool, timeout_ms: int, validate_only: bool
) -> None:
    """Light the bay of a drive, so that somebody finds it.  JSON: nvmed.v1.SetLocatorResponse."""
    if off and timeout_ms:
        raise click.UsageError("--for goes with a light that is switched on, not with --off.")
    indicator = pb.inventory.INDICATOR_FAULT if fault else pb.inventory.INDICATOR_LOCATE
    request = pb.inventory.SetLocatorRequest(
        name=controller, indicator=indicator, on=not off, timeout_ms=timeout_ms, validate_only=validate_only
    )
    answer = await session.client.inventory.SetLocator(request)
    session.show(answer, lambda: sentence(answer, validate_only))


def sentence(answer: pb.inventory.SetLocatorResponse, validate_only: bool) -> str:
    would = "would be " if validate_only else ""
    light = f"{answer.controller}: {render.enum(answer, 'indicator')} light {would}"
    return f"{light}on until {moment(render.when(answer, 'expire_time'))}" if answer.on else f"{light}off"
