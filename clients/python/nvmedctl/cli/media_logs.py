"""nvmedctl logs: endurance, capacity, power, effects, changed namespaces and boot partitions."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from nvmedctl.cli import pb, progress, render
from nvmedctl.cli.command import command
from nvmedctl.cli.logs import CHANGES, clearing, clearing_options, logs, raw_option, with_table
from nvmedctl.cli.parameters import controller_argument, file_option, integer
from nvmedctl.cli.session import Session
from nvmedctl.cli.tables import Column, Columns
from nvmedctl.cli.text import label, size

IDENTIFIER = integer(0xFFFF)


@command(logs, "endurance-group")
@controller_argument
@click.argument("group", type=IDENTIFIER)
@raw_option
async def endurance_group(session: Session, controller: str, group: int, include_raw: bool) -> None:
    """Show wear and health of endurance GROUP (1, ...).  JSON: nvmed.v1.EnduranceGroupLog."""
    request = pb.log_pages.GetEnduranceGroupLogRequest(
        controller=controller, endurance_group_id=group, include_raw=include_raw
    )
    found = await session.client.logs.GetEnduranceGroupLog(request)
    session.show(found, lambda: render.details(found, without="raw"))


@command(logs, "endurance-events")
@controller_argument
@clearing_options
async def endurance_events(session: Session, controller: str, **more: Any) -> None:
    """Show which endurance groups have an event.  JSON: nvmed.v1.EventAggregateLog."""
    await _aggregate(session, controller, "SUBJECT_ENDURANCE_GROUPS", more)


@command(logs, "latency-events")
@controller_argument
@clearing_options
async def latency_events(session: Session, controller: str, **more: Any) -> None:
    """Show which NVM sets have an event of predictable latency.  JSON: nvmed.v1.EventAggregateLog."""
    await _aggregate(session, controller, "SUBJECT_NVM_SETS", more)


async def _aggregate(session: Session, controller: str, subject: str, more: dict[str, Any]) -> None:
    request = pb.log_pages.GetEventAggregateLogRequest(controller=controller, subject=subject, **clearing(**more))
    found = await session.client.logs.GetEventAggregateLog(request)
    session.show(found, lambda: render.details(found, without="raw"))


@command(logs, "predictable-latency")
@controller_argument
@click.argument("nvm_set", type=IDENTIFIER)
@raw_option
async def predictable_latency(session: Session, controller: str, nvm_set: int, include_raw: bool) -> None:
    """Show the latency window of NVM_SET (1, ...).  JSON: nvmed.v1.PredictableLatencyLog."""
    request = pb.log_pages.GetPredictableLatencyLogRequest(
        controller=controller, nvm_set_id=nvm_set, include_raw=include_raw
    )
    found = await session.client.logs.GetPredictableLatencyLog(request)
    session.show(found, lambda: render.details(found, without="raw"))


domain_option: Callable[[Any], Any] = click.option(
    "--domain", "domain_id", type=IDENTIFIER, default=0, help="Domain; the controller's if 0."
)


@command(logs, "media-units", lists=True)
@controller_argument
@domain_option
@raw_option
async def media_units(session: Session, controller: str, **more: Any) -> None:
    """List how worn each media unit is.  JSON: nvmed.v1.MediaUnitStatusLog."""
    request = pb.log_pages.GetMediaUnitStatusLogRequest(controller=controller, **more)
    found = await session.client.logs.GetMediaUnitStatusLog(request)
    session.show_list(found, MEDIA_UNITS, found.media_units)


@command(logs, "capacity-configurations", lists=True)
@controller_argument
@domain_option
@raw_option
async def capacity_configurations(session: Session, controller: str, **more: Any) -> None:
    """List how the capacity can be divided.  JSON: nvmed.v1.CapacityConfigurations."""
    request = pb.log_pages.GetCapacityConfigurationsRequest(controller=controller, **more)
    found = await session.client.logs.GetCapacityConfigurations(request)
    rows = [(one.configuration_id, group) for one in found.configurations for group in one.endurance_groups]
    session.show_list(found, CONFIGURATIONS, rows)


@command(logs, "rotational-media")
@controller_argument
@click.argument("group", type=IDENTIFIER)
@raw_option
async def rotational_media(session: Session, controller: str, group: int, include_raw: bool) -> None:
    """Show how the rotational media of endurance GROUP are.  JSON: nvmed.v1.RotationalMediaLog."""
    request = pb.log_pages.GetRotationalMediaLogRequest(
        controller=controller, endurance_group_id=group, include_raw=include_raw
    )
    found = await session.client.logs.GetRotationalMediaLog(request)
    session.show(found, lambda: render.details(found, without="raw"))


@command(logs, "feature-effects", lists=True)
@controller_argument
@raw_option
async def feature_effects(session: Session, controller: str, include_raw: bool) -> None:
    """List which features there are and what setting them affects.  JSON: nvmed.v1.FeatureEffectsLog."""
    request = pb.log_pages.GetFeatureEffectsLogRequest(controller=controller, include_raw=include_raw)
    found = await session.client.logs.GetFeatureEffectsLog(request)
    session.show_list(found, EFFECTS, [(one.feature_id, one) for one in found.features])


@command(logs, "management-effects", lists=True)
@controller_argument
@raw_option
async def management_effects(session: Session, controller: str, include_raw: bool) -> None:
    """List which commands of NVMe-MI there are and what they affect.  JSON: nvmed.v1.ManagementEffectsLog."""
    request = pb.log_pages.GetManagementEffectsLogRequest(controller=controller, include_raw=include_raw)
    found = await session.client.logs.GetManagementEffectsLog(request)
    session.show_list(found, EFFECTS, [(one.opcode, one) for one in found.commands])


@command(logs, "changed-namespaces")
@controller_argument
@click.option("--allocated", is_flag=True, help="Allocated ones (1Ch) instead of attached ones (04h).")
@clearing_options
async def changed_namespaces(session: Session, controller: str, allocated: bool, **more: Any) -> None:
    """Show which namespaces changed since the list was last cleared.  JSON: nvmed.v1.ChangedNamespaces."""
    request = pb.log_pages.GetChangedNamespacesRequest(controller=controller, allocated=allocated, **clearing(**more))
    found = await session.client.logs.GetChangedNamespaces(request)
    session.show(found, lambda: render.details(found, without="raw"))


@command(logs, "sanitized-namespaces")
@controller_argument
@click.option("--in-progress", is_flag=True, help="Those whose sanitize operation is not over.")
@raw_option
async def sanitized_namespaces(session: Session, controller: str, **more: Any) -> None:
    """Show which namespaces were sanitized, each by itself.  JSON: nvmed.v1.SanitizedNamespaces."""
    request = pb.log_pages.GetSanitizedNamespacesRequest(controller=controller, **more)
    found = await session.client.logs.GetSanitizedNamespaces(request)
    session.show(found, lambda: render.details(found, without="raw"))


@command(logs, "power")
@controller_argument
@raw_option
async def power(session: Session, controller: str, include_raw: bool) -> None:
    """Show what a drive draws.  JSON: nvmed.v1.PowerMeasurementLog."""
    request = pb.log_pages.GetPowerMeasurementLogRequest(controller=controller, include_raw=include_raw)
    found = await session.client.logs.GetPowerMeasurementLog(request)
    session.show(found, lambda: with_table(found, ("bins",), BINS, found.bins))


@command(logs, "boot-partition")
@controller_argument
@file_option("Where to save what is in it.")
@click.option("--partition", "partition_id", type=click.IntRange(0, 1), default=None, help="[default: the active one]")
async def boot_partition(session: Session, controller: str, file: Path | None, partition_id: int | None) -> None:
    """Show the size of boot partitions and which is active; save one with --file.

    FILE appears, or is replaced, only when all of it is there, checked (CRC-32, SHA-256) and on disk. If the
    partitions are others afterwards, that is an error.

    JSON: nvmed.v1.BootPartition; with --file also path and sha256 (hexadecimal).
    """
    request = pb.log_pages.GetBootPartitionRequest(controller=controller, partition_id=partition_id or 0)
    found = await session.client.logs.GetBootPartition(request)
    if file is None:
        session.show(found, lambda: render.details(found))
        return
    wanted = found.active_partition_id if partition_id is None else partition_id
    page = pb.log.ReadLogPageRequest(
        controller=found.controller, log_page=0x15, log_specific_parameter=wanted, offset_bytes=found.offset_bytes,
        length_bytes=found.size_bytes,
    )  # fmt: skip
    with progress.transfer(f"{controller} boot partition {wanted}") as report:
        saved = await session.client.save_log_page(page, file, progress=report)
    if await session.client.logs.GetBootPartition(request) != found:
        raise click.ClickException(f"The boot partitions changed while {file} was read: it may be of both. Try again.")
    summary = {**render.as_dict(found), "partition_id": wanted, "path": str(file), "sha256": saved.sha256.hex()}
    about = f"{saved.size_bytes} bytes ({size(saved.size_bytes)}), boot partition {wanted}"
    session.show(summary, lambda: f"{file}: {about}\nsha256 {saved.sha256.hex()}")


MEDIA_UNITS: Columns[pb.log_pages.MediaUnitStatusLog.MediaUnit] = (
    Column("UNIT", lambda u: u.media_unit_id),
    Column("GROUP", lambda u: u.endurance_group_id or "-"),
    Column("SET", lambda u: u.nvm_set_id or "-"),
    Column("SPARE", lambda u: u.available_spare_percent),
    Column("USED", lambda u: u.percentage_used),
    Column("CHANNELS", lambda u: ", ".join(map(str, u.channel_ids)) or "-"),
)

CONFIGURATIONS: Columns[tuple[int, pb.log_pages.CapacityConfigurations.EnduranceGroup]] = (
    Column("CONFIGURATION", lambda row: row[0]),
    Column("GROUP", lambda row: row[1].endurance_group_id),
    Column("CAPACITY", lambda row: row[1].total_capacity_bytes, size),
    Column("SETS", lambda row: ", ".join(map(str, row[1].nvm_set_ids)) or "-"),
    Column("CHANNELS", lambda row: ", ".join(str(one.channel_id) for one in row[1].channels) or "-"),
)

EFFECTS: Columns[tuple[int, Any]] = (
    Column("NUMBER", lambda row: f"{row[0]:02x}h"),
    Column("TITLE", lambda row: row[1].title or "-"),
    Column("CHANGES", lambda row: ", ".join(word for word, name in CHANGES.items() if getattr(row[1], name)) or "-"),
    Column("SCOPE", lambda row: ", ".join(_scope(scope) for scope in row[1].scopes) or "-"),
)


def _scope(scope: Any) -> str:
    return label(pb.log_pages.EffectScope.Name(scope), "EFFECT_SCOPE_")


BINS: Columns[pb.log_pages.PowerMeasurementLog.Bin] = (
    Column("FROM", lambda b: f"{b.from_milliwatts / 1000:g} W"),
    Column("COUNT", lambda b: b.count),
)
