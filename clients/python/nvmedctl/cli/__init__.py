"""The command line: one file per group of commands, and this registry of them.

A new group is a file beside `controllers.py` and a row of `GROUPS`. It has a `click.Group`, and its commands are async
functions under `@command(group, "name")`, which get a `Session`, call its client, and end with `session.show(message,
view)`, where `view` is `render.table` or `render.details`. Everything else (options, connection, errors, exit codes,
JSON) comes with that.
"""

from __future__ import annotations

import click

import nvmed
from nvmedctl.cli import (  # noqa: F401  # their commands are of the groups of others
    drive_namespaces,
    images,
    key_rotation,
    key_texts,
    log_pages,
    namespace_changes,
    resets,
)
from nvmedctl.cli.audit import audit
from nvmedctl.cli.command import common_options
from nvmedctl.cli.controllers import controllers
from nvmedctl.cli.events import events
from nvmedctl.cli.failures import EXIT_HELP
from nvmedctl.cli.firmware import firmware
from nvmedctl.cli.keys import keys
from nvmedctl.cli.logs import logs
from nvmedctl.cli.namespaces import namespaces
from nvmedctl.cli.operations import operations
from nvmedctl.cli.passthru import passthru
from nvmedctl.cli.server import server
from nvmedctl.cli.subsystems import subsystems
from nvmedctl.cli.telemetry import telemetry

GROUPS = (
    controllers, subsystems, namespaces, logs, telemetry, firmware, keys, passthru, operations, events, server, audit,
)  # fmt: skip


@click.group(epilog=EXIT_HELP, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(nvmed.__version__, prog_name="nvmedctl")
def nvmedctl() -> None:
    """Manage the NVMe drives of a storage host through its nvmed.

    CONTROLLER is a resource name (controllers/...) as the lists show it, or a device node such as nvme0.

    With --output json a command prints the message that its help names, in protobuf's JSON mapping with the contract's
    field names: enums by name, 64-bit integers as strings, bytes in base64, every field present. An error is an object
    {"error": {...}} on standard error, with exit_code, code, reason, message, remedy, metadata and what else it has.
    JSON only ever grows; tables are for people and may change.

    Completion: eval "$(_NVMEDCTL_COMPLETE=bash_source nvmedctl)", or zsh_source, fish_source.
    """


nvmedctl.params += common_options()
for group in GROUPS:
    nvmedctl.add_command(group)
