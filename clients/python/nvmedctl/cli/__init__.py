"""The command line: one file per group of commands, and this registry of them.

A new group is a file beside `controllers.py` and a row of `GROUPS`. It has a `click.Group` of the same name, and its
commands are async functions under `@command(group, "name")`, which get a `Session`, call its client, and end with
`session.show(message, view)`, where `view` is `tables.table` or `render.details`. Everything else (options, connection,
errors, exit codes, JSON) comes with that.

An option for a field of the request has its name, or its parameter has, or it is a `FieldOption`: errors of the daemon
then name the option (`words`). What streams or waits does so in `session.leaving(...)`, which says what it leaves.

What is slow to import (gRPC, the stubs, rich) is imported by the command that runs, and by nothing before it: messages
are named by `pb`, in functions alone. A test imports every file here and looks.
"""

from __future__ import annotations

from importlib import import_module
from typing import Final

import click

import nvmed
from nvmedctl.cli.exit_codes import EXIT_HELP
from nvmedctl.cli.settings import common_options

GROUPS: Final[dict[str, tuple[str, ...]]] = {
    "controllers": ("controllers", "resets", "surroundings"),
    "subsystems": ("subsystems", "resets"),
    "namespaces": ("namespaces", "drive_namespaces", "namespace_changes"),
    "logs": ("logs", "log_pages", "ocp_logs", "media_logs"),
    "support": ("support",),
    "telemetry": ("telemetry", "telemetry_decode", "telemetry_capture"),
    "captures": ("captures",),
    "features": ("features",),
    "drive": ("drive", "drive_erasing"),
    "erasure": ("erasure",),
    "firmware": ("firmware", "images", "uploads"),
    "keys": ("keys", "key_texts", "key_rotation"),
    "passthru": ("passthru",),
    "operations": ("operations",),
    "events": ("events",),
    "server": ("server",),
    "audit": ("audit",),
    "context": ("context",),
}
"""Each group with the files that its commands are in; the first has the group."""


COMMANDS: Final = ("api", "completion", "describe", "top")
"""Commands of no group, each in the file of its name."""


class Registry(click.Group):
    """The groups of `GROUPS` and `COMMANDS`, imported when they are asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted((*GROUPS, *COMMANDS))

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name in COMMANDS:
            found: click.Command = getattr(import_module(f"nvmedctl.cli.{cmd_name}"), cmd_name)
            return found
        return group(cmd_name) if cmd_name in GROUPS else None


def group(name: str) -> click.Group:
    """The group `name`, with all of its commands."""
    modules = [import_module(f"nvmedctl.cli.{module}") for module in GROUPS[name]]
    found: click.Group = getattr(modules[0], name)
    return found


@click.command(
    cls=Registry,
    epilog=EXIT_HELP,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(nvmed.__version__, prog_name="nvmedctl")
def nvmedctl() -> None:
    """Manage the NVMe drives of a storage host through its nvmed.

    CONTROLLER is a resource name (controllers/...) as the lists show it, or a device node such as nvme0.

    With --output json a command prints the message that its help names, in protobuf's JSON mapping with the contract's
    field names: enums by name, 64-bit integers as strings, bytes in base64, every field present. An error is an object
    {"error": {...}} on standard error, with exit_code, code, reason, message, remedy, metadata and what else it has.
    JSON only ever grows; tables are for people and may change.

    Completion: eval "$(nvmedctl completion bash)", or zsh, fish.
    """


nvmedctl.params += common_options()
