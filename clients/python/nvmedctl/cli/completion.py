"""nvmedctl completion: what a shell needs to complete nvmedctl's words."""

from __future__ import annotations

import click

SHELLS = ("bash", "zsh", "fish")
VARIABLE = "_NVMEDCTL_COMPLETE"


@click.command("completion")
@click.argument("shell", type=click.Choice(SHELLS))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print the completion of SHELL: commands, options, and controllers, images and operations of the daemon.

    eval "$(nvmedctl completion bash)" is for one shell; a package has installed it for all.  JSON: none, a script.
    """
    from click.shell_completion import get_completion_class

    found = get_completion_class(shell)
    if found is not None:  # click has all three
        click.echo(found(ctx.find_root().command, {}, "nvmedctl", VARIABLE).source())
