"""Contexts: which daemon and how, by a name, in `~/.config/nvmed/config.toml`.

    [contexts.rack7]
    address = "storage-7.example.org:7443"
    ca = "/etc/nvmed/ca.pem"
    cert = "~/.config/nvmed/me.pem"
    key = "~/.config/nvmed/me.key"

    [defaults]
    output = "wide"

`hosts`, of a context or of `defaults`, is the file in which --host and --select look.

What is not given on the command line comes from an environment variable (NVMED_ and the option's name), then from the
context, then from `defaults`. A context's address and TLS files belong together: none of them is used for an address
that comes from elsewhere.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import click

from nvmedctl.cli.render import FORMATS
from nvmedctl.cli.settings import PARALLEL_MAX, Settings

PATHS: Final = ("ca", "cert", "key")
CONNECTION: Final = ("address", "server_name", *PATHS)
DEFAULTS: Final = ("output", "timeout", "hosts", "parallel")


def folder(environ: Mapping[str, str] = os.environ) -> Path:
    """Where the configuration of this user is."""
    return Path(environ.get("XDG_CONFIG_HOME") or Path.home() / ".config", "nvmed")


def current(environ: Mapping[str, str] = os.environ) -> str:
    """The context that is in use; "" for none."""
    chosen = folder(environ) / "context"
    return environ.get("NVMED_CONTEXT") or (chosen.read_text().strip() if chosen.exists() else "")


def use(name: str) -> None:
    """Use the context `name` from now on; none, for "". Raises UsageError if there is no such context."""
    if name:
        _known(name)
    folder().mkdir(mode=0o700, parents=True, exist_ok=True)
    (folder() / "context").write_text(f"{name}\n")


def contexts() -> Mapping[str, Mapping[str, Any]]:
    """Every context by its name."""
    found: Mapping[str, Mapping[str, Any]] = _read().get("contexts", {})
    return found


def completed(settings: Settings, environ: Mapping[str, str] = os.environ, *, connects: bool = True) -> Settings:
    """`settings` with what is not given on the command line; of hosts that are named, not whom to connect to.

    Raises UsageError for a context that there is not; of the one in use only where it says whom to connect to.
    """
    given = {name: environ[f"NVMED_{name.upper()}"] for name in (*CONNECTION, *DEFAULTS) if _is_set(name, environ)}
    name = settings.context or ("" if settings.address or "address" in given else current(environ))
    configured = dict(_read().get("defaults", {}))
    if name and (settings.context or name in contexts()):
        configured |= _known(name)
        given = {} if settings.context else given  # whoever names a context means that one
    elif name and connects and not settings.names_hosts:
        raise click.UsageError(_missing(name, environ))
    if settings.names_hosts:
        configured = {key: value for key, value in configured.items() if key in DEFAULTS}
        given.pop("address", None)
    wanted = {**configured, **given}
    if not settings.names_hosts:
        wanted.pop("hosts", None)  # where --host and --select look, and no reason to ask them all
    return _filled(settings, wanted)


def connection(name: str) -> Settings | None:
    """How the context `name` connects; None if there is none."""
    context = contexts().get(name)
    if context is None:
        return None
    return _filled(Settings(), {key: value for key, value in context.items() if key in CONNECTION})


def _filled(settings: Settings, wanted: Mapping[str, Any]) -> Settings:
    """`settings` with those of `wanted` that it leaves open."""
    values = {key: _value(key, value) for key, value in wanted.items() if getattr(settings, key) is None}
    return replace(settings, **values)


def _is_set(name: str, environ: Mapping[str, str]) -> bool:
    return bool(environ.get(f"NVMED_{name.upper()}"))


def _known(name: str) -> Mapping[str, Any]:
    known = contexts()
    if name not in known:
        raise click.UsageError(_absent(name))
    return known[name]


def _missing(name: str, environ: Mapping[str, str]) -> str:
    """What is wrong where the context in use is none, and what to type: who chose it has perhaps forgotten it."""
    if environ.get("NVMED_CONTEXT"):
        return f"NVMED_CONTEXT: {_absent(name)} Set it to another, or unset it."
    choice = "`nvmedctl context use NAME` chooses another, `nvmedctl context use` none"
    return f"{_absent(name)} It was chosen by `nvmedctl context use`; {choice}."


def _absent(name: str) -> str:
    there = ", ".join(contexts()) or "none"
    return f"There is no context {name!r} in {folder() / 'config.toml'}; there is {there}."


def _read() -> dict[str, Any]:
    """The file, checked; an empty one if there is none."""
    file = folder() / "config.toml"
    try:
        content = tomllib.loads(file.read_text())
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except (OSError, ValueError) as failure:  # TOMLDecodeError and UnicodeDecodeError are ValueErrors
        raise click.UsageError(f"{file}: {failure}") from failure
    _check(file, "", content, {"contexts", "defaults"})
    _check(file, "defaults.", content.get("defaults", {}), set(DEFAULTS))
    named = content.get("contexts", {})
    _check(file, "contexts.", named, {*named} if isinstance(named, dict) else set())
    for name, context in named.items():
        _check(file, f"contexts.{name}.", context, {*CONNECTION, *DEFAULTS})
    return content


def _check(file: Path, where: str, table: object, allowed: set[str]) -> None:
    if not isinstance(table, Mapping):
        raise click.UsageError(f"{file}: {where.removesuffix('.')} must be a table.")
    for key in table:
        if key not in allowed:
            raise click.UsageError(f"{file}: {where}{key} is not known; there are {', '.join(sorted(allowed))}.")


def _value(name: str, value: Any) -> Any:
    """A value of the environment or the file, as its option has it; raises UsageError."""
    if name in PATHS:
        return Path(value).expanduser()
    if name == "timeout":
        try:
            return float(value)
        except ValueError:
            raise click.UsageError(f"timeout: {value!r} is no number of seconds.") from None
    if name == "parallel":
        return _parallel(value)
    if name == "output" and value not in FORMATS:
        raise click.UsageError(f"output: {value!r} is none of {', '.join(FORMATS)}.")
    return value


def _parallel(value: Any) -> int:
    try:
        count = int(value)
    except (TypeError, ValueError):
        count = 0
    if not 1 <= count <= PARALLEL_MAX:
        raise click.UsageError(f"parallel: {value!r} is not in the range 1 to {PARALLEL_MAX}.")
    return count
