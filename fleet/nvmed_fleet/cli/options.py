"""Options that several commands have."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from nvmed_fleet.plan import Options
from nvmed_fleet.steps import GATES, MODES
from nvmed_fleet.store import default_folder
from nvmed_fleet.temporal.engine import Engine

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)

ENGINE_OPTIONS = (
    click.option("--state", "folder", type=click.Path(file_okay=False, path_type=Path), envvar="NVMED_FLEET_STATE",
                 help="Plans, images, records and the embedded engine.  [default: ~/.local/state/nvmed-fleet]"),
    click.option("--engine", "address", default="", metavar="HOST:PORT", envvar="NVMED_FLEET_ENGINE",
                 help="A Temporal cluster.  [default: an engine embedded in this command]"),
    click.option("--namespace", default="default", show_default=True, help="Namespace of the cluster."),
    click.option("--engine-ca", "ca", type=_FILE, help="Certificates (PEM) that the cluster's must be signed by."),
    click.option("--engine-cert", "certificate", type=_FILE, help="Own certificate (PEM) for the cluster."),
    click.option("--engine-key", "key", type=_FILE, help="Its key (PEM)."),
    click.option("--engine-server-name", "server_name", default="", help="Name in the cluster's certificate."),
    click.option("--api-key-file", type=_FILE, help="File whose first line is the cluster's API key."),
    click.option("--engine-binary", "binary", default="", help="Temporal's command line, for the embedded engine."),
)  # fmt: skip


def engine_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Where the engine and the store are; the command gets them as `engine`."""

    @functools.wraps(command)
    def invoke(**options: Any) -> Any:
        names = ("folder", "address", "namespace", "ca", "certificate", "key", "server_name", "api_key_file", "binary")
        given = {name: options.pop(name) for name in names}
        given["folder"] = (given["folder"] or default_folder()).absolute()
        return command(engine=Engine(**given), **options)

    for option in reversed(ENGINE_OPTIONS):
        invoke = option(invoke)
    return invoke


_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


class Duration(click.ParamType[float]):
    """`90s`, `30m`, `24h`, `7d`: in seconds."""

    name = "DURATION"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        match = re.fullmatch(r"(\d+(?:\.\d+)?)([smhd])", str(value))
        if match is None:
            return self.fail(f"{value!r} is none; give 90s, 30m, 24h or 7d.", param, ctx)
        return float(match[1]) * _UNITS[match[2]]


def _words(_ctx: click.Context, _parameter: click.Parameter, value: str) -> tuple[str, ...]:
    import shlex

    try:
        return tuple(shlex.split(value))
    except ValueError as failure:
        raise click.BadParameter(f"{value!r} is no command: {failure}") from failure


def _waves(_ctx: click.Context, _parameter: click.Parameter, value: str) -> tuple[str, ...]:
    return tuple(text.strip() for text in value.split(","))


_DEFAULTS = Options("0")

PLAN_OPTIONS = (
    click.option("--image", type=_FILE, required=True, help="The firmware image."),
    click.option("--revision", required=True, help="Firmware revision in it."),
    click.option("--model", default="", help="Only drives of this model number."),
    click.option("--from-revision", default="", help="Only drives that run this revision."),
    click.option("--mode", type=click.Choice(list(MODES)), default=_DEFAULTS.mode, show_default=True,
                 help="How it becomes active; I/O of a drive stops meanwhile, but for on-next-reset."),
    click.option("--slot", type=click.IntRange(1, 7), help="Slot to write.  [default: a spare one of each drive]"),
    click.option("--override", "overrides", multiple=True, type=click.Choice(list(GATES)), metavar="GATE",
                 help="Let this precondition of the hosts' daemons not hold: in-use, boot-device, ..."),
    click.option("--waves", default=",".join(_DEFAULTS.waves), show_default=True, callback=_waves,
                 help="Sizes: numbers of hosts, percentages of all, rest."),
    click.option("--failure-budget", type=int, default=_DEFAULTS.failure_budget, show_default=True,
                 help="So many hosts may fail; those in flight count as failed until they are done."),
    click.option("--in-flight", type=int, default=_DEFAULTS.in_flight, show_default=True,
                 help="Hosts that are updated at the same time, never two of one failure domain."),
    click.option("--stage-in-flight", type=int, default=_DEFAULTS.stage_in_flight, show_default=True,
                 help="Hosts that get the image at the same time."),
    click.option("--soak", "soak_s", type=Duration(), default="0s", show_default=True,
                 help="After each wave; then its drives are looked at again."),
    click.option("--approve-before", multiple=True, type=int, metavar="WAVE", help="This wave waits for `approve`."),
    click.option("--drain", default="", callback=_words, metavar="COMMAND", help="Run before the update of each host."),
    click.option("--undrain", default="", callback=_words, metavar="COMMAND", help="And after it, if it went well."),
    click.option("--hook-timeout", "hook_timeout_s", type=Duration(), default="15m", show_default=True,
                 help="How long each of these may take."),
    click.option("--gate", "gates", multiple=True, metavar="PROMQL",
                 help="Must have samples, none of them 0, before the next wave begins."),
    click.option("--prometheus", default="", metavar="URL", help="Who answers the gates."),
    click.option("--rollback-failed", is_flag=True, help="Take a host that failed back to what its drives ran."),
    click.option("--unreachable-after", "unreachable_after_s", type=Duration(), default="5m", show_default=True,
                 help="A host that is silent for so long has failed."),
    click.option("--id", "campaign", default="", help="Name of the campaign.  [default: made of what is asked for]"),
)  # fmt: skip


def plan_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """What a campaign is to do; the command gets it as `options`, `image` and `campaign`."""

    @functools.wraps(command)
    def invoke(**given: Any) -> Any:
        kept = {name: given.pop(name) for name in Options.__dataclass_fields__}
        return command(options=Options(**kept), **given)

    for option in reversed(PLAN_OPTIONS):
        invoke = option(invoke)
    return invoke
