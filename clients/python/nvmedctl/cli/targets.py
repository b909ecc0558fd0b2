"""Which hosts a command is for: one that is addressed, or those that --host, --hosts and --select name."""

from __future__ import annotations

from dataclasses import dataclass

import click

from nvmedctl import address, hosts
from nvmedctl.cli import contexts
from nvmedctl.cli.settings import Settings
from nvmedctl.hosts import Host


@dataclass(frozen=True, slots=True)
class Hosts:
    """Whom to ask; `several` is about how they were named rather than how many these are today."""

    hosts: tuple[Host, ...]
    several: bool


def chosen(settings: Settings) -> Hosts:
    """The hosts of completed `settings`. UsageError, INVALID_FIELD or `OSError` say what is wrong with their names.

    One --host is what an address would be: its output is that of one host.
    """
    if not settings.names_hosts:
        return Hosts((_addressed("", str(address.resolve(settings.address)), settings),), several=False)
    if settings.address:
        raise click.UsageError(f"--address is one host: write --host {settings.address} beside the others.")
    named = [name for text in settings.host for name in hosts.expand(text)]
    several = not named or settings.select is not None or [*settings.host] != named or len(named) > 1
    if not settings.hosts:
        if settings.select is not None:
            raise click.UsageError("--select needs the file of hosts that it selects from: --hosts FILE.")
        return Hosts(tuple(_named(name, settings) for name in dict.fromkeys(named)), several)
    inventory = hosts.load(settings.hosts)
    found = inventory.named(named) if named else inventory
    return Hosts((found.select(settings.select) if settings.select is not None else found).hosts, several)


def _named(name: str, settings: Settings) -> Host:
    """The context or the address `name`, where no file says what it is."""
    if (context := contexts.connection(name)) is not None:
        return _addressed(name, str(address.resolve(context.address)), context)
    if ":" not in name and "/" not in name:
        known = ", ".join(contexts.contexts()) or "none"
        remedy = f"give --hosts FILE with it, or its address (--host {name}:7443)"
        raise click.UsageError(f"--host {name}: there is no such context (there is {known}); {remedy}.")
    return _addressed(name, name, settings)


def _addressed(name: str, where: str, settings: Settings) -> Host:
    parsed = address.parse(where)
    # Files for TLS are for those of several hosts that have a port.
    return Host(name, where, tls=None if name and parsed.is_unix else settings.tls())
