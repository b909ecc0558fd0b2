"""`nvmed-fleet`: campaigns over many hosts, from a shell."""

from __future__ import annotations

import click
from nvmedctl.cli.exit_codes import EXIT_HELP

from nvmed import __version__
from nvmed_fleet.cli.campaign import campaign, worker
from nvmed_fleet.cli.drift import drift
from nvmed_fleet.cli.hosts import hosts
from nvmed_fleet.cli.rotation import rotation
from nvmed_fleet.cli.sweep import sweep


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110}, epilog=EXIT_HELP)
@click.version_option(__version__, prog_name="nvmed-fleet")
def nvmed_fleet() -> None:
    """Do to many hosts, in order, what nvmed does to one."""


for command in (campaign, drift, hosts, rotation, sweep, worker):
    nvmed_fleet.add_command(command)
