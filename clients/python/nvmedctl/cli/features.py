"""nvmedctl features: what a controller can be set to, by name."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import click

from nvmedctl.cli import pb
from nvmedctl.cli.command import command
from nvmedctl.cli.firmware import GATES
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
from nvmedctl.cli.tables import Column, Columns, pairs
from nvmedctl.cli.text import label

_NUMBER = integer(2**64 - 1)


@click.group()
def features() -> None:
    """Features of a controller and its namespaces: power, temperatures, caches, OCP's own."""


def assignment(value: Any) -> tuple[str, int]:
    """The type of NAME=VALUE."""
    if isinstance(value, tuple):
        return value
    name, equals, number = str(value).partition("=")
    if not name or not equals:
        raise click.BadParameter(f"{value!r} is no NAME=VALUE; write threshold_kelvin=340.")
    return name, _NUMBER(number)


feature_argument: Decorator = click.argument("feature")
select_options: Decorator = options(
    click.option("--nsid", type=DWORD, help="The namespace, of a feature that is a namespace's."),
    click.option("--which", "selectors", type=assignment, multiple=True, metavar="NAME=VALUE",
                 help="Which of several values: --which side=1. Several may be given."),
)  # fmt: skip


@command(features, "list", lists=True)
@controller_argument
@click.option("--nsid", type=DWORD, help="Only this namespace's beside the controller's.  [default: each namespace's]")
async def list_features(session: Session, controller: str, nsid: int | None) -> None:
    """List the features that a controller has.  JSON: nvmed.v1.ListFeaturesResponse."""
    found = await session.client.drives.ListFeatures(pb.feature.ListFeaturesRequest(controller=controller, nsid=nsid))
    session.show_list(found, FEATURES, found.features)


@command(features, "get", lists=True)
@controller_argument
@feature_argument
@select_options
@click.option(
    "--data-bytes", type=integer(4096), default=0, help="Data to read, of a feature that nvmed does not know."
)
async def get_feature(
    session: Session, controller: str, feature: str, nsid: int | None, selectors: Any, data_bytes: int
) -> None:
    """Show a feature: its value now, its default and saved ones.

    FEATURE is a name as `list` shows it, or a number (0x06).  JSON: nvmed.v1.Feature.
    """
    request = pb.feature.GetFeatureRequest(
        controller=controller, feature=feature, nsid=nsid, selectors=_values(selectors), data_bytes=data_bytes
    )
    found = await session.client.drives.GetFeature(request)
    session.show(found, lambda: view(found), (FEATURES, [found]))


@command(features, "set", changes=True)
@one_controller_argument
@feature_argument
@click.argument("fields", type=assignment, nargs=-1, metavar="[NAME=VALUE]...")
@select_options
@click.option("--save", is_flag=True, help="It is to outlive resets and power cycles.")
@click.option(
    "--expect",
    "expected",
    type=assignment,
    multiple=True,
    metavar="NAME=VALUE",
    help="Only if this field has this value now. Several may be given.",
)
@click.option("--raw-value", type=DWORD, help="CDW11, of a feature that nvmed does not know.")
@click.option("--raw-data", type=click.File("rb"), metavar="FILE", help="Data that go with --raw-value.")
@click.option("--acknowledge-risk", is_flag=True, help="What it may do to who uses the drive is fine.")
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
async def set_feature(
    session: Session,
    controller: str,
    feature: str,
    fields: Any,
    selectors: Any,
    expected: Any,
    raw_data: bytes | None,
    overrides: Any,
    dry_run: bool,
    **more: Any,
) -> None:
    """Set fields of a feature; those that are left out stay.

    FEATURE is a name as `list` shows it, or a number (0x06).  JSON: nvmed.v1.SetFeatureResponse.
    """
    request = pb.feature.SetFeatureRequest(
        controller=controller,
        feature=feature,
        fields=_values(fields),
        selectors=_values(selectors),
        expected=_values(expected),
        raw_data=raw_data or b"",
        override_gates=overrides,
        validate_only=dry_run,
        **more,
    )
    answer = await session.client.drives.SetFeature(request)
    session.show(answer, lambda: _set(answer, dry_run))


def _values(given: Iterable[tuple[str, int]]) -> list[pb.feature.FeatureFieldValue]:
    return [pb.feature.FeatureFieldValue(name=name, value=value) for name, value in given]


def _brief(value: pb.feature.FeatureValue) -> str:
    if not value.fields:
        return f"{value.raw:#x}"
    return ", ".join(f"{one.name}={one.value}" + (f" ({one.text})" if one.text else "") for one in value.fields)


def _selected(feature: Any) -> str:
    which = [one.text or f"{one.name}={one.value}" for one in feature.selectors]
    return ", ".join([*which, f"namespace {feature.nsid}"] if feature.nsid else which)


def _changes(feature: pb.feature.Feature) -> str:
    if feature.owner:
        return "no: shown only"
    if not feature.HasField("changeable"):
        return "not told"
    words = ["yes" if feature.changeable else "no", *(["saved too"] if feature.saveable else [])]
    return ", ".join(words)


def view(found: pb.feature.Feature) -> str:
    rows = [("Feature", f"{found.feature or '-'} ({found.feature_id:02x}h)"), ("Title", found.title or "-")]
    rows += [("Which", which)] if (which := _selected(found)) else []
    for name, field in (("Current", "current_value"), ("Default", "default_value"), ("Saved", "saved_value")):
        if found.HasField(field):
            rows.append((name, _brief(getattr(found, field))))
    rows += [("Scope", label(pb.feature.FeatureScope.Name(found.scope), "FEATURE_SCOPE_")), ("Change", _changes(found))]
    rows += [("Owner", found.owner)] if found.owner else []
    rows += [("Omitted", f"{one.field}: {one.message}") for one in found.omissions]
    return pairs(rows)


def _set(answer: pb.feature.SetFeatureResponse, dry_run: bool) -> str:
    name = answer.feature or f"feature {answer.feature_id:02x}h"
    which = f" of {_selected(answer)}" if _selected(answer) else ""
    if not answer.changed:
        return f"{answer.controller}: {name}{which} is so already: {_brief(answer.after)}"
    done = "would be" if dry_run else "is"
    before = f" (before: {_brief(answer.before)})" if answer.HasField("before") else ""
    return (
        f"{answer.controller}: {name}{which} {done} {_brief(answer.after)}{before}{', saved' if answer.saved else ''}"
    )


FEATURES: Columns[pb.feature.Feature] = (
    Column("ID", lambda f: f"{f.feature_id:02x}h"),
    Column("FEATURE", lambda f: f.feature),
    Column("WHICH", lambda f: _selected(f) or "-"),
    Column("CURRENT", lambda f: _brief(f.current_value) if f.HasField("current_value") else "-"),
    Column("SAVED", lambda f: _brief(f.saved_value) if f.HasField("saved_value") else "-", wide=True),
    Column("DEFAULT", lambda f: _brief(f.default_value) if f.HasField("default_value") else "-", wide=True),
    Column("CHANGE", _changes),
    Column("TITLE", lambda f: f.title, wide=True),
)
